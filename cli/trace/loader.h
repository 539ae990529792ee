/* What the parts of trace_load share: load.c reads the file, spans.c makes spans of events, tables.c has the
 * tables that grow. */
#ifndef CLI_TRACE_LOADER_H
#define CLI_TRACE_LOADER_H

#include "doctor/preload/region.h"
#include "model.h"
#include "trace_file.h"

enum {
    HELD_NOW_MOST = LANE_HELD_MOST,
    TASKS_NOW_MOST = LANE_FIBER - LANE_TASK,
    FIBERS_NOW_MOST = LANES - LANE_FIBER,
};

/* What is open in a thread while its events are read. */
struct open_spans {
    size_t held[HELD_NOW_MOST], tasks[TASKS_NOW_MOST]; /* span + 1, by lane; 0: the lane is free */
    size_t wait, call;                                 /* span + 1; 0: none */
    size_t fibers[FIBERS_NOW_MOST];                    /* waits of fibers that have left */
    uint64_t running[TASKS_NOW_MOST];                  /* the task of each lane */
    uint64_t waiting[FIBERS_NOW_MOST];                 /* their tasks */
    uint64_t task;                                     /* that runs; 0: none */
    unsigned lanes; /* of locks, that were in use since `since` */
    uint64_t since; /* from here on, all of its events are there */
};

/* One process while the file is read. */
struct source {
    uint32_t process; /* in trace->processes */
    uint32_t clock;
    uint64_t began;
    const char *text;
    size_t text_size;
    uint32_t *threads; /* by their number: index in trace->threads + 1 */
    uint32_t *places;  /* likewise, RING_PLACES */
    uint32_t owners[REGION_SLOTS];
    uint8_t known[REGION_SLOTS]; /* the owner of the slot is known */
};

struct loader {
    struct trace *trace;
    struct source *sources[TRACE_PROCESSES_MOST];
    const struct trace_clock *pairs;
    size_t pair_count;
    struct open_spans *open; /* of each thread */
    size_t open_room, thread_room, object_room, info_room, place_room,
        process_room;                    /* of the lists */
    uint32_t *object_heads, *info_heads; /* hash tables: index + 1 */
    size_t object_heads_room, info_heads_room;
    struct wake *wakes;
    size_t wake_count, wake_room;
    uint64_t base; /* the earliest event, ns on the monotonic clock */
    bool failed;   /* memory ran out */
};

/* An event of a thread, read. */
struct happened {
    struct loader *loader;
    struct source *source;
    struct trace_thread *thread;
    struct open_spans *open;
    uint64_t time, object;
    uint32_t place; /* in trace->places */
    enum ring_kind kind;
};

/* tables.c. If memory runs out they set `failed`. */

/* array_has_room */
bool loader_grow(struct loader *loader, void *list, size_t count, size_t *room, size_t size);

/* Indices in the trace, of elements that are added if they are not there. UINT32_MAX or 0 if memory ran out. */
uint32_t loader_thread(struct loader *loader, struct source *source, uint32_t number);
uint32_t loader_object(struct loader *loader, uint32_t process, uint64_t object, uint32_t kind);
uint32_t loader_info(struct loader *loader, struct span_info info);

/* spans.c */
void spans_apply(const struct happened *event);
void spans_gap(const struct happened *event); /* events in front of it were lost */
void spans_settle(struct loader *loader);     /* all events were read */

#endif
