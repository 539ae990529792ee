/* A thread that runs has no stack to be copied; ptrace stops it. Only threads that were found
 * running are stopped, for about a tenth of a millisecond, so a system call is interrupted only if
 * one begins in that moment. PTRACE_SEIZE sends no signal and leaves no trace; a doctor that is
 * killed meanwhile lets the thread go, as the system detaches what it traced.
 */
#include "stop.h"

#include <elf.h>
#include <errno.h>
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
