/* A nats-server of a test: nats_server.h. */
#include "nats_server.h"
#include "harness.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <thrum.h>
#include <unistd.h>

static struct sockaddr_in address_of(int port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr = {htonl(INADDR_LOOPBACK)}};
}

/* The system gives a port from 32768 on to each socket that asks for none, so it may give one of these away while a server is
 * down. It never does so with a lower one. */
int nats_server_free_port(void)
{
    for (;;) {
        unsigned long seed = (unsigned long)thrum_now() / 1000 + (unsigned long)getpid() * 40503;
        int port = 15000 + (int)(seed % 17000);
        struct sockaddr_in address = address_of(port);
        int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int rc = bind(descriptor, (struct sockaddr *)&address, sizeof address);
        close(descriptor);
        if (rc == 0)
            return port;
    }
}

/* Prints the server's log and fails, if it has ended. */
static void check_alive(struct nats_server *server)
{
    char command[200];
    if (waitpid(server->pid, NULL, WNOHANG) == 0)
        return;
    snprintf(command, sizeof command, "tail -n 20 %s/log", server->folder);
    (void)!system(command);
    CHECK(!"nats-server has ended");
}

static void await_port(struct nats_server *server)
{
    for (int port = server->port;; check_alive(server)) {
        struct sockaddr_in address = address_of(port);
        int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int rc = connect(descriptor, (struct sockaddr *)&address, sizeof address);
        close(descriptor);
        if (rc == 0)
            return;
        (void)!thrum_sleep(thrum_in(0.01));
    }
}

static pid_t start(char *const *words, const char *log)
{
    pid_t parent = getpid(), pid = fork();
    CHECK(pid >= 0);
    if (pid > 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int file = log ? open(log, O_WRONLY | O_CREAT | O_APPEND, 0600) : -1;
    if (file >= 0) {
        dup2(file, 1);
        dup2(file, 2);
    }
    if (getppid() == parent)
        execvp(words[0], words);
    _exit(127);
}

static void run(struct nats_server *server)
{
    char config[100], log[100];
    char *words[] = {(char *)"nats-server", (char *)"-c", config, NULL};
    snprintf(config, sizeof config, "%s/config", server->folder);
    snprintf(log, sizeof log, "%s/log", server->folder);
    server->pid = start(words, log);
    await_port(server);
}

void nats_server_folder(struct nats_server *server)
{
    snprintf(server->folder, sizeof server->folder, "/tmp/thrum-nats-XXXXXX");
    CHECK(mkdtemp(server->folder));
}

void nats_server_start(struct nats_server *server, const char *more)
{
    char path[100];
    if (system("command -v nats-server >/dev/null 2>&1") != 0)
        test_skip("there is no nats-server");
    if (!*server->folder)
        nats_server_folder(server);
    server->port = nats_server_free_port();
    snprintf(server->url, sizeof server->url, "nats://127.0.0.1:%d", server->port);
    snprintf(path, sizeof path, "%s/config", server->folder);
    FILE *config = fopen(path, "we");
    CHECK(config);
    fprintf(config, "listen: \"127.0.0.1:%d\"\njetstream { store_dir: \"%s\" }\n%s\n", server->port,
            server->folder, more ? more : "");
    CHECK_INT(fclose(config), ==, 0);
    run(server);
}

void nats_servers_start(struct nats_server *servers)
{
    int ports[NATS_SERVERS];
    char more[500];
    for (int i = 0; i < NATS_SERVERS; i++)
        ports[i] = nats_server_free_port();
    for (int i = 0; i < NATS_SERVERS; i++) {
        int used = snprintf(more, sizeof more,
                            "server_name: n%d\ncluster { name: test, listen: \"127.0.0.1:%d\", "
                            "routes: [",
                            i, ports[i]);
        for (int j = 0; j < NATS_SERVERS; j++)
            used += snprintf(more + used, sizeof more - (size_t)used, "%s\"nats://127.0.0.1:%d\"",
                             j ? "," : "", ports[j]);
        snprintf(more + used, sizeof more - (size_t)used, "] }");
        nats_server_start(&servers[i], more);
    }
}

void nats_server_kill(struct nats_server *server)
{
    CHECK_INT(kill(server->pid, SIGKILL), ==, 0);
    CHECK_INT(waitpid(server->pid, NULL, 0), ==, server->pid);
    server->pid = 0;
}

static void remove_folder(const char *folder, const char *what)
{
    char command[200];
    snprintf(command, sizeof command, "rm -rf %s%s", folder, what);
    CHECK_INT(system(command), ==, 0);
}

void nats_server_again(struct nats_server *server, bool wipes)
{
    if (wipes)
        remove_folder(server->folder, "/jetstream");
    run(server);
}

void nats_server_finish(struct nats_server *server)
{
    nats_server_kill(server);
    remove_folder(server->folder, "");
    *server->folder = '\0';
}

pid_t cluster_start(char *const *words)
{
    return start(words, NULL);
}

pid_t cluster_program_start(const char *role, const char *url, const char *argument)
{
    const char *program = getenv("CLUSTER_PROGRAM");
    CHECK(program);
    char *words[] = {(char *)(uintptr_t)program, (char *)(uintptr_t)role, (char *)(uintptr_t)url,
                     (char *)(uintptr_t)argument, NULL};
    return start(words, NULL);
}

int cluster_program_signal(pid_t pid, int signal)
{
    int status = 0;
    CHECK_INT(kill(pid, signal), ==, 0);
    if (signal == SIGKILL || signal == SIGTERM)
        CHECK_INT(waitpid(pid, &status, 0), ==, pid);
    return status;
}
