/* A thread that runs has no stack to be copied; ptrace stops it. Only threads that were found
 * running are stopped, for about a tenth of a millisecond, so a system call is interrupted only if
 * one begins in that moment. PTRACE_SEIZE sends no signal and leaves no trace; a doctor that is
 * killed meanwhile lets the thread go, as the system detaches what it traced.
 *
 * A search for memory that leads to something (reach.c) needs all threads to stand still: else a pointer could move from
 * memory that is still to be read to memory that was read. A call of a thread that slept goes on by itself; those that
 * cannot, as epoll_wait, return EINTR.
 */
#include "stop.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>

#if defined(__x86_64__)
void registers_take(struct thread *thread, const struct user_regs_struct *user)
{
    const uint64_t values[REGISTER_COUNT] = {user->rax, user->rdx, user->rcx, user->rbx, user->rsi,
                                             user->rdi, user->rbp, user->rsp, user->r8,  user->r9,
                                             user->r10, user->r11, user->r12, user->r13, user->r14,
                                             user->r15, user->rip};
    for (unsigned i = 0; i < REGISTER_COUNT; i++)
        register_set(&thread->registers, i, values[i]);
    thread->registers.pc = user->rip;
    thread->call = (long)user->orig_rax;
    const uint64_t arguments[6] = {user->rdi, user->rsi, user->rdx, user->r10, user->r8, user->r9};
    memcpy(thread->arguments, arguments, sizeof arguments);
}
#else
void registers_take(struct thread *thread, const struct user_regs_struct *user)
{
    for (unsigned i = 0; i < 31; i++)
        register_set(&thread->registers, i, user->regs[i]);
    register_set(&thread->registers, REGISTER_STACK, user->sp);
    thread->registers.pc = user->pc;
    thread->call = (long)user->regs[8];
    memcpy(thread->arguments, user->regs, sizeof thread->arguments);
}
#endif

int stop_and_look(struct process *process, int index, uint8_t *buffer)
{
    struct thread *thread = &process->threads[index];
    struct user_regs_struct user;
    struct iovec vector = {&user, sizeof user};
    int status;
    if (ptrace(PTRACE_SEIZE, thread->tid, NULL, NULL) < 0)
        return errno == ESRCH ? 0 : -errno;
    if (ptrace(PTRACE_INTERRUPT, thread->tid, NULL, NULL) < 0 ||
        waitpid(thread->tid, &status, __WALL) != thread->tid || !WIFSTOPPED(status) ||
        ptrace(PTRACE_GETREGSET, thread->tid, (void *)NT_PRSTATUS, &vector) < 0) {
        ptrace(PTRACE_DETACH, thread->tid, NULL, NULL);
        return 0;
    }
    registers_take(thread, &user);
    thread->where = THREAD_OUTSIDE;
    uint64_t sp = thread->registers.value[REGISTER_STACK];
    struct stack_copy copy = {sp, memory_read_some(&process->memory, sp, buffer, STACK_COPY),
                              buffer};
    int rc = process_unwind(process, thread, &copy);
    /* A signal that stopped it is passed on. */
    int signal = status >> 16 == PTRACE_EVENT_STOP ? 0 : WSTOPSIG(status);
    ptrace(PTRACE_DETACH, thread->tid, NULL, (void *)(uintptr_t)signal);
    return rc;
}

/* Milliseconds that a thread has to stop: a wait for a disk does not end before the disk has answered. */
enum { PATIENCE_MS = 1000 };

static struct stopped_thread *find_stopped(const struct stopped *stopped, int tid)
{
    for (int i = 0; i < stopped->count; i++)
        if (stopped->list[i].tid == tid)
            return &stopped->list[i];
    return NULL;
}

static int seize(struct stopped *stopped, int tid)
{
    if (stopped->count == stopped->room) {
        int room = stopped->room ? stopped->room * 2 : 16;
        struct stopped_thread *list = realloc(stopped->list, (size_t)room * sizeof *list);
        if (!list)
            return -ENOMEM;
        stopped->list = list;
        stopped->room = room;
    }
    if (ptrace(PTRACE_SEIZE, tid, NULL, NULL) < 0)
        return errno == ESRCH ? 0 : -errno;
    stopped->list[stopped->count++] = (struct stopped_thread){.tid = tid};
    if (ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) < 0 && errno != ESRCH)
        return -errno;
    return 1;
}

/* Seizes the threads that are not held yet. Returns how many there were, or a negative errno. */
static int seize_new(struct stopped *stopped, int pid)
{
    char name[64];
    int rc = 0, count = 0;
    snprintf(name, sizeof name, "/proc/%d/task", pid);
    DIR *folder = opendir(name);
    if (!folder)
        return -errno;
    for (struct dirent *entry; rc >= 0 && (entry = readdir(folder));) {
        int tid = atoi(entry->d_name);
        if (tid > 0 && !find_stopped(stopped, tid) && (rc = seize(stopped, tid)) > 0)
            count++;
    }
    closedir(folder);
    return rc < 0 ? rc : count;
}

/* Waits until it has stopped or ended. */
static int await_stop(struct stopped_thread *thread)
{
    int status, rc = 0;
    for (int i = 0; i < PATIENCE_MS && (rc = waitpid(thread->tid, &status, __WALL | WNOHANG)) == 0;
         i++)
        poll(NULL, 0, 1);
    if (rc == 0)
        return -EBUSY;
    thread->held = rc == thread->tid && WIFSTOPPED(status);
    /* A signal that stopped it is passed on. */
    if (thread->held && status >> 16 != PTRACE_EVENT_STOP)
        thread->signal = WSTOPSIG(status);
    return 0;
}

int stop_all(struct stopped *stopped, int pid)
{
    int rc, done = 0;
    *stopped = (struct stopped){0};
    /* A thread that is not stopped yet may start another. */
    while ((rc = seize_new(stopped, pid)) > 0)
        while (rc >= 0 && done < stopped->count)
            if ((rc = await_stop(&stopped->list[done++])) < 0) {
                stop_end(stopped);
                return rc;
            }
    if (rc < 0)
        stop_end(stopped);
    return rc;
}

bool stop_registers(struct thread *thread)
{
    struct user_regs_struct user;
    struct iovec vector = {&user, sizeof user};
    if (ptrace(PTRACE_GETREGSET, thread->tid, (void *)NT_PRSTATUS, &vector) < 0)
        return false;
    registers_take(thread, &user);
    thread->where = THREAD_OUTSIDE;
    return true;
}

void stop_end(struct stopped *stopped)
{
    for (int i = 0; i < stopped->count; i++)
        if (stopped->list[i].held)
            ptrace(PTRACE_DETACH, stopped->list[i].tid, NULL,
                   (void *)(uintptr_t)stopped->list[i].signal);
    free(stopped->list);
    *stopped = (struct stopped){0};
}
