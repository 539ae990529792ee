#include "base/poller.h"
#include "base/clock.h"
#include "base/fault.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef THRUM_EXPLORE /* src/explorer/kernel.c has these */
int thrum__poller_new(void)
{
    if (thrum__fault(THRUM__FAULT_POLLER))
        return -EMFILE;
    int poller = epoll_create1(EPOLL_CLOEXEC);
    return poller < 0 ? -errno : poller;
}

int thrum__poller_arm(int poller, int descriptor, uint64_t data)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                .data.u64 = data};
    if (thrum__fault(THRUM__FAULT_POLLER_ARM))
        return -ENOMEM;
    if (epoll_ctl(poller, EPOLL_CTL_ADD, descriptor, &event) == 0)
        return 0;
    if (errno == EEXIST && epoll_ctl(poller, EPOLL_CTL_MOD, descriptor, &event) == 0)
        return 0;
    return -errno;
}
#endif

/* The time that is left, not less than none. */
static struct timespec until(thrum_deadline deadline)
{
    thrum_time rest = deadline.ns > 0 ? deadline.ns - thrum__clock_now() : 0;
    if (rest < 0)
        rest = 0;
    return (struct timespec){(time_t)(rest / 1000000000), (long)(rest % 1000000000)};
}

#ifndef THRUM_EXPLORE
/* Milliseconds, rounded up: for a kernel that knows no finer wait. */
static int milliseconds(const struct timespec *rest)
{
    if (!rest)
        return -1;
    if (rest->tv_sec >= INT_MAX / 1000 - 1)
        return INT_MAX;
    return (int)(rest->tv_sec * 1000 + (rest->tv_nsec + 999999) / 1000000);
}

static int wait_for(int poller, struct epoll_event *events, const struct timespec *rest)
{
#ifdef SYS_epoll_pwait2
    static uint32_t unknown; /* to this kernel: Linux 5.11 has it */
    if (rest && (rest->tv_sec || rest->tv_nsec) && !__atomic_load_n(&unknown, __ATOMIC_RELAXED)) {
        long count = syscall(SYS_epoll_pwait2, poller, events, THRUM__POLLER_EVENTS, rest, NULL, 0);
        if (count >= 0 || (errno != ENOSYS && errno != EPERM))
            return (int)count;
        __atomic_store_n(&unknown, 1, __ATOMIC_RELAXED);
    }
#endif
    return epoll_wait(poller, events, THRUM__POLLER_EVENTS, milliseconds(rest));
}

int thrum__poller_wait(int poller, thrum__poller_event *ret_events, thrum_deadline deadline)
{
    struct epoll_event events[THRUM__POLLER_EVENTS];
    struct timespec rest = until(deadline);
    int count = wait_for(poller, events, thrum_deadline_is_forever(deadline) ? NULL : &rest);
    for (int i = 0; i < count; i++) {
        uint32_t found = events[i].events, gone = EPOLLHUP | EPOLLERR;
        ret_events[i].data = events[i].data.u64;
        ret_events[i].sides[THRUM__READABLE] = found & (EPOLLIN | EPOLLRDHUP | gone);
        ret_events[i].sides[THRUM__WRITABLE] = found & (EPOLLOUT | gone);
        ret_events[i].over = found & (EPOLLRDHUP | gone);
    }
    return count < 0 ? 0 : count;
}
#endif

_Static_assert(sizeof(thrum__polled) == sizeof(struct pollfd) &&
                   offsetof(thrum__polled, descriptor) == offsetof(struct pollfd, fd) &&
                   offsetof(thrum__polled, asked) == offsetof(struct pollfd, events) &&
                   offsetof(thrum__polled, found) == offsetof(struct pollfd, revents),
               "an array of the one is an array of the other");

thrum__polled thrum__polled_of(int descriptor, int side)
{
    short asked = side == THRUM__READABLE ? POLLIN | POLLRDHUP : POLLOUT;
    return (thrum__polled){.descriptor = descriptor, .asked = asked};
}

int thrum__poll_all(thrum__polled *polled, uint32_t count, thrum_deadline deadline)
{
    struct timespec rest = until(deadline);
    int cancellable; /* a pthread_cancel waits until the caller is out of its wait */
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancellable);
    int ready = ppoll((struct pollfd *)(void *)polled, count,
                      thrum_deadline_is_forever(deadline) ? NULL : &rest, NULL);
    pthread_setcancelstate(cancellable, NULL);
    return ready < 0 ? 0 : ready;
}

int thrum__poll(int descriptor, int side, int wake, thrum_deadline deadline)
{
    thrum__polled polled[2] = {thrum__polled_of(descriptor, side),
                               thrum__polled_of(wake, THRUM__READABLE)};
    if (thrum__poll_all(polled, 2, deadline) == 0)
        return 0;
    return (polled[0].found ? THRUM__POLL_READY : 0) |
           (polled[0].found & POLLNVAL ? THRUM__POLL_INVALID : 0) |
           (polled[1].found ? THRUM__POLL_WOKEN : 0);
}

#ifndef THRUM_EXPLORE
int thrum__wake_new(void)
{
    if (thrum__fault(THRUM__FAULT_WAKE))
        return -EMFILE;
    int wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return wake < 0 ? -errno : wake;
}

void thrum__wake_drain(int wake)
{
    uint64_t sum;
    ssize_t got = read(wake, &sum, sizeof sum);
    (void)got;
}

/* One that is full, by 2^64 - 2 wakes or by another process that has written as much at once, is
 * emptied and sent to again: a poller is told only of what is new. */
void thrum__wake_send(int wake)
{
    uint64_t one = 1;
    while (write(wake, &one, sizeof one) < 0 && errno == EAGAIN)
        thrum__wake_drain(wake);
}

/* Linux has given the number back even where it says EINTR: no second try. */
void thrum__os_close(int descriptor)
{
    close(descriptor);
}
#endif
