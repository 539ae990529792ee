/* The event between processes, and with it how many fibers wait at once for what processes share. */
#include "carrier.h"
#include "support_children.h"

#include <errno.h>
#include <stdlib.h>

struct common {
    thrum_shared_event event, answer;
    uint32_t waiting;
    int data;
};

static uint32_t ident;

TEST(an_event_is_set_and_cleared)
{
    thrum_shared_event event;
    thrum_shared_event_init(&event);
    CHECK(!thrum_shared_event_is_set(&event));
    CHECK_INT(thrum_shared_event_wait(&event, THRUM_NOW), ==, -EAGAIN);
    CHECK_INT(thrum_shared_event_wait(&event, thrum_in(0.001)), ==, -ETIMEDOUT);
    thrum_shared_event_set(&event);
    thrum_shared_event_set(&event);
    CHECK(thrum_shared_event_is_set(&event));
    CHECK_INT(thrum_shared_event_wait(&event, THRUM_NOW), ==, 0);
    thrum_shared_event_clear(&event);
    CHECK(!thrum_shared_event_is_set(&event));
    CHECK_INT(thrum_shared_event_wait(&event, THRUM_NOW), ==, -EAGAIN);
}

static void answer(void *argument)
{
    struct common *common = argument;
    for (;;) {
        CHECK_INT(thrum_shared_event_wait(&common->event, THRUM_FOREVER), ==, 0);
        thrum_shared_event_clear(&common->event);
        common->data++;
        thrum_shared_event_set(&common->answer);
    }
}

TEST(two_processes_take_turns)
{
    enum { TURNS = 1000 };
    struct common *common = common_new(sizeof *common);
    pid_t child = child_start(answer, common);
    for (int i = 0; i < TURNS; i++) {
        CHECK_INT(common->data, ==, i);
        thrum_shared_event_set(&common->event);
        CHECK_INT(thrum_shared_event_wait(&common->answer, THRUM_FOREVER), ==, 0);
        thrum_shared_event_clear(&common->answer);
    }
    child_kill(child);
}

static int wait_for_event(thrum_task *self)
{
    struct common *common = thrum_arg(self, struct common *);
    tell_ident(&ident);
    thrum__add_relaxed(&common->waiting, 1);
    return thrum_shared_event_wait(&common->event, THRUM_FOREVER);
}

TEST(a_set_that_is_taken_back_has_ended_the_wait)
{
    struct common *common = common_new(sizeof *common);
    thrum_thread *thread = thrum_thread_start(wait_for_event, thrum_value(struct common *, common));
    UNTIL(waits_for(&ident, "shared event"));
    thrum_shared_event_set(&common->event);
    thrum_shared_event_clear(&common->event);
    JOIN(thread, 0);
}

TEST(a_wait_for_a_shared_event_can_be_cancelled)
{
    struct common *common = common_new(sizeof *common);
    thrum_thread *thread = thrum_thread_start(wait_for_event, thrum_value(struct common *, common));
    UNTIL(waits_for(&ident, "shared event"));
    CHECK_INT(thrum_thread_cancel(thread), ==, 0);
    JOIN(thread, -ECANCELED);
}

static void wait_and_die(void *argument)
{
    struct common *common = argument;
    thrum__add_relaxed(&common->waiting, 1);
    CHECK_INT(thrum_shared_event_wait(&common->event, THRUM_FOREVER), ==, 0);
    child_stay();
}

static void set_event(void *argument)
{
    struct common *common = argument;
    thrum_shared_event_set(&common->event);
}

TEST(those_who_live_are_woken_whoever_was_killed)
{
    enum { DEAD = 3 };
    struct common *common = common_new(sizeof *common);
    pid_t children[DEAD];
    for (int i = 0; i < DEAD; i++)
        children[i] = child_start(wait_and_die, common);
    thrum_thread *thread = thrum_thread_start(wait_for_event, thrum_value(struct common *, common));
    UNTIL(thrum__load_relaxed(&common->waiting) == DEAD + 1);
    for (int i = 0; i < DEAD; i++)
        child_kill(children[i]);
    child_join(child_start(set_event, common));
    JOIN(thread, 0);
}

/* A set whose wake was never made, as by one who was killed in between. */
TEST(a_wake_that_never_came_is_made_good)
{
    struct common *common = common_new(sizeof *common);
    thrum_thread *thread = thrum_thread_start(wait_for_event, thrum_value(struct common *, common));
    UNTIL(waits_for(&ident, "shared event"));
    UNTIL(thrum__load_relaxed(&common->event.state_) & 2); /* WAITERS */
    thrum__store_release(&common->event.state_, 4 | 1);    /* one set, SET */
    JOIN(thread, 0);
}

static int wait_briefly(thrum_task *self)
{
    struct common *common = thrum_arg(self, struct common *);
    return thrum_shared_event_wait(&common->event, thrum_in(0.01));
}

static void crowd(struct common *common, thrum_task_fn *waits, int code)
{
    enum { CROWD = 300 };
    static thrum_thread *threads[CROWD];
    for (int i = 0; i < CROWD; i++)
        threads[i] = thrum_thread_start(waits, thrum_value(struct common *, common));
    if (code == 0) {
        UNTIL(thrum__load_relaxed(&common->waiting) == CROWD);
        child_join(child_start(set_event, common));
    }
    for (int i = 0; i < CROWD; i++)
        JOIN(threads[i], code);
}

TEST(hundreds_wait_at_once)
{
    struct common *common = common_new(sizeof *common);
    crowd(common, wait_briefly, -ETIMEDOUT);
    crowd(common, wait_for_event, 0);
}

TEST(hundreds_wait_at_once_on_an_old_kernel)
{
    struct common *common = common_new(sizeof *common);
    thrum__fault_arm_all(THRUM__FAULT_FUTEX_ANY, 1, UINT32_MAX);
    crowd(common, wait_briefly, -ETIMEDOUT);
    crowd(common, wait_for_event, 0);
}

TEST(no_thread_for_it_lets_a_wait_take_longer)
{
    struct common *common = common_new(sizeof *common);
    thrum_executor *pool = thrum_fiber_pool_new(&(thrum_fiber_pool_options){.max_workers = 1});
    thrum_future *first =
        thrum_submit(pool, wait_briefly, thrum_value(struct common *, common_new(sizeof *common)));
    CHECK_OUTCOME(thrum_future_result(first, NULL, 0, THRUM_FOREVER), thrum_future_error(first),
                  -ETIMEDOUT);
    thrum_future_free(first);
    thrum__fault_arm_all(THRUM__FAULT_THREAD_START, 1, UINT32_MAX);
    enum { CROWD = 200 }; /* more than one proxy has room for, which there may be */
    static thrum_future *futures[CROWD];
    for (int i = 0; i < CROWD; i++)
        futures[i] = thrum_submit(pool, wait_for_event, thrum_value(struct common *, common));
    UNTIL(thrum__load_relaxed(&common->waiting) == CROWD);
    thrum_shared_event_set(&common->event);
    for (int i = 0; i < CROWD; i++) {
        CHECK_INT(thrum_future_result(futures[i], NULL, 0, THRUM_FOREVER), ==, 0);
        thrum_future_free(futures[i]);
    }
    CHECK_INT(thrum__fault_calls(THRUM__FAULT_THREAD_START), >, 0);
    thrum__fault_disarm(THRUM__FAULT_THREAD_START);
    thrum_executor_shutdown(pool);
}
