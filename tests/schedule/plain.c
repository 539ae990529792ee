/* Small programs for `thrum explore` whose threads share plain variables, compiled without instrumentation: each "bad_"
 * one fails under some schedule, no "good_" one does.
 *
 * Without memory points most of the bad ones never fail: no call lies between the accesses. `plain NAME`
 * runs one; `plain` lists all.
 */
#include "cases.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t a = PTHREAD_MUTEX_INITIALIZER, b = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t barrier;
static sem_t sem;
static int counter, other, total;
static volatile int flag, flags[2], turn;

/* ---- counters ---- */

static void *add_one(void *unused)
{
    counter++;
    return unused;
}

static void bad_counter(void)
{
    go(add_one, NULL);
    go(add_one, NULL);
    join_all();
    assert(counter == 2);
}

static void *add_many(void *unused)
{
    for (int i = 0; i < 20; i++)
        *(volatile int *)&counter += 1;
    return unused;
}

static void bad_counter_in_a_loop(void)
{
    go(add_many, NULL);
    go(add_many, NULL);
    join_all();
    assert(counter == 40);
}

static void *add_atomic(void *unused)
{
    for (int i = 0; i < 20; i++)
        __atomic_fetch_add(&counter, 1, __ATOMIC_RELAXED);
    return unused;
}

static void good_atomic_counter(void)
{
    go(add_atomic, NULL);
    go(add_atomic, NULL);
    go(add_atomic, NULL);
    join_all();
    assert(counter == 60);
}

/* Each thread takes a lock, but not the same. */
static void *add_with(void *lock)
{
    pthread_mutex_lock(lock);
    counter++;
    pthread_mutex_unlock(lock);
    return NULL;
}

static void bad_wrong_lock(void)
{
    go(add_with, &a);
    go(add_with, &b);
    join_all();
    assert(counter == 2);
}

static void good_one_lock(void)
{
    for (int i = 0; i < 4; i++)
        go(add_with, &a);
    join_all();
    assert(counter == 4);
}

static void *add_to_heap(void *argument)
{
    long *sum = argument;
    for (int i = 0; i < 3; i++)
        ++*sum;
    return NULL;
}

static void bad_counter_on_the_heap(void)
{
    long *sum = calloc(1, sizeof *sum);
    go(add_to_heap, sum);
    go(add_to_heap, sum);
    join_all();
    assert(*sum == 6);
    free(sum);
}

/* ---- orders ---- */

static void *set_both(void *unused)
{
    counter = 1;
    *(volatile int *)&other = -1;
    return unused;
}

static void *check_both(void *unused)
{
    int first = *(volatile int *)&counter, second = *(volatile int *)&other;
    assert((first == 0 && second == 0) || (first == 1 && second == -1));
    return unused;
}

static void bad_two_writes_seen_between(void)
{
    go(set_both, NULL);
    go(set_both, NULL);
    go(set_both, NULL);
    go(check_both, NULL);
    join_all();
}

struct message {
    int size;
    char *text;
};

static struct message *volatile published;

static void *publish_early(void *unused)
{
    struct message *message = calloc(1, sizeof *message);
    published = message;
    message->text = (char *)"hello";
    *(volatile int *)&message->size = 5;
    return unused;
}

static void *use_published(void *unused)
{
    struct message *message = published;
    if (message)
        total = (int)strlen(message->text);
    return unused;
}

static void bad_published_before_it_is_complete(void)
{
    go(publish_early, NULL);
    go(use_published, NULL);
    join_all();
}

static void *publish_late(void *unused)
{
    struct message *message = calloc(1, sizeof *message);
    message->text = (char *)"hello";
    __atomic_store_n(&published, message, __ATOMIC_RELEASE);
    return unused;
}

static void good_published_when_complete(void)
{
    go(publish_late, NULL);
    go(use_published, NULL);
    join_all();
    free(published);
}

static char *volatile handle;

static void *make_handle(void *unused)
{
    usleep(10000); /* as if that were an order */
    handle = calloc(1, 8);
    return unused;
}

static void bad_main_uses_what_a_thread_makes(void)
{
    go(make_handle, NULL);
    usleep(500000);
    handle[0] = 1;
    join_all();
}

/* ---- checks, and then acts ---- */

static void *take_from_balance(void *unused)
{
    if (*(volatile int *)&counter >= 80)
        *(volatile int *)&counter -= 80;
    return unused;
}

static void bad_balance(void)
{
    counter = 100;
    go(take_from_balance, NULL);
    go(take_from_balance, NULL);
    join_all();
    assert(counter >= 0);
}

static void *initialise_once(void *unused)
{
    if (!flag) {
        flag = 1;
        counter++;
    }
    return unused;
}

static void bad_initialised_twice(void)
{
    go(initialise_once, NULL);
    go(initialise_once, NULL);
    join_all();
    assert(counter == 1);
}

/* The driver stops while a request begins. */
static volatile int pending, stopping, stopped;

static void *request(void *unused)
{
    if (stopping)
        return unused;
    __atomic_fetch_add(&pending, 1, __ATOMIC_SEQ_CST);
    assert(!stopped);
    __atomic_fetch_sub(&pending, 1, __ATOMIC_SEQ_CST);
    return unused;
}

static void bad_driver_stops_too_early(void)
{
    go(request, NULL);
    stopping = 1;
    if (pending == 0)
        stopped = 1;
    join_all();
}

/* A stack without a lock around its index. */
static int stack[8];
static volatile int top;

static void *push(void *argument)
{
    int at = top;
    stack[at] = (int)(intptr_t)argument;
    top = at + 1;
    return NULL;
}

static void bad_stack(void)
{
    go(push, (void *)1);
    go(push, (void *)2);
    join_all();
    assert(top == 2);
}

/* ---- waits for plain flags ---- */

static void *raise_flag(void *unused)
{
    counter = 7;
    flag = 1;
    return unused;
}

static void good_busy_wait(void)
{
    go(raise_flag, NULL);
    while (!flag)
        ;
    assert(counter == 7);
    join_all();
}

static void *raise_two(void *unused)
{
    flags[0] = 1;
    flags[1] = 1;
    return unused;
}

static void good_busy_wait_with_sleep(void)
{
    go(raise_two, NULL);
    while (!(flags[0] && flags[1]))
        usleep(100);
    join_all();
}

static void *lower_flag(void *unused)
{
    flag = 1;
    flag = 0;
    return unused;
}

/* It may look too late. */
static void bad_busy_wait_misses_the_flag(void)
{
    go(lower_flag, NULL);
    while (!flag)
        ;
    join_all();
}

static void enter_alone(int self, bool asks_first)
{
    if (asks_first)
        flags[self] = 1;
    turn = !self;
    if (!asks_first)
        flags[self] = 1;
    while (flags[!self] && turn == !self)
        ;
    int seen = *(volatile int *)&counter;
    *(volatile int *)&counter = seen + 1;
    flags[self] = 0;
}

static void *peterson(void *argument)
{
    enter_alone((int)(intptr_t)argument, true);
    return NULL;
}

static void *peterson_turned(void *argument)
{
    enter_alone((int)(intptr_t)argument, false);
    return NULL;
}

/* The processor may reorder a store and a load, which is not explored here. */
static void good_mutual_exclusion_by_turns(void)
{
    go(peterson, (void *)0);
    go(peterson, (void *)1);
    join_all();
    assert(counter == 2);
}

static void bad_mutual_exclusion_turned_around(void)
{
    go(peterson_turned, (void *)0);
    go(peterson_turned, (void *)1);
    join_all();
    assert(counter == 2);
}

static void *wait_for_both(void *unused)
{
    while (!flag)
        sched_yield();
    assert(counter == 7);
    return unused;
}

static void good_wait_that_yields(void)
{
    go(wait_for_both, NULL);
    go(raise_flag, NULL);
    join_all();
}

/* ---- conditions, barriers and semaphores with a plain variable beside them ---- */

static void *wait_without_looking(void *unused)
{
    if (!flag) { /* read without the lock */
        pthread_mutex_lock(&a);
        pthread_cond_wait(&changed, &a);
        pthread_mutex_unlock(&a);
    }
    return unused;
}

static void bad_flag_read_without_the_lock(void)
{
    go(wait_without_looking, NULL);
    pthread_mutex_lock(&a);
    flag = 1;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&a);
    join_all();
}

static void *wait_for_a_while(void *unused)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 1;
    pthread_mutex_lock(&a);
    while (!flag)
        if (pthread_cond_timedwait(&changed, &a, &until) == ETIMEDOUT)
            break;
    pthread_mutex_unlock(&a);
    return unused;
}

static void good_timed_wait_beside_a_busy_one(void)
{
    go(wait_for_a_while, NULL);
    go(raise_flag, NULL);
    while (!flag)
        ;
    join_all();
}

/* The second phase reads what a neighbour writes in the first; the barrier is in the wrong place. */
static int cells[3];

static void *phase(void *argument)
{
    int self = (int)(intptr_t)argument;
    pthread_barrier_wait(&barrier);
    ((volatile int *)cells)[self] = self + 1;
    int next = ((volatile int *)cells)[(self + 1) % 3];
    __atomic_fetch_add(&total, next, __ATOMIC_RELAXED);
    return NULL;
}

static void *phases(void *argument)
{
    int self = (int)(intptr_t)argument;
    ((volatile int *)cells)[self] = self + 1;
    pthread_barrier_wait(&barrier);
    int next = ((volatile int *)cells)[(self + 1) % 3];
    __atomic_fetch_add(&total, next, __ATOMIC_RELAXED);
    return NULL;
}

static void three(void *(*run)(void *))
{
    pthread_barrier_init(&barrier, NULL, 3);
    for (intptr_t i = 0; i < 3; i++)
        go(run, (void *)i);
    join_all();
    assert(total == 6);
}

static void bad_barrier_too_early(void)
{
    three(phase);
}

static void good_barrier(void)
{
    three(phases);
}

static void *post_before_write(void *unused)
{
    sem_post(&sem);
    counter = 3;
    return unused;
}

static void bad_post_before_write(void)
{
    sem_init(&sem, 0, 0);
    go(post_before_write, NULL);
    sem_wait(&sem);
    assert(*(volatile int *)&counter == 3);
    join_all();
}

/* ---- memory that is freed ---- */

struct queue {
    pthread_mutex_t lock;
    int items, closed;
};

static void *consume(void *argument)
{
    struct queue *queue = argument;
    for (bool more = true; more;) {
        pthread_mutex_lock(&queue->lock);
        more = queue->items > 0;
        if (more)
            queue->items--;
        else
            flag = 1;
        pthread_mutex_unlock(&queue->lock);
    }
    return NULL;
}

/* The flag is set before the lock is released. */
static void bad_queue_freed_in_use(void)
{
    struct queue *queue = calloc(1, sizeof *queue);
    pthread_mutex_init(&queue->lock, NULL);
    queue->items = 3;
    go(consume, queue);
    while (!flag)
        usleep(1000);
    pthread_mutex_destroy(&queue->lock);
    free(queue);
    join_all();
}

static void *read_later(void *argument)
{
    total = *(volatile int *)argument;
    return NULL;
}

static void bad_argument_freed_in_use(void)
{
    int *argument = malloc(sizeof *argument);
    *argument = 5;
    go(read_later, argument);
    free(argument);
    join_all();
}

static void *own_and_free(void *argument)
{
    total += *(int *)argument;
    free(argument);
    return NULL;
}

static void good_argument_freed_by_its_owner(void)
{
    for (int i = 0; i < 3; i++) {
        int *argument = malloc(sizeof *argument);
        *argument = i;
        go(own_and_free, argument);
        join_all();
    }
    assert(total == 3);
}

/* ---- what the kernel and the C library access ---- */

static char path[64], line[128];
static struct stat about;

static void *look_at_file(void *unused)
{
    strcpy(path, "/proc/self/exe");
    if (stat(path, &about) != 0)
        exit(4);
    FILE *file = fopen("/proc/self/status", "r");
    if (!file || !fgets(line, sizeof line, file))
        exit(5);
    fclose(file);
    return unused;
}

static void good_buffers_of_the_program(void)
{
    int ends[2];
    static char bytes[8192];
    static struct timespec moment = {0, 1000000};
    sigset_t *none = malloc(sizeof *none);
    go(look_at_file, NULL);
    go(add_with, &a);
    sigemptyset(none);
    if (pipe(ends) != 0 || pthread_sigmask(SIG_BLOCK, none, NULL) != 0 ||
        nanosleep(&moment, NULL) != 0)
        exit(6);
    memset(bytes, 'x', sizeof bytes);
    if (write(ends[1], bytes, sizeof bytes) != sizeof bytes ||
        read(ends[0], bytes + 1, sizeof bytes - 1) != sizeof bytes - 1)
        exit(7);
    char *text = malloc(4096);
    snprintf(text, 4096, "%s %s %d\n", path, line, counter);
    fputs(text, stdout);
    join_all();
    assert(strncmp(line, "Name:", 5) == 0 && about.st_size > 0);
    free(text);
    free(none);
}

static int compare(const void *left, const void *right)
{
    return *(const int *)left - *(const int *)right;
}

static int numbers[64];

static void *sort_half(void *argument)
{
    qsort(argument, 32, sizeof(int), compare);
    return NULL;
}

static void good_sort_in_halves(void)
{
    for (int i = 0; i < 64; i++)
        numbers[i] = i * 37 % 64;
    go(sort_half, numbers);
    go(sort_half, numbers + 32);
    join_all();
    for (int i = 1; i < 32; i++)
        assert(numbers[i - 1] <= numbers[i] && numbers[31 + i] <= numbers[32 + i]);
}

static int former, latter;

static void *set_former_and_latter(void *argument)
{
    former = 1;
    latter = -1;
    return argument;
}

static void *expect_none_or_both(void *argument)
{
    int one = former, two = latter;
    assert((one == 0 && two == 0) || (one == 1 && two == -1));
    return argument;
}

static void bad_twenty_writers_seen_between(void)
{
    for (int i = 0; i < 20; i++)
        go(set_former_and_latter, NULL);
    go(expect_none_or_both, NULL);
    join_all();
}

static long grid[4][64];

static void *fill_row(void *argument)
{
    long *row = argument;
    for (int i = 0; i < 64; i++)
        row[i] = i;
    return NULL;
}

static void good_rows_of_their_own(void)
{
    long sum = 0;
    for (int i = 0; i < 4; i++)
        go(fill_row, grid[i]);
    join_all();
    for (int i = 0; i < 4; i++)
        for (int k = 0; k < 64; k++)
            sum += grid[i][k];
    assert(sum == 4L * 63 * 32);
}

/* ---- loops that read what is shared ---- */

static volatile int limit;

static void *raise_limit(void *unused)
{
    __atomic_fetch_add(&limit, 1500, __ATOMIC_SEQ_CST);
    return unused;
}

/* It reads the same value again and again, but does not wait for another. */
static long sum_to_limit(void)
{
    long sum = 0;
    for (int i = 0; i < limit; i++)
        sum += i;
    return sum;
}

static void good_loop_of_the_last_thread(void)
{
    go(raise_limit, NULL);
    go(raise_limit, NULL);
    join_all();
    assert(sum_to_limit() == 3000 * 2999 / 2);
}

static void *sum_and_tell(void *unused)
{
    limit = 3000;
    assert(sum_to_limit() == 3000 * 2999 / 2);
    sem_post(&sem);
    return unused;
}

static void good_loop_while_all_others_wait(void)
{
    sem_init(&sem, 0, 0);
    go(sum_and_tell, NULL);
    sem_wait(&sem);
    join_all();
    assert(limit == 3000);
}

static volatile int held;

static void spin_acquire(void)
{
    while (__atomic_exchange_n(&held, 1, __ATOMIC_ACQUIRE))
        ;
}

static void *add_with_spin_lock(void *unused)
{
    for (int i = 0; i < 3; i++) {
        spin_acquire();
        *(volatile int *)&counter += 1;
        __atomic_store_n(&held, 0, __ATOMIC_RELEASE);
    }
    return unused;
}

static void good_test_and_set_by_eight(void)
{
    for (int i = 0; i < 8; i++)
        go(add_with_spin_lock, NULL);
    join_all();
    assert(counter == 24);
}

/* The thread that comes second returns with the lock. */
static void *return_with_spin_lock(void *unused)
{
    spin_acquire();
    *(volatile int *)&counter += 1;
    if (counter == 2)
        return unused;
    __atomic_store_n(&held, 0, __ATOMIC_RELEASE);
    return unused;
}

static void bad_spin_lock_kept(void)
{
    for (int i = 0; i < 3; i++)
        go(return_with_spin_lock, NULL);
    join_all();
}

/* The test and the set are two steps. */
static void *add_with_broken_lock(void *unused)
{
    while (held)
        ;
    held = 1;
    *(volatile int *)&counter += 1;
    held = 0;
    return unused;
}

static void bad_test_and_then_set(void)
{
    for (int i = 0; i < 3; i++)
        go(add_with_broken_lock, NULL);
    join_all();
    assert(counter == 3);
}

static void *wait_for_flag(void *unused)
{
    while (!flag)
        ;
    return unused;
}

static void good_fifty_wait_in_loops(void)
{
    for (int i = 0; i < 50; i++)
        go(wait_for_flag, NULL);
    sched_yield();
    flag = 1;
    join_all();
}

static void bad_yields_until_a_flag_that_is_gone(void)
{
    go(lower_flag, NULL);
    while (!flag)
        sched_yield();
    join_all();
}

static void bad_sleeps_until_a_flag_that_is_gone(void)
{
    go(lower_flag, NULL);
    while (!flag)
        usleep(100);
    join_all();
}

/* Lamport's bakery. */
static volatile int chooses[3], ticket[3];

static void take_ticket(int self)
{
    int most = 0;
    for (int i = 0; i < 3; i++)
        most = ticket[i] > most ? ticket[i] : most;
    ticket[self] = most + 1;
}

static bool is_served_before(int other, int self)
{
    int theirs = ticket[other], own = ticket[self];
    return theirs && (theirs < own || (theirs == own && other < self));
}

static void add_when_served(int self)
{
    for (int i = 0; i < 3; i++) {
        while (chooses[i])
            ;
        while (is_served_before(i, self))
            ;
    }
    *(volatile int *)&counter += 1;
    ticket[self] = 0;
}

static void *bakery(void *argument)
{
    int self = (int)(intptr_t)argument;
    chooses[self] = 1;
    take_ticket(self);
    chooses[self] = 0;
    add_when_served(self);
    return NULL;
}

static void good_bakery(void)
{
    for (intptr_t i = 0; i < 3; i++)
        go(bakery, (void *)i);
    join_all();
    assert(counter == 3);
}

/* ---- two threads that take the same ---- */

static volatile int references = 2;

static void *let_go(void *unused)
{
    references -= 1;
    if (references == 0)
        __atomic_fetch_add(&total, 1, __ATOMIC_SEQ_CST);
    return unused;
}

static void bad_references_counted_without_lock(void)
{
    go(let_go, NULL);
    go(let_go, NULL);
    join_all();
    assert(total == 1);
}

/* A queue whose owner takes without a lock, unless it is about to become empty. It looks too early. */
static volatile int first_item, end_item;
static int taken[4];

static void take_item(int item)
{
    int times = __atomic_add_fetch(&taken[item], 1, __ATOMIC_SEQ_CST);
    assert(times == 1);
}

static void *steal_items(void *unused)
{
    for (int i = 0; i < 2; i++) {
        pthread_mutex_lock(&a);
        int item = first_item;
        bool any = item < end_item;
        first_item = any ? item + 1 : item;
        pthread_mutex_unlock(&a);
        if (any)
            take_item(item);
    }
    return unused;
}

static void bad_owner_and_thief_take_the_same(void)
{
    end_item = 4;
    go(steal_items, NULL);
    while (first_item < end_item)
        take_item(--end_item);
    join_all();
}

static const struct case_row cases[] = {
    CASE(bad_counter),
    CASE(bad_counter_in_a_loop),
    CASE(bad_wrong_lock),
    CASE(bad_counter_on_the_heap),
    CASE(bad_two_writes_seen_between),
    CASE(bad_published_before_it_is_complete),
    CASE(bad_main_uses_what_a_thread_makes),
    CASE(bad_balance),
    CASE(bad_initialised_twice),
    CASE(bad_driver_stops_too_early),
    CASE(bad_stack),
    CASE(bad_busy_wait_misses_the_flag),
    CASE(bad_mutual_exclusion_turned_around),
    CASE(bad_flag_read_without_the_lock),
    CASE(bad_barrier_too_early),
    CASE(bad_post_before_write),
    CASE(bad_queue_freed_in_use),
    CASE(bad_argument_freed_in_use),
    CASE(bad_twenty_writers_seen_between),
    CASE(bad_spin_lock_kept),
    CASE(bad_test_and_then_set),
    CASE(bad_yields_until_a_flag_that_is_gone),
    CASE(bad_sleeps_until_a_flag_that_is_gone),
    CASE(bad_references_counted_without_lock),
    CASE(bad_owner_and_thief_take_the_same),
    CASE(good_atomic_counter),
    CASE(good_one_lock),
    CASE(good_published_when_complete),
    CASE(good_busy_wait),
    CASE(good_busy_wait_with_sleep),
    CASE(good_mutual_exclusion_by_turns),
    CASE(good_wait_that_yields),
    CASE(good_timed_wait_beside_a_busy_one),
    CASE(good_barrier),
    CASE(good_argument_freed_by_its_owner),
    CASE(good_buffers_of_the_program),
    CASE(good_sort_in_halves),
    CASE(good_rows_of_their_own),
    CASE(good_loop_of_the_last_thread),
    CASE(good_loop_while_all_others_wait),
    CASE(good_test_and_set_by_eight),
    CASE(good_fifty_wait_in_loops),
    CASE(good_bakery),
};

int main(int argc, char **argv)
{
    return run_cases(cases, sizeof cases / sizeof cases[0], argc, argv);
}
