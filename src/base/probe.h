/* Probes: where the engine tells a watcher what happens.
 *
 * A watcher (trace, lock order, deadlock detection) installs one table of functions; a probe is
 * then a call through it. Without a table a probe costs one predictable branch. The functions are
 * called on the thread or fiber concerned, must not block, and must not call the library.
 *
 * `object` is the address of the lock, queue and so on; `kind` its type, as in "lock".
 */
#ifndef THRUM_BASE_PROBE_H
#define THRUM_BASE_PROBE_H

#include <stdint.h>

typedef struct thrum__probes {
    void (*acquired)(const char *kind, const void *object);
    void (*released)(const char *kind, const void *object);
    void (*wait_begin)(const char *kind, const void *object);
    void (*wait_end)(const char *kind, const void *object, int outcome); /* 0 or negative errno */
    void (*task_begin)(const void *task);
    void (*task_end)(const void *task, int code);
    void (*thread_begin)(uint32_t ident, const char *name);
    void (*thread_end)(uint32_t ident);
} thrum__probes;

/* The table in force, or NULL. Installed before the threads that it is to watch; a table with a
 * NULL entry leaves that probe out. A table must stay valid for ever, as a thread may be inside
 * it. */
extern const thrum__probes *thrum__probe_table;
void thrum__probe_install(const thrum__probes *table);

/* Whether a probe watches: a fast path that checks first needs no registers for the call. */
#define thrum__probed()                                                                            \
    __builtin_expect(__atomic_load_n(&thrum__probe_table, __ATOMIC_ACQUIRE) != 0, 0)

#define thrum__probe(name, ...)                                                                    \
    do {                                                                                           \
        const thrum__probes *probes_ = __atomic_load_n(&thrum__probe_table, __ATOMIC_ACQUIRE);     \
        if (__builtin_expect(probes_ != 0, 0) && probes_->name)                                    \
            probes_->name(__VA_ARGS__);                                                            \
    } while (0)

#endif
