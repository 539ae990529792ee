/* Detached calls: calls that block, on a helper thread, whose caller may give up before they
 * return.
 *
 * thrum_blocking copies its argument and its result, so a caller that gives up leaves nothing
 * behind. A connection cannot be copied. While a helper uses it, a fiber that gives up can neither
 * free it nor leave it. The list of calls says who owns the connection:
 *
 *     begun   over    owner
 *     no      no      the caller
 *     yes     no      the helper
 *     yes     yes     the caller
 *
 * The caller can give up in each state. If the helper is the owner, the caller sets `left`, and the
 * helper drops the connection when the call has returned. Otherwise the caller takes the call off
 * the list, and a helper that starts later does not find it. The helper gets a number, not an
 * address, because it cannot tell a withdrawn call from a call that is about to begin.
 *
 * The list has one entry for each call in progress. One lock guards it and is held for a few
 * instructions; each call costs a hand-off to another thread anyway.
 */
#include "detached_call.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <thrum.h>

struct call {
    struct call *next;
    uint64_t number;
    bool begun, over, left;
    void (*work)(void *thing);
    void (*drop)(void *thing);
    void *thing;
};

static thrum_lock lock; /* over all that follows, and the three flags */
static struct call *calls;
static uint64_t last_number;

static void list(struct call *call)
{
    thrum_with (&lock) {
        call->number = ++last_number;
        call->next = calls;
        calls = call;
    }
}

/* The place of that number in the list, or the list's end. Needs the lock. */
static struct call **find(uint64_t number)
{
    struct call **place = &calls;
    while (*place && (*place)->number != number)
        place = &(*place)->next;
    return place;
}

static void unlist(struct call *call)
{
    *find(call->number) = call->next;
}

static void drop(struct call *call)
{
    call->drop(call->thing);
    free(call);
}

static int carry_out(thrum_task *self)
{
    struct call *call;
    bool left;
    thrum_with (&lock) {
        call = *find(thrum_arg(self, uint64_t));
        if (call)
            call->begun = true;
    }
    if (!call)
        return 0; /* withdrawn: no caller waits */
    call->work(call->thing);
    thrum_with (&lock) {
        call->over = true;
        left = call->left;
        if (left)
            unlist(call);
    }
    if (left)
        drop(call);
    return 0;
}

/* Ends the caller's part; true if the caller owns the call now. */
static bool leave(struct call *call)
{
    bool mine = true;
    thrum_with (&lock) {
        mine = !call->begun || call->over;
        if (mine)
            unlist(call);
        else
            call->left = true;
    }
    return mine;
}

int thrum_pq__detached_call(void (*work)(void *), void (*drop_thing)(void *), void *thing,
                            thrum_deadline deadline)
{
    struct call *call = malloc(sizeof *call);
    if (!call) {
        drop_thing(thing);
        return -ENOMEM;
    }
    *call = (struct call){.work = work, .drop = drop_thing, .thing = thing};
    list(call);
    thrum_error error;
    int rc =
        thrum_blocking(carry_out, thrum_value(uint64_t, call->number), NULL, 0, &error, deadline);
    bool mine = leave(call);
    if (mine && rc == 0)
        free(call);
    else if (mine)
        drop(call);
    return rc == 0 ? 0 : error.code;
}
