/* Fibers when things go wrong: overflow, fork, the end of the program, a worker held, no memory. And
 * the parts that have no life of their own: timers and stacks. */
#include "base/pages.h"
#include "fiber/scheduler.h"
#include "harness.h"
#include "support.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static thrum_executor *pool;
static thrum_event never;

static void make_pool(int workers)
{
    pool = thrum_fiber_pool_new(&(thrum_fiber_pool_options){.max_workers = workers});
    CHECK(pool != NULL);
}

static void expect(thrum_future *future, int code)
{
    CHECK_OUTCOME(thrum_future_result(future, NULL, 0, THRUM_FOREVER), thrum_future_error(future),
                  code);
    thrum_future_free(future);
}

static int nap(thrum_task *self)
{
    return thrum_sleep(thrum_in(thrum_arg(self, double)));
}

static int wait_for_ever(thrum_task *self)
{
    (void)self;
    return thrum_event_wait(&never, THRUM_FOREVER);
}

/* ------------------------------------------------------------------------------------- overflow */

static uint32_t depth_reached;

__attribute__((noinline)) static uint32_t dive(uint32_t depth)
{
    char frame[1024];
    memset(frame, (int)depth, sizeof frame);
    thrum__store_relaxed(&depth_reached, depth);
    uint32_t below = depth < 1000000 ? dive(depth + 1) : 0;
    return below + (uint32_t)frame[depth % sizeof frame];
}

static int overflow(thrum_task *self)
{
    (void)self;
    return (int)(dive(0) & 1);
}

static void overflow_in_pool(void)
{
    pool =
        thrum_fiber_pool_new(&(thrum_fiber_pool_options){.max_workers = 1, .stack_size = 64 << 10});
    expect(thrum_submit(pool, overflow, THRUM_NOTHING), 0);
}

static void stop_on_signal(int number)
{
    (void)number;
    abort();
}

TEST_STOPS(an_overflow_is_named_and_the_programs_handler_called, "overflowed its stack of 64 KiB")
{
    struct sigaction action = {.sa_handler = stop_on_signal};
    sigaction(SIGSEGV, &action, NULL);
    overflow_in_pool();
}

TEST(an_overflow_kills_as_it_would_have)
{
    pid_t child = fork();
    if (child == 0) {
        overflow_in_pool();
        _exit(0);
    }
    int status;
    CHECK_INT(waitpid(child, &status, 0), ==, child);
    CHECK(WIFSIGNALED(status) ? WTERMSIG(status) == SIGSEGV : WEXITSTATUS(status) != 0);
}

/* ----------------------------------------------------------------------------------------- fork */

static int fork_inside(thrum_task *self)
{
    pid_t child = fork();
    if (child == 0) {
        int rc = thrum_event_wait(&never, thrum_in(0.01));
        thrum_yield();
        thrum_future *refused =
            thrum_submit(thrum_fiber_pool_current(), wait_for_ever, THRUM_NOTHING);
        bool right = rc == -ETIMEDOUT && thrum_future_error(refused)->code == -ESRCH;
        _exit(right ? 7 : 8);
    }
    thrum_sleep(thrum_in(0.001));
    return thrum_return(self, thrum_value(pid_t, child));
}

TEST(a_fiber_that_forks_is_a_thread_in_the_child)
{
    make_pool(2);
    thrum_future *waits = thrum_submit(pool, wait_for_ever, THRUM_NOTHING);
    thrum_future *forks = thrum_submit(pool, fork_inside, THRUM_NOTHING);
    pid_t child;
    int status;
    CHECK_INT(thrum_future_result(forks, &child, sizeof child, THRUM_FOREVER), ==, 0);
    CHECK_INT(waitpid(child, &status, 0), ==, child);
    CHECK(WIFEXITED(status));
    CHECK_INT(WEXITSTATUS(status), ==, 7);
    thrum_future_free(forks);
    thrum_event_set(&never);
    expect(waits, 0);
    thrum_executor_shutdown(pool);
}

#if !defined(                                                                                      \
    __SANITIZE_THREAD__) /* which sees no switch in a child of fork, and races in its place */

static int fork_amid_a_shutdown(thrum_task *self)
{
    thrum__fibers *fibers = thrum__fiber_self()->worker->fibers;
    (void)self;
    thrum__add_relaxed(&fibers->asking, 1); /* as one who asks the running to stop just then */
    pid_t child = fork();
    if (child > 0)
        thrum__sub_relaxed(&fibers->asking, 1);
    return child == 0 ? 0 : thrum_return(self, thrum_value(pid_t, child));
}

/* The child's only thread gives up the fiber that it was, and ends; with it the child. */
TEST(a_child_of_fork_ends_though_the_parent_was_shutting_down)
{
    make_pool(1);
    thrum_future *forks = thrum_submit(pool, fork_amid_a_shutdown, THRUM_NOTHING);
    pid_t child;
    int status;
    CHECK_INT(thrum_future_result(forks, &child, sizeof child, THRUM_FOREVER), ==, 0);
    CHECK_INT(waitpid(child, &status, 0), ==, child);
    CHECK_INT(status, ==, 0);
    thrum_future_free(forks);
    thrum_executor_shutdown(pool);
}

#endif

static int write_late(thrum_task *self)
{
    thrum_sleep(thrum_in(0.02));
    return write(thrum_arg(self, int), "done", 4) == 4 ? 0 : -EIO;
}

TEST(the_end_of_the_program_waits_for_what_was_submitted)
{
    int ends[2];
    char text[8] = "";
    CHECK_INT(pipe(ends), ==, 0);
    pid_t child = fork();
    if (child == 0) {
        make_pool(2);
        thrum_future_free(thrum_submit(pool, write_late, thrum_value(int, ends[1])));
        exit(0);
    }
    close(ends[1]);
    CHECK_INT(read(ends[0], text, sizeof text), ==, 4);
    CHECK_STR(text, "done");
    int status;
    CHECK_INT(waitpid(child, &status, 0), ==, child);
    CHECK_INT(status, ==, 0);
}

/* -------------------------------------------------------------------------------------- monitor */

static uint32_t told;
static char told_message[256];

static void hear(const thrum_failure *failure, void *context)
{
    (void)context;
    CHECK_STR(failure->kind, "fiber");
    CHECK_INT(failure->error->code, ==, -EBUSY);
    snprintf(told_message, sizeof told_message, "%s", failure->error->message);
    thrum__add_release(&told, 1);
}

static int hold(thrum_task *self)
{
    (void)self;
    UNTIL(thrum__load_acquire(&told));
    return 0;
}

/* Holds its worker until it is told of; a thread's yield, not a fiber's. */
static int hold_worker(thrum_task *self)
{
    (void)self;
    while (!thrum__load_acquire(&told))
        ;
    return 0;
}

TEST(a_task_that_holds_a_worker_is_told_of)
{
    thrum_failure_hook_set(hear, NULL);
    pool = thrum_fiber_pool_new(&(thrum_fiber_pool_options){.max_workers = 1, .hold_limit = 0.01});
    thrum_future *waits = thrum_submit(pool, nap, thrum_value(double, 0.1));
    expect(waits, 0);
    expect(thrum_submit(pool, hold_worker, THRUM_NOTHING), 0);
    expect(thrum_submit(pool, hold, THRUM_NOTHING), 0);
    thrum_executor_shutdown(pool);
    CHECK(strstr(told_message, "for over 10 ms without waiting") != NULL);
}

/* --------------------------------------------------------------------------------------- faults */

static int submit_with_failure(enum thrum__fault_site site, uint32_t n)
{
    thrum__fault_arm_all(site, n, 1);
    int rc = -ENOMEM;
    pool = thrum_fiber_pool_new(&(thrum_fiber_pool_options){.max_workers = 1});
    if (pool) {
        thrum_future *future = thrum_submit(pool, nap, thrum_value(double, 0.001));
        thrum_future *second = thrum_submit(pool, nap, thrum_value(double, 0.001));
        rc = OUTCOME_CODE(thrum_future_result(future, NULL, 0, THRUM_FOREVER),
                          thrum_future_error(future));
        int other = OUTCOME_CODE(thrum_future_result(second, NULL, 0, THRUM_FOREVER),
                                 thrum_future_error(second));
        rc = rc < 0 ? rc : other;
        thrum_future_free(future);
        thrum_future_free(second);
        thrum_executor_shutdown(pool);
    }
    bool failed = thrum__fault_calls(site) >= n;
    thrum__fault_disarm(site);
    CHECK(rc == 0 || rc == -ENOMEM || rc == -EAGAIN);
    return failed ? 1 : rc;
}

TEST(without_memory_a_task_fails_or_runs_later)
{
    uint32_t n = 1;
    while (submit_with_failure(THRUM__FAULT_ALLOC, n) == 1)
        n++;
    CHECK_INT(n, >, 5);
    for (n = 1; submit_with_failure(THRUM__FAULT_PAGES, n) == 1; n++)
        ;
    CHECK_INT(n, >=, 4); /* a slab and two guards, at the least */
    CHECK_INT(submit_with_failure(THRUM__FAULT_THREAD_START, 1), ==, 1);
}

TEST(without_stacks_tasks_run_one_after_another)
{
    make_pool(1);
    expect(thrum_submit(pool, nap, thrum_value(double, 0)), 0); /* there is one fiber now, or two */
    thrum__fault_arm_all(THRUM__FAULT_PAGES, 1, UINT32_MAX);
    thrum_future *futures[10];
    for (int i = 0; i < 10; i++)
        futures[i] = thrum_submit(pool, nap, thrum_value(double, 0.002));
    for (int i = 0; i < 10; i++)
        expect(futures[i], 0);
    thrum__fault_disarm(THRUM__FAULT_PAGES);
    thrum_executor_shutdown(pool);
}

TEST(a_stack_larger_than_all_memory_is_refused)
{
    static const size_t sizes[] = {SIZE_MAX, SIZE_MAX - 1000, SIZE_MAX / 2, SIZE_MAX / 2 + 1};
    for (int i = 0; i < 4; i++) {
        pool = thrum_fiber_pool_new(&(thrum_fiber_pool_options){.stack_size = sizes[i]});
        expect(thrum_submit(pool, nap, thrum_value(double, 0)), -ENOMEM);
        thrum_executor_shutdown(pool);
    }
}

/* ------------------------------------------------------------------------------- timers, stacks */

TEST(timers_come_in_their_order)
{
    enum { SLOTS = 200, ROUNDS = 20000 };
    thrum__timers timers = {0};
    static thrum_time set[SLOTS];
    uint32_t random = 1;
    for (uint32_t i = 0; i < SLOTS; i++)
        CHECK_INT(thrum__timers_slot_new(&timers, &set[i]), ==, i);
    for (int round = 0; round < ROUNDS; round++) {
        random = random * 1664525 + 1013904223;
        uint32_t slot = (random >> 8) % SLOTS;
        if (set[slot]) {
            thrum__timers_remove(&timers, slot);
            set[slot] = 0;
        } else {
            set[slot] = 1 + (random >> 20);
            thrum__timers_insert(&timers, slot, thrum_at(set[slot]));
        }
        thrum_time least = INT64_MAX;
        for (int i = 0; i < SLOTS; i++)
            least = set[i] && set[i] < least ? set[i] : least;
        CHECK_INT(thrum__timers_first(&timers).ns, ==, least);
        if (round % 5 == 0 && least != INT64_MAX) {
            void *first;
            CHECK_INT(thrum__timers_expire(&timers, least - 1, &first, 1), ==, 0);
            CHECK_INT(thrum__timers_expire(&timers, least, &first, 1), ==, 1);
            CHECK_INT(*(thrum_time *)first, ==, least);
            *(thrum_time *)first = 0;
        }
    }
    thrum__timers_finish(&timers);
}

TEST(timers_expire_a_few_at_a_time_and_in_order)
{
    enum { SLOTS = 1000, FEW = 8, NOW = SLOTS / 2 };
    thrum__timers timers = {0};
    static thrum_time set[SLOTS];
    for (uint32_t i = 0; i < SLOTS; i++) {
        set[i] = 1 + i * 7 % SLOTS; /* each once */
        CHECK_INT(thrum__timers_slot_new(&timers, &set[i]), ==, i);
        thrum__timers_insert(&timers, i, thrum_at(set[i]));
    }
    void *owners[FEW];
    thrum_time next = 1;
    uint32_t count;
    while ((count = thrum__timers_expire(&timers, NOW, owners, FEW))) {
        CHECK(count == FEW || next + count == NOW + 1);
        for (uint32_t i = 0; i < count; i++)
            CHECK_INT(*(thrum_time *)owners[i], ==, next++);
    }
    CHECK_INT(next, ==, NOW + 1);
    CHECK_INT(thrum__timers_first(&timers).ns, ==, next);
    thrum__timers_finish(&timers);
}

enum { STACKS = 600 };

static thrum__stack taken[STACKS];

static char *top(const thrum__stacks *stacks, int i)
{
    return taken[i].bottom + stacks->size - 1;
}

/* The kernel says so when it is to read there; an emulator does the same, and Valgrind bears it. */
static bool is_guard(const void *page)
{
    int ends[2];
    CHECK_INT(pipe(ends), ==, 0);
    bool faults = write(ends[1], page, 1) < 0 && errno == EFAULT;
    close(ends[0]);
    close(ends[1]);
    return faults;
}

/* Whether there is memory behind the page that `byte` is in; false also where no page is. */
static bool has_memory(const char *byte)
{
    unsigned char there = 0;
    size_t page = thrum__pages_size();
    void *start = (void *)((uintptr_t)byte & ~(uintptr_t)(page - 1));
    return mincore(start, page, &there) == 0 && there & 1;
}

static void take_and_touch(thrum__stacks *stacks, int first, int end)
{
    for (int i = first; i < end; i++) {
        CHECK(thrum__stack_take(stacks, &taken[i]));
        CHECK(is_guard(taken[i].bottom));
        *top(stacks, i) = 1;
    }
}

TEST(stacks_are_taken_again_and_apart)
{
    thrum__stacks stacks = {0};
    thrum__stacks_init(&stacks, 100000);
    CHECK(stacks.size >= 100000 && stacks.size % 4096 == 0);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < STACKS; i++) {
            CHECK(thrum__stack_take(&stacks, &taken[i]));
            CHECK_INT(*top(&stacks, i), ==, 0); /* its memory was given back meanwhile */
            *top(&stacks, i) = 1;
        }
        CHECK_INT(stacks.empty, ==, 0);
        for (int i = 0; i < STACKS; i++)
            thrum__stack_give(&stacks, &taken[i]);
        thrum__stacks_sweep(&stacks);
        CHECK_INT(stacks.empty, ==, 1);
    }
    thrum__stacks_finish(&stacks);
}

TEST(a_stack_that_was_just_given_back_is_the_next_and_has_its_memory)
{
    thrum__stacks stacks = {0};
    thrum__stacks_init(&stacks, 65536);
    take_and_touch(&stacks, 0, 5);
    char *third = taken[2].bottom;
    thrum__stack_give(&stacks, &taken[2]);
    CHECK(thrum__stack_take(&stacks, &taken[2]));
    CHECK(taken[2].bottom == third);
    CHECK_INT(*top(&stacks, 2), ==, 1);
    for (int i = 0; i < 5; i++)
        thrum__stack_give(&stacks, &taken[i]);
    thrum__stacks_finish(&stacks);
}

TEST(a_sweep_leaves_guards_and_what_is_in_use)
{
    thrum__stacks stacks = {0};
    thrum__stacks_init(&stacks, 65536);
    take_and_touch(&stacks, 0, STACKS);
    for (int i = 0; i < STACKS; i++)
        if (i % 7)
            thrum__stack_give(&stacks, &taken[i]);
    thrum__stacks_sweep(&stacks);
    for (int i = 0; i < STACKS; i++) {
        CHECK(is_guard(taken[i].bottom));
        CHECK_INT(has_memory(top(&stacks, i)), ==, i % 7 == 0);
    }
    for (int i = 0; i < STACKS; i++)
        if (i % 7)
            take_and_touch(&stacks, i, i + 1);
    for (int i = 0; i < STACKS; i++)
        thrum__stack_give(&stacks, &taken[i]);
    thrum__stacks_finish(&stacks);
}

/* Of those that are not in use a part may keep its memory until the sweep, and no more. */
TEST(most_of_the_memory_goes_back_without_a_sweep)
{
    thrum__stacks stacks = {0};
    thrum__stacks_init(&stacks, 65536);
    take_and_touch(&stacks, 0, STACKS);
    int kept = 0;
    for (int i = 1; i < STACKS; i++)
        thrum__stack_give(&stacks, &taken[i]);
    for (int i = 1; i < STACKS; i++)
        kept += has_memory(top(&stacks, i));
    CHECK_INT(kept, <=, STACKS / 3);
    CHECK(has_memory(top(&stacks, 0)));
    thrum__stack_give(&stacks, &taken[0]);
    CHECK_INT(stacks.empty, ==, 1);
    thrum__stacks_finish(&stacks);
}

TEST(stacks_bear_a_system_that_refuses)
{
    for (uint32_t n = 1; n <= 4; n++) { /* the slab, the guards */
        thrum__stacks stacks = {0};
        thrum__stacks_init(&stacks, 65536);
        thrum__fault_arm(THRUM__FAULT_PAGES, n, 1);
        int refused = 0;
        for (int i = 0; i < 3; i++)
            while (!thrum__stack_take(&stacks, &taken[i]))
                refused++;
        thrum__fault_disarm(THRUM__FAULT_PAGES);
        CHECK_INT(refused, ==, 1);
        CHECK(taken[0].bottom != taken[1].bottom && taken[1].bottom != taken[2].bottom);
        for (int i = 0; i < 3; i++) {
            CHECK(is_guard(taken[i].bottom));
            thrum__stack_give(&stacks, &taken[i]);
        }
        thrum__stacks_finish(&stacks);
    }
}
