/* The writer reads rings while threads write to them, and never stops these. It is called from one
 * thread, which waits for the program to end.
 *
 * A flight recorder is read once, when its process has ended. With --all the rings are read every few
 * milliseconds.
 *
 * Names are found when a process has ended, from the files that it had mapped; only places and objects that
 * events name are looked up.
 */
#include "record.h"

#include "doctor/findings.h"
#include "doctor/lines.h"
#include "text_table.h"
#include "trace_file.h"
#include "trouble.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    READ_MOST = 1 << 14,    /* events in a chunk */
    OBJECTS_MOST = 1 << 20, /* objects of a process that get names */
    PAIRS_MOST = 1 << 12,
    FRAMES_SHOWN = 32,
};

struct trace_writer {
    FILE *out;
    const char *path;
    bool all;
    uint32_t processes;
    uint64_t written, lost;
    bool unseen; /* threads had no room */
    int error;   /* an errno: a part is missing in the file, as memory ran out */
    struct trace_clock pairs[PAIRS_MOST];
    size_t pair_count, pairs_written;
    uint64_t pair_gap; /* ns between two pairs */
    struct ring_event events[READ_MOST];
};

struct trace_program {
    struct trace_writer *writer;
    const struct recording *recording;
    uint32_t index;
    struct ring_cursor cursors[REGION_SLOTS];
    uint32_t owners[REGION_SLOTS];
    uint8_t places[RING_PLACES]; /* 1: an event names it */
    struct object_table objects;
};

static uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/* Reads both clocks a few times, and keeps the try that took least time. */
static void note_clock(struct trace_writer *writer)
{
    uint64_t best = UINT64_MAX;
    struct trace_clock pair = {0};
    for (int i = 0; i < 5; i++) {
        uint64_t before = ring_counter(), time = now(), after = ring_counter();
        if (after - before < best) {
            best = after - before;
            pair = (struct trace_clock){before + (after - before) / 2, time};
        }
    }
    if (writer->pair_count == PAIRS_MOST) { /* every other one is enough then */
        for (size_t i = 1; i < PAIRS_MOST / 2; i++)
            writer->pairs[i] = writer->pairs[2 * i];
        writer->pair_count = PAIRS_MOST / 2;
        writer->pair_gap *= 2;
    }
    writer->pairs[writer->pair_count++] = pair;
}

static void note_clock_if_due(struct trace_writer *writer)
{
    if (now() - writer->pairs[writer->pair_count - 1].monotonic >= writer->pair_gap)
        note_clock(writer);
}

static void put_chunk(struct trace_writer *writer, enum trace_chunk_kind kind, uint32_t process,
                      const void *head, size_t head_size, const void *rest, size_t rest_size)
{
    static const char zeros[8];
    uint64_t size = head_size + rest_size;
    struct trace_chunk chunk = {kind, process, size};
    fwrite(&chunk, sizeof chunk, 1, writer->out);
    if (head_size)
        fwrite(head, 1, head_size, writer->out);
    if (rest_size)
        fwrite(rest, 1, rest_size, writer->out);
    fwrite(zeros, 1, -size & 7, writer->out);
}

struct trace_writer *trace_writer_open(const char *path, bool all)
{
    struct trace_header header = {.version = TRACE_VERSION, .flags = all ? TRACE_ALL : 0};
    struct trace_writer *writer = calloc(1, sizeof *writer);
    if (!writer) {
        trouble_print("out of memory");
        return NULL;
    }
    writer->path = path;
    writer->all = all;
    writer->pair_gap = 200 * 1000 * 1000;
    writer->out = fopen(path, "we");
    if (!writer->out) {
        trouble_print("cannot write %s: %s", path, strerror(errno));
        free(writer);
        return NULL;
    }
    memcpy(header.magic, TRACE_MAGIC, sizeof header.magic);
    fwrite(&header, sizeof header, 1, writer->out);
    note_clock(writer);
    return writer;
}

/* All pairs each time: those that were written before may have been thinned out. */
static void put_clock(struct trace_writer *writer)
{
    put_chunk(writer, TRACE_CLOCK, 0, writer->pairs, writer->pair_count * sizeof *writer->pairs,
              NULL, 0);
}

bool trace_writer_close(struct trace_writer *writer)
{
    note_clock(writer);
    put_clock(writer);
    int error = ferror(writer->out) ? EIO : writer->error;
    if (fflush(writer->out) != 0)
        error = errno;
    if (fclose(writer->out) != 0 && !error)
        error = errno;
    if (error)
        trouble_print("cannot write %s: %s", writer->path, strerror(error));
    free(writer);
    return error == 0;
}

uint64_t trace_writer_count(const struct trace_writer *writer, uint64_t *ret_lost)
{
    *ret_lost = writer->lost;
    return writer->written;
}

bool trace_writer_unseen(const struct trace_writer *writer)
{
    return writer->unseen;
}

struct trace_program *trace_program_open(struct trace_writer *writer,
                                         const struct recording *recording)
{
    if (!writer || !recording->ring_bits || writer->processes >= TRACE_PROCESSES_MOST)
        return NULL;
    struct trace_program *program = calloc(1, sizeof *program);
    if (!program) {
        writer->error = ENOMEM;
        return NULL;
    }
    const struct region *region = recording->region;
    struct trace_process process = {.pid = (uint32_t)recording->pid,
                                    .parent = region->parent,
                                    .clock = region->ring_clock,
                                    .ring_bits = recording->ring_bits,
                                    .began = region->began};
    memcpy(process.program, region->program, sizeof process.program);
    process.program[sizeof process.program - 1] = 0;
    program->writer = writer;
    program->recording = recording;
    program->index = writer->processes++;
    put_chunk(writer, TRACE_PROCESS, program->index, &process, sizeof process, NULL, 0);
    return program;
}

/* What the names are needed of. */
static void note_used(struct trace_program *program, const struct ring_event *event)
{
    unsigned kind = ring_kind(event), place = ring_place(event);
    program->places[place] = 1;
    if (kind == RING_CALL || kind == RING_CALL_END || kind == RING_CREATE || kind == RING_BEGIN ||
        kind == RING_END || kind == RING_TASK || kind == RING_TASK_END || kind == RING_LEAVE)
        return;
    uint32_t lock_kind = program->recording->region->places[place].kind;
    if (kind == RING_WAIT && lock_kind == LOCK_THREAD)
        return;
    object_table_note(&program->objects, ring_object(event), place ? lock_kind : LOCK_NONE);
}

static void drain_slot(struct trace_program *program, uint32_t slot, bool last)
{
    struct trace_writer *writer = program->writer;
    struct ring_cursor *cursor = &program->cursors[slot];
    uint64_t lost = cursor->lost;
    size_t count;
    while ((count = ring_read(program->recording, slot, cursor, writer->events, READ_MOST, last)) >
           0) {
        struct trace_events head = {.slot = slot,
                                    .owner = program->recording->region->slots[slot].thread,
                                    .lost = cursor->lost - lost};
        for (size_t i = 0; i < count; i++)
            note_used(program, &writer->events[i]);
        put_chunk(writer, TRACE_EVENTS, program->index, &head, sizeof head, writer->events,
                  count * sizeof *writer->events);
        writer->written += count;
        writer->lost += head.lost;
        lost = cursor->lost;
    }
}

static void drain(struct trace_program *program, bool last)
{
    const struct region *region = program->recording->region;
    uint32_t count =
        recording_count(__atomic_load_n(&region->slot_count, __ATOMIC_ACQUIRE), REGION_SLOTS);
    for (uint32_t slot = 0; slot < count; slot++)
        drain_slot(program, slot, last);
    note_clock_if_due(program->writer);
}

void trace_program_drain(struct trace_program *program)
{
    if (program && program->writer->all)
        drain(program, false);
}

static void put_threads(struct trace_program *program, struct recording *recording,
                        struct text_table *texts, FILE *rows)
{
    uint32_t count = recording_count(recording->region->thread_count, REGION_THREADS);
    for (uint32_t i = 1; i < count; i++) {
        const struct thread_record *thread = recording_thread(recording, i);
        struct place *start =
            thread->start ? places_find(&recording->process.places, thread->start, true) : NULL;
        struct trace_thread_row row = {
            .index = i, .tid = thread->tid, .parent = thread->parent, .flags = thread->flags};
        memcpy(row.name, thread->name, sizeof row.name);
        row.name[sizeof row.name - 1] = 0;
        if (start && start->function)
            row.start = text_table_add(texts, start->function);
        if (rows)
            fwrite(&row, sizeof row, 1, rows);
    }
    (void)program;
}

static uint32_t stack_text(const struct recorded_stack *stack, struct text_table *texts)
{
    char text[FRAMES_SHOWN * 160], line[160];
    size_t length = 0;
    for (int i = 0; i < stack->count && i < FRAMES_SHOWN; i++) {
        findings_place_text(stack->frames[i].place, line, sizeof line);
        length +=
            (size_t)snprintf(text + length, sizeof text - length, "%s%s", i ? "\n" : "", line);
    }
    return length ? text_table_add(texts, text) : 0;
}

static void put_places(struct trace_program *program, struct recording *recording,
                       struct text_table *texts, FILE *rows)
{
    for (uint32_t i = 1; i < RING_PLACES; i++) {
        const struct ring_place *recorded = &recording->region->places[i];
        struct recorded_stack stack;
        char text[512];
        if (!program->places[i] || !__atomic_load_n(&recorded->filled, __ATOMIC_ACQUIRE))
            continue;
        struct trace_place_row row = {
            .index = i, .kind = recorded->kind, .mode = site_mode(recorded->site)};
        struct place *place = recording_place(recording, recorded->site);
        recording_stack(recording, recorded->stack, &stack);
        if (place) {
            findings_place_text(place, text, sizeof text);
            row.place = text_table_add(texts, text);
        }
        row.stack = stack_text(&stack, texts);
        if (rows)
            fwrite(&row, sizeof row, 1, rows);
    }
}

/* A name without the address, which differs from run to run. */
static void object_text(struct recording *recording, uint64_t address, uint64_t site, char *text,
                        size_t size)
{
    const struct module *module = modules_find(&recording->process.modules, address);
    struct symbol symbol;
    text[0] = 0;
    if (recording_name_at(recording, address, text, size))
        return;
    if (module && module_variable(module, address, &symbol)) {
        uint64_t inside = address - symbol.start;
        snprintf(text, size, inside ? "%s+0x%lx" : "%s", symbol.name, (unsigned long)inside);
        return;
    }
    struct place *place = site ? recording_place(recording, site) : NULL;
    if (place && (place->function || place->module)) {
        char where[512];
        findings_place_text(place, where, sizeof where);
        snprintf(text, size, "made in %s", where);
    }
}

static void put_objects(struct trace_program *program, struct recording *recording,
                        struct text_table *texts, FILE *rows)
{
    struct lock_index index;
    if (lock_index_open(&index, recording->region) < 0) {
        texts->failed = true;
        return;
    }
    for (size_t i = 0; i < program->objects.room; i++) {
        const struct object_entry *entry = &program->objects.entries[i];
        if (!entry->used)
            continue;
        char text[600];
        struct trace_object_row row = {.object = entry->object, .kind = entry->kind};
        const struct lock_record *lock = lock_index_find(&index, entry->object << 2);
        if (lock && row.kind == LOCK_NONE && lock->kind < LOCK_KINDS)
            row.kind = lock->kind;
        object_text(recording, entry->object << 2, lock ? lock->site : 0, text, sizeof text);
        row.name = text[0] ? text_table_add(texts, text) : 0;
        if (rows)
            fwrite(&row, sizeof row, 1, rows);
    }
    lock_index_close(&index);
}

typedef void put_fn(struct trace_program *program, struct recording *recording,
                    struct text_table *texts, FILE *rows);

static const struct names {
    enum trace_chunk_kind kind;
    put_fn *put;
} parts[] = {
    {TRACE_THREADS, put_threads}, {TRACE_PLACES, put_places}, {TRACE_OBJECTS, put_objects}};

enum { PARTS = sizeof parts / sizeof *parts };

/* Lines are found for all places at once, so these are met before. */
static void put_names(struct trace_program *program, struct recording *recording, bool lines)
{
    struct text_table texts = {0};
    char *rows[PARTS] = {0};
    size_t sizes[PARTS] = {0};
    for (int i = 0; i < PARTS && lines; i++)
        parts[i].put(program, recording, &texts, NULL);
    if (lines)
        lines_find(&recording->process);
    text_table_free(&texts);
    for (int i = 0; i < PARTS; i++) {
        FILE *memory = open_memstream(&rows[i], &sizes[i]);
        if (!memory) {
            texts.failed = true;
            continue;
        }
        parts[i].put(program, recording, &texts, memory);
        if ((ferror(memory) | fclose(memory)) != 0) {
            texts.failed = true;
            sizes[i] = 0;
        }
    }
    if (texts.failed || program->objects.failed)
        program->writer->error = ENOMEM;
    put_chunk(program->writer, TRACE_TEXT, program->index, texts.bytes, texts.size, NULL, 0);
    for (int i = 0; i < PARTS; i++) {
        put_chunk(program->writer, parts[i].kind, program->index, rows[i], sizes[i], NULL, 0);
        free(rows[i]);
    }
    text_table_free(&texts);
}

void trace_program_close(struct trace_program *program, struct recording *recording, bool lines)
{
    if (!program)
        return;
    drain(program, true);
    program->writer->unseen |= recording->region->dropped[DROPPED_THREADS] > 0;
    int rc = recording_settle(recording);
    if (rc == 0)
        put_names(program, recording, lines);
    else
        program->writer->error = -rc;
    put_chunk(program->writer, TRACE_END, program->index, NULL, 0, NULL, 0);
    put_clock(program->writer);
    object_table_free(&program->objects);
    free(program);
}
