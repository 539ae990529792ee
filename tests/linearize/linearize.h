/* Histories of concurrent calls, and the question whether they are linearizable: whether all calls
 * could have happened one after another, each at one moment between its call and its return, with
 * the results that they had.
 *
 *     model.c     what the objects do, one call after another
 *     check.c     the search for such an order
 *     subject.c   the objects under test, and broken ones
 *     record.c    runs that leave a history
 *     main.c      the program
 *
 * Source: Herlihy and Wing, Linearizability: a correctness condition for concurrent objects.
 */
#ifndef LINEARIZE_H
#define LINEARIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <thrum.h>

enum {
    LINEAR_THREADS = 4,     /* at most, in a history */
    LINEAR_EACH = 8,        /* calls of a thread, at most */
    LINEAR_CALLS = 32,      /* in all */
    LINEAR_BATCH = 2,       /* items in one call, at most */
    LINEAR_ITEMS = 64,      /* that a history can add */
    LINEAR_PRIORITIES = 3,  /* an item's priority is what is left when it is divided by this */
    LINEAR_SECOND_ITEM = 32 /* the second item of a batch is the first plus this */
};

/* What is called. Those of a queue take a deadline where they may wait. */
enum linear_kind {
    LINEAR_PUT,
    LINEAR_GET,
    LINEAR_PUT_MANY,
    LINEAR_GET_MANY,
    LINEAR_CLOSE,
    LINEAR_CLOSE_NOW,
    LINEAR_APPEND,
    LINEAR_APPEND_LEFT,
    LINEAR_POP,
    LINEAR_POP_LEFT,
    LINEAR_EXTEND,
    LINEAR_FIRST, /* looks at the leftmost item */
    LINEAR_ROTATE,
    LINEAR_CLEAR,
    LINEAR_SIZE,
    LINEAR_KINDS,
};

/* One call: what was asked, what came of it, and when, by a clock that ticks at each call and each
 * return. */
struct linear_call {
    enum linear_kind kind;
    unsigned thread;
    bool waits;                  /* has a short deadline; else THRUM_NOW */
    bool late;                   /* gives the processor away first */
    uint8_t item;                /* to add; or the steps of a rotate */
    int outcome;                 /* what was returned; a number of items for those that give one */
    unsigned count;              /* of items that were given or added */
    uint8_t given[LINEAR_BATCH]; /* these */
    uint32_t called, returned;
};

struct linear_history {
    size_t count;
    struct linear_call calls[LINEAR_CALLS];
};

/* An object between two calls. Unused bytes are 0, so that equal states are equal bytes. */
struct linear_state {
    uint8_t count;
    bool closed;
    uint8_t items[LINEAR_ITEMS]; /* in the order of arrival, or from left to right */
};

/* What the object under test is to be. */
struct linear_model {
    thrum_queue_order order; /* of a queue */
    bool deque;              /* a deque, and no queue */
    uint8_t bound;           /* maximal size, or maxlen; 0 for none */
};

/* Makes the call on the state. False if it cannot have had its results there. */
bool linear_step(const struct linear_model *model, struct linear_state *state,
                 const struct linear_call *call);

/* Whether the history is linearizable. */
bool linear_check(const struct linear_model *model, const struct linear_history *history);

/* The same by trying all orders, for the checker's own test. */
bool linear_check_slowly(const struct linear_model *model, const struct linear_history *history);

/* Prints the history as lines of comment. */
void linear_print(const struct linear_history *history);

/* An object to test: how to make, use and free it. */
struct linear_subject {
    const char *name;
    struct linear_model model;
    bool broken; /* some of its histories must be rejected */
    void *(*make)(const struct linear_model *model);
    void (*call)(void *object, struct linear_call *call);
    void (*free)(void *object);
};
extern const struct linear_subject linear_subjects[];
extern const size_t linear_subject_count;

/* A sequence of pseudorandom numbers below `below`. */
uint32_t linear_random(uint64_t *seed, uint32_t below);

/* What recording has met. */
struct linear_tally {
    uint64_t histories, rejected, overlapping; /* those in which calls overlapped */
    struct linear_history example;             /* one that was rejected */
};

/* Records and checks `histories` histories of `threads` threads. */
void linear_record(const struct linear_subject *subject, unsigned threads, uint64_t histories,
                   uint64_t *seed, struct linear_tally *tally);

/* The checker's own tests; each returns NULL or what is wrong. */
const char *linear_test_written(void);
const char *linear_test_random(uint64_t *seed, uint64_t histories);

#endif
