/* The process pool: tasks of every size and outcome in other processes, and what is left of them. */
#include "harness.h"
#include "support.h"
#include "support_gate.h"
#include "support_process.h"

#include "executor/process/process_pool.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static int square(thrum_task *self)
{
    int64_t n = thrum_arg(self, int64_t);
    return thrum_return(self, thrum_value(int64_t, n * n));
}

static int pid_of_worker(thrum_task *self)
{
    return thrum_return(self, thrum_value(int32_t, getpid()));
}

static int echo(thrum_task *self)
{
    size_t size = thrum_task_arg_size(self);
    return thrum_return(self, thrum_task_arg(self, size), size);
}

static int fail(thrum_task *self)
{
    return thrum_fail(self, -ERANGE, "number %d is out of range", thrum_arg(self, int));
}

TEST(a_task_runs_in_another_process)
{
    thrum_executor *pool = process_pool(.max_workers = 1);
    int32_t pid = 0, known = 0;
    CHECK_INT(result_of(thrum_submit(pool, pid_of_worker, THRUM_NOTHING), &pid, sizeof pid), ==, 0);
    CHECK(pid != getpid());
    CHECK_INT(thrum_process_pool_pids(pool, &known, 1), ==, 1);
    CHECK_INT(known, ==, pid);
    thrum_executor_shutdown(pool);
    CHECK_INT(live_children(), ==, 0);
}

TEST(results_and_errors_come_back)
{
    enum { COUNT = 500 };
    thrum_executor *pool = process_pool(.max_workers = 2);
    thrum_future *futures[COUNT];
    for (int64_t i = 0; i < COUNT; i++)
        futures[i] = i % 7 == 3 ? thrum_submit(pool, fail, thrum_value(int, (int)i))
                                : thrum_submit(pool, square, thrum_value(int64_t, i));
    for (int64_t i = 0; i < COUNT; i++) {
        int64_t result = -1;
        int rc =
            OUTCOME_CODE(thrum_future_result(futures[i], &result, sizeof result, THRUM_FOREVER),
                         thrum_future_error(futures[i]));
        if (i % 7 == 3) {
            char message[64];
            snprintf(message, sizeof message, "number %d is out of range", (int)i);
            CHECK_INT(rc, ==, -ERANGE);
            CHECK_STR(thrum_future_error(futures[i])->message, message);
        } else {
            CHECK_INT(rc, ==, 0);
            CHECK_INT(result, ==, i * i);
        }
        thrum_future_free(futures[i]);
    }
    thrum_executor_stats stats;
    thrum_executor_stats_get(pool, &stats);
    CHECK_INT(stats.done, ==, COUNT);
    CHECK_INT(stats.failed, ==, (COUNT + 3) / 7);
    CHECK_INT(stats.workers, >=, 1);
    thrum_executor_shutdown(pool);
}

static unsigned char pattern(size_t size, size_t at)
{
    return (unsigned char)(at * 31 + size);
}

static void check_echo(thrum_executor *pool, size_t size)
{
    unsigned char *sent = malloc(size + 1), *got = malloc(size + 1);
    for (size_t i = 0; i < size; i++)
        sent[i] = pattern(size, i);
    thrum_future *future = thrum_submit(pool, echo, sent, size);
    CHECK_INT(thrum_future_wait(future, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_future_result_size(future), ==, size);
    CHECK_INT(thrum_future_result(future, got, size, THRUM_NOW), ==, 0);
    CHECK(memcmp(sent, got, size) == 0);
    thrum_future_free(future);
    free(sent);
    free(got);
}

TEST(values_of_all_sizes_travel)
{
    static const size_t sizes[] = {0,   1,   39,  40,   41,   48,   447,     448,
                                   449, 511, 512, 4095, 4096, 4097, 1 << 20, 5000001};
    thrum_executor *pool = process_pool(.max_workers = 2);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        for (int round = 0; round < 3; round++)
            check_echo(pool, sizes[i]);
    thrum_executor_shutdown(pool);
}

TEST(one_task_after_another_is_waited_for)
{
    thrum_executor *pool = process_pool(.max_workers = 2);
    for (int64_t i = 0; i < 500; i++) {
        int64_t result = -1;
        CHECK_INT(
            result_of(thrum_submit(pool, square, thrum_value(int64_t, i)), &result, sizeof result),
            ==, 0);
        CHECK_INT(result, ==, i * i);
    }
    thrum_executor_shutdown(pool);
}

static int sleep_a_little(thrum_task *self)
{
    (void)self;
    return thrum_sleep(thrum_in(0.001));
}

/* Two wait for one future, one gives up, and others wait for theirs meanwhile. */
static int wait_for_it(thrum_task *self)
{
    thrum_future *future = thrum_arg(self, thrum_future *);
    int rc = thrum_future_wait(future, thrum_in(0.0005));
    return rc == -ETIMEDOUT ? thrum_future_wait(future, THRUM_FOREVER) : rc;
}

TEST(several_wait_for_one_with_and_without_deadlines)
{
    thrum_executor *pool = process_pool(.max_workers = 2);
    for (int i = 0; i < 50; i++) {
        thrum_thread *threads[3];
        thrum_future *futures[2] = {thrum_submit(pool, sleep_a_little, THRUM_NOTHING),
                                    thrum_submit(pool, sleep_a_little, THRUM_NOTHING)};
        for (int j = 0; j < 3; j++)
            threads[j] =
                thrum_thread_start(wait_for_it, thrum_value(thrum_future *, futures[j / 2]));
        for (int j = 0; j < 3; j++)
            JOIN(threads[j], 0);
        for (int j = 0; j < 2; j++)
            CHECK_INT(result_of(futures[j], NULL, 0), ==, 0);
    }
    thrum_executor_shutdown(pool);
}

struct wait {
    thrum_future *future;
    uint32_t ident;
};

static int wait_on(thrum_task *self)
{
    struct wait *wait = thrum_arg(self, struct wait *);
    tell_ident(&wait->ident);
    return thrum_future_wait(wait->future, THRUM_FOREVER);
}

/* The task that a thread waits for is taken back, and is in the same slot again, with another who waits, when that
 * thread comes to look: what it does then is not to concern the other. */
TEST(who_waits_for_a_task_that_went_away_leaves_the_next_one_alone)
{
    thrum__process_pool *pool =
        (thrum__process_pool *)process_pool(.max_workers = 1, .descriptors = gate_descriptors(),
                                            .descriptor_count = 2);
    thrum_future *held = submit_gate(&pool->pool.base);
    until_said();
    struct wait first = {.future = thrum_submit(&pool->pool.base, sleep_a_little, THRUM_NOTHING)};
    thrum_thread *thread = thrum_thread_start(wait_on, thrum_value(struct wait *, &first));
    uint32_t at = first.future->place;
    thrum__held_task *account = &pool->all_workers[0].held[at];
    thrum__task_slot *slot = &pool->all_workers[0].child.slots->slot[at];
    UNTIL(thrum__load_relaxed(&slot->state) & THRUM__TASK_SLOT_DIRECT);
    thrum_with (&pool->pool.lock) {
        CHECK(thrum__task_slot_take_back(slot));
        UNTIL(waits_for(&first.ident, "lock"));
        account->direct = &slot;
        thrum__store_release(&slot->state, THRUM__TASK_SLOT_READY | THRUM__TASK_SLOT_DIRECT);
    }
    UNTIL(waits_for(&first.ident, "future"));
    thrum_with (&pool->pool.lock) {
        CHECK(account->direct == &slot);
        CHECK_INT(thrum__load_relaxed(&slot->state), ==,
                  THRUM__TASK_SLOT_READY | THRUM__TASK_SLOT_DIRECT);
        account->direct = NULL;
        CHECK(thrum__task_slot_clear_direct(slot));
    }
    let_go(1);
    JOIN(thread, 0);
    CHECK_INT(result_of(first.future, NULL, 0), ==, 0);
    CHECK_INT(result_of(held, NULL, 0), ==, 0);
    thrum_executor_shutdown(&pool->pool.base);
}

TEST(a_map_keeps_its_order)
{
    enum { COUNT = 1000 };
    static int64_t in[COUNT], out[COUNT];
    thrum_executor *pool = process_pool(.max_workers = 3);
    for (int64_t i = 0; i < COUNT; i++)
        in[i] = i;
    CHECK_INT(thrum_map(pool, square,
                        &(thrum_map_options){.count = COUNT,
                                             .args = in,
                                             .arg_size = sizeof in[0],
                                             .results = out,
                                             .result_size = sizeof out[0]}),
              ==, 0);
    for (int64_t i = 0; i < COUNT; i++)
        CHECK_INT(out[i], ==, i * i);
    thrum_executor_shutdown(pool);
}

TEST(a_pool_that_was_never_used_leaves_nothing)
{
    thrum_executor *pool = process_pool(.max_workers = 2);
    thrum_executor_shutdown(pool);
    thrum_executor_shutdown_with(process_pool(.max_workers = 2),
                                 &(thrum_shutdown_options){.no_wait = true});
    CHECK_INT(live_children(), ==, 0);
}

TEST(a_shutdown_waits_for_what_was_submitted)
{
    thrum_executor *pool = process_pool(.max_workers = 2);
    thrum_future *futures[100];
    for (int i = 0; i < 100; i++)
        futures[i] = thrum_submit(pool, square, thrum_value(int64_t, i));
    thrum_executor_shutdown(pool);
    for (int i = 0; i < 100; i++) {
        int64_t result = 0;
        CHECK_INT(result_of(futures[i], &result, sizeof result), ==, 0);
        CHECK_INT(result, ==, (int64_t)i * i);
    }
    CHECK_INT(live_children(), ==, 0);
}

static void process_pool_round(void)
{
    int64_t result = 0;
    thrum_executor *pool = process_pool(.max_workers = 2);
    check_echo(pool, 100000);
    CHECK_INT(
        result_of(thrum_submit(pool, square, thrum_value(int64_t, 5)), &result, sizeof result), ==,
        0);
    CHECK_INT(result, ==, 25);
    thrum_executor_shutdown(pool);
}

TEST(no_descriptor_is_left)
{
    process_pool_round();
    int before = open_descriptors();
    for (int i = 0; i < 5; i++)
        process_pool_round();
    UNTIL(open_descriptors() <= before);
    CHECK_INT(live_children(), ==, 0);
}

TEST(at_the_end_of_the_program_a_pool_is_drained)
{
    thrum_executor *pool = process_pool(.max_workers = 1);
    thrum_future_free(thrum_submit(pool, square, thrum_value(int64_t, 3)));
}

static int name_of_worker(thrum_task *self)
{
    char name[32] = "";
    FILE *file = fopen("/proc/self/cmdline", "r");
    size_t used = file ? fread(name, 1, sizeof name - 1, file) : 0;
    if (file)
        fclose(file);
    name[used] = '\0';
    if (strcmp(name, thrum_thread_current_name()) != 0)
        return thrum_fail(self, -EINVAL, "%s and %s", name, thrum_thread_current_name());
    return thrum_return(self, name, sizeof name);
}

TEST(workers_have_names)
{
    char name[32];
    thrum_executor *pool = process_pool(.max_workers = 1, .name_prefix = "parser");
    CHECK_INT(result_of(thrum_submit(pool, name_of_worker, THRUM_NOTHING), name, sizeof name), ==,
              0);
    CHECK_STR(name, "parser-1");
    thrum_executor_shutdown(pool);
}

static int worker_of_environment(thrum_task *self)
{
    return getenv("THRUM_WORKER") ? thrum_fail(self, -EEXIST, "it is inherited") : 0;
}

TEST(what_a_task_starts_is_no_worker)
{
    thrum_executor *pool = process_pool(.max_workers = 1);
    CHECK_INT(result_of(thrum_submit(pool, worker_of_environment, THRUM_NOTHING), NULL, 0), ==, 0);
    thrum_executor_shutdown(pool);
}

static int use_pool_inside(thrum_task *self)
{
    int64_t result = 0;
    thrum_executor *pool = process_pool(.max_workers = 1);
    thrum_future *future = thrum_submit(pool, square, thrum_value(int64_t, 12));
    int rc = result_of(future, &result, sizeof result);
    thrum_executor_shutdown(pool);
    return rc < 0 ? rc : thrum_return(self, &result, sizeof result);
}

TEST(a_worker_may_have_workers_of_its_own)
{
    int64_t result = 0;
    thrum_executor *pool = process_pool(.max_workers = 1);
    CHECK_INT(result_of(thrum_submit(pool, use_pool_inside, THRUM_NOTHING), &result, sizeof result),
              ==, 0);
    CHECK_INT(result, ==, 144);
    thrum_executor_shutdown(pool);
}

static int square_of_natural(thrum_task *self)
{
    int n = thrum_arg(self, int);
    if (n < 0)
        return thrum_fail(self, -EDOM, "%d is negative", n);
    return thrum_return(self, thrum_value(int, n *n));
}

TEST(a_map_in_chunks_finds_its_function_in_the_worker)
{
    enum { COUNT = 50 };
    int args[COUNT], results[COUNT] = {0};
    for (int i = 0; i < COUNT; i++)
        args[i] = i;
    thrum_executor *pool = process_pool(.max_workers = 2);
    thrum_map_options items = {.count = COUNT,
                               .args = args,
                               .arg_size = sizeof args[0],
                               .results = results,
                               .result_size = sizeof results[0],
                               .chunk = 7};
    CHECK_INT(thrum_map(pool, square_of_natural, &items), ==, 0);
    for (int i = 0; i < COUNT; i++)
        CHECK_INT(results[i], ==, i * i);
    args[30] = -1;
    size_t failed = 0;
    thrum_error error = {0};
    items.ret_failed = &failed;
    items.ret_error = &error;
    CHECK_OUTCOME(thrum_map(pool, square_of_natural, &items), &error, -EDOM);
    CHECK_STR(error.message, "-1 is negative");
    CHECK_INT(failed, ==, 30);
    thrum_executor_shutdown(pool);
}
