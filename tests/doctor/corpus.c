/* Programs whose locks can deadlock, or seem to. Each is a mode: corpus NAME.
 *
 * None of them hangs by chance: their threads take turns, by a number that they watch. The doctor does
 * not see these turns, so for it the threads are free. test_corpus.c knows what it must say of each.
 */
#include "sample.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/wait.h>
#include <threads.h>
#include <time.h>

static int turn_now;

static void turn(int number)
{
    while (__atomic_load_n(&turn_now, __ATOMIC_ACQUIRE) != number)
        sched_yield();
}

static void next(void)
{
    __atomic_fetch_add(&turn_now, 1, __ATOMIC_ACQ_REL);
}

static pthread_mutex_t a = PTHREAD_MUTEX_INITIALIZER, b = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t c = PTHREAD_MUTEX_INITIALIZER, d = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER, gate2 = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER, rw2 = PTHREAD_RWLOCK_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static pthread_mutex_t many[8];
static pthread_spinlock_t spin, spin2;
static sem_t semaphore, semaphore2;
static pthread_barrier_t barrier;
static int flag;

static __attribute__((noinline)) void lock(pthread_mutex_t *mutex)
{
    if (pthread_mutex_lock(mutex) != 0)
        abort();
}

static void unlock(pthread_mutex_t *mutex)
{
    if (pthread_mutex_unlock(mutex) != 0)
        abort();
}

static void pair(pthread_mutex_t *first, pthread_mutex_t *second)
{
    lock(first);
    lock(second);
    unlock(second);
    unlock(first);
}

static void *end(pthread_t thread)
{
    void *result;
    if (pthread_join(thread, &result) != 0)
        abort();
    return result;
}

/* Two functions, each by a thread of its own, one after the other, both threads alive meanwhile. */
static void (*first_part)(void), (*second_part)(void);

static void *run_first(void *unused)
{
    turn(0);
    first_part();
    next();
    turn(2);
    return unused;
}

static void *run_second(void *unused)
{
    turn(1);
    second_part();
    next();
    return unused;
}

static void both(void (*first)(void), void (*second)(void))
{
    first_part = first;
    second_part = second;
    pthread_t one = start("one", run_first, NULL), two = start("two", run_second, NULL);
    end(one);
    end(two);
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
/* Their memory is freed and allocated again, without destroy and init. */
static pthread_mutex_t *in_heap;
static void heap_ab(void)
{
    pair(&in_heap[0], &in_heap[1]);
}
static void heap_ba(void)
{
    pair(&in_heap[1], &in_heap[0]);
}
static void freed_then_reused(void)
{
    const pthread_mutex_t initial = PTHREAD_MUTEX_INITIALIZER;
    uintptr_t old = 0;
    for (int i = 0; i < 2; i++) {
        in_heap = malloc(2 * sizeof *in_heap);
        if (!in_heap || (old && (uintptr_t)in_heap != old))
            abort();
        old = (uintptr_t)in_heap;
        in_heap[0] = in_heap[1] = initial;
        turn_now = 0;
        if (i == 0)
            both(heap_ab, heap_ab);
        else
            both(heap_ba, heap_ba);
        free(in_heap);
    }
}
static void used_destroyed(void)
{
    pthread_mutex_destroy(&a);
    if (pthread_mutex_lock(&a) != EINVAL)
        abort();
}
static void used_destroyed_rwlock(void)
{
    pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
    pthread_rwlock_destroy(&lock);
    pthread_rwlock_rdlock(&lock);
    pthread_rwlock_unlock(&lock);
}

static void used_destroyed_semaphore(void)
{
    sem_t semaphore;
    sem_init(&semaphore, 0, 0);
    sem_destroy(&semaphore);
    sem_post(&semaphore);
}

static void used_destroyed_condition(void)
{
    pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
    pthread_cond_destroy(&condition);
    pthread_cond_signal(&condition);
}

static void used_destroyed_barrier(void)
{
    pthread_barrier_t barrier;
    pthread_barrier_init(&barrier, NULL, 1);
    pthread_barrier_destroy(&barrier);
    pthread_barrier_wait(&barrier);
}

static void use_once(void)
{
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
    pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
    pthread_barrier_t barrier;
    sem_t semaphore;
    pthread_barrier_init(&barrier, NULL, 1);
    sem_init(&semaphore, 0, 1);
    pthread_mutex_lock(&mutex);
    pthread_mutex_unlock(&mutex);
    pthread_rwlock_wrlock(&lock);
    pthread_rwlock_unlock(&lock);
    pthread_cond_broadcast(&condition);
    pthread_barrier_wait(&barrier);
    sem_wait(&semaphore);
    sem_post(&semaphore);
    pthread_mutex_destroy(&mutex);
    pthread_rwlock_destroy(&lock);
    pthread_cond_destroy(&condition);
    pthread_barrier_destroy(&barrier);
    sem_destroy(&semaphore);
}

/* The same memory becomes objects again, some of them without a call. */
static void destroyed_then_made(void)
{
    for (int i = 0; i < 3; i++)
        use_once();
    static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
    for (int i = 0; i < 3; i++) {
        pthread_rwlock_rdlock(&lock);
        pthread_rwlock_unlock(&lock);
        pthread_rwlock_destroy(&lock);
        if (i)
            pthread_rwlock_init(&lock, NULL);
        else
            memset(&lock, 0, sizeof lock);
    }
}

static void same_order(void)
{
    both(ab, ab);
}

/* A circle of n threads: thread i takes many[i], then many[i + 1]. */
static int circle_size;
static bool circle_sorted;

static void *in_circle(void *argument)
{
    int i = (int)(intptr_t)argument, j = (i + 1) % circle_size;
    turn(i);
    if (circle_sorted && j < i)
        pair(&many[j], &many[i]);
    else
        pair(&many[i], &many[j]);
    next();
    turn(circle_size);
    return NULL;
}

static void circle_of(int size)
{
    pthread_t threads[8];
    circle_size = size;
    for (int i = 0; i < size; i++)
        pthread_mutex_init(&many[i], NULL);
    for (int i = 0; i < size; i++)
        threads[i] = start("member", in_circle, (void *)(intptr_t)i);
    for (int i = 0; i < size; i++)
        end(threads[i]);
}

static void circle_3(void)
{
    circle_of(3);
}
static void circle_4(void)
{
    circle_of(4);
}
static void circle_5(void)
{
    circle_of(5);
}
static void circle_8(void)
{
    circle_of(8);
}

static void philosophers_sorted(void)
{
    circle_sorted = true;
    circle_of(5);
}

/* Other kinds of mutexes. */
static void make_kind(int kind, int protocol, int robust)
{
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, kind);
    pthread_mutexattr_setprotocol(&attributes, protocol);
    pthread_mutexattr_setrobust(&attributes, robust);
    pthread_mutex_init(&a, &attributes);
    pthread_mutex_init(&b, &attributes);
}

static void abba_recursive(void)
{
    make_kind(PTHREAD_MUTEX_RECURSIVE, PTHREAD_PRIO_NONE, 0);
    abba();
}

static void abba_checking(void)
{
    make_kind(PTHREAD_MUTEX_ERRORCHECK, PTHREAD_PRIO_NONE, 0);
    abba();
}

static void abba_adaptive(void)
{
    make_kind(PTHREAD_MUTEX_ADAPTIVE_NP, PTHREAD_PRIO_NONE, 0);
    abba();
}

static void abba_inherit(void)
{
    make_kind(PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_INHERIT, 0);
    abba();
}

static void abba_robust(void)
{
    make_kind(PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_NONE, PTHREAD_MUTEX_ROBUST);
    abba();
}

static void twice_ab(void)
{
    lock(&a);
    lock(&a);
    unlock(&a);
    lock(&b);
    unlock(&b);
    unlock(&a);
}

static void abba_recursive_twice(void)
{
    make_kind(PTHREAD_MUTEX_RECURSIVE, PTHREAD_PRIO_NONE, 0);
    both(twice_ab, ba);
}

static void recursion_only(void)
{
    make_kind(PTHREAD_MUTEX_RECURSIVE, PTHREAD_PRIO_NONE, 0);
    both(twice_ab, twice_ab);
}

/* Gates. */
static void gated_ab(void)
{
    lock(&gate);
    ab();
    unlock(&gate);
}

static void gated_ba(void)
{
    lock(&gate);
    ba();
    unlock(&gate);
}

static void gated2_ba(void)
{
    lock(&gate2);
    ba();
    unlock(&gate2);
}

static void gated(void)
{
    both(gated_ab, gated_ba);
}
static void gated_differently(void)
{
    both(gated_ab, gated2_ba);
}
static void gated_one_side(void)
{
    both(gated_ab, ba);
}

static void read_gated_ab(void)
{
    pthread_rwlock_rdlock(&rw);
    ab();
    pthread_rwlock_unlock(&rw);
}

static void read_gated_ba(void)
{
    pthread_rwlock_rdlock(&rw);
    ba();
    pthread_rwlock_unlock(&rw);
}

static void write_gated_ba(void)
{
    pthread_rwlock_wrlock(&rw);
    ba();
    pthread_rwlock_unlock(&rw);
}

static void gate_of_readers(void)
{
    both(read_gated_ab, read_gated_ba);
}
static void gate_of_writer(void)
{
    both(read_gated_ab, write_gated_ba);
}

static void early_ab(void)
{
    lock(&gate);
    lock(&a);
    unlock(&gate);
    lock(&b);
    unlock(&b);
    unlock(&a);
}

static void early_ba(void)
{
    lock(&gate);
    lock(&b);
    unlock(&gate);
    lock(&a);
    unlock(&a);
    unlock(&b);
}

static void gate_left_early(void)
{
    both(early_ab, early_ba);
}

/* Order of release, chains. */
static void lock_abc_release_a(void)
{
    lock(&a);
    lock(&b);
    unlock(&a);
    lock(&c);
    unlock(&c);
    unlock(&b);
}

static void cb(void)
{
    pair(&c, &b);
}
static void ca(void)
{
    pair(&c, &a);
}
static void hand_over_hand_bad(void)
{
    both(lock_abc_release_a, cb);
}
static void hand_over_hand_good(void)
{
    both(lock_abc_release_a, lock_abc_release_a);
}
static void hand_over_hand_free(void)
{
    both(lock_abc_release_a, ca);
}

static void down(void)
{
    for (int i = 0; i < 8; i++)
        lock(&many[i]);
    for (int i = 7; i >= 0; i--)
        unlock(&many[i]);
}

static void up(void)
{
    lock(&many[7]);
    pair(&many[4], &many[0]);
    unlock(&many[7]);
}

static void deep(void)
{
    for (int i = 0; i < 8; i++)
        pthread_mutex_init(&many[i], NULL);
    both(down, up);
}

static void abcd(void)
{
    lock(&a);
    pair(&b, &c);
    lock(&d);
    unlock(&d);
    unlock(&a);
}

static void da(void)
{
    pair(&d, &a);
}
static void nested(void)
{
    both(abcd, da);
}

/* One thread. */
static void single_thread(void)
{
    ab();
    ba();
}

static void *single_both(void *unused)
{
    single_thread();
    return unused;
}

static void single_created(void)
{
    end(start("one", single_both, NULL));
}

/* Order by creation and join. */
static void *do_ab(void *unused)
{
    ab();
    return unused;
}

static void *do_ba(void *unused)
{
    ba();
    return unused;
}

static void created_after(void)
{
    ab();
    end(start("two", do_ba, NULL));
}

static void joined_before(void)
{
    end(start("one", do_ab, NULL));
    end(start("two", do_ba, NULL));
}

static void joined_then_main(void)
{
    end(start("one", do_ab, NULL));
    ba();
}

static void *make_another(void *unused)
{
    ab();
    end(start("inner", do_ba, NULL));
    return unused;
}

static void created_by_created(void)
{
    end(start("outer", make_another, NULL));
}

static void joined_often(void)
{
    for (int i = 0; i < 20; i++)
        end(start("item", i % 2 ? do_ab : do_ba, NULL));
}

static void *turn_ba(void *unused)
{
    turn(1);
    ba();
    return unused;
}

static void created_inside(void)
{
    lock(&a);
    pthread_t two = start("two", turn_ba, NULL);
    lock(&b);
    unlock(&b);
    unlock(&a);
    next();
    end(two);
}

static void created_before(void)
{
    pthread_t two = start("two", turn_ba, NULL);
    ab();
    next();
    end(two);
}

/* Order by semaphores, conditions and barriers. */
static void *ab_then_post(void *unused)
{
    ab();
    sem_post(&semaphore);
    next();
    return unused;
}

static void *wait_then_ba(void *unused)
{
    sem_wait(&semaphore);
    ba();
    return unused;
}

static void handed_by_semaphore(void)
{
    sem_init(&semaphore, 0, 0);
    pthread_t one = start("one", ab_then_post, NULL), two = start("two", wait_then_ba, NULL);
    end(one);
    end(two);
}

static void all_done_semaphore(void)
{
    sem_init(&semaphore, 0, 0);
    pthread_t one = start("one", ab_then_post, NULL), two = start("two", ab_then_post, NULL);
    sem_wait(&semaphore);
    sem_wait(&semaphore);
    ba();
    end(one);
    end(two);
}

static void some_done_semaphore(void)
{
    sem_init(&semaphore, 0, 0);
    pthread_t one = start("one", ab_then_post, NULL), two = start("two", ab_then_post, NULL);
    sem_wait(&semaphore);
    turn(2);
    ba();
    end(one);
    end(two);
}

static void *post_then_ab(void *unused)
{
    sem_post(&semaphore);
    turn(0);
    ab();
    next();
    return unused;
}

static void *wait_turn_ba(void *unused)
{
    sem_wait(&semaphore);
    turn(1);
    ba();
    return unused;
}

static void posted_too_early(void)
{
    sem_init(&semaphore, 0, 0);
    pthread_t one = start("one", post_then_ab, NULL), two = start("two", wait_turn_ba, NULL);
    end(one);
    end(two);
}

static void semaphore_had_one(void)
{
    sem_init(&semaphore, 0, 1);
    pthread_t two = start("two", wait_turn_ba, NULL);
    ab();
    next();
    sem_post(&semaphore);
    end(two);
}

static void *wait_condition_ba(void *unused)
{
    lock(&c);
    flag = 1;
    while (flag != 2)
        pthread_cond_wait(&changed, &c);
    unlock(&c);
    ba();
    return unused;
}

static void handed_by_condition(void)
{
    pthread_t two = start("two", wait_condition_ba, NULL);
    bool waits = false;
    while (!waits) {
        lock(&c);
        waits = flag == 1;
        unlock(&c);
        sched_yield();
    }
    ab();
    lock(&c);
    flag = 2;
    pthread_cond_signal(&changed);
    unlock(&c);
    end(two);
}

static void *ab_barrier(void *unused)
{
    ab();
    pthread_barrier_wait(&barrier);
    return unused;
}

static void *barrier_ba(void *unused)
{
    pthread_barrier_wait(&barrier);
    ba();
    return unused;
}

static void *barrier_turn_ab(void *unused)
{
    pthread_barrier_wait(&barrier);
    turn(0);
    ab();
    next();
    return unused;
}

static void *barrier_turn_ba(void *unused)
{
    pthread_barrier_wait(&barrier);
    turn(1);
    ba();
    return unused;
}

static void through_barrier(void *(*first)(void *), void *(*second)(void *))
{
    pthread_barrier_init(&barrier, NULL, 2);
    pthread_t one = start("one", first, NULL), two = start("two", second, NULL);
    end(one);
    end(two);
}

static void barrier_between(void)
{
    through_barrier(ab_barrier, barrier_ba);
}
static void barrier_before(void)
{
    through_barrier(barrier_turn_ab, barrier_turn_ba);
}

/* Readers and writers. */
static void take(pthread_rwlock_t *lock1, bool read1, pthread_rwlock_t *lock2, bool read2)
{
    if ((read1 ? pthread_rwlock_rdlock(lock1) : pthread_rwlock_wrlock(lock1)) != 0 ||
        (read2 ? pthread_rwlock_rdlock(lock2) : pthread_rwlock_wrlock(lock2)) != 0)
        abort();
    pthread_rwlock_unlock(lock2);
    pthread_rwlock_unlock(lock1);
}

static void ww12(void)
{
    take(&rw, false, &rw2, false);
}
static void ww21(void)
{
    take(&rw2, false, &rw, false);
}
static void rw12(void)
{
    take(&rw, true, &rw2, false);
}
static void rw21(void)
{
    take(&rw2, true, &rw, false);
}
static void rr12(void)
{
    take(&rw, true, &rw2, true);
}
static void rr21(void)
{
    take(&rw2, true, &rw, true);
}
static void wr21(void)
{
    take(&rw2, false, &rw, true);
}
static void writers(void)
{
    both(ww12, ww21);
}
static void readers_writers(void)
{
    both(rw12, rw21);
}
static void readers_only(void)
{
    both(rr12, rr21);
}
static void reader_meets_writer(void)
{
    both(rr12, ww21);
}
/* Both hold or want the first lock for reading. */
static void reader_reader_writer(void)
{
    both(rw12, wr21);
}

static void read_then_mutex(void)
{
    pthread_rwlock_rdlock(&rw);
    lock(&a);
    unlock(&a);
    pthread_rwlock_unlock(&rw);
}

static void mutex_then_write(void)
{
    lock(&a);
    pthread_rwlock_wrlock(&rw);
    pthread_rwlock_unlock(&rw);
    unlock(&a);
}

static void mutex_then_read(void)
{
    lock(&a);
    pthread_rwlock_rdlock(&rw);
    pthread_rwlock_unlock(&rw);
    unlock(&a);
}

static void reader_and_mutex(void)
{
    both(read_then_mutex, mutex_then_write);
}
static void readers_and_mutex(void)
{
    both(read_then_mutex, mutex_then_read);
}

static void prefer_writers(void)
{
    pthread_rwlockattr_t attributes;
    pthread_rwlockattr_init(&attributes);
    pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&rw, &attributes);
    pthread_rwlock_init(&rw2, &attributes);
}

static void readers_before_writers(void)
{
    prefer_writers();
    pthread_rwlock_wrlock(&rw);
    pthread_rwlock_unlock(&rw);
    pthread_rwlock_wrlock(&rw2);
    pthread_rwlock_unlock(&rw2);
    readers_only();
}

static void readers_without_writers(void)
{
    prefer_writers();
    readers_only();
}

static void rr11(void)
{
    take(&rw, true, &rw, true);
}

static void reads_twice(void)
{
    prefer_writers();
    lock(&a);
    rr11();
    unlock(&a);
}

static void reads_twice_usual(void)
{
    lock(&a);
    rr11();
    unlock(&a);
}

/* Trying, and limits. */
static void try_a_lock_b(void)
{
    if (pthread_mutex_trylock(&a) != 0)
        abort();
    lock(&b);
    unlock(&b);
    unlock(&a);
}

static void a_try_b(void)
{
    lock(&a);
    if (pthread_mutex_trylock(&b) == 0)
        unlock(&b);
    unlock(&a);
}

static void b_try_a(void)
{
    lock(&b);
    if (pthread_mutex_trylock(&a) == 0)
        unlock(&a);
    unlock(&b);
}

static void timed_pair(pthread_mutex_t *first, pthread_mutex_t *second)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 60;
    lock(first);
    if (pthread_mutex_timedlock(second, &until) != 0)
        abort();
    unlock(second);
    unlock(first);
}

static void clock_pair(pthread_mutex_t *first, pthread_mutex_t *second)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += 60;
    lock(first);
    if (pthread_mutex_clocklock(second, CLOCK_MONOTONIC, &until) != 0)
        abort();
    unlock(second);
    unlock(first);
}

static void timed_ab(void)
{
    timed_pair(&a, &b);
}
static void timed_ba(void)
{
    timed_pair(&b, &a);
}
static void clock_ab(void)
{
    clock_pair(&a, &b);
}
static void tried_is_held(void)
{
    both(try_a_lock_b, ba);
}
static void tries_both(void)
{
    both(a_try_b, b_try_a);
}
static void tries_one(void)
{
    both(ab, b_try_a);
}
static void timed_both(void)
{
    both(timed_ab, timed_ba);
}
static void timed_one(void)
{
    both(timed_ab, ba);
}
static void clocked_one(void)
{
    both(clock_ab, ba);
}

static void timed_then_not(void)
{
    both(timed_ab, ba);
    turn_now = 0;
    abba();
}

/* Spin locks, semaphores as locks, C11. */
static void make_spins(void)
{
    pthread_spin_init(&spin, 0);
    pthread_spin_init(&spin2, 0);
}

static void spin_12(void)
{
    pthread_spin_lock(&spin);
    pthread_spin_lock(&spin2);
    pthread_spin_unlock(&spin2);
    pthread_spin_unlock(&spin);
}

static void spin_21(void)
{
    pthread_spin_lock(&spin2);
    pthread_spin_lock(&spin);
    pthread_spin_unlock(&spin);
    pthread_spin_unlock(&spin2);
}

static void spin_a(void)
{
    pthread_spin_lock(&spin);
    lock(&a);
    unlock(&a);
    pthread_spin_unlock(&spin);
}

static void a_spin(void)
{
    lock(&a);
    pthread_spin_lock(&spin);
    pthread_spin_unlock(&spin);
    unlock(&a);
}

static void spins(void)
{
    make_spins();
    both(spin_12, spin_21);
}

static void spin_and_mutex(void)
{
    make_spins();
    both(spin_a, a_spin);
}

static void spins_in_order(void)
{
    make_spins();
    both(spin_12, spin_12);
}

static void sem_pair(sem_t *first, sem_t *second)
{
    sem_wait(first);
    sem_wait(second);
    sem_post(second);
    sem_post(first);
}

static void sem_12(void)
{
    sem_pair(&semaphore, &semaphore2);
}
static void sem_21(void)
{
    sem_pair(&semaphore2, &semaphore);
}

static void semaphores(unsigned value)
{
    sem_init(&semaphore, 0, value);
    sem_init(&semaphore2, 0, value);
    both(sem_12, sem_21);
}

static void semaphores_as_locks(void)
{
    semaphores(1);
}
static void semaphores_of_two(void)
{
    semaphores(2);
}

static void sem_a(void)
{
    sem_wait(&semaphore);
    lock(&a);
    unlock(&a);
    sem_post(&semaphore);
}

static void a_sem(void)
{
    lock(&a);
    sem_wait(&semaphore);
    sem_post(&semaphore);
    unlock(&a);
}

static void semaphore_and_mutex(void)
{
    sem_init(&semaphore, 0, 1);
    both(sem_a, a_sem);
}

static void *take_five(void *unused)
{
    for (int i = 0; i < 5; i++) {
        sem_wait(&semaphore);
        ab();
    }
    return unused;
}

static void semaphore_as_signal(void)
{
    sem_init(&semaphore, 0, 0);
    pthread_t one = start("one", take_five, NULL);
    for (int i = 0; i < 5; i++) {
        lock(&c);
        sem_post(&semaphore);
        unlock(&c);
    }
    end(one);
}

static mtx_t ma, mb;

static void mtx_pair(mtx_t *first, mtx_t *second)
{
    mtx_lock(first);
    mtx_lock(second);
    mtx_unlock(second);
    mtx_unlock(first);
}

static int c11_ab(void *unused)
{
    (void)unused;
    turn(0);
    mtx_pair(&ma, &mb);
    next();
    turn(2);
    return 7;
}

static int c11_ba(void *unused)
{
    turn(1);
    if (unused)
        mtx_pair(&ma, &mb);
    else
        mtx_pair(&mb, &ma);
    next();
    return 8;
}

static void c11_both(int type, void *ordered)
{
    thrd_t one, two;
    int result = 0, other = 0;
    mtx_init(&ma, type);
    mtx_init(&mb, type);
    if (thrd_create(&one, c11_ab, NULL) != thrd_success ||
        thrd_create(&two, c11_ba, ordered) != thrd_success)
        abort();
    thrd_join(one, &result);
    thrd_join(two, &other);
    if (result != 7 || other != 8)
        abort();
    mtx_destroy(&ma);
    mtx_destroy(&mb);
}

static void c11(void)
{
    c11_both(mtx_plain, NULL);
}
static void c11_recursive(void)
{
    c11_both(mtx_plain | mtx_recursive, NULL);
}
static void c11_in_order(void)
{
    c11_both(mtx_timed, &ma);
}

/* Once. */
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void once_takes_a(void)
{
    lock(&a);
    unlock(&a);
}

static void once_alone(void)
{
    pthread_once(&once, once_takes_a);
}

static void a_once(void)
{
    lock(&a);
    pthread_once(&once, once_takes_a);
    unlock(&a);
}

static void a_then_once(void)
{
    lock(&a);
    unlock(&a);
    pthread_once(&once, once_takes_a);
}

static void once_and_mutex(void)
{
    both(once_alone, a_once);
}
static void once_in_order(void)
{
    both(once_alone, a_then_once);
}

/* A wait for a condition takes its mutex again. */
static void wait_inside(void)
{
    struct timespec past = {0, 0};
    lock(&c);
    lock(&a);
    pthread_cond_timedwait(&changed, &c, &past);
    unlock(&a);
    unlock(&c);
}

static void c_a(void)
{
    pair(&c, &a);
}
static void taken_again(void)
{
    both(wait_inside, c_a);
}

static void wait_plain(void)
{
    struct timespec past = {0, 0};
    lock(&c);
    pthread_cond_timedwait(&changed, &c, &past);
    lock(&a);
    unlock(&a);
    unlock(&c);
}

static void wait_in_order(void)
{
    both(wait_plain, c_a);
}

/* A wait for what another thread does, with a lock held that it needs. */
static void *take_a(void *unused)
{
    lock(&a);
    unlock(&a);
    next();
    return unused;
}

static void join_with_lock(void)
{
    pthread_t one = start("one", take_a, NULL);
    turn(1);
    lock(&a);
    end(one);
    unlock(&a);
}

static void *take_b(void *unused)
{
    lock(&b);
    unlock(&b);
    return unused;
}

static void join_with_other_lock(void)
{
    pthread_t one = start("one", take_b, NULL);
    lock(&a);
    end(one);
    unlock(&a);
}

static void *take_a_post(void *unused)
{
    lock(&a);
    unlock(&a);
    sem_post(&semaphore);
    next();
    turn(2);
    return unused;
}

static void wait_with_lock(void)
{
    sem_init(&semaphore, 0, 0);
    pthread_t one = start("one", take_a_post, NULL);
    turn(1);
    lock(&a);
    sem_wait(&semaphore);
    unlock(&a);
    next();
    end(one);
}

static void wait_with_other_lock(void)
{
    sem_init(&semaphore, 0, 0);
    pthread_t one = start("one", take_a_post, NULL);
    turn(1);
    lock(&b);
    sem_wait(&semaphore);
    unlock(&b);
    next();
    end(one);
}

/* Threads and locks that end. */
static void *keep_a(void *unused)
{
    lock(&a);
    return unused;
}

static void ends_holding(void)
{
    end(start("one", keep_a, NULL));
}

static void *exit_holding(void *unused)
{
    lock(&a);
    pthread_exit(unused);
}

static void exits_holding(void)
{
    end(start("one", exit_holding, NULL));
}

static void release(void *mutex)
{
    unlock(mutex);
}

static void *exit_cleanly(void *unused)
{
    lock(&a);
    pthread_cleanup_push(release, &a);
    pthread_exit(unused);
    pthread_cleanup_pop(0);
}

static void exits_cleanly(void)
{
    end(start("one", exit_cleanly, NULL));
}

static void *wait_for_ever(void *unused)
{
    lock(&c);
    pthread_cleanup_push(release, &c);
    flag = 1;
    for (;;)
        pthread_cond_wait(&changed, &c);
    pthread_cleanup_pop(1);
    return unused;
}

static void cancelled(void)
{
    pthread_t one = start("one", wait_for_ever, NULL);
    bool waits = false;
    while (!waits) {
        lock(&c);
        waits = flag == 1;
        unlock(&c);
        sched_yield();
    }
    pthread_cancel(one);
    end(one);
}

static pthread_key_t key;

static void at_thread_end(void *unused)
{
    (void)unused;
    turn(0);
    ab();
    next();
}

static void *with_key(void *unused)
{
    pthread_setspecific(key, &a);
    return unused;
}

static void in_destructor(void)
{
    pthread_key_create(&key, at_thread_end);
    pthread_t one = start("one", with_key, NULL), two = start("two", turn_ba, NULL);
    end(two);
    end(one);
}

static void destroyed_held(void)
{
    pthread_mutex_init(&many[0], NULL);
    lock(&many[0]);
    pthread_mutex_destroy(&many[0]);
}

static void destroyed_free(void)
{
    pthread_mutex_init(&many[0], NULL);
    lock(&many[0]);
    unlock(&many[0]);
    pthread_mutex_destroy(&many[0]);
}

static pid_t its_number;

static void *say_number(void *unused)
{
    __atomic_store_n(&its_number, gettid(), __ATOMIC_RELEASE);
    return unused;
}

static void not_joined(void)
{
    char path[64];
    start("one", say_number, NULL);
    /* Until the system has it no more. */
    do {
        sched_yield();
        snprintf(path, sizeof path, "/proc/self/task/%d",
                 __atomic_load_n(&its_number, __ATOMIC_ACQUIRE));
    } while (its_number == 0 || access(path, F_OK) == 0);
}

static void *detach_self(void *unused)
{
    pthread_detach(pthread_self());
    next();
    return unused;
}

static void detached(void)
{
    start("one", detach_self, NULL);
    turn(1);
}

static void *release_others(void *unused)
{
    unlock(&a);
    return unused;
}

/* A mutex as a signal: not allowed, but done. */
static void handed_mutex(void)
{
    lock(&a);
    end(start("one", release_others, NULL));
    both(ab, ba);
}

/* Memory that becomes another lock. */
static void *ab_next(void *unused)
{
    ab();
    next();
    return unused;
}

static void remade(void (*after)(void))
{
    pthread_mutex_init(&a, NULL);
    pthread_mutex_init(&b, NULL);
    pthread_t one = start("one", ab_next, NULL);
    turn(1);
    pthread_mutex_destroy(&a);
    pthread_mutex_destroy(&b);
    pthread_mutex_init(&a, NULL);
    pthread_mutex_init(&b, NULL);
    pthread_t two = start("two", do_ba, NULL);
    end(two);
    end(one);
    turn_now = 0;
    if (after)
        after();
}

static void reused(void)
{
    remade(NULL);
}
static void reused_then_abba(void)
{
    remade(abba);
}

struct object {
    pthread_mutex_t first, second;
};

static struct object *heap;

static void heap_12(void)
{
    pair(&heap->first, &heap->second);
}
static void heap_21(void)
{
    pair(&heap->second, &heap->first);
}

static void made_in_heap(void)
{
    heap = malloc(sizeof *heap);
    pthread_mutex_init(&heap->first, NULL);
    pthread_mutex_init(&heap->second, NULL);
    both(heap_12, heap_21);
    free(heap);
}

/* Many threads. */
static void *worker(void *argument)
{
    int number = (int)(intptr_t)argument;
    turn(number);
    if (number == 9)
        ba();
    else
        ab();
    next();
    turn(10);
    return NULL;
}

static void pool(void)
{
    pthread_t threads[10];
    for (int i = 0; i < 10; i++)
        threads[i] = start("worker", worker, (void *)(intptr_t)i);
    for (int i = 0; i < 10; i++)
        end(threads[i]);
}

static void *hundred_ab(void *unused)
{
    for (int i = 0; i < 100; i++)
        ab();
    return unused;
}

static void crowd(void)
{
    pthread_t threads[64];
    for (int i = 0; i < 64; i++)
        threads[i] = start("worker", hundred_ab, NULL);
    for (int i = 0; i < 64; i++)
        end(threads[i]);
}

static void thread_each(void)
{
    for (int i = 0; i < 2000; i++)
        end(start("task", do_ab, NULL));
}

static int queued, taken;

static void *consume(void *unused)
{
    lock(&c);
    while (taken < 50) {
        while (queued == 0 && taken < 50)
            pthread_cond_wait(&changed, &c);
        if (queued > 0) {
            queued--;
            taken++;
            unlock(&c);
            ab();
            lock(&c);
        }
        pthread_cond_broadcast(&changed);
    }
    unlock(&c);
    return unused;
}

static void queue(void)
{
    pthread_t one = start("one", consume, NULL), two = start("two", consume, NULL);
    for (int i = 0; i < 50; i++) {
        ab();
        lock(&c);
        queued++;
        pthread_cond_signal(&changed);
        unlock(&c);
    }
    end(one);
    end(two);
}

static void back_off(pthread_mutex_t *first, pthread_mutex_t *second)
{
    for (;;) {
        lock(first);
        if (pthread_mutex_trylock(second) == 0)
            break;
        unlock(first);
        sched_yield();
    }
    unlock(second);
    unlock(first);
}

static void back_off_ab(void)
{
    back_off(&a, &b);
}
static void back_off_ba(void)
{
    back_off(&b, &a);
}
static void backs_off(void)
{
    both(back_off_ab, back_off_ba);
}

/* Other processes. */
static void wait_child(pid_t child)
{
    int status;
    if (waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        abort();
}

static void in_child(void (*run)(void))
{
    pid_t child = fork();
    if (child == 0) {
        run();
        exit(0);
    }
    wait_child(child);
}

static void forked(void)
{
    ab();
    in_child(abba);
}

static void forked_in_order(void)
{
    ba();
    in_child(same_order);
    ba();
}

static void exec_abba(void)
{
    execl("/proc/self/exe", "corpus", "abba", (char *)NULL);
    abort();
}

static void executed(void)
{
    in_child(exec_abba);
}

/* A handler that takes a lock, which no handler may. */
static void take_b_in_handler(int number)
{
    (void)number;
    lock(&b);
    unlock(&b);
}

static void handler_with_lock(void)
{
    signal(SIGUSR1, take_b_in_handler);
    lock(&a);
    raise(SIGUSR1);
    unlock(&a);
    take_b(NULL);
}

static void do_nothing(int number)
{
    (void)number;
}

static void handler_without_lock(void)
{
    signal(SIGUSR1, do_nothing);
    lock(&a);
    raise(SIGUSR1);
    unlock(&a);
    ab();
}

/* Those that hang. */
static void *hang_ab(void *unused)
{
    lock(&a);
    next();
    turn(2);
    lock(&b);
    return unused;
}

static void *hang_ba(void *unused)
{
    lock(&b);
    next();
    turn(2);
    lock(&a);
    return unused;
}

static void hangs(void)
{
    pthread_t one = start("one", hang_ab, NULL), two = start("two", hang_ba, NULL);
    end(one);
    end(two);
}

static void hangs_alone(void)
{
    lock(&a);
    lock(&a);
}

static void *lock_a(void *unused)
{
    lock(&a);
    return unused;
}

static void hangs_joining(void)
{
    lock(&a);
    end(start("one", lock_a, NULL));
}

static void hangs_abandoned(void)
{
    end(start("one", keep_a, NULL));
    lock(&a);
}

static void *hang_read(void *unused)
{
    pthread_rwlock_wrlock(&rw);
    next();
    turn(2);
    lock(&a);
    return unused;
}

static void *hang_write(void *unused)
{
    lock(&a);
    next();
    turn(2);
    pthread_rwlock_rdlock(&rw);
    return unused;
}

static void hangs_rwlock(void)
{
    pthread_t one = start("one", hang_read, NULL), two = start("two", hang_write, NULL);
    end(one);
    end(two);
}

static void *hang_waiting(void *unused)
{
    lock(&c);
    for (;;)
        pthread_cond_wait(&changed, &c);
    return unused;
}

static void hangs_lost(void)
{
    end(start("one", hang_waiting, NULL));
}

static void prints(void)
{
    puts("to stdout");
    fputs("to stderr\n", stderr);
    exit(5);
}

static void killed(void)
{
    raise(SIGKILL);
}

#define CASE(name)                                                                                 \
    {                                                                                              \
#name, name                                                                                \
    }
static const struct sample samples[] = {
    CASE(abba),
    CASE(abba_adaptive),
    CASE(abba_checking),
    CASE(abba_inherit),
    CASE(abba_recursive),
    CASE(abba_recursive_twice),
    CASE(abba_robust),
    CASE(all_done_semaphore),
    CASE(backs_off),
    CASE(barrier_before),
    CASE(barrier_between),
    CASE(c11),
    CASE(c11_in_order),
    CASE(c11_recursive),
    CASE(cancelled),
    CASE(circle_3),
    CASE(circle_4),
    CASE(circle_5),
    CASE(circle_8),
    CASE(clocked_one),
    CASE(created_after),
    CASE(created_before),
    CASE(created_by_created),
    CASE(created_inside),
    CASE(crowd),
    CASE(deep),
    CASE(destroyed_free),
    CASE(destroyed_held),
    CASE(destroyed_then_made),
    CASE(detached),
    CASE(ends_holding),
    CASE(executed),
    CASE(exits_cleanly),
    CASE(exits_holding),
    CASE(forked),
    CASE(forked_in_order),
    CASE(gate_left_early),
    CASE(gate_of_readers),
    CASE(gate_of_writer),
    CASE(gated),
    CASE(gated_differently),
    CASE(gated_one_side),
    CASE(hand_over_hand_bad),
    CASE(hand_over_hand_free),
    CASE(hand_over_hand_good),
    CASE(handed_by_condition),
    CASE(handed_by_semaphore),
    CASE(handed_mutex),
    CASE(handler_with_lock),
    CASE(handler_without_lock),
    CASE(hangs),
    CASE(hangs_abandoned),
    CASE(hangs_alone),
    CASE(hangs_joining),
    CASE(hangs_lost),
    CASE(hangs_rwlock),
    CASE(in_destructor),
    CASE(join_with_lock),
    CASE(join_with_other_lock),
    CASE(joined_before),
    CASE(joined_often),
    CASE(joined_then_main),
    CASE(killed),
    CASE(made_in_heap),
    CASE(nested),
    CASE(not_joined),
    CASE(once_and_mutex),
    CASE(once_in_order),
    CASE(philosophers_sorted),
    CASE(pool),
    CASE(posted_too_early),
    CASE(prints),
    CASE(queue),
    CASE(reader_and_mutex),
    CASE(reader_meets_writer),
    CASE(reader_reader_writer),
    CASE(readers_and_mutex),
    CASE(readers_before_writers),
    CASE(readers_only),
    CASE(readers_without_writers),
    CASE(readers_writers),
    CASE(reads_twice),
    CASE(reads_twice_usual),
    CASE(recursion_only),
    CASE(reused),
    CASE(reused_then_abba),
    CASE(freed_then_reused),
    CASE(used_destroyed),
    CASE(used_destroyed_barrier),
    CASE(used_destroyed_condition),
    CASE(used_destroyed_rwlock),
    CASE(used_destroyed_semaphore),
    CASE(same_order),
    CASE(semaphore_and_mutex),
    CASE(semaphore_as_signal),
    CASE(semaphore_had_one),
    CASE(semaphores_as_locks),
    CASE(semaphores_of_two),
    CASE(single_created),
    CASE(single_thread),
    CASE(some_done_semaphore),
    CASE(spin_and_mutex),
    CASE(spins),
    CASE(spins_in_order),
    CASE(taken_again),
    CASE(thread_each),
    CASE(timed_both),
    CASE(timed_one),
    CASE(timed_then_not),
    CASE(tried_is_held),
    CASE(tries_both),
    CASE(tries_one),
    CASE(wait_in_order),
    CASE(wait_with_lock),
    CASE(wait_with_other_lock),
    CASE(writers),
    {0},
};

int main(int count, char **words)
{
    alarm(3600);
    for (const struct sample *sample = samples; sample->name; sample++)
        if (count > 1 && strcmp(sample->name, words[1]) == 0) {
            sample->run();
            return 0;
        }
    return 2;
}
