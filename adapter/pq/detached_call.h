/* A call that blocks, on an object with one owner, on a helper thread. The caller may give up
 * before it returns. */
#ifndef ADAPTER_PQ_DETACHED_CALL_H
#define ADAPTER_PQ_DETACHED_CALL_H

#include <thrum/time.h>

/* Runs `work(thing)` where it may block: in a fiber on a helper thread, in a thread at once.
 * Returns 0 once `work` has returned. A negative code, that of the error of thrum_blocking, means that
 * the caller must no longer use `thing`: `drop(thing)` was called, or will be once `work` has
 * returned. Blocks. */
int thrum_pq__detached_call(void (*work)(void *thing), void (*drop)(void *thing), void *thing,
                            thrum_deadline deadline);

#endif
