/* A process under examination and its threads, as the system shows them from outside. */
#ifndef DOCTOR_PROCESS_H
#define DOCTOR_PROCESS_H

#include "unwind.h"

/* What a thread was at when it was looked at. */
enum thread_where {
    THREAD_RUNNING, /* it ran, or was about to, so its stack could not be read */
    THREAD_IN_CALL, /* it slept in a system call */
    THREAD_OUTSIDE, /* it slept without a system call, as on a page that is read from disk; or its
                       registers come from a core file or from ptrace, and it was in no call */
    THREAD_ENDED,   /* it has ended; the first thread of a process stays as such */
    THREAD_FIBER,   /* it is a fiber of libthrum, and switched out */
};

enum object_kind {
    OBJECT_NONE,
    OBJECT_MUTEX,
    OBJECT_RWLOCK,
    OBJECT_CONDITION,
    OBJECT_SEMAPHORE,
    OBJECT_BARRIER,
    OBJECT_THREAD, /* a join */
    OBJECT_ONCE,
    OBJECT_STREAM, /* the lock of a FILE */
    OBJECT_FUTEX,  /* something else that sleeps in futex */
    OBJECT_THRUM,  /* one of libthrum's */
};

/* Why an owner cannot be found among the threads. */
enum owner_state {
    OWNER_NONE,    /* the object has none, or keeps none */
    OWNER_LIVES,   /* `owner` is its index */
    OWNER_GONE,    /* no thread of the process has that number: it ended, or fork left it behind */
    OWNER_OUTSIDE, /* the object is shared with other processes */
};

struct wait {
    enum object_kind kind;
    const char *call;   /* the function of the C library or of thrum, or NULL */
    int caller;         /* the frame that called it; -1: not known */
    const char *action; /* "lock", "read", "write", "wait", "join" */
    uint64_t object;    /* 0: not known */
    uint64_t word;      /* the futex */
    char type[32];      /* what it is to a person: "mutex" */
    char name[160];     /* of the object, or empty */
    char detail[160];   /* what its bytes tell, or empty */
    bool limited;       /* it ends by itself */
    double left;        /* seconds until then; negative: not known */
    bool shared;        /* other processes may end it */
    bool hopeless;      /* the C library lets it wait for ever */
    enum owner_state owner_state;
    int owner_tid; /* as the object has it */
    int owner;     /* the index of the thread; -1: none */
};

/* A frame of a language that is interpreted. */
struct script_frame {
    char function[96];
    char file[160];
    int line; /* 0: not known */
};

struct thread {
    int tid;       /* as we see it */
    int inner_tid; /* as its own process sees it: in a container another number */
    char name[32];
    char state; /* as in ps: S, R, D, T, Z; 0: not known */
    enum thread_where where;
    bool exact; /* that its stack did not change while it was copied is proven */
    long call;  /* the system call, with THREAD_IN_CALL */
    uint64_t arguments[6];
    struct registers registers;
    char slices[64]; /* what changes whenever it runs */
    struct frame *frames;
    int frame_count;
    enum unwind_end end;
    struct script_frame *script; /* Python's frames, the innermost first; NULL: none */
    int script_count;
    struct wait wait; /* .kind is OBJECT_NONE if it waits for no object */
    char doing[200];  /* the system call as a person says it */
    bool stuck;       /* part of a deadlock, or waiting behind one */

    bool fiber;     /* it is one of libthrum: `tid` is its ident */
    uint64_t claim; /* of its context; changes with each wait */
    uint64_t claim_address;
    int carrier;           /* the thread on which it runs; -1: none */
    uint64_t fiber_record; /* the address of its record, at the top of its stack */
    bool leaked;           /* nothing can reach what it waits for: reach.h */
};

struct process {
    int pid, inner_pid, parent;
    char name[64]; /* of its program */
    char state;
    uint64_t caught;     /* signals with a handler, a bit for each */
    bool container;      /* it has a namespace of process ids of its own */
    bool musl;           /* its C library is musl */
    const char *runtime; /* "Go" and so on, if it has one of its own; else NULL */
    struct thread *threads;
    int count, room;
    struct memory memory;
    struct modules modules;
    struct places places;
    int fibers_unseen; /* too many to be shown */
    int tasks;         /* a descriptor of /proc/PID/task, or -1 for a core file */
    struct core *core; /* or NULL */
};

/* The thread with the number that the process itself uses, alive; -1 if there is none. */
int process_thread(const struct process *process, int inner_tid);

/* Adds one, all zero but for its number; NULL if memory ran out. */
struct thread *process_add(struct process *process, int tid);

/* Opens a process and lists its threads. Returns 0, or a negative errno with the reason and what to
 * do in `message`. */
int process_open(struct process *process, int pid, char *message, size_t size);
void process_close(struct process *process);

/* Looks at thread `index`: state, system call, registers, frames. `buffer` holds STACK_COPY bytes.
 * Returns 0 or a negative errno; a thread that ended meanwhile is not an error. */
enum { STACK_COPY = 64 << 10 };
int process_look(struct process *process, int index, uint8_t *buffer);

/* Unwinds from the registers of the thread, and gives it the frames. Returns 0 or -ENOMEM. */
int process_unwind(struct process *process, struct thread *thread, const struct stack_copy *copy);

/* The file of its program, read; NULL if there is none. */
struct module *process_program(struct process *process);

/* True if its C library is musl. */
bool process_is_musl(struct process *process);

/* True if the thread has not run since then, and was not woken either: a thread that was woken, but got no
 * processor yet, has the same count of time slices. */
bool process_unmoved(const struct process *process, int index);

/* True if the process has just the threads that were listed. */
bool process_same_threads(const struct process *process);

/* Says why /proc refuses, with what to do about it, in `message`. Returns `error`. */
int process_refusal(int pid, int error, char *message, size_t size);

/* The path behind a descriptor of the process, or what kind it is. */
void process_descriptor(const struct process *process, int descriptor, char *text, size_t size);

#endif
