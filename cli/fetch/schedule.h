/* Who may ask whom now: jobs in a window, so many at a time, fewer of them to one host. */
#ifndef CLI_FETCH_SCHEDULE_H
#define CLI_FETCH_SCHEDULE_H

#include "address.h"
#include "body.h"

#include <stdbool.h>
#include <stdint.h>
#include <thrum.h>

struct schedule;
struct host;

/* A URL that is to be fetched. What is the schedule's own ends with an underscore. */
struct job {
    char *url;
    bool named;      /* the name is the user's */
    uint64_t number; /* in the order of the list, from 0 */
    struct address address;
    struct body_digest wanted; /* that the list gives */
    struct schedule *schedule_;
    struct host *host_;
    thrum_future *future_;
    thrum_event admitted_;         /* a job that has begun may go on */
    struct job *older_, *newer_;   /* among those of its host that wait for a place */
    struct job *above_, *below_;   /* among those that have begun */
    thrum_time entered_;           /* when its attempt began */
    bool begun_, placed_, queued_; /* it has a fiber; it has a place; it waits for one */
    bool waiting_;                 /* in what a stop is to end */
};

struct schedule_options {
    thrum_executor *executor;
    int jobs, per_host;
    size_t window; /* jobs there are at most, those that wait for a place included */
    /* Does a job, in a task of the executor, between schedule_enter and schedule_leave for each attempt.
     * Its first place it has already. */
    void (*run)(struct job *job, void *context);
    /* A job for which there is no task; `rc` is why. Called as `run` is, but where that is due. */
    void (*fail)(struct job *job, int rc, void *context);
    void *context;
};

/* NULL if memory is out. */
struct schedule *schedule_new(const struct schedule_options *options);
/* Nobody may be in it: its idle event is set. */
void schedule_free(struct schedule *schedule);

/* A job with a copy of the URL. NULL if memory is out. */
struct job *fetch_job_new(const char *url);

/* Takes the job over, once there is room in the window. Returns 0; -ECANCELED after a stop, or
 * -ENOMEM, and then the job is the caller's as before. From one thread. Blocks. */
int schedule_add(struct schedule *schedule, struct job *job);
void fetch_job_free(struct job *job);

/* Waits for a place; a job's first is there. Then, as between these two, a stop does not disturb it.
 * Returns 0, or -ECANCELED after a stop. Blocks. */
int schedule_enter(struct job *job);

/* Gives the place up. `crowded`: the host has said that it has too much to do. */
void schedule_leave(struct job *job, bool crowded);

/* Around what a stop is to end, such as pauses: waits between the two then fail with -ECANCELED at
 * once, also if the stop came before. The second returns 0, or -ECANCELED after a stop. */
void schedule_wait_begin(struct job *job);
int schedule_wait_end(struct job *job);

/* Nothing more begins: what waits ends, what has a place goes on. Can be repeated. */
void schedule_stop(struct schedule *schedule);
bool schedule_stopping(struct schedule *schedule);

/* Set from then on. */
thrum_event *schedule_stop_event(struct schedule *schedule);

/* No more jobs will be added. */
void schedule_close(struct schedule *schedule);

/* Set once it is closed and no job is left. */
thrum_event *schedule_idle_event(struct schedule *schedule);

/* The most that the host of a job may have at a time now. For tests. */
double schedule_limit(struct job *job);

#endif
