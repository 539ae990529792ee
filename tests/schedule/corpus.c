/* Small programs for `thrum explore`: each "bad_" one fails under some schedule, no "good_" one does.
 *
 * They are written as people write them: with a flag, a counter or a check in the wrong place. A bad
 * program fails by a deadlock, an assertion, a crash, or its exit status. `corpus NAME` runs one;
 * `corpus` lists all.
 */
#include "cases.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#define LOCK(m)   pthread_mutex_lock(&(m))
#define UNLOCK(m) pthread_mutex_unlock(&(m))

static void nap(long ms)
{
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&time, NULL);
}

static struct timespec after(clockid_t clock, long ms)
{
    struct timespec time;
    clock_gettime(clock, &time);
    time.tv_sec += ms / 1000;
    time.tv_nsec += ms % 1000 * 1000000;
    if (time.tv_nsec >= 1000000000) {
        time.tv_sec++;
        time.tv_nsec -= 1000000000;
    }
    return time;
}

static pthread_mutex_t a = PTHREAD_MUTEX_INITIALIZER, b = PTHREAD_MUTEX_INITIALIZER,
                       c = PTHREAD_MUTEX_INITIALIZER, d = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER, other = PTHREAD_COND_INITIALIZER;
static pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER, rw2 = PTHREAD_RWLOCK_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static sem_t sem, sem2;
static pthread_barrier_t barrier;
static int value, items, turn, ready, balance[4];

/* ---- orders of locks ---- */

struct pair {
    pthread_mutex_t *first, *second;
};

static void *take_two(void *argument)
{
    const struct pair *pair = argument;
    pthread_mutex_lock(pair->first);
    pthread_mutex_lock(pair->second);
    value++;
    pthread_mutex_unlock(pair->second);
    pthread_mutex_unlock(pair->first);
    return NULL;
}

static void bad_two_orders(void)
{
    static struct pair one = {&a, &b}, two = {&b, &a};
    go(take_two, &one);
    go(take_two, &two);
    join_all();
}

static void good_one_order(void)
{
    static struct pair one = {&a, &b}, two = {&a, &b};
    go(take_two, &one);
    go(take_two, &two);
    join_all();
    assert(value == 2);
}

static void bad_circle_of_three(void)
{
    static struct pair one = {&a, &b}, two = {&b, &c}, three = {&c, &a};
    go(take_two, &one);
    go(take_two, &two);
    go(take_two, &three);
    join_all();
}

static void bad_circle_of_four(void)
{
    static struct pair one = {&a, &b}, two = {&b, &c}, three = {&c, &d}, four = {&d, &a};
    go(take_two, &one);
    go(take_two, &two);
    go(take_two, &three);
    go(take_two, &four);
    join_all();
}

/* Each needs its left lock before any has its right one. */
static void bad_circle_of_seven(void)
{
    static pthread_mutex_t forks[7];
    static struct pair both[7];
    for (int i = 0; i < 7; i++)
        pthread_mutex_init(&forks[i], NULL);
    for (int i = 0; i < 7; i++) {
        both[i] = (struct pair){&forks[i], &forks[(i + 1) % 7]};
        go(take_two, &both[i]);
    }
    join_all();
}

/* One thread reads between the two steps of the first of a hundred others. */
static int begun, done_after;

static void *begin_and_follow(void *argument)
{
    LOCK(a);
    begun = 1;
    UNLOCK(a);
    LOCK(b);
    done_after = begun + 1;
    UNLOCK(b);
    return argument;
}

static void *expect_both(void *argument)
{
    LOCK(a);
    int first = begun;
    UNLOCK(a);
    if (first == 0)
        return argument;
    LOCK(b);
    assert(done_after == first + 1);
    UNLOCK(b);
    return argument;
}

static void bad_one_among_a_hundred(void)
{
    for (int i = 0; i < 99; i++)
        go(begin_and_follow, NULL);
    go(expect_both, NULL);
    join_all();
}

static void *guarded(void *argument)
{
    LOCK(d);
    take_two(argument);
    UNLOCK(d);
    return NULL;
}

static void good_guarded_circle(void)
{
    static struct pair one = {&a, &b}, two = {&b, &a};
    go(guarded, &one);
    go(guarded, &two);
    join_all();
}

static void *take_two_later(void *argument)
{
    nap(100); /* as if that were an order */
    return take_two(argument);
}

static void bad_sleep_as_order(void)
{
    static struct pair one = {&a, &b}, two = {&b, &a};
    go(take_two, &one);
    go(take_two_later, &two);
    join_all();
}

static void *philosopher(void *argument)
{
    int seat = *(int *)argument;
    static pthread_mutex_t forks[3] = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER,
                                       PTHREAD_MUTEX_INITIALIZER};
    LOCK(forks[seat]);
    LOCK(forks[(seat + 1) % 3]);
    UNLOCK(forks[(seat + 1) % 3]);
    UNLOCK(forks[seat]);
    return NULL;
}

static void bad_philosophers(void)
{
    static int seats[3] = {0, 1, 2};
    for (int i = 0; i < 3; i++)
        go(philosopher, &seats[i]);
    join_all();
}

static void *polite(void *argument)
{
    const struct pair *pair = argument;
    for (;;) {
        pthread_mutex_lock(pair->first);
        if (pthread_mutex_trylock(pair->second) == 0)
            break;
        pthread_mutex_unlock(pair->first);
        sched_yield();
    }
    value++;
    pthread_mutex_unlock(pair->second);
    pthread_mutex_unlock(pair->first);
    return NULL;
}

static void good_try_and_back_off(void)
{
    static struct pair one = {&a, &b}, two = {&b, &a};
    go(polite, &one);
    go(polite, &two);
    join_all();
    assert(value == 2);
}

static void *read_then_lock(void *argument)
{
    (void)argument;
    pthread_rwlock_rdlock(&rw);
    LOCK(a);
    UNLOCK(a);
    pthread_rwlock_unlock(&rw);
    return NULL;
}

static void *lock_then_write(void *argument)
{
    (void)argument;
    LOCK(a);
    pthread_rwlock_wrlock(&rw);
    pthread_rwlock_unlock(&rw);
    UNLOCK(a);
    return NULL;
}

static void bad_rwlock_and_mutex(void)
{
    go(read_then_lock, NULL);
    go(lock_then_write, NULL);
    join_all();
}

static void *write_two(void *argument)
{
    bool turned = argument != NULL;
    pthread_rwlock_wrlock(turned ? &rw2 : &rw);
    pthread_rwlock_wrlock(turned ? &rw : &rw2);
    pthread_rwlock_unlock(&rw);
    pthread_rwlock_unlock(&rw2);
    return NULL;
}

static void bad_two_rwlocks(void)
{
    go(write_two, NULL);
    go(write_two, &value);
    join_all();
}

static void *read_two(void *argument)
{
    bool turned = argument != NULL;
    pthread_rwlock_rdlock(turned ? &rw2 : &rw);
    pthread_rwlock_rdlock(turned ? &rw : &rw2);
    pthread_rwlock_unlock(&rw);
    pthread_rwlock_unlock(&rw2);
    return NULL;
}

static void good_two_readers(void)
{
    go(read_two, NULL);
    go(read_two, &value);
    join_all();
}

static void *forgets_unlock(void *argument)
{
    LOCK(a);
    if (items > 0 && argument == NULL)
        return NULL; /* the early return */
    items++;
    UNLOCK(a);
    return NULL;
}

static void bad_early_return(void)
{
    go(forgets_unlock, NULL);
    go(forgets_unlock, &value);
    join_all();
    LOCK(a);
}

static void *joins_with_lock(void *argument)
{
    LOCK(a);
    UNLOCK(a);
    return argument;
}

static void bad_join_with_lock(void)
{
    go(joins_with_lock, NULL);
    LOCK(a);
    join_all();
    UNLOCK(a);
}

static void report_ready(void)
{
    LOCK(a);
    items++;
    UNLOCK(a);
}

static void *calls_back_with_lock(void *argument)
{
    LOCK(a);
    if (ready)
        report_ready(); /* it takes the same lock */
    UNLOCK(a);
    return argument;
}

static void *becomes_ready(void *argument)
{
    LOCK(a);
    ready = 1;
    UNLOCK(a);
    return argument;
}

static void bad_callback_with_lock(void)
{
    go(calls_back_with_lock, NULL);
    go(becomes_ready, NULL);
    join_all();
}

/* ---- checks and acts ---- */

static void *withdraw(void *argument)
{
    LOCK(a);
    bool enough = balance[0] >= 80;
    UNLOCK(a);
    if (enough) {
        LOCK(a);
        balance[0] -= 80;
        UNLOCK(a);
    }
    return argument;
}

static void bad_check_then_act(void)
{
    balance[0] = 100;
    go(withdraw, NULL);
    go(withdraw, NULL);
    join_all();
    assert(balance[0] >= 0);
}

static void *withdraw_safely(void *argument)
{
    LOCK(a);
    if (balance[0] >= 80)
        balance[0] -= 80;
    UNLOCK(a);
    return argument;
}

static void good_check_and_act(void)
{
    balance[0] = 100;
    go(withdraw_safely, NULL);
    go(withdraw_safely, NULL);
    join_all();
    assert(balance[0] == 20);
}

static void *add_in_two_parts(void *argument)
{
    LOCK(a);
    int old = value;
    UNLOCK(a);
    LOCK(a);
    value = old + 1;
    UNLOCK(a);
    return argument;
}

static void bad_split_increment(void)
{
    go(add_in_two_parts, NULL);
    go(add_in_two_parts, NULL);
    join_all();
    assert(value == 2);
}

static void *add(void *argument)
{
    for (int i = 0; i < 3; i++) {
        LOCK(a);
        value++;
        UNLOCK(a);
    }
    return argument;
}

static void good_counter(void)
{
    for (int i = 0; i < 3; i++)
        go(add, NULL);
    join_all();
    assert(value == 9);
}

static void *move(void *argument)
{
    int from = *(int *)argument, to = 1 - from;
    LOCK(a);
    balance[from] -= 10;
    UNLOCK(a);
    LOCK(a);
    balance[to] += 10;
    UNLOCK(a);
    return NULL;
}

static void *audit(void *argument)
{
    LOCK(a);
    int sum = balance[0] + balance[1];
    UNLOCK(a);
    assert(sum == 200);
    return argument;
}

static void bad_transfer_in_two_steps(void)
{
    static int from = 0;
    balance[0] = balance[1] = 100;
    go(move, &from);
    go(audit, NULL);
    join_all();
}

static void *wrong_lock(void *argument)
{
    pthread_mutex_t *lock = argument;
    pthread_mutex_lock(lock);
    int old = value;
    sched_yield();
    value = old + 1;
    pthread_mutex_unlock(lock);
    return NULL;
}

static void bad_different_locks(void)
{
    go(wrong_lock, &a);
    go(wrong_lock, &b);
    join_all();
    assert(value == 2);
}

static void *make_once(void *argument)
{
    LOCK(a);
    bool made = ready;
    UNLOCK(a);
    if (!made) {
        items++;
        LOCK(a);
        ready = 1;
        UNLOCK(a);
    }
    return argument;
}

static void bad_lazy_init(void)
{
    go(make_once, NULL);
    go(make_once, NULL);
    join_all();
    assert(items == 1);
}

static void make(void)
{
    items++;
}

static void *by_once(void *argument)
{
    pthread_once(&once, make);
    assert(items == 1);
    return argument;
}

static void good_once(void)
{
    for (int i = 0; i < 3; i++)
        go(by_once, NULL);
    join_all();
}

static void *upgrade(void *argument)
{
    pthread_rwlock_rdlock(&rw);
    int old = value;
    pthread_rwlock_unlock(&rw);
    pthread_rwlock_wrlock(&rw);
    value = old + 1;
    pthread_rwlock_unlock(&rw);
    return argument;
}

static void bad_upgrade(void)
{
    go(upgrade, NULL);
    go(upgrade, NULL);
    join_all();
    assert(value == 2);
}

static char *text;

static void *use_text(void *argument)
{
    LOCK(a);
    char *mine = text;
    UNLOCK(a);
    LOCK(b);
    if (mine && !text)
        abort(); /* it was freed meanwhile */
    UNLOCK(b);
    return argument;
}

static void *free_text(void *argument)
{
    LOCK(b);
    LOCK(a);
    free(text);
    text = NULL;
    UNLOCK(a);
    UNLOCK(b);
    return argument;
}

static void bad_use_after_free(void)
{
    text = strdup("hello");
    go(use_text, NULL);
    go(free_text, NULL);
    join_all();
}

static void *number_of_argument(void *argument)
{
    LOCK(a);
    items += *(int *)argument;
    UNLOCK(a);
    return NULL;
}

static void bad_address_of_loop_variable(void)
{
    int i;
    for (i = 1; i <= 2; i++)
        go(number_of_argument, &i);
    join_all();
    assert(items == 3);
}

/* ---- conditions ---- */

static void *wait_without_check(void *argument)
{
    LOCK(a);
    pthread_cond_wait(&changed, &a);
    UNLOCK(a);
    return argument;
}

static void *notify(void *argument)
{
    LOCK(a);
    ready = 1;
    pthread_cond_signal(&changed);
    UNLOCK(a);
    return argument;
}

static void bad_notify_before_wait(void)
{
    go(wait_without_check, NULL);
    go(notify, NULL);
    join_all();
}

static void *wait_with_check(void *argument)
{
    LOCK(a);
    while (!ready)
        pthread_cond_wait(&changed, &a);
    UNLOCK(a);
    return argument;
}

static void good_notify(void)
{
    go(wait_with_check, NULL);
    go(notify, NULL);
    join_all();
}

static void bad_signal_for_two(void)
{
    go(wait_with_check, NULL);
    go(wait_with_check, NULL);
    go(notify, NULL);
    join_all();
}

static void *notify_all(void *argument)
{
    LOCK(a);
    ready = 1;
    pthread_cond_broadcast(&changed);
    UNLOCK(a);
    return argument;
}

static void good_broadcast(void)
{
    go(wait_with_check, NULL);
    go(wait_with_check, NULL);
    go(notify_all, NULL);
    join_all();
}

static void *take_with_if(void *argument)
{
    LOCK(a);
    if (items == 0)
        pthread_cond_wait(&changed, &a);
    items--;
    assert(items >= 0);
    UNLOCK(a);
    return argument;
}

static void *put_item(void *argument)
{
    LOCK(a);
    items++;
    pthread_cond_broadcast(&changed);
    UNLOCK(a);
    return argument;
}

static void bad_if_for_while(void)
{
    go(take_with_if, NULL);
    go(take_with_if, NULL);
    go(put_item, NULL);
    go(put_item, NULL);
    join_all();
}

static void *check_outside(void *argument)
{
    LOCK(a);
    bool done = ready;
    UNLOCK(a);
    if (!done) {
        LOCK(a);
        pthread_cond_wait(&changed, &a);
        UNLOCK(a);
    }
    return argument;
}

static void bad_check_outside_lock(void)
{
    go(check_outside, NULL);
    go(notify, NULL);
    join_all();
}

enum { ROOM = 1 };

static void put_one(bool shared)
{
    LOCK(a);
    while (items == ROOM)
        pthread_cond_wait(shared ? &changed : &other, &a);
    items++;
    pthread_cond_signal(&changed);
    UNLOCK(a);
}

static void take_one(bool shared)
{
    LOCK(a);
    while (items == 0)
        pthread_cond_wait(&changed, &a);
    items--;
    pthread_cond_signal(shared ? &changed : &other);
    UNLOCK(a);
}

static void *putter(void *argument)
{
    put_one(argument != NULL);
    put_one(argument != NULL);
    return NULL;
}

static void *taker(void *argument)
{
    take_one(argument != NULL);
    return NULL;
}

static void bad_one_condition_for_two(void)
{
    go(putter, &value);
    go(taker, &value);
    go(taker, &value);
    go(putter, &value);
    go(taker, &value);
    go(taker, &value);
    join_all();
}

static void good_two_conditions(void)
{
    go(putter, NULL);
    go(taker, NULL);
    go(taker, NULL);
    join_all();
}

static void *timed_wait(void *argument)
{
    struct timespec until = after(CLOCK_REALTIME, 10000);
    LOCK(a);
    while (!ready && pthread_cond_timedwait(&changed, &a, &until) == 0)
        ;
    assert(ready); /* ten seconds must be enough */
    UNLOCK(a);
    return argument;
}

static void *never_notifies(void *argument)
{
    LOCK(b);
    if (items++ == 0)
        notify(NULL);
    UNLOCK(b);
    return argument;
}

static void bad_timeout_hides_it(void)
{
    go(timed_wait, NULL);
    go(never_notifies, NULL);
    LOCK(b);
    items++;
    UNLOCK(b);
    join_all();
}

static void good_timed_wait(void)
{
    go(timed_wait, NULL);
    go(notify, NULL);
    join_all();
}

static void *ping(void *argument)
{
    int mine = *(int *)argument;
    for (int i = 0; i < 3; i++) {
        LOCK(a);
        while (turn != mine)
            pthread_cond_wait(&changed, &a);
        turn = 1 - mine;
        pthread_cond_signal(&changed);
        UNLOCK(a);
    }
    return NULL;
}

static void good_ping_pong(void)
{
    static int numbers[2] = {0, 1};
    go(ping, &numbers[0]);
    go(ping, &numbers[1]);
    join_all();
}

static void *stop_flag(void *argument)
{
    LOCK(a);
    while (!ready)
        pthread_cond_wait(&changed, &a);
    UNLOCK(a);
    return argument;
}

static void bad_flag_without_notify(void)
{
    go(stop_flag, NULL);
    LOCK(a);
    ready = 1;
    UNLOCK(a);
    join_all();
}

static void *notify_other(void *argument)
{
    LOCK(b); /* the wrong lock */
    ready = 1;
    pthread_cond_signal(&changed);
    UNLOCK(b);
    return argument;
}

static void *check_slowly(void *argument)
{
    LOCK(a);
    while (!ready) {
        sched_yield();
        pthread_cond_wait(&changed, &a);
    }
    UNLOCK(a);
    return argument;
}

static void bad_notify_with_wrong_lock(void)
{
    go(check_slowly, NULL);
    go(notify_other, NULL);
    join_all();
}

/* ---- semaphores and barriers ---- */

static void *sem_two(void *argument)
{
    bool turned = argument != NULL;
    sem_wait(turned ? &sem2 : &sem);
    sem_wait(turned ? &sem : &sem2);
    sem_post(&sem);
    sem_post(&sem2);
    return NULL;
}

static void bad_two_semaphores(void)
{
    sem_init(&sem, 0, 1);
    sem_init(&sem2, 0, 1);
    go(sem_two, NULL);
    go(sem_two, &value);
    join_all();
}

static void *take_both_permits(void *argument)
{
    sem_wait(&sem);
    sem_wait(&sem);
    sem_post(&sem);
    sem_post(&sem);
    return argument;
}

static void bad_two_permits_each(void)
{
    sem_init(&sem, 0, 2);
    go(take_both_permits, NULL);
    go(take_both_permits, NULL);
    join_all();
}

static void *post_late(void *argument)
{
    value = 7;
    sem_post(&sem);
    return argument;
}

static void good_semaphore_order(void)
{
    sem_init(&sem, 0, 0);
    go(post_late, NULL);
    sem_wait(&sem);
    assert(value == 7);
    join_all();
}

static void *post_early(void *argument)
{
    sem_post(&sem);
    LOCK(a);
    value = 7;
    UNLOCK(a);
    return argument;
}

static void bad_post_before_write(void)
{
    sem_init(&sem, 0, 0);
    go(post_early, NULL);
    sem_wait(&sem);
    LOCK(a);
    assert(value == 7);
    UNLOCK(a);
    join_all();
}

static void *try_permit(void *argument)
{
    if (sem_trywait(&sem) == 0) {
        LOCK(a);
        items++;
        UNLOCK(a);
        sem_post(&sem);
    }
    return argument;
}

static void bad_try_is_not_wait(void)
{
    sem_init(&sem, 0, 1);
    go(try_permit, NULL);
    go(try_permit, NULL);
    join_all();
    assert(items == 2);
}

static void *sum_at_barrier(void *argument)
{
    LOCK(a);
    value++;
    UNLOCK(a);
    pthread_barrier_wait(&barrier);
    LOCK(a);
    assert(value == 3);
    UNLOCK(a);
    return argument;
}

static void good_barrier(void)
{
    pthread_barrier_init(&barrier, NULL, 3);
    for (int i = 0; i < 3; i++)
        go(sum_at_barrier, NULL);
    join_all();
}

static void *leaves_barrier_out(void *argument)
{
    LOCK(a);
    bool last = ++value == 3;
    UNLOCK(a);
    if (!last || argument)
        pthread_barrier_wait(&barrier);
    return NULL;
}

static void bad_barrier_left_out(void)
{
    pthread_barrier_init(&barrier, NULL, 3);
    go(leaves_barrier_out, &value);
    go(leaves_barrier_out, &value);
    go(leaves_barrier_out, NULL);
    join_all();
}

static void *second_round(void *argument)
{
    for (int i = 0; i < 2; i++) {
        LOCK(a);
        value++;
        UNLOCK(a);
        pthread_barrier_wait(&barrier);
        LOCK(a);
        assert(value == 2 * (i + 1)); /* the other may be in the next round */
        UNLOCK(a);
    }
    return argument;
}

static void bad_one_barrier_for_two(void)
{
    pthread_barrier_init(&barrier, NULL, 2);
    go(second_round, NULL);
    go(second_round, NULL);
    join_all();
}

/* ---- life and death ---- */

struct queue {
    pthread_mutex_t lock;
    pthread_cond_t filled;
    bool closed;
    int length;
};

static void *consume(void *argument)
{
    struct queue *queue = argument;
    for (;;) {
        pthread_mutex_lock(&queue->lock);
        while (queue->length == 0 && !queue->closed)
            pthread_cond_wait(&queue->filled, &queue->lock);
        if (queue->length == 0) {
            pthread_mutex_unlock(&queue->lock);
            return NULL;
        }
        queue->length--;
        pthread_mutex_unlock(&queue->lock);
    }
}

static struct queue *queue_new(void)
{
    struct queue *queue = calloc(1, sizeof *queue);
    pthread_mutex_init(&queue->lock, NULL);
    pthread_cond_init(&queue->filled, NULL);
    return queue;
}

static void queue_fill_and_close(struct queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    queue->length = 2;
    queue->closed = true;
    pthread_cond_broadcast(&queue->filled);
    pthread_mutex_unlock(&queue->lock);
}

/* As pbzip2 0.9.4 did: it waits until the queue is empty, not until the consumers have left it. */
static void bad_queue_destroyed_in_use(void)
{
    struct queue *queue = queue_new();
    go(consume, queue);
    go(consume, queue);
    queue_fill_and_close(queue);
    for (bool empty = false; !empty;) {
        pthread_mutex_lock(&queue->lock);
        empty = queue->length == 0;
        pthread_mutex_unlock(&queue->lock);
        nap(1);
    }
    pthread_mutex_destroy(&queue->lock);
    memset(queue, 0xff, sizeof *queue);
    free(queue);
    join_all();
}

static void good_queue_joined_first(void)
{
    struct queue *queue = queue_new();
    go(consume, queue);
    go(consume, queue);
    queue_fill_and_close(queue);
    join_all();
    pthread_mutex_destroy(&queue->lock);
    pthread_cond_destroy(&queue->filled);
    free(queue);
}

static void *late_lock(void *argument)
{
    pthread_mutex_lock(argument);
    pthread_mutex_unlock(argument);
    return NULL;
}

static void bad_mutex_destroyed(void)
{
    static pthread_mutex_t lock;
    pthread_mutex_init(&lock, NULL);
    pthread_t thread;
    if (pthread_create(&thread, NULL, late_lock, &lock) != 0)
        exit(3);
    pthread_detach(thread);
    pthread_mutex_destroy(&lock);
    nap(10);
}

static void at_exit_uses_lock(void)
{
    LOCK(a);
    assert(items == 0);
    UNLOCK(a);
}

static void *between_exit(void *argument)
{
    LOCK(a);
    items = 1;
    UNLOCK(a);
    LOCK(a);
    items = 0;
    UNLOCK(a);
    return argument;
}

static void bad_exit_without_join(void)
{
    atexit(at_exit_uses_lock);
    go(between_exit, NULL);
}

static void *detached_writer(void *argument)
{
    LOCK(a);
    value = 1;
    UNLOCK(a);
    return argument;
}

static void bad_detached(void)
{
    go(detached_writer, NULL);
    pthread_detach(started[0]);
    nap(50); /* surely it has finished */
    LOCK(a);
    assert(value == 1);
    UNLOCK(a);
}

static void *cancelled(void *argument)
{
    LOCK(a);
    nap(1); /* a cancellation point, with the lock held */
    UNLOCK(a);
    return argument;
}

static void bad_cancelled_with_lock(void)
{
    go(cancelled, NULL);
    pthread_cancel(started[0]);
    pthread_join(started[0], NULL);
    LOCK(a);
}

static void unlock_a(void *unused)
{
    (void)unused;
    UNLOCK(a);
}

static void *cancelled_cleanly(void *argument)
{
    LOCK(a);
    pthread_cleanup_push(unlock_a, NULL);
    nap(1);
    pthread_cleanup_pop(1);
    return argument;
}

static void good_cancelled(void)
{
    go(cancelled_cleanly, NULL);
    pthread_cancel(started[0]);
    pthread_join(started[0], NULL);
    LOCK(a);
    UNLOCK(a);
}

static int failing(void *argument)
{
    mtx_t *lock = argument;
    mtx_lock(lock);
    int old = value;
    mtx_unlock(lock);
    mtx_lock(lock);
    value = old + 1;
    mtx_unlock(lock);
    return 0;
}

static void bad_c11(void)
{
    static mtx_t lock;
    thrd_t one, two;
    mtx_init(&lock, mtx_plain);
    if (thrd_create(&one, failing, &lock) != thrd_success ||
        thrd_create(&two, failing, &lock) != thrd_success)
        exit(3);
    thrd_join(one, NULL);
    thrd_join(two, NULL);
    assert(value == 2);
}

/* ---- input and output ---- */

static int pipes[2], back[2];

static void *pass_on(void *argument)
{
    char byte;
    if (read(pipes[0], &byte, 1) == 1)
        value += write(back[1], &byte, 1) == 1;
    return argument;
}

static void good_pipes(void)
{
    char byte = 'x';
    if (pipe(pipes) != 0 || pipe(back) != 0)
        exit(3);
    go(pass_on, NULL);
    if (write(pipes[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1)
        exit(3);
    join_all();
    assert(value == 1);
}

static void *reads_twice(void *argument)
{
    char byte;
    LOCK(a);
    if (read(pipes[0], &byte, 1) == 1)
        items++;
    UNLOCK(a);
    return argument;
}

static void *writes_with_lock(void *argument)
{
    LOCK(a);
    if (write(pipes[1], "x", 1) == 1)
        value++;
    UNLOCK(a);
    return argument;
}

static void bad_read_with_lock(void)
{
    if (pipe(pipes) != 0)
        exit(3);
    go(reads_twice, NULL);
    go(writes_with_lock, NULL);
    join_all();
}

static void *exits_with_status(void *argument)
{
    LOCK(a);
    if (ready == 0)
        exit(1); /* not configured yet */
    UNLOCK(a);
    return argument;
}

static void bad_exit_status(void)
{
    go(exits_with_status, NULL);
    notify(NULL);
    join_all();
}

static void *polls(void *argument)
{
    for (;;) {
        LOCK(a);
        bool done = ready;
        UNLOCK(a);
        if (done)
            return argument;
        usleep(1000);
    }
}

static void good_polling(void)
{
    go(polls, NULL);
    go(polls, NULL);
    notify(NULL);
    join_all();
}

static void *waits_by_clock(void *argument)
{
    struct timespec until = after(CLOCK_MONOTONIC, 2000), now;
    do
        clock_gettime(CLOCK_MONOTONIC, &now);
    while (now.tv_sec < until.tv_sec ||
           (now.tv_sec == until.tv_sec && now.tv_nsec < until.tv_nsec));
    return argument;
}

static void good_clock_loop(void)
{
    go(waits_by_clock, NULL);
    go(add, NULL);
    join_all();
    assert(value == 3);
}

static void *spin_add(void *argument)
{
    pthread_spinlock_t *lock = argument;
    pthread_spin_lock(lock);
    value++;
    pthread_spin_unlock(lock);
    return NULL;
}

static void good_spin(void)
{
    pthread_spinlock_t lock;
    pthread_spin_init(&lock, PTHREAD_PROCESS_PRIVATE);
    go(spin_add, (void *)(uintptr_t)&lock);
    go(spin_add, (void *)(uintptr_t)&lock);
    join_all();
    assert(value == 2);
}

static const struct case_row cases[] = {
    CASE(bad_two_orders),
    CASE(bad_circle_of_three),
    CASE(bad_circle_of_four),
    CASE(bad_circle_of_seven),
    CASE(bad_one_among_a_hundred),
    CASE(bad_sleep_as_order),
    CASE(bad_philosophers),
    CASE(bad_rwlock_and_mutex),
    CASE(bad_two_rwlocks),
    CASE(bad_early_return),
    CASE(bad_join_with_lock),
    CASE(bad_callback_with_lock),
    CASE(bad_check_then_act),
    CASE(bad_split_increment),
    CASE(bad_transfer_in_two_steps),
    CASE(bad_different_locks),
    CASE(bad_lazy_init),
    CASE(bad_upgrade),
    CASE(bad_use_after_free),
    CASE(bad_address_of_loop_variable),
    CASE(bad_notify_before_wait),
    CASE(bad_signal_for_two),
    CASE(bad_if_for_while),
    CASE(bad_check_outside_lock),
    CASE(bad_one_condition_for_two),
    CASE(bad_timeout_hides_it),
    CASE(bad_flag_without_notify),
    CASE(bad_notify_with_wrong_lock),
    CASE(bad_two_semaphores),
    CASE(bad_two_permits_each),
    CASE(bad_post_before_write),
    CASE(bad_try_is_not_wait),
    CASE(bad_barrier_left_out),
    CASE(bad_one_barrier_for_two),
    CASE(bad_queue_destroyed_in_use),
    CASE(bad_mutex_destroyed),
    CASE(bad_exit_without_join),
    CASE(bad_detached),
    CASE(bad_cancelled_with_lock),
    CASE(bad_c11),
    CASE(bad_read_with_lock),
    CASE(bad_exit_status),
    CASE(good_one_order),
    CASE(good_guarded_circle),
    CASE(good_try_and_back_off),
    CASE(good_two_readers),
    CASE(good_check_and_act),
    CASE(good_counter),
    CASE(good_once),
    CASE(good_notify),
    CASE(good_broadcast),
    CASE(good_two_conditions),
    CASE(good_timed_wait),
    CASE(good_ping_pong),
    CASE(good_semaphore_order),
    CASE(good_barrier),
    CASE(good_queue_joined_first),
    CASE(good_cancelled),
    CASE(good_pipes),
    CASE(good_polling),
    CASE(good_clock_loop),
    CASE(good_spin),
};

int main(int argc, char **argv)
{
    return run_cases(cases, sizeof cases / sizeof cases[0], argc, argv);
}
