/* From a file to spans.
 *
 * The file is hostile until checked: each size is compared with what is left, each number with its
 * table, each text must end inside its chunk. What is not valid is left out, as a newer writer may have
 * written it; only a file without the header is refused. What is allocated is in proportion to the file's size.
 */
#include "loader.h"

#include "trace_file.h"
#include "trouble.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *text_of(const struct source *source, uint32_t offset)
{
    return offset && offset < source->text_size ? source->text + offset : NULL;
}

/* The time of an event, ns on the monotonic clock. An event has the lower bits of its clock only. */
static uint64_t widen(uint64_t low, uint64_t near)
{
    uint64_t span = RING_TIME_MASK + 1, time = (near & ~RING_TIME_MASK) | low;
    if (time > near && time - near > span / 2 && time >= span)
        return time - span;
    if (near > time && near - time > span / 2)
        return time + span;
    return time;
}

static uint64_t between(const struct trace_clock *first, const struct trace_clock *second,
                        uint64_t counter)
{
    double rate = second->counter > first->counter && second->monotonic > first->monotonic
                      ? (double)(second->monotonic - first->monotonic) /
                            (double)(second->counter - first->counter)
                      : 1;
    double offset = ((double)counter - (double)first->counter) * rate;
    double time = (double)first->monotonic + offset;
    if (time <= 0 || first->monotonic > (uint64_t)9e18)
        return 0;
    return time >= 9e18 ? (uint64_t)9e18 : first->monotonic + (uint64_t)(int64_t)offset;
}

static uint64_t time_of(const struct loader *loader, const struct source *source,
                        const struct ring_event *event)
{
    uint64_t low = ring_time(event);
    if (source->clock != RING_CLOCK_COUNTER || loader->pair_count < 2)
        return widen(low, source->began);
    const struct trace_clock *pairs = loader->pairs;
    uint64_t counter = widen(low, pairs[0].counter);
    size_t left = 0, right = loader->pair_count - 1;
    while (right - left > 1) {
        size_t middle = left + (right - left) / 2;
        if (pairs[middle].counter <= counter)
            left = middle;
        else
            right = middle;
    }
    return between(&pairs[left], &pairs[right], counter);
}

static uint32_t owner_of(const struct ring_event *events, size_t count, uint32_t owner)
{
    for (size_t i = 0; i < count; i++) {
        unsigned kind = ring_kind(&events[i]);
        if (kind == RING_END)
            return (uint32_t)ring_object(&events[i]);
        if (kind == RING_BEGIN)
            return i == 0 ? (uint32_t)ring_object(&events[i]) : 0;
    }
    return owner;
}

static void read_event(struct loader *loader, struct source *source, uint32_t *owner,
                       const struct ring_event *raw, uint64_t *lost)
{
    struct happened event = {.loader = loader,
                             .source = source,
                             .time = time_of(loader, source, raw),
                             .object = ring_object(raw),
                             .kind = ring_kind(raw)};
    if (event.kind == RING_NONE || event.kind >= RING_KINDS)
        return;
    if (event.kind == RING_BEGIN)
        *owner = event.object < REGION_THREADS ? (uint32_t)event.object : 0;
    uint32_t thread = loader_thread(loader, source, *owner);
    if (thread == UINT32_MAX)
        return;
    event.thread = &loader->trace->threads[thread];
    event.open = &loader->open[thread];
    if (source->places)
        event.place = source->places[ring_place(raw)];
    if (event.thread->events && event.time < event.thread->last)
        event.time = event.thread->last; /* a clock that is converted piece by piece */
    if (event.thread->first > event.time)
        event.thread->first = event.time;
    if (event.thread->events == 0)
        event.open->since = event.time;
    else if (*lost)
        spans_gap(&event);
    event.thread->last = event.time;
    event.thread->events++;
    event.thread->lost += *lost;
    *lost = 0;
    loader->trace->events++;
    if (event.time < loader->base)
        loader->base = event.time;
    spans_apply(&event);
    if (event.kind == RING_END)
        *owner = 0;
}

static void read_events(struct loader *loader, struct source *source, const char *bytes,
                        size_t size)
{
    const struct trace_events *head = (const struct trace_events *)bytes;
    if (size < sizeof *head || head->slot >= REGION_SLOTS)
        return;
    const struct ring_event *events = (const struct ring_event *)(head + 1);
    size_t count = (size - sizeof *head) / sizeof *events;
    uint64_t lost = head->lost;
    uint32_t *owner = &source->owners[head->slot];
    loader->trace->lost += lost;
    if (!source->known[head->slot] || lost) /* a thread may have ended in what is lost */
        *owner = owner_of(events, count, head->owner);
    source->known[head->slot] = 1;
    for (size_t i = 0; i < count && !loader->failed; i++)
        read_event(loader, source, owner, &events[i], &lost);
}

static void read_threads(struct loader *loader, struct source *source, const char *bytes,
                         size_t size)
{
    const struct trace_thread_row *rows = (const struct trace_thread_row *)bytes;
    for (size_t i = 0; i < size / sizeof *rows && !loader->failed; i++) {
        const struct trace_thread_row *row = &rows[i];
        if (row->index == 0 || row->index >= REGION_THREADS || !source->threads ||
            !source->threads[row->index])
            continue;
        struct trace_thread *thread = &loader->trace->threads[source->threads[row->index] - 1];
        thread->tid = row->tid;
        thread->flags = row->flags;
        thread->parent = row->parent;
        thread->start = text_of(source, row->start);
        if (memchr(row->name, 0, sizeof row->name))
            thread->name = row->name;
    }
}

static void read_places(struct loader *loader, struct source *source, const char *bytes,
                        size_t size)
{
    const struct trace_place_row *rows = (const struct trace_place_row *)bytes;
    struct trace *trace = loader->trace;
    size_t count = size / sizeof *rows;
    if (!source->places && !(source->places = calloc(RING_PLACES, sizeof *source->places))) {
        loader->failed = true;
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const struct trace_place_row *row = &rows[i];
        if (row->index == 0 || row->index >= RING_PLACES || row->kind >= LOCK_KINDS)
            continue;
        if (!loader_grow(loader, &trace->places, trace->place_count, &loader->place_room,
                         sizeof *trace->places))
            return;
        source->places[row->index] = (uint32_t)trace->place_count;
        trace->places[trace->place_count++] =
            (struct trace_place){.place = text_of(source, row->place),
                                 .stack = text_of(source, row->stack),
                                 .process = source->process,
                                 .kind = row->kind,
                                 .mode = row->mode & 0xff};
    }
}

static void read_objects(struct loader *loader, struct source *source, const char *bytes,
                         size_t size)
{
    const struct trace_object_row *rows = (const struct trace_object_row *)bytes;
    for (size_t i = 0; i < size / sizeof *rows && !loader->failed; i++) {
        if (rows[i].kind >= LOCK_KINDS || rows[i].kind == LOCK_THREAD)
            continue;
        uint32_t object = loader_object(loader, source->process, rows[i].object, rows[i].kind);
        loader->trace->objects[object].name = text_of(source, rows[i].name);
    }
}

static void read_process(struct loader *loader, uint32_t number, const char *bytes, size_t size)
{
    const struct trace_process *process = (const struct trace_process *)bytes;
    struct trace *trace = loader->trace;
    if (size < sizeof *process || number >= TRACE_PROCESSES_MOST || loader->sources[number] ||
        !memchr(process->program, 0, sizeof process->program))
        return;
    if (!loader_grow(loader, &trace->processes, trace->process_count, &loader->process_room,
                     sizeof *trace->processes))
        return;
    struct source *source = calloc(1, sizeof *source);
    if (!source) {
        loader->failed = true;
        return;
    }
    *source = (struct source){.process = (uint32_t)trace->process_count,
                              .clock = process->clock,
                              .began = process->began};
    trace->processes[trace->process_count++] = (struct trace_process_info){
        .pid = process->pid, .parent = process->parent, .program = process->program};
    loader->sources[number] = source;
}

/* The texts come first, so that others can refer to them; then places, which events refer to. */
static const enum trace_chunk_kind passes[][2] = {
    {TRACE_PROCESS, TRACE_CLOCK}, {TRACE_TEXT, TRACE_END},        {TRACE_PLACES, TRACE_PLACES},
    {TRACE_EVENTS, TRACE_EVENTS}, {TRACE_THREADS, TRACE_OBJECTS},
};

static void read_chunk(struct loader *loader, const struct trace_chunk *chunk, const char *bytes)
{
    size_t size = chunk->size;
    struct source *source =
        chunk->process < TRACE_PROCESSES_MOST ? loader->sources[chunk->process] : NULL;
    if (chunk->kind == TRACE_PROCESS)
        read_process(loader, chunk->process, bytes, size);
    if (chunk->kind == TRACE_CLOCK && size / sizeof(struct trace_clock) >= 2) {
        loader->pairs = (const struct trace_clock *)bytes;
        loader->pair_count = size / sizeof(struct trace_clock);
    }
    if (!source)
        return;
    if (chunk->kind == TRACE_TEXT && size > 0 && bytes[size - 1] == 0) {
        source->text = bytes;
        source->text_size = size;
    } else if (chunk->kind == TRACE_END)
        loader->trace->processes[source->process].complete = true;
    else if (chunk->kind == TRACE_PLACES)
        read_places(loader, source, bytes, size);
    else if (chunk->kind == TRACE_EVENTS)
        read_events(loader, source, bytes, size);
    else if (chunk->kind == TRACE_THREADS)
        read_threads(loader, source, bytes, size);
    else if (chunk->kind == TRACE_OBJECTS)
        read_objects(loader, source, bytes, size);
}

static void read_chunks(struct loader *loader, const enum trace_chunk_kind *kinds)
{
    struct trace *trace = loader->trace;
    size_t at = sizeof(struct trace_header);
    while (trace->size - at >= sizeof(struct trace_chunk) && !loader->failed) {
        const struct trace_chunk *chunk = (const struct trace_chunk *)(trace->bytes + at);
        at += sizeof *chunk;
        if (chunk->size > trace->size - at) {
            trace->cut = true;
            /* Events of a chunk that is not complete are of use all the same. */
            struct trace_chunk rest = *chunk;
            rest.size = trace->size - at;
            if (chunk->kind == TRACE_EVENTS && kinds[0] == TRACE_EVENTS)
                read_chunk(loader, &rest, trace->bytes + at);
            return;
        }
        if (chunk->kind == kinds[0] || chunk->kind == kinds[1])
            read_chunk(loader, chunk, trace->bytes + at);
        uint64_t whole = (chunk->size + 7) & ~UINT64_C(7);
        at = whole > trace->size - at ? trace->size : at + (size_t)whole;
    }
}

static void loader_free(struct loader *loader)
{
    for (size_t i = 0; i < TRACE_PROCESSES_MOST; i++) {
        if (!loader->sources[i])
            continue;
        free(loader->sources[i]->threads);
        free(loader->sources[i]->places);
        free(loader->sources[i]);
    }
    free(loader->open);
    free(loader->object_heads);
    free(loader->info_heads);
    free(loader->wakes);
    free(loader);
}

static int fill(struct loader *loader)
{
    struct trace *trace = loader->trace;
    /* Index 0 of each table is "none". */
    if (!loader_grow(loader, &trace->places, 0, &loader->place_room, sizeof *trace->places))
        return -ENOMEM;
    trace->places[trace->place_count++] = (struct trace_place){0};
    loader_object(loader, UINT32_MAX, 0, LOCK_NONE);
    for (size_t i = 0; i < sizeof passes / sizeof *passes; i++)
        read_chunks(loader, passes[i]);
    if (loader->failed)
        return -ENOMEM;
    spans_settle(loader);
    return arrows_find(trace, loader->wakes, loader->wake_count);
}

int trace_parse(char *bytes, size_t size, const char *path, struct trace *ret_trace,
                thrum_error *ret_error)
{
    const struct trace_header *header = (const struct trace_header *)bytes;
    *ret_trace = (struct trace){.bytes = bytes, .size = size};
    if (size < sizeof *header || memcmp(header->magic, TRACE_MAGIC, sizeof header->magic) != 0) {
        free(bytes);
        return trouble(ret_error, -EPROTO,
                       "%s is no trace; thrum trace -o FILE -- PROGRAM makes one", path);
    }
    if (header->version != TRACE_VERSION) {
        uint32_t version = header->version;
        free(bytes);
        return trouble(ret_error, -EPROTO,
                       "%s is a trace of version %" PRIu32 "; this is version %d", path, version,
                       TRACE_VERSION);
    }
    ret_trace->all = header->flags & TRACE_ALL;
    struct loader *loader = calloc(1, sizeof *loader);
    int rc = -ENOMEM;
    if (loader) {
        loader->trace = ret_trace;
        loader->base = UINT64_MAX;
        rc = fill(loader);
        loader_free(loader);
    }
    if (rc == 0)
        return 0;
    trace_free(ret_trace);
    return trouble(ret_error, rc, "out of memory for %s", path);
}

/* The whole file, which may be a pipe. */
static int read_whole(int file, char **ret_bytes, size_t *ret_size)
{
    struct stat status;
    size_t room = 1 << 16, size = 0;
    if (fstat(file, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0)
        room = (size_t)status.st_size + 1;
    char *bytes = malloc(room);
    while (bytes) {
        ssize_t got = read(file, bytes + size, room - size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            int error = errno;
            free(bytes);
            return -error;
        }
        if (got == 0)
            break;
        size += (size_t)got;
        if (size < room)
            continue;
        char *grown = realloc(bytes, room *= 2);
        if (!grown)
            free(bytes);
        bytes = grown;
    }
    *ret_bytes = bytes;
    *ret_size = size;
    return bytes ? 0 : -ENOMEM;
}

int trace_load(const char *path, struct trace *ret_trace, thrum_error *ret_error)
{
    char *bytes = NULL;
    size_t size = 0;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    int rc = file < 0 ? -errno : read_whole(file, &bytes, &size);
    if (file >= 0)
        (void)close(file);
    if (rc < 0)
        return trouble(ret_error, rc, "cannot read %s: %s", path, strerror(-rc));
    return trace_parse(bytes, size, path, ret_trace, ret_error);
}

void trace_free(struct trace *trace)
{
    for (size_t i = 0; i < trace->thread_count; i++)
        free(trace->threads[i].spans);
    free(trace->processes);
    free(trace->threads);
    free(trace->objects);
    free(trace->places);
    free(trace->infos);
    free(trace->arrows);
    free(trace->bytes);
    *trace = (struct trace){0};
}
