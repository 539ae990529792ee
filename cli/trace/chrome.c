/* The format of chrome://tracing: JSON, one event on a line. Times are in microseconds.
 *
 * There the spans of a thread must be nested, which held locks need not be. So each lane is a thread of its
 * own; that of waits and calls has the thread's number.
 */
#include "outputs.h"

#include "json_text.h"

#include <errno.h>
#include <inttypes.h>

const char *trace_lane_name(unsigned lane)
{
    return lane == LANE_STATE  ? "waits and calls"
           : lane < LANE_TASK  ? "locks"
           : lane < LANE_FIBER ? "tasks"
                               : "waits of fibers";
}

static const char *category(unsigned what)
{
    static const char *const names[SPAN_WHATS] = {"wait", "lock", "call", "task", "lost"};
    return names[what < SPAN_WHATS ? what : 0];
}

/* A number for the lane that no thread has: the system's have at most 22 bits. */
static uint64_t lane_number(const struct trace_thread *thread, unsigned lane)
{
    return (uint64_t)lane << 22 | (thread->tid ? thread->tid : thread->index);
}

static void put_time(FILE *out, uint64_t time)
{
    fprintf(out, "%" PRIu64 ".%03u", time / 1000, (unsigned)(time % 1000));
}

static void put_name(FILE *out, unsigned pid, uint64_t tid, const char *what, const char *name)
{
    fprintf(out,
            "{\"ph\":\"M\",\"pid\":%u,\"tid\":%" PRIu64 ",\"name\":\"%s\",\"args\":{\"name\":", pid,
            tid, what);
    json_put_string(out, name);
    fputs("}},\n", out);
}

static void put_span(const struct trace *trace, const struct trace_thread *thread,
                     const struct span *span, FILE *out)
{
    const struct span_info *info = &trace->infos[span->info];
    const struct trace_place *place = &trace->places[info->place];
    char name[700];
    trace_info_name(trace, info, name, sizeof name);
    fprintf(out, "{\"ph\":\"X\",\"pid\":%u,\"tid\":%" PRIu64 ",\"cat\":\"%s\",\"name\":",
            trace->processes[thread->process].pid, lane_number(thread, span->lane),
            category(info->what));
    json_put_string(out, name);
    fputs(",\"ts\":", out);
    put_time(out, span->begin);
    fputs(",\"dur\":", out);
    put_time(out, span->end - span->begin);
    if (place->place) {
        fputs(",\"args\":{\"place\":", out);
        json_put_string(out, place->place);
        fputc('}', out);
    }
    fputs("},\n", out);
}

static void put_thread(const struct trace *trace, uint32_t index, FILE *out)
{
    const struct trace_thread *thread = &trace->threads[index];
    unsigned pid = trace->processes[thread->process].pid;
    char name[64], lane_name[100];
    trace_thread_name(trace, index, name, sizeof name);
    put_name(out, pid, lane_number(thread, 0), "thread_name", name);
    for (size_t i = 0; i < thread->count; i++) {
        const struct span *span = &thread->spans[i];
        if (span->lane != LANE_STATE && (i == 0 || span->lane != thread->spans[i - 1].lane)) {
            snprintf(lane_name, sizeof lane_name, "%s: %s", name, trace_lane_name(span->lane));
            put_name(out, pid, lane_number(thread, span->lane), "thread_name", lane_name);
        }
        put_span(trace, thread, span, out);
    }
}

static void put_arrow(const struct trace *trace, size_t number, FILE *out)
{
    const struct arrow *arrow = &trace->arrows[number];
    const struct {
        const char *phase;
        uint32_t thread;
        uint64_t time;
    } ends[] = {{"\"s\"", arrow->from, arrow->at}, {"\"f\",\"bp\":\"e\"", arrow->to, arrow->until}};
    for (int i = 0; i < 2; i++) {
        const struct trace_thread *thread = &trace->threads[ends[i].thread];
        fprintf(
            out,
            "{\"ph\":%s,\"id\":%zu,\"cat\":\"wake\",\"name\":\"wake\",\"pid\":%u,\"tid\":%" PRIu64
            ",\"ts\":",
            ends[i].phase, number + 1, trace->processes[thread->process].pid,
            lane_number(thread, 0));
        put_time(out, ends[i].time);
        fputs("},\n", out);
    }
}

int trace_chrome(const struct trace *trace, FILE *out)
{
    fputs("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n", out);
    for (size_t i = 0; i < trace->process_count; i++)
        put_name(out, trace->processes[i].pid, 0, "process_name", trace->processes[i].program);
    for (size_t i = 0; i < trace->thread_count; i++)
        put_thread(trace, (uint32_t)i, out);
    for (size_t i = 0; i < trace->arrow_count; i++)
        put_arrow(trace, i, out);
    /* Each line above ends with a comma; this is the last event. */
    fprintf(out,
            "{\"ph\":\"M\",\"pid\":0,\"name\":\"trace_events\",\"args\":{\"events\":%" PRIu64
            ",\"lost\":%" PRIu64 "}}\n]}\n",
            trace->events, trace->lost);
    return ferror(out) ? -EIO : 0;
}
