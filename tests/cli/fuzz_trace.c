/* Hostile traces. Files are made by a small writer, then changed at random, the same for the same seed; what is
 * left of them is read, and shown in all ways. What is checked besides memory (run it under a sanitizer):
 *   - spans of a lane do not overlap, end after they begin, and lie inside the trace;
 *   - arrows, names, objects and places that are referred to are there;
 *   - the exports, the page and the comparison with the file before can be written.
 *
 *     fuzz_trace [CASES [SEED]]     2000 cases by default, 1000000 for a long run; TAP
 */
#include "fuzz.h"

#include "doctor/preload/region.h"
#include "trace/model.h"
#include "trace/outputs.h"
#include "trace/trace_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static long cases = 2000;

static void check(bool fine, const char *what)
{
    check_text(fine, what, "");
}

enum { FILE_MOST = 1 << 16 };
static char file[FILE_MOST];
static size_t length;

static void put(const void *bytes, size_t size)
{
    if (size == 0 || length + size > FILE_MOST)
        return;
    memcpy(file + length, bytes, size);
    length += size;
}

static void put_chunk(uint32_t kind, uint32_t process, const void *bytes, size_t size)
{
    static const char zeros[8];
    struct trace_chunk chunk = {kind, process, size};
    put(&chunk, sizeof chunk);
    put(bytes, size);
    put(zeros, -size & 7);
}

static void put_events(uint32_t process)
{
    struct {
        struct trace_events head;
        struct ring_event events[200];
    } chunk = {.head = {.slot = (uint32_t)draw(4),
                        .owner = (uint32_t)draw(6),
                        .lost = draw(3) ? 0 : draw(1000)}};
    uint64_t time = UINT64_C(1) << 40 | draw(1 << 20);
    size_t count = draw(201);
    for (size_t i = 0; i < count; i++) {
        unsigned kind = (unsigned)draw(RING_KINDS + 1);
        uint64_t object = draw(8);
        if (kind == RING_CALL)
            object |= draw(RING_CALLS + 2) << 32;
        time += draw(1000);
        if (!draw(50))
            time -= draw(100000);
        chunk.events[i] = (struct ring_event){ring_when(time & RING_TIME_MASK, kind % 64, 1),
                                              ring_what(object & RING_OBJECT_MASK, draw(5), 1)};
    }
    put_chunk(TRACE_EVENTS, process, &chunk, sizeof chunk.head + count * sizeof *chunk.events);
}

static void put_names(uint32_t process)
{
    static const char texts[] =
        "\0main\0accounts\0transfer (a.c:3)\nmain (a.c:9)\0</script>\0\xff\xfe";
    struct trace_thread_row threads[4];
    struct trace_place_row places[4];
    struct trace_object_row objects[4];
    for (uint32_t i = 0; i < 4; i++) {
        threads[i] = (struct trace_thread_row){.index = i + 1,
                                               .tid = (uint32_t)draw(1 << 22),
                                               .name = "thread",
                                               .start = (uint32_t)draw(sizeof texts + 3)};
        places[i] = (struct trace_place_row){.index = i + 1,
                                             .kind = (uint32_t)draw(LOCK_KINDS + 1),
                                             .place = (uint32_t)draw(sizeof texts),
                                             .stack = (uint32_t)draw(sizeof texts)};
        objects[i] = (struct trace_object_row){
            .object = i, .kind = (uint32_t)draw(LOCK_KINDS), .name = (uint32_t)draw(sizeof texts)};
    }
    put_chunk(TRACE_TEXT, process, texts, sizeof texts);
    put_chunk(TRACE_THREADS, process, threads, sizeof threads);
    put_chunk(TRACE_PLACES, process, places, sizeof places);
    put_chunk(TRACE_OBJECTS, process, objects, sizeof objects);
    put_chunk(TRACE_END, process, NULL, 0);
}

static void make_file(void)
{
    struct trace_header header = {.version = TRACE_VERSION, .flags = (uint32_t)draw(2)};
    struct trace_clock clock[3] = {{UINT64_C(1) << 40, 1 << 30},
                                   {UINT64_C(1) << 41, UINT64_C(1) << 31}};
    clock[2] = (struct trace_clock){draw(UINT64_MAX), draw(UINT64_MAX)};
    memcpy(header.magic, TRACE_MAGIC, 8);
    length = 0;
    put(&header, sizeof header);
    put_chunk(TRACE_CLOCK, 0, clock, sizeof *clock * (2 + draw(2)));
    uint32_t processes = 1 + (uint32_t)draw(3);
    for (uint32_t i = 0; i < processes; i++) {
        struct trace_process process = {.pid = 100 + i,
                                        .clock = (uint32_t)draw(3),
                                        .ring_bits = 8,
                                        .began = draw(UINT64_MAX),
                                        .program = "/bin/program"};
        put_chunk(TRACE_PROCESS, i, &process, sizeof process);
        for (uint64_t events = draw(8); events > 0; events--)
            put_events(i);
        if (draw(4))
            put_names(i);
    }
}

static void spoil(void)
{
    for (uint64_t changes = draw(6); changes > 0; changes--) {
        size_t at = draw(length);
        switch (draw(5)) {
        case 0:
            file[at] = (char)draw(256);
            break;
        case 1:
            file[at] ^= (char)(1 << draw(8));
            break;
        case 2: {
            static const uint64_t values[] = {0, 1, UINT64_MAX, INT64_MAX, UINT32_MAX, 1 << 16};
            memcpy(file + (at & ~(size_t)7) % (length - 8), &values[draw(6)], 8);
            break;
        }
        case 3:
            length = at + 1;
            break;
        default: {
            size_t size = draw(length - at) + 1, to = draw(length - size + 1);
            memmove(file + to, file + at, size);
        }
        }
        if (length < 16)
            return;
    }
}

static void check_thread(const struct trace *trace, const struct trace_thread *thread)
{
    check(thread->process < trace->process_count, "the process of a thread is there");
    check(strlen(thread->name) < 16, "the name of a thread ends");
    for (size_t i = 0; i < thread->count; i++) {
        const struct span *span = &thread->spans[i];
        check(span->begin <= span->end, "a span ends after it begins");
        check(span->end <= trace->length, "a span is in the trace");
        check(span->info < trace->info_count && span->lane < LANES, "a span has an info");
        if (i > 0 && span[-1].lane == span->lane)
            check(span[-1].end <= span->begin, "spans of a lane do not overlap");
    }
}

static void check_trace(const struct trace *trace)
{
    for (size_t i = 0; i < trace->thread_count; i++)
        check_thread(trace, &trace->threads[i]);
    for (size_t i = 0; i < trace->info_count; i++)
        check(trace->infos[i].object < trace->object_count &&
                  trace->infos[i].place < trace->place_count,
              "what an info refers to is there");
    for (size_t i = 0; i < trace->arrow_count; i++) {
        const struct arrow *arrow = &trace->arrows[i];
        check(arrow->from < trace->thread_count && arrow->to < trace->thread_count,
              "threads of an arrow are there");
        check(arrow->span == UINT32_MAX || arrow->span < trace->threads[arrow->to].count,
              "the span of an arrow is there");
    }
}

/* As the subcommands show it. `before` is another trace that was read. */
static void show(const struct trace *trace, const struct trace *before, FILE *out)
{
    bool longer;
    check(trace_chrome(trace, out) == 0, "it is exported for Chrome");
    check(trace_perfetto(trace, out) == 0, "it is exported for Perfetto");
    check(trace_page(trace, out) == 0, "it is a page");
    if (current % 8 == 0)
        check(trace_diff(trace, trace, current % 16 == 0, out, &longer) == 0 && !longer,
              "it is as it is");
    if (current % 8 < 4)
        check(trace_diff(before, trace, current % 2 == 0, out, &longer) == 0,
              "it is compared with another");
}

int main(int argc, char **argv)
{
    struct trace before = {0};
    if (argc > 1)
        cases = strtol(argv[1], NULL, 10);
    state = (argc > 2 ? strtoull(argv[2], NULL, 10) : 1) * UINT64_C(0x9e3779b97f4a7c15) | 1;
    FILE *out = fopen("/dev/null", "we");
    long taken = 0;
    if (!out)
        return 1;
    printf("1..1\n");
    for (current = 0; current < cases; current++) {
        struct trace trace;
        thrum_error error;
        make_file();
        if (current % 4)
            spoil();
        char *copy = malloc(length + 1);
        if (!copy)
            return 1;
        memcpy(copy, file, length);
        int rc = trace_parse(copy, length, "case", &trace, &error);
        check(current % 4 || rc == 0, "a file that was not changed is read");
        if (rc < 0)
            continue;
        taken++;
        check_trace(&trace);
        show(&trace, &before, out);
        trace_free(&before);
        before = trace;
    }
    trace_free(&before);
    (void)fclose(out);
    check(taken > cases / 4, "some files are read");
    printf("ok 1 - %ld hostile traces\n", cases);
    return 0;
}
