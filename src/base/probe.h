/* Probes: where the library tells a watcher what happens to its objects and tasks.
 *
 * The watcher is the library that `thrum doctor -- PROGRAM` preloads (doctor/preload/hook_thrum.c), or that of
 * `thrum explore` (doctor/schedule/hook_thrum.c), in which a probe may run other threads before it returns. Its
 * hooks see pthreads alone. Between fibers, and inside of the library's own objects, they would see
 * nothing. So the watcher exports one table of functions, and a probe is a call through it. Without a
 * table, a probe costs one predictable branch.
 *
 * The table is found before the program begins to run, and only if the environment says that a watcher is there
 * (probe.c). It is never replaced. The name of its symbol has its version, so a library never calls a
 * table of another layout.
 *
 * The functions are called on the thread or fiber concerned, never while the library holds an internal
 * guard. They do not wait for another thread, and do not call the library. They may change errno no more than the call itself may.
 *
 * The order of calls:
 *
 *     an object     made, then wanted, acquired and released, then gone. Each but `acquired` may be missing:
 *                   an all-zero object is valid, and many an acquisition does not wait.
 *     `wanted`      before the wait, so that a wait that never ends has been told
 *     `told`        before what it tells can be seen; `learned` after it was seen
 *     a task        submitted, then task_begin and task_end, then task_awaited by each context that has seen its
 *                   end. A task that was not submitted is a part of what runs it. Without a task_begin,
 *                   task_end (with `outer` 0) says that a task will never run.
 *     a fiber       leave before it is switched out, arrive after it has come back, on the same thread
 */
#ifndef THRUM_BASE_PROBE_H
#define THRUM_BASE_PROBE_H

#include <stddef.h>
#include <stdint.h>

enum thrum__probe_kind {
    THRUM__PROBE_LOCK,
    THRUM__PROBE_RWLOCK,
    THRUM__PROBE_SEMAPHORE,
    THRUM__PROBE_CONDITION,
    THRUM__PROBE_BARRIER,
    THRUM__PROBE_EVENT,
    THRUM__PROBE_QUEUE,
    THRUM__PROBE_GROUP, /* of tasks that are waited for together */
    THRUM__PROBE_KINDS,
};

/* How an object is acquired. */
enum {
    THRUM__PROBE_READ = 1,  /* a rwlock, for reading */
    THRUM__PROBE_TRY = 2,   /* without a wait */
    THRUM__PROBE_LIMIT = 4, /* with a time limit */
    THRUM__PROBE_AGAIN = 8, /* after a wait for a condition */
};

/* What the watcher keeps from the begin of a wait to its end. */
typedef struct thrum__probe_wait {
    uint64_t words[4];
} thrum__probe_wait;

/* `place` is an address in the caller's code, or NULL. `value` is how many permits a semaphore has, how
 * many parties a barrier; else 0. */
typedef struct thrum__probes {
    void (*made)(enum thrum__probe_kind kind, const void *object, uint64_t value,
                 const void *place);
    void (*gone)(enum thrum__probe_kind kind, const void *object, const void *place);
    void (*wanted)(enum thrum__probe_kind kind, const void *object, unsigned mode,
                   const void *place, uint64_t value);
    void (*acquired)(enum thrum__probe_kind kind, const void *object, unsigned mode,
                     const void *place, uint64_t value);
    void (*released)(enum thrum__probe_kind kind, const void *object, uint64_t value);
    void (*told)(enum thrum__probe_kind kind, const void *object, uint64_t count);
    void (*learned)(enum thrum__probe_kind kind, const void *object, uint64_t count);

    /* Around each sleep. `name` is what park.h calls the kind; `outcome` 0 or a negative errno. */
    void (*wait_begin)(const char *name, const void *object, thrum__probe_wait *wait);
    void (*wait_end)(const char *name, const void *object, int outcome, thrum__probe_wait *wait);

    void (*submitted)(const void *task);
    uint64_t (*task_begin)(const void *task, const void *function);
    void (*task_end)(const void *task, int code, uint64_t outer); /* outer: from task_begin */
    void (*task_awaited)(const void *task);
    void (*unread)(const char *name, int code); /* a failure that nobody has asked for */

    uint64_t (*leave)(void);
    void (*arrive)(uint64_t left); /* left: from leave */

    void (*named)(const void *object, size_t size, const char *text); /* text NULL: no more */
} thrum__probes;

#define THRUM__PROBES_SYMBOL thrum_doctor_probes_1

extern const thrum__probes THRUM__PROBES_SYMBOL __attribute__((visibility("default")));

/* The table in force, or NULL. All its entries are set. */
extern const thrum__probes *thrum__probe_table;

/* Whether a probe watches: a fast path that checks first needs no registers for the call. */
#define thrum__probed() __builtin_expect(thrum__probe_table != NULL, 0)

#define thrum__probe(name, ...)                                                                    \
    do {                                                                                           \
        if (thrum__probed())                                                                       \
            thrum__probe_table->name(__VA_ARGS__);                                                 \
    } while (0)

#endif
