#include "base/pidfd.h"
#include "base/fault.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

int thrum__pidfd_open(int32_t pid)
{
    if (thrum__fault(THRUM__FAULT_PIDFD))
        return -EMFILE;
    long descriptor = syscall(SYS_pidfd_open, pid, 0);
    return descriptor < 0 ? -errno : (int)descriptor;
}

bool thrum__pidfd_is_over(int pidfd)
{
    struct pollfd asked = {.fd = pidfd, .events = POLLIN};
    return poll(&asked, 1, 0) > 0;
}

bool thrum__pidfd_reap(int pidfd, thrum__exit *ret_exit)
{
    siginfo_t info = {0};
    if (waitid((idtype_t)P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG) == 0) {
        if (!info.si_pid)
            return false;
        *ret_exit = (thrum__exit){
            .known = true, .signaled = info.si_code != CLD_EXITED, .number = info.si_status};
        return true;
    }
    if (errno != ECHILD || !thrum__pidfd_is_over(pidfd))
        return false;
    *ret_exit = (thrum__exit){0};
    return true;
}

int thrum__pidfd_signal(int pidfd, int number)
{
    return syscall(SYS_pidfd_send_signal, pidfd, number, NULL, 0) < 0 ? -errno : 0;
}

void thrum__pid_wait(int32_t pid)
{
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
}

void thrum__pid_kill(int32_t pid)
{
    kill(pid, SIGKILL);
}

void thrum__exit_text(const thrum__exit *ended, char *text, size_t size)
{
    if (!ended->known)
        snprintf(text, size,
                 "ended; its status is lost, because other code of the program reaped it");
    else if (ended->signaled)
        snprintf(text, size, "was killed by signal %d (%s)", ended->number,
                 strsignal(ended->number));
    else
        snprintf(text, size, "exited with status %d", ended->number);
}
