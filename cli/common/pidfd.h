/* A descriptor of a process, by pidfd_open. glibc has the function since version 2.36, musl lacks it: there it is a system
 * call. */
#ifndef CLI_PIDFD_H
#define CLI_PIDFD_H

#if __has_include(<sys/pidfd.h>)
#include <sys/pidfd.h>
#else

#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static inline int pidfd_open(pid_t pid, unsigned flags)
{
    return (int)syscall(SYS_pidfd_open, pid, flags);
}

#endif
#endif
