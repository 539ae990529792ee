/* Programs whose thrum locks can deadlock, or seem to: corpus_thrum CARRIER NAME.
 *
 * CARRIER says what runs the two parts of a program:
 *
 *     threads   two threads, alive at the same time
 *     fibers    two fibers of one worker, alive at the same time
 *     pool      two tasks that one worker runs one after the other
 *
 * None hangs by chance: the parts take turns, by a number that they watch. The doctor does not see these turns.
 * test_corpus.c knows what it must say of each.
 */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <thrum.h>

static enum { THREADS, FIBERS, POOL } carrier;
static thrum_executor *executor;

static int turn_now;

static void turn(int number)
{
    while (carrier != POOL && __atomic_load_n(&turn_now, __ATOMIC_ACQUIRE) != number)
        thrum_yield();
}

static void next(void)
{
    __atomic_fetch_add(&turn_now, 1, __ATOMIC_ACQ_REL);
}

static thrum_lock a, b, gate, many[8];
static thrum_rlock again, again2;
static thrum_rwlock rw, rw2;
static thrum_semaphore one = THRUM_SEMAPHORE_INIT(1), one2 = THRUM_SEMAPHORE_INIT(1);
static thrum_semaphore none = THRUM_SEMAPHORE_INIT(0), two = THRUM_SEMAPHORE_INIT(2);
static thrum_event ready;
static thrum_condition changed;
static thrum_barrier meeting;
static thrum_queue *queue;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static bool flag;

static void check(bool good, const char *what)
{
    if (!good) {
        fprintf(stderr, "corpus_thrum: %s failed\n", what);
        abort();
    }
}

#define CHECK(condition) check(condition, #condition)

/* ------------------------------------------------------------------------------- carriers */

typedef void part(void);

struct call {
    part *part;
};

static int run_part(thrum_task *self)
{
    thrum_arg(self, struct call).part();
    return 0;
}

struct started {
    thrum_thread *thread;
    thrum_future *future;
};

static struct started start(const char *name, part *call)
{
    if (carrier == THREADS)
        return (struct started){
            .thread = thrum_thread_start_with(&(thrum_thread_options){.name = name}, run_part,
                                              thrum_value(struct call, .part = call))};
    return (struct started){
        .future = thrum_submit(executor, run_part, thrum_value(struct call, .part = call))};
}

static void finish(struct started started)
{
    int rc = started.thread ? thrum_thread_join(started.thread, THRUM_FOREVER)
                            : thrum_future_result(started.future, NULL, 0, THRUM_FOREVER);
    CHECK(rc == 0);
    thrum_thread_free(started.thread);
    thrum_future_free(started.future);
}

static part *first_part, *second_part;

static void run_first(void)
{
    turn(0);
    first_part();
    next();
    turn(2);
}

static void run_second(void)
{
    turn(1);
    second_part();
    next();
}

static void both(part *first, part *second)
{
    first_part = first;
    second_part = second;
    struct started started = start("one", run_first), other = start("two", run_second);
    finish(started);
    finish(other);
}

/* The second begins when the first is over. */
static void in_turn(part *first, part *second)
{
    finish(start("one", first));
    finish(start("two", second));
}

/* ---------------------------------------------------------------------------------- locks */

static __attribute__((noinline)) void lock(thrum_lock *lock)
{
    thrum_lock_acquire(lock);
}

static void pair(thrum_lock *first, thrum_lock *second)
{
    lock(first);
    lock(second);
    thrum_lock_release(second);
    thrum_lock_release(first);
}

static void ab(void)
{
    pair(&a, &b);
}
static void ba(void)
{
    pair(&b, &a);
}
static void abba(void)
{
    both(ab, ba);
}
static void same_order(void)
{
    both(ab, ab);
}
static void ab_then_ba(void)
{
    ab();
    ba();
}
static void nothing(void)
{
}
static void single(void)
{
    both(ab_then_ba, nothing);
}
static void ended_before(void)
{
    in_turn(ab, ba);
}

static void yields_between(void)
{
    lock(&a);
    thrum_yield();
    CHECK(thrum_sleep(thrum_in(0.001)) == 0);
    lock(&b);
    thrum_yield();
    thrum_lock_release(&b);
    thrum_lock_release(&a);
}
static void abba_yields(void)
{
    both(yields_between, ba);
}
static void takes_b(void)
{
    lock(&b);
    thrum_lock_release(&b);
}
/* While one holds a and is switched out, the other takes b: that is no order. */
static void holds_and_waits(void)
{
    lock(&a);
    next();
    turn(2);
    thrum_lock_release(&a);
}
static void takes_b_meanwhile(void)
{
    turn(1);
    takes_b();
    next();
}
static void switched_out(void)
{
    if (carrier == POOL)
        return;
    struct started started = start("one", holds_and_waits), other = start("two", takes_b_meanwhile);
    finish(started);
    finish(other);
    turn_now = 0;
    both(ba, ba);
}

static int circle_size, circle_next;

static void in_circle(void)
{
    int i = __atomic_fetch_add(&circle_next, 1, __ATOMIC_RELAXED);
    turn(i);
    pair(&many[i], &many[(i + 1) % circle_size]);
    next();
    turn(circle_size);
}

static void circle(int size)
{
    struct started started[8];
    circle_size = size;
    for (int i = 0; i < size; i++)
        started[i] = start("member", in_circle);
    for (int i = 0; i < size; i++)
        finish(started[i]);
}
static void circle_3(void)
{
    circle(3);
}
static void circle_4(void)
{
    circle(4);
}
static void circle_5(void)
{
    circle(5);
}

static void gated_ab(void)
{
    lock(&gate);
    ab();
    thrum_lock_release(&gate);
}
static void gated_ba(void)
{
    lock(&gate);
    ba();
    thrum_lock_release(&gate);
}
static void gated(void)
{
    both(gated_ab, gated_ba);
}
static void gated_one_side(void)
{
    both(gated_ab, ba);
}

static void timed_ba(void)
{
    lock(&b);
    CHECK(thrum_lock_acquire_until(&a, thrum_in(60)) == 0);
    thrum_lock_release(&a);
    thrum_lock_release(&b);
}
static void timed_one(void)
{
    both(ab, timed_ba);
}
static void tries_ba(void)
{
    lock(&b);
    if (thrum_lock_try(&a) == 0)
        thrum_lock_release(&a);
    thrum_lock_release(&b);
}
static void tries_one(void)
{
    both(ab, tries_ba);
}
static void tried_ba(void)
{
    if (thrum_lock_try(&b) == 0) {
        lock(&a);
        thrum_lock_release(&a);
        thrum_lock_release(&b);
    }
}
static void tried_is_held(void)
{
    both(ab, tried_ba);
}

static void with_ab(void)
{
    thrum_with (&a)
        thrum_with (&b)
            flag = true;
}
static void with_ba(void)
{
    thrum_with (&b)
        thrum_with (&a)
            flag = true;
}
static void abba_with(void)
{
    both(with_ab, with_ba);
}

static void mutex_then_lock(void)
{
    CHECK(pthread_mutex_lock(&mutex) == 0);
    lock(&a);
    thrum_lock_release(&a);
    CHECK(pthread_mutex_unlock(&mutex) == 0);
}
static void lock_then_mutex(void)
{
    lock(&a);
    CHECK(pthread_mutex_lock(&mutex) == 0);
    CHECK(pthread_mutex_unlock(&mutex) == 0);
    thrum_lock_release(&a);
}
static void lock_and_mutex(void)
{
    both(mutex_then_lock, lock_then_mutex);
}

static void hand_over_hand(void)
{
    lock(&many[0]);
    for (int i = 1; i < 8; i++) {
        lock(&many[i]);
        thrum_lock_release(&many[i - 1]);
    }
    thrum_lock_release(&many[7]);
}
static void hand_over_hand_good(void)
{
    both(hand_over_hand, hand_over_hand);
}

/* -------------------------------------------------------------------------- reentrant locks */

static void deep(thrum_rlock *first, thrum_rlock *second)
{
    thrum_rlock_acquire(first);
    thrum_rlock_acquire(first);
    thrum_rlock_acquire(second);
    thrum_rlock_acquire(first);
    thrum_rlock_release(first);
    thrum_rlock_release(second);
    thrum_rlock_release(first);
    thrum_rlock_release(first);
}
static void deep_ab(void)
{
    deep(&again, &again2);
}
static void deep_ba(void)
{
    deep(&again2, &again);
}
static void abba_recursive(void)
{
    both(deep_ab, deep_ba);
}
static void recursion_only(void)
{
    both(deep_ab, deep_ab);
}

/* ------------------------------------------------------------------- readers-writer locks */

static void writes_both(void)
{
    thrum_rwlock_acquire_write(&rw);
    thrum_rwlock_acquire_write(&rw2);
    thrum_rwlock_release_write(&rw2);
    thrum_rwlock_release_write(&rw);
}
static void writes_back(void)
{
    thrum_rwlock_acquire_write(&rw2);
    thrum_rwlock_acquire_write(&rw);
    thrum_rwlock_release_write(&rw);
    thrum_rwlock_release_write(&rw2);
}
static void writers(void)
{
    both(writes_both, writes_back);
}
static void reads_both(void)
{
    thrum_rwlock_acquire_read(&rw);
    thrum_rwlock_acquire_read(&rw2);
    thrum_rwlock_release_read(&rw2);
    thrum_rwlock_release_read(&rw);
}
static void reads_back(void)
{
    thrum_rwlock_acquire_read(&rw2);
    thrum_rwlock_acquire_read(&rw);
    thrum_rwlock_release_read(&rw);
    thrum_rwlock_release_read(&rw2);
}
static void readers_only(void)
{
    both(reads_both, reads_back);
}
static void readers_writers(void)
{
    both(reads_both, writes_back);
}
static void reads_back_with_writers(void)
{
    reads_back();
    thrum_rwlock_acquire_write(&rw);
    thrum_rwlock_release_write(&rw);
    thrum_rwlock_acquire_write(&rw2);
    thrum_rwlock_release_write(&rw2);
}
static void readers_before_writers(void)
{
    both(reads_both, reads_back_with_writers);
}
static void reads_then_locks(void)
{
    thrum_rwlock_acquire_read(&rw);
    lock(&a);
    thrum_lock_release(&a);
    thrum_rwlock_release_read(&rw);
}
static void locks_then_writes(void)
{
    lock(&a);
    thrum_rwlock_acquire_write(&rw);
    thrum_rwlock_release_write(&rw);
    thrum_lock_release(&a);
}
static void reader_and_lock(void)
{
    both(reads_then_locks, locks_then_writes);
}
static void reads_again(void)
{
    thrum_rwlock_acquire_read(&rw);
    thrum_rwlock_acquire_read(&rw);
    thrum_rwlock_release_read(&rw);
    thrum_rwlock_release_read(&rw);
}
static void writes_once(void)
{
    thrum_rwlock_acquire_write(&rw);
    thrum_rwlock_release_write(&rw);
}
static void reads_twice(void)
{
    both(reads_again, writes_once);
}

/* ------------------------------------------------------------------------------ semaphores */

static void permits(thrum_semaphore *first, thrum_semaphore *second)
{
    thrum_semaphore_acquire(first);
    thrum_semaphore_acquire(second);
    thrum_semaphore_release(second, 1);
    thrum_semaphore_release(first, 1);
}
static void permits_ab(void)
{
    permits(&one, &one2);
}
static void permits_ba(void)
{
    permits(&one2, &one);
}
static void semaphores_as_locks(void)
{
    both(permits_ab, permits_ba);
}
static void permits_two(void)
{
    permits(&one, &two);
}
static void permits_two_back(void)
{
    permits(&two, &one);
}
static void semaphores_of_two(void)
{
    both(permits_two, permits_two_back);
}
static void permit_then_lock(void)
{
    thrum_semaphore_acquire(&one);
    lock(&a);
    thrum_lock_release(&a);
    thrum_semaphore_release(&one, 1);
}
static void lock_then_permit(void)
{
    lock(&a);
    thrum_semaphore_acquire(&one);
    thrum_semaphore_release(&one, 1);
    thrum_lock_release(&a);
}
static void semaphore_and_lock(void)
{
    both(permit_then_lock, lock_then_permit);
}

/* -------------------------------------------------------------------------- what orders parts */

static void ab_post(void)
{
    ab();
    thrum_semaphore_release(&none, 1);
}
static void take_ba(void)
{
    thrum_semaphore_acquire(&none);
    ba();
}
static void handed_by_semaphore(void)
{
    both(ab_post, take_ba);
}
static void ab_set(void)
{
    ab();
    thrum_event_set(&ready);
}
static void wait_ba(void)
{
    CHECK(thrum_event_wait(&ready, THRUM_FOREVER) == 0);
    ba();
}
static void handed_by_event(void)
{
    both(ab_set, wait_ba);
}
static void ab_put(void)
{
    ab();
    CHECK(thrum_queue_put(queue, &(int){1}, THRUM_FOREVER) == 0);
}
static void get_ba(void)
{
    int item;
    CHECK(thrum_queue_get(queue, &item, THRUM_FOREVER) == 0);
    ba();
}
static void handed_by_queue(void)
{
    queue = thrum_queue_new(sizeof(int), NULL);
    both(ab_put, get_ba);
    thrum_queue_free(queue);
}
/* Waits for both, of which one comes. */
static void select_ba(void)
{
    int item;
    thrum_case cases[] = {thrum_case_get(queue, &item), thrum_case_event(&ready)};
    CHECK(thrum_select(cases, 2, THRUM_FOREVER) >= 0);
    ba();
}
static void handed_by_select(void)
{
    queue = thrum_queue_new(sizeof(int), NULL);
    both(ab_put, select_ba);
    thrum_queue_free(queue);
}
static void event_by_select(void)
{
    queue = thrum_queue_new(sizeof(int), NULL);
    both(ab_set, select_ba);
    thrum_queue_free(queue);
}
static void ab_put_by_select(void)
{
    int item = 1;
    thrum_case put = thrum_case_put(queue, &item);
    ab();
    CHECK(thrum_select(&put, 1, THRUM_FOREVER) == 0);
}
static void put_by_select(void)
{
    queue = thrum_queue_new(sizeof(int), NULL);
    both(ab_put_by_select, get_ba);
    thrum_queue_free(queue);
}

static thrum_once once;

static int take_a(void *unused)
{
    (void)unused;
    thrum_lock_acquire(&a);
    thrum_lock_release(&a);
    return 0;
}
static int not_yet(void *unused)
{
    (void)unused;
    return -EAGAIN;
}
static void a_then_once(void)
{
    thrum_lock_acquire(&a);
    CHECK(thrum_once_run(&once, not_yet, NULL) == -EAGAIN);
    thrum_lock_release(&a);
}
static void once_then_a(void)
{
    CHECK(thrum_once_run(&once, take_a, NULL) == 0);
}
static void once_and_lock(void)
{
    both(a_then_once, once_then_a);
}

static void put_ab(void)
{
    CHECK(thrum_queue_put(queue, &(int){1}, THRUM_FOREVER) == 0);
    ab();
}
static void put_too_early(void)
{
    queue = thrum_queue_new(sizeof(int), NULL);
    both(put_ab, get_ba);
    thrum_queue_free(queue);
}
static void ab_tell(void)
{
    turn(1);
    ab();
    thrum_with (&changed) {
        flag = true;
        thrum_condition_notify_all(&changed);
    }
}
static void hear_ba(void)
{
    thrum_with (&changed) {
        next();
        while (!flag)
            CHECK(thrum_condition_wait(&changed, THRUM_FOREVER) == 0);
    }
    ba();
}
static void handed_by_condition(void)
{
    if (carrier == POOL)
        return;
    struct started started = start("one", ab_tell), other = start("two", hear_ba);
    finish(started);
    finish(other);
}
static void ab_meet(void)
{
    ab();
    CHECK(thrum_barrier_wait(&meeting, THRUM_FOREVER) >= 0);
}
static void meet_ba(void)
{
    CHECK(thrum_barrier_wait(&meeting, THRUM_FOREVER) >= 0);
    ba();
}
static void barrier_between(void)
{
    if (carrier == POOL)
        return;
    thrum_barrier_init(&meeting, 2, NULL, NULL);
    struct started started = start("one", ab_meet), other = start("two", meet_ba);
    finish(started);
    finish(other);
}
static void meet_ab(void)
{
    CHECK(thrum_barrier_wait(&meeting, THRUM_FOREVER) >= 0);
    turn(0);
    ab();
    next();
}
static void meet_then_ba(void)
{
    CHECK(thrum_barrier_wait(&meeting, THRUM_FOREVER) >= 0);
    turn(1);
    ba();
}
static void barrier_before(void)
{
    if (carrier == POOL)
        return;
    thrum_barrier_init(&meeting, 2, NULL, NULL);
    struct started started = start("one", meet_ab), other = start("two", meet_then_ba);
    finish(started);
    finish(other);
}
static void starts_ba(void)
{
    ab();
    finish(start("inner", ba));
}
static void created_after(void)
{
    finish(start("outer", starts_ba));
}
static struct started inner;
static void starts_then_ab(void)
{
    inner = start("inner", ba);
    ab();
}
static void created_before(void)
{
    if (carrier == POOL)
        return;
    struct started outer = start("outer", starts_then_ab);
    finish(outer);
    finish(inner);
}
static void by_main(void)
{
    ab();
    finish(start("two", ba));
    ab();
}
static int run_in_group(thrum_task *self)
{
    thrum_arg(self, struct call).part();
    return 0;
}
static void group_between(void)
{
    thrum_executor *pool = executor;
    if (!pool)
        pool = thrum_thread_pool_new(NULL);
    thrum_group *group = thrum_group_new();
    thrum_future_free(
        thrum_group_submit(group, pool, run_in_group, thrum_value(struct call, .part = ab)));
    thrum_future_free(
        thrum_group_submit(group, pool, run_in_group, thrum_value(struct call, .part = ab)));
    CHECK(thrum_group_join(group, THRUM_FOREVER) == 0);
    thrum_group_free(group);
    ba();
    if (!executor)
        thrum_executor_shutdown(pool);
}

/* ----------------------------------------------------------------------------- memory */

/* Objects whose use has ended are used; one of them is made again in between. */
static void used_finished(void)
{
    static thrum_lock lock;
    static thrum_event event;
    thrum_lock_finish(&lock);
    thrum_lock_acquire(&lock);
    thrum_lock_release(&lock);
    thrum_event_finish(&event);
    thrum_event_init(&event);
    thrum_event_set(&event);
}

static void reused(void)
{
    both(ab, ab);
    thrum_lock_finish(&a);
    thrum_lock_finish(&b);
    thrum_lock_init(&a);
    thrum_lock_init(&b);
    turn_now = 0;
    both(ba, ba);
}
static void reused_then_abba(void)
{
    reused();
    turn_now = 0;
    both(ab, ba);
}

static thrum_lock *in_heap[2];

static void heap_ab(void)
{
    pair(in_heap[0], in_heap[1]);
}
static void heap_ba(void)
{
    pair(in_heap[1], in_heap[0]);
}
/* The memory of the locks is freed and allocated again; an all-zero lock needs no call. */
static void reused_heap(void)
{
    enum { RARE_SIZE = 1000 }; /* that nobody else allocates in between */
    uintptr_t old = 0;
    for (int i = 0; i < 2; i++) {
        in_heap[0] = malloc(RARE_SIZE);
        CHECK(in_heap[0] && (!old || (uintptr_t)in_heap[0] == old));
        old = (uintptr_t)in_heap[0];
        memset(in_heap[0], 0, 2 * sizeof(thrum_lock));
        in_heap[1] = in_heap[0] + 1;
        turn_now = 0;
        if (i == 0)
            both(heap_ab, heap_ab);
        else
            both(heap_ba, heap_ba);
        free(in_heap[0]);
    }
}

/* ------------------------------------------------------------------------------- others */

static void waits_with_lock(void)
{
    lock(&gate);
    thrum_with (&changed)
        CHECK(thrum_condition_wait(&changed, thrum_in(0.001)) == -ETIMEDOUT);
    thrum_lock_release(&gate);
}
static void condition_with_lock(void)
{
    both(waits_with_lock, waits_with_lock);
}
static void changed_then_gate(void)
{
    thrum_with (&changed)
        thrum_with (&gate)
            flag = true;
}
static void taken_again(void)
{
    both(waits_with_lock, changed_then_gate);
}
static void ends_holding(void)
{
    lock(&a);
}
static void ends_with_lock(void)
{
    finish(start("one", ends_holding));
}
static int fail(thrum_task *self)
{
    return thrum_fail(self, -EIO, "the disk is full");
}
static void unread_failure(void)
{
    if (carrier == THREADS)
        thrum_thread_free(thrum_thread_start(fail, THRUM_NOTHING));
    else
        thrum_future_free(thrum_submit(executor, fail, THRUM_NOTHING));
}
static void inline_part(void)
{
    lock(&a);
    thrum_executor *here = thrum_inline_new();
    thrum_future_free(thrum_submit(here, run_part, thrum_value(struct call, .part = takes_b)));
    thrum_executor_shutdown(here);
    thrum_lock_release(&a);
}
static void inline_abba(void)
{
    both(inline_part, ba);
}
static void named(void)
{
    CHECK(thrum_name_set(many, sizeof(thrum_lock), "accounts") == 0);
    CHECK(thrum_name_set(&many[1], sizeof(thrum_lock), "journal") == 0);
    circle(2);
}
static void takes_a(void)
{
    lock(&a);
    thrum_lock_release(&a);
}
static void awaits_with_lock(void)
{
    struct started started = start("one", takes_a);
    CHECK(thrum_sleep(thrum_in(0.01)) == 0);
    lock(&a);
    finish(started);
    thrum_lock_release(&a);
}
static void many_tasks(void)
{
    for (int i = 0; i < 3000; i++)
        finish(start("task", i % 3 ? ab : nothing));
}

/* ---------------------------------------------------------------------------------- hangs */

static void hang_first(void)
{
    lock(&a);
    next();
    turn(2);
    lock(&b);
}
static void hang_second(void)
{
    lock(&b);
    next();
    turn(2);
    lock(&a);
}
static void hangs(void)
{
    both(ab, ab);
    turn_now = 0;
    struct started started = start("one", hang_first), other = start("two", hang_second);
    finish(started);
    finish(other);
}

static const struct {
    const char *name;
    part *run;
} programs[] = {
#define PROGRAM(name)                                                                              \
    {                                                                                              \
#name, name                                                                                \
    }
    PROGRAM(abba),
    PROGRAM(abba_recursive),
    PROGRAM(abba_with),
    PROGRAM(abba_yields),
    PROGRAM(awaits_with_lock),
    PROGRAM(barrier_before),
    PROGRAM(barrier_between),
    PROGRAM(by_main),
    PROGRAM(circle_3),
    PROGRAM(circle_4),
    PROGRAM(circle_5),
    PROGRAM(condition_with_lock),
    PROGRAM(created_after),
    PROGRAM(created_before),
    PROGRAM(ended_before),
    PROGRAM(event_by_select),
    PROGRAM(ends_with_lock),
    PROGRAM(gated),
    PROGRAM(gated_one_side),
    PROGRAM(group_between),
    PROGRAM(hand_over_hand_good),
    PROGRAM(handed_by_condition),
    PROGRAM(handed_by_event),
    PROGRAM(handed_by_queue),
    PROGRAM(handed_by_select),
    PROGRAM(handed_by_semaphore),
    PROGRAM(hangs),
    PROGRAM(inline_abba),
    PROGRAM(lock_and_mutex),
    PROGRAM(many_tasks),
    PROGRAM(named),
    PROGRAM(once_and_lock),
    PROGRAM(put_by_select),
    PROGRAM(put_too_early),
    PROGRAM(reader_and_lock),
    PROGRAM(readers_before_writers),
    PROGRAM(readers_only),
    PROGRAM(readers_writers),
    PROGRAM(reads_twice),
    PROGRAM(recursion_only),
    PROGRAM(reused),
    PROGRAM(reused_heap),
    PROGRAM(reused_then_abba),
    PROGRAM(same_order),
    PROGRAM(semaphore_and_lock),
    PROGRAM(semaphores_as_locks),
    PROGRAM(semaphores_of_two),
    PROGRAM(single),
    PROGRAM(switched_out),
    PROGRAM(taken_again),
    PROGRAM(timed_one),
    PROGRAM(tried_is_held),
    PROGRAM(tries_one),
    PROGRAM(unread_failure),
    PROGRAM(used_finished),
    PROGRAM(writers),
};

static void run(part *program)
{
    if (carrier == FIBERS)
        executor = thrum_fiber_pool_new(&(thrum_fiber_pool_options){.max_workers = 1});
    if (carrier == POOL)
        executor = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 1});
    program();
    thrum_executor_shutdown(executor);
}

int main(int argc, char **argv)
{
    static const char *const carriers[] = {"threads", "fibers", "pool"};
    if (argc != 3)
        return 2;
    for (int i = 0; i < 3; i++)
        if (strcmp(argv[1], carriers[i]) == 0)
            carrier = i;
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++)
        if (strcmp(argv[2], programs[i].name) == 0) {
            run(programs[i].run);
            return 0;
        }
    return 2;
}
