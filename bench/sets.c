#include "sets.h"

extern const struct bench_set bench_set_lock, bench_set_wait, bench_set_barrier, bench_set_thread,
    bench_set_queue, bench_set_select, bench_set_pool, bench_set_parallel, bench_set_process,
    bench_set_shared, bench_set_fiber;

const struct bench_set *const bench_sets[] = {
    &bench_set_lock,    &bench_set_wait,   &bench_set_barrier, &bench_set_thread,
    &bench_set_queue,   &bench_set_select, &bench_set_pool,    &bench_set_parallel,
    &bench_set_process, &bench_set_shared, &bench_set_fiber,   NULL,
};
