/* libthrum-cluster against nats-server: what works, and what happens when workers, clients and servers fail. Each future gets
 * exactly one outcome. */
#include "support_cluster.h"
#include "untouched.h"

#include <stdlib.h>

/* ---------------------------------------------------------------------------------- what it can do */

static int unregistered(thrum_task *self)
{
    return thrum_return(self, thrum_value(int64_t, thrum_arg(self, int64_t) + 1));
}

static void check_outcomes(thrum_executor *cluster)
{
    int64_t result = 0;
    thrum_future *future = thrum_submit(cluster, square, thrum_value(int64_t, 12));
    CHECK_INT(thrum_future_result(future, &result, sizeof result, THRUM_FOREVER), ==, 0);
    CHECK_INT(result, ==, 144);
    thrum_future_free(future);
    future = thrum_submit(cluster, unregistered, thrum_value(int64_t, 12));
    CHECK_INT(thrum_future_result(future, &result, sizeof result, THRUM_FOREVER), ==, 0);
    CHECK_INT(result, ==, 13);
    thrum_future_free(future);
    future = thrum_submit(cluster, fail_task, thrum_value(int, 5));
    CHECK_INT(code_of(future), ==, -ERANGE);
    CHECK_STR(thrum_future_error(future)->message, "number 5 is out of range");
    thrum_future_free(future);
    static char large[500000];
    memset(large, 'x', sizeof large);
    void *bytes = NULL;
    size_t size = 0;
    future = thrum_submit(cluster, echo, large, sizeof large);
    CHECK_INT(thrum_future_take(future, &bytes, &size, THRUM_FOREVER), ==, 0);
    CHECK_INT(size, ==, sizeof large);
    CHECK(memcmp(bytes, large, size) == 0);
    free(bytes);
    thrum_future_free(future);
}

static void check_map(thrum_executor *cluster)
{
    enum { COUNT = 2000 };
    static int64_t args[COUNT], results[COUNT];
    for (int i = 0; i < COUNT; i++)
        args[i] = i;
    CHECK_INT(thrum_map(cluster, square,
                        &(thrum_map_options){.count = COUNT,
                                             .args = args,
                                             .arg_size = sizeof args[0],
                                             .results = results,
                                             .result_size = sizeof results[0]}),
              ==, 0);
    for (int i = 0; i < COUNT; i++)
        CHECK_INT(results[i], ==, (int64_t)i * i);
    int64_t result = 0;
    thrum_future *first = thrum_submit(cluster, square, thrum_value(int64_t, 3));
    thrum_future *second = thrum_future_then(first, cluster, square);
    CHECK_INT(thrum_future_result(second, &result, sizeof result, THRUM_FOREVER), ==, 0);
    CHECK_INT(result, ==, 81);
    thrum_future_free(first);
    thrum_future_free(second);
}

static int count_pool(const char *pool, void *context)
{
    CHECK_STR(pool, "test");
    ++*(int *)context;
    return 0;
}

static int stop_visit(const char *pool, void *context)
{
    (void)pool, (void)context;
    return 7;
}

TEST(outcomes_maps_chains_and_the_status_are_those_of_every_executor)
{
    start_server();
    struct local_worker worker = {0};
    start_local(&worker);
    thrum_executor *cluster = new_cluster(NULL);
    check_outcomes(cluster);
    check_map(cluster);
    thrum_cluster_status status;
    thrum_error error;
    thrum_cluster_options options = options_with(NULL);
    CHECK_INT(thrum_cluster_status_get(&options, &status, &error), ==, 0);
    CHECK_INT(status.workers, ==, 1);
    CHECK_INT(status.capacity, ==, 2);
    CHECK_INT(status.done, >=, 2004);
    CHECK_INT(status.published, >, 0);
    CHECK_INT(status.deliveries, >=, status.published);
    int pools = 0;
    CHECK_INT(thrum_cluster_pools_visit(&options, count_pool, &pools, &error), ==, 0);
    CHECK_INT(pools, ==, 1);
    CHECK_INT(thrum_cluster_pools_visit(&options, stop_visit, NULL, &error), ==, 7);
    options.pool = "other";
    FAILS(thrum_cluster_status_get(&options, FIRST, &error), -ENOENT);
    thrum_executor_shutdown(cluster);
    stop_local(&worker);
    nats_server_finish(&server);
}

TEST(a_wrong_password_a_missing_server_and_wrong_options_are_refused)
{
    nats_server_start(&server, "authorization { user: test, password: right }");
    thrum_executor *cluster = NULL;
    thrum_error error;
    thrum_cluster_options options = options_with(NULL);
    options.user = "test";
    options.password = "wrong";
    FAILS(thrum_cluster_new(&options, FIRST, &error, thrum_in(600)), -EACCES);
    CHECK(!strstr(error.message, "wrong"));
    options.password = "right";
    CHECK_INT(thrum_cluster_new(&options, &cluster, &error, thrum_in(600)), ==, 0);
    thrum_executor_shutdown(cluster);
    options.pool = "a.b";
    FAILS(thrum_cluster_new(&options, FIRST, &error, thrum_in(600)), -EINVAL);
    options = options_with(NULL);
    nats_server_finish(&server);
    FAILS(thrum_cluster_new(&options, FIRST, &error, thrum_in(600)), -ECONNREFUSED);
}

static bool lacks_worker(thrum_future *future)
{
    return strstr(thrum_future_error(future)->message, "no worker has answered for square@1");
}

TEST(without_workers_deadlines_and_cancels_end_tasks_and_a_late_worker_runs_the_others)
{
    start_server();
    thrum_executor *cluster = new_cluster(NULL);
    thrum_future *late = NULL;
    /* A busy machine may not send the task in the shortest time. Then nobody could have answered. */
    for (double seconds = 0.3; !late || !lacks_worker(late); seconds *= 3) {
        thrum_future_free(late);
        late = thrum_submit_with(cluster, &(thrum_submit_options){.deadline = thrum_in(seconds)},
                                 square, thrum_value(int64_t, 1));
        CHECK_INT(code_of(late), ==, -ETIMEDOUT);
    }
    thrum_future *cancelled = thrum_submit(cluster, square, thrum_value(int64_t, 2));
    while (!thrum_future_running(cancelled))
        thrum_yield();
    CHECK_INT(thrum_future_cancel(cancelled), ==, -EINPROGRESS);
    CHECK_INT(code_of(cancelled), ==, -ECANCELED);
    CHECK(thrum_future_cancelled(cancelled));
    thrum_future *waits = thrum_submit(cluster, square, thrum_value(int64_t, 3));
    struct local_worker worker = {0};
    start_local(&worker);
    CHECK_INT(code_of(waits), ==, 0);
    thrum_future_free(late);
    thrum_future_free(cancelled);
    thrum_future_free(waits);
    thrum_executor_shutdown(cluster);
    stop_local(&worker);
    nats_server_finish(&server);
}

TEST(a_running_task_is_asked_to_stop)
{
    start_server();
    struct local_worker worker = {0};
    struct noted noted;
    start_local(&worker);
    thrum_executor *cluster = new_cluster(NULL);
    thrum_future *future = submit_noted(cluster, "running", 3600, &noted);
    await_begun(&noted, 1);
    CHECK_INT(thrum_future_cancel(future), ==, -EINPROGRESS);
    CHECK_INT(code_of(future), ==, -ECANCELED);
    CHECK(!thrum_future_cancelled(future));
    CHECK_INT(thrum_future_cancel(future), ==, -EALREADY);
    thrum_future_free(future);
    thrum_executor_shutdown(cluster);
    stop_local(&worker);
    nats_server_finish(&server);
}

TEST(each_kind_of_shutdown_ends)
{
    start_server();
    struct noted noted;
    thrum_future *futures[4];
    thrum_executor *cluster = new_cluster(NULL);
    for (int i = 0; i < 4; i++)
        futures[i] = submit_noted(cluster, "shutdown", 3600, &noted);
    thrum_executor_shutdown_with(cluster, &(thrum_shutdown_options){.cancel_pending = true});
    for (int i = 0; i < 4; i++) {
        CHECK(thrum_future_cancelled(futures[i]));
        thrum_future_free(futures[i]);
    }
    struct local_worker worker = {.serve.max_running = 4};
    start_local(&worker);
    cluster = new_cluster(NULL);
    for (int i = 0; i < 4; i++)
        futures[i] = submit_noted(cluster, "running", 3600, &noted);
    await_begun(&noted, 4);
    thrum_executor_shutdown_with(cluster, &(thrum_shutdown_options){.cancel_running = true});
    for (int i = 0; i < 4; i++) {
        CHECK_INT(thrum_future_error(futures[i])->code, ==, -ECANCELED);
        thrum_future_free(futures[i]);
    }
    cluster = new_cluster(NULL);
    futures[0] = thrum_submit(cluster, square, thrum_value(int64_t, 3));
    thrum_executor_shutdown_with(cluster, &(thrum_shutdown_options){.no_wait = true});
    CHECK_INT(code_of(futures[0]), ==, 0);
    thrum_future_free(futures[0]);
    stop_local(&worker);
    nats_server_finish(&server);
}

TEST(a_full_queue_refuses_or_waits)
{
    start_server();
    enum { COUNT = 20 };
    thrum_future *futures[COUNT];
    int refused = 0;
    thrum_executor *cluster =
        new_cluster(&(thrum_cluster_options){.max_queued = 5, .when_full = THRUM_WHEN_FULL_REFUSE});
    for (int i = 0; i < COUNT; i++)
        futures[i] = thrum_submit(cluster, square, thrum_value(int64_t, i));
    thrum_future *last = futures[COUNT - 1];
    CHECK_INT(code_of(last), ==, -EAGAIN);
    struct local_worker worker = {0};
    start_local(&worker);
    for (int i = 0; i < COUNT; i++) {
        int code = code_of(futures[i]);
        CHECK(code == 0 || code == -EAGAIN);
        refused += code != 0;
        thrum_future_free(futures[i]);
    }
    CHECK_INT(refused, >=, 1);
    thrum_executor_shutdown(cluster);
    cluster = new_cluster(&(thrum_cluster_options){.max_queued = 5});
    for (int i = 0; i < COUNT; i++)
        futures[i] = thrum_submit(cluster, square, thrum_value(int64_t, i));
    check_good(futures, COUNT);
    thrum_executor_shutdown(cluster);
    stop_local(&worker);
    nats_server_finish(&server);
}

/* -------------------------------------------------------------------------------- what may fail */

TEST_DEADLINE(a_task_of_a_worker_that_was_killed_runs_on_another, 60)
{
    start_server();
    struct noted noted;
    pid_t first = start_worker("threads");
    thrum_executor *cluster = new_cluster(NULL);
    thrum_future *future = submit_noted(cluster, "killed", 0.5, &noted);
    await_begun(&noted, 1);
    pid_t second = start_worker("threads");
    (void)cluster_program_signal(first, SIGKILL);
    CHECK_INT(code_of(future), ==, 0);
    CHECK_INT(begun(&noted), >=, 2);
    thrum_future_free(future);
    thrum_executor_shutdown(cluster);
    CHECK_INT(cluster_program_signal(second, SIGTERM), ==, 0);
    nats_server_finish(&server);
}

TEST_DEADLINE(a_worker_that_was_stopped_past_its_lease_makes_no_second_outcome, 60)
{
    start_server();
    struct noted noted;
    pid_t first = start_worker("threads");
    thrum_executor *cluster = new_cluster(NULL);
    thrum_future *future = submit_noted(cluster, "stopped", 3, &noted);
    await_begun(&noted, 1);
    (void)cluster_program_signal(first, SIGSTOP); /* before the task ends */
    pid_t second = start_worker("threads");
    CHECK_INT(code_of(future), ==, 0);
    CHECK_INT(begun(&noted), >=, 2);
    (void)cluster_program_signal(first, SIGCONT);
    thrum_future *next = submit_noted(cluster, "next", 0, &noted);
    CHECK_INT(code_of(next), ==, 0);
    thrum_future_free(future);
    thrum_future_free(next);
    thrum_executor_shutdown(cluster);
    CHECK_INT(cluster_program_signal(first, SIGTERM), ==, 0);
    CHECK_INT(cluster_program_signal(second, SIGTERM), ==, 0);
    nats_server_finish(&server);
}

/* A worker that gets no processor for a lease is rightly taken for dead: on a busy machine a task may run again. But not
 * each of fifteen. */
TEST_DEADLINE(a_long_task_of_a_healthy_worker_is_delivered_once, 60)
{
    start_server();
    long runs = 0;
    pid_t first = start_worker("threads");
    pid_t second = start_worker("threads");
    thrum_executor *cluster = new_cluster(NULL);
    for (int i = 0; i < 15 && runs != 1; i++) {
        struct noted noted;
        char name[16];
        snprintf(name, sizeof name, "long-%d", i);
        thrum_future *future = submit_noted(cluster, name, 2.5, &noted); /* more than two leases */
        CHECK_INT(code_of(future), ==, 0);
        runs = begun(&noted);
        thrum_future_free(future);
    }
    CHECK_INT(runs, ==, 1);
    thrum_executor_shutdown(cluster);
    CHECK_INT(cluster_program_signal(first, SIGTERM), ==, 0);
    CHECK_INT(cluster_program_signal(second, SIGTERM), ==, 0);
    nats_server_finish(&server);
}

TEST_DEADLINE(a_poisonous_task_fails_after_three_workers_and_leaves_others_alone, 60)
{
    start_server();
    struct noted noted;
    path_of("crash", &noted);
    pid_t workers[4];
    for (int i = 0; i < 4; i++)
        workers[i] = start_worker("mortal");
    thrum_executor *cluster = new_cluster(NULL);
    thrum_future *future = thrum_submit(cluster, crash, thrum_text(noted.path));
    CHECK_INT(code_of(future), ==, -ECHILD);
    CHECK(strstr(thrum_future_error(future)->message, "lost"));
    CHECK_INT(begun(&noted), ==, 3);
    thrum_future_free(future);
    check_square(cluster);
    thrum_executor_shutdown(cluster);
    for (int i = 0; i < 4; i++)
        (void)cluster_program_signal(workers[i], SIGKILL);
    nats_server_finish(&server);
}

TEST_DEADLINE(a_poisonous_task_costs_a_worker_with_processes_nothing, 60)
{
    start_server();
    struct noted noted;
    path_of("crash", &noted);
    pid_t worker = start_worker("processes");
    thrum_executor *cluster = new_cluster(NULL);
    thrum_future *future = thrum_submit(cluster, crash, thrum_text(noted.path));
    CHECK_INT(code_of(future), ==, -ECHILD);
    CHECK_INT(begun(&noted), ==, 1);
    thrum_future_free(future);
    thrum_executor_shutdown(cluster);
    CHECK_INT(cluster_program_signal(worker, SIGTERM), ==, 0);
    nats_server_finish(&server);
}

static void survive_the_server(bool wipes)
{
    nats_server_start(&server, NULL);
    enum { QUEUED = 20 };
    struct noted noted;
    thrum_future *futures[QUEUED];
    pid_t worker = start_worker("threads");
    thrum_executor *cluster = new_cluster(NULL);
    for (int i = 0; i < QUEUED; i++)
        futures[i] = submit_noted(cluster, "server", 0.05, &noted);
    await_begun(&noted, 3);
    nats_server_kill(&server);
    thrum_future *meanwhile = thrum_submit(cluster, square, thrum_value(int64_t, 4));
    nats_server_again(&server, wipes);
    check_good(futures, QUEUED);
    CHECK_INT(code_of(meanwhile), ==, 0);
    CHECK_INT(begun(&noted), >=, QUEUED);
    thrum_future_free(meanwhile);
    thrum_executor_shutdown(cluster);
    CHECK_INT(cluster_program_signal(worker, SIGTERM), ==, 0);
    nats_server_finish(&server);
}

TEST_DEADLINE(tasks_survive_the_death_of_the_server, 60)
{
    survive_the_server(false);
}

TEST_DEADLINE(tasks_survive_the_loss_of_the_servers_state, 60)
{
    survive_the_server(true);
}

TEST_DEADLINE(a_client_that_was_killed_leaves_others_alone, 60)
{
    start_server();
    struct noted noted;
    path_of("client", &noted);
    pid_t worker = start_worker("threads");
    pid_t client = cluster_program_start("client", server.url, noted.path);
    await_begun(&noted, 3);
    (void)cluster_program_signal(client, SIGKILL);
    thrum_executor *cluster = new_cluster(NULL);
    check_square(cluster);
    thrum_executor_shutdown(cluster);
    CHECK_INT(cluster_program_signal(worker, SIGTERM), ==, 0);
    nats_server_finish(&server);
}
