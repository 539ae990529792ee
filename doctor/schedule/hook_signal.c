/* Signals: those that this library needs stay its own.
 *
 * It handles the signals of a crash, and SIGPROF; memory points need SIGSEGV, SIGTRAP and SIGSYS. If the
 * program sets a handler for one of them, the handler is only noted. The library calls it when a signal
 * is none of its own. And the program cannot block these signals: a fault while SIGSEGV is blocked ends
 * the process.
 */
#include "hooks.h"
#include "memory.h"

#include "preload/real.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const int own[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS, SIGPROF};

enum { OWN_COUNT = sizeof own / sizeof own[0] };

/* What the program wants for each of them. */
static struct sigaction wanted[OWN_COUNT];

static int index_of(int number)
{
    for (int i = 0; i < OWN_COUNT; i++)
        if (own[i] == number)
            return i;
    return -1;
}

void thrum__signal_take(int number, void (*handler)(int, siginfo_t *, void *), int flags)
{
    int index = index_of(number);
    (void)REAL(sigaction)(number, NULL, &wanted[index]);
    thrum__memory_handler(number, handler, flags);
}

bool thrum__signal_pass(int number, siginfo_t *info, void *context)
{
    const struct sigaction *action = &wanted[index_of(number)];
    if (action->sa_handler == SIG_DFL)
        return false;
    if (action->sa_handler == SIG_IGN)
        return info->si_code <= 0; /* a fault cannot be ignored */
    if (action->sa_flags & SA_SIGINFO)
        action->sa_sigaction(number, info, context);
    else
        action->sa_handler(number);
    return true;
}

HOOK int sigaction(int number, const struct sigaction *restrict action,
                   struct sigaction *restrict old)
{
    int index = thrum__turn_on() ? index_of(number) : -1;
    if (index < 0)
        return REAL(sigaction)(number, action, old);
    struct sigaction before = wanted[index];
    if (action)
        wanted[index] = *action;
    if (old)
        *old = before;
    return 0;
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
