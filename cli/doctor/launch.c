/* The program gets two variables: LD_PRELOAD, with our library before the libraries that it had,
 * and the name of our socket. The socket is in the abstract namespace, so it leaves no file behind.
 * Every process on the machine can reach such a socket. Only processes of this user and of root are
 * accepted, and what they send is checked (recording.c).
 *
 * The library sends right after it has connected, but may be preempted in between, or stopped, for any time. So a connection
 * is kept until it has something to read. Those that never have are closed at the end of the command.
 */
#include "launch.h"

#include "child/preload.h"

#include "doctor/preload/region.h"
#include "pidfd.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NAME_SIZE = 64, WAITING_MOST = 4096 };

static int listen_at(char *name, size_t size)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    uint64_t random = 0;
    int file = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (file < 0)
        return -errno;
    if (getrandom(&random, sizeof random, 0) != sizeof random)
        random = (uint64_t)getpid();
    int length = snprintf(name, size, "thrum-doctor-%016lx", (unsigned long)random);
    memcpy(address.sun_path + 1, name, (size_t)length);
    socklen_t whole = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
    if (bind(file, (struct sockaddr *)&address, whole) != 0 || listen(file, WAITING_MOST) != 0) {
        int error = errno;
        (void)close(file);
        return -error;
    }
    return file;
}

static int watch_for(const struct launch *launch, int file)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = file};
    return epoll_ctl(launch->arrivals, EPOLL_CTL_ADD, file, &event) == 0 ? 0 : -errno;
}

static int open_sockets(struct launch *launch, char *name, size_t size)
{
    launch->listener = listen_at(name, size);
    if (launch->listener < 0)
        return launch->listener;
    launch->arrivals = epoll_create1(EPOLL_CLOEXEC);
    return launch->arrivals < 0 ? -errno : watch_for(launch, launch->listener);
}

static int start(struct launch *launch, char **words, char **environment, const sigset_t *mask)
{
    posix_spawnattr_t attributes;
    int rc = posix_spawnattr_init(&attributes);
    if (rc != 0)
        return -rc;
    posix_spawnattr_setsigmask(&attributes, mask);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    rc = posix_spawnp(&launch->pid, words[0], NULL, &attributes, words, environment);
    posix_spawnattr_destroy(&attributes);
    if (rc != 0)
        return -rc;
    launch->process = pidfd_open(launch->pid, 0);
    if (launch->process < 0) {
        rc = -errno;
        kill(launch->pid, SIGKILL);
        waitpid(launch->pid, NULL, 0);
    }
    return rc;
}

int launch(struct launch *launch, char **words, const sigset_t *mask, unsigned ring_bits,
           char *message, size_t size)
{
    char name[NAME_SIZE], library[PRELOAD_PATH_SIZE];
    *launch = (struct launch){.listener = -1, .arrivals = -1, .process = -1};
    if (!preload_find("libthrum-doctor.so", library, sizeof library)) {
        snprintf(message, size,
                 "cannot find libthrum-doctor.so, which is installed with thrum in %s",
                 LIBRARY_FOLDER);
        return -ENOENT;
    }
    int rc = open_sockets(launch, name, sizeof name);
    char value[NAME_SIZE + 32];
    snprintf(value, sizeof value, ring_bits ? "%s,rings=%u" : "%s", name, ring_bits);
    char **environment = rc == 0 ? preload_environment(library, REGION_VARIABLE, value) : NULL;
    if (rc == 0)
        rc = environment ? start(launch, words, environment, mask) : -ENOMEM;
    free(environment);
    if (rc < 0) {
        snprintf(message, size, "cannot run %s: %s", words[0], strerror(-rc));
        launch_close(launch);
    }
    return rc;
}

static int descriptor_in(struct msghdr *message)
{
    int found = -1;
    for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part; part = CMSG_NXTHDR(message, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int descriptor;
            memcpy(&descriptor, CMSG_DATA(part) + i * sizeof descriptor, sizeof descriptor);
            if (found >= 0)
                (void)close(descriptor);
            else
                found = descriptor;
        }
    }
    return found;
}

static int receive_from(int file, pid_t *ret_pid)
{
    struct ucred sender;
    socklen_t sender_size = sizeof sender;
    struct region_hello hello = {0};
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(4 * sizeof(int))];
    struct iovec part = {&hello, sizeof hello};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
    int descriptor = -EPROTO;
    if (getsockopt(file, SOL_SOCKET, SO_PEERCRED, &sender, &sender_size) == 0 &&
        (sender.uid == getuid() || sender.uid == 0)) {
        ssize_t got = recvmsg(file, &message, MSG_CMSG_CLOEXEC);
        int received = got > 0 ? descriptor_in(&message) : -1;
        if (got == 0) /* it was killed before it could send */
            descriptor = -ECONNRESET;
        if (received >= 0 && got == sizeof hello && hello.magic == REGION_MAGIC &&
            hello.version == REGION_VERSION)
            descriptor = received;
        else if (received >= 0)
            (void)close(received);
        *ret_pid = sender.pid;
    }
    (void)close(file);
    return descriptor;
}

int launch_receive(const struct launch *launch, pid_t *ret_pid)
{
    struct epoll_event event;
    while (epoll_wait(launch->arrivals, &event, 1, 0) == 1) {
        if (event.data.fd != launch->listener)
            return receive_from(event.data.fd, ret_pid);
        int file = accept4(launch->listener, NULL, NULL, SOCK_CLOEXEC);
        if (file < 0)
            return errno == EINTR || errno == ECONNABORTED ? -EPROTO : -EAGAIN;
        int rc = watch_for(launch, file);
        if (rc < 0) {
            (void)close(file);
            return rc;
        }
    }
    return -EAGAIN;
}

void launch_close(struct launch *launch)
{
    int *files[] = {&launch->listener, &launch->arrivals, &launch->process};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        if (*files[i] >= 0)
            (void)close(*files[i]);
        *files[i] = -1;
    }
}
