/* The reactor: how fibers wait for descriptors.
 *
 * Each worker has its own poller (base/poller.h), made when one of its fibers first waits for a
 * descriptor. A fiber never leaves its worker, so the worker that asks the kernel also resumes the
 * fiber, on its own thread. A wait for a descriptor needs no lock, no atomic and no wake of another
 * thread. Only the worker touches its reactor. While a task computes, the worker's events wait, as
 * its fibers do.
 *
 * The worker asks the poller
 *     instead of sleeping on its inbox, when it has nothing to do and a fiber waits here;
 *     without waiting, now and then while it chooses what to run next (worker.c: POLL_TURN, POLL_NS), so that fibers
 *     which are always ready do not starve fibers that wait for descriptors.
 *
 * A descriptor is armed once, edge-triggered, for both directions, and stays armed until it is
 * closed: a wait costs no system call of its own. The danger is an edge between the moment when
 * read returned -EAGAIN and the moment when the fiber waits. It is not lost: the kernel keeps it in
 * the poller until the worker asks, and the worker asks only after the fiber waits. So no state
 * word is needed for "ready, but no waiter". An edge that was reported without a waiter came before
 * the next read, and that read sees its data.
 *
 * A read that returns less than its buffer has emptied the connection; later data is an edge. So
 * the entry is `dry` until an event says otherwise, and the next read waits without trying first:
 * one system call less for each request. The end of a connection is no edge of its own if it came
 * with the last data: the event of that data reports it (`over`), and after it no entry is dry.
 * This holds for TCP. A read from a Unix socket may stop where descriptors were passed. A read from
 * TCP also stops at urgent data; a peer that sends it delays only its own connection.
 *
 * An event wakes all waiters on its side, because one edge may stand for several connections. Each
 * tries again, and waits again if another was faster. A wait that a close, a cancellation or its
 * deadline has claimed is passed over (park.h).
 *
 * The table has an entry for each descriptor number. `owner` says for which use of the number the
 * poller was armed. When a socket is closed, the kernel forgets it; the next socket with this
 * number has another owner and is armed again under the next `generation`. An event carries number
 * and generation. A late event has an old generation and wakes no waiter: a child of fork may still
 * have the descriptor open, so that the kernel has not forgotten it. The table is as large as the
 * largest number.
 *
 * The sleep in the poller must end when something enters the worker's inbox. The inbox then says
 * POLLING instead of ASLEEP, with the number of the wake descriptor of the worker's thread
 * (inbox.h), and the waker writes to it. A write between POLLING and the sleep is an edge that the
 * poller has when it is asked. The waker touches nothing of the worker: the descriptor belongs to
 * the context of the thread and is never closed (park/poll_park.c).
 *
 * Rejected: one poller for the pool or the process. The thread that asks it would have to wake the
 * workers that own the fibers, and hand the role to another when it has work itself. One-shot
 * arming: a system call for each wait.
 *
 * Sources: Seastar and nginx for a poller on each core; Go's netpoller for arming once.
 */
#include "fiber/reactor.h"
#include "base/memory.h"
#include "fiber/scheduler.h"
#include "park/park.h"
#include "park/poll_park.h"

#include <errno.h>
#include <string.h>

enum { CHUNK = 256, FETCHED = 16 };

struct entry {
    uint64_t owner; /* the owner for which the poller was armed last; 0: no known owner */
    uint32_t generation;
    bool dry;                    /* there was nothing left to read, and no event has come since */
    bool over;                   /* an event has told of the end */
    void *waiters[THRUM__SIDES]; /* tails */
};

struct thrum__reactor {
    int poller, wake;
    uint32_t waiting;
    uint32_t chunk_count;
    struct entry **chunks;
    thrum__poller_event events[THRUM__POLLER_EVENTS];
};

/* The data of the wake descriptor, which no entry has: a number is not negative. */
static const uint64_t wake_data = UINT32_MAX;

uint32_t thrum__reactor_waiting(const thrum__reactor *reactor)
{
    return reactor->waiting;
}

int thrum__reactor_wake(const thrum__reactor *reactor)
{
    return reactor->wake;
}

/* ------------------------------------------------------------------------------------ the table */

/* The entry of a descriptor that has one. */
static struct entry *entry_of(thrum__reactor *reactor, int descriptor)
{
    return &reactor->chunks[descriptor / CHUNK][descriptor % CHUNK];
}

/* Makes the list of chunks longer than `chunk`. */
static bool grow(thrum__reactor *reactor, uint32_t chunk)
{
    uint32_t count = reactor->chunk_count ? reactor->chunk_count : 4;
    while (count <= chunk)
        count *= 2;
    struct entry **chunks = thrum__alloc_array(count, sizeof *chunks);
    if (!chunks)
        return false;
    if (reactor->chunks)
        memcpy(chunks, reactor->chunks, reactor->chunk_count * sizeof *chunks);
    thrum__free(reactor->chunks);
    reactor->chunks = chunks;
    reactor->chunk_count = count;
    return true;
}

static struct entry *make_entry(thrum__reactor *reactor, int descriptor)
{
    uint32_t chunk = (uint32_t)descriptor / CHUNK;
    if (chunk >= reactor->chunk_count && !grow(reactor, chunk))
        return NULL;
    if (!reactor->chunks[chunk])
        reactor->chunks[chunk] = thrum__alloc_array(CHUNK, sizeof(struct entry));
    return reactor->chunks[chunk] ? entry_of(reactor, descriptor) : NULL;
}

int thrum__reactor_arm(thrum__reactor *reactor, int descriptor, uint64_t owner)
{
    if (descriptor < 0)
        return -EBADF;
    struct entry *entry = make_entry(reactor, descriptor);
    if (!entry)
        return -ENOMEM;
    if (owner && entry->owner == owner)
        return 0;
    /* A caller without a known owner may meet one with a known owner, and must not make its events
     * look late. */
    uint32_t generation = owner ? entry->generation + 1 : entry->generation;
    int rc = thrum__poller_arm(reactor->poller, descriptor,
                               (uint64_t)generation << 32 | (uint32_t)descriptor);
    if (rc == 0) {
        entry->generation = generation;
        entry->owner = owner ? owner : entry->owner;
        entry->dry = entry->over = false;
    }
    return rc;
}

/* The entry of a descriptor that is armed for `owner`, or NULL. */
static struct entry *armed(thrum__reactor *reactor, int descriptor, uint64_t owner)
{
    uint32_t chunk = (uint32_t)descriptor / CHUNK;
    if (chunk >= reactor->chunk_count || !reactor->chunks[chunk])
        return NULL;
    struct entry *entry = entry_of(reactor, descriptor);
    return entry->owner == owner ? entry : NULL;
}

bool thrum__reactor_is_dry(thrum__reactor *reactor, int descriptor, uint64_t owner)
{
    const struct entry *entry = armed(reactor, descriptor, owner);
    return entry && entry->dry;
}

void thrum__reactor_dry(thrum__reactor *reactor, int descriptor, uint64_t owner)
{
    struct entry *entry = armed(reactor, descriptor, owner);
    if (entry && !entry->over)
        entry->dry = true;
}

void thrum__reactor_enter(thrum__reactor *reactor, int descriptor, int side, thrum__waiter *waiter)
{
    thrum__waiters_push_back(&entry_of(reactor, descriptor)->waiters[side], waiter);
    reactor->waiting++;
}

void thrum__reactor_leave(thrum__reactor *reactor, int descriptor, int side, thrum__waiter *waiter)
{
    if (!thrum__waiter_queued(waiter))
        return;
    thrum__waiters_remove(&entry_of(reactor, descriptor)->waiters[side], waiter);
    reactor->waiting--;
}

/* --------------------------------------------------------------------------------------- events */

static void wake_all(thrum__reactor *reactor, void **tail)
{
    thrum__waiter *waiter;
    while ((waiter = thrum__waiters_first(tail))) {
        thrum__waiters_remove(tail, waiter);
        reactor->waiting--;
        if (thrum__claim_waiter(waiter))
            thrum__unpark(waiter->context);
    }
}

/* Asks for the memory that the next events need, in steps, as each step has the addresses of the next. With
 * thousands of connections nothing of a waiter is cached. So the worker waits for the memory of FETCHED
 * waiters at once, and not for that of each. Only readers are looked at, as writers hardly ever wait. */
static void fetch(thrum__reactor *reactor, const thrum__poller_event *events, int count)
{
    const struct entry *entries[FETCHED];
    const thrum__waiter *waiters[FETCHED];
    int some = 0, waiting = 0;
    for (int i = 0; i < count && i < FETCHED; i++)
        if (events[i].data != wake_data) {
            entries[some] = entry_of(reactor, (int)(uint32_t)events[i].data);
            __builtin_prefetch(entries[some++], 1);
        }
    for (int i = 0; i < some; i++)
        if ((waiters[waiting] = entries[i]->waiters[THRUM__READABLE]))
            __builtin_prefetch(waiters[waiting++], 1);
    for (int i = 0; i < waiting; i++)
        __builtin_prefetch(waiters[i]->context, 1);
    for (int i = 0; i < waiting; i++)
        thrum__fiber_fetch(waiters[i]->context->fiber);
}

static void take_event(thrum__reactor *reactor, const thrum__poller_event *event)
{
    if (event->data == wake_data)
        return;
    struct entry *entry = entry_of(reactor, (int)(uint32_t)event->data);
    if (entry->generation != event->data >> 32)
        return;
    entry->over |= event->over;
    entry->dry &= !event->sides[THRUM__READABLE];
    for (int side = 0; side < THRUM__SIDES; side++)
        if (event->sides[side])
            wake_all(reactor, &entry->waiters[side]);
}

void thrum__reactor_poll(thrum__reactor *reactor, thrum_deadline deadline)
{
    int count = thrum__poller_wait(reactor->poller, reactor->events, deadline);
    for (int i = 0; i < count; i++) {
        if (i % FETCHED == 0)
            fetch(reactor, &reactor->events[i], count - i);
        take_event(reactor, &reactor->events[i]);
    }
}

/* --------------------------------------------------------------------------------- birth and end */

static thrum__reactor *make(int wake)
{
    thrum__reactor *reactor = wake < 0 ? NULL : thrum__alloc(sizeof *reactor);
    if (!reactor)
        return NULL;
    reactor->wake = wake;
    reactor->poller = thrum__poller_new();
    if (reactor->poller >= 0 && thrum__poller_arm(reactor->poller, wake, wake_data) == 0)
        return reactor;
    thrum__reactor_free(reactor);
    return NULL;
}

thrum__reactor *thrum__reactor_own(bool *ret_fiber)
{
    thrum__fiber *fiber = thrum__fiber_self();
    *ret_fiber = fiber != NULL;
    if (!fiber)
        return NULL;
    thrum__fiber_worker *worker = fiber->worker;
    if (!worker->reactor)
        worker->reactor = make(thrum__wake_descriptor(worker->thread));
    return worker->reactor;
}

thrum__reactor *thrum__reactor_there(void)
{
    thrum__fiber *fiber = thrum__fiber_self();
    return fiber ? fiber->worker->reactor : NULL;
}

void thrum__reactor_free(thrum__reactor *reactor)
{
    if (!reactor)
        return;
    if (reactor->poller >= 0)
        thrum__os_close(reactor->poller);
    for (uint32_t i = 0; i < reactor->chunk_count; i++)
        thrum__free(reactor->chunks[i]);
    thrum__free(reactor->chunks);
    thrum__free(reactor);
}
