/* libthrum-cluster against more that fails: cancels that race, functions that no worker has, clients that come back, three
 * servers, networks that part, clocks that differ. Each future gets exactly one outcome. */
#include "base/atomic.h"
#include "support_cluster.h"
#include "support_sanitizer.h"

#include <nats/nats.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

static int count_end(thrum_future *future, void *context)
{
    (void)future;
    thrum__add_relaxed((uint32_t *)context, 1);
    return 0;
}

/* A cancel meets its task in the backlog, on its way, in the stream, in the worker, or when it has ended. */
TEST_DEADLINE(a_cancel_at_any_moment_leaves_one_outcome, 60)
{
    enum { COUNT = 200 };
    static uint32_t ends[COUNT];
    thrum_future *futures[COUNT];
    start_server();
    struct local_worker worker = {0};
    start_local(&worker);
    thrum_executor *cluster = new_cluster(NULL);
    for (int i = 0; i < COUNT; i++) {
        futures[i] = thrum_submit(cluster, square, thrum_value(int64_t, i));
        CHECK_INT(thrum_future_add_done_callback(futures[i], count_end, &ends[i]), ==, 0);
        if (i >= i % 20)
            (void)thrum_future_cancel(futures[i - i % 20]);
    }
    for (int i = 0; i < COUNT; i++) {
        int code = code_of(futures[i]);
        CHECK(code == 0 || (i % 20 == 0 && code == -ECANCELED));
    }
    thrum_executor_shutdown(cluster); /* waits for the callbacks */
    for (int i = 0; i < COUNT; i++) {
        CHECK_INT(ends[i], ==, 1);
        thrum_future_free(futures[i]);
    }
    stop_local(&worker);
    nats_server_finish(&server);
}

static int only_here(thrum_task *self)
{
    return thrum_return(self, thrum_value(int, 1));
}
THRUM_TASK(only_here)

static int unregistered(thrum_task *self)
{
    return thrum_return(self, thrum_value(int, 2));
}

static void check_unknown(thrum_executor *cluster, thrum_task_fn *function, const char *name)
{
    thrum_future *future = thrum_submit_with(
        cluster, &(thrum_submit_options){.deadline = thrum_in(0.5)}, function, THRUM_NOTHING);
    CHECK_INT(code_of(future), ==, -ETIMEDOUT);
    CHECK(strstr(thrum_future_error(future)->message, "no worker has answered for"));
    CHECK(strstr(thrum_future_error(future)->message, name));
    thrum_future_free(future);
}

/* The worker is another program: it has neither the name nor the build. */
TEST(a_function_that_no_worker_has_fails_at_its_deadline_beside_others)
{
    char name[THRUM_TASK_NAME_SIZE];
    start_server();
    pid_t worker = start_worker("threads");
    thrum_executor *cluster = new_cluster(NULL);
    check_square(cluster);
    check_unknown(cluster, only_here, "only_here@1");
    CHECK_INT(thrum_task_name(unregistered, name), ==, 0);
    name[20] = '\0';
    check_unknown(cluster, unregistered, name);
    check_square(cluster);
    thrum_executor_shutdown(cluster);
    CHECK_INT(cluster_program_signal(worker, SIGTERM), ==, 0);
    nats_server_finish(&server);
}

TEST_DEADLINE(a_client_that_was_killed_comes_back, 60)
{
    struct noted noted;
    start_server();
    path_of("client", &noted);
    pid_t worker = start_worker("threads");
    for (int round = 0; round < 3; round++) {
        long before = begun(&noted);
        pid_t client = cluster_program_start("client", server.url, noted.path);
        await_begun(&noted, before + 2);
        (void)cluster_program_signal(client, SIGKILL);
    }
    CHECK_INT(cluster_program_signal(worker, SIGTERM), ==, 0);
    nats_server_finish(&server);
}

/* The server refuses all acknowledgements of the worker, as if each were lost on its way: the task runs again, and its future
 * has one outcome. */
TEST_DEADLINE(a_lost_acknowledgement_costs_a_run_and_no_outcome, 60)
{
    struct noted noted;
    uint32_t ends = 0;
    nats_server_start(&server,
                      "authorization { users: [ { user: client, password: x }, { user: worker, "
                      "password: x, permissions: { publish: { deny: \"$JS.ACK.thrum-test-t.>\" } } "
                      "} ] }");
    test_rights = (thrum_cluster_options){.user = "worker", .password = "x"};
    thrum_executor *cluster =
        new_cluster(&(thrum_cluster_options){.user = "client", .password = "x"});
    struct local_worker worker = {0};
    start_local(&worker);
    thrum_future *future = submit_noted(cluster, "lost", 0, &noted);
    CHECK_INT(thrum_future_add_done_callback(future, count_end, &ends), ==, 0);
    CHECK_INT(code_of(future), ==, 0);
    await_begun(&noted, 2);
    thrum_executor_shutdown(cluster);
    CHECK_INT(ends, ==, 1);
    CHECK_INT(code_of(future), ==, 0);
    thrum_future_free(future);
    stop_local(&worker);
    nats_server_finish(&server);
}

/* --------------------------------------------------------------------------------- stalled consumers */

static natsConnection *by_hand;

/* Asks the server, as an operator does by hand. The caller destroys the answer. */
static natsMsg *ask_by_hand(const char *subject, const char *text)
{
    natsMsg *answer = NULL;
    CHECK_INT(natsConnection_RequestString(&answer, by_hand, subject, text, 10000), ==, NATS_OK);
    return answer;
}

static bool answers(const char *subject, const char *text, const char *expected)
{
    natsMsg *answer = ask_by_hand(subject, text);
    bool found = memmem(natsMsg_GetData(answer), (size_t)natsMsg_GetDataLength(answer), expected,
                        strlen(expected));
    natsMsg_Destroy(answer);
    return found;
}

/* Changes a consumer, or makes it: `more` is a part of its configuration; `expected` is in the server's answer. */
static void change_consumer(const char *stream, const char *name, const char *filter,
                            const char *more, const char *expected)
{
    char subject[200], config[600];
    snprintf(subject, sizeof subject, "$JS.API.CONSUMER.DURABLE.CREATE.%s.%s", stream, name);
    snprintf(config, sizeof config,
             "{\"stream_name\":\"%s\",\"config\":{\"durable_name\":\"%s\",\"deliver_policy\":"
             "\"all\",\"ack_policy\":\"explicit\",\"ack_wait\":1000000000,\"max_deliver\":-1,"
             "\"filter_subject\":\"%s\",\"replay_policy\":\"instant\",%s}}",
             stream, name, filter, more);
    CHECK(answers(subject, config, expected));
}

/* As after a defect of the server: messages are pending, the worker waits for them, and gets none. Here the consumer may have one
 * message that is not acknowledged, and the worker has that. */
TEST_DEADLINE(a_consumer_of_tasks_that_stalls_is_replaced, 60)
{
    struct noted noted, next;
    thrum_cluster_status status = {0};
    thrum_error error;
    start_server();
    CHECK_INT(natsConnection_ConnectTo(&by_hand, server.url), ==, NATS_OK);
    struct local_worker worker = {0};
    start_local(&worker);
    thrum_executor *cluster = new_cluster(NULL);
    thrum_future *first = submit_noted(cluster, "holds", 3600, &noted);
    await_begun(&noted, 1);
    change_consumer("thrum-test-t", "p1-take_long=1", "thrum.test.t.1.take_long=1",
                    "\"max_waiting\":4096,\"max_ack_pending\":1", "\"max_ack_pending\":1,");
    thrum_future *second = submit_noted(cluster, "stalls", 0, &next);
    CHECK_INT(code_of(second), ==, 0);
    CHECK_INT(begun(&noted), ==, 1);
    thrum_cluster_options options = options_with(NULL);
    CHECK_INT(thrum_cluster_status_get(&options, &status, &error), ==, 0);
    CHECK_INT(status.replaced, ==, 1);
    (void)thrum_future_cancel(first);
    CHECK_INT(code_of(first), ==, -ECANCELED);
    thrum_future_free(first);
    thrum_future_free(second);
    thrum_executor_shutdown(cluster);
    stop_local(&worker);
    natsConnection_Destroy(by_hand);
    nats_server_finish(&server);
}

/* The same for the results: here the consumer delivers to a subject that nobody listens to. */
TEST_DEADLINE(a_consumer_of_results_that_stalls_is_replaced, 60)
{
    char name[33] = "", filter[80], subject[100];
    start_server();
    CHECK_INT(natsConnection_ConnectTo(&by_hand, server.url), ==, NATS_OK);
    thrum_executor *cluster = new_cluster(NULL);
    while (!*name) { /* until the client has made it */
        natsMsg *answer = ask_by_hand("$JS.API.CONSUMER.NAMES.thrum-test-r", "");
        const char *at = strstr(natsMsg_GetData(answer), "\"consumers\":[\"");
        if (at)
            snprintf(name, sizeof name, "%s", at + strlen("\"consumers\":[\""));
        natsMsg_Destroy(answer);
    }
    snprintf(filter, sizeof filter, "thrum.test.r.%s", name);
    snprintf(subject, sizeof subject, "$JS.API.CONSUMER.DELETE.thrum-test-r.%s", name);
    CHECK(answers(subject, "", "\"success\":true"));
    change_consumer("thrum-test-r", name, filter, "\"deliver_subject\":\"nobody\"",
                    "\"deliver_subject\":\"nobody\"");
    struct local_worker worker = {0};
    start_local(&worker);
    check_square(cluster);
    thrum_executor_shutdown(cluster);
    stop_local(&worker);
    natsConnection_Destroy(by_hand);
    nats_server_finish(&server);
}

/* ----------------------------------------------------------------------------------- three servers */

static struct nats_server servers[NATS_SERVERS];

/* Which server leads the stream of tasks, -1 for none. */
static int leader_of(const char *url)
{
    natsConnection *connection = NULL;
    natsMsg *answer = NULL;
    int leader = -1;
    if (natsConnection_ConnectTo(&connection, url) == NATS_OK &&
        natsConnection_RequestString(&answer, connection, "$JS.API.STREAM.INFO.thrum-test-t", "",
                                     2000) == NATS_OK) {
        char text[4096];
        snprintf(text, sizeof text, "%.*s", natsMsg_GetDataLength(answer), natsMsg_GetData(answer));
        const char *at = strstr(text, "\"leader\":\"n");
        leader = at ? atoi(at + strlen("\"leader\":\"n")) : -1;
    }
    natsMsg_Destroy(answer);
    natsConnection_Destroy(connection);
    return leader;
}

static int try_cluster(thrum_executor **ret_cluster)
{
    thrum_error error;
    thrum_cluster_options options = options_with(&(thrum_cluster_options){.replicas = 3});
    return thrum_cluster_new(&options, ret_cluster, &error, thrum_in(600));
}

static void run_tasks(thrum_executor *cluster, int count)
{
    thrum_future *futures[20];
    for (int i = 0; i < count; i++)
        futures[i] = thrum_submit(cluster, square, thrum_value(int64_t, i));
    check_good(futures, count);
}

static thrum_future *submit_for_a_second(thrum_executor *cluster)
{
    return thrum_submit_with(cluster, &(thrum_submit_options){.deadline = thrum_in(1)}, square,
                             thrum_value(int64_t, 3));
}

/* With one server left, a new client may be refused or not: the server may have led the others, and notices after a while
 * that they are gone. But it takes no task. */
TEST_DEADLINE(one_of_three_servers_may_die_and_two_fail_tasks_at_their_deadlines, 120)
{
    thrum_executor *cluster = NULL, *late = NULL;
    nats_servers_start(servers);
    char urls[250];
    snprintf(urls, sizeof urls, "%s,%s,%s", servers[0].url, servers[1].url, servers[2].url);
    server = servers[0];
    test_servers = urls;
    while (try_cluster(&cluster) < 0) /* until the servers have elected a leader */
        (void)!thrum_sleep(thrum_in(0.1));
    pid_t worker = cluster_program_start("worker", urls, "threads");
    run_tasks(cluster, 5);
    int leader = -1;
    for (int i = 0; leader < 0; i = (i + 1) % NATS_SERVERS)
        leader = leader_of(servers[i].url);
    CHECK_INT(leader, <, NATS_SERVERS);
    nats_server_kill(&servers[leader]);
    run_tasks(cluster, 20);
    int second = (leader + 1) % NATS_SERVERS;
    nats_server_kill(&servers[second]);
    thrum_future *future = submit_for_a_second(cluster);
    thrum_future *waits = thrum_submit(cluster, square, thrum_value(int64_t, 3));
    CHECK_INT(code_of(future), ==, -ETIMEDOUT);
    if (try_cluster(&late) == 0) {
        thrum_future *of_late = submit_for_a_second(late);
        CHECK_INT(code_of(of_late), ==, -ETIMEDOUT);
        thrum_future_free(of_late);
    }
    nats_server_again(&servers[leader], false);
    nats_server_again(&servers[second], false);
    CHECK_INT(code_of(waits), ==, 0);
    thrum_future_free(future);
    thrum_future_free(waits);
    if (late)
        thrum_executor_shutdown(late);
    thrum_executor_shutdown(cluster);
    CHECK_INT(cluster_program_signal(worker, SIGTERM), ==, 0);
    for (int i = 0; i < NATS_SERVERS; i++)
        nats_server_finish(&servers[i]);
}

/* --------------------------------------------------------------------------------------- partitions */

/* Four network namespaces, which processes hold: a router, and beside it the server, a worker, and this process. A part is
 * cut off by taking the link of the router to it down: packets are lost without a word. */
enum part { SERVER, WORKER, CLIENT, PARTS };

static pid_t router, holders[PARTS];

static void shell(const char *format, ...)
{
    char command[400];
    va_list args;
    va_start(args, format);
    vsnprintf(command, sizeof command, format, args);
    va_end(args);
    if (system(command) != 0)
        test_fail(__FILE__, __LINE__, command, "failed");
}

static pid_t hold_namespace(void)
{
    char own[32], theirs[64], path[64];
    char *words[] = {(char *)"unshare", (char *)"-n", (char *)"sleep", (char *)"1000000", NULL};
    pid_t pid = cluster_start(words);
    (void)!readlink("/proc/self/ns/net", own, sizeof own);
    snprintf(path, sizeof path, "/proc/%d/ns/net", (int)pid);
    for (;;) { /* until it has left the namespace of this process */
        ssize_t length = readlink(path, theirs, sizeof theirs);
        CHECK(length > 0);
        if (memcmp(own, theirs, (size_t)length < sizeof own ? (size_t)length : sizeof own) != 0)
            return pid;
        (void)!thrum_sleep(thrum_in(0.01));
    }
}

static void make_networks(void)
{
    if (geteuid() != 0 ||
        system("unshare -n ip link add name v0 type veth peer name v1 2>/dev/null") != 0)
        test_skip("networks need root, and ip with veth");
    router = hold_namespace();
    holders[SERVER] = hold_namespace();
    holders[WORKER] = hold_namespace();
    CHECK_INT(unshare(CLONE_NEWNET), ==, 0);
    holders[CLIENT] = getpid();
    shell("nsenter -t %d -n sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'", (int)router);
    for (int i = 0; i < PARTS; i++) {
        shell("nsenter -t %d -n ip link add name p%d type veth peer name eth netns %d", (int)router,
              i, (int)holders[i]);
        shell("nsenter -t %d -n sh -ec 'ip addr add 10.9.%d.1/24 dev p%d; ip link set dev p%d up; "
              "ip route add blackhole 10.9.%d.0/24 metric 1000'",
              (int)router, i, i, i, i);
        shell("nsenter -t %d -n sh -ec 'ip link set lo up; ip addr add 10.9.%d.2/24 dev eth; "
              "ip link set dev eth up; ip route add default via 10.9.%d.1'",
              (int)holders[i], i, i);
    }
}

static void part(enum part from, bool away)
{
    shell("nsenter -t %d -n ip link set dev p%d %s", (int)router, from, away ? "down" : "up");
}

static pid_t start_there(enum part where, const char *program, const char *a, const char *b,
                         const char *c)
{
    char holder[16];
    snprintf(holder, sizeof holder, "%d", (int)holders[where]);
    const char *words[] = {"nsenter", "-t", holder, "-n", program, a, b, c, NULL};
    return cluster_start((char *const *)(uintptr_t)words);
}

/* Parts and joins while tasks are submitted, run and have results on their way. */
static void check_partition(thrum_executor *cluster, enum part from)
{
    struct noted noted;
    char name[16];
    thrum_future *futures[6];
    snprintf(name, sizeof name, "part-%d", from);
    for (int i = 0; i < 6; i++)
        futures[i] = submit_noted(cluster, name, 0.2, &noted);
    await_begun(&noted, 1);
    part(from, true);
    thrum_future *late =
        thrum_submit_with(cluster, &(thrum_submit_options){.deadline = thrum_in(0.3)}, take_long,
                          &noted, sizeof noted);
    int code = code_of(late); /* in time, whatever the network does */
    CHECK(code == 0 || code == -ETIMEDOUT);
    part(from, false);
    check_good(futures, 6);
    thrum_future_free(late);
}

TEST_DEADLINE(a_network_that_parts_loses_no_task, 120)
{
    make_networks();
    if (system("command -v nats-server >/dev/null 2>&1") != 0)
        test_skip("there is no nats-server");
    nats_server_folder(&server);
    pid_t nats = start_there(SERVER, "nats-server", "-js", "-sd", server.folder);
    thrum_executor *cluster = NULL;
    thrum_error error;
    snprintf(server.url, sizeof server.url, "nats://10.9.0.2:4222");
    thrum_cluster_options options = options_with(NULL);
    while (thrum_cluster_new(&options, &cluster, &error, thrum_in(10)) < 0)
        (void)!thrum_sleep(thrum_in(0.05));
    pid_t worker =
        start_there(WORKER, getenv("CLUSTER_PROGRAM"), "worker", "nats://10.9.0.2:4222", "threads");
    for (enum part from = SERVER; from < PARTS; from++)
        check_partition(cluster, from);
    thrum_executor_shutdown(cluster);
    CHECK_INT(cluster_program_signal(worker, SIGTERM), ==, 0);
    (void)cluster_program_signal(nats, SIGKILL);
    (void)cluster_program_signal(router, SIGKILL);
    (void)cluster_program_signal(holders[SERVER], SIGKILL);
    (void)cluster_program_signal(holders[WORKER], SIGKILL);
    shell("rm -rf %s", server.folder);
}

/* -------------------------------------------------------------------------------------------- clocks */

/* A worker whose calendar is a day ahead: times of two machines are never compared. */
TEST_DEADLINE(a_worker_with_another_time_of_day_keeps_deadlines, 60)
{
    if (system("command -v faketime >/dev/null 2>&1") != 0)
        test_skip("there is no faketime");
    if (SANITIZED)
        test_skip("faketime and a sanitizer do not get on");
    start_server();
    setenv("FAKETIME_DONT_FAKE_MONOTONIC", "1", 1);
    char *words[] = {(char *)"faketime", (char *)"-f", (char *)"+1d",     getenv("CLUSTER_PROGRAM"),
                     (char *)"worker",   server.url,   (char *)"threads", NULL};
    pid_t worker = cluster_start(words);
    thrum_executor *cluster = new_cluster(NULL);
    thrum_future *future =
        thrum_submit_with(cluster, &(thrum_submit_options){.deadline = thrum_in(600)}, square,
                          thrum_value(int64_t, 3));
    CHECK_INT(code_of(future), ==, 0);
    thrum_future_free(future);
    thrum_executor_shutdown(cluster);
    (void)cluster_program_signal(worker, SIGTERM);
    nats_server_finish(&server);
}

/* --------------------------------------------------------------------------------------------- chaos */

/* Rounds of one fault each, at a moment that the seed chooses: `./dev chaos` runs a thousand. */
struct chaos {
    unsigned seed;
    pid_t workers[2];
    thrum_executor *cluster;
    uint32_t ends;
};

static unsigned any(struct chaos *chaos, unsigned count)
{
    chaos->seed = chaos->seed * 1103515245u + 12345u;
    return (chaos->seed >> 16) % count;
}

enum fault { WORKER_KILLED, WORKER_STOPPED, SERVER_KILLED, CANCELS, SERVER_WIPED, NOTHING, FAULTS };

static void strike(struct chaos *chaos, enum fault fault, thrum_future **futures, int count)
{
    pid_t *worker = &chaos->workers[any(chaos, 2)];
    (void)!thrum_sleep(thrum_in(any(chaos, 100) * 1e-3));
    switch (fault) {
    case WORKER_KILLED:
        (void)cluster_program_signal(*worker, SIGKILL);
        *worker = start_worker("threads");
        break;
    case WORKER_STOPPED:
        (void)cluster_program_signal(*worker, SIGSTOP);
        (void)!thrum_sleep(thrum_in(any(chaos, 15) * 0.1));
        (void)cluster_program_signal(*worker, SIGCONT);
        break;
    case SERVER_KILLED:
    case SERVER_WIPED:
        nats_server_kill(&server);
        (void)!thrum_sleep(thrum_in(any(chaos, 10) * 0.05));
        nats_server_again(&server, fault == SERVER_WIPED);
        break;
    case CANCELS:
        for (int i = 0; i < count; i += 2)
            (void)thrum_future_cancel(futures[i]);
        break;
    default:
        break;
    }
}

static void run_round(struct chaos *chaos, enum fault fault)
{
    enum { COUNT = 8 };
    thrum_future *futures[COUNT];
    thrum_time latest = thrum_now();
    const thrum_submit_options options = {.deadline = thrum_in(600)};
    uint32_t before = thrum__load_relaxed(&chaos->ends);
    for (int i = 0; i < COUNT; i++) {
        struct noted noted = {.seconds = any(chaos, 40) * 1e-3, .path = "/dev/null"};
        futures[i] = thrum_submit_with(chaos->cluster, &options, take_long, &noted, sizeof noted);
        CHECK_INT(thrum_future_add_done_callback(futures[i], count_end, &chaos->ends), ==, 0);
    }
    strike(chaos, fault, futures, COUNT);
    for (int i = 0; i < COUNT; i++) {
        int code = code_of(futures[i]);
        bool cancelled = fault == CANCELS && i % 2 == 0 && code == -ECANCELED;
        if (code != 0 && !cancelled)
            printf("fault %d, task %d, after %.3f s: %s\n", fault, i,
                   (double)(thrum_now() - latest) * 1e-9, thrum_future_error(futures[i])->message);
        CHECK(code == 0 || cancelled);
        thrum_future_free(futures[i]);
    }
    while (thrum__load_relaxed(&chaos->ends) < before + COUNT)
        (void)!thrum_sleep(thrum_in(0.001));
    printf("fault %d: %.3f s\n", fault, (double)(thrum_now() - latest) * 1e-9);
}

static unsigned number_of(const char *variable, unsigned standard)
{
    const char *text = getenv(variable);
    return text ? (unsigned)strtoul(text, NULL, 10) : standard;
}

TEST_DEADLINE(each_future_has_one_outcome_in_rounds_of_faults, 120)
{
    static struct chaos chaos;
    unsigned rounds = number_of("CHAOS_ROUNDS", 4);
    chaos.seed = number_of("CHAOS_SEED", 1);
    start_server();
    for (int i = 0; i < 2; i++)
        chaos.workers[i] = start_worker("threads");
    chaos.cluster = new_cluster(NULL);
    for (unsigned round = 0; round < rounds; round++)
        run_round(&chaos, round < FAULTS ? (enum fault)round : (enum fault)any(&chaos, FAULTS));
    thrum_executor_shutdown(chaos.cluster);
    CHECK_INT(chaos.ends, ==, 8 * rounds);
    for (int i = 0; i < 2; i++)
        (void)cluster_program_signal(chaos.workers[i], SIGKILL);
    nats_server_finish(&server);
}
