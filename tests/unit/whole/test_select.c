#include "carrier.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

static uint32_t ident;

/* A queue that is full after one item, or has no bound. */
static thrum_queue *new_queue(bool bounded)
{
    return thrum_queue_new(sizeof(int), &(thrum_queue_options){.max_size = bounded ? 1 : 0});
}

static void put(thrum_queue *queue, int item)
{
    CHECK_INT(thrum_queue_put(queue, &item, THRUM_NOW), ==, 0);
}

static int take(thrum_queue *queue)
{
    int item = -1;
    CHECK_INT(thrum_queue_get(queue, &item, THRUM_NOW), ==, 0);
    return item;
}

TEST(the_case_that_is_ready_is_performed)
{
    thrum_queue *first = new_queue(true), *second = new_queue(false);
    int item = 0;
    thrum_case cases[] = {thrum_case_get(first, &item), thrum_case_get(second, &item)};
    CHECK_INT(thrum_select(cases, 2, THRUM_NOW), ==, -EAGAIN);
    put(second, 5);
    CHECK_INT(thrum_select(cases, 2, THRUM_FOREVER), ==, 1);
    CHECK_INT(item, ==, 5);
    put(first, 6);
    CHECK_INT(thrum_select(cases, 2, THRUM_NOW), ==, 0);
    CHECK_INT(item, ==, 6);
    CHECK_INT(thrum_select(cases, 2, thrum_in(0.002)), ==, -ETIMEDOUT);
    thrum_queue_free(first);
    thrum_queue_free(second);
}

TEST(only_one_of_several_ready_cases_is_performed)
{
    thrum_queue *from = new_queue(true), *to = new_queue(true);
    thrum_semaphore permits = THRUM_SEMAPHORE_INIT(1);
    thrum_lock lock = THRUM_LOCK_INIT;
    put(from, 1);
    int item = 0, more = 2;
    thrum_case cases[] = {thrum_case_get(from, &item), thrum_case_put(to, &more),
                          thrum_case_semaphore(&permits), thrum_case_lock(&lock)};
    int index = thrum_select(cases, 4, THRUM_FOREVER);
    CHECK_INT(index, >=, 0);
    CHECK_INT(thrum_queue_size(from), ==, index != 0);
    CHECK_INT(thrum_queue_size(to), ==, index == 1);
    CHECK_INT(thrum_semaphore_value(&permits), ==, index != 2);
    CHECK_INT(thrum_lock_owned(&lock), ==, index == 3);
    if (index == 3)
        thrum_lock_release(&lock);
    thrum_queue_free(from);
    thrum_queue_free(to);
}

/* Of 2000 selects of two ready cases out of four each gets 1000 in the mean; below 800 would happen by
 * chance once in 10^19 times. */
TEST(ready_cases_have_the_same_chance)
{
    enum { ROUNDS = 2000, LEAST = 800 };
    thrum_event set = THRUM_EVENT_INIT, clear = THRUM_EVENT_INIT;
    int performed[4] = {0};
    thrum_event_set(&set);
    thrum_case cases[] = {thrum_case_event(&set), thrum_case_event(&clear),
                          thrum_case_event(&clear), thrum_case_event(&set)};
    for (int i = 0; i < ROUNDS; i++) {
        int index = thrum_select(cases, 4, THRUM_NOW);
        CHECK_INT(index, >=, 0);
        performed[index]++;
    }
    CHECK_INT(performed[1] + performed[2], ==, 0);
    CHECK_INT(performed[0], >, LEAST);
    CHECK_INT(performed[3], >, LEAST);
}

TEST(an_empty_case_is_never_ready)
{
    thrum_event set = THRUM_EVENT_INIT;
    thrum_event_set(&set);
    thrum_case cases[] = {{0}, thrum_case_event(&set), {0}};
    for (int i = 0; i < 20; i++)
        CHECK_INT(thrum_select(cases, 3, THRUM_FOREVER), ==, 1);
    CHECK_INT(thrum_select(cases, 1, THRUM_NOW), ==, -EAGAIN);
    CHECK_INT(thrum_select(cases, 1, thrum_in(0.001)), ==, -ETIMEDOUT);
    CHECK_INT(thrum_select(NULL, 0, THRUM_NOW), ==, -EAGAIN);
    CHECK_INT(thrum_select(NULL, 0, thrum_in(0.001)), ==, -ETIMEDOUT);
}

TEST(a_closed_queue_is_ready_with_its_code)
{
    for (int bounded = 0; bounded < 2; bounded++) {
        thrum_queue *queue = new_queue(bounded);
        int item = 3;
        put(queue, 7);
        thrum_queue_close(queue);
        thrum_case get = thrum_case_get(queue, &item), add = thrum_case_put(queue, &item);
        CHECK_INT(thrum_select(&add, 1, THRUM_FOREVER), ==, 0);
        CHECK_INT(add.code, ==, -EPIPE);
        CHECK_INT(thrum_select(&get, 1, THRUM_FOREVER), ==, 0);
        CHECK_INT(get.code, ==, 0);
        CHECK_INT(item, ==, 7);
        CHECK_INT(thrum_select(&get, 1, THRUM_FOREVER), ==, 0);
        CHECK_INT(get.code, ==, -EPIPE);
        CHECK_INT(item, ==, 7);
        thrum_queue_free(queue);
    }
}

TEST(a_case_may_stand_in_the_array_twice)
{
    thrum_queue *queue = new_queue(true);
    int item = 1;
    thrum_case cases[] = {thrum_case_get(queue, &item), thrum_case_put(queue, &item),
                          thrum_case_get(queue, &item), thrum_case_put(queue, &item)};
    for (int i = 0; i < 20; i++) {
        int index = thrum_select(cases, 4, THRUM_FOREVER);
        CHECK_INT(index % 2, ==, i % 2 == 0);
    }
    thrum_queue_free(queue);
}

/* ------------------------------------------------------------------------------- selects that wait */

enum { CASES = 10 };
static thrum_case waited[CASES];
static size_t waited_count;

static int select_once(thrum_task *self)
{
    tell_ident(&ident);
    int index = thrum_select(waited, waited_count, THRUM_FOREVER);
    return index < 0 ? index : thrum_return(self, &index, sizeof index);
}

/* Does not see to it that the select waits: one with a deadline may have ended. */
static thrum_thread *begin_select(size_t count)
{
    ident = 0;
    waited_count = count;
    return thrum_thread_start(select_once, NULL, 0);
}

static thrum_thread *start_select(size_t count)
{
    thrum_thread *thread = begin_select(count);
    UNTIL(waits_for(&ident, "select"));
    return thread;
}

static void expect_index(thrum_thread *thread, int expected)
{
    int index = -1;
    CHECK_INT(thrum_thread_result(thread, &index, sizeof index, THRUM_FOREVER), ==, 0);
    CHECK_INT(index, ==, expected);
    thrum_thread_free(thread);
}

/* One of each kind, none of them ready. */
static struct {
    thrum_queue *empty, *full;
    thrum_event event, other;
    thrum_semaphore permits;
    thrum_lock lock;
    thrum_future *future;
    int item, more, readable[2], writable[2];
} of;

static void fill_pipe(int descriptor)
{
    static const char bytes[4096];
    CHECK_INT(fcntl(descriptor, F_SETFL, O_NONBLOCK), ==, 0);
    while (write(descriptor, bytes, sizeof bytes) > 0)
        continue;
}

static void make_cases(void)
{
    of.empty = new_queue(true);
    of.full = new_queue(true);
    of.more = 9;
    put(of.full, 8);
    thrum_lock_acquire(&of.lock);
    of.future = thrum_future_new();
    CHECK(of.future != NULL);
    CHECK_INT(pipe(of.readable), ==, 0);
    CHECK_INT(pipe(of.writable), ==, 0);
    fill_pipe(of.writable[1]);
    thrum_case cases[CASES] = {
        thrum_case_get(of.empty, &of.item),  thrum_case_put(of.full, &of.more),
        thrum_case_event(&of.event),         thrum_case_semaphore(&of.permits),
        thrum_case_lock(&of.lock),           thrum_case_future(of.future),
        thrum_case_readable(of.readable[0]), thrum_case_writable(of.writable[1]),
        thrum_case_event(&of.other),         thrum_case_deadline(THRUM_FOREVER),
    };
    memcpy(waited, cases, sizeof cases);
}

static void drop_cases(void)
{
    CHECK_INT(thrum_lock_owned(&of.lock), ==, true);
    thrum_lock_release(&of.lock);
    thrum_lock_finish(&of.lock);
    thrum_event_finish(&of.event);
    thrum_event_finish(&of.other);
    thrum_semaphore_finish(&of.permits);
    thrum_queue_free(of.empty);
    thrum_queue_free(of.full);
    thrum_future_free(of.future);
    for (int i = 0; i < 2; i++) {
        close(of.readable[i]);
        close(of.writable[i]);
    }
}

static void end_future(void)
{
    CHECK_INT(thrum_future_set_result(of.future, NULL, 0), ==, 0);
}

/* The kinds of objects come one after another: each wakes the select that waits for all. */
TEST(each_kind_wakes_a_select_of_all)
{
    make_cases();
    thrum_thread *thread = start_select(CASES);
    put(of.empty, 4);
    expect_index(thread, 0);
    CHECK_INT(of.item, ==, 4);

    thread = start_select(CASES);
    CHECK_INT(take(of.full), ==, 8);
    expect_index(thread, 1);
    CHECK_INT(thrum_queue_size(of.full), ==, 1);

    thread = start_select(CASES);
    thrum_event_set(&of.event);
    expect_index(thread, 2);
    thrum_event_clear(&of.event);

    thread = start_select(CASES);
    thrum_semaphore_release(&of.permits, 1);
    expect_index(thread, 3);
    CHECK_INT(thrum_semaphore_value(&of.permits), ==, 0);

    thread = start_select(CASES);
    char byte = 1;
    CHECK_INT(write(of.readable[1], &byte, 1), ==, 1);
    expect_index(thread, 6);
    CHECK_INT(read(of.readable[0], &byte, 1), ==, 1);

    thread = start_select(CASES);
    char bytes[4096];
    CHECK_INT(read(of.writable[0], bytes, sizeof bytes), ==, (ssize_t)sizeof bytes);
    expect_index(thread, 7);
    fill_pipe(of.writable[1]);

    waited[9] = thrum_case_deadline(thrum_in(0.01));
    expect_index(begin_select(CASES), 9);
    waited[9] = (thrum_case){0};

    thread = start_select(CASES);
    end_future();
    expect_index(thread, 5);
    drop_cases();
}

/* The task gets the lock, and releases it. */
static int select_lock(thrum_task *self)
{
    tell_ident(&ident);
    int index = thrum_select(waited, waited_count, THRUM_FOREVER);
    CHECK_INT(index, ==, 4);
    CHECK_INT(waited[4].code, ==, 0);
    CHECK(thrum_lock_owned(&of.lock));
    thrum_lock_release(&of.lock);
    return thrum_return(self, &index, sizeof index);
}

TEST(a_lock_is_acquired_by_a_select)
{
    make_cases();
    ident = 0;
    waited_count = CASES;
    thrum_thread *thread = thrum_thread_start(select_lock, NULL, 0);
    UNTIL(waits_for(&ident, "select"));
    thrum_lock_release(&of.lock);
    expect_index(thread, 4);
    thrum_lock_acquire(&of.lock);
    end_future();
    drop_cases();
}

TEST(a_lock_that_the_caller_holds_is_ready_with_its_code)
{
    thrum_lock lock = THRUM_LOCK_INIT;
    thrum_case of_lock = thrum_case_lock(&lock);
    CHECK_INT(thrum_select(&of_lock, 1, THRUM_FOREVER), ==, 0);
    CHECK_INT(of_lock.code, ==, 0);
    CHECK_INT(thrum_select(&of_lock, 1, THRUM_FOREVER), ==, 0);
    CHECK_INT(of_lock.code, ==, -EDEADLK);
    thrum_lock_release(&lock);
}

TEST(a_select_is_cancelled_and_takes_nothing)
{
    make_cases();
    thrum_thread *thread = start_select(CASES);
    thrum_thread_cancel(thread);
    JOIN(thread, -ECANCELED);
    put(of.empty, 1);
    CHECK_INT(take(of.empty), ==, 1);
    thrum_semaphore_release(&of.permits, 1);
    CHECK_INT(thrum_semaphore_value(&of.permits), ==, 1);
    end_future();
    drop_cases();
}

TEST(a_close_wakes_a_select_that_gets_and_one_that_puts)
{
    thrum_queue *empty = new_queue(true), *full = new_queue(true);
    int item;
    put(full, 1);
    waited[0] = thrum_case_get(empty, &item);
    thrum_thread *thread = start_select(1);
    thrum_queue_close(empty);
    expect_index(thread, 0);
    CHECK_INT(waited[0].code, ==, -EPIPE);
    waited[0] = thrum_case_put(full, &item);
    thread = start_select(1);
    thrum_queue_close(full);
    expect_index(thread, 0);
    CHECK_INT(waited[0].code, ==, -EPIPE);
    thrum_queue_free(empty);
    thrum_queue_free(full);
}

/* A select that was passed over by the object's waker leaves what it got to the next waiter. */
static int acquire_permit(thrum_task *self)
{
    (void)self;
    tell_ident(&ident);
    return thrum_semaphore_acquire_until(&of.permits, THRUM_FOREVER);
}

TEST(a_permit_is_not_lost_on_a_select_that_timed_out)
{
    make_cases();
    thrum_case cases[] = {thrum_case_semaphore(&of.permits), thrum_case_event(&of.event)};
    CHECK_INT(thrum_select(cases, 2, thrum_in(0.002)), ==, -ETIMEDOUT);
    ident = 0;
    thrum_thread *thread = thrum_thread_start(acquire_permit, NULL, 0);
    UNTIL(waits_for(&ident, "semaphore"));
    thrum_semaphore_release(&of.permits, 1);
    JOIN(thread, 0);
    end_future();
    drop_cases();
}

TEST(more_cases_than_on_the_stack)
{
    enum { MANY = 100 };
    static thrum_event events[MANY];
    static thrum_case cases[MANY];
    for (int i = 0; i < MANY; i++)
        cases[i] = thrum_case_event(&events[i]);
    CHECK_INT(thrum_select(cases, MANY, THRUM_NOW), ==, -EAGAIN);
    CHECK_INT(thrum_select(cases, MANY, thrum_in(0.001)), ==, -ETIMEDOUT);
    thrum_event_set(&events[77]);
    CHECK_INT(thrum_select(cases, MANY, THRUM_FOREVER), ==, 77);
    for (int i = 0; i < MANY; i++)
        thrum_event_finish(&events[i]);
}

TEST(memory_that_runs_out_is_reported)
{
    enum { MANY = 9 };
    static thrum_event events[MANY];
    static thrum_case cases[MANY];
    THREADS_ONLY;
    for (int i = 0; i < MANY; i++)
        cases[i] = thrum_case_event(&events[i]);
    for (uint32_t nth = 1; nth <= 4; nth++) {
        thrum__fault_arm(THRUM__FAULT_ALLOC, nth, 1);
        CHECK_INT(thrum_select(cases, MANY, thrum_in(0.001)), ==, -ENOMEM);
        thrum__fault_disarm(THRUM__FAULT_ALLOC);
    }
    thrum_event_set(&events[8]);
    CHECK_INT(thrum_select(cases, MANY, THRUM_FOREVER), ==, 8);
}

/* ----------------------------------------------------------------------- futures, threads, signals */

static int do_nothing(thrum_task *self)
{
    (void)self;
    return 0;
}

/* Waits for a task that is behind it in the same pool. */
static int select_behind(thrum_task *self)
{
    thrum_executor *pool = thrum_arg(self, thrum_executor *);
    thrum_future *future = thrum_submit(pool, do_nothing, NULL, 0);
    thrum_case of_future = thrum_case_future(future);
    int index = thrum_select(&of_future, 1, THRUM_FOREVER);
    thrum_future_free(future);
    return index < 0 ? index : 0;
}

TEST(a_worker_that_selects_lets_another_step_in)
{
    thrum_executor *pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 1});
    thrum_future *future = thrum_submit(pool, select_behind, thrum_value(thrum_executor *, pool));
    CHECK_INT(thrum_future_result(future, NULL, 0, THRUM_FOREVER), ==, 0);
    thrum_future_free(future);
    thrum_executor_shutdown(pool);
}

TEST(futures_are_given_in_the_order_of_their_ends)
{
    thrum_future *futures[2] = {thrum_future_new(), thrum_future_new()};
    thrum_as_completed *done = thrum_as_completed_new(futures, 2);
    thrum_event stop = THRUM_EVENT_INIT;
    size_t found = 9;
    waited[0] = thrum_case_as_completed(done, &found);
    waited[1] = thrum_case_event(&stop);
    thrum_thread *thread = start_select(2);
    CHECK_INT(thrum_future_set_result(futures[1], NULL, 0), ==, 0);
    expect_index(thread, 0);
    CHECK_INT(found, ==, 1);
    thread = start_select(2);
    thrum_event_set(&stop);
    expect_index(thread, 1);
    thrum_event_clear(&stop);
    CHECK_INT(thrum_future_set_error(futures[0], -EIO, "wrong"), ==, 0);
    CHECK_INT(thrum_select(waited, 2, THRUM_FOREVER), ==, 0);
    CHECK_INT(found, ==, 0);
    CHECK_INT(thrum_select(waited, 1, THRUM_FOREVER), ==, 0);
    CHECK_INT(waited[0].code, ==, -ENODATA);
    thrum_as_completed_free(done);
    CHECK(thrum_future_error(futures[0]) != NULL);
    thrum_future_free(futures[0]);
    thrum_future_free(futures[1]);
}

TEST(a_signal_wakes_a_select)
{
    THREADS_ONLY;
    thrum_signals *signals;
    int number = 0;
    CHECK_INT(thrum_signals_new((int[]){SIGUSR1, SIGUSR2}, 2, &signals), ==, 0);
    waited[0] = (thrum_case){0};
    waited[1] = thrum_case_signals(signals, &number);
    CHECK_INT(thrum_select(waited, 2, thrum_in(0.001)), ==, -ETIMEDOUT);
    CHECK_INT(raise(SIGUSR2), ==, 0);
    CHECK_INT(thrum_select(waited, 2, THRUM_FOREVER), ==, 1);
    CHECK_INT(number, ==, SIGUSR2);
    thrum_thread *thread = start_select(2);
    CHECK_INT(raise(SIGUSR1), ==, 0);
    expect_index(thread, 1);
    CHECK_INT(number, ==, SIGUSR1);
    CHECK_INT(thrum_select(waited, 2, THRUM_NOW), ==, -EAGAIN);
    thrum_signals_free(signals);
}

TEST(a_descriptor_that_is_none_is_ready_with_its_code)
{
    thrum_case cases[] = {thrum_case_readable(-1), thrum_case_writable(9999)};
    CHECK_INT(thrum_select(&cases[0], 1, THRUM_FOREVER), ==, 0);
    CHECK_INT(cases[0].code, ==, -EBADF);
    CHECK_INT(thrum_select(&cases[1], 1, THRUM_FOREVER), ==, 0);
    CHECK_INT(cases[1].code, ==, -EBADF);
}

TEST(a_file_is_always_ready)
{
    int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    CHECK_INT(file, >=, 0);
    thrum_case of_file = thrum_case_readable(file);
    CHECK_INT(thrum_select(&of_file, 1, THRUM_FOREVER), ==, 0);
    CHECK_INT(of_file.code, ==, 0);
    close(file);
}

/* Without a poller for its worker a fiber looks now and then; without a wake descriptor a thread does. */
TEST(descriptors_that_cannot_be_watched_are_looked_at)
{
    int ends[2];
    char byte = 1;
    CHECK_INT(pipe(ends), ==, 0);
    thrum__fault_arm_all(carrier_is("threads") ? THRUM__FAULT_WAKE : THRUM__FAULT_POLLER, 1,
                         UINT32_MAX);
    waited[0] = thrum_case_readable(ends[0]);
    waited[1] = (thrum_case){0};
    thrum_thread *thread = start_select(2);
    CHECK_INT(write(ends[1], &byte, 1), ==, 1);
    expect_index(thread, 0);
    thrum__fault_disarm(THRUM__FAULT_WAKE);
    close(ends[0]);
    close(ends[1]);
}

/* --------------------------------------------------------------------------------- many at once */

enum { QUEUES = 3, PRODUCERS = 3, CONSUMERS = 3, ITEMS = 2000 };
static thrum_queue *queues[QUEUES];
static uint32_t seen[PRODUCERS * ITEMS];

/* Puts each item to whichever queue has room. */
static int produce(thrum_task *self)
{
    int number = thrum_arg(self, int), item;
    thrum_case cases[QUEUES];
    for (int i = 0; i < QUEUES; i++)
        cases[i] = thrum_case_put(queues[i], &item);
    for (item = number * ITEMS; item < (number + 1) * ITEMS; item++) {
        int index = thrum_select(cases, QUEUES, THRUM_FOREVER);
        if (index < 0 || cases[index].code)
            return -EIO;
    }
    return 0;
}

static int consume(thrum_task *self)
{
    int number = thrum_arg(self, int), item;
    thrum_case cases[QUEUES];
    for (int i = 0; i < QUEUES; i++)
        cases[i] = thrum_case_get(queues[(i + number) % QUEUES], &item);
    for (int open = QUEUES; open > 0;) {
        int index = thrum_select(cases, QUEUES, number ? THRUM_FOREVER : thrum_in(1e-4));
        if (index < 0)
            continue;
        if (cases[index].code == 0)
            thrum__add_relaxed(&seen[item], 1);
        else
            open--, cases[index] = (thrum_case){0};
    }
    return 0;
}

TEST_DEADLINE(each_item_arrives_once, 60)
{
    for (int i = 0; i < QUEUES; i++)
        queues[i] = thrum_queue_new(
            sizeof(int), &(thrum_queue_options){.max_size = 2,
                                                .order = i ? THRUM_QUEUE_FIFO : THRUM_QUEUE_LIFO});
    thrum_thread *producers[PRODUCERS], *consumers[CONSUMERS];
    for (int i = 0; i < CONSUMERS; i++)
        consumers[i] = thrum_thread_start(consume, thrum_value(int, i));
    for (int i = 0; i < PRODUCERS; i++)
        producers[i] = thrum_thread_start(produce, thrum_value(int, i));
    for (int i = 0; i < PRODUCERS; i++)
        JOIN(producers[i], 0);
    for (int i = 0; i < QUEUES; i++)
        thrum_queue_close(queues[i]);
    for (int i = 0; i < CONSUMERS; i++)
        JOIN(consumers[i], 0);
    for (int i = 0; i < PRODUCERS * ITEMS; i++)
        CHECK_INT(seen[i], ==, 1);
    for (int i = 0; i < QUEUES; i++)
        thrum_queue_free(queues[i]);
}

/* Locks and permits under contention: as many as were taken are given back, and none is held by two. */
static thrum_lock locks[2];
static int guarded[2];
static thrum_semaphore room = THRUM_SEMAPHORE_INIT(1);

static int contend(thrum_task *self)
{
    (void)self;
    thrum_case cases[] = {thrum_case_lock(&locks[0]), thrum_case_lock(&locks[1]),
                          thrum_case_semaphore(&room)};
    for (int i = 0; i < ITEMS; i++) {
        int index = thrum_select(cases, 3, i % 8 ? THRUM_FOREVER : thrum_in(1e-5));
        if (index == 2) {
            thrum_yield();
            thrum_semaphore_release(&room, 1);
        } else if (index >= 0) {
            int before = guarded[index];
            thrum_yield();
            guarded[index] = before + 1;
            thrum_lock_release(&locks[index]);
            thrum_lock_acquire(&locks[index]);
            guarded[index]--;
            thrum_lock_release(&locks[index]);
        }
    }
    return 0;
}

TEST_DEADLINE(locks_and_permits_have_one_holder, 60)
{
    thrum_thread *threads[4];
    for (int i = 0; i < 4; i++)
        threads[i] = thrum_thread_start(contend, NULL, 0);
    for (int i = 0; i < 4; i++)
        JOIN(threads[i], 0);
    CHECK_INT(guarded[0], ==, 0);
    CHECK_INT(guarded[1], ==, 0);
    CHECK_INT(thrum_semaphore_value(&room), ==, 1);
    thrum_lock_finish(&locks[0]);
    thrum_lock_finish(&locks[1]);
    thrum_semaphore_finish(&room);
}

TEST_STOPS(an_event_finished_while_a_select_waits_stops, "while it is waited for")
{
    thrum_event event = THRUM_EVENT_INIT;
    waited[0] = thrum_case_event(&event);
    start_select(1);
    thrum_event_finish(&event);
}
