/* Failures of futures in memory of the caller (thrum_submit_into), for the end of the program.
 *
 * The end of the program reports each failure that nobody has read. It finds the futures in memory of the library
 * by that memory (future_cache.c). Memory of the caller may be gone by then, with a future in it that was never
 * freed. So a failure is copied when it occurs, into a record that the future's address leads to. The record goes
 * when the failure is read, when a cancel says that nobody is interested in it, and when the future is freed, which
 * tells it itself. The records that are left at the end are those of failures that nobody has read. No future is
 * looked at for that.
 *
 * A record is made before the future is done, unless SEEN is set; the first to set SEEN takes the record away after
 * that. Both use the lock, so either the maker finds SEEN or the other finds the record.
 *
 * A caller that uses the memory again without a free has lost the future. Its record stays, and those of later
 * futures at the same address are found first.
 *
 * A record that memory is out for is not made: the failure is then told by the free alone.
 *
 * Fork: the lock is held across it. A child has the records of its parent, and tells at its end what it has not
 * read, as it does for all futures.
 *
 * Rejected: to link the futures themselves. The end of the program would follow a link into memory that was
 * used again.
 */
#include "future/in_place.h"
#include "base/place.h"
#include "base/process.h"
#include "sync/fork_lock.h"
#include "thread/living.h"
#include <thrum/fiber.h>
#include <thrum/thread.h>
#include <thrum/with.h>

struct record {
    struct record *next;
    const thrum_future *future;
    thrum_task_fn *function;
    thrum_error error;
};

static thrum_lock lock;      /* for: */
static struct record *first; /* the newest */

static struct record *take(void)
{
    struct record *record = NULL;
    thrum_with (&lock) {
        record = first;
        if (record)
            first = record->next;
    }
    return record;
}

void thrum__in_place_report(bool leaks)
{
    (void)leaks;
    for (struct record *record; (record = take()); thrum__free(record)) {
        char name[256];
        thrum__place_text(name, sizeof name, (const void *)(uintptr_t)record->function);
        thrum__failure_report("future", name, &record->error);
    }
}

void thrum__in_place_failed(thrum_future *future)
{
    struct record *record = thrum__alloc(sizeof *record), *unused = record;
    if (!record)
        return;
    record->future = future;
    record->function = future->task.function;
    record->error = *thrum__task_error(&future->task);
    thrum__living_report_at_exit(thrum__in_place_report);
    thrum__lock_across_fork(&lock);
    thrum_with (&lock)
        if (!(thrum__load_relaxed(&future->state) & THRUM__FUTURE_SEEN)) {
            record->next = first;
            first = record;
            unused = NULL;
        }
    thrum__free(unused);
}

void thrum__in_place_forget(const thrum_future *future)
{
    struct record *found = NULL;
    thrum_with (&lock) {
        struct record *before = NULL;
        for (found = first; found && found->future != future; found = found->next)
            before = found;
        if (found && before)
            before->next = found->next;
        else if (found)
            first = found->next;
    }
    thrum__free(found);
}

/* How often to look for a reference that a thread is about to give up, before others are let in. */
#ifdef THRUM_EXPLORE
enum { PATIENCE = 0 };
#else
enum { PATIENCE = 64 };
#endif

/* In a child of fork the threads that had a future of its parent are lost. A worker that ran the task in place of
 * the wait, or that cancelled it, may have left it in a list of its pool, from which only a worker takes it. So the
 * wait lets another worker step in. */
void thrum__in_place_await(thrum_future *future)
{
    uint32_t word = thrum__load_relaxed(&future->state);
    uint32_t born = thrum__process_generation << THRUM__FUTURE_BORN >> THRUM__FUTURE_BORN;
    if (word >> THRUM__FUTURE_BORN != born)
        return;
    thrum_shield_begin();
    (void)!thrum_future_wait(future, THRUM_FOREVER); /* the shield lets nothing end it */
    thrum_shield_end();
    for (int turns = 0; turns < PATIENCE && thrum__load_acquire(&future->references) != 1; turns++)
        thrum_yield();
    if (thrum__load_acquire(&future->references) == 1)
        return;
    thrum__context *self = thrum__futures_wait_begin();
    while (thrum__load_acquire(&future->references) != 1)
        thrum_yield();
    thrum__futures_wait_end(self);
}
