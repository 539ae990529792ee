/* The same tests with other carriers: included after the others by a test program whose tests are to
 * hold between threads, between fibers, and between both.
 *
 * TEST_CARRIER says what carries the body of a test, and what it starts by thrum_thread_start:
 *
 *     threads   the main thread, threads; the default
 *     fibers    a fiber, fibers of the same pool, which has two workers
 *     asyncio   the same with one worker
 *     mixed     the main thread, fibers
 *
 * The names of threads are put over by macros, so that a test is written once and for threads. What
 * makes sense for threads only begins with THREADS_ONLY.
 */
#ifndef TESTS_CARRIER_H
#define TESTS_CARRIER_H

#include "harness.h"
#include "support.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct carrier {
    thrum_thread *thread;
    thrum_future *future;
};

/* Set for tests that stop the program: they name threads, and are the same in every mode. */
static bool carrier_plain;

static inline bool carrier_is(const char *kind)
{
    if (carrier_plain)
        return strcmp("threads", kind) == 0;
    const char *wanted = getenv("TEST_CARRIER");
    return strcmp(wanted ? wanted : "threads", kind) == 0;
}

/* The pool of fibers, or NULL in the mode of threads. */
static inline thrum_executor *carrier_pool(void)
{
    static thrum_executor *pool;
    if (!pool && !carrier_is("threads")) {
        pool = thrum_fiber_pool_new(
            &(thrum_fiber_pool_options){.max_workers = carrier_is("asyncio") ? 1 : 2});
        CHECK(pool != NULL);
    }
    return pool;
}

static inline struct carrier *carrier_start_with(const thrum_thread_options *options,
                                                 thrum_task_fn *function, const void *arg,
                                                 size_t size)
{
    struct carrier *carrier = calloc(1, sizeof *carrier);
    thrum_executor *pool = carrier_pool();
    CHECK(carrier != NULL);
    if (pool)
        carrier->future = thrum_submit(pool, function, arg, size);
    else
        carrier->thread = thrum_thread_start_with(options, function, arg, size);
    return carrier;
}

static inline struct carrier *carrier_start(thrum_task_fn *function, const void *arg, size_t size)
{
    return carrier_start_with(NULL, function, arg, size);
}

static inline int carrier_result(struct carrier *carrier, void *ret_result, size_t size,
                                 thrum_deadline deadline)
{
    return carrier->future ? thrum_future_result(carrier->future, ret_result, size, deadline)
                           : thrum_thread_result(carrier->thread, ret_result, size, deadline);
}

static inline int carrier_join(struct carrier *carrier, thrum_deadline deadline)
{
    return carrier_result(carrier, NULL, 0, deadline);
}

static inline const thrum_error *carrier_error(struct carrier *carrier)
{
    return carrier->future ? thrum_future_error(carrier->future)
                           : thrum_thread_error(carrier->thread);
}

static inline int carrier_cancel(struct carrier *carrier)
{
    if (carrier->thread)
        return thrum_thread_cancel(carrier->thread);
    int rc = thrum_future_cancel(carrier->future);
    return rc == -EINPROGRESS ? 0 : rc;
}

static inline bool carrier_is_alive(struct carrier *carrier)
{
    return carrier->future ? !thrum_future_done(carrier->future)
                           : thrum_thread_is_alive(carrier->thread);
}

static inline void carrier_free(struct carrier *carrier)
{
    thrum_thread_free(carrier->thread);
    thrum_future_free(carrier->future);
    free(carrier);
}

static inline int carrier_call(thrum_task *self)
{
    void (*body)(void) = thrum_arg(self, void (*)(void));
    body();
    return 0;
}

/* Runs the body of a test where it is to run. */
static inline void carrier_run(void (*body)(void))
{
    if (carrier_is("threads") || carrier_is("mixed")) {
        body();
        return;
    }
    thrum_future *future = thrum_submit(carrier_pool(), carrier_call, &body, sizeof body);
    CHECK_INT(thrum_future_result(future, NULL, 0, THRUM_FOREVER), ==, 0);
    thrum_future_free(future);
}

#define THREADS_ONLY                                                                               \
    do {                                                                                           \
        if (!carrier_is("threads"))                                                                \
            return;                                                                                \
    } while (0)

/* The bodies of tests become functions of their own. */
#undef TEST
#undef TEST_DEADLINE
#undef TEST_STOPS
#define TEST(name)                   TEST_DEADLINE(name, TEST_DEADLINE_DEFAULT)
#define TEST_DEADLINE(name, seconds) CARRIER_TEST(name, seconds, NULL)
#define TEST_STOPS(name, text)       CARRIER_TEST(name, TEST_DEADLINE_DEFAULT, text)
#define CARRIER_TEST(name, seconds, text)                                                          \
    static void body_##name(void);                                                                 \
    TEST_DEFINE(name, seconds, text)                                                               \
    {                                                                                              \
        carrier_plain = (text) != NULL;                                                            \
        carrier_run(body_##name);                                                                  \
    }                                                                                              \
    static void body_##name(void)

#define thrum_thread            struct carrier
#define thrum_thread_start      carrier_start
#define thrum_thread_start_with carrier_start_with
#define thrum_thread_join       carrier_join
#define thrum_thread_result     carrier_result
#define thrum_thread_error      carrier_error
#define thrum_thread_cancel     carrier_cancel
#define thrum_thread_is_alive   carrier_is_alive
#define thrum_thread_free       carrier_free

#endif
