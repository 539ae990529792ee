/* System calls as a person says them. Those that wait are here; another one is given by its number.
 */
#include "wait.h"

#include <poll.h>
#include <stdio.h>
#include <sys/syscall.h>

enum { NO_DESCRIPTOR = -1 };

struct known_call {
    long number;
    const char *text;
    int descriptor; /* which argument is one */
};

static const struct known_call known_calls[] = {
    {SYS_read, "reads from", 0},
    {SYS_readv, "reads from", 0},
    {SYS_pread64, "reads from", 0},
    {SYS_preadv, "reads from", 0},
    {SYS_write, "writes to", 0},
    {SYS_writev, "writes to", 0},
    {SYS_pwrite64, "writes to", 0},
    {SYS_sendto, "sends to", 0},
    {SYS_sendmsg, "sends to", 0},
    {SYS_sendfile, "sends to", 0},
    {SYS_recvfrom, "receives from", 0},
    {SYS_recvmsg, "receives from", 0},
    {SYS_recvmmsg, "receives from", 0},
    {SYS_accept, "accepts connections on", 0},
    {SYS_accept4, "accepts connections on", 0},
    {SYS_connect, "connects", 0},
    {SYS_epoll_pwait, "waits for events of", 0},
    {SYS_ppoll, "polls descriptors", NO_DESCRIPTOR},
    {SYS_pselect6, "selects among descriptors", NO_DESCRIPTOR},
    {SYS_nanosleep, "sleeps", NO_DESCRIPTOR},
    {SYS_clock_nanosleep, "sleeps", NO_DESCRIPTOR},
    {SYS_wait4, "waits for a child process", NO_DESCRIPTOR},
    {SYS_waitid, "waits for a child process", NO_DESCRIPTOR},
    {SYS_rt_sigtimedwait, "waits for a signal", NO_DESCRIPTOR},
    {SYS_rt_sigsuspend, "waits for a signal", NO_DESCRIPTOR},
    {SYS_semop, "waits for a System V semaphore", NO_DESCRIPTOR},
    {SYS_semtimedop, "waits for a System V semaphore", NO_DESCRIPTOR},
    {SYS_msgrcv, "receives from a System V message queue", NO_DESCRIPTOR},
    {SYS_msgsnd, "sends to a System V message queue", NO_DESCRIPTOR},
    {SYS_mq_timedreceive, "receives from message queue", 0},
    {SYS_mq_timedsend, "sends to message queue", 0},
    {SYS_fcntl, "waits for a lock of", 0},
    {SYS_flock, "waits for a lock of", 0},
    {SYS_ioctl, "waits in ioctl of", 0},
    {SYS_fsync, "writes out", 0},
    {SYS_fdatasync, "writes out", 0},
    {SYS_openat, "opens a file", NO_DESCRIPTOR},
    {SYS_io_getevents, "waits for asynchronous I/O", NO_DESCRIPTOR},
    {SYS_restart_syscall, "goes on with a system call that a signal interrupted", NO_DESCRIPTOR},
    {SYS_io_uring_enter, "waits for", 0},
    {SYS_futex, "is in futex", NO_DESCRIPTOR},
#ifdef SYS_epoll_wait
    {SYS_epoll_wait, "waits for events of", 0},
    {SYS_poll, "polls descriptors", NO_DESCRIPTOR},
    {SYS_select, "selects among descriptors", NO_DESCRIPTOR},
    {SYS_pause, "waits for a signal", NO_DESCRIPTOR},
    {SYS_open, "opens a file", NO_DESCRIPTOR},
    {SYS_vfork, "waits for the child of vfork", NO_DESCRIPTOR},
#endif
};

/* The first descriptors of a poll, by number and path. */
static void describe_poll(const struct process *process, const struct thread *thread, char *text,
                          size_t size)
{
    enum { SHOWN = 3 };
    size_t length = strlen(text);
    for (uint64_t i = 0; i < thread->arguments[1] && i < SHOWN; i++) {
        struct pollfd entry;
        char path[100] = "";
        if (!memory_read(&process->memory, thread->arguments[0] + i * sizeof entry, &entry,
                         sizeof entry))
            return;
        process_descriptor(process, entry.fd, path, sizeof path);
        int more =
            snprintf(text + length, size - length, "%s %d (%s)", i ? "," : "", entry.fd, path);
        if (more < 0 || (size_t)more >= size - length)
            return;
        length += (size_t)more;
    }
    if (thread->arguments[1] > SHOWN)
        snprintf(text + length, size - length, " and %lu more",
                 (unsigned long)(thread->arguments[1] - SHOWN));
}

void call_describe(const struct process *process, struct thread *thread)
{
    char *text = thread->doing;
    size_t size = sizeof thread->doing;
    if (thread->where != THREAD_IN_CALL) {
        snprintf(text, size, "%s",
                 thread->where == THREAD_ENDED     ? "has ended"
                 : thread->where == THREAD_RUNNING ? "runs"
                 : process->tasks < 0              ? "was in no system call"
                 : thread->state == 'D'            ? "waits for the disk or another device"
                                                   : "is in no system call");
        return;
    }
    for (size_t i = 0; i < sizeof known_calls / sizeof *known_calls; i++) {
        const struct known_call *call = &known_calls[i];
        char path[120] = "";
        if (call->number != thread->call)
            continue;
        int length = snprintf(text, size, "%s", call->text);
        if (call->descriptor != NO_DESCRIPTOR) {
            int descriptor = (int)thread->arguments[call->descriptor];
            process_descriptor(process, descriptor, path, sizeof path);
            snprintf(text + length, size - (size_t)length, " descriptor %d%s%s%s", descriptor,
                     path[0] ? " (" : "", path, path[0] ? ")" : "");
        }
#ifdef SYS_poll
        if (call->number == SYS_poll)
            describe_poll(process, thread, text, size);
#endif
        if (call->number == SYS_ppoll)
            describe_poll(process, thread, text, size);
        return;
    }
    snprintf(text, size, "is in system call %ld", thread->call);
}
