/* A worker as its files see it. worker.c has the essay, and what the I/O thread does; jobs.c runs tasks, results.c sends their
 * outcomes, pulls.c asks for messages. */
#ifndef CLUSTER_WORKER_H
#define CLUSTER_WORKER_H

#include "link.h"
#include "stream.h"
#include "values.h"

#include <thrum/executor.h>
#include <thrum/lock.h>
#include <thrum/task_name.h>

enum {
    CODES_MOST = 64,
    AHEAD_NS = 5000000,
    AHEAD_MOST = 2048,
    ANSWER_BYTES = 256 * 1024,
    WAIT_SECONDS = 5, /* of a request at the server */
};

#define MS ((thrum_time)1000000) /* a millisecond */

struct worker;

/* A message with tasks that this worker has. */
struct lease {
    char reply[SUBJECT_SIZE];
    uint64_t sequence; /* of the message in its stream */
    size_t count;      /* tasks whose outcome is not stored */
    size_t all;        /* tasks that it came with */
    thrum_time since;
    bool
        dead; /* memory ran out for one of its tasks, or its stream is gone: nothing is said of it any more, and the server gives it to another */
    bool over; /* all is stored; it is acknowledged once the stream is known to be the same */
    struct lease *next;
};

struct job {
    struct worker *worker;
    struct lease *lease;
    unsigned char client[CLIENT_SIZE];
    uint64_t number;
    thrum_task_fn *function;
    thrum_deadline deadline;
    uint64_t run;         /* nanoseconds that the task took */
    thrum_future *future; /* NULL before the task is submitted, and after it has ended */
    struct transfer
        *transfer;           /* of its argument before, and of its result after, if that is large */
    struct job *next, *prev; /* in `jobs`; while it is done, `next` in `done` */
    char name[THRUM_TASK_NAME_SIZE];
};

/* Results of one client, or a task of a message that was split, on their way to a stream. */
struct answer {
    uint64_t number;
    unsigned char client[CLIENT_SIZE];
    char subject[SUBJECT_SIZE], id[96]; /* `id` is empty for none */
    struct buffer buffer;
    struct lease **leases; /* one for each result */
    size_t count, room;
    unsigned tries;
    thrum_time again_at; /* 0 until it is published */
    struct answer *next;
};

/* A cancel that has come. */
struct request {
    struct request *next;
    size_t size;
    unsigned char bytes[];
};

struct consumer {
    char code[CODE_SIZE];
    int rank;
    thrum_time waits; /* until when a request for one message waits at the server; 0 for none */
    size_t asked;     /* messages of a request that does not wait, and have not come */
    thrum_time asked_at;
    bool hot;
    bool made; /* the server has confirmed it: nothing is asked of it before */
    struct stall stall;
};

struct worker {
    struct link link;
    natsSubscription *pulls; /* a listener of the link */
    natsInbox *pull_inbox;
    thrum_executor *executor;
    thrum_cluster_serve_options serve;
    struct consumer consumers[CODES_MOST * PRIORITIES];
    size_t consumer_count;

    thrum_event wake;
    thrum_lock lock; /* for the rest */
    struct lease *leases;
    struct job *jobs, *done; /* `done` is a stack */
    struct answer *answers;
    struct request *requests;
    uint64_t numbers, ended, replaced;
    size_t held; /* jobs */
    struct values values;
    char id[17];             /* random: a part of the names of large results */
    uint64_t average, batch; /* nanoseconds of a task; tasks of a message */
    bool draining, again, lost;
    struct stream stream; /* of tasks, which the leases that are not dead are of */
    thrum_time asked_at;  /* when it was asked about last */
    thrum_time progress_at, resend_at, recover_at, give_up_at;
};

/* Has the I/O thread look. */
static inline void thrum_cluster__worker_wake(struct worker *worker)
{
    thrum_event_set(&worker->wake);
}

/* ---------------------------------------------------------------- results.c: under the lock, but for the last two */

/* One task of a lease needs it no more. */
void thrum_cluster__release(struct worker *worker, struct lease *lease);

/* The lease for a message, or NULL. */
struct lease *thrum_cluster__find_lease(struct worker *worker, const struct delivery *delivery);

/* Has the answer hold its lease until it is stored. Returns false without memory. */
bool thrum_cluster__answer_holds(struct answer *answer, struct lease *lease);

/* Puts a result into an answer. Without memory the lease is dead, and the task runs again elsewhere. */
void thrum_cluster__add_result(struct worker *worker, const unsigned char *client,
                               struct lease *lease, const struct result_record *record);

/* The same for a failure. */
void thrum_cluster__fail_task(struct worker *worker, const unsigned char *client,
                              struct lease *lease, uint64_t number, int code, const char *message);

/* The stream of tasks was seen: leases that are over are acknowledged, or given up if it is `other` than theirs. */
void thrum_cluster__stream_seen(struct worker *worker, bool other);

void thrum_cluster__free_answer(struct answer *answer);

/* Publishes answers that are new, or have had no PubAck for too long. */
void thrum_cluster__publish_answers(struct worker *worker);

/* The server's answer to an answer; `nobody` if there is no stream for it. */
void thrum_cluster__worker_stored(struct worker *worker, uint64_t number, const char *text,
                                  size_t size, bool nobody);

/* -------------------------------------------------------------------------------------- stalls.c */

/* Asks about consumers for which messages may wait. Under the lock. */
void thrum_cluster__look_at_consumers(struct worker *worker);

/* The server's answer about a consumer, or to its deletion. */
void thrum_cluster__take_consumer(struct worker *worker, const char *token, natsMsg *message);

/* ---------------------------------------------------------------------------------------- jobs.c */

/* Takes the tasks of a message. */
void thrum_cluster__take_tasks(struct worker *worker, const char *subject, const char *reply,
                               const struct delivery *delivery, natsMsg *message);

/* Puts outcomes of jobs that are done into answers. By the I/O thread. */
void thrum_cluster__finish_jobs(struct worker *worker);

/* A cancel has come. */
void thrum_cluster__take_cancels(natsConnection *connection, natsSubscription *subscription,
                                 natsMsg *message, void *context);

/* Asks the jobs that clients name to stop. By the I/O thread. */
void thrum_cluster__cancel_jobs(struct worker *worker);

/* The server's answer to a chunk of a value. */
void thrum_cluster__worker_chunk(struct worker *worker, const char *token, natsMsg *message);

/* Gives up the jobs whose values are on their way. By the I/O thread, at the end. */
void thrum_cluster__give_up_values(struct worker *worker);

/* --------------------------------------------------------------------------------------- pulls.c */

/* Asks the server for as many messages as there is room for. */
void thrum_cluster__ask_for_more(struct worker *worker);

/* A message has come that was asked for, or the end of a request. */
void thrum_cluster__take_pulled(natsConnection *connection, natsSubscription *subscription,
                                natsMsg *message, void *context);

#endif
