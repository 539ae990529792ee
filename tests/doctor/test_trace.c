/* `thrum trace`: what is in the trace of programs whose behaviour is known, and what is made of it.
 *
 * Each sample (traced.c) runs under the command; the trace is read by the command's own reader, and the
 * exports by others: jansson for Chrome's JSON, protoc for Perfetto's format.
 */
#include "harness.h"

#include "../cli/spawn.h"
#include "../support_sanitizer.h"
#include "doctor/preload/region.h"
#include "trace/model.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[128];
static const char *program = "traced";

/* Runs a sample with more options, and reads its trace. */
static struct trace record(const char *options, const char *sample, int status)
{
    struct trace trace;
    thrum_error error;
    char line[400];
    snprintf(path, sizeof path, "/tmp/thrum-trace-%d", (int)getpid());
    snprintf(line, sizeof line, "trace -o %s%s -- %s/%s %s", path, options,
             getenv("DOCTOR_SAMPLES"), program, sample);
    struct spawned run = spawn_run(line);
    if (run.status != status)
        printf("%s\n%s", line, run.err);
    CHECK_INT(run.status, ==, status);
    CHECK(strstr(run.err, "events in") != NULL);
    spawn_free(&run);
    CHECK_INT(trace_load(path, &trace, &error), ==, 0);
    return trace;
}

static void finish(struct trace *trace)
{
    trace_free(trace);
    unlink(path);
}

static bool is_thread(const struct trace *trace, uint32_t thread, const char *name)
{
    return strcmp(trace->threads[thread].name, name) == 0;
}

/* The first span of a thread with that name; NULL: none. */
static const struct span *find(const struct trace *trace, const char *thread, const char *name,
                               uint32_t *ret_thread, uint32_t *ret_span)
{
    char text[700];
    for (uint32_t i = 0; i < trace->thread_count; i++)
        for (uint32_t j = 0; is_thread(trace, i, thread) && j < trace->threads[i].count; j++) {
            const struct span *span = &trace->threads[i].spans[j];
            trace_info_name(trace, &trace->infos[span->info], text, sizeof text);
            if (strcmp(text, name) != 0)
                continue;
            *ret_thread = i;
            *ret_span = j;
            return span;
        }
    for (uint32_t i = 0; i < trace->thread_count; i++)
        for (uint32_t j = 0; j < trace->threads[i].count; j++) {
            trace_info_name(trace, &trace->infos[trace->threads[i].spans[j].info], text,
                            sizeof text);
            printf("%s: %s\n", trace->threads[i].name, text);
        }
    printf("there is no '%s' of %s\n", name, thread);
    return NULL;
}

/* A thread waited at least that long, and another one ended the wait. */
static void check_wait(const char *sample, const char *thread, const char *name, uint64_t least_ms,
                       const char *by)
{
    struct trace trace = record("", sample, 0);
    uint32_t at = 0, number = 0;
    const struct span *span = find(&trace, thread, name, &at, &number);
    CHECK(span != NULL);
    CHECK(!span->open_begin && !span->open_end);
    CHECK_INT((span->end - span->begin) / 1000000, >=, least_ms);
    bool found = false;
    for (size_t i = 0; i < trace.arrow_count; i++) {
        const struct arrow *arrow = &trace.arrows[i];
        if (arrow->to != at || arrow->span != number)
            continue;
        found = true;
        CHECK(is_thread(&trace, arrow->from, by));
        CHECK_INT(arrow->until, ==, span->end);
        CHECK_INT(arrow->at, <=, span->end);
        /* A thread that is joined may have come to its end before. */
        CHECK(arrow->at >= span->begin || trace.infos[span->info].kind == LOCK_THREAD);
    }
    CHECK(found);
    finish(&trace);
}

TEST(a_wait_for_a_mutex_ends_by_its_release)
{
    check_wait("contended", "taker", "waits for mutex accounts", 15, "main");
}

TEST(a_wait_for_a_condition_ends_by_its_signal)
{
    check_wait("condition", "waiter", "waits for condition changed", 0, "main");
}

TEST(a_wait_for_a_semaphore_ends_by_its_post)
{
    check_wait("semaphore", "waiter", "waits for semaphore tickets", 10, "main");
}

TEST(a_wait_at_a_barrier_ends_by_the_last_arrival)
{
    check_wait("barrier", "early", "waits for barrier round_end", 10, "main");
}

TEST(a_writer_waits_for_a_reader)
{
    check_wait("rwlock", "writer", "waits for rwlock table", 10, "main");
}

TEST(a_join_ends_by_the_end_of_the_thread)
{
    check_wait("contended", "main", "waits for the end of a thread", 0, "taker");
}

TEST(threads_of_c11_are_traced)
{
    check_wait("c11", "main", "waits for the end of a thread", 0, "main");
}

static uint64_t hold_of(const struct trace *trace, const char *thread)
{
    uint32_t at, number;
    const struct span *span = find(trace, thread, "holds mutex accounts", &at, &number);
    CHECK(span != NULL);
    CHECK_INT(span->lane, >=, LANE_HELD);
    CHECK_INT(span->lane, <, LANE_TASK);
    return span->end - span->begin;
}

TEST(a_lock_is_held_from_its_acquisition_to_its_release)
{
    struct trace trace = record("", "contended", 0);
    CHECK_INT(hold_of(&trace, "main") / 1000000, >=, 15);
    CHECK(hold_of(&trace, "taker") > 0);
    CHECK_INT(trace.lost, ==, 0);
    CHECK(trace.processes[0].complete);
    finish(&trace);
}

TEST(a_mutex_is_not_held_during_a_wait_for_a_condition)
{
    struct trace trace = record("", "condition", 0);
    uint32_t at = 0, number = 0;
    const struct span *wait = find(&trace, "waiter", "waits for condition changed", &at, &number);
    CHECK(wait != NULL);
    for (size_t i = 0; i < trace.threads[at].count; i++) {
        const struct span *span = &trace.threads[at].spans[i];
        if (trace.infos[span->info].what == SPAN_HOLD)
            CHECK(span->end <= wait->begin || span->begin >= wait->end);
    }
    finish(&trace);
}

TEST(calls_that_block_have_spans_with_their_stacks)
{
    struct trace trace = record("", "calls", 0);
    uint32_t at, number;
    const struct span *sleep = find(&trace, "main", "nanosleep", &at, &number);
    CHECK(sleep != NULL);
    CHECK_INT((sleep->end - sleep->begin) / 1000000, >=, 19);
    const char *stack = trace.places[trace.infos[sleep->info].place].stack;
    CHECK(stack && strstr(stack, "pause_for (traced.c:") && strstr(stack, "calls (traced.c:"));
    char name[32];
    int reads = 0;
    for (size_t i = 0; i < trace.info_count; i++) {
        trace_info_name(&trace, &trace.infos[i], name, sizeof name);
        reads += strncmp(name, "read(", 5) == 0;
    }
    CHECK_INT(reads, ==, 1);
    finish(&trace);
}

TEST(two_ways_to_one_call_are_two_places)
{
    struct trace trace = record("", "calls", 0);
    int ways = 0, deeper = 0;
    for (size_t i = 1; i < trace.place_count; i++) {
        const struct trace_place *place = &trace.places[i];
        if (place->kind != LOCK_MUTEX || !place->stack || strncmp(place->stack, "lock_here ", 10))
            continue;
        ways++;
        deeper += strstr(place->stack, "lock_deeper") != NULL;
    }
    CHECK_INT(ways, ==, 2);
    CHECK_INT(deeper, ==, 1);
    finish(&trace);
}

TEST(a_killed_program_leaves_its_events)
{
    struct trace trace = record("", "killed", 128 + 9);
    uint32_t at, number;
    const struct span *span = find(&trace, "main", "holds mutex accounts", &at, &number);
    CHECK(span != NULL);
    CHECK(span->open_end);
    finish(&trace);
}

TEST(a_flight_recorder_keeps_the_last_events)
{
    struct trace trace = record(" --events 256", "many_events", 0);
    const struct trace_thread *thread = &trace.threads[0];
    CHECK_INT(thread->events, ==, 256);
    CHECK_INT(thread->lost, >, 1700);
    CHECK(thread->ended == UINT64_MAX || thread->ended == thread->last);
    CHECK(!trace.all);
    finish(&trace);
}

TEST(all_keeps_all_events)
{
    struct trace trace = record(" --all --events 256", "many_events", 0);
    uint64_t events = trace.events + trace.lost;
    finish(&trace);
    trace = record(" --all", "many_events", 0);
    CHECK(trace.all);
    CHECK_INT(trace.lost, ==, 0);
    CHECK_INT(trace.events, ==, events);
    CHECK_INT(trace.events, >=, 2 * 1001);
    finish(&trace);
}

TEST_DEADLINE(many_threads_share_few_rings, 60)
{
    struct trace trace = record(" --all", "many_threads", 0);
    int ended = 0;
    CHECK_INT(trace.thread_count, ==, 1201);
    for (size_t i = 0; i < trace.thread_count; i++) {
        const struct trace_thread *thread = &trace.threads[i];
        ended += thread->ended != UINT64_MAX;
        CHECK(thread->count >= 1);
        for (size_t j = 0; j < thread->count; j++) {
            const struct span *span = &thread->spans[j];
            CHECK_INT(span->begin, >=, thread->first);
            CHECK_INT(span->end, <=, thread->last);
        }
    }
    CHECK_INT(ended, >=, 1200);
    finish(&trace);
}

TEST(a_child_has_a_trace_of_its_own)
{
    struct trace trace = record(" --all", "forks", 0);
    uint64_t most = 0;
    CHECK_INT(trace.process_count, ==, 3); /* the parent, its child, and what the child became */
    CHECK_INT(trace.processes[1].pid, ==, trace.processes[2].pid);
    CHECK_INT(trace.processes[0].pid, !=, trace.processes[1].pid);
    for (size_t i = 0; i < trace.thread_count; i++)
        if (trace.threads[i].process == 2)
            most = trace.threads[i].events;
    CHECK_INT(most, >=, 2002);
    finish(&trace);
}

TEST_DEADLINE(handlers_write_events_between_others, 60)
{
    struct trace trace = record(" --all", "handlers", 0);
    char name[700];
    uint64_t inside = 0, outside = 0;
    for (size_t i = 0; i < trace.threads[0].count; i++) {
        const struct span *span = &trace.threads[0].spans[i];
        trace_info_name(&trace, &trace.infos[span->info], name, sizeof name);
        inside += strcmp(name, "holds mutex inside") == 0;
        outside += strcmp(name, "holds mutex accounts") == 0;
        CHECK(trace.lost || !span->open_end || i + 1 == trace.threads[0].count);
    }
    if (trace.lost == 0)
        CHECK_INT(inside, >=, 1000);
    CHECK(outside > 0);
    finish(&trace);
}

TEST(a_limit_of_file_sizes_does_not_hurt_the_program)
{
    char line[500];
    snprintf(path, sizeof path, "/tmp/thrum-trace-%d", (int)getpid());
    snprintf(line, sizeof line, "trace -o %s -- prlimit --fsize=1000000 %s/traced many_events",
             path, getenv("DOCTOR_SAMPLES"));
    struct spawned run = spawn_run(line);
    CHECK_INT(run.status, ==, 0);
    spawn_free(&run);
    unlink(path);
}

TEST(a_file_that_cannot_be_written_is_an_error)
{
    struct spawned run = spawn_run("trace -o /nowhere/file -- true");
    CHECK_INT(run.status, ==, 1);
    CHECK(strstr(run.err, "cannot write /nowhere/file") != NULL);
    spawn_free(&run);
    run = spawn_run("trace -o /dev/full -- true");
    CHECK_INT(run.status, ==, 1);
    CHECK(strstr(run.err, "cannot write /dev/full: No space left on device") != NULL);
    spawn_free(&run);
    run = spawn_run("trace view /dev/null");
    CHECK_INT(run.status, ==, 1);
    CHECK(strstr(run.err, "/dev/null is no trace") != NULL);
    spawn_free(&run);
}

/* The recorder's file with the end cut off, as after a full disk or a killed recorder. */
TEST(a_file_that_ends_in_the_middle_is_read)
{
    struct trace trace = record("", "contended", 0), part;
    thrum_error error;
    uint64_t events = trace.events, before = 0;
    for (size_t size = 0; size <= trace.size; size += size < 4096 ? 61 : 997) {
        char *copy = malloc(size + 1);
        CHECK(copy != NULL);
        memcpy(copy, trace.bytes, size);
        int rc = trace_parse(copy, size, "part", &part, &error);
        CHECK_INT(rc, ==, size < 32 ? -EPROTO : 0);
        if (rc < 0)
            continue;
        CHECK_INT(part.events, >=, before);
        before = part.events;
        trace_free(&part);
    }
    CHECK_INT(before, ==, events);
    finish(&trace);
}

TEST(chrome_gets_each_span_and_each_arrow)
{
    struct trace trace = record("", "contended", 0);
    char line[300];
    snprintf(line, sizeof line, "trace export %s", path);
    struct spawned run = spawn_run(line);
    CHECK_INT(run.status, ==, 0);
    json_t *root = json_loads(run.out, 0, NULL);
    CHECK(root != NULL);
    json_t *events = json_object_get(root, "traceEvents");
    size_t spans = 0, arrows = 0;
    for (size_t i = 0; i < json_array_size(events); i++) {
        json_t *event = json_array_get(events, i);
        const char *phase = json_string_value(json_object_get(event, "ph"));
        CHECK(phase != NULL);
        spans += strcmp(phase, "X") == 0;
        arrows += strcmp(phase, "s") == 0 || strcmp(phase, "f") == 0;
    }
    CHECK_INT(spans, ==, trace.span_count);
    CHECK_INT(arrows, ==, 2 * trace.arrow_count);
    json_decref(root);
    spawn_free(&run);
    finish(&trace);
}

static size_t count(const char *text, const char *what)
{
    size_t found = 0;
    for (; (text = strstr(text, what)) != NULL; text += strlen(what))
        found++;
    return found;
}

TEST_DEADLINE(perfetto_gets_each_span_and_each_arrow, 60)
{
    struct trace trace = record("", "contended", 0);
    char line[600], packed[160];
    size_t length = 0, room = 1 << 22;
    char *text = calloc(1, room);
    CHECK(getenv("PROTOC") != NULL && text != NULL);
    snprintf(packed, sizeof packed, "%s.pftrace", path);
    snprintf(line, sizeof line, "trace export %s --format perfetto -o %s", path, packed);
    struct spawned run = spawn_run(line);
    CHECK_INT(run.status, ==, 0);
    spawn_free(&run);
    snprintf(line, sizeof line, "%s --proto_path=%s --decode=Trace perfetto.proto <%s",
             getenv("PROTOC"), getenv("PROTO_PATH"), packed);
    FILE *pipe = popen(line, "re");
    CHECK(pipe != NULL);
    for (size_t got; (got = fread(text + length, 1, room - 1 - length, pipe)) > 0;)
        length += got;
    CHECK_INT(pclose(pipe), ==, 0);
    unlink(packed);
    CHECK_INT(count(text, "type: SLICE_BEGIN"), ==, trace.span_count);
    CHECK_INT(count(text, "type: SLICE_END"), ==, trace.span_count);
    CHECK_INT(count(text, "    flow_ids: "), ==, trace.arrow_count);
    CHECK_INT(count(text, "terminating_flow_ids: "), ==, trace.arrow_count);
    CHECK_INT(count(text, "name: \"waits for mutex accounts\""), ==, 1);
    CHECK_INT(count(text, "thread_name: "), ==, trace.thread_count);
    /* protoc prints a field that the .proto lacks by its number. */
    for (const char *at = text; at; at = strchr(at, '\n')) {
        at += strspn(at, " \n");
        CHECK(*at < '0' || *at > '9');
    }
    free(text);
    finish(&trace);
}

TEST_DEADLINE(diff_tells_which_lock_costs_more, 60)
{
    struct trace trace;
    struct spawned run;
    char first[160], line[500];
    bool longer = false;
    /* On a busy machine the waits may differ by more than the times that the lock is held. */
    do {
        trace = record(" --all", "brief", 0);
        trace_free(&trace);
        snprintf(first, sizeof first, "%s-a", path);
        CHECK_INT(rename(path, first), ==, 0);
        trace = record(" --all", "lengthy", 0);
        trace_free(&trace);
        snprintf(line, sizeof line, "trace diff --json --fail-if-longer %s %s", first, path);
        run = spawn_run(line);
        longer = run.status == 3;
        if (!longer)
            spawn_free(&run);
    } while (!longer);
    json_t *root = json_loads(run.out, 0, NULL);
    CHECK(root != NULL);
    json_t *locks = json_object_get(root, "locks");
    bool found = false;
    for (size_t i = 0; i < json_array_size(locks); i++) {
        json_t *lock = json_array_get(locks, i);
        if (strcmp(json_string_value(json_object_get(lock, "lock")), "mutex accounts") != 0)
            continue;
        found = true;
        CHECK(strcmp(json_string_value(json_object_get(lock, "verdict")), "longer") == 0);
    }
    CHECK(found);
    json_decref(root);
    spawn_free(&run);
    snprintf(line, sizeof line, "trace diff --fail-if-longer %s %s", first, first);
    run = spawn_run(line);
    CHECK_INT(run.status, ==, 0);
    CHECK(strstr(run.out, "mutex accounts\n") != NULL);
    CHECK(strstr(run.out, "  no difference shown") != NULL);
    spawn_free(&run);
    unlink(first);
    unlink(path);
}

/* The command sleeps from before the fork until the child has ended by _exit: it never sees which files the child had mapped. */
TEST(names_of_a_child_do_not_depend_on_the_speed_of_the_command)
{
    struct trace trace = record("", "unseen", 0);
    uint32_t at = 0, number = 0;
    CHECK_INT(trace.process_count, ==, 2);
    CHECK(find(&trace, "main", "holds mutex accounts", &at, &number) != NULL);
    CHECK_INT(trace.threads[at].process, !=, 0);
    finish(&trace);
}

/* The library connects to the command, and sends its record a second later. */
TEST(a_process_may_be_preempted_before_it_sends_its_record)
{
    program = "traced_slow";
    struct trace trace = record("", "contended", 0);
    uint32_t at = 0, number = 0;
    CHECK(find(&trace, "taker", "waits for mutex accounts", &at, &number) != NULL);
    finish(&trace);
}

/* How many spans have that name and lie in that lane or one of the same kind. */
static int count_spans(const struct trace *trace, const char *name, unsigned from, unsigned to)
{
    char text[700];
    int found = 0;
    for (size_t i = 0; i < trace->thread_count; i++)
        for (size_t j = 0; j < trace->threads[i].count; j++) {
            const struct span *span = &trace->threads[i].spans[j];
            trace_info_name(trace, &trace->infos[span->info], text, sizeof text);
            found += span->lane >= from && span->lane < to && strcmp(text, name) == 0;
        }
    return found;
}

/* Under a sanitizer the sample is not built: its runtime and the preloaded library replace the same functions. */
static bool use_thrum_sample(void)
{
    program = "traced_thrum";
    return !SANITIZED;
}

TEST(fibers_are_on_their_worker_and_wait_beside_it)
{
    if (!use_thrum_sample())
        return;
    struct trace trace = record(" --all", "fibers", 0);
    char text[700];
    /* Each of four waits for the event, then for the lock or in a sleep. */
    CHECK_INT(count_spans(&trace, "waits for event opened", LANE_FIBER, LANES), ==, 4);
    CHECK_INT(count_spans(&trace, "waits for lock ledger", LANE_FIBER, LANES), ==, 3);
    CHECK_INT(count_spans(&trace, "sleeps", LANE_FIBER, LANES), ==, 5);
    CHECK_INT(count_spans(&trace, "holds lock ledger", LANE_HELD, LANE_TASK), ==, 4);
    CHECK_INT(count_spans(&trace, "visit", LANE_TASK, LANE_FIBER), >=, 4 * 3);
    CHECK_INT(count_spans(&trace, "open_later", LANE_TASK, LANE_FIBER), ==, 2);
    int woken = 0;
    for (size_t i = 0; i < trace.arrow_count; i++) {
        const struct arrow *arrow = &trace.arrows[i];
        if (arrow->span == UINT32_MAX)
            continue;
        const struct span *span = &trace.threads[arrow->to].spans[arrow->span];
        trace_info_name(&trace, &trace.infos[span->info], text, sizeof text);
        woken += strcmp(text, "waits for event opened") == 0;
    }
    CHECK_INT(woken, ==, 4);
    finish(&trace);
}

TEST(tasks_of_a_thread_pool_are_on_their_threads)
{
    if (!use_thrum_sample())
        return;
    struct trace trace = record(" --all", "threads", 0);
    CHECK_INT(count_spans(&trace, "count_up", LANE_TASK, LANE_FIBER), ==, 5);
    CHECK_INT(count_spans(&trace, "holds lock ledger", LANE_HELD, LANE_TASK), ==, 5);
    finish(&trace);
}

static void check_processes(const char *options, const char *sample)
{
    if (!use_thrum_sample())
        return;
    struct trace trace = record(options, sample, 0);
    char text[700];
    int found = 0;
    CHECK_INT(trace.process_count, >=, 2);
    for (size_t i = 0; i < trace.thread_count; i++)
        for (size_t j = 0; j < trace.threads[i].count; j++) {
            trace_info_name(&trace, &trace.infos[trace.threads[i].spans[j].info], text,
                            sizeof text);
            if (strcmp(text, "count_up") != 0)
                continue;
            CHECK_INT(trace.threads[i].process, !=, 0);
            found++;
        }
    CHECK_INT(found, ==, 5);
    finish(&trace);
}

TEST(tasks_of_a_process_pool_are_in_their_process)
{
    check_processes(" --all", "processes");
}

/* The command sleeps from before the pool begins until its worker has been killed. */
TEST(names_of_a_worker_do_not_depend_on_the_speed_of_the_command)
{
    check_processes("", "unseen");
}
