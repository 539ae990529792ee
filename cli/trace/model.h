/* A trace as threads with spans: what `view`, `export` and `diff` work on. */
#ifndef CLI_TRACE_MODEL_H
#define CLI_TRACE_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <thrum.h>

enum span_what {
    SPAN_WAIT,
    SPAN_HOLD,
    SPAN_CALL,
    SPAN_TASK,
    SPAN_LOST, /* events are missing: it is not known what the thread did */
    SPAN_WHATS
};

/* What spans have in common: each combination once. */
struct span_info {
    uint8_t what;
    uint8_t call;       /* of enum ring_call, for SPAN_CALL */
    uint8_t kind;       /* of enum lock_kind */
    uint8_t mode;       /* MODE_ of doctor/preload/region.h */
    uint32_t object;    /* index; 0: none */
    uint32_t place;     /* index; 0: none */
    int32_t descriptor; /* for SPAN_CALL; -1: none */
    const char *label;  /* its name, if it is not made of the rest; or NULL */
};

enum {
    LANE_STATE = 0, /* waits and calls */
    LANE_HELD = 1,  /* locks, each in the lowest lane that is free */
    LANE_HELD_MOST = 16,
    LANE_TASK = 17,
    LANE_FIBER = 24, /* waits of fibers that have left their worker */
    LANES = 32,
    LANE_NONE = 255, /* more fibers wait than are shown */
};

struct span {
    uint64_t begin, end; /* ns since the begin of the trace */
    uint32_t info;
    uint8_t lane;
    bool open_begin, open_end; /* it began before, or ended after, what is in the trace */
};

struct trace_thread {
    uint32_t process, index, tid, parent, flags;
    const char *name, *start; /* start: the function that it runs, or NULL */
    const char *label;        /* its name, if it is not made of the rest; or NULL */
    struct span *spans;       /* by lane, then by begin */
    size_t count, room;
    uint64_t first, last; /* the time of its first and last event */
    uint64_t lost;        /* events that are not in the trace */
    uint64_t events;
    uint64_t began, ended; /* UINT64_MAX: not in the trace */
};

struct trace_object {
    uint32_t process;
    uint64_t
        object; /* its address without the two lower bits; for a join, the number of a thread */
    uint32_t kind;
    const char *name;     /* "accounts"; or NULL */
    uint32_t first_place; /* where it was first seen; 0: not known */
    uint64_t waits, wait_time, longest, holds, hold_time;
};

struct trace_place {
    const char *place, *stack; /* or NULL */
    uint32_t process, kind, mode;
};

struct trace_process_info {
    uint32_t pid, parent;
    const char *program;
    bool complete; /* the file has all of it */
};

/* One thread made another one go on. */
struct arrow {
    uint32_t from, to; /* threads */
    uint64_t at, until;
    uint32_t span; /* of the wait that ended, in the thread `to`; UINT32_MAX: the thread began */
};

struct trace {
    struct trace_process_info *processes;
    struct trace_thread *threads;
    struct trace_object *objects; /* from 1 */
    struct trace_place *places;   /* from 1 */
    struct span_info *infos;
    struct arrow *arrows;
    size_t process_count, thread_count, object_count, place_count, info_count, arrow_count;
    size_t span_count;
    uint64_t length; /* ns */
    uint64_t events, lost;
    bool all, cut; /* cut: the file ends in the middle */
    char *bytes;   /* the file */
    size_t size;
};

/* Reads a file. Returns 0 or a negative errno, with the reason in `ret_error`; trace_free is needed in the first case only. */
int trace_load(const char *path, struct trace *ret_trace, thrum_error *ret_error);
int trace_parse(char *bytes, size_t size, const char *path, struct trace *ret_trace,
                thrum_error *ret_error); /* takes the bytes, which malloc gave */
void trace_free(struct trace *trace);

/* "mutex accounts", "read(3)", "waits for condition changed". */
void trace_info_name(const struct trace *trace, const struct span_info *info, char *text,
                     size_t size);

/* "mutex accounts"; the same in each run if it can be, unless an address is wanted. */
void trace_object_name(const struct trace *trace, uint32_t object, bool address, char *text,
                       size_t size);
void trace_thread_name(const struct trace *trace, uint32_t thread, char *text, size_t size);

/* arrows.c */
struct wake {
    uint32_t process, thread;
    uint64_t object, time;
    uint8_t kind; /* of enum ring_kind */
    bool used;
};

/* Finds who ended which wait. Sorts and uses up the wakes. Returns 0 or -ENOMEM. */
int arrows_find(struct trace *trace, struct wake *wakes, size_t count);

/* Objects of joins are the numbers of threads: in `wake.object` they have this bit. */
#define WAKE_THREAD (UINT64_C(1) << 63)

#endif
