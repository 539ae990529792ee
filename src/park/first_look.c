/* The first look: which wait of a thread has lasted so long that it is searched for a deadlock.
 *
 * deadlock.c searches a wait that has lasted 100 ms. A waiter could sleep with a timeout of 100 ms
 * for that. But most waits end after some microseconds, and then the kernel has started and ended a
 * timer for nothing: 0.5 us of the 4.7 us of a task that is submitted and awaited. So in a program
 * that waits often one thread, the looker, finds the long waits of all threads. It reads two words
 * of each every 100 ms. A waiter sleeps without a timeout until the looker asks it to search.
 *
 * Only the first search is asked for in this way. A wait that has lasted 100 ms is rare, so the later
 * searches of the same wait have timeouts of the waiter itself. The search is always made by the
 * waiter: the rules of deadlock.c for who reads which wait do not change.
 *
 * Who has a looker. The first 256 sleeps of a process in waits that name an owner search by
 * themselves, by a timeout. The next such sleep starts the looker. So a program that starts some
 * threads and joins them has no further thread. If the system refuses the looker, the waits go on with
 * timeouts, and another attempt is made after as many sleeps. Fibers do not need it: a timeout of a
 * fiber is an entry in a heap of its worker, not a timer of the kernel.
 *
 * The signal word of a waiter (thread_park.c) has two values for this:
 *
 *     WATCHED   asleep in a wait that has not been searched. Set by the waiter, EMPTY -> WATCHED
 *     LOOK      the looker asks for the search, WATCHED -> LOOK, and wakes the waiter by the futex.
 *               The waiter moves it to ASLEEP, searches and sleeps on with a timeout
 *
 * As the waiter sleeps on this word, the request cannot be lost between its check and its sleep. An
 * unpark replaces either value by TOKEN and wakes the waiter as from ASLEEP.
 *
 * A round of the looker goes over the contexts in `first`. `seen` of a context keeps the claim word of
 * the previous round. The same claim and WATCHED mean that the wait has lasted from one round to the
 * next, as the claim counts the waits of the context. So each wait is searched 100 to 200 ms after its
 * beginning. If the wait ends while the looker decides, either the step from WATCHED fails, or it
 * meets the next wait of that thread, which is then searched too early. That costs time and no more.
 *
 * The looker sleeps without a timeout when no wait is left that it must look at again:
 *
 *     NONE       none was started, or it belongs to the parent of this process
 *     STARTING   a thread was asked for
 *     AWAKE      the looker makes another round at most 100 ms later
 *     IDLE       it sleeps, or is about to
 *
 * A waiter writes WATCHED, passes a fence and reads `looker`; if it reads IDLE, it moves the word to
 * AWAKE (release) and wakes the looker. The looker writes IDLE, passes a fence and makes another round.
 * At least one of the two sees the word of the other, so no wait is overlooked. A busy program keeps
 * the looker AWAKE: ten rounds a second. In a program in which all threads sleep it is IDLE after at
 * most two rounds.
 *
 * The list. A context enters it at the first such sleep of a thread and stays in it, as contexts are
 * immortal. `listed` and `next_listed` are written once, under the guard. The signal word of a fiber
 * is always EMPTY, so a fiber that has the context of a former thread is passed over. The list is as
 * long as the most threads that have existed at one time.
 *
 * Fork. The looker exists only in the parent. `looker` contains the generation of the process, so in a
 * child it counts as NONE and the child starts its own. Contexts of threads that the child does not have
 * stay in the list with their last signal word. They belong to another generation and are passed over.
 * The guard is held in a section (park/guard.h), so no fork finds the list half changed.
 *
 * Exit. The looker is detached, blocks all signals, runs no code of the user and has no context. It
 * touches static memory and contexts only, and the end of the process ends it.
 *
 * Rejected: one waiter whose timeout serves all others (a program whose threads wait in turns has one
 * waiter at a time, which would always have the timeout). A timer of the process that is never cancelled
 * (it needs a signal or a thread that reads it). A timeout only after a wait that was long (the first
 * deadlock would not be found). A list of the waits themselves (a shared line that each wait writes).
 *
 * Tests: tests/unit/whole/test_first_look.c, tests/explore/explore_first_look.c.
 */
#include "park/first_look.h"
#include "base/clock.h"
#include "base/futex.h"
#include "base/os_thread.h"
#include "base/process.h"
#include "base/unexplored.h"
#include "park/deadlock.h"
#include "park/guard.h"

#include <errno.h>

#ifdef THRUM_EXPLORE
uint32_t thrum__looker_after = UINT32_MAX;
#endif

static uint32_t looker;
static uint32_t by_timeout; /* sleeps so far; approximate */
static uint32_t guard;
static thrum__context *first;

static uint32_t word_of(enum thrum__looker_state state)
{
    return thrum__process_generation * THRUM__LOOKER_STATES + state;
}

static enum thrum__looker_state state_of(uint32_t word)
{
    return word / THRUM__LOOKER_STATES == thrum__process_generation ? word % THRUM__LOOKER_STATES
                                                                    : THRUM__LOOKER_NONE;
}

enum thrum__looker_state thrum__looker_state(void)
{
    return state_of(thrum__load_acquire(&looker));
}

/* ------------------------------------------------------------------------------------- the looker */

/* Has waits searched that were there in the previous round. True if a wait is new. */
static bool make_round(void)
{
    bool found = false;
    thrum__context *context = thrum__load_acquire(&first);
    for (; context; context = context->rest->wait.next_listed) {
        uint64_t *seen = &context->rest->wait.seen;
        uint32_t watched = THRUM__SIGNAL_WATCHED;
        if (thrum__load_acquire(&context->signal) != watched ||
            thrum__load_relaxed(&context->process) != thrum__process_generation)
            continue;
        uint64_t claim = thrum__load_relaxed(&context->claim);
        if (*seen != claim) {
            *seen = claim;
            found = true;
        } else if (thrum__cas_relaxed(&context->signal, &watched, THRUM__SIGNAL_LOOK)) {
            thrum__futex_wake(&context->signal, 1);
        }
    }
    return found;
}

/* Becomes IDLE and sleeps until a waiter wakes it. False if a wait has begun meanwhile. */
static bool rest(void)
{
    uint32_t idle = word_of(THRUM__LOOKER_IDLE);
    thrum__store_relaxed(&looker, idle);
    thrum__fence_seq_cst(); /* pairs with the one in thrum__first_look */
    if (make_round()) {
        thrum__store_relaxed(&looker, word_of(THRUM__LOOKER_AWAKE));
        return false;
    }
    while (thrum__load_acquire(&looker) == idle)
        thrum__futex_wait(&looker, idle, THRUM_FOREVER);
    return true;
}

static void *look_for_all(void *unused)
{
    (void)unused;
    thrum__os_thread_set_name("thrum-deadlock");
    uint32_t awake = word_of(THRUM__LOOKER_AWAKE);
    thrum__store_relaxed(&looker, awake);
    for (;;) {
        if (!make_round() && rest())
            continue;
        thrum_deadline next = thrum__deadline_after(thrum__clock_now(), thrum__deadlock_after);
        while (thrum__futex_wait(&looker, awake, next) != -ETIMEDOUT) {
            /* for no reason: another thread changes the word only while it is IDLE */
        }
    }
    return NULL;
}

/* ------------------------------------------------------------------------------------ the waiters */

static void list(thrum__context *self)
{
    thrum__owned_wait *wait = &self->rest->wait;
    thrum__unexplored_begin();
    thrum__guard_acquire(&guard, 1);
    wait->listed = true;
    wait->next_listed = first;
    thrum__store_release(&first, self);
    thrum__guard_release(&guard, 1);
    thrum__unexplored_end();
}

thrum_deadline thrum__first_look_timed(const thrum__context *context)
{
    if (!thrum__deadlock_is_wanted())
        return THRUM__NO_DEADLINE;
    return thrum__deadline_after(thrum__clock_now(), context->rest->wait.pause);
}

void thrum__looker_start(void)
{
    uint32_t found = thrum__load_relaxed(&looker);
    if (state_of(found) == THRUM__LOOKER_NONE &&
        thrum__cas_relaxed(&looker, &found, word_of(THRUM__LOOKER_STARTING)) &&
        thrum__os_thread_start_helper(look_for_all) < 0)
        thrum__store_relaxed(&looker, 0);
}

/* Whether the looker makes another round. `found` is its word. */
static bool is_looked_after(uint32_t found)
{
    if (state_of(found) == THRUM__LOOKER_NONE) {
        if (thrum__add_relaxed(&by_timeout, 1) >= thrum__looker_after) {
            thrum__store_relaxed(&by_timeout, 0);
            if (thrum__deadlock_is_wanted())
                thrum__looker_start();
        }
        return false; /* this sleep still has a timeout */
    }
    if (state_of(found) == THRUM__LOOKER_IDLE &&
        thrum__cas_release(&looker, &found, word_of(THRUM__LOOKER_AWAKE)))
        thrum__futex_wake(&looker, 1);
    return state_of(found) != THRUM__LOOKER_STARTING;
}

thrum_deadline thrum__first_look(thrum__context *self)
{
    if (!self->rest->wait.listed)
        list(self);
    thrum__fence_seq_cst(); /* pairs with the one in `rest` */
    uint32_t found = thrum__load_relaxed(&looker);
    if (__builtin_expect(found == word_of(THRUM__LOOKER_AWAKE), 1) || is_looked_after(found))
        return THRUM_FOREVER;
    return thrum__first_look_timed(self);
}
