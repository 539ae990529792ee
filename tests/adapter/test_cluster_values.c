/* libthrum-cluster with arguments and results that are larger than a message: they come back as they were, whatever fails
 * while they are on their way, and nothing of them stays at the server. CLUSTER_LARGE=1 adds a size of 100 MiB. */
#include "base/atomic.h"
#include "support_cluster.h"

#include <nats/nats.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>

enum { KIB = 1024, MIB = 1024 * 1024 };

/* ------------------------------------------------------------------------------- what the server has */

/* Asks the server, and returns what stands behind a key of its answer; -1 if there is no such stream. */
static long long ask(const char *request, const char *subject, const char *key)
{
    static natsConnection *connection;
    static char of[64];
    char text[4096], quoted[40];
    natsMsg *answer = NULL;
    if (strcmp(of, server.url) != 0) {
        natsConnection_Destroy(connection);
        connection = NULL;
        snprintf(of, sizeof of, "%s", server.url);
        CHECK_INT(natsConnection_ConnectTo(&connection, server.url), ==, NATS_OK);
    }
    CHECK_INT(natsConnection_RequestString(&answer, connection, subject, request, 10000), ==,
              NATS_OK);
    snprintf(text, sizeof text, "%.*s", natsMsg_GetDataLength(answer), natsMsg_GetData(answer));
    natsMsg_Destroy(answer);
    snprintf(quoted, sizeof quoted, "\"%s\":", key);
    const char *at = strstr(text, quoted);
    return at && !strstr(text, "\"error\"") ? atoll(at + strlen(quoted)) : -1;
}

/* Messages in the stream of tasks or values of the pool. */
static long long messages_in(const char *kind)
{
    char subject[64];
    snprintf(subject, sizeof subject, "$JS.API.STREAM.INFO.thrum-test-%s", kind);
    return ask("", subject, "messages");
}

static void await_no_values(void)
{
    while (messages_in("v") > 0)
        (void)!thrum_sleep(thrum_in(0.01));
}

/* --------------------------------------------------------------------------------- what is submitted */

static int count_end(thrum_future *future, void *context)
{
    (void)future;
    thrum__add_relaxed((uint32_t *)context, 1);
    return 0;
}

static thrum_future *submit_echo(thrum_executor *cluster, size_t size)
{
    unsigned char *bytes = bytes_of(size);
    thrum_future *future = thrum_submit(cluster, echo, bytes, size);
    free(bytes);
    return future;
}

/* A task with a large argument that notes its runs. */
static thrum_future *submit_large(thrum_executor *cluster, const char *name, double seconds,
                                  size_t size, struct noted *noted)
{
    unsigned char *arg = malloc(sizeof *noted + size);
    CHECK(arg);
    *noted = (struct noted){.seconds = seconds};
    path_of(name, noted);
    memcpy(arg, noted, sizeof *noted);
    fill(arg + sizeof *noted, size);
    thrum_future *future = thrum_submit(cluster, take_large, arg, sizeof *noted + size);
    free(arg);
    return future;
}

static void check_large(thrum_future *future)
{
    int64_t same = 0;
    CHECK_INT(thrum_future_result(future, &same, sizeof same, THRUM_FOREVER), ==, 0);
    CHECK_INT(same, ==, 1);
    thrum_future_free(future);
}

/* ------------------------------------------------------------------------------------------- tests */

TEST_DEADLINE(values_of_every_size_come_back_and_leave_nothing, 60)
{
    static const size_t sizes[] = {0,         511 * KIB, 512 * KIB, 512 * KIB + 1,
                                   513 * KIB, MIB,       10 * MIB,  100 * MIB};
    size_t count = sizeof sizes / sizeof sizes[0] - (getenv("CLUSTER_LARGE") == NULL);
    thrum_future *futures[8];
    start_server();
    struct local_worker worker = {0};
    start_local(&worker);
    thrum_executor *cluster = new_cluster(NULL);
    check_bytes(submit_echo(cluster, 300 * KIB), 300 * KIB);
    CHECK_INT(messages_in("v"), ==, -1); /* a pool without large values has no stream for them */
    for (size_t i = 0; i < count; i++)
        check_bytes(submit_echo(cluster, sizes[i]), sizes[i]);
    for (size_t i = 0; i < count; i++)
        futures[i] = submit_echo(cluster, sizes[i]);
    for (size_t i = 0; i < count; i++)
        check_bytes(futures[i], sizes[i]);
    await_no_values();
    CHECK_INT(ask("", "$JS.API.STREAM.INFO.thrum-test-v", "max_age"), ==, 7200000000000);
    thrum_executor_shutdown(cluster);
    stop_local(&worker);
    nats_server_finish(&server);
}

TEST(a_server_with_small_messages_takes_large_values)
{
    enum { COUNT = 60 };
    thrum_future *futures[COUNT];
    nats_server_start(&server, "max_payload: 16384");
    struct local_worker worker = {0};
    start_local(&worker);
    thrum_executor *cluster = new_cluster(NULL);
    check_bytes(submit_echo(cluster, 200 * KIB), 200 * KIB);
    for (int i = 0; i < COUNT; i++) /* together they are more than a message */
        futures[i] = submit_echo(cluster, 2 * KIB);
    for (int i = 0; i < COUNT; i++)
        check_bytes(futures[i], 2 * KIB);
    thrum_executor_shutdown(cluster);
    stop_local(&worker);
    nats_server_finish(&server);
}

/* The worker is killed when a part of its result is stored. If all of it was, the next round tries again. */
TEST_DEADLINE(a_worker_that_dies_while_it_sends_a_result_leaves_one_outcome, 60)
{
    enum { SIZE = 24 * MIB, CHUNKS = SIZE / (256 * KIB) };
    uint32_t ends = 0, rounds = 0;
    long long stored = CHUNKS;
    start_server();
    thrum_executor *cluster = new_cluster(NULL);
    for (; stored == CHUNKS; rounds++) {
        pid_t first = start_worker("threads");
        thrum_future *future = thrum_submit(cluster, make_bytes, thrum_value(size_t, SIZE));
        CHECK_INT(thrum_future_add_done_callback(future, count_end, &ends), ==, 0);
        while (messages_in("v") < 2)
            thrum_yield();
        (void)cluster_program_signal(first, SIGKILL);
        stored = messages_in("v");
        pid_t second = start_worker("threads");
        check_bytes(future, SIZE);
        CHECK_INT(cluster_program_signal(second, SIGTERM), ==, 0);
        while (messages_in("v") > (stored < CHUNKS ? stored : 0)) /* what was read is deleted */
            (void)!thrum_sleep(thrum_in(0.01));
    }
    thrum_executor_shutdown(cluster); /* deletes what the dead worker left */
    CHECK_INT(ends, ==, rounds);
    await_no_values();
    nats_server_finish(&server);
}

TEST_DEADLINE(a_large_argument_survives_the_death_of_its_worker, 60)
{
    struct noted noted;
    start_server();
    pid_t first = start_worker("threads");
    thrum_executor *cluster = new_cluster(NULL);
    thrum_future *future = submit_large(cluster, "large", 0.3, 3 * MIB, &noted);
    await_begun(&noted, 1);
    (void)cluster_program_signal(first, SIGKILL);
    pid_t second = start_worker("processes");
    check_large(future);
    CHECK_INT(begun(&noted), ==, 2);
    thrum_executor_shutdown(cluster);
    await_no_values();
    CHECK_INT(cluster_program_signal(second, SIGTERM), ==, 0);
    nats_server_finish(&server);
}

/* The values are deleted at the server: the worker does not find the argument, and the client sends it again. */
TEST_DEADLINE(an_argument_that_is_gone_is_sent_again, 60)
{
    struct noted noted;
    start_server();
    thrum_executor *cluster = new_cluster(NULL);
    thrum_future *future = submit_large(cluster, "gone", 0, MIB, &noted);
    while (messages_in("t") != 1)
        (void)!thrum_sleep(thrum_in(0.01));
    CHECK_INT(ask("", "$JS.API.STREAM.PURGE.thrum-test-v", "purged"), >=, 4);
    struct local_worker worker = {0};
    start_local(&worker);
    check_large(future);
    CHECK_INT(begun(&noted), ==, 1);
    thrum_executor_shutdown(cluster);
    stop_local(&worker);
    nats_server_finish(&server);
}

TEST_DEADLINE(large_values_survive_the_loss_of_the_servers_state, 60)
{
    enum { COUNT = 3 };
    thrum_future *futures[COUNT];
    start_server();
    pid_t worker = start_worker("threads");
    thrum_executor *cluster = new_cluster(NULL);
    for (int i = 0; i < COUNT; i++)
        futures[i] = submit_echo(cluster, 8 * MIB + (size_t)i);
    while (messages_in("v") < 3)
        thrum_yield();
    nats_server_kill(&server);
    nats_server_again(&server, true);
    for (int i = 0; i < COUNT; i++)
        check_bytes(futures[i], 8 * MIB + (size_t)i);
    thrum_executor_shutdown(cluster);
    CHECK_INT(cluster_program_signal(worker, SIGTERM), ==, 0);
    nats_server_finish(&server);
}

TEST(deadlines_cancels_and_shutdowns_end_tasks_with_large_arguments)
{
    struct noted noted;
    start_server();
    thrum_executor *cluster = new_cluster(NULL);
    unsigned char *bytes = bytes_of(20 * MIB);
    thrum_future *late = thrum_submit_with(
        cluster, &(thrum_submit_options){.deadline = thrum_in(0.3)}, echo, bytes, 20 * MIB);
    thrum_future *cancelled = thrum_submit(cluster, echo, bytes, 20 * MIB);
    while (!thrum_future_running(cancelled))
        thrum_yield();
    CHECK_INT(thrum_future_cancel(cancelled), ==, -EINPROGRESS);
    CHECK_INT(code_of(cancelled), ==, -ECANCELED);
    CHECK(thrum_future_cancelled(cancelled));
    CHECK_INT(code_of(late), ==, -ETIMEDOUT);
    thrum_future *left = submit_large(cluster, "left", 0, 20 * MIB, &noted);
    thrum_executor_shutdown_with(cluster, &(thrum_shutdown_options){.cancel_pending = true});
    CHECK(thrum_future_cancelled(left));
    await_no_values();
    free(bytes);
    thrum_future_free(late);
    thrum_future_free(cancelled);
    thrum_future_free(left);
    nats_server_finish(&server);
}

/* ---------------------------------------------------------------------------------- a disk that is full */

static void start_small_server(const char *size)
{
    char more[200];
    if (!*server.folder)
        nats_server_folder(&server);
    snprintf(more, sizeof more, "jetstream { store_dir: \"%s\", max_file_store: %s }",
             server.folder, size);
    nats_server_start(&server, more);
}

/* The task fails because the server has no room, and says for what. */
static void check_refused(thrum_future *future, int code, const char *what)
{
    char text[100];
    snprintf(text, sizeof text, "does not store %s: insufficient", what);
    CHECK_INT(code_of(future), ==, code);
    CHECK(strstr(thrum_future_error(future)->message, text));
    thrum_future_free(future);
}

/* Neither of the two large values fits, nor do they together with anything else. */
TEST_DEADLINE(a_value_that_the_server_has_no_room_for_fails_and_makes_room, 60)
{
    thrum_future *futures[2];
    start_small_server("6MB");
    struct local_worker worker = {0};
    start_local(&worker);
    thrum_executor *cluster = new_cluster(NULL);
    for (int i = 0; i < 2; i++)
        futures[i] = submit_echo(cluster, 20 * MIB);
    for (int i = 0; i < 2; i++)
        check_refused(futures[i], -ENOSPC, "the argument");
    check_square(cluster);
    for (int i = 0; i < 2; i++)
        futures[i] = thrum_submit(cluster, make_bytes, thrum_value(size_t, 20 * MIB));
    for (int i = 0; i < 2; i++)
        check_refused(futures[i], -ENOSPC, "the result");
    for (int i = 0; i < 10;
         i++) /* what was deleted leaves its room, also in the account of the server */
        check_bytes(submit_echo(cluster, MIB), MIB);
    thrum_executor_shutdown(cluster); /* deletes a chunk that came after its value was given up */
    await_no_values();
    stop_local(&worker);
    nats_server_finish(&server);
}

/* Stores as much as there is room for, to the last byte. */
static void fill_the_server(void)
{
    static char text[600000];
    CHECK_INT(ask("{\"name\":\"full\",\"subjects\":[\"full\"],\"storage\":\"file\"}",
                  "$JS.API.STREAM.CREATE.full", "max_consumers"),
              ==, -1);
    for (size_t size = sizeof text - 1; size > 0; size /= 10) {
        memset(text, 'x', size);
        text[size] = '\0';
        while (ask(text, "full", "seq") > 0)
            ;
    }
}

TEST_DEADLINE(tasks_wait_for_room_at_the_server, 60)
{
    enum { COUNT = 20 };
    thrum_future *futures[COUNT];
    start_small_server("3MB");
    struct local_worker worker = {0};
    start_local(&worker);
    thrum_executor *cluster = new_cluster(NULL);
    check_square(cluster);
    fill_the_server();
    for (int64_t i = 0; i < COUNT; i++)
        futures[i] = thrum_submit(cluster, square, thrum_value(int64_t, i));
    check_refused(thrum_submit_with(cluster, &(thrum_submit_options){.deadline = thrum_in(0.5)},
                                    square, thrum_value(int64_t, 1)),
                  -ETIMEDOUT, "it");
    CHECK(!thrum_future_done(futures[0]));
    CHECK_INT(ask("", "$JS.API.STREAM.DELETE.full", "code"), ==, -1);
    check_good(futures, COUNT);
    thrum_executor_shutdown(cluster);
    stop_local(&worker);
    nats_server_finish(&server);
}

/* nats-server gives JetStream up when a write fails, until it is started again. */
TEST_DEADLINE(tasks_survive_a_disk_that_is_full, 60)
{
    char path[100];
    nats_server_folder(&server);
    snprintf(path, sizeof path, "%s/jetstream", server.folder);
    CHECK_INT(mkdir(path, 0700), ==, 0);
    if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("none", path, "tmpfs", 0, "size=4m") < 0)
        test_skip("it may not mount a file system");
    start_small_server("1GB");
    pid_t worker = start_worker("threads");
    thrum_executor *cluster = new_cluster(NULL);
    check_square(cluster);
    thrum_future *large = submit_echo(cluster, 10 * MIB);
    thrum_future *late =
        thrum_submit_with(cluster, &(thrum_submit_options){.deadline = thrum_in(3)}, echo, path, 9);
    (void)code_of(late); /* the server may have had room for it */
    CHECK_INT(mount("none", path, "tmpfs", MS_REMOUNT, "size=100m"), ==, 0);
    nats_server_kill(&server);
    nats_server_again(&server, false);
    check_square(cluster);
    int code = code_of(large);
    CHECK(code == 0 || code == -ENOSPC);
    check_bytes(submit_echo(cluster, 10 * MIB), 10 * MIB);
    thrum_future_free(large);
    thrum_future_free(late);
    thrum_executor_shutdown(cluster);
    CHECK_INT(cluster_program_signal(worker, SIGTERM), ==, 0);
    nats_server_kill(&server);
    CHECK_INT(umount(path), ==, 0);
    nats_server_again(&server, false);
    nats_server_finish(&server);
}
