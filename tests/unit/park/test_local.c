#include "carrier.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

static uint32_t destroyed;

static void destroy(void *value)
{
    CHECK(value != NULL);
    free(value);
    thrum__add_relaxed(&destroyed, 1);
}

static thrum_local first = THRUM_LOCAL_INIT(destroy);
static thrum_local second;

static int use_own(thrum_task *self)
{
    (void)self;
    CHECK(thrum_local_get(&first) == NULL && thrum_local_get(&second) == NULL);
    CHECK_INT(thrum_local_set(&first, malloc(4)), ==, 0);
    CHECK_INT(thrum_local_set(&second, &second), ==, 0);
    CHECK(thrum_local_get(&first) != NULL && thrum_local_get(&second) == &second);
    return 0;
}

TEST(each_thread_has_its_own_and_the_end_destroys_it)
{
    int here;
    CHECK(thrum_local_get(&first) == NULL);
    CHECK_INT(thrum_local_set(&second, &here), ==, 0);
    for (int i = 0; i < 3; i++)
        JOIN(thrum_thread_start(use_own, THRUM_NOTHING), 0); /* fibers on one and the same stack */
    CHECK_INT(destroyed, ==, 3);
    CHECK(thrum_local_get(&second) == &here);
}

static void *use_own_foreign(void *unused)
{
    CHECK_INT(thrum_local_set(&first, malloc(4)), ==, 0);
    return unused;
}

TEST(a_thread_of_other_making_is_served_too)
{
    pthread_t thread;
    CHECK_INT(pthread_create(&thread, NULL, use_own_foreign, NULL), ==, 0);
    CHECK_INT(pthread_join(thread, NULL), ==, 0);
    CHECK_INT(destroyed, ==, 1);
}

/* The end of whoever has a value is told after the destructor has returned. */

static thrum_event gate;
static uint32_t destroyer;

static void wait_at_gate(void *value)
{
    tell_ident(value);
    CHECK_INT(thrum_event_wait(&gate, THRUM_FOREVER), ==, 0);
    thrum__add_relaxed(&destroyed, 1);
}

static thrum_local slow = THRUM_LOCAL_INIT(wait_at_gate);

static int use_slow(thrum_task *self)
{
    (void)self;
    return thrum_local_set(&slow, &destroyer);
}

TEST(a_join_comes_after_the_destructors)
{
    thrum_thread *thread = thrum_thread_start(use_slow, THRUM_NOTHING);
    UNTIL(waits_for(&destroyer, "event"));
    CHECK_INT(thrum_thread_join(thread, THRUM_NOW), ==, -EAGAIN);
    thrum_event_set(&gate);
    JOIN(thread, 0);
    CHECK_INT(destroyed, ==, 1);
}

static void set_again(void *value);
static thrum_local stubborn = THRUM_LOCAL_INIT(set_again);

static void set_again(void *value)
{
    thrum__add_relaxed(&destroyed, 1);
    CHECK_INT(thrum_local_set(&stubborn, value), ==, 0);
}

static int be_stubborn(thrum_task *self)
{
    return thrum_local_set(&stubborn, self);
}

TEST(a_destructor_that_sets_again_is_called_a_few_times)
{
    JOIN(thrum_thread_start(be_stubborn, THRUM_NOTHING), 0);
    CHECK_INT(destroyed, ==, 4);
}

TEST(many_variables_and_no_memory)
{
    static thrum_local many[100];
    for (uintptr_t i = 0; i < 100; i++) {
        thrum__fault_arm(THRUM__FAULT_ALLOC, 1, 1);
        int rc = thrum_local_set(&many[i], (void *)(i + 1));
        bool refused = thrum__fault_calls(THRUM__FAULT_ALLOC) > 0;
        thrum__fault_disarm(THRUM__FAULT_ALLOC);
        CHECK_INT(rc, ==, refused ? -ENOMEM : 0);
        if (refused)
            CHECK_INT(thrum_local_set(&many[i], (void *)(i + 1)), ==, 0);
    }
    for (uintptr_t i = 0; i < 100; i++)
        CHECK(thrum_local_get(&many[i]) == (void *)(i + 1));
    static thrum_local too_many[1100];
    int rc = 0;
    for (int i = 0; i < 1100 && rc == 0; i++)
        rc = thrum_local_set(&too_many[i], &rc);
    CHECK_INT(rc, ==, -ENOMEM);
}
