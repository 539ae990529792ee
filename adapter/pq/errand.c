/* Errands: thrum_blocking copies its argument and its result, so that one who gives up need not wait.
 * A connection cannot be copied: while a helper is at it the fiber that gives up can neither free
 * it nor leave it. So somebody must own it, and the list of errands says who.
 *
 *     begun   over    the thing belongs to
 *     no      no      the caller
 *     yes     no      the helper
 *     yes     yes     the caller
 *
 * The caller leaves in each of the states. If the helper has the thing, he marks the errand `left`,
 * and the helper drops the thing when it is done. Else the errand is his: he takes it off the list,
 * and a helper that comes late does not find it there. For this the helper gets a number, not an
 * address: nobody can tell a call that has been withdrawn from one that is about to begin.
 *
 * The list is as long as there are calls under way; one lock for all is held for a few instructions,
 * where each errand pays for a hand-over to another thread.
 */
#include "errand.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <thrum.h>

struct errand {
    struct errand *next;
    uint64_t number;
    bool begun, over, left;
    void (*work)(void *thing);
    void (*drop)(void *thing);
    void *thing;
};

static thrum_lock lock; /* over all that follows, and the three flags */
static struct errand *errands;
static uint64_t last_number;

static void list(struct errand *errand)
{
    thrum_with (&lock) {
        errand->number = ++last_number;
        errand->next = errands;
        errands = errand;
    }
}

/* The place of that number in the list, or the list's end. Needs the lock. */
static struct errand **find(uint64_t number)
{
    struct errand **place = &errands;
    while (*place && (*place)->number != number)
        place = &(*place)->next;
    return place;
}

static void unlist(struct errand *errand)
{
    *find(errand->number) = errand->next;
}

static void drop(struct errand *errand)
{
    errand->drop(errand->thing);
    free(errand);
}

static int carry_out(thrum_task *self)
{
    struct errand *errand;
    bool left;
    thrum_with (&lock) {
        errand = *find(thrum_arg(self, uint64_t));
        if (errand)
            errand->begun = true;
    }
    if (!errand)
        return 0; /* withdrawn, and nobody waits for an answer */
    errand->work(errand->thing);
    thrum_with (&lock) {
        errand->over = true;
        left = errand->left;
        if (left)
            unlist(errand);
    }
    if (left)
        drop(errand);
    return 0;
}

/* Ends the caller's part; true if the errand is his now. */
static bool leave(struct errand *errand)
{
    bool mine = true;
    thrum_with (&lock) {
        mine = !errand->begun || errand->over;
        if (mine)
            unlist(errand);
        else
            errand->left = true;
    }
    return mine;
}

int thrum_pq__errand(void (*work)(void *), void (*drop_thing)(void *), void *thing,
                     thrum_time deadline)
{
    struct errand *errand = malloc(sizeof *errand);
    if (!errand) {
        drop_thing(thing);
        return -ENOMEM;
    }
    *errand = (struct errand){.work = work, .drop = drop_thing, .thing = thing};
    list(errand);
    int rc = thrum_blocking(carry_out, thrum_value(uint64_t, errand->number), NULL, 0, deadline);
    bool mine = leave(errand);
    if (mine && rc == 0)
        free(errand);
    else if (mine)
        drop(errand);
    return rc;
}
