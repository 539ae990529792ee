/* The server that the HTTP tasks fetch from. Its life as a process is here, what it does with a
 * request in http_page.c.
 *
 * It shares the machine with the program that it serves, so it must cost little: one thread, which
 * sleeps in the kernel until a socket or the next answer is due. A thread for each connection would
 * be simpler and would compete with the measured program for its two cores.
 *
 * Why a process. The server stands for a machine elsewhere: it must not share the measured
 * program's locks, memory allocator or scheduler, nor be counted in its time.
 *
 * Its end. No way of ending `thrum demo` may leave it behind:
 *  - normally, the parent closes the leash, a pipe of which only it holds the writing end, and
 *    waits;
 *  - however the parent dies, SIGKILL included, the kernel closes that end for it, and the server,
 *    which watches the other, returns;
 *  - should the server hang, so that it cannot notice, PR_SET_PDEATHSIG has the kernel kill it.
 * Ctrl-C reaches all processes of the terminal's foreground group; the server ignores it and leaves
 * the decision to its parent, which may still be fetching.
 *
 * The process is made by fork, before there are threads, and never returns to the caller's code.
 */
#include "http_server.h"

#include "interrupt.h"
#include "trouble.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Seconds that the server may take to come up or to end before it is given up. */
static const double patience = 10;

static void close_pair(int pair[2])
{
    (void)close(pair[0]);
    (void)close(pair[1]);
}

__attribute__((noreturn)) static void become_server(pid_t parent, int leash, int report)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1); /* it died before the line above */
    prctl(PR_SET_NAME, "thrum-http");
    interrupt_leave_to_parent();
    _exit(http_server_serve(leash, report));
}

/* Waits for the port. Returns 0 if the server ended, or said nothing in time. */
static int read_port(int report)
{
    struct pollfd ready = {.fd = report, .events = POLLIN};
    int port = 0, rc;
    do {
        rc = poll(&ready, 1, (int)(patience * 1e3));
    } while (rc < 0 && errno == EINTR);
    if (rc <= 0 || read(report, &port, sizeof port) != sizeof port)
        return 0;
    return port;
}

int http_server_start(struct http_server *ret_server, thrum_error *ret_error)
{
    int leash[2], report[2];
    if (pipe2(leash, O_CLOEXEC) != 0)
        return trouble(ret_error, -errno, "cannot make a pipe: %s", thrum_strerror(-errno));
    if (pipe2(report, O_CLOEXEC) != 0) {
        int code = errno;
        close_pair(leash);
        return trouble(ret_error, -code, "cannot make a pipe: %s", thrum_strerror(-code));
    }
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) {
        (void)close(leash[1]);
        (void)close(report[0]);
        become_server(parent, leash[0], report[1]);
    }
    int code = errno;
    (void)close(leash[0]);
    (void)close(report[1]);
    if (pid < 0) {
        (void)close(leash[1]);
        (void)close(report[0]);
        return trouble(ret_error, -code, "cannot start a process: %s", thrum_strerror(-code));
    }
    *ret_server = (struct http_server){.pid = pid, .leash = leash[1]};
    ret_server->port = read_port(report[0]);
    (void)close(report[0]);
    if (ret_server->port == 0) {
        http_server_stop(ret_server);
        return trouble(ret_error, -ECONNREFUSED,
                       "the HTTP server did not start; is 127.0.0.1 up? Use --url to fetch from "
                       "another");
    }
    return 0;
}

void http_server_stop(struct http_server *server)
{
    if (server->pid <= 0)
        return;
    (void)close(server->leash);
    thrum_deadline deadline = thrum_in(patience);
    while (waitpid(server->pid, NULL, WNOHANG) == 0) {
        if (thrum_now() >= deadline.ns) {
            kill(server->pid, SIGKILL);
            waitpid(server->pid, NULL, 0);
            break;
        }
        thrum_sleep(thrum_in(0.001));
    }
    *server = (struct http_server){0};
}
