/* Signals as events.
 *
 * The handler (base/signal.c) sets a flag for the number and writes to a wake descriptor. A fiber
 * or thread waits for that as for every descriptor. A waiter that wakes drains it first and then
 * reads the flags, so a signal between the two is seen, or wakes again. A waiter that takes one
 * flag while others are set writes for the next waiter.
 *
 * Rejected: signalfd. The signals would have to be blocked in every thread, also in threads of
 * other libraries, and would stay blocked in programs started by exec.
 */
#include "base/memory.h"
#include "base/poller.h"
#include "base/signal.h"
#include "net/descriptor.h"
#include <thrum/signals.h>
#include <thrum/socket.h>

#include <errno.h>
#include <string.h>

struct thrum_signals {
    int wake;
    size_t count;
    int numbers[];
};

static void unwatch(thrum_signals *signals, size_t count)
{
    for (size_t i = 0; i < count; i++)
        thrum__signal_unwatch(signals->numbers[i]);
    thrum__free(signals);
}

int thrum_signals_new(const int *numbers, size_t count, thrum_signals **ret_signals)
{
    enum { MOST = 64 };
    if (count == 0 || count > MOST)
        return -EINVAL;
    int wake = thrum__signal_wake(numbers[0]);
    if (wake < 0)
        return wake;
    thrum_signals *signals = thrum__alloc(sizeof *signals + count * sizeof *numbers);
    if (!signals)
        return -ENOMEM;
    signals->wake = wake;
    signals->count = count;
    memcpy(signals->numbers, numbers, count * sizeof *numbers);
    for (size_t i = 0; i < count; i++) {
        int rc = thrum__signal_watch(numbers[i], wake);
        if (rc < 0) {
            unwatch(signals, i);
            return rc;
        }
    }
    *ret_signals = signals;
    return 0;
}

/* The first that has come, or 0. */
static int take(const thrum_signals *signals)
{
    int taken = 0;
    for (size_t i = 0; i < signals->count; i++) {
        int number = signals->numbers[i];
        if (!taken && thrum__signal_take(number)) {
            taken = number;
        } else if (taken && thrum__signal_there(number)) {
            thrum__wake_send(signals->wake);
            break;
        }
    }
    return taken;
}

int thrum_signals_wait(thrum_signals *signals, thrum_deadline deadline)
{
    for (;;) {
        int number = take(signals);
        if (number)
            return number;
        int rc = thrum_wait_readable(signals->wake, deadline);
        if (rc < 0)
            return rc;
        thrum__wake_drain(signals->wake);
    }
}

static int case_attempt(thrum_case *of)
{
    int number = take(of->object_);
    if (!number)
        return -EAGAIN;
    *(int *)of->with_.ret_ = number;
    return 0;
}

static void case_prepare(thrum__select_place *place)
{
    const thrum_signals *signals = place->of->object_;
    thrum__descriptor_select_prepare(place, signals->wake, THRUM__READABLE);
}

static int case_settle(thrum__select_place *place)
{
    const thrum_signals *signals = place->of->object_;
    thrum__wake_drain(signals->wake);
    return case_attempt(place->of);
}

thrum_case thrum_case_signals(thrum_signals *signals, int *ret_number)
{
    static const thrum__case_ops ops = {.attempt = case_attempt,
                                        .prepare = case_prepare,
                                        .enqueue = thrum__descriptor_select_enqueue,
                                        .withdraw = thrum__descriptor_select_withdraw,
                                        .settle = case_settle};
    return (thrum_case){.ops_ = &ops, .object_ = signals, .with_.ret_ = ret_number};
}

void thrum_signals_free(thrum_signals *signals)
{
    if (signals)
        unwatch(signals, signals->count);
}
