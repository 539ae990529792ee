#include "base/signal.h"
#include "base/poller.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>

enum { NUMBERS = 65 };

static struct {
    uint32_t taken; /* by a watcher */
    uint32_t there; /* it has come */
    int32_t wake;   /* the wake descriptor of the watcher */
    int32_t spare;  /* a wake descriptor, plus 1; of the first signal of a watcher */
    struct sigaction before;
} slots[NUMBERS];

static bool is_number(int number)
{
    return number > 0 && number < NUMBERS;
}

static bool is_fault(int number)
{
    return number == SIGSEGV || number == SIGBUS || number == SIGFPE || number == SIGILL ||
           number == SIGABRT || number == SIGTRAP || number == SIGSYS;
}

static void note(int number)
{
    int error = errno;
    __atomic_store_n(&slots[number].there, 1, __ATOMIC_RELEASE);
    thrum__wake_send(__atomic_load_n(&slots[number].wake, __ATOMIC_ACQUIRE));
    errno = error;
}

int thrum__signal_watch(int number, int wake)
{
    if (!is_number(number) || is_fault(number))
        return -EINVAL;
    if (__atomic_exchange_n(&slots[number].taken, 1, __ATOMIC_ACQUIRE))
        return -EBUSY;
    struct sigaction action = {.sa_handler = note, .sa_flags = SA_RESTART};
    sigfillset(&action.sa_mask);
    __atomic_store_n(&slots[number].there, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&slots[number].wake, wake, __ATOMIC_RELEASE);
    if (sigaction(number, &action, &slots[number].before) == 0)
        return 0;
    __atomic_store_n(&slots[number].taken, 0, __ATOMIC_RELEASE);
    return -EINVAL;
}

void thrum__signal_unwatch(int number)
{
    sigaction(number, &slots[number].before, NULL);
    __atomic_store_n(&slots[number].taken, 0, __ATOMIC_RELEASE);
}

bool thrum__signal_take(int number)
{
    return __atomic_exchange_n(&slots[number].there, 0, __ATOMIC_ACQUIRE);
}

bool thrum__signal_there(int number)
{
    return __atomic_load_n(&slots[number].there, __ATOMIC_ACQUIRE);
}

int thrum__signal_wake(int number)
{
    if (!is_number(number))
        return -EINVAL;
    int32_t spare = __atomic_load_n(&slots[number].spare, __ATOMIC_ACQUIRE);
    if (spare)
        return spare - 1;
    int wake = thrum__wake_new();
    if (wake < 0)
        return wake;
    if (__atomic_compare_exchange_n(&slots[number].spare, &spare, wake + 1, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE))
        return wake;
    thrum__os_close(wake);
    return spare - 1;
}
