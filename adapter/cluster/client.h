/* A client as its files see it. client.c has the essay, and what the I/O thread does; flights.c keeps account of tasks, requests.c
 * is for cancels and deadlines, answers.c for what the server sends. */
#ifndef CLUSTER_CLIENT_H
#define CLUSTER_CLIENT_H

#include "link.h"
#include "stream.h"
#include "table.h"
#include "values.h"

#include <thrum/driver.h>
#include <thrum/lock.h>
#include <thrum/task_name.h>

enum {
    FLIGHTS_MOST = 16384, /* tasks with the server */
    TAKE_MOST = 2048,     /* tasks in one round */
    BATCH_BYTES = 128 * 1024,
    BATCH_NS = 2000000,
    NUMBERS_MOST = 512,
};

#define LARGE_MOST ((uint64_t)256 << 20) /* bytes of large arguments with the server */
#define MS         ((thrum_time)1000000) /* a millisecond */

/* After this time a result comes again that was not acknowledged; and after so long without any, its consumer is suspected. */
#define RESULT_WAIT     (5000 * MS)
#define RESULT_PATIENCE (RESULT_WAIT + 1000 * MS)

struct parcel;

struct flight {
    uint64_t number;
    thrum_driven *task;
    struct parcel *parcel;
    struct flight *next;    /* of the parcel */
    struct transfer *fetch; /* of its result, if that is large and on its way */
    thrum_time ends_at;     /* its deadline and the grace; 0 for none */
    thrum_time given_up_at; /* it was asked to stop: then it fails; 0 for none */
};

/* How far the deletion of a message has come. */
enum clearing { CLEAR_NONE, CLEAR_LOOK, CLEAR_DELETE, CLEAR_CONFIRM, CLEAR_OVER };

enum stage { FRESH, SENT, STORED, LOADING };

struct parcel {
    uint64_t number, sequence; /* `sequence` in the stream, once it is stored */
    struct code *code;
    int rank;
    struct flight *flights, *last;
    size_t count, size;
    enum stage stage;
    struct transfer *argument; /* of its only flight, if that is large */
    unsigned tries;
    unsigned generation; /* how often it was published anew: a part of the id */
    enum clearing clearing;
    thrum_time
        again_at; /* then it is published again, or the question of its clearing is asked again */
    struct parcel *next, *prev; /* in the list of its stage, if that has one */
};

/* Parcels in the order of their coming. */
struct list {
    struct parcel *first, *last;
};

/* A function, and what is known of it. */
struct code {
    thrum_task_fn *function;
    char name[THRUM_TASK_NAME_SIZE],
        code[CODE_SIZE];             /* the name, and the part of it that is in subjects */
    uint64_t average;                /* nanoseconds that a task takes; 0 while unknown */
    bool answered;                   /* a worker has it */
    struct parcel *open[PRIORITIES]; /* of this round */
    struct code *next;
};

struct client {
    struct link link;
    natsInbox
        *results; /* where the server delivers results: it wants a listener to this very subject */
    thrum_executor *executor;
    unsigned char id[CLIENT_SIZE];
    char id_text[2 * CLIENT_SIZE + 1];
    thrum_event opened; /* the connection is made, or refused: `rc` */
    int rc;
    thrum_error error;

    thrum_event wake; /* the I/O thread has something to do */
    thrum_lock lock;  /* for the rest */
    struct table flights, parcels;
    struct list lists[STORED]; /* parcels that are FRESH, and those that are SENT */
    struct values values;
    uint64_t large; /* bytes of large arguments that were taken */
    bool had_large; /* there may be values of this client at the server */
    struct code *codes;
    uint64_t numbers; /* the last number that was given */
    bool full;        /* the server refuses tasks: its queue is full */
    char
        refusal[REFUSAL_SIZE]; /* why the server has not stored the last message; empty if it has */
    bool crowded;              /* a task may wait in the backlog, because there is no room for it */
    bool lost;                 /* the server has lost its state */
    struct stream stream, result_stream;
    struct stall stall; /* of the consumer of results */
    uint64_t received;  /* messages that it has delivered here */
    bool again;         /* publish what is not stored at once: the connection is new */
    size_t asked;       /* flights that were asked to stop */
    thrum_time resend_at, check_at, cancel_at, scan_at, recover_at; /* when to do this next */
};

/* Numbers of flights or parcels, for a round of the I/O thread. The array is not cleared: that would take longer than most rounds. */
struct numbers {
    size_t count;
    uint64_t number[NUMBERS_MOST];
};

static inline void thrum_cluster__note(struct numbers *numbers, uint64_t number)
{
    if (numbers->count < NUMBERS_MOST)
        numbers->number[numbers->count++] = number;
}

/* How a flight ends. */
struct outcome {
    thrum_driven *task;
    enum result_kind kind;
    int code;
    const char *bytes;
    size_t size;
};

/* Has the I/O thread look. */
static inline void thrum_cluster__client_wake(void *context)
{
    thrum_event_set(&((struct client *)context)->wake);
}

/* The consumer of this client's results: makes it, or deletes it. The answer of the deletion comes with the token. */
void thrum_cluster__make_consumer(struct client *client);
void thrum_cluster__delete_consumer(struct client *client, const char *token);

/* ------------------------------------------------------------------------------------- flights.c */

void thrum_cluster__resolve(const struct outcome *outcome);

/* Makes a task a flight. Returns 0, or the code with which it fails. Under the lock. */
int thrum_cluster__flight_add(struct client *client, thrum_driven *task,
                              const thrum_driven_view *view);

/* Has a parcel published again, under a new id: the server or a worker has lost it. Under the lock. */
void thrum_cluster__send_again(struct client *client, struct parcel *parcel);

/* Takes a flight out: the caller resolves its task. Under the lock. */
thrum_driven *thrum_cluster__take_out(struct client *client, struct flight *flight);

/* Resolves all flights of a parcel in the same way. Without the lock, which the caller has released; `number` may be gone. */
void thrum_cluster__resolve_parcel(struct client *client, uint64_t number, enum result_kind kind,
                                   int code, const char *message);

/* Puts a parcel at the end of the list of its new stage. Under the lock. */
void thrum_cluster__set_stage(struct client *client, struct parcel *parcel, enum stage stage);

/* ------------------------------------------------------------------------------------ requests.c */

/* Asks the server what the clearing of a parcel needs to know next. Under the lock. */
void thrum_cluster__ask_server(struct client *client, const struct parcel *parcel);

/* True if the numbers of messages are those of the server's stream. Under the lock. */
bool thrum_cluster__numbers_hold(struct client *client);

/* Passes on requests to stop, and repeats them. `clears` if a shutdown cancels what has not begun. */
void thrum_cluster__pass_requests(struct client *client, bool clears);

/* Fails flights whose time is over. */
void thrum_cluster__end_late(struct client *client);

/* ------------------------------------------------------------------------------------- answers.c */

/* `receive` of the link. */
void thrum_cluster__client_receive(void *context, const char *token, natsMsg *message);

#endif
