/* The memory that `thrum explore` shares with the program whose schedules it explores.
 *
 * The command writes the plan of a run before it asks for the run, and reads the rest after it has
 * ended. The program is not trusted: it may overwrite the region by a wild store. The command copies
 * what it needs once, and checks each index.
 */
#ifndef DOCTOR_SCHEDULE_REGION_H
#define DOCTOR_SCHEDULE_REGION_H

#include <stdint.h>

/* The environment variable that names two descriptors: the region, and the socket of the server. */
#define SCHEDULE_VARIABLE "THRUM_SCHEDULE"

enum {
    SCHEDULE_MAGIC = 0x53636832,
    SCHEDULE_THREADS = 250,
    SCHEDULE_STEPS = 1 << 16,   /* the steps that are kept: the last ones */
    SCHEDULE_CHOICES = 1 << 15, /* the departures from the usual choice that are kept */
    SCHEDULE_HELD = 16,
    SCHEDULE_FRAMES = 24,
    SCHEDULE_SHARED = 1024,
};

enum schedule_strategy {
    STRATEGY_USUAL,  /* the usual choice each time, but for the departures of the plan */
    STRATEGY_RANDOM, /* each choice is equally likely */
    STRATEGY_PCT,    /* priorities, which change at `depth` - 1 random places */
    STRATEGY_POS,    /* a random priority for each operation, drawn again after a conflict */
    STRATEGY_DEPTH,  /* the choices of the plan, then the usual one: for depth-first search */
};

/* Which accesses to memory are points of the schedule, without instrumentation. */
enum schedule_memory {
    MEMORY_OFF,
    MEMORY_SHARED, /* those to words that are known to be shared */
    MEMORY_ALL,    /* all */
};
enum { SCHEDULE_MEMORIES = MEMORY_ALL + 1 };

/* What a thread is about to do. */
enum schedule_kind {
    STEP_NONE,
    STEP_BEGIN, /* the first step of a thread */
    STEP_END,
    STEP_CREATE,
    STEP_CREATED, /* after a creation, so that the new thread may run first */
    STEP_JOIN,
    STEP_LOCK,
    STEP_RELOCK, /* the lock after a wait for a condition */
    STEP_TRY_LOCK,
    STEP_UNLOCK,
    STEP_READ_LOCK,
    STEP_WRITE_LOCK,
    STEP_TRY_READ_LOCK,
    STEP_TRY_WRITE_LOCK,
    STEP_RW_UNLOCK,
    STEP_SPIN_LOCK,
    STEP_SPIN_UNLOCK,
    STEP_COND_WAIT,
    STEP_SIGNAL,
    STEP_BROADCAST,
    STEP_SEM_WAIT,
    STEP_SEM_TRY,
    STEP_SEM_POST,
    STEP_BARRIER,
    STEP_ONCE,
    STEP_DESTROY,
    STEP_SLEEP,
    STEP_YIELD,
    STEP_IO,
    STEP_IO_WAIT,
    STEP_FUTEX_WAIT,
    STEP_FUTEX_WAKE,
    STEP_SIGNAL_WAIT, /* for a signal of the system */
    STEP_SIGNAL_SEND,
    STEP_EXIT,
    STEP_SPIN, /* it computed for long without a call, and was stopped where it was */
    STEP_READ, /* of memory, in an instrumented program */
    STEP_WRITE,
    STEP_ATOMIC,
    STEP_THRUM, /* and above: STEP_THRUM + STEP_THRUM_KINDS * action + kind, of an object of libthrum */
    STEP_THRUM_KINDS = 8,
    STEP_KINDS = STEP_THRUM + STEP_THRUM_KINDS * 4,
};

/* What a thread does to an object of libthrum. The kind of the object is an enum thrum__probe_kind. */
enum schedule_thrum_action {
    THRUM_WANTS,    /* it is about to wait for it */
    THRUM_ACQUIRED, /* it has it now */
    THRUM_RELEASES,
    THRUM_TELLS, /* it puts into a queue, sets an event, notifies a condition */
};

enum schedule_flag {
    STEP_SWITCH = 1,    /* another thread took the step before */
    STEP_PREEMPTS = 2,  /* and it could have gone on */
    STEP_BLOCKS = 4,    /* the operation could not be done: the thread waits */
    STEP_TIMED_OUT = 8, /* its deadline has passed */
    STEP_IN_VAIN = 16,  /* a signal that no thread waited for */
};

enum schedule_verdict {
    VERDICT_RUNNING,  /* the program ended by itself, or still runs */
    VERDICT_STUCK,    /* no thread can go on */
    VERDICT_LIMIT,    /* the limit of steps was reached */
    VERDICT_MISUSE,   /* an object was used after its end */
    VERDICT_CRASH,    /* a signal that ends the program: `signal` */
    VERDICT_RACE,     /* two accesses to the same memory that nothing orders */
    VERDICT_COMPUTES, /* the limit of processor time without a call was reached */
    VERDICT_WAITS,    /* it waits for input or a signal from outside */
};

enum schedule_state {
    THREAD_FREE,
    THREAD_READY,
    THREAD_BLOCKED,
    THREAD_SLEEPS,
    THREAD_IO,
    THREAD_GONE
};

struct schedule_step {
    uint64_t object, place;
    uint32_t choice; /* the number of the choice that led here */
    uint8_t thread, kind, flags;
};

struct schedule_choice {
    uint32_t index;  /* the number of the choice */
    uint32_t option; /* a thread, or for other choices the number of the option */
};

struct schedule_held {
    uint64_t object, place;
};

struct schedule_thread {
    uint8_t state, kind, held_count;
    uint32_t tid;
    uint64_t object, place, start;
    uint64_t record; /* the address by which a join knows it */
    char name[16];
    struct schedule_held held[SCHEDULE_HELD];
};

struct schedule_plan {
    uint64_t seed;
    uint64_t patience_ns; /* how long to wait for input from outside, in real time */
    uint64_t compute_ns;  /* how long a thread may compute without a call, in processor time */
    uint32_t strategy, depth;
    uint32_t step_limit;
    uint32_t choice_count; /* of `plan_choices` below */
    uint32_t processor;    /* the run has one: the one with this number among those allowed */
    uint32_t signal;       /* sent once, when the program waits for something outside; 0: none */
    uint8_t early;         /* a timeout may come before other threads have done what they can */
    uint8_t look;          /* stop at a failure, and let the command look at the process */
    uint8_t races;         /* a race ends the run */
    uint8_t memory;        /* an enum schedule_memory */
    uint8_t learn;         /* add to `shared` what the run finds */
};

/* One of two accesses to the same memory. */
struct schedule_access {
    uint64_t address, place, before, after;
    uint32_t size, step;
    uint8_t thread, write, atomic, held_count;
    struct schedule_held held[SCHEDULE_HELD];
    uint64_t frames[SCHEDULE_FRAMES];
    uint32_t frame_count;
};

struct schedule_region {
    uint32_t magic;
    struct schedule_plan plan;

    /* Kept from run to run: what the first runs have found. Words that threads share without a lock. */
    uint32_t shared_count;
    uint32_t loops;        /* a thread waits for such a word in a loop */
    uint32_t instrumented; /* the program was compiled with -fsanitize=thread */
    uint64_t shared[SCHEDULE_SHARED];
    uint32_t lengths
        [SCHEDULE_MEMORIES]; /* choices of a run, for each enum schedule_memory; 0: not known */

    /* Of this run. */
    uint32_t verdict, signal;
    uint32_t looking;    /* the program has stopped for the command to look */
    uint32_t current;    /* the thread that runs */
    uint32_t steps;      /* all that were taken */
    uint32_t idle_steps; /* of them, yields and sleeps */
    uint32_t choices;    /* all that were made */
    uint32_t thread_count;
    uint32_t uncontrolled; /* times that a thread was stopped at no call */
    uint32_t preemptions;
    uint32_t taken_count;   /* of `taken` */
    uint32_t free_children; /* processes that the program made, which run free */
    uint32_t options_count; /* of `options` */
    uint32_t memory_faults; /* accesses to closed pages */
    uint32_t memory_worn;   /* there were too many: no memory points after them */
    uint32_t memory_error;  /* why there are no memory points: an errno, or 0 */
    uint64_t object;        /* of a misuse or a crash: its address */
    uint64_t place;
    char message[200];
    struct schedule_access race[2];
    struct schedule_thread threads[SCHEDULE_THREADS];
    struct schedule_choice plan_choices[SCHEDULE_CHOICES];
    struct schedule_choice taken[SCHEDULE_CHOICES]; /* where a choice was not the usual one */
    uint8_t options[SCHEDULE_CHOICES];              /* how many each of the first choices had */
    struct schedule_step ring[SCHEDULE_STEPS];
};

/* From the server to the command. */
enum schedule_event { EVENT_READY, EVENT_STARTED, EVENT_ENDED, EVENT_REFUSED };

struct schedule_report {
    uint32_t event;
    int32_t pid;    /* of the run */
    int32_t status; /* as of waitpid, after EVENT_ENDED; an errno, after EVENT_REFUSED */
};

#endif
