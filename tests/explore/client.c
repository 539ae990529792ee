/* What clients call, beside the library under test. */
#include "explore.h"
#include "park/context.h"
#include "search.h"

#include <stdlib.h>
#include <string.h>

static struct explore_client *first_client; /* complete before the first run */

void explore_register(struct explore_client *client)
{
    struct explore_client **at = &first_client;
    while (*at && strcmp((*at)->name, client->name) < 0)
        at = &(*at)->next;
    client->next = *at;
    *at = client;
}

const struct explore_client *explore_clients(void)
{
    return first_client;
}

static unsigned spawned; /* set back before each run, as all variables */

static struct start {
    void (*run)(void *argument);
    void *argument;
    thrum__context *context;
} starts[THRUM__EXPLORE_THREADS];

/* The words of a thread's context that others touch, as reports call them. */
static void name_context(unsigned thread, thrum__context *context)
{
#define NAMES(t)                                                                                   \
    {                                                                                              \
        "claim of " t, "signal of " t, "cancelled of " t, "context of " t                          \
    }
    static const char *const names[THRUM__EXPLORE_THREADS][4] = {
        NAMES("T0"), NAMES("T1"), NAMES("T2"), NAMES("T3"), NAMES("T4"),  NAMES("T5"),
        NAMES("T6"), NAMES("T7"), NAMES("T8"), NAMES("T9"), NAMES("T10"),
    };
#undef NAMES
    thrum__explore_name(context, sizeof *context, names[thread][3]);
    thrum__explore_name(&context->claim, sizeof context->claim, names[thread][0]);
    thrum__explore_name(&context->signal, sizeof context->signal, names[thread][1]);
    uint32_t *cancelled = &context->rest->base.cancelled;
    thrum__explore_name(cancelled, sizeof *cancelled, names[thread][2]);
}

static void *begin(void *argument)
{
    struct start *start = argument;
    thrum__context_enter(start->context);
    start->run(start->argument);
    thrum__context_leave(start->context);
    return NULL;
}

static void *begin_foreign(void *argument)
{
    struct start *start = argument;
    start->run(start->argument);
    return NULL;
}

static struct start *new_start(void (*run)(void *argument), void *argument)
{
    struct start *start = &starts[thrum__explore_machine_->threads];
    *start = (struct start){.run = run, .argument = argument};
    return start;
}

static unsigned launch(const char *name, void *(*first)(void *start), struct start *start)
{
    uintptr_t thread;
    if (thrum__explore_thread_start(&thread, first, start))
        thrum__explore_fail("the client's own thread did not start");
    thrum__explore_name_thread((unsigned)thread, name);
    spawned |= 1u << thread;
    return (unsigned)thread;
}

/* A thread gets its context from its starter. If it made its own, the table of contexts would order the end
 * of an earlier thread before its beginning, which may hide a race. */
unsigned explore_spawn(const char *name, void (*run)(void *argument), void *argument)
{
    struct start *start = new_start(run, argument);
    start->context = thrum__context_new(NULL, NULL);
    if (!start->context)
        thrum__explore_fail("no context for the client's own thread");
    name_context((unsigned)(start - starts), start->context);
    return launch(name, begin, start);
}

unsigned explore_spawn_foreign(const char *name, void (*run)(void *argument), void *argument)
{
    return launch(name, begin_foreign, new_start(run, argument));
}

void explore_join(unsigned thread)
{
    thrum__explore_join(1u << thread);
}

void explore_join_all(void)
{
    thrum__explore_join(spawned);
}

static struct seen {
    const char *wanted;
    bool found;
} * seen; /* on the heap: it must outlive the runs */

void explore_seen_reset(const char *wanted)
{
    if (!seen)
        seen = calloc(1, sizeof *seen);
    if (!seen)
        abort();
    *seen = (struct seen){.wanted = wanted};
}

void explore_seen(const char *what)
{
    if (seen->wanted && strcmp(what, seen->wanted) == 0)
        seen->found = true;
}

bool explore_was_seen(void)
{
    return seen->found;
}
