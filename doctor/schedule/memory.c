/* Memory points: a thread may be preempted between two accesses to shared memory, without instrumentation.
 *
 * The program's variables (.data, .bss) and its own allocations (arena.c) are the data. While code of the
 * program runs, the data is closed: an access to it faults, and the handler of SIGSEGV makes the access a
 * point of the schedule. Then the page is opened, the processor executes that one instruction (the trap
 * flag), and the page is closed again. The code of libraries accesses the data freely, as it may hold a
 * lock that no hook knows, and the kernel does so, too. So there are two modes, and a fault leads from
 * one to the other:
 *
 *   PROGRAM   the data is closed, the program's code is executable. Library code that accesses the data
 *             faults, and so does a system call outside of this library (Syscall User Dispatch:
 *             SIGSYS), as the kernel would refuse a buffer in a closed page: to LIBRARY.
 *   LIBRARY   the data is open, the program's code is not executable. A return or a call to it
 *             faults: to PROGRAM.
 *   OFF       the data is open, the program's code is executable: no second thread has been started, the
 *             last one does not wait, or the run has no memory points.
 *
 * The mode belongs to the process, as only the thread with the turn runs code of the program. A thread that
 * got the turn in a handler sets the mode that it needs; all others are led to theirs by the next
 * fault. Code of this library makes its own system calls (kernel.h), which are allowed in each mode; the
 * handlers return by such a call, too.
 *
 * An instruction that reads, modifies and writes without a lock prefix is two points. Between them other threads
 * may write. The instruction is executed once, after the second point, on the value that was there at
 * the first: for that moment it is put back. So the writes in between are lost, as on two
 * processors.
 *
 * A call of a library function that accesses the data before it has called anything else (memcpy, strlen)
 * is one point, at its first access. Other accesses in libraries are none.
 *
 * A thread that waits in a loop for memory goes behind, and the run has failed if nothing can end the loop (loop.c). For this
 * the last thread that lives has points, too, as long as it does nothing else.
 *
 * An access costs about 20 us. So the number of faults is limited, for a page (pages.c) and for a run. The
 * counts depend on the schedule alone, so a seed repeats them.
 *
 * Rejected: single-stepping all code (100 times as many traps); breakpoints at the instructions that were seen
 * (the next run takes other paths); changing the program's code (what an instruction reaches is not known); userfaultfd
 * (it needs a thread, and privileges). Protection keys would be cheaper, where the processor has them.
 */
#include "memory.h"

#include "arena.h"
#include "instruction.h"
#include "kernel.h"
#include "loop.h"
#include "pages.h"
#include "sharing.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>

#if !defined(__x86_64__)

void thrum__memory_code(uintptr_t start, uintptr_t end)
{
    (void)start;
    (void)end;
}

void thrum__memory_begin(void)
{
    if (thrum__turn_region->instrumented)
        thrum__sharing_begin();
    else if (thrum__turn_region->plan.memory != MEMORY_OFF)
        thrum__turn_region->memory_error = ENOTSUP;
}

void thrum__memory_threads(uint32_t live)
{
    (void)live;
}

void thrum__memory_join(void)
{
}

void thrum__memory_part(void)
{
}

void thrum__memory_leave(void)
{
}

bool thrum__memory_signal(int number, const siginfo_t *info, void *context)
{
    (void)number;
    (void)info;
    (void)context;
    return false;
}

bool thrum__memory_calm(const void *context)
{
    (void)context;
    return true;
}

bool thrum__memory_steps(void)
{
    return false;
}

bool thrum__memory_is_text(const void *place)
{
    (void)place;
    return false;
}

long thrum__memory_handler(int number, void (*handler)(int, siginfo_t *, void *), int flags,
                           uint64_t mask)
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};
    sigemptyset(&action.sa_mask);
    memcpy(&action.sa_mask, &mask, sizeof mask);
    return REAL(sigaction)(number, &action, NULL) == 0 ? 0 : -errno;
}

#else

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#endif

enum {
    FAULTS_MOST = 40000, /* of a run, until it has no more memory points */
    OPENED_MOST = 4,
    LAST_MOST =
        64,     /* faults of the last thread that are no such reads, until it has no more points */
    WRITES = 2, /* bits of the error code of a page fault */
    FETCHES = 16,
    TRAP_FLAG = 0x100,
};

enum mode { MODE_OFF, MODE_PROGRAM, MODE_LIBRARY };

static enum mode mode;
static bool planned;                 /* the run has memory points */
static uint8_t watched;              /* the selector of Syscall User Dispatch: 0 allows all calls */
static uintptr_t own_start, own_end; /* the code of this library */
static uint32_t last_faults;         /* of the only thread that lives */
static bool is_last;

/* The instruction that is executed alone. */
static struct {
    bool active, calls; /* `calls`: it is a system call of the program's own code */
    uintptr_t place;
    uintptr_t opened[OPENED_MOST]; /* addresses on pages */
    int opened_count;
} step;

bool thrum__memory_is_text(const void *place)
{
    return thrum__pages_is_text((uintptr_t)place) || thrum__pages_is_cxx((uintptr_t)place);
}

static bool is_own(uintptr_t address)
{
    return address >= own_start && address < own_end;
}

bool thrum__memory_calm(const void *context)
{
    return !step.active &&
           !is_own((uintptr_t)((const ucontext_t *)context)->uc_mcontext.gregs[REG_RIP]);
}

bool thrum__memory_steps(void)
{
    return step.active;
}

void thrum__memory_leave(void)
{
    planned = false;
    watched = 0;
    step.active = false;
    thrum__arena_shut();
    if (mode == MODE_OFF)
        return;
    (void)thrum__pages_open();
    (void)thrum__pages_text(true);
    mode = MODE_OFF;
}

static void refuse(int error)
{
    thrum__turn_region->memory_error = (uint32_t)error;
    thrum__memory_leave();
}

static void enter(enum mode next)
{
    bool done = true;
    if (mode == next)
        return;
    if (next == MODE_PROGRAM)
        done = thrum__pages_close();
    else if (mode == MODE_PROGRAM)
        done = thrum__pages_open();
    if (next == MODE_LIBRARY || mode == MODE_LIBRARY)
        done &= thrum__pages_text(next != MODE_LIBRARY);
    watched = next == MODE_PROGRAM;
    mode = next;
    if (!done)
        refuse(ENOMEM);
}

/* ---- an access of the program ---- */

static void open_page(uintptr_t address)
{
    thrum__pages_open_one(address);
    if (step.opened_count < OPENED_MOST)
        step.opened[step.opened_count++] = address;
}

static void begin_step(ucontext_t *user, uintptr_t place)
{
    step.active = true;
    step.calls = false;
    step.place = place;
    step.opened_count = 0;
    user->uc_mcontext.gregs[REG_EFL] |= TRAP_FLAG;
}

static void end_step(ucontext_t *user)
{
    for (int i = 0; i < step.opened_count; i++)
        if (mode == MODE_PROGRAM && thrum__pages_is_closed(step.opened[i]))
            thrum__pages_close_one(step.opened[i]);
    step.active = false;
    user->uc_mcontext.gregs[REG_EFL] &= ~TRAP_FLAG;
    if (step.calls)
        enter(MODE_PROGRAM);
}

static void point(enum schedule_kind kind, uintptr_t address, uintptr_t pc)
{
    /* Places are those behind a call: one byte back is inside of the instruction. */
    thrum__turn_point(kind, (const void *)address, kind != STEP_READ, (const void *)(pc + 1));
}

/* The value that the instruction found at its first point is what it works on. */
static void split(uintptr_t address, uintptr_t pc, size_t size)
{
    uint64_t before = 0, after = 0;
    point(STEP_READ, address, pc);
    if (!thrum__pages_peek(address, &before, size))
        return;
    point(STEP_WRITE, address, pc);
    if (thrum__pages_peek(address, &after, size) && before != after)
        thrum__pages_poke(address, &before, size);
}

static void make_points(const ucontext_t *user, uintptr_t address, uintptr_t pc, bool write)
{
    struct instruction what = thrum__instruction((const uint8_t *)pc);
    uint64_t value = 0;
    bool again = thrum__loop_settle(user);
    if (what.updates && what.atomic) {
        point(STEP_ATOMIC, address, pc);
        if (thrum__pages_peek(address, &value, what.size))
            thrum__loop_atomic(pc, address, value, what.size);
    } else {
        if (what.updates && write)
            split(address, pc, what.size);
        else
            point(write ? STEP_WRITE : STEP_READ, address, pc);
        if (write)
            thrum__loop_ends();
        else if (thrum__pages_peek(address, &value, what.size))
            again |= thrum__loop_read(user, pc, address, value);
    }
    if (again)
        last_faults = 0;
}

static void at_access(ucontext_t *user, uintptr_t address, bool write)
{
    uintptr_t pc = (uintptr_t)user->uc_mcontext.gregs[REG_RIP], target;
    if (thrum__pages_is_table(address) && thrum__instruction((const uint8_t *)pc).jumps &&
        thrum__pages_peek(address, &target, sizeof target)) {
        user->uc_mcontext.gregs[REG_RIP] = (greg_t)target;
        return;
    }
    if (is_last && ++last_faults > LAST_MOST)
        enter(MODE_OFF);
    if (++thrum__turn_region->memory_faults >= FAULTS_MOST) {
        thrum__turn_region->memory_worn = 1;
        thrum__memory_leave();
    }
    if (mode == MODE_OFF || thrum__pages_wear(address))
        return;
    if (!thrum__pages_is_table(address) && thrum__sharing_note(address, write)) {
        make_points(user, address, pc, write);
    }
    if (mode == MODE_OFF)
        return;
    enter(MODE_PROGRAM);
    begin_step(user, pc);
    open_page(address);
}

/* True for the return address of a call in the program's code. */
static bool was_called(uintptr_t place)
{
    const uint8_t *code = (const uint8_t *)place;
    return thrum__pages_is_text(place - 6) && thrum__pages_is_text(place) &&
           (code[-5] == 0xe8 || code[-6] == 0xff || code[-2] == 0xff);
}

/* A function of a library that the program called, and that has not called others, finds the return
 * address on top of the stack. */
static void at_library_access(const ucontext_t *user, uintptr_t address, bool write)
{
    uintptr_t top;
    memcpy(&top, (const void *)(uintptr_t)user->uc_mcontext.gregs[REG_RSP], sizeof top);
    if (was_called(top) && !is_own((uintptr_t)user->uc_mcontext.gregs[REG_RIP]) &&
        thrum__pages_is_data(address) && thrum__sharing_note(address, write)) {
        thrum__loop_ends();
        point(write ? STEP_WRITE : STEP_READ, address, top - 1);
    }
    if (mode == MODE_PROGRAM)
        enter(MODE_LIBRARY);
}

/* ---- signals ---- */

static bool at_fault(const siginfo_t *info, ucontext_t *user)
{
    uintptr_t address = (uintptr_t)info->si_addr, pc = (uintptr_t)user->uc_mcontext.gregs[REG_RIP];
    unsigned long error = (unsigned long)user->uc_mcontext.gregs[REG_ERR];
    if (mode == MODE_OFF || info->si_code != SEGV_ACCERR)
        return false;
    if (!*thrum__turn_here) { /* a handler of a fork, in the child */
        thrum__memory_leave();
        return true;
    }
    if (!thrum__turn_on() || thrum__turn_self->tid != thrum__turn_running()) {
        refuse(EBUSY); /* a thread that has ended, or not yet begun */
        return thrum__pages_is_data(address) || thrum__pages_is_text(address);
    }
    if (error & FETCHES) {
        if (mode != MODE_LIBRARY || !thrum__pages_is_text(address))
            return false;
        enter(MODE_PROGRAM);
        return true;
    }
    if (mode != MODE_PROGRAM || !thrum__pages_is_closed(address))
        return false;
    if (step.active)
        open_page(address);
    else if (thrum__pages_is_text(pc))
        at_access(user, address, error & WRITES);
    else
        at_library_access(user, address, error & WRITES);
    return true;
}

static bool at_trap(ucontext_t *user)
{
    if (!step.active)
        return false;
    /* A repeated string instruction stops after each element. */
    if ((uintptr_t)user->uc_mcontext.gregs[REG_RIP] != step.place || step.calls)
        end_step(user);
    return true;
}

/* The call is made again, now that it is allowed: the instruction has two bytes. */
static bool at_call(ucontext_t *user)
{
    uintptr_t pc = (uintptr_t)user->uc_mcontext.gregs[REG_RIP] - 2;
    user->uc_mcontext.gregs[REG_RIP] = (greg_t)pc;
    if (!thrum__pages_is_text(pc)) {
        enter(MODE_LIBRARY);
        return true;
    }
    enter(MODE_OFF);
    begin_step(user, pc);
    step.calls = true;
    return true;
}

bool thrum__memory_signal(int number, const siginfo_t *info, void *context)
{
    switch (number) {
    case SIGSEGV:
        return at_fault(info, context);
    case SIGTRAP:
        return at_trap(context);
    default:
        return info->si_code == 2 && at_call(context); /* SYS_USER_DISPATCH */
    }
}

/* The end of a handler, by a call that is allowed. The directives tell a debugger where the registers of
 * the interrupted code are: in the context that the stack pointer points to. */
void thrum__memory_restore(void);

__asm__(".text\n"
        ".hidden thrum__memory_restore\n"
        ".globl thrum__memory_restore\n"
        ".type thrum__memory_restore, @function\n"
        ".cfi_startproc simple\n"
        ".cfi_signal_frame\n"
        ".cfi_escape 0x0f, 4, 0x77, 0xa0, 1, 6\n"  /* the frame: rsp */
        ".cfi_escape 0x10, 3, 3, 0x77, 0x80, 1\n"  /* rbx */
        ".cfi_escape 0x10, 6, 3, 0x77, 0xf8, 0\n"  /* rbp */
        ".cfi_escape 0x10, 12, 3, 0x77, 0xc8, 0\n" /* r12 */
        ".cfi_escape 0x10, 13, 3, 0x77, 0xd0, 0\n" /* r13 */
        ".cfi_escape 0x10, 14, 3, 0x77, 0xd8, 0\n" /* r14 */
        ".cfi_escape 0x10, 15, 3, 0x77, 0xe0, 0\n" /* r15 */
        ".cfi_escape 0x10, 16, 3, 0x77, 0xa8, 1\n" /* rip */
        "nop\n" /* the caller is looked up one byte before the return address */
        "thrum__memory_restore:\n"
        "movq $15, %rax\n"
        "syscall\n"
        ".cfi_endproc\n"
        ".size thrum__memory_restore, . - thrum__memory_restore\n");

long thrum__memory_handler(int number, void (*handler)(int, siginfo_t *, void *), int flags,
                           uint64_t mask)
{
    const struct {
        void (*handler)(int, siginfo_t *, void *);
        unsigned long flags;
        void (*restorer)(void);
        uint64_t mask;
    } action = {handler, (unsigned long)(SA_SIGINFO | flags) | 0x04000000, thrum__memory_restore,
                mask};
    return thrum__kernel(SYS_rt_sigaction, number, (long)&action, 0, sizeof action.mask, 0);
}

/* ---- the program and a run ---- */

void thrum__memory_code(uintptr_t start, uintptr_t end)
{
    own_start = start;
    own_end = end;
}

void thrum__memory_begin(void)
{
    const struct schedule_region *region = thrum__turn_region;
    if (region->instrumented) /* race.c has the points */
        thrum__sharing_begin();
    if (region->instrumented || region->plan.memory == MEMORY_OFF)
        return;
    if (!own_end || !thrum__pages_begin()) {
        refuse(ENOTSUP);
        return;
    }
    planned = true;
    thrum__sharing_begin();
    thrum__memory_join();
}

void thrum__memory_join(void)
{
    if (!planned)
        return;
    long rc = thrum__kernel(SYS_prctl, PR_SET_SYSCALL_USER_DISPATCH, 1, (long)own_start,
                            (long)(own_end - own_start), (long)&watched);
    if (rc != 0)
        refuse((int)-rc);
}

void thrum__memory_part(void)
{
    if (planned)
        (void)thrum__kernel(SYS_prctl, PR_SET_SYSCALL_USER_DISPATCH, 0, 0, 0, 0);
}

void thrum__memory_threads(uint32_t live)
{
    if (!planned)
        return;
    is_last = live < 2;
    last_faults = 0;
    if (!is_last && mode == MODE_OFF)
        enter(MODE_LIBRARY);
}

#endif
