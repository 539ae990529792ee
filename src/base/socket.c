#include "base/socket.h"
#include "base/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FLAGS = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC };

/* 0 or a number as it is, else the error; `made` again where a signal came first. */
#define AGAIN(made)                                                                                \
    __extension__({                                                                                \
        __typeof__(made) made_;                                                                    \
        do                                                                                         \
            made_ = (made);                                                                        \
        while (made_ < 0 && errno == EINTR);                                                       \
        made_ < 0 ? -errno : made_;                                                                \
    })

int thrum__socket_new(int family)
{
    if (thrum__fault(THRUM__FAULT_SOCKET))
        return -EMFILE;
    return AGAIN(socket(family, FLAGS, 0));
}

int thrum__socket_pair(int family, int ret_pair[2])
{
    if (thrum__fault(THRUM__FAULT_SOCKET))
        return -EMFILE;
    return AGAIN(socketpair(family, FLAGS, 0, ret_pair));
}

int thrum__socket_packet_pair(int ret_pair[2])
{
    if (thrum__fault(THRUM__FAULT_SOCKET))
        return -EMFILE;
    return AGAIN(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ret_pair));
}

int thrum__socket_adopt_packets(int descriptor)
{
    int type = 0;
    socklen_t size = sizeof type;
    if (getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &size) < 0)
        return errno == EBADF ? -EBADF : -EINVAL;
    if (type != SOCK_SEQPACKET)
        return -EINVAL;
    int flags = fcntl(descriptor, F_GETFL);
    if (flags < 0 || fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) < 0 ||
        fcntl(descriptor, F_SETFD, FD_CLOEXEC) < 0)
        return -errno;
    return 0;
}

int thrum__socket_bind(int socket, const thrum__address *address)
{
    return AGAIN(bind(socket, (const struct sockaddr *)&address->storage, address->length));
}

int thrum__socket_listen(int socket, int backlog)
{
    return AGAIN(listen(socket, backlog));
}

int thrum__socket_accept(int socket)
{
    if (thrum__fault(THRUM__FAULT_ACCEPT))
        return -EMFILE;
    return AGAIN(accept4(socket, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC));
}

/* A connect that was interrupted goes on by itself. */
int thrum__socket_connect(int socket, const thrum__address *address)
{
    if (thrum__fault(THRUM__FAULT_CONNECT))
        return -ETIMEDOUT;
    if (connect(socket, (const struct sockaddr *)&address->storage, address->length) == 0)
        return 0;
    return errno == EINTR ? -EINPROGRESS : -errno;
}

/* The message's parts are not written to. */
static struct msghdr message(const struct iovec *parts, size_t count)
{
    struct msghdr made = {.msg_iovlen = count};
    memcpy(&made.msg_iov, &parts, sizeof parts);
    return made;
}

#ifndef THRUM_EXPLORE /* src/explorer/kernel.c has it */
ptrdiff_t thrum__socket_receive(int socket, const struct iovec *parts, size_t count)
{
    if (count == 1)
        return AGAIN(recv(socket, parts->iov_base, parts->iov_len, 0));
    struct msghdr to = message(parts, count);
    return AGAIN(recvmsg(socket, &to, 0));
}
#endif

ptrdiff_t thrum__socket_send(int socket, const struct iovec *parts, size_t count)
{
    if (count == 1)
        return AGAIN(send(socket, parts->iov_base, parts->iov_len, MSG_NOSIGNAL));
    struct msghdr from = message(parts, count);
    return AGAIN(sendmsg(socket, &from, MSG_NOSIGNAL));
}

ptrdiff_t thrum__plain_receive(int descriptor, const struct iovec *parts, size_t count)
{
    return AGAIN(readv(descriptor, parts, (int)count));
}

/* A write to a pipe that nobody reads raises SIGPIPE, and there is no flag against it. So the signal is blocked
 * meanwhile, and taken away if this write has raised it. */
ptrdiff_t thrum__plain_send(int descriptor, const struct iovec *parts, size_t count)
{
    static const struct timespec none;
    sigset_t broken, before, pending;
    sigemptyset(&broken);
    sigaddset(&broken, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &broken, &before);
    sigpending(&pending);
    ptrdiff_t put = AGAIN(writev(descriptor, parts, (int)count));
    if (put == -EPIPE && !sigismember(&pending, SIGPIPE))
        while (sigtimedwait(&broken, NULL, &none) < 0 && errno == EINTR)
            ;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return put;
}

int thrum__socket_adopt(int descriptor)
{
    struct stat about;
    int type = 0;
    socklen_t size = sizeof type;
    int flags = fcntl(descriptor, F_GETFL);
    if (flags < 0 || fstat(descriptor, &about) < 0 ||
        (!(flags & O_NONBLOCK) && fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) < 0))
        return -errno;
    return S_ISSOCK(about.st_mode) &&
           getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM;
}

int thrum__socket_shutdown(int socket, int how)
{
    return shutdown(socket, how) < 0 ? -errno : 0;
}

void thrum__socket_remove(const char *path)
{
    struct stat about;
    if (lstat(path, &about) == 0 && S_ISSOCK(about.st_mode))
        (void)unlink(path);
}

int thrum__socket_set(int socket, int level, int option, int value)
{
    return setsockopt(socket, level, option, &value, sizeof value) < 0 ? -errno : 0;
}

int thrum__socket_error(int socket)
{
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
        return -errno;
    return -error;
}

int thrum__socket_name(int socket, bool peer, thrum__address *ret_address)
{
    thrum__address found = {.length = sizeof found.storage};
    struct sockaddr *storage = (struct sockaddr *)&found.storage;
    int rc = peer ? getpeername(socket, storage, &found.length)
                  : getsockname(socket, storage, &found.length);
    if (rc < 0)
        return -errno;
    *ret_address = found;
    return 0;
}

static int resolve_error(int code)
{
    switch (code) {
    case EAI_NONAME:
#ifdef EAI_NODATA
    case EAI_NODATA:
#endif
        return -ENOENT;
    case EAI_AGAIN:
    case EAI_FAIL:
        return -EHOSTUNREACH;
    case EAI_MEMORY:
        return -ENOMEM;
    case EAI_SYSTEM:
        return errno ? -errno : -EIO;
    default:
        return -EINVAL;
    }
}

int thrum__socket_resolve(const char *host, uint16_t port, bool passive, bool numeric,
                          thrum__address *ret_addresses, int most)
{
    char service[8];
    snprintf(service, sizeof service, "%u", port);
    struct addrinfo *found, wanted = {.ai_socktype = SOCK_STREAM,
                                      .ai_flags = AI_NUMERICSERV | (passive ? AI_PASSIVE : 0) |
                                                  (numeric ? AI_NUMERICHOST : 0)};
    int code = getaddrinfo(host, service, &wanted, &found);
    if (code != 0)
        return resolve_error(code);
    int count = 0;
    for (struct addrinfo *one = found; one && count < most; one = one->ai_next) {
        if (one->ai_addrlen > sizeof ret_addresses->storage)
            continue;
        memcpy(&ret_addresses[count].storage, one->ai_addr, one->ai_addrlen);
        ret_addresses[count++].length = one->ai_addrlen;
    }
    freeaddrinfo(found);
    return count ? count : -ENOENT;
}
