/* Signals: those that this library needs stay its own, and waits for the others.
 *
 * It handles the signals of a crash, and SIGPROF; memory points need SIGSEGV, SIGTRAP and SIGSYS. If the
 * program sets a handler for one of them, the handler is only noted. The library calls it when a signal
 * is none of its own. And the program cannot block these signals: a fault while SIGSEGV is blocked ends
 * the process.
 *
 * A handler of another signal is called when its thread has the turn. Until then the signal is deferred: the thread blocks it,
 * and sends it to itself once more. A thread that waits, at whatever, goes on for the handler, and then waits again.
 * The handler may make any call: what the thread was about to do is kept meanwhile.
 *
 * A thread that waits for a signal gives up its turn until one is there. It blocks the signals meanwhile, so they stay
 * pending, and a handler runs when the thread has its turn. Each thread sees a pending signal of the process, but
 * a signal to a thread alone is seen by that thread only: so the hooks of pthread_kill and kill note it.
 * If nothing can happen any more, such a wait is no deadlock: turns.c ends the run, or sends the signal of the plan.
 */
#include "hooks.h"
#include "kernel.h"
#include "memory.h"
#include "race.h"

#include "preload/real.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

enum {
    SET_SIZE = 8, /* bytes of a set in the kernel */
    SIGNALS = 65, /* numbers of signals */
    ARRIVAL_NS = 20000,
    ARRIVAL_TRIES = 10000, /* in case that the thread never runs */
};

/* Signals that the C library uses itself: 32 and 33. */
#define LIBRARY_OWN (3ull << 31)

static const int own[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS, SIGPROF};

enum { OWN_COUNT = sizeof own / sizeof own[0] };

/* What the program wants for each signal. */
static struct sigaction wanted[SIGNALS];
static bool handles_any;

static bool is_own(int number)
{
    for (int i = 0; i < OWN_COUNT; i++)
        if (own[i] == number)
            return true;
    return false;
}

static uint64_t bit_of(int number)
{
    return number > 0 && number <= 64 ? 1ull << (number - 1) : 0;
}

void thrum__signal_take(int number, void (*handler)(int, siginfo_t *, void *), int flags)
{
    (void)REAL(sigaction)(number, NULL, &wanted[number]);
    (void)thrum__memory_handler(number, handler, flags, 0);
}

static void call(const struct sigaction *action, int number, siginfo_t *info, void *context)
{
    if (action->sa_flags & SA_SIGINFO)
        action->sa_sigaction(number, info, context);
    else
        action->sa_handler(number);
}

bool thrum__signal_pass(int number, siginfo_t *info, void *context)
{
    const struct sigaction *action = &wanted[number];
    if (action->sa_handler == SIG_DFL)
        return false;
    if (action->sa_handler == SIG_IGN)
        return info->si_code <= 0; /* a fault cannot be ignored */
    call(action, number, info, context);
    return true;
}

/* ---- handlers of the program ---- */

/* Signals whose handlers this thread calls now, although the code of this library is interrupted. No bit is set while
 * a handler runs. So a handler that does not return (siglongjmp) leaves no bit behind. */
static __thread uint64_t due __attribute__((tls_model("initial-exec")));

/* Called for a signal of the program. The thread goes on to wait for its turn, with the signal blocked. */
static void defer(int number, siginfo_t *info, ucontext_t *user)
{
    sigaddset(&user->uc_sigmask, number);
    __atomic_fetch_or(&thrum__turn_self->deferred, bit_of(number), __ATOMIC_RELAXED);
    (void)thrum__kernel(SYS_rt_tgsigqueueinfo, thrum__kernel(SYS_getpid, 0, 0, 0, 0, 0),
                        thrum__turn_self->tid, number, (long)info, 0);
}

/* True if the handler may be called here. A signal beside those that are due waits, as their handlers would be called
 * after it: never, if it does not return. */
static bool may_call(int number, void *context)
{
    return due ? (due & bit_of(number)) != 0 : thrum__turn_has() && thrum__memory_calm(context);
}

static void at_signal(int number, siginfo_t *info, void *context)
{
    struct turn_thread *self = thrum__turn_self;
    int error = errno;
    if (thrum__turn_on() && !may_call(number, context)) {
        defer(number, info, context);
        errno = error;
        return;
    }
    struct sigaction action = wanted[number];
    if (action.sa_flags & SA_RESETHAND)
        (void)signal(number, SIG_DFL);
    if (action.sa_handler == SIG_DFL || action.sa_handler == SIG_IGN)
        return; /* of a fork, or reset since */
    if (!thrum__turn_on()) {
        call(&action, number, info, context);
        return;
    }
    const struct turn_act before = self->act;
    uint64_t others = due & ~bit_of(number);
    due = 0;
    call(&action, number, info, context);
    due = others;
    self->act = before;
    errno = error;
}

/* They are pending: the kernel calls the handler before it returns. One is delivered at a time: the others stay blocked if
 * the handler does not return, and come when it restores the mask. */
void thrum__signal_deliver(void)
{
    struct turn_thread *self = thrum__turn_self;
    if (!__atomic_load_n(&self->deferred, __ATOMIC_RELAXED))
        return;
    uint64_t signals = __atomic_exchange_n(&self->deferred, 0, __ATOMIC_RELAXED);
    while (signals) {
        uint64_t one = signals & -signals;
        signals &= ~one;
        due = one;
        (void)thrum__kernel(SYS_rt_sigprocmask, SIG_UNBLOCK, (long)&one, 0, SET_SIZE, 0);
        due = 0;
    }
}

bool thrum__signal_handled(void)
{
    return handles_any;
}

/* Lets the system call at_signal. */
static int take_over(int number, const struct sigaction *action)
{
    uint64_t mask;
    memcpy(&mask, &action->sa_mask, sizeof mask);
    for (int i = 0; i < OWN_COUNT; i++)
        mask &= ~bit_of(own[i]);
    long rc = thrum__memory_handler(number, at_signal, action->sa_flags & ~(int)SA_RESETHAND, mask);
    handles_any |= rc == 0;
    errno = rc == 0 ? errno : (int)-rc;
    return rc == 0 ? 0 : -1;
}

static bool is_handler(const struct sigaction *action)
{
    return action->sa_handler != SIG_DFL && action->sa_handler != SIG_IGN;
}

HOOK int sigaction(int number, const struct sigaction *restrict action,
                   struct sigaction *restrict old)
{
    if (!thrum__turn_on() || number <= 0 || number >= SIGNALS)
        return REAL(sigaction)(number, action, old);
    struct sigaction before = wanted[number];
    int rc = 0;
    if (!is_own(number)) {
        struct sigaction found;
        if (REAL(sigaction)(number, NULL, &found) == 0 && found.sa_sigaction != at_signal)
            before = found; /* of a constructor, or inherited */
        if (action)
            wanted[number] = *action; /* before the first signal */
        if (action)
            rc = is_handler(action) ? take_over(number, action)
                                    : REAL(sigaction)(number, action, NULL);
        if (rc != 0)
            wanted[number] = before;
    } else if (action)
        wanted[number] = *action;
    if (rc == 0 && old)
        *old = before;
    return rc;
}

HOOK __sighandler_t signal(int number, __sighandler_t handler)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART}, old;
    sigemptyset(&action.sa_mask);
    return sigaction(number, &action, &old) == 0 ? old.sa_handler : SIG_ERR;
}

/* The set without the library's own signals, in `copy`. */
static const sigset_t *without_own(const sigset_t *set, sigset_t *copy)
{
    if (!set || !thrum__turn_on())
        return set;
    *copy = *set;
    for (int i = 0; i < OWN_COUNT; i++)
        if (own[i] != SIGABRT)
            sigdelset(copy, own[i]);
    return copy;
}

HOOK int pthread_sigmask(int how, const sigset_t *restrict set, sigset_t *restrict old)
{
    sigset_t copy;
    return REAL(pthread_sigmask)(how, how == SIG_UNBLOCK ? set : without_own(set, &copy), old);
}

HOOK int sigprocmask(int how, const sigset_t *restrict set, sigset_t *restrict old)
{
    int rc = pthread_sigmask(how, set, old);
    if (rc == 0)
        return 0;
    errno = rc;
    return -1;
}

/* ---- waits ---- */

static bool timer_runs; /* it may send a signal in real time */

bool thrum__signal_timer(void)
{
    return timer_runs;
}

static uint64_t bits_of(const sigset_t *set)
{
    uint64_t bits;
    memcpy(&bits, set, sizeof bits);
    for (int i = 0; i < OWN_COUNT; i++)
        if (own[i] != SIGABRT)
            bits &= ~bit_of(own[i]);
    return bits;
}

static bool is_there(void *argument)
{
    const struct turn_thread *thread = argument;
    uint64_t pending = 0;
    (void)thrum__kernel(SYS_rt_sigpending, (long)&pending, SET_SIZE, 0, 0, 0);
    return ((pending | thread->directed) & thread->act.awaited) != 0;
}

static enum turn_source by_signal(void *unused, bool certain)
{
    (void)unused, (void)certain;
    return SOURCE_SIGNAL;
}

/* Waits until one of the signals is pending. False if the deadline has passed. */
static bool wait_for(uint64_t signals, int64_t deadline)
{
    struct turn_thread *self = thrum__turn_self;
    bool there;
    self->act.awaited = signals;
    while (!(there = is_there(self)) && deadline > thrum__turn_now()) {
        thrum__turn_io(is_there, by_signal, self, deadline);
        thrum__turn_cancel_point();
    }
    self->act.awaited = 0;
    return there;
}

/* Takes one of the signals, without waiting: its number, or a negative errno. */
static int take(uint64_t signals, siginfo_t *info)
{
    static const struct timespec now = {0, 0};
    int number = (int)thrum__kernel(SYS_rt_sigtimedwait, (long)&signals, (long)info, (long)&now,
                                    SET_SIZE, 0);
    thrum__turn_self->directed &= number > 0 ? ~bit_of(number) : ~signals;
    return number;
}

static int wait_and_take(uint64_t signals, siginfo_t *info, int64_t deadline, const void *place)
{
    int number = -EAGAIN;
    thrum__turn_point(STEP_SIGNAL_WAIT, NULL, true, place);
    thrum__turn_cancel_point();
    while (number == -EAGAIN && wait_for(signals, deadline))
        number = take(signals, info);
    thrum__race_acquire(&timer_runs);
    return number;
}

HOOK int sigtimedwait(const sigset_t *restrict set, siginfo_t *restrict info,
                      const struct timespec *restrict timeout)
{
    siginfo_t found;
    uint64_t signals = bits_of(set);
    int number;
    if (thrum__turn_on())
        number =
            wait_and_take(signals, &found, timeout ? thrum__turn_after(timeout) : NEVER, PLACE);
    else
        number = (int)thrum__kernel(SYS_rt_sigtimedwait, (long)&signals, (long)&found,
                                    (long)timeout, SET_SIZE, 0);
    if (number > 0 && info)
        *info = found;
    errno = number > 0 ? errno : -number;
    return number > 0 ? number : -1;
}

HOOK int sigwaitinfo(const sigset_t *restrict set, siginfo_t *restrict info)
{
    siginfo_t found;
    if (!thrum__turn_on())
        return sigtimedwait(set, info, NULL);
    int number = wait_and_take(bits_of(set), &found, NEVER, PLACE);
    if (info)
        *info = found;
    return number;
}

HOOK int sigwait(const sigset_t *restrict set, int *restrict ret_number)
{
    siginfo_t found;
    int number = thrum__turn_on() ? wait_and_take(bits_of(set), &found, NEVER, PLACE)
                                  : sigtimedwait(set, &found, NULL);
    *ret_number = number;
    return number > 0 ? 0 : errno;
}

/* Waits until a handler has run, with these signals blocked meanwhile. */
static int suspend(uint64_t blocked, const void *place)
{
    static const struct timespec now = {0, 0};
    uint64_t all = ~LIBRARY_OWN, before;
    for (int i = 0; i < OWN_COUNT; i++)
        all &= ~bit_of(own[i]);
    thrum__turn_point(STEP_SIGNAL_WAIT, NULL, true, place);
    thrum__turn_cancel_point();
    (void)thrum__kernel(SYS_rt_sigprocmask, SIG_SETMASK, (long)&all, (long)&before, SET_SIZE, 0);
    long rc = 0;
    while (rc != -EINTR && wait_for(all & ~blocked, NEVER)) {
        /* Handlers run here. What is ignored is dropped here, too. */
        due = ~0ull;
        rc = thrum__kernel(SYS_ppoll, 0, 0, (long)&now, (long)&blocked, SET_SIZE);
        due = 0;
        thrum__turn_self->directed &= blocked;
    }
    (void)thrum__kernel(SYS_rt_sigprocmask, SIG_SETMASK, (long)&before, 0, SET_SIZE, 0);
    thrum__race_acquire(&timer_runs);
    errno = EINTR;
    return -1;
}

HOOK int sigsuspend(const sigset_t *set)
{
    uint64_t blocked = bits_of(set);
    if (thrum__turn_on())
        return suspend(blocked, PLACE);
    errno = (int)-thrum__kernel(SYS_rt_sigsuspend, (long)&blocked, SET_SIZE, 0, 0, 0);
    return -1;
}

HOOK int pause(void)
{
    uint64_t blocked = 0;
    (void)thrum__kernel(SYS_rt_sigprocmask, SIG_SETMASK, 0, (long)&blocked, SET_SIZE, 0);
    if (thrum__turn_on())
        return suspend(blocked, PLACE);
    errno = (int)-thrum__kernel(SYS_rt_sigsuspend, (long)&blocked, SET_SIZE, 0, 0, 0);
    return -1;
}

/* ---- sending ---- */

static uint64_t set_in(const char *text, const char *name)
{
    const char *line = strstr(text, name);
    return line ? strtoull(line + strlen(name), NULL, 16) : ~0ull;
}

/* The signals that the thread blocks, and those that wait for it, as the system tells. */
static void look_at(const struct turn_thread *thread, uint64_t *ret_blocked, uint64_t *ret_pending)
{
    static char text[4096]; /* of the thread with the turn */
    snprintf(text, sizeof text, "/proc/self/task/%u/status", thread->tid);
    int file = (int)thrum__kernel(SYS_openat, AT_FDCWD, (long)text, O_RDONLY | O_CLOEXEC, 0, 0);
    long size = file < 0 ? 0 : thrum__kernel(SYS_read, file, (long)text, sizeof text - 1, 0, 0);
    if (file >= 0)
        (void)thrum__kernel(SYS_close, file, 0, 0, 0, 0);
    text[size > 0 ? size : 0] = 0;
    *ret_blocked = set_in(text, "\nSigBlk:");
    *ret_pending = set_in(text, "\nSigPnd:");
}

static bool is_deferred(const struct turn_thread *thread, int number)
{
    return __atomic_load_n(&thread->deferred, __ATOMIC_RELAXED) & bit_of(number);
}

static bool accepts(const struct turn_thread *thread, int number)
{
    uint64_t blocked, pending;
    look_at(thread, &blocked, &pending);
    return is_deferred(thread, number) || !(blocked & bit_of(number));
}

/* True if the thread has deferred the signal, or the program blocks it. It is blocked in at_signal, too, and not pending. */
static bool has_arrived(const struct turn_thread *thread, int number)
{
    uint64_t blocked, pending;
    if (is_deferred(thread, number))
        return true;
    look_at(thread, &blocked, &pending);
    return blocked & pending & bit_of(number);
}

/* The thread that gets a signal of the process: a thread that waits for it, or the first that does not block it. The
 * system chooses the same. NULL if it stays pending, or no handler of the program is called. */
static struct turn_thread *receiver_of(int number)
{
    struct turn_thread *thread = thrum__turn_awaits(bit_of(number));
    if (thread || is_own(number) || !is_handler(&wanted[number]))
        return thread;
    for (uint32_t i = 0; i < thrum__turn_region->thread_count; i++) {
        const struct schedule_thread *shown = &thrum__turn_region->threads[i];
        thread = (struct turn_thread *)(uintptr_t)shown->record;
        if (shown->state != THREAD_GONE && shown->state != THREAD_FREE && accepts(thread, number))
            return thread;
    }
    return NULL;
}

/* If a signal arrived later than it was sent, all threads might seem to wait for each other. */
static void await_arrival(const struct turn_thread *thread, int number)
{
    static const struct timespec rest = {0, ARRIVAL_NS};
    for (int i = 0;
         i < ARRIVAL_TRIES && is_handler(&wanted[number]) && !has_arrived(thread, number); i++)
        (void)thrum__kernel(SYS_nanosleep, (long)&rest, 0, 0, 0, 0);
}

static long send_to(struct turn_thread *thread, int number)
{
    long rc = thrum__kernel(SYS_tgkill, getpid(), thread->tid, number, 0, 0);
    if (rc == 0 && thread == thrum__turn_self)
        thrum__signal_deliver();
    else if (rc == 0) {
        thread->directed |= bit_of(number);
        if (!is_own(number))
            await_arrival(thread, number);
    }
    return rc;
}

void thrum__signal_send(int number)
{
    struct turn_thread *thread = receiver_of(number);
    if (thread)
        (void)send_to(thread, number);
    else
        (void)thrum__kernel(SYS_kill, getpid(), number, 0, 0, 0);
}

HOOK int kill(pid_t pid, int number)
{
    struct turn_thread *thread = NULL;
    if (thrum__turn_on() && number > 0 && number < SIGNALS) {
        thrum__turn_point(STEP_SIGNAL_SEND, NULL, true, PLACE);
        thrum__race_release(&timer_runs);
        thread = pid == getpid() ? receiver_of(number) : NULL;
    }
    long rc = thread ? send_to(thread, number) : thrum__kernel(SYS_kill, pid, number, 0, 0, 0);
    errno = rc < 0 ? (int)-rc : errno;
    return rc < 0 ? -1 : 0;
}

HOOK int pthread_kill(pthread_t thread, int number)
{
    struct turn_thread *other = thrum__turn_on() ? thrum__turn_find(thread) : NULL;
    if (!other || other->ended || number <= 0 || number >= SIGNALS)
        return REAL(pthread_kill)(thread, number);
    thrum__turn_point(STEP_SIGNAL_SEND, NULL, true, PLACE);
    thrum__race_release(&timer_runs);
    return (int)-send_to(other, number);
}

HOOK int setitimer(__itimer_which_t which, const struct itimerval *restrict value,
                   struct itimerval *restrict old)
{
    timer_runs |= thrum__turn_on() && value && (value->it_value.tv_sec || value->it_value.tv_usec);
    return REAL(setitimer)(which, value, old);
}

HOOK unsigned alarm(unsigned seconds)
{
    struct itimerval value = {.it_value.tv_sec = seconds}, old;
    if (setitimer(ITIMER_REAL, &value, &old) != 0)
        return 0;
    return (unsigned)old.it_value.tv_sec + (old.it_value.tv_usec > 0);
}

HOOK int timer_settime(timer_t timer, int flags, const struct itimerspec *restrict value,
                       struct itimerspec *restrict old)
{
    timer_runs |= thrum__turn_on();
    return REAL(timer_settime)(timer, flags, value, old);
}
