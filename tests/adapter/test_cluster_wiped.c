/* libthrum-cluster and a server that has lost its state while a client or a worker was away: what they know of the old state
 * must not meet the new one. They reach the server by way of a process that the test ends and starts again. */
#include "support_cluster.h"

#include <arpa/inet.h>
#include <nats/nats.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

static struct sockaddr_in at_port(int port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int listen_at(int port)
{
    struct sockaddr_in address = at_port(port);
    int on = 1, file = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)setsockopt(file, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (file < 0 || bind(file, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(file, 8) != 0)
        abort();
    return file;
}

static int free_port(void)
{
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    int file = listen_at(0);
    CHECK_INT(getsockname(file, (struct sockaddr *)&address, &size), ==, 0);
    close(file);
    return ntohs(address.sin_port);
}

/* Copies what has come. False at the end of the connection. */
static bool copy(int from, int to)
{
    char bytes[16384];
    ssize_t size = read(from, bytes, sizeof bytes);
    for (ssize_t used = 0, now; used < size; used += now)
        if ((now = write(to, bytes + used, (size_t)(size - used))) <= 0)
            return false;
    return size > 0;
}

/* Joins connections to the server, one after another. */
static void relay(int listener)
{
    struct sockaddr_in target = at_port(server.port);
    for (;;) {
        int near = accept(listener, NULL, NULL), far = socket(AF_INET, SOCK_STREAM, 0);
        struct pollfd files[2] = {{near, POLLIN, 0}, {far, POLLIN, 0}};
        bool open = near >= 0 && connect(far, (struct sockaddr *)&target, sizeof target) == 0;
        while (open && poll(files, 2, -1) > 0) {
            if (files[0].revents)
                open &= copy(near, far);
            if (files[1].revents)
                open &= copy(far, near);
        }
        close(near);
        close(far);
    }
}

/* A way to the server for one connection at a time. */
struct way {
    pid_t pid;
    int port;
    char url[64];
};

static void join_way(struct way *way)
{
    int listener = listen_at(way->port); /* before anybody can connect to it */
    way->pid = fork();
    CHECK_INT(way->pid, >=, 0);
    if (way->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)signal(SIGPIPE, SIG_IGN);
        relay(listener);
    }
    close(listener);
}

static void start_way(struct way *way)
{
    way->port = free_port();
    snprintf(way->url, sizeof way->url, "nats://127.0.0.1:%d", way->port);
    join_way(way);
}

static void cut_way(struct way *way)
{
    (void)cluster_program_signal(way->pid, SIGKILL);
}

/* Waits until so many messages were ever stored in a stream: "t" has tasks, "r" results. */
static void await_messages(const char *kind, uint64_t number)
{
    char subject[64];
    natsConnection *connection = NULL;
    uint64_t last = 0;
    snprintf(subject, sizeof subject, "$JS.API.STREAM.INFO.thrum-test-%s", kind);
    CHECK_INT(natsConnection_ConnectTo(&connection, server.url), ==, NATS_OK);
    while (last < number) {
        natsMsg *answer = NULL;
        CHECK_INT(natsConnection_RequestString(&answer, connection, subject, "", 10000), ==,
                  NATS_OK);
        const char *at = strstr(natsMsg_GetData(answer), "\"last_seq\":");
        last = at ? strtoull(at + strlen("\"last_seq\":"), NULL, 10) : 0;
        natsMsg_Destroy(answer);
    }
    natsConnection_Destroy(connection);
}

/* The client that is away has the message 1 of the old stream, and gives up its task. The other has the message 1 of the new
 * stream: it must not be deleted when the first one is back. */
TEST_DEADLINE(a_client_that_was_away_deletes_no_message_of_others, 60)
{
    struct way way;
    start_server();
    start_way(&way);
    test_servers = way.url;
    thrum_executor *away = new_cluster(NULL);
    thrum_future *given_up = thrum_submit(away, square, thrum_value(int64_t, 2));
    await_messages("t", 1);
    cut_way(&way);
    nats_server_kill(&server);
    nats_server_again(&server, true);
    test_servers = NULL;
    thrum_executor *other = new_cluster(NULL);
    thrum_future *first = thrum_submit(other, square, thrum_value(int64_t, 3));
    await_messages("t", 1);
    (void)thrum_future_cancel(given_up);
    CHECK_INT(code_of(given_up), ==, -ECANCELED); /* after a lease, in which it has tried */
    join_way(&way);
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
    cut_way(&way);
    nats_server_finish(&server);
}

static thrum_future *submit_held(thrum_executor *cluster, const char *name, struct noted *noted)
{
    *noted = (struct noted){0};
    path_of(name, noted);
    return thrum_submit(cluster, take_held, noted, sizeof *noted);
}

/* Makes the file that ends a task, "NAME.go". */
static void let_go(const char *file)
{
    struct noted go;
    path_of(file, &go);
    note_in(go.path);
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
    start_way(&ways[0]);
    start_way(&ways[1]);
    pid_t away = cluster_program_start("worker", ways[0].url, "threads");
    test_servers = ways[1].url;
    thrum_executor *client = new_cluster(NULL);
    thrum_future *lost = submit_held(client, "old", &old);
    await_begun(&old, 1);
    cut_way(&ways[0]);
    cut_way(&ways[1]);
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
    join_way(&ways[0]);
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
    join_way(&ways[1]);
    CHECK_INT(code_of(lost), ==, 0);
    for (int i = 0; i < 3; i++)
        thrum_future_free(futures[i]);
    thrum_future_free(lost);
    thrum_executor_shutdown(client);
    thrum_executor_shutdown(other);
    CHECK_INT(cluster_program_signal(away, SIGTERM), ==, 0);
    cut_way(&ways[0]);
    cut_way(&ways[1]);
    nats_server_finish(&server);
}
