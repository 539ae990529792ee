/* The schedule of requests: a bounded number of jobs at a time, and fewer to one host. */
#ifndef CLI_FETCH_SCHEDULE_H
#define CLI_FETCH_SCHEDULE_H

#include "address.h"
#include "body.h"

#include <stdbool.h>
#include <stdint.h>
#include <thrum.h>

struct schedule;
struct host;

/* A URL to fetch. Fields that belong to the schedule end with an underscore. */
struct job {
    char *url;
    bool named;      /* the list gives the name */
    uint64_t number; /* in the order of the list, from 0 */
    struct address address;
    struct body_digest wanted; /* given by the list */
    struct schedule *schedule_;
    struct host *host_;
    thrum_future *future_;
    thrum_event admitted_;         /* a job that retries has a place */
    struct job *older_, *newer_;   /* in the queue of its host */
    struct job *above_, *below_;   /* in the list of jobs that have begun */
    thrum_time entered_;           /* when its attempt began */
    bool begun_, placed_, queued_; /* it is a task; it has a place; it waits for a place */
    int lane;                      /* the index of its executor */
    bool waiting_;                 /* in a wait that a stop ends */
};

enum { LANES_MOST = 4 };

struct schedule_options {
    thrum_executor *executors[LANES_MOST]; /* of each lane */
    int lanes;                             /* at least 1 */
    int jobs, per_host;
    size_t window; /* the most jobs, including those that wait for a place */
    /* Runs a job, in a task of the executor. Each attempt is between schedule_enter and
     * schedule_leave. The job has its first place already. */
    void (*run)(struct job *job, void *context);
    /* Reports a job that could not become a task; `rc` is the reason. Called by the submitting
     * thread. */
    void (*fail)(struct job *job, int rc, void *context);
    void *context;
};

/* NULL if memory is out. */
struct schedule *schedule_new(const struct schedule_options *options);
/* Frees it. Its idle event must be set. */
void schedule_free(struct schedule *schedule);

/* A job with a copy of the URL. NULL if memory is out. */
struct job *fetch_job_new(const char *url);

/* Takes the job over, once there is room in the window. Returns 0; -ECANCELED after a stop, or
 * -ENOMEM: the job then stays the caller's. From one thread. Blocks. */
int schedule_add(struct schedule *schedule, struct job *job);
void fetch_job_free(struct job *job);

/* Waits for a place; the first attempt has one. From here to schedule_leave, a stop does not
 * disturb the job. Returns 0, or -ECANCELED after a stop. Blocks. */
int schedule_enter(struct job *job);

/* Gives the place back. `crowded`: the host answered that it has too many requests. */
void schedule_leave(struct job *job, bool crowded);

/* Mark the begin and the end of waits that a stop ends, such as pauses: they then fail with
 * -ECANCELED at once, even if the stop came before. The second returns 0, or -ECANCELED after a
 * stop. */
void schedule_wait_begin(struct job *job);
int schedule_wait_end(struct job *job);

/* True if no attempt has ended yet: there is no idle connection. */
bool schedule_is_fresh(const struct job *job);

/* True if no further job of its host waits or can come: its connection will not be used again. */
bool schedule_is_last(const struct job *job);

/* Begins no more attempts: jobs that wait end, jobs with a place go on. Can be repeated. */
void schedule_stop(struct schedule *schedule);
bool schedule_stopping(struct schedule *schedule);

/* Set by schedule_stop. */
thrum_event *schedule_stop_event(struct schedule *schedule);

/* No more jobs will be added. */
void schedule_close(struct schedule *schedule);

/* Set once it is closed and no job is left. */
thrum_event *schedule_idle_event(struct schedule *schedule);

/* The present limit of places for the host of a job. For tests. */
double schedule_limit(struct job *job);

#endif
