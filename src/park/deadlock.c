/* The search for deadlocks.
 *
 * A lock knows its owner, a future the context that runs it, a thread its context. So each wait for
 * one of these is an edge of a graph whose nodes are contexts: from the waiter to the context that
 * must act. A wait without a deadline that is part of a cycle never ends. Nor does a wait whose
 * owner has ended with the lock. Both are reported once, with names, objects and places.
 *
 * When. Nothing is done until a wait has lasted 100 ms. Then, or in a thread at most 100 ms later
 * (first_look.c), the waiter follows the edges from itself, and again after twice as long, and so
 * on. An edge begins when a wait begins, or when a context becomes an owner; and a context that
 * becomes an owner runs, or is woken by that. So the last edge of each cycle is a wait that begins.
 * Its first search comes after that. So does the last of the first searches of all members, which
 * finds the other waits open, and thus the cycle. The later searches are for owners that end
 * meanwhile. A wait with a deadline, its own or its task's, is no edge: the cycle opens when it
 * passes.
 *
 * Safety. The object of another context's wait may be read only while that wait lasts, because its
 * waiter may free it afterwards. So each context has a word, `state`:
 *
 *     CLOSED   was not searched yet, or waits for nothing that has an owner
 *     OPEN     may be read: `kind`, `object` and `place` are fixed
 *     PINNED   is being read; the owner of the word waits before it leaves its wait
 *
 * The waiter moves it CLOSED -> OPEN (release) at its first search and OPEN -> CLOSED (acquire) as
 * it leaves; a searcher OPEN -> PINNED (acquire) and back (release). A pin is held for a few
 * instructions: for a read of an owner word, or of a future under its guard. Contexts are immortal,
 * so reaching the word is always safe.
 *
 * Of two simultaneous searchers at least one sees the other OPEN: each opens its own word and then,
 * behind a fence, reads the others.
 *
 * Truth. A search reads one edge after the other while other threads run. So a cycle is collected
 * twice, and counts only if the tickets of all waits and all owners are the same both times. Then
 * each member was in the same wait from the first time to the second. A waiting context neither
 * acquires nor releases; so at the moment between the two collections all edges existed at once.
 * The same holds for an owner that has ended, which is read twice, too. An owner that ended so long
 * ago that its ident is used again is mistaken for its successor.
 *
 * A thread of its own writes the report, because the failure hook may wait, and the caller here is
 * in a wait: a thread inside its park, or a worker between two fibers. `told` of each member keeps
 * the ticket of the reported wait, under `guard`, so that a cycle is reported once. Without memory
 * or a thread the next search tries again.
 *
 * Rejected: a thread that searches for all (every wait would have to be pinned, also a short one). A
 * check at each acquire, as lock-order checkers make it (a cost for each acquire). A search that
 * trusts what waiters wrote down when they began (owners change meanwhile).
 */
#include "park/deadlock.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/names.h"
#include "base/os_thread.h"
#include "base/panic.h"
#include "base/place.h"
#include "base/process.h"
#include "base/spin.h"
#include "park/guard.h"
#include "park/park.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CLOSED, OPEN, PINNED };                     /* the word of a context */
enum { MOST = 32, TEXT_SIZE = 16384, LINE = 252 }; /* of a circle; of a report */
enum { UNKNOWN, OFF, REPORT, ABORT };              /* THRUM_DEADLOCK */
enum { NOTHING, CIRCLE, OWNER_ENDED };             /* what a search finds */

#ifdef THRUM_EXPLORE
thrum_time thrum__deadlock_after = THRUM__NEVER;
uint32_t thrum__deadlock_reports;
#endif

/* A wait, as it was found. */
struct edge {
    const thrum__wait_kind *kind;
    const void *object, *place;
    uint64_t ticket;
    uint32_t waiter, owner;
};

struct search {
    struct edge edges[MOST];
    uint32_t count;
};

struct report {
    struct search first, second;
    int found;
    char names[MOST + 1]
              [THRUM__NAME_SIZE]; /* of the waiters; the last of an owner that has ended */
    bool fiber[MOST];
    char text[TEXT_SIZE];
    char summary[LINE];
};

static uint32_t guard;
static void (*tell)(const char *text, const char *summary);

void thrum__deadlock_tell_to(void (*function)(const char *text, const char *summary))
{
    thrum__store_release(&tell, function);
}

/* ------------------------------------------------------------------------------------- the search */

/* Whether the wait is still open. */
static bool is_waiting(uint64_t ticket)
{
    uint64_t state = ticket % THRUM__CLAIM_STATES;
    return state == THRUM__CLAIM_WAITING || state == THRUM__CLAIM_SHIELDED;
}

static bool read_edge(thrum__context *context, struct edge *ret_edge)
{
    const thrum__owned_wait *wait = &context->rest->wait;
    *ret_edge = (struct edge){
        .kind = wait->kind,
        .object = wait->object,
        .place = wait->place,
        .ticket = thrum__load_acquire(&context->claim),
        .waiter = context->ident,
    };
    if (!is_waiting(ret_edge->ticket))
        return false;
    ret_edge->owner = wait->kind->owner(wait->object);
    return ret_edge->owner != 0;
}

/* The edge of another's wait, if it has one. */
static bool read_pinned(thrum__context *context, struct edge *ret_edge)
{
    uint32_t open = OPEN;
    /* The owner's ident was read from a word that orders nothing. */
    thrum__context_rest *rest = thrum__load_acquire(&context->rest);
    if (!rest || !thrum__cas_acquire(&rest->wait.state, &open, PINNED))
        return false;
    bool found = read_edge(context, ret_edge);
    thrum__store_release(&rest->wait.state, OPEN);
    return found;
}

/* Follows the edges from `self`, whose word is open. */
static int collect(thrum__context *self, struct search *ret_search)
{
    thrum__context *context = self;
    for (ret_search->count = 0; ret_search->count < MOST;) {
        struct edge *edge = &ret_search->edges[ret_search->count];
        if (!(context == self ? read_edge(context, edge) : read_pinned(context, edge)))
            return NOTHING;
        ret_search->count++;
        if (edge->owner == self->ident)
            return CIRCLE;
        context = thrum__context_of(edge->owner);
        if (thrum__load_acquire(&context->process) == 0)
            return OWNER_ENDED;
    }
    return NOTHING; /* a circle that `self` only waits for is told by its members */
}

static bool same(const struct search *a, const struct search *b)
{
    if (a->count != b->count)
        return false;
    for (uint32_t i = 0; i < a->count; i++)
        if (a->edges[i].waiter != b->edges[i].waiter || a->edges[i].ticket != b->edges[i].ticket ||
            a->edges[i].owner != b->edges[i].owner)
            return false;
    return true;
}

/* Marks all waits of the report as told; false if one is. */
static bool mark(const struct search *search)
{
    bool fresh = true;
    thrum__guard_acquire(&guard, 1);
    for (uint32_t i = 0; i < search->count; i++) {
        uint64_t *told = &thrum__context_of(search->edges[i].waiter)->rest->wait.told;
        thrum__plain_read(told);
        fresh &= *told != search->edges[i].ticket;
    }
    for (uint32_t i = 0; i < search->count && fresh; i++) {
        uint64_t *told = &thrum__context_of(search->edges[i].waiter)->rest->wait.told;
        thrum__plain_write(told);
        *told = search->edges[i].ticket;
    }
    thrum__guard_release(&guard, 1);
    return fresh;
}

static void unmark(const struct search *search)
{
    thrum__guard_acquire(&guard, 1);
    for (uint32_t i = 0; i < search->count; i++) {
        uint64_t *told = &thrum__context_of(search->edges[i].waiter)->rest->wait.told;
        thrum__plain_write(told);
        *told = 0;
    }
    thrum__guard_release(&guard, 1);
}

/* ------------------------------------------------------------------------------------- the report */

#ifndef THRUM_EXPLORE

static int wanted(void)
{
    static uint32_t known; /* two threads may both read it */
    uint32_t mode = thrum__load_relaxed(&known);
    if (mode == UNKNOWN) {
        const char *text = getenv("THRUM_DEADLOCK");
        mode = REPORT;
        if (text && strcmp(text, "off") == 0)
            mode = OFF;
        if (text && strcmp(text, "abort") == 0)
            mode = ABORT;
        thrum__store_relaxed(&known, mode);
    }
    return (int)mode;
}

/* Adds to the text; what does not fit is cut. */
static size_t THRUM_PRINTF(4, 5) add(char *text, size_t size, size_t used, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text + used, size - used, format, arguments);
    va_end(arguments);
    used += length > 0 ? (size_t)length : 0;
    return used < size ? used : size - 1;
}

static const char *sort_of(const struct report *report, uint32_t i)
{
    return i < report->first.count && report->fiber[i] ? "fiber" : "thread";
}

/* One line for each wait: the waiter, the object, the place, the owner. */
static void write_text(struct report *report)
{
    const struct search *search = &report->first;
    bool ended = report->found == OWNER_ENDED;
    size_t used =
        add(report->text, TEXT_SIZE, 0,
            ended                ? "thrum: deadlock: the owner of what is waited for has ended\n"
            : search->count == 1 ? "thrum: deadlock: a thread or fiber waits for itself\n"
                                 : "thrum: deadlock: %u threads or fibers wait for each other\n",
            search->count);
    for (uint32_t i = 0; i < search->count; i++) {
        const struct edge *edge = &search->edges[i];
        char place[256] = "";
        if (edge->place)
            thrum__place_text(place, sizeof place, edge->place);
        uint32_t next = i + 1 < search->count ? i + 1 : ended ? MOST : 0;
        used =
            add(report->text, TEXT_SIZE, used, "  %s \"%s\" waits for %s %p%s%s, %s %s \"%s\"%s\n",
                sort_of(report, i), report->names[i], edge->kind->name, edge->object,
                *place ? ", at " : "", place, edge->kind->bound, sort_of(report, next),
                report->names[next], next == MOST ? ", which has ended" : "");
    }
}

static void write_summary(struct report *report)
{
    const struct search *search = &report->first;
    size_t used = 0;
    for (uint32_t i = 0; i < search->count; i++)
        used = add(report->summary, LINE, used, "\"%s\" waits for %s %p of ", report->names[i],
                   search->edges[i].kind->name, search->edges[i].object);
    bool ended = report->found == OWNER_ENDED;
    add(report->summary, LINE, used, "\"%s\"%s", report->names[ended ? MOST : 0],
        ended ? ", which has ended" : "");
}

void thrum__deadlock_print(const char *text)
{
    if (write(STDERR_FILENO, text, strlen(text)) < 0) {
        /* nothing is left to say it with */
    }
}

static void *run(void *memory)
{
    struct report *report = memory;
    write_text(report);
    write_summary(report);
    thrum__names_add(report->text, TEXT_SIZE);
    thrum__names_add(report->summary, LINE);
    void (*function)(const char *, const char *) = thrum__load_acquire(&tell);
    if (function)
        function(report->text, report->summary);
    else
        thrum__deadlock_print(report->text);
    if (wanted() == ABORT)
        thrum__panic(NULL, "stopped for a deadlock, as THRUM_DEADLOCK=abort says");
    thrum__free(report);
    return NULL;
}

static void copy_name(char *ret_name, uint32_t ident)
{
    memcpy(ret_name, thrum__context_of(ident)->name, THRUM__NAME_SIZE);
    ret_name[THRUM__NAME_SIZE - 1] = '\0';
}

/* Hands the report to a thread of its own; false if there is none. */
static bool hand_over(struct report *report)
{
    const struct search *search = &report->first;
    thrum__os_thread thread;
    for (uint32_t i = 0; i < search->count; i++) {
        copy_name(report->names[i], search->edges[i].waiter);
        report->fiber[i] =
            thrum__load_relaxed(&thrum__context_of(search->edges[i].waiter)->fiber) != NULL;
    }
    copy_name(report->names[MOST], search->edges[search->count - 1].owner);
    if (thrum__os_thread_start(&thread, 0, run, report) < 0)
        return false;
    thrum__os_thread_detach(thread);
    return true;
}

#else

static int wanted(void)
{
    return REPORT;
}

static bool hand_over(struct report *report)
{
    thrum__deadlock_reports++;
    thrum__free(report);
    return true;
}

void thrum__deadlock_print(const char *text)
{
    (void)text;
}

#endif

/* -------------------------------------------------------------------------------------- the waiter */

static void look(thrum__context *self)
{
    struct report *report = thrum__alloc(sizeof *report);
    if (!report)
        return;
    report->found = collect(self, &report->first);
    if (report->found == NOTHING || collect(self, &report->second) != report->found ||
        !same(&report->first, &report->second) || !mark(&report->first)) {
        thrum__free(report);
        return;
    }
    if (!hand_over(report)) {
        unmark(&report->first);
        thrum__free(report);
    }
}

bool thrum__deadlock_is_wanted(void)
{
    return wanted() != OFF;
}

thrum_deadline thrum__deadlock_look(thrum__context *context)
{
    thrum__owned_wait *wait = &context->rest->wait;
    if (thrum__load_relaxed(&wait->state) == CLOSED)
        thrum__store_release(&wait->state, OPEN);
    thrum__fence_seq_cst();
    look(context);
    wait->pause *= 2;
    return thrum__deadline_after(thrum__clock_now(), wait->pause);
}

/* Closes the word, once no searcher reads it. */
static void close_word(thrum__owned_wait *wait)
{
    uint32_t turns = 0, open = OPEN;
    while (!thrum__cas_acquire(&wait->state, &open, CLOSED)) {
        open = OPEN;
        thrum__spin(&turns);
    }
}

int thrum__wait_owned(thrum__waiter *waiter, thrum_deadline deadline, const thrum__wait_kind *kind,
                      const void *object, const void *place)
{
    thrum__context *self = waiter->context;
    thrum__owned_wait *wait = &self->rest->wait;
    if (thrum_deadline_is_forever(deadline) && thrum__deadlock_after != THRUM__NEVER &&
        !self->scope->ends_at.ns) {
        wait->kind = kind;
        wait->object = object;
        wait->place = place;
        wait->pause = thrum__deadlock_after;
        self->look_at = THRUM_FOREVER; /* its `park` finds the moment */
    }
    int rc = thrum__wait(waiter, deadline, kind->name, object);
    self->look_at = THRUM__NO_DEADLINE;
    if (thrum__load_relaxed(&wait->state) != CLOSED)
        close_word(wait);
    return rc;
}
