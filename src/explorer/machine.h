/* The machine on which explored programs run: what the search asks of it, and its inner parts.
 *
 * The first half is for src/search/: limits, the driver that answers every choice, one run. The
 * second half is shared by the files of this folder alone.
 */
#ifndef THRUM_BASE_EXPLORE_MACHINE_H
#define THRUM_BASE_EXPLORE_MACHINE_H

#include "base/explore.h"
#include "base/switch.h"

/* ------------------------------------------------------------------ what the search asks of it */

/* How often each kind of bad luck may strike in one run, and other bounds. */
typedef struct thrum__explore_limits {
    int spurious;       /* futex waits that end for no reason */
    int timeouts;       /* deadlines that pass while others could run */
    int weak;           /* weak compare-and-swaps that fail for no reason */
    int stale;          /* loads that see an older value, as weak memory allows */
    int refused_memory; /* allocations that fail */
    int refused_thread; /* thread starts that fail */
    int ticks;          /* looks at the clock that find it `tick` later than before */
    int64_t tick;       /* nanoseconds */
    bool rescue;        /* when all wait, a deadline passes; otherwise that is a failure */
    bool leaks;         /* memory that is left allocated is no failure */
    bool idle;          /* threads that still sleep when all others have ended are no failure */
    uint32_t steps;     /* more in one run are a livelock */
    const char *panic;  /* a panic with this text is no failure, NULL for none */
} thrum__explore_limits;

/* What can be chosen. For a thread each option is one thread and how it goes on; for the others
 * option 0 is what usually happens. */
enum thrum__explore_kind {
    THRUM__EXPLORE_CHOOSE_THREAD,
    THRUM__EXPLORE_CHOOSE_WEAK,
    THRUM__EXPLORE_CHOOSE_STALE,
    THRUM__EXPLORE_CHOOSE_MEMORY,
    THRUM__EXPLORE_CHOOSE_START,
    THRUM__EXPLORE_CHOOSE_TICK,
    THRUM__EXPLORE_CHOOSE_CLIENT,
};

enum thrum__explore_how { THRUM__EXPLORE_RUN, THRUM__EXPLORE_TIMEOUT, THRUM__EXPLORE_SPURIOUS };

typedef struct thrum__explore_option {
    uint8_t thread;
    uint8_t how;
    bool preempts; /* takes the processor from a thread that could have gone on */
} thrum__explore_option;

enum { THRUM__EXPLORE_OPTIONS = 3 * THRUM__EXPLORE_THREADS };

typedef struct thrum__explore_choice {
    enum thrum__explore_kind kind;
    unsigned count;                       /* at least 2 */
    const thrum__explore_option *options; /* for a thread; else NULL */
    unsigned running;                     /* the thread that chooses or is left */
    bool ready; /* and it could go on: to choose another is a preemption */
} thrum__explore_choice;

enum { THRUM__EXPLORE_PRUNE = -1 };

/* One line of a trace. */
typedef struct thrum__explore_step {
    unsigned thread;
    const char *verb;
    const char *file;
    int line;
    const void *address;
    uint64_t before, after;
    bool valued; /* before and after mean something */
} thrum__explore_step;

typedef struct thrum__explore_driver {
    /* Gives the index of an option, or THRUM__EXPLORE_PRUNE to end the run. */
    int (*choose)(void *context, const thrum__explore_choice *choice);
    /* Is told of every step; NULL for a driver that does not care. */
    void (*step)(void *context, const thrum__explore_step *step);
    void *context;
} thrum__explore_driver;

enum thrum__explore_outcome {
    THRUM__EXPLORE_PASSED,
    THRUM__EXPLORE_PANICKED, /* as expected */
    THRUM__EXPLORE_FAILED,
    THRUM__EXPLORE_PRUNED,
};

/* Runs `client` once as the first of the virtual threads, from the state in which the program was
 * at the first call. All variables of the program are set back to that before each run, so a
 * search keeps its own on the heap. */
enum thrum__explore_outcome thrum__explore_run(const thrum__explore_limits *limits,
                                               const thrum__explore_driver *driver,
                                               void (*client)(void));

/* While a thread is chosen: equal numbers stand for states with the same future. The cost of
 * preemptions is not in it: which thread runs, and whether it could continue, belongs to the
 * choice. */
uint64_t thrum__explore_state_number(void);

/* What is known of the last run. */
const char *thrum__explore_thread_name(unsigned thread);

/* A path as it is shown: from src/ or tests/ on. */
const char *thrum__explore_file(const char *path);

/* Writes what `address` is called: a given name, or the region where it lies. */
void thrum__explore_describe(char *text, size_t size, const void *address);

/* ------------------------------------------------------------------------- for client programs */

/* Gives the run's failure and ends it. Does not return. */
void thrum__explore_fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* Names `size` bytes, or a thread, for reports. The text must outlive the run. */
void thrum__explore_name(const void *address, size_t size, const char *name);
void thrum__explore_name_thread(unsigned thread, const char *name);

/* Waits for all threads that `mask` names by bits. */
void thrum__explore_join(unsigned mask);

/* The handle of the thread that was started last, as a number below THRUM__EXPLORE_THREADS. */
unsigned thrum__explore_last_started(void);

/* A free choice of the client's: 0 to count - 1. */
unsigned thrum__explore_any(unsigned count);

/* How many deadlines have passed so far in this run. */
int thrum__explore_timeouts(void);

/* Sockets that clients read: kernel.c. A new one, and bytes that come to it. */
int thrum__explore_socket_new(void);
void thrum__explore_socket_put(int socket, uint32_t size);

/* --------------------------------------------------------------------------------- inner parts */

enum { THRUM__EXPLORE_FENCES = THRUM__EXPLORE_THREADS, THRUM__EXPLORE_CLOCK };
enum { THRUM__EXPLORE_WIPED = 1024 };    /* bytes below a stack in use: see snapshot.c */
enum { THRUM__EXPLORE_FRESH = 8 << 10 }; /* of a stack, cleared of what earlier runs left */

/* What has happened before: for each thread, how many of its steps; and how many fences. */
typedef struct thrum__explore_clock {
    uint32_t at[THRUM__EXPLORE_CLOCK];
} thrum__explore_clock;

enum thrum__explore_state {
    THRUM__EXPLORE_READY,
    THRUM__EXPLORE_SLEEPING, /* on a futex */
    THRUM__EXPLORE_JOINING,
    THRUM__EXPLORE_PAUSED, /* in a spin loop: ready again when another has written */
    THRUM__EXPLORE_DONE,
};

typedef struct thrum__explore_thread {
    thrum__switch stack; /* while another runs */
    const char *name;
    void *(*run)(void *argument);
    void *argument;
    enum thrum__explore_state state;
    bool picked;                                /* the choice for its next step has been made */
    unsigned quiet;                             /* depth of stretches that are not explored */
    int wait_result;                            /* of the futex wait that ended */
    const uint32_t *word[THRUM__EXPLORE_WORDS]; /* that it sleeps on */
    unsigned words;      /* how many: until it goes on, as a wake may come for each of them */
    unsigned woken;      /* those for which one came, as bits */
    int64_t deadline;    /* of that sleep */
    uint32_t ticket;     /* its place among the sleepers */
    unsigned joins;      /* the threads that it waits for, as bits */
    uint32_t writes;     /* of its own, that changed something */
    uint32_t turn_began; /* how many writes of others there were as its spin turn began */
    bool restless;       /* that turn may go otherwise if it is repeated at once */
    void *local;         /* the thread-local slot */
    uint32_t local_number;
    void (*local_end)(void *value);
    thrum__explore_clock clock;  /* what happened before its next step */
    thrum__explore_clock loaded; /* what relaxed loads have seen, for the next fence */
    thrum__explore_clock fenced; /* what relaxed stores publish, since the last fence */
    uint64_t past;               /* stands for all that happened before its next step */
    const char *file;            /* where it was last */
    int line;
} thrum__explore_thread;

typedef struct thrum__explore_machine {
    bool running;
    unsigned current, threads;
    thrum__explore_thread thread[THRUM__EXPLORE_THREADS];
    thrum__explore_limits left; /* what remains of each budget */
    const thrum__explore_driver *driver;
    thrum__switch home; /* the search's stack, where the next thread is chosen */
    enum thrum__explore_outcome outcome;
    int64_t now;
    bool remembers;              /* old values of words, for stale loads */
    thrum__explore_clock handed; /* by hand-overs: see order.c */
    uint32_t steps, tickets, writes, fences, timeouts;
    uint64_t trace; /* the sum of all threads' pasts, which stands for the state */
    struct {
        const void *address;
        uint32_t size;
        uint64_t before;
    } access; /* the atomic access at hand */
    char failure[2048];
} thrum__explore_machine;

extern thrum__explore_machine *thrum__explore_machine_;

static inline thrum__explore_thread *thrum__explore_self(void)
{
    return &thrum__explore_machine_->thread[thrum__explore_machine_->current];
}

/* True inside a run and outside quiet stretches. */
static inline bool thrum__explore_active(void)
{
    return thrum__explore_machine_ && thrum__explore_machine_->running &&
           !thrum__explore_self()->quiet;
}

/* schedule.c: the point before a step, at which another may run first; giving the
 * processor away while not ready; a choice that is not of a thread; whether a thread that pauses
 * would find something new. */
void thrum__explore_point(const char *file, int line);
void thrum__explore_block(enum thrum__explore_state state);
unsigned thrum__explore_choose(enum thrum__explore_kind kind, unsigned count);
bool thrum__explore_is_restless(const thrum__explore_thread *thread);
void thrum__explore_tell(const char *verb, const void *address, uint64_t before, uint64_t after,
                         bool valued);

/* order.c: what happened before what. */
void thrum__explore_order_reset(void);
void thrum__explore_order_load(const void *address, uint32_t size, int order, uint64_t *value,
                               bool may_be_stale);
void thrum__explore_order_store(const void *address, uint32_t size, int order, bool update,
                                uint64_t value);
void thrum__explore_order_fence(void);
void thrum__explore_order_unrecorded(const void *address); /* was written in a quiet stretch */
void thrum__explore_clock_join(thrum__explore_clock *clock, const thrum__explore_clock *other);

/* trace.c: the number that stands for the past. An event of the running thread on the
 * object at `address`; what else shapes a thread's past. */
void thrum__explore_trace_event(const void *address, bool write);
void thrum__explore_trace_mix(thrum__explore_thread *thread, uint64_t what);
uint64_t thrum__explore_trace_hash(uint64_t a, uint64_t b);

/* snapshot.c: the number that stands for the present. Clearing what the explorer's own calls
 * have left on the stack below the caller's caller: to be called last, where there is nothing to
 * return, so that it takes the caller's place. */
void thrum__explore_wipe(void);
void thrum__explore_snapshot_reset(void);
uint64_t thrum__explore_snapshot(void);
uint64_t thrum__explore_bytes_hash(uint64_t seed, const void *bytes, size_t size);

/* name.c */
void thrum__explore_names_reset(void);

/* memory.c: the program's memory. */
void thrum__explore_memory_reset(void);

/* Before a search: the pages of variables that earlier ones have written no longer cost anything. */
void thrum__explore_memory_close_pages(void);
void thrum__explore_memory_check(const void *address, size_t size, const char *what);
uint32_t thrum__explore_memory_left(char *text, size_t size);
char *thrum__explore_memory_stack_new(unsigned thread, size_t *ret_size);
char *thrum__explore_memory_stack(unsigned thread, size_t *ret_size);
void thrum__explore_memory_stack_dead(unsigned thread);
void thrum__explore_memory_region(char *text, size_t size, const void *address);
uint64_t thrum__explore_memory_number(void);

#endif
