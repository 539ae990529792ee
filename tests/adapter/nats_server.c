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

bool nats_server_exists(void)
{
    return system("command -v nats-server >/dev/null 2>&1") == 0;
}

static struct sockaddr_in address_of(int port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr = {htonl(INADDR_LOOPBACK)}};
}

static int free_port(void)
{
    struct sockaddr_in address = address_of(0);
    socklen_t size = sizeof address;
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_INT(bind(descriptor, (struct sockaddr *)&address, size), ==, 0);
    CHECK_INT(getsockname(descriptor, (struct sockaddr *)&address, &size), ==, 0);
    close(descriptor);
    return ntohs(address.sin_port);
}

static void await_port(int port)
{
    for (;;) {
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

static const char *password_of; /* of the server of this process */

static void run(struct nats_server *server)
{
    char port[16], log[100];
    char *words[16] = {(char *)"nats-server", (char *)"-js", (char *)"-a",  (char *)"127.0.0.1",
                       (char *)"-p",          port,          (char *)"-sd", server->folder};
    snprintf(port, sizeof port, "%d", server->port);
    snprintf(log, sizeof log, "%s/log", server->folder);
    if (password_of) {
        words[8] = (char *)"--user";
        words[9] = (char *)"test";
        words[10] = (char *)"--pass";
        words[11] = (char *)(uintptr_t)password_of;
    }
    server->pid = start(words, log);
    await_port(server->port);
}

void nats_server_start(struct nats_server *server, const char *password)
{
    password_of = password;
    snprintf(server->folder, sizeof server->folder, "/tmp/thrum-nats-XXXXXX");
    CHECK(mkdtemp(server->folder));
    server->port = free_port();
    snprintf(server->url, sizeof server->url, "nats://127.0.0.1:%d", server->port);
    run(server);
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
