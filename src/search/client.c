/* What tests call, beside the library under test. */
#include "base/atomic.h"
#include "base/memory.h"
#include "park/context.h"
#include "search/search.h"
#include "search/spawn.h"

#include <stdlib.h>
#include <string.h>

static thrum_explore_test *first_test; /* complete before the first run */

void thrum_explore_register(thrum_explore_test *test)
{
    thrum_explore_test **at = &first_test;
    while (*at && strcmp((*at)->name_, test->name_) < 0)
        at = &(*at)->next_;
    test->next_ = *at;
    *at = test;
}

const thrum_explore_test *thrum__search_tests(void)
{
    return first_test;
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
        thrum__explore_fail("the test's own thread did not start");
    thrum__explore_name_thread((unsigned)thread, name);
    spawned |= 1u << thread;
    return (unsigned)thread;
}

/* A thread gets its context from its starter. If it made its own, the table of contexts would order the end
 * of an earlier thread before its beginning, which may hide a race. */
unsigned thrum_explore_spawn(const char *name, void (*run)(void *argument), void *argument)
{
    struct start *start = new_start(run, argument);
    start->context = thrum__context_new(NULL, NULL);
    if (!start->context)
        thrum__explore_fail("no context for the test's own thread");
    name_context((unsigned)(start - starts), start->context);
    return launch(name, begin, start);
}

unsigned thrum__explore_spawn_foreign(const char *name, void (*run)(void *argument), void *argument)
{
    return launch(name, begin_foreign, new_start(run, argument));
}

void thrum_explore_join(unsigned thread)
{
    thrum__explore_join(1u << thread);
}

void thrum_explore_join_all(void)
{
    thrum__explore_join(spawned);
}

static struct seen {
    const char *wanted;
    bool found;
} * seen; /* on the heap: it must outlive the runs */

void thrum__search_expect(const char *wanted)
{
    if (!seen)
        seen = calloc(1, sizeof *seen);
    if (!seen)
        abort();
    *seen = (struct seen){.wanted = wanted};
}

void thrum_explore_seen(const char *what)
{
    if (seen->wanted && strcmp(what, seen->wanted) == 0)
        seen->found = true;
}

bool thrum__search_was_seen(void)
{
    return seen->found;
}

unsigned thrum_explore_any(unsigned count)
{
    return thrum__explore_any(count);
}

unsigned thrum_explore_timeouts(void)
{
    return (unsigned)thrum__explore_timeouts();
}

void *thrum_explore_alloc(size_t size)
{
    return thrum__alloc(size);
}

void thrum_explore_free(void *memory)
{
    thrum__free(memory);
}

/* ---- what the macros call ---- */

_Static_assert((int)THRUM_EXPLORE__LOAD == THRUM__EXPLORE_LOAD &&
                   (int)THRUM_EXPLORE__STORE == THRUM__EXPLORE_STORE &&
                   (int)THRUM_EXPLORE__UPDATE == THRUM__EXPLORE_RMW &&
                   (int)THRUM_EXPLORE__COMPARE == THRUM__EXPLORE_CAS,
               "the public header numbers the kinds of access as the gate does");

void thrum__explore_named(const void *object, size_t size, const char *name)
{
    thrum__explore_name(object, size, name);
}

void thrum__explore_check_failed(const char *condition, const char *file, int line)
{
    thrum__explore_fail("check failed: %s, in %s at %s:%d", condition,
                        thrum__explore_thread_name(thrum__explore_machine_->current),
                        thrum__explore_file(file), line);
}

void thrum__explore_access(const void *object, size_t size, bool write, const char *file, int line)
{
    thrum__explore_plain(object, size, write, file, line);
}

void thrum__explore_atomic(int kind, const void *word, size_t size, const char *file, int line)
{
    thrum__explore_before((enum thrum__explore_access)kind, word, size, file, line);
}

void thrum__explore_atomic_done(int kind, int order, const void *word)
{
    thrum__explore_after((enum thrum__explore_access)kind, order, word);
}

void thrum__explore_atomic_loaded(int order, const void *word, size_t size, void *value)
{
    thrum__explore_loaded(order, word, size, value);
}

void thrum__explore_fenced(const char *file, int line)
{
    thrum__explore_fence(file, line);
}

void thrum__explore_paused(void)
{
    thrum__explore_pause();
}
