/* A descriptor that several callers use, and the waits for it.
 *
 * A descriptor must not be closed in the kernel while a caller is about to use it: the next open
 * would get its number, and read() would read from that file. So a descriptor counts the calls in
 * progress, and the last of them closes it in the kernel.
 *
 *     state      means
 *     CLOSED     no call may begin; waiters are woken
 *     LET_GO     the owner has freed it: the last call frees the memory
 *     GUARD      a thread uses the queue of waiters
 *     ONE        counts the calls
 *
 *     enter   any           + ONE unless CLOSED; in a child of fork, all anew first
 *     leave   any           - ONE; the call that leaves no calls behind closes the number if
 *             CLOSED, and frees the
 *                           memory if LET_GO
 *     shut    within a call + CLOSED under the guard
 *     let go  the owner     + LET_GO; frees the memory if no call is in progress
 *
 * With CLOSED set no call begins, so the count stays at none once it is there, and exactly one
 * leave sees it. That leave has read the number before. After its subtraction it touches the memory
 * only if it found LET_GO in the same word; otherwise the owner finds no calls when it sets LET_GO,
 * and frees.
 *
 * A wait stands in two queues with one claim. A close finds it in the descriptor's queue, from any
 * thread. Readiness finds it in the reactor of a fiber's worker (fiber/reactor.c) or in a thread's
 * own poll (park/poll_park.c), which other threads do not touch. Whichever of these, the deadline
 * or a cancellation comes first wins the claim. A wait that finds CLOSED under the guard does not
 * begin; a wait that was queued before is claimed by the close. So no wait misses a close.
 *
 * If the system gives a worker no poller, or no memory to watch one more descriptor, a fiber's wait
 * ends after SLICE_NS and its caller tries again. So waits never fail for lack of anything.
 *
 * A child of fork has the descriptor, and none of the threads and fibers that were in calls. Their
 * count would never fall, and the waiters lie on stacks that new threads get. So the first call in
 * the child forgets them (settle), and closes the number if the last of them would have done so.
 * The parent has its own words and sees nothing of that; nor does its poller, because a descriptor
 * leaves it only when no process has the connection any more.
 *
 * Rejected: shutdown(2) to wake waiters: it would end the connection for other processes that have
 * it, and some descriptors cannot be shut down.
 *
 * Source: Go's internal/poll.FD counts users and defers the close in the same way.
 */
#include "net/descriptor.h"
#include "base/clock.h"
#include "base/process.h"
#include "base/spin.h"
#include "fiber/reactor.h"
#include "park/guard.h"
#include "park/park.h"
#include "park/poll_park.h"
#include <thrum/socket.h>

#include <errno.h>

enum { CLOSED = 1, LET_GO = 2, GUARD = 4, ONE = 8 };
enum { SLICE_NS = 10000000 };

static uint64_t owners;

void thrum__descriptor_init(thrum__descriptor *descriptor, int number)
{
    *descriptor = (thrum__descriptor){.process = thrum__process_generation,
                                      .number = number,
                                      .owner = thrum__add_relaxed(&owners, 1) + 1};
}

enum { SETTLING = 0 }; /* no generation */

/* Makes it this process's own. Several threads of a child may come at once: one does it. */
static void settle(thrum__descriptor *descriptor)
{
    uint32_t turn = 0, found = thrum__load_acquire(&descriptor->process);
    while (found != thrum__process_generation) {
        if (found != SETTLING && thrum__cas_acquire(&descriptor->process, &found, SETTLING)) {
            uint32_t state = thrum__load_relaxed(&descriptor->state);
            if ((state & CLOSED) && state / ONE)
                thrum__os_close(descriptor->number);
            descriptor->waiters = NULL;
            thrum__store_relaxed(&descriptor->state, state & (CLOSED | LET_GO));
            thrum__store_release(&descriptor->process, thrum__process_generation);
        } else {
            thrum__spin(&turn);
        }
        found = thrum__load_acquire(&descriptor->process);
    }
}

int thrum__descriptor_enter(thrum__descriptor *descriptor)
{
    if (thrum__load_acquire(&descriptor->process) != thrum__process_generation)
        settle(descriptor);
    uint32_t state = thrum__load_relaxed(&descriptor->state);
    do {
        if (state & CLOSED)
            return -EBADF;
    } while (!thrum__cas_acquire(&descriptor->state, &state, state + ONE));
    return 0;
}

bool thrum__descriptor_leave(thrum__descriptor *descriptor)
{
    int number = descriptor->number;
    uint32_t before = thrum__sub_acq_rel(&descriptor->state, ONE);
    if (before / ONE > 1 || !(before & CLOSED))
        return false;
    thrum__os_close(number);
    return before & LET_GO;
}

int thrum__descriptor_shut(thrum__descriptor *descriptor)
{
    uint32_t won = 0;
    thrum__waiter *chain = NULL;
    int rc = 0;
    thrum__guard_acquire(&descriptor->state, GUARD);
    if (thrum__load_relaxed(&descriptor->state) & CLOSED)
        rc = -EBADF;
    else
        thrum__add_relaxed(&descriptor->state, CLOSED);
    chain = thrum__waiters_claim_chain(&descriptor->waiters, UINT32_MAX, &won);
    thrum__guard_release(&descriptor->state, GUARD);
    thrum__unpark_chain(chain);
    return rc;
}

bool thrum__descriptor_let_go(thrum__descriptor *descriptor)
{
    return thrum__add_acq_rel(&descriptor->state, LET_GO) / ONE == 0;
}

/* ----------------------------------------------------------------------------------------- waits */

/* Puts a waiter where a close finds it; false if that has come. */
static bool enqueue(thrum__descriptor *descriptor, thrum__waiter *waiter)
{
    uint32_t state = thrum__guard_acquire(&descriptor->state, GUARD);
    if (!(state & CLOSED))
        thrum__waiters_push_back(&descriptor->waiters, waiter);
    thrum__guard_release(&descriptor->state, GUARD);
    return !(state & CLOSED);
}

/* A wait of the calling context that a close ends; `reactor` as well, if it is not NULL, and the `ready`
 * waiter of its own poll. */
static int wait_in(thrum__descriptor *descriptor, int side, thrum__reactor *reactor,
                   thrum__waiter *ready, thrum_deadline deadline, const char *kind)
{
    thrum__waiter close;
    int rc = thrum__wait_begin(&close, true);
    if (rc < 0)
        return rc;
    thrum__memory_live(&close);
    *ready = close;
    if (enqueue(descriptor, &close)) {
        if (reactor)
            thrum__reactor_enter(reactor, descriptor->number, side, ready);
        rc = thrum__wait(&close, deadline, kind, descriptor);
        if (reactor)
            thrum__reactor_leave(reactor, descriptor->number, side, ready);
        thrum__waiter_withdraw(&close, &descriptor->waiters, &descriptor->state, GUARD, 0);
        if (rc == 0 && (thrum__load_relaxed(&descriptor->state) & CLOSED))
            rc = -EBADF;
    } else {
        thrum__wait_abandon(&close);
        rc = -EBADF;
    }
    thrum__memory_dead(&close);
    return rc;
}

static int wait_in_fiber(thrum__descriptor *descriptor, int side, thrum__reactor *reactor,
                         thrum_deadline deadline, const char *kind)
{
    int rc = reactor ? thrum__reactor_arm(reactor, descriptor->number, descriptor->owner) : -EMFILE;
    if (rc == -EPERM || rc == -EBADF)
        return rc == -EPERM ? 0 : rc;
    thrum__waiter ready;
    if (rc == 0)
        return wait_in(descriptor, side, reactor, &ready, deadline, kind);
    thrum_deadline slice = thrum__deadline_after(thrum__clock_now(), SLICE_NS);
    rc = wait_in(descriptor, side, NULL, &ready, thrum_deadline_sooner(slice, deadline), kind);
    return rc == -ETIMEDOUT && slice.ns < deadline.ns ? 0 : rc;
}

int thrum__descriptor_wait(thrum__descriptor *descriptor, int side, thrum_deadline deadline)
{
    const char *kind = side == THRUM__READABLE ? "readable" : "writable";
    bool fiber;
    if (thrum_deadline_is_now(deadline))
        return -EAGAIN;
    thrum__reactor *reactor = thrum__reactor_own(&fiber);
    if (fiber)
        return wait_in_fiber(descriptor, side, reactor, deadline, kind);
    thrum__context *self = thrum__self();
    thrum__waiter ready;
    thrum__single_poll poll;
    thrum__single_poll_begin(self, &poll, descriptor->number, side, &ready);
    int rc = wait_in(descriptor, side, NULL, &ready, deadline, kind);
    thrum__poll_park_end(self);
    return rc;
}

bool thrum__descriptor_is_dry(const thrum__descriptor *descriptor)
{
    thrum__reactor *reactor = thrum__reactor_there();
    return reactor && thrum__reactor_is_dry(reactor, descriptor->number, descriptor->owner);
}

void thrum__descriptor_dry(const thrum__descriptor *descriptor)
{
    thrum__reactor *reactor = thrum__reactor_there();
    if (reactor)
        thrum__reactor_dry(reactor, descriptor->number, descriptor->owner);
}

int thrum__descriptor_pause(thrum__descriptor *descriptor, thrum_deadline until)
{
    thrum__waiter ready;
    int rc = wait_in(descriptor, 0, NULL, &ready, until, "descriptor");
    return rc == -ETIMEDOUT ? 0 : rc;
}

/* ------------------------------------------------------------------ descriptors of whatever kind */

/* A check before each wait sees what came without a waiter. */
static int wait_for_any(int number, int side, thrum_deadline deadline)
{
    thrum__descriptor descriptor = {.number = number};
    int found, rc = 0;
    if (number < 0)
        return -EBADF;
    while (rc == 0 && !(found = thrum__poll(number, side, -1, THRUM_NOW)))
        rc = thrum__descriptor_wait(&descriptor, side, deadline);
    if (rc == 0 && (found & THRUM__POLL_INVALID))
        rc = -EBADF;
    return rc;
}

int thrum_wait_readable(int descriptor, thrum_deadline deadline)
{
    return wait_for_any(descriptor, THRUM__READABLE, deadline);
}

int thrum_wait_writable(int descriptor, thrum_deadline deadline)
{
    return wait_for_any(descriptor, THRUM__WRITABLE, deadline);
}

/* ------------------------------------------------------------------------------ in a select
 *
 * The room of a place has the reactor that it is to stand in (NULL on a thread, whose own poll claims it, and
 * where there is no reactor), the number and the side. */

enum { REACTOR, NUMBER, SIDE };

static thrum__reactor *reactor_of(const thrum__select_place *place)
{
    return (thrum__reactor *)(uintptr_t)place->room[REACTOR];
}

void thrum__descriptor_select_prepare(thrum__select_place *place, int number, int side)
{
    bool fiber;
    thrum__reactor *reactor = thrum__reactor_own(&fiber);
    if (reactor && thrum__reactor_arm(reactor, number, 0) < 0)
        reactor = NULL;
    place->room[REACTOR] = (uintptr_t)reactor;
    place->room[NUMBER] = (uint64_t)number;
    place->room[SIDE] = (uint64_t)side;
    if (!fiber)
        thrum__select_poll(place, number, side);
    else if (!reactor)
        thrum__select_limit(place, thrum__deadline_after(thrum__clock_now(), SLICE_NS));
}

bool thrum__descriptor_select_enqueue(thrum__select_place *place)
{
    if (reactor_of(place))
        thrum__reactor_enter(reactor_of(place), (int)place->room[NUMBER], (int)place->room[SIDE],
                             &place->waiter);
    return true;
}

void thrum__descriptor_select_withdraw(thrum__select_place *place)
{
    if (reactor_of(place))
        thrum__reactor_leave(reactor_of(place), (int)place->room[NUMBER], (int)place->room[SIDE],
                             &place->waiter);
}

static int attempt_side(const thrum_case *of, int side)
{
    int number = (int)of->with_.number_;
    int found = number < 0 ? THRUM__POLL_INVALID : thrum__poll(number, side, -1, THRUM_NOW);
    return found & THRUM__POLL_INVALID ? -EBADF : found ? 0 : -EAGAIN;
}

static int attempt_readable(thrum_case *of)
{
    return attempt_side(of, THRUM__READABLE);
}

static int attempt_writable(thrum_case *of)
{
    return attempt_side(of, THRUM__WRITABLE);
}

static void prepare_readable(thrum__select_place *place)
{
    thrum__descriptor_select_prepare(place, (int)place->of->with_.number_, THRUM__READABLE);
}

static void prepare_writable(thrum__select_place *place)
{
    thrum__descriptor_select_prepare(place, (int)place->of->with_.number_, THRUM__WRITABLE);
}

/* One event may have woken several waiters, and a late event says nothing. */
static int settle_side(thrum__select_place *place)
{
    return attempt_side(place->of, (int)place->room[SIDE]);
}

thrum_case thrum_case_readable(int descriptor)
{
    static const thrum__case_ops ops = {.attempt = attempt_readable,
                                        .prepare = prepare_readable,
                                        .enqueue = thrum__descriptor_select_enqueue,
                                        .withdraw = thrum__descriptor_select_withdraw,
                                        .settle = settle_side};
    return (thrum_case){.ops_ = &ops, .with_.number_ = descriptor};
}

thrum_case thrum_case_writable(int descriptor)
{
    static const thrum__case_ops ops = {.attempt = attempt_writable,
                                        .prepare = prepare_writable,
                                        .enqueue = thrum__descriptor_select_enqueue,
                                        .withdraw = thrum__descriptor_select_withdraw,
                                        .settle = settle_side};
    return (thrum_case){.ops_ = &ops, .with_.number_ = descriptor};
}
