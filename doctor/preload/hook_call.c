/* System calls that may block: each is two events, if events are wanted. A thread that has no slot stays
 * without one here, as these functions are called by handlers, and between fork and exec. */
#include "real.h"
#include "trace.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define PLACE __builtin_return_address(0)

/* errno stays as it is: nothing here changes it. */
static inline struct slot *begin(enum ring_call call, int descriptor, const void *place)
{
    struct slot *slot = thrum__watch_self;
    if (likely(!slot || !thrum__traced(slot)))
        return NULL;
    thrum__trace_put(slot, RING_CALL, (uint64_t)call << 32 | (uint32_t)descriptor,
                     thrum__trace_place(slot, site_make(place, 0), LOCK_NONE));
    return slot;
}

static inline void end(struct slot *slot)
{
    if (unlikely(slot != NULL))
        thrum__trace_put(slot, RING_CALL_END, 0, 0);
}

/* In a static program `name` is a macro (wrap.h), so the name of the real function is pasted here. */
#ifdef DOCTOR_STATIC
#define REAL_OR(pasted, name) pasted
#else
#define REAL_OR(pasted, name) REAL(name)
#endif

#define CALL(type, name, call, descriptor, parameters, arguments)                                  \
    HOOK type name parameters                                                                      \
    {                                                                                              \
        struct slot *slot = begin(call, descriptor, PLACE);                                        \
        type result = REAL_OR(__real_##name, name) arguments;                                      \
        end(slot);                                                                                 \
        return result;                                                                             \
    }

/* clang-format off */
CALL(ssize_t, read, RING_CALL_READ, file, (int file, void *into, size_t size), (file, into, size))
CALL(ssize_t, write, RING_CALL_WRITE, file, (int file, const void *from, size_t size),
     (file, from, size))
CALL(ssize_t, readv, RING_CALL_READV, file, (int file, const struct iovec *parts, int count),
     (file, parts, count))
CALL(ssize_t, writev, RING_CALL_WRITEV, file, (int file, const struct iovec *parts, int count),
     (file, parts, count))
CALL(ssize_t, recv, RING_CALL_RECV, file, (int file, void *into, size_t size, int flags),
     (file, into, size, flags))
CALL(ssize_t, recvfrom, RING_CALL_RECVFROM, file,
     (int file, void *restrict into, size_t size, int flags, __SOCKADDR_ARG address,
      socklen_t *restrict length),
     (file, into, size, flags, address, length))
CALL(ssize_t, recvmsg, RING_CALL_RECVMSG, file, (int file, struct msghdr *message, int flags),
     (file, message, flags))
CALL(ssize_t, send, RING_CALL_SEND, file, (int file, const void *from, size_t size, int flags),
     (file, from, size, flags))
CALL(ssize_t, sendto, RING_CALL_SENDTO, file,
     (int file, const void *from, size_t size, int flags, __CONST_SOCKADDR_ARG address,
      socklen_t length),
     (file, from, size, flags, address, length))
CALL(ssize_t, sendmsg, RING_CALL_SENDMSG, file,
     (int file, const struct msghdr *message, int flags), (file, message, flags))
CALL(int, accept, RING_CALL_ACCEPT, file,
     (int file, __SOCKADDR_ARG address, socklen_t *restrict length), (file, address, length))
CALL(int, accept4, RING_CALL_ACCEPT4, file,
     (int file, __SOCKADDR_ARG address, socklen_t *restrict length, int flags),
     (file, address, length, flags))
CALL(int, connect, RING_CALL_CONNECT, file,
     (int file, __CONST_SOCKADDR_ARG address, socklen_t length), (file, address, length))
CALL(int, poll, RING_CALL_POLL, -1, (struct pollfd *files, nfds_t count, int limit),
     (files, count, limit))
CALL(int, ppoll, RING_CALL_PPOLL, -1,
     (struct pollfd *files, nfds_t count, const struct timespec *limit, const sigset_t *mask),
     (files, count, limit, mask))
CALL(int, select, RING_CALL_SELECT, -1,
     (int count, fd_set *restrict in, fd_set *restrict out, fd_set *restrict other,
      struct timeval *restrict limit),
     (count, in, out, other, limit))
CALL(int, pselect, RING_CALL_PSELECT, -1,
     (int count, fd_set *restrict in, fd_set *restrict out, fd_set *restrict other,
      const struct timespec *restrict limit, const sigset_t *restrict mask),
     (count, in, out, other, limit, mask))
CALL(int, epoll_wait, RING_CALL_EPOLL_WAIT, file,
     (int file, struct epoll_event *events, int count, int limit), (file, events, count, limit))
CALL(int, epoll_pwait, RING_CALL_EPOLL_PWAIT, file,
     (int file, struct epoll_event *events, int count, int limit, const sigset_t *mask),
     (file, events, count, limit, mask))
CALL(int, nanosleep, RING_CALL_NANOSLEEP, -1,
     (const struct timespec *time, struct timespec *left), (time, left))
CALL(int, clock_nanosleep, RING_CALL_CLOCK_NANOSLEEP, -1,
     (clockid_t clock, int flags, const struct timespec *time, struct timespec *left),
     (clock, flags, time, left))
CALL(int, usleep, RING_CALL_USLEEP, -1, (useconds_t time), (time))
CALL(unsigned, sleep, RING_CALL_SLEEP, -1, (unsigned seconds), (seconds))
CALL(int, fsync, RING_CALL_FSYNC, file, (int file), (file))
CALL(int, fdatasync, RING_CALL_FDATASYNC, file, (int file), (file))
CALL(pid_t, waitpid, RING_CALL_WAITPID, -1, (pid_t child, int *status, int flags),
     (child, status, flags))
/* clang-format on */
