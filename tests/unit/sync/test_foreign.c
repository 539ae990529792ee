/* Threads that thrum did not start, and that come and go: each makes its context in its first call of
 * thrum, and gives its ident back at its end, for the next one. */
#include "harness.h"
#include "support.h"

#include <errno.h>
#include <pthread.h>
#include <thrum.h>

enum { CROWD = 6, GENERATIONS = 1500 };

static thrum_lock lock;
static thrum_rlock rlock;
static thrum_rwlock rwlock;
static thrum_shared_lock shared_lock;
static thrum_semaphore one = THRUM_SEMAPHORE_INIT(1);
static uint32_t inside; /* how many are in the section that the tested lock protects */
static uint32_t entered, refused;

static void enter(void)
{
    CHECK_INT(thrum__add_relaxed(&inside, 1), ==, 0);
    thrum__add_relaxed(&entered, 1);
}

static void leave(void)
{
    CHECK_INT(thrum__sub_relaxed(&inside, 1), ==, 1);
}

/* Starts GENERATIONS threads that call `visit`, CROWD of them at a time, and each with the number of its
 * start. Nothing before `visit` calls thrum. */
static void come_and_go(void *(*visit)(void *number))
{
    pthread_t crowd[CROWD];
    for (uintptr_t i = 0; i < GENERATIONS; i++) {
        if (i >= CROWD)
            CHECK_INT(pthread_join(crowd[i % CROWD], NULL), ==, 0);
        CHECK_INT(pthread_create(&crowd[i % CROWD], NULL, visit, (void *)i), ==, 0);
    }
    for (int i = 0; i < CROWD; i++)
        CHECK_INT(pthread_join(crowd[i], NULL), ==, 0);
    CHECK_INT(entered + refused, ==, GENERATIONS);
    CHECK_INT(entered, >, 0);
}

/* Of four that come one tries and one gives a deadline. */
#define VISIT(acquire, acquire_until, try, object)                                                 \
    int rc = 0;                                                                                    \
    switch ((uintptr_t)number % 4) {                                                               \
    case 0:                                                                                        \
        rc = try(object);                                                                          \
        break;                                                                                     \
    case 1:                                                                                        \
        rc = acquire_until(object, thrum_in(60));                                                  \
        CHECK_INT(rc, ==, 0);                                                                      \
        break;                                                                                     \
    default:                                                                                       \
        acquire(object);                                                                           \
    }                                                                                              \
    if (rc == -EAGAIN)                                                                             \
        thrum__add_relaxed(&refused, 1);                                                           \
    else                                                                                           \
        CHECK_INT(rc, ==, 0);                                                                      \
    if (rc < 0)                                                                                    \
    return NULL

static void *visit_lock(void *number)
{
    VISIT(thrum_lock_acquire, thrum_lock_acquire_until, thrum_lock_try, &lock);
    enter();
    CHECK(thrum_lock_owned(&lock));
    leave();
    thrum_lock_release(&lock);
    return NULL;
}

TEST_DEADLINE(a_lock_serves_threads_that_come_and_go, 60)
{
    come_and_go(visit_lock);
    CHECK(!thrum_lock_locked(&lock));
}

static void *visit_rlock(void *number)
{
    VISIT(thrum_rlock_acquire, thrum_rlock_acquire_until, thrum_rlock_try, &rlock);
    CHECK_INT(thrum_rlock_depth(&rlock), ==, 1);
    enter();
    CHECK_INT(thrum_rlock_try(&rlock), ==, 0);
    thrum_rlock_release(&rlock);
    leave();
    thrum_rlock_release(&rlock);
    return NULL;
}

TEST_DEADLINE(a_reentrant_lock_serves_threads_that_come_and_go, 60)
{
    come_and_go(visit_rlock);
    CHECK(!thrum_rlock_locked(&rlock));
}

static void *visit_rwlock(void *number)
{
    VISIT(thrum_rwlock_acquire_write, thrum_rwlock_acquire_write_until, thrum_rwlock_try_write,
          &rwlock);
    enter();
    leave();
    thrum_rwlock_release_write(&rwlock);
    return NULL;
}

TEST_DEADLINE(a_readers_writer_lock_serves_threads_that_come_and_go, 60)
{
    come_and_go(visit_rwlock);
    CHECK_INT(thrum_rwlock_readers(&rwlock), ==, 0);
}

static void acquire_shared(thrum_shared_lock *shared)
{
    CHECK_INT(thrum_shared_lock_acquire(shared), ==, 0);
}

static void *visit_shared_lock(void *number)
{
    VISIT(acquire_shared, thrum_shared_lock_acquire_until, thrum_shared_lock_try, &shared_lock);
    enter();
    CHECK(thrum_shared_lock_owned(&shared_lock));
    leave();
    thrum_shared_lock_release(&shared_lock);
    return NULL;
}

TEST_DEADLINE(a_shared_lock_serves_threads_that_come_and_go, 60)
{
    come_and_go(visit_shared_lock);
    CHECK_INT(thrum_shared_lock_holder(&shared_lock), ==, 0);
}

static void *visit_semaphore(void *number)
{
    VISIT(thrum_semaphore_acquire, thrum_semaphore_acquire_until, thrum_semaphore_try, &one);
    enter();
    leave();
    thrum_semaphore_release(&one, 1);
    return NULL;
}

TEST_DEADLINE(a_semaphore_serves_threads_that_come_and_go, 60)
{
    come_and_go(visit_semaphore);
    CHECK_INT(thrum_semaphore_value(&one), ==, 1);
}

/* A thread without a context asks, and gets none by that. */

static void *ask(void *number)
{
    (void)number;
    CHECK(!thrum_lock_owned(&lock));
    CHECK_INT(thrum_rlock_depth(&rlock), ==, 0);
    CHECK(!thrum_shared_lock_owned(&shared_lock));
    CHECK(thrum__local() == NULL);
    return NULL;
}

TEST(a_thread_that_never_held_a_lock_owns_none)
{
    pthread_t thread;
    CHECK_INT(pthread_create(&thread, NULL, ask, NULL), ==, 0);
    CHECK_INT(pthread_join(thread, NULL), ==, 0);
}

/* Nobody joins these: the end of one and the first call of another are ordered by nothing. */

enum { CHAINS = 4, LINKS = 200 };

static uint32_t links, chains_left = CHAINS;
static thrum_event all_ended;

static void *be_a_link(void *number)
{
    thrum_lock_acquire(&lock);
    enter();
    leave();
    thrum_lock_release(&lock);
    thrum__add_relaxed(&links, 1);
    uintptr_t left = (uintptr_t)number;
    pthread_t next;
    if (left) {
        CHECK_INT(pthread_create(&next, NULL, be_a_link, (void *)(left - 1)), ==, 0);
        CHECK_INT(pthread_detach(next), ==, 0);
    } else if (thrum__sub_acq_rel(&chains_left, 1) == 1) {
        thrum_event_set(&all_ended);
    }
    return NULL;
}

TEST(threads_that_start_each_other_end_in_any_order)
{
    pthread_t first;
    for (int i = 0; i < CHAINS; i++) {
        CHECK_INT(pthread_create(&first, NULL, be_a_link, (void *)(uintptr_t)(LINKS - 1)), ==, 0);
        CHECK_INT(pthread_detach(first), ==, 0);
    }
    CHECK_INT(thrum_event_wait(&all_ended, THRUM_FOREVER), ==, 0);
    CHECK_INT(links, ==, CHAINS * LINKS);
}
