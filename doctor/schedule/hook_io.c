/* Input and output, and futexes that the program uses itself.
 *
 * A call that would wait is not made: the thread gives up its turn until the system says that the call
 * can go on. What lies outside of the program is not controlled. Only the order in which the program's
 * own threads make their calls is.
 *
 * If all threads wait, the run is judged by what could make their descriptors ready: inside.c.
 */
#include "hooks.h"
#include "inside.h"
#include "race.h"

#include "preload/real.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdarg.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What was written comes before what is read. Which bytes they are is not known, so all count. */
static const char all_bytes;

/* The program's own array or sets, looked at without waiting. */
struct look {
    struct pollfd *list;
    nfds_t count;
    int files; /* of select */
    fd_set *sets[3], copies[3];
    int result;
};

static enum turn_source look_source(void *argument, bool certain)
{
    const struct look *look = argument;
    enum turn_source all = SOURCE_INSIDE;
    for (nfds_t i = 0; i < look->count && all != SOURCE_OUTSIDE; i++) {
        enum turn_source one = thrum__inside_file(look->list[i].fd, certain);
        all = one > all ? one : all;
    }
    for (int file = 0; file < look->files && all != SOURCE_OUTSIDE; file++)
        for (int k = 0; k < 3; k++)
            if (look->sets[k] && FD_ISSET(file, look->sets[k])) {
                enum turn_source one = thrum__inside_file(file, certain);
                all = one > all ? one : all;
            }
    return all;
}

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
    while (flags >= 0 && !(flags & O_NONBLOCK) && !poll_ready(&look)) {
        thrum__turn_self->act.kind = STEP_IO_WAIT;
        thrum__turn_io(poll_ready, look_source, &look, NEVER);
        thrum__turn_cancel_point();
    }
    if (events & POLLOUT)
        thrum__race_release(&all_bytes);
    else
        thrum__race_acquire(&all_bytes);
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
        thrum__turn_io(ready, look_source, look, deadline);
        thrum__turn_cancel_point();
        if (look->result == 0 && deadline > thrum__turn_now()) { /* a handler was called */
            errno = EINTR;
            return -1;
        }
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
    if (message && message->msg_controllen)
        thrum__inside_sent();
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
