/* Process pools and processes where the system refuses: each call fails in turn, says so, leaves nothing
 * behind, and everything is usable afterwards. */
#include "harness.h"
#include "support.h"
#include "support_process.h"

#include <errno.h>
#include <string.h>

static struct wide {
    char bytes[3000];
} wide;

static int echo(thrum_task *self)
{
    size_t size = thrum_task_arg_size(self);
    return thrum_return(self, thrum_task_arg(self, size), size);
}

/* What a site's failure may come out as. */
static bool expected(enum thrum__fault_site site, int rc)
{
    switch (site) {
    case THRUM__FAULT_SPAWN:
    case THRUM__FAULT_THREAD_START:
        return rc == -EAGAIN;
    case THRUM__FAULT_ALLOC:
    case THRUM__FAULT_PAGES:
    case THRUM__FAULT_POLLER_ARM:
        return rc == -ENOMEM || rc == -ENOSPC;
    default:
        return rc == -EMFILE;
    }
}

/* Lets the n-th call of `site` fail, for n = 1, 2, ... until none did. `attempt` gives 0, the error that it
 * met, or 1 where it could not say which. */
static void fail_each(enum thrum__fault_site site, int (*attempt)(void), uint32_t least)
{
    for (uint32_t n = 1;; n++) {
        thrum__fault_arm_all(site, n, 1);
        int rc = attempt();
        bool failed = thrum__fault_calls(site) >= n;
        thrum__fault_disarm(site);
        CHECK_INT(live_children(), ==, 0);
        if (!failed) {
            CHECK_INT(rc, ==, 0);
            CHECK_INT(n, >, least);
            return;
        }
        if (rc != 0 && rc != 1)
            CHECK(expected(site, rc));
    }
}

static int use_pool_twice(void)
{
    struct wide result;
    thrum_executor *pool = thrum_process_pool_new(&(thrum_process_pool_options){.max_workers = 1});
    if (!pool)
        return 1;
    thrum_future *future = thrum_submit(pool, echo, &wide, sizeof wide);
    int rc = OUTCOME_CODE(thrum_future_result(future, &result, sizeof result, THRUM_FOREVER),
                          thrum_future_error(future));
    bool broken = false; /* without a reaper the pool has no use, and another takes its place */
    if (rc < 0) {
        CHECK(thrum_future_error(future)->message[0] != '\0');
        broken = strstr(thrum_future_error(future)->message, "the pool is broken") != NULL;
    }
    thrum_future_free(future);
    if (broken) {
        thrum_executor_shutdown(pool);
        pool = thrum_process_pool_new(&(thrum_process_pool_options){.max_workers = 1});
    }
    if (rc < 0) { /* it was one failure, and the pool can be used after it */
        future = thrum_submit(pool, echo, &wide, sizeof wide);
        CHECK_INT(thrum_future_result(future, &result, sizeof result, THRUM_FOREVER), ==, 0);
        thrum_future_free(future);
    }
    thrum_executor_shutdown(pool);
    return rc;
}

static int use_process(void)
{
    struct wide result;
    thrum_process *process = thrum_process_start(echo, &wide, sizeof wide);
    int rc = OUTCOME_CODE(thrum_process_result(process, &result, sizeof result, THRUM_FOREVER),
                          thrum_process_error(process));
    const thrum_error *error = thrum_process_error(process);
    CHECK_INT(error ? error->code : 0, ==, rc);
    thrum_process_free(process);
    return rc;
}

TEST(a_pool_outlives_a_start_that_is_refused)
{
    fail_each(THRUM__FAULT_SPAWN, use_pool_twice, 1);
    fail_each(THRUM__FAULT_PIDFD, use_pool_twice, 1);
}

TEST(a_pool_outlives_shared_memory_that_is_refused)
{
    fail_each(THRUM__FAULT_SHARED_PAGES, use_pool_twice, 1);
    fail_each(THRUM__FAULT_PAGES, use_pool_twice, 1);
}

TEST(a_reaper_without_descriptors_breaks_the_pool)
{
    fail_each(THRUM__FAULT_POLLER, use_pool_twice, 1); /* the reaper's, at the first pool */
    fail_each(THRUM__FAULT_POLLER_ARM, use_pool_twice, 1);
}

TEST(a_reaper_that_cannot_start_breaks_the_pool)
{
    fail_each(THRUM__FAULT_THREAD_START, use_pool_twice, 1);
}

TEST(a_pool_outlives_lack_of_memory)
{
    fail_each(THRUM__FAULT_ALLOC, use_pool_twice, 5);
}

TEST(a_process_that_cannot_be_started_says_so)
{
    fail_each(THRUM__FAULT_SPAWN, use_process, 1);
    fail_each(THRUM__FAULT_PIDFD, use_process, 1);
    fail_each(THRUM__FAULT_SHARED_PAGES, use_process, 1);
    fail_each(THRUM__FAULT_PAGES, use_process, 1);
    fail_each(THRUM__FAULT_ALLOC, use_process, 3);
}

TEST(nothing_is_left_of_refused_starts)
{
    CHECK_INT(use_process(), ==, 0);
    int before = open_descriptors();
    for (int i = 0; i < 3; i++) {
        thrum__fault_arm_all(i == 0   ? THRUM__FAULT_SPAWN
                             : i == 1 ? THRUM__FAULT_PIDFD
                                      : THRUM__FAULT_SHARED_PAGES,
                             1, 1);
        CHECK_INT(use_process(), <, 0);
    }
    UNTIL(open_descriptors() <= before);
}

TEST(others_go_on_when_another_worker_is_refused)
{
    enum { COUNT = 50 };
    thrum_executor *pool = process_pool(.max_workers = 4);
    thrum_future *futures[COUNT];
    CHECK_INT(result_of(thrum_submit(pool, echo, THRUM_NOTHING), NULL, 0), ==, 0);
    thrum__fault_arm_all(THRUM__FAULT_SPAWN, 1, UINT32_MAX);
    for (int i = 0; i < COUNT; i++)
        futures[i] = thrum_submit(pool, echo, THRUM_NOTHING);
    for (int i = 0; i < COUNT; i++)
        CHECK_INT(result_of(futures[i], NULL, 0), ==, 0);
    thrum__fault_disarm(THRUM__FAULT_SPAWN);
    thrum_executor_shutdown(pool);
}
