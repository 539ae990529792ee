/* libthrum-cluster and a server that has lost its state while a client was away: what the client knows of the old state must
 * not meet the new one. The client reaches the server by way of a process that the test ends and starts again. */
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
    if (bind(file, (struct sockaddr *)&address, sizeof address) != 0 || listen(file, 8) != 0)
        _exit(9);
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

/* Joins connections at `port` to the server, one after another. */
static void relay(int port)
{
    struct sockaddr_in target = at_port(server.port);
    int listener = listen_at(port);
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

static pid_t start_relay(int port)
{
    pid_t pid = fork();
    CHECK_INT(pid, >=, 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)signal(SIGPIPE, SIG_IGN);
        relay(port);
    }
    return pid;
}

/* Waits until a message with this number was stored in the stream of tasks. */
static void await_message(uint64_t number)
{
    natsConnection *connection = NULL;
    uint64_t last = 0;
    CHECK_INT(natsConnection_ConnectTo(&connection, server.url), ==, NATS_OK);
    while (last < number) {
        natsMsg *answer = NULL;
        CHECK_INT(natsConnection_RequestString(&answer, connection,
                                               "$JS.API.STREAM.INFO.thrum-test-t", "", 10000),
                  ==, NATS_OK);
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
    char url[64];
    start_server();
    int port = free_port();
    pid_t between = start_relay(port);
    snprintf(url, sizeof url, "nats://127.0.0.1:%d", port);
    test_servers = url;
    thrum_executor *away = new_cluster(NULL);
    thrum_future *given_up = thrum_submit(away, square, thrum_value(int64_t, 2));
    await_message(1);
    (void)cluster_program_signal(between, SIGKILL);
    nats_server_kill(&server);
    nats_server_again(&server, true);
    test_servers = NULL;
    thrum_executor *other = new_cluster(NULL);
    thrum_future *first = thrum_submit(other, square, thrum_value(int64_t, 3));
    await_message(1);
    (void)thrum_future_cancel(given_up);
    CHECK_INT(code_of(given_up), ==, -ECANCELED); /* after a lease, in which it has tried */
    between = start_relay(port);
    thrum_future *second = thrum_submit(away, square, thrum_value(int64_t, 4));
    await_message(2);
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
    (void)cluster_program_signal(between, SIGKILL);
    nats_server_finish(&server);
}
