/* Input and output, and futexes that the program uses itself.
 *
 * A call that would wait is not made: the thread gives up its turn until the system says that the call
 * can go on. What lies outside of the program is not controlled. Only the order in which the program's
 * own threads make their calls is.
 *
 * The pipes and pairs of sockets that the program has made itself are noted by inode: if all threads
 * wait, and for nothing else, nobody can go on, and there is no need to wait in real time.
 */
#include "hooks.h"
#include "race.h"

#include "preload/real.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { INNER_MOST = 256 };

static struct {
    dev_t device;
    ino_t inode;
} inner[INNER_MOST];
static int inner_count;

static void note_inner(int file)
{
    struct stat about;
    if (thrum__turn_on() && inner_count < INNER_MOST && fstat(file, &about) == 0) {
        inner[inner_count].device = about.st_dev;
        inner[inner_count++].inode = about.st_ino;
    }
}

static bool is_signalfd(int file)
{
    char path[64], target[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    ssize_t length = readlink(path, target, sizeof target - 1);
    target[length > 0 ? length : 0] = 0;
    return strcmp(target, "anon_inode:[signalfd]") == 0;
}

/* Only signals, and what the program does itself, can make one of them ready. */
static bool is_inner(const struct pollfd *list, nfds_t count)
{
    thrum__turn_self->signals = false;
    for (nfds_t i = 0; i < count; i++) {
        struct stat about;
        bool found = false;
        if (list[i].fd < 0 || fstat(list[i].fd, &about) != 0)
            continue;
        for (int k = 0; k < inner_count && !found; k++)
            found = inner[k].device == about.st_dev && inner[k].inode == about.st_ino;
        if (!found && is_signalfd(list[i].fd))
            thrum__turn_self->signals = true;
        else if (!found)
            return false;
    }
    return true;
}

HOOK int pipe(int ends[2])
{
    int rc = REAL(pipe)(ends);
    if (rc == 0)
        note_inner(ends[0]); /* both ends have the same inode */
    return rc;
}

HOOK int pipe2(int ends[2], int flags)
{
    int rc = REAL(pipe2)(ends, flags);
    if (rc == 0)
        note_inner(ends[0]);
    return rc;
}

HOOK int socketpair(int domain, int type, int protocol, int ends[2])
{
    int rc = REAL(socketpair)(domain, type, protocol, ends);
    if (rc == 0) {
        note_inner(ends[0]);
        note_inner(ends[1]);
    }
    return rc;
}

/* The program's own array or sets, looked at without waiting. */
struct look {
    struct pollfd *list;
    nfds_t count;
    int files; /* of select */
    fd_set *sets[3], copies[3];
    int result;
};

static bool poll_ready(void *argument)
{
    struct look *look = argument;
    look->result = REAL(poll)(look->list, look->count, 0);
    return look->result != 0;
}

static bool select_ready(void *argument)
{
    struct look *look = argument;
    struct timeval none = {0, 0};
    for (int i = 0; i < 3; i++)
        if (look->sets[i])
            look->copies[i] = *look->sets[i];
    look->result = REAL(select)(look->files, look->sets[0] ? &look->copies[0] : NULL,
                                look->sets[1] ? &look->copies[1] : NULL,
                                look->sets[2] ? &look->copies[2] : NULL, &none);
    return look->result != 0;
}

/* A turn, in which a call that waits for the descriptor can be made without waiting. */
static void turn_for(int file, short events, const void *place)
{
    int error = errno;
    struct pollfd entry = {.fd = file, .events = events};
    struct look look = {.list = &entry, .count = 1};
    thrum__turn_point(STEP_IO, (const void *)(uintptr_t)(file + 1), true, place);
    thrum__turn_cancel_point();
    int flags = fcntl(file, F_GETFL);
    if (flags >= 0 && !(flags & O_NONBLOCK) && !poll_ready(&look)) {
        thrum__turn_self->kind = STEP_IO_WAIT;
        thrum__turn_io(poll_ready, &look, is_inner(&entry, 1), NEVER);
        thrum__turn_cancel_point();
    }
    /* What was written comes before what is read. Which bytes they are is not known, so all count. */
    if (events & POLLOUT)
        thrum__race_release(&inner);
    else
        thrum__race_acquire(&inner);
    errno = error;
}

static int64_t milliseconds(int count)
{
    return count < 0 ? NEVER : thrum__turn_now() + (int64_t)count * 1000000;
}

static int look_until(struct look *look, bool (*ready)(void *), int64_t deadline, const void *place)
{
    thrum__turn_point(STEP_IO_WAIT, NULL, false, place);
    thrum__turn_cancel_point();
    if (!ready(look) && deadline > thrum__turn_now()) {
        thrum__turn_io(ready, look, look->list && is_inner(look->list, look->count), deadline);
        thrum__turn_cancel_point();
    } else if (look->result == 0)
        thrum__turn_behind(); /* it may ask in a loop */
    return look->result;
}

HOOK int poll(struct pollfd *list, nfds_t count, int timeout)
{
    if (!thrum__turn_on())
        return REAL(poll)(list, count, timeout);
    struct look look = {.list = list, .count = count};
    return look_until(&look, poll_ready, milliseconds(timeout), PLACE);
}

HOOK int ppoll(struct pollfd *list, nfds_t count, const struct timespec *timeout,
               const sigset_t *mask)
{
    if (!thrum__turn_on())
        return REAL(ppoll)(list, count, timeout, mask);
    struct look look = {.list = list, .count = count};
    return look_until(&look, poll_ready, timeout ? thrum__turn_after(timeout) : NEVER, PLACE);
}

HOOK int select(int files, fd_set *restrict read, fd_set *restrict write, fd_set *restrict other,
                struct timeval *restrict timeout)
{
    if (!thrum__turn_on())
        return REAL(select)(files, read, write, other, timeout);
    struct look look = {.files = files, .sets = {read, write, other}};
    int64_t until = timeout
                        ? thrum__turn_now() + timeout->tv_sec * 1000000000 + timeout->tv_usec * 1000
                        : NEVER;
    int rc = look_until(&look, select_ready, until, PLACE);
    for (int i = 0; i < 3 && rc >= 0; i++)
        if (look.sets[i])
            *look.sets[i] = look.copies[i];
    return rc;
}

HOOK int epoll_wait(int poller, struct epoll_event *events, int most, int timeout)
{
    if (!thrum__turn_on())
        return REAL(epoll_wait)(poller, events, most, timeout);
    struct pollfd entry = {.fd = poller, .events = POLLIN};
    struct look look = {.list = &entry, .count = 1};
    look_until(&look, poll_ready, milliseconds(timeout), PLACE);
    return REAL(epoll_wait)(poller, events, most, 0);
}

/* The calls that take a descriptor first: TURN makes them wait in turns. */
#define TURN(file, events)                                                                         \
    if (thrum__turn_on())                                                                          \
    turn_for(file, events, PLACE)

HOOK ssize_t read(int file, void *bytes, size_t size)
{
    TURN(file, POLLIN);
    return REAL(read)(file, bytes, size);
}

ssize_t __read_chk(int file, void *bytes, size_t size, size_t room);

HOOK ssize_t __read_chk(int file, void *bytes, size_t size, size_t room)
{
    TURN(file, POLLIN);
    return REAL(read)(file, bytes, size < room ? size : room);
}

HOOK ssize_t readv(int file, const struct iovec *parts, int count)
{
    TURN(file, POLLIN);
    return REAL(readv)(file, parts, count);
}

HOOK ssize_t write(int file, const void *bytes, size_t size)
{
    TURN(file, POLLOUT);
    return REAL(write)(file, bytes, size);
}

HOOK ssize_t writev(int file, const struct iovec *parts, int count)
{
    TURN(file, POLLOUT);
    return REAL(writev)(file, parts, count);
}

HOOK ssize_t recv(int file, void *bytes, size_t size, int flags)
{
    TURN(file, POLLIN);
    return REAL(recv)(file, bytes, size, flags);
}

HOOK ssize_t recvfrom(int file, void *restrict bytes, size_t size, int flags,
                      __SOCKADDR_ARG address, socklen_t *restrict address_size)
{
    TURN(file, POLLIN);
    return REAL(recvfrom)(file, bytes, size, flags, address, address_size);
}

HOOK ssize_t recvmsg(int file, struct msghdr *message, int flags)
{
    TURN(file, POLLIN);
    return REAL(recvmsg)(file, message, flags);
}

HOOK ssize_t send(int file, const void *bytes, size_t size, int flags)
{
    TURN(file, POLLOUT);
    return REAL(send)(file, bytes, size, flags);
}

HOOK ssize_t sendto(int file, const void *bytes, size_t size, int flags,
                    __CONST_SOCKADDR_ARG address, socklen_t address_size)
{
    TURN(file, POLLOUT);
    return REAL(sendto)(file, bytes, size, flags, address, address_size);
}

HOOK ssize_t sendmsg(int file, const struct msghdr *message, int flags)
{
    TURN(file, POLLOUT);
    return REAL(sendmsg)(file, message, flags);
}

HOOK int accept(int file, __SOCKADDR_ARG address, socklen_t *restrict size)
{
    TURN(file, POLLIN);
    return REAL(accept)(file, address, size);
}

HOOK int accept4(int file, __SOCKADDR_ARG address, socklen_t *restrict size, int flags)
{
    TURN(file, POLLIN);
    return REAL(accept4)(file, address, size, flags);
}

HOOK int connect(int file, __CONST_SOCKADDR_ARG address, socklen_t size)
{
    if (thrum__turn_on())
        thrum__turn_point(STEP_IO, (const void *)(uintptr_t)(file + 1), true, PLACE);
    return REAL(connect)(file, address, size);
}

/* ---- futexes ---- */

static long futex_wait(uint32_t *word, uint32_t expected, const struct timespec *timeout, int op,
                       const void *place)
{
    int64_t until = NEVER;
    if (timeout && (op & FUTEX_CMD_MASK) == FUTEX_WAIT)
        until = thrum__turn_after(timeout);
    else if (timeout)
        until = thrum__turn_deadline(op & FUTEX_CLOCK_REALTIME ? CLOCK_REALTIME : CLOCK_MONOTONIC,
                                     timeout);
    thrum__turn_point(STEP_FUTEX_WAIT, word, false, place);
    if (__atomic_load_n(word, __ATOMIC_SEQ_CST) != expected) {
        errno = EAGAIN;
        return -1;
    }
    if ((until != NEVER && until <= thrum__turn_now()) || !thrum__turn_block(until)) {
        errno = ETIMEDOUT;
        return -1;
    }
    thrum__race_acquire(word);
    return 0;
}

static long futex_wake(const uint32_t *word, long most, const void *place)
{
    thrum__turn_point(STEP_FUTEX_WAKE, word, true, place);
    thrum__race_release(word);
    return thrum__turn_wake_some(word, most > INT_MAX ? INT_MAX : (int)most);
}

HOOK long syscall(long number, ...)
{
    long a[6];
    va_list list;
    va_start(list, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(list, long);
    va_end(list);
    if (number == SYS_futex && thrum__turn_on()) {
        switch (a[1] & FUTEX_CMD_MASK) {
        case FUTEX_WAIT:
        case FUTEX_WAIT_BITSET:
            return futex_wait((uint32_t *)a[0], (uint32_t)a[2], (const struct timespec *)a[3],
                              (int)a[1], PLACE);
        case FUTEX_WAKE:
        case FUTEX_WAKE_BITSET:
            return futex_wake((uint32_t *)a[0], a[2], PLACE);
        default:
            break;
        }
    }
    return REAL(syscall)(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
