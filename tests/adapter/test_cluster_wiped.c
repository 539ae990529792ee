/* libthrum-cluster and a server that has lost its state while a client or a worker was away: what they know of the old state
 * must not meet the new one. They reach the server by way of a process that the test ends and starts again. */
#include "support_cluster.h"
#include "way.h"

#include <nats/nats.h>

/* How many messages were ever stored in a stream: "t" has tasks, "r" results. */
static uint64_t messages_of(const char *kind)
{
    char subject[64];
    natsConnection *connection = NULL;
    natsMsg *answer = NULL;
    snprintf(subject, sizeof subject, "$JS.API.STREAM.INFO.thrum-test-%s", kind);
    CHECK_INT(natsConnection_ConnectTo(&connection, server.url), ==, NATS_OK);
    CHECK_INT(natsConnection_RequestString(&answer, connection, subject, "", 10000), ==, NATS_OK);
    const char *at = strstr(natsMsg_GetData(answer), "\"last_seq\":");
    uint64_t last = at ? strtoull(at + strlen("\"last_seq\":"), NULL, 10) : 0;
    natsMsg_Destroy(answer);
    natsConnection_Destroy(connection);
    return last;
}

static void await_messages(const char *kind, uint64_t number)
{
    while (messages_of(kind) < number)
        (void)!thrum_sleep(thrum_in(0.001));
}

/* The client that is away has the message 1 of the old stream, and gives up its task. The other has the message 1 of the new
 * stream: it must not be deleted when the first one is back. */
TEST_DEADLINE(a_client_that_was_away_deletes_no_message_of_others, 60)
{
    struct way way;
    start_server();
    way_start(&way, server.port);
    test_servers = way.url;
    thrum_executor *away = new_cluster(NULL);
    thrum_future *given_up = thrum_submit(away, square, thrum_value(int64_t, 2));
    await_messages("t", 1);
    way_end(&way);
    nats_server_kill(&server);
    nats_server_again(&server, true);
    test_servers = NULL;
    thrum_executor *other = new_cluster(NULL);
    thrum_future *first = thrum_submit(other, square, thrum_value(int64_t, 3));
    await_messages("t", 1);
    (void)thrum_future_cancel(given_up);
    CHECK_INT(code_of(given_up), ==, -ECANCELED); /* after a lease, in which it has tried */
    way_again(&way);
    thrum_future *second = thrum_submit(away, square, thrum_value(int64_t, 4));
    await_messages("t", 2);
    struct local_worker worker = {0};
    start_local(&worker);
    CHECK_INT(code_of(second), ==, 0);
    CHECK_INT(code_of(first), ==, 0);
    thrum_future_free(given_up);
    thrum_future_free(first);
    thrum_future_free(second);
    thrum_executor_shutdown(away);
    thrum_executor_shutdown(other);
    stop_local(&worker);
    way_end(&way);
    nats_server_finish(&server);
}

static thrum_future *submit_held(thrum_executor *cluster, const char *name, struct noted *noted)
{
    *noted = (struct noted){0};
    path_of(name, noted);
    return thrum_submit(cluster, take_held, noted, sizeof *noted);
}

/* The worker that is away has the message 1 of the old stream, and its task ends. Another worker has the messages 1 and 2 of the
 * new stream, and so room for no third; it dies after the first is back. Its tasks must run again, so both messages must
 * still be there. The client of the old task comes back last. */
TEST_DEADLINE(a_worker_that_was_away_acknowledges_no_message_of_others, 60)
{
    struct way ways[2];
    struct noted old, noted[3];
    thrum_future *futures[3];
    start_server();
    way_start(&ways[0], server.port);
    way_start(&ways[1], server.port);
    pid_t away = cluster_program_start("worker", ways[0].url, "threads");
    test_servers = ways[1].url;
    thrum_executor *client = new_cluster(NULL);
    thrum_future *lost = submit_held(client, "old", &old);
    await_begun(&old, 1);
    way_end(&ways[0]);
    way_end(&ways[1]);
    nats_server_kill(&server);
    nats_server_again(&server, true);
    let_go("old.go");
    await_begun(&old, 2); /* its outcome waits for the connection */
    test_servers = NULL;
    thrum_executor *other = new_cluster(NULL);
    pid_t mortal = cluster_program_start("worker", server.url, "threads");
    futures[0] = submit_held(other, "first", &noted[0]);
    futures[1] = submit_held(other, "second", &noted[1]);
    await_begun(&noted[0], 1);
    await_begun(&noted[1], 1);
    way_again(&ways[0]);
    await_messages("r", 1); /* the outcome is stored */
    futures[2] = submit_held(other, "third", &noted[2]);
    await_begun(&noted[2], 1); /* the worker has seen the stream, and has asked for more */
    let_go("third.go");
    CHECK_INT(code_of(futures[2]), ==, 0);
    (void)cluster_program_signal(mortal, SIGKILL);
    for (int i = 0; i < 2; i++) {
        await_begun(&noted[i], 2);
        let_go(i ? "second.go" : "first.go");
        CHECK_INT(code_of(futures[i]), ==, 0);
    }
    way_again(&ways[1]);
    CHECK_INT(code_of(lost), ==, 0);
    for (int i = 0; i < 3; i++)
        thrum_future_free(futures[i]);
    thrum_future_free(lost);
    thrum_executor_shutdown(client);
    thrum_executor_shutdown(other);
    CHECK_INT(cluster_program_signal(away, SIGTERM), ==, 0);
    way_end(&ways[0]);
    way_end(&ways[1]);
    nats_server_finish(&server);
}

/* The server dies, and comes back with a stream that has lost its messages and their numbers, and all else. */
static void lose_messages(const char *kind)
{
    char command[200];
    nats_server_kill(&server);
    snprintf(command, sizeof command, "rm '%s/jetstream/$G/streams/thrum-test-%s/msgs/'*",
             server.folder, kind);
    CHECK_INT(system(command), ==, 0);
    nats_server_again(&server, false);
}

/* The consumers wait for numbers that come no more. */
static void survive_a_stream_that_goes_back(const char *kind)
{
    struct local_worker worker = {0};
    start_server();
    start_local(&worker);
    thrum_executor *cluster = new_cluster(NULL);
    for (int i = 0; i < 20; i++)
        check_square(cluster);
    CHECK_INT(messages_of(kind), >=, 20);
    lose_messages(kind);
    check_square(cluster);
    CHECK_INT(messages_of(kind), <, 20);
    check_square(cluster);
    thrum_executor_shutdown(cluster);
    stop_local(&worker);
    nats_server_finish(&server);
}

TEST_DEADLINE(a_stream_of_tasks_that_goes_back_costs_no_task, 60)
{
    survive_a_stream_that_goes_back("t");
}

TEST_DEADLINE(a_stream_of_results_that_goes_back_costs_no_task, 60)
{
    survive_a_stream_that_goes_back("r");
}

TEST_DEADLINE(tasks_that_the_server_has_lost_are_sent_again, 60)
{
    struct local_worker worker = {0};
    thrum_future *futures[5];
    start_server();
    thrum_executor *cluster = new_cluster(NULL);
    for (int64_t i = 0; i < 5; i++)
        futures[i] = thrum_submit(cluster, square, thrum_value(int64_t, i));
    await_messages("t", 1);
    lose_messages("t");
    start_local(&worker);
    for (int64_t i = 0; i < 5; i++) {
        CHECK_INT(code_of(futures[i]), ==, 0);
        thrum_future_free(futures[i]);
    }
    thrum_executor_shutdown(cluster);
    stop_local(&worker);
    nats_server_finish(&server);
}
