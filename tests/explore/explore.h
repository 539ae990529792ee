/* Writing a client: a small program whose interleavings are all tried.
 *
 *     struct counter { thrum_lock lock; int value; };
 *
 *     static void increment(void *argument)
 *     {
 *         struct counter *counter = argument;
 *         thrum_lock_acquire(&counter->lock);
 *         EXPLORE_WRITE(counter->value, EXPLORE_READ(counter->value) + 1);
 *         thrum_lock_release(&counter->lock);
 *     }
 *
 *     EXPLORE(lock_counter, .preemptions = 3, .spurious = 1)
 *     {
 *         struct counter counter = {THRUM_LOCK_INIT, 0};
 *         explore_spawn("one", increment, &counter);
 *         explore_spawn("two", increment, &counter);
 *         explore_join_all();
 *         EXPLORE_CHECK(counter.value == 2);
 *     }
 *
 * The body runs once for each interleaving, always from the same state: variables, static ones
 * included, are as they were at the start of the program. It must be deterministic but for what
 * the explorer decides, must touch shared memory through the gate (base/atomic.h) or through
 * EXPLORE_READ and EXPLORE_WRITE, and must have ended all its threads, but for `idle`, when it returns. Memory
 * comes from thrum__alloc.
 *
 * A run fails by a check, a panic of the library, a race on marked data, a touch of dead memory, a
 * deadlock or lost wake-up, a livelock, a leak. See docs/explorer.md for what the bounds mean.
 */
#ifndef EXPLORE_H
#define EXPLORE_H

#include "../outcome.h"
#include "base/atomic.h"
#include "base/memory.h"
#include "explorer/machine.h"

#include <stdbool.h>
#include <stdint.h>

enum { EXPLORE_ALL = -1, EXPLORE_NONE = -2 };

/* What a client asks for; zero means the default. */
struct explore_options {
    int preemptions; /* the bound; 2 by default, EXPLORE_NONE for 0, EXPLORE_ALL for no bound */
    int long_preemptions; /* the bound with --long; that of `preemptions` by default */
    bool long_only; /* too large for less than --long: left out without, and from the mutants */
    int spurious;   /* budgets: how often each may strike in one run; none by default */
    int timeouts;
    int weak;
    int stale;
    int no_memory;
    int no_thread;
    int ticks;
    int64_t tick;      /* by how much; 2 ms by default */
    bool rescue;       /* when all wait, the first deadline passes; else that is a failure */
    bool leaks;        /* memory may be left */
    bool idle;         /* threads may sleep for ever once all others have ended */
    uint32_t steps;    /* more in a run are a livelock; 5000 by default */
    const char *panic; /* a panic with this text is a right end, and must occur in some run */
    const char *fails; /* the search must find a failure with this text: for the self-tests */
    const char *sees;  /* some run must call explore_seen with this text */
    uint64_t runs;     /* stop after so many, not exhausted; 1 000 000 by default, 30 with --long */
    uint64_t exactly;  /* the number of runs that it must take */
    bool no_reduction; /* run equal states again */
    bool partial;      /* the search may end for its number of runs */
    unsigned walks;    /* then also so many random and PCT runs each */
};

struct explore_client {
    const char *name;
    void (*run)(void);
    struct explore_options options;
    struct explore_client *next;
};

void explore_register(struct explore_client *client);

/* Defines a client and is followed by its body. */
#define EXPLORE(client, ...)                                                                       \
    static void client_##client(void);                                                             \
    __attribute__((constructor)) static void register_##client(void)                               \
    {                                                                                              \
        static struct explore_client entry = {#client, client_##client, {__VA_ARGS__}, NULL};      \
        explore_register(&entry);                                                                  \
    }                                                                                              \
    static void client_##client(void)

/* Starts a thread and gives its number. The name must be constant. */
unsigned explore_spawn(const char *name, void (*run)(void *argument), void *argument);

/* The same for a thread that has no context before its first call of thrum, as one that the library did not
 * start. It may get the ident of a thread that has ended. */
unsigned explore_spawn_foreign(const char *name, void (*run)(void *argument), void *argument);

/* Waits for one thread, and for all that were started. */
void explore_join(unsigned thread);
void explore_join_all(void);

/* Notes that something happened which a client wants to be possible: see `sees`. */
void explore_seen(const char *what);

/* One of `count` numbers, from 0; each is tried. */
#define explore_any(count) thrum__explore_any(count)

/* How many deadlines have passed in this run. */
#define explore_timeouts() thrum__explore_timeouts()

/* Names an object for reports. */
#define EXPLORE_NAME(object) thrum__explore_name(&(object), sizeof(object), #object)

/* The run fails unless the condition holds. */
#define EXPLORE_CHECK(condition)                                                                   \
    ((condition)                                                                                   \
         ? (void)0                                                                                 \
         : thrum__explore_fail("check failed: %s, in %s at %s:%d", #condition,                     \
                               thrum__explore_thread_name(thrum__explore_machine_->current),       \
                               thrum__explore_file(__FILE__), __LINE__))

/* Plain data that something is to protect: two unordered accesses are a failure. */
#define EXPLORE_READ(object) (*(thrum__plain_read(&(object)), &(object)))
#define EXPLORE_WRITE(object, value)                                                               \
    __extension__({                                                                                \
        __typeof__(object) written_ = (value);                                                     \
        thrum__plain_write(&(object));                                                             \
        (object) = written_;                                                                       \
    })

#endif
