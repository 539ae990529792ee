/* thrum: Python's threading, queue, concurrent.futures, multiprocessing and asyncio for C.
 *
 * This header includes the whole library. Each part has a header of its own, which explains its
 * concept and lists every return code.
 *
 * Three rules hold everywhere:
 *
 *  - A function that can fail returns 0 or a negative errno: -ETIMEDOUT, -EAGAIN for "would block",
 *    -EPIPE for "closed", -ECANCELED, -EDEADLK, -ENOMEM. The variable errno has no meaning after a
 *    call.
 *  - A wait takes an absolute deadline: thrum_in(0.5), THRUM_NOW or THRUM_FOREVER. A function that
 *    may wait without one says so. These are the plain acquires, which have a form with a deadline;
 *    thrum_once_run; the end of pools, groups and periodic tasks; fork-join; a submit to a full
 *    backlog.
 *  - A mistake of the program, such as releasing a lock that the caller does not hold, stops the
 *    program with a message that names the object, the thread and the place.
 */
#ifndef THRUM_H
#define THRUM_H

#include <thrum/barrier.h>
#include <thrum/blocking.h>
#include <thrum/circuit_breaker.h>
#include <thrum/condition.h>
#include <thrum/deque.h>
#include <thrum/driver.h>
#include <thrum/error.h>
#include <thrum/event.h>
#include <thrum/executor.h>
#include <thrum/fiber.h>
#include <thrum/future.h>
#include <thrum/group.h>
#include <thrum/keyed_rate_limiter.h>
#include <thrum/local.h>
#include <thrum/lock.h>
#include <thrum/name.h>
#include <thrum/once.h>
#include <thrum/parallel.h>
#include <thrum/periodic.h>
#include <thrum/pipe.h>
#include <thrum/process.h>
#include <thrum/process_pool.h>
#include <thrum/queue.h>
#include <thrum/rate_limiter.h>
#include <thrum/retry.h>
#include <thrum/rlock.h>
#include <thrum/rwlock.h>
#include <thrum/select.h>
#include <thrum/semaphore.h>
#include <thrum/shared_barrier.h>
#include <thrum/shared_condition.h>
#include <thrum/shared_event.h>
#include <thrum/shared_lock.h>
#include <thrum/shared_memory.h>
#include <thrum/shared_queue.h>
#include <thrum/shared_rlock.h>
#include <thrum/shared_semaphore.h>
#include <thrum/signals.h>
#include <thrum/socket.h>
#include <thrum/stream.h>
#include <thrum/task.h>
#include <thrum/task_name.h>
#include <thrum/thread.h>
#include <thrum/time.h>
#include <thrum/timer.h>
#include <thrum/version.h>
#include <thrum/with.h>

#endif
