/* The schedule.
 *
 *     added --> waits at its host --> has a place: begins, as a task --> leaves --> ends
 *                     ^                                                    |
 *                     +-------------- enters again, to retry --------------+
 *
 * A job without a place is a URL and a few words of memory. With its first place it becomes a task,
 * and so a fiber with a stack. So a window of thousands of jobs costs little. It must be wide: a
 * list is often sorted by host, and jobs for other hosts come behind those that wait for a slow
 * host.
 *
 * A place counts against `jobs` in all, and against the limit of its host. Hosts with a waiting job
 * and a free place are in a ring; each gets one place in turn. A job that retries goes ahead of the
 * jobs of its host that have not begun.
 *
 * The limit of a host is `per_host` at first. An answer of "too many requests" halves it. Each
 * attempt that succeeds adds the reciprocal of the limit: one for each round. Requests that run
 * together are often refused together, so only an attempt that began after the last cut makes the
 * next. (Additive increase, multiplicative decrease: Chiu and Jain, 1989.)
 *
 * A lane is an executor with one worker and a client of libcurl, which has one lock. The jobs of a
 * host share the connections of one lane, the home of the host, until it has LANE_JOBS of them at a
 * time. From then on a job goes to the lane with the fewest, so a host with many requests at a time
 * keeps several processors busy. A job stays in its lane when it retries.
 *
 * A stop discards the jobs that have not begun. It cancels tasks that wait for a place, or are
 * between schedule_wait_begin and _end. Nothing else is cancelled: a running attempt continues to
 * its end.
 *
 * One lock guards all of it. Tasks are submitted under it, so that a stop finds the job's future.
 * No executor that is used here runs a task inside of a submit.
 */
#include "schedule.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { HOST_SLOTS = 4096, LANE_JOBS = 64 };

struct host {
    struct host *next; /* in its slot */
    size_t jobs;       /* that know it */
    int active;
    int home, active_in[LANES_MOST]; /* the sum of these is `active` */
    double limit;
    thrum_time cut;              /* when the limit was last halved */
    struct job *oldest, *newest; /* that wait for a place */
    bool ready;                  /* in the ring */
    struct host *ready_next;
    char key[];
};

struct schedule {
    struct schedule_options options;
    thrum_semaphore window;
    thrum_event stop, idle;
    thrum_lock lock; /* over what follows, and over jobs and hosts */
    bool closed;
    size_t jobs; /* there are */
    int active;
    bool left;         /* an attempt has ended */
    struct job *begun; /* the newest of them */
    struct host *ready_first, *ready_last;
    struct host *hosts[HOST_SLOTS];
};

/* ------------------------------------------------------------------------------------------- hosts */

static struct host **slot_of(struct schedule *schedule, const char *key)
{
    uint32_t hash = 2166136261U;
    for (; *key; key++)
        hash = (hash ^ (unsigned char)*key) * 16777619U;
    return &schedule->hosts[hash % HOST_SLOTS];
}

/* The host of that key, created if there is none; NULL if memory ran out. */
static struct host *host_of(struct schedule *schedule, const char *key)
{
    struct host **slot = slot_of(schedule, key), *host = *slot;
    while (host && strcmp(host->key, key) != 0)
        host = host->next;
    if (host)
        return host;
    size_t size = strlen(key) + 1;
    host = calloc(1, sizeof *host + size);
    if (!host)
        return NULL;
    host->limit = schedule->options.per_host;
    host->home = (int)((size_t)(slot - schedule->hosts) % (size_t)schedule->options.lanes);
    memcpy(host->key, key, size);
    host->next = *slot;
    *slot = host;
    return host;
}

static void host_drop(struct schedule *schedule, struct host *host)
{
    if (--host->jobs > 0)
        return;
    struct host **link = slot_of(schedule, host->key);
    while (*link != host)
        link = &(*link)->next;
    *link = host->next;
    free(host);
}

static void queue_in(struct job *job, bool ahead)
{
    struct host *host = job->host_;
    job->queued_ = true;
    job->older_ = ahead ? NULL : host->newest;
    job->newer_ = ahead ? host->oldest : NULL;
    *(job->older_ ? &job->older_->newer_ : &host->oldest) = job;
    *(job->newer_ ? &job->newer_->older_ : &host->newest) = job;
}

static void queue_out(struct job *job)
{
    struct host *host = job->host_;
    job->queued_ = false;
    *(job->older_ ? &job->older_->newer_ : &host->oldest) = job->newer_;
    *(job->newer_ ? &job->newer_->older_ : &host->newest) = job->older_;
}

static bool has_room(const struct host *host)
{
    return host->active < (int)host->limit || host->active == 0;
}

/* Puts the host into the ring if it has a job and a free place. It leaves when its turn comes. */
static void make_ready(struct schedule *schedule, struct host *host)
{
    if (host->ready || !host->oldest || !has_room(host))
        return;
    host->ready = true;
    host->ready_next = NULL;
    if (schedule->ready_last)
        schedule->ready_last->ready_next = host;
    else
        schedule->ready_first = host;
    schedule->ready_last = host;
    host->jobs++;
}

static struct host *take_ready(struct schedule *schedule)
{
    struct host *host = schedule->ready_first;
    schedule->ready_first = host->ready_next;
    if (!schedule->ready_first)
        schedule->ready_last = NULL;
    host->ready = false;
    return host;
}

/* -------------------------------------------------------------------------------------------- jobs */

struct job *fetch_job_new(const char *url)
{
    struct job *job = calloc(1, sizeof *job);
    if (!job)
        return NULL;
    job->url = strdup(url);
    if (job->url)
        return job;
    free(job);
    return NULL;
}

void fetch_job_free(struct job *job)
{
    if (!job)
        return;
    thrum_event_finish(&job->admitted_);
    address_finish(&job->address);
    free(job->url);
    free(job);
}

static void begun_in(struct schedule *schedule, struct job *job)
{
    job->begun_ = true;
    job->below_ = schedule->begun;
    job->above_ = NULL;
    if (schedule->begun)
        schedule->begun->above_ = job;
    schedule->begun = job;
}

static void begun_out(struct schedule *schedule, struct job *job)
{
    *(job->above_ ? &job->above_->below_ : &schedule->begun) = job->below_;
    if (job->below_)
        job->below_->above_ = job->above_;
}

/* Ends the job, under the lock. The caller frees its memory after that. */
static void forget(struct schedule *schedule, struct job *job)
{
    if (job->begun_)
        begun_out(schedule, job);
    host_drop(schedule, job->host_);
    thrum_semaphore_release(&schedule->window, 1);
    if (--schedule->jobs == 0 && schedule->closed)
        thrum_event_set(&schedule->idle);
}

static int choose_lane(const struct schedule *schedule, const struct host *host)
{
    int lane = host->home;
    for (int i = 0; host->active_in[host->home] >= LANE_JOBS && i < schedule->options.lanes; i++)
        if (host->active_in[i] < host->active_in[lane])
            lane = i;
    return lane;
}

static void give_place(struct schedule *schedule, struct job *job)
{
    struct host *host = job->host_;
    if (!job->begun_)
        job->lane = choose_lane(schedule, host);
    job->placed_ = true;
    host->active_in[job->lane]++;
    host->active++;
    schedule->active++;
}

static void take_place(struct schedule *schedule, struct job *job)
{
    job->placed_ = false;
    job->host_->active_in[job->lane]--;
    job->host_->active--;
    schedule->active--;
    schedule->left = true;
}

static int run_job(thrum_task *self)
{
    struct job *job = thrum_arg(self, struct job *);
    struct schedule *schedule = job->schedule_;
    job->entered_ = thrum_now();
    schedule->options.run(job, schedule->options.context);
    if (job->placed_)
        schedule_leave(job, false);
    thrum_lock_acquire(&schedule->lock);
    thrum_future *future = job->future_;
    job->future_ = NULL;
    forget(schedule, job);
    thrum_lock_release(&schedule->lock);
    thrum_future_free(future);
    fetch_job_free(job);
    return 0;
}

/* Gives a job its place; a job that has not begun becomes a task. Returns 0, or a negative errno if
 * it could not. */
static int admit(struct schedule *schedule, struct job *job)
{
    give_place(schedule, job);
    if (job->begun_) {
        thrum_event_set(&job->admitted_);
        return 0;
    }
    begun_in(schedule, job);
    job->future_ = thrum_submit(schedule->options.executors[job->lane], run_job,
                                thrum_value(struct job *, job));
    /* A task cannot end before the lock is released: a future that has failed was refused. */
    const thrum_error *refusal = thrum_future_error(job->future_);
    return refusal ? refusal->code : 0;
}

/* Gives the free places to jobs. Called with the lock, which it releases to report a failure. */
static void dispatch(struct schedule *schedule)
{
    while (schedule->active < schedule->options.jobs && schedule->ready_first) {
        struct host *host = take_ready(schedule);
        struct job *job = host->oldest;
        int rc = 0;
        if (job && has_room(host)) {
            queue_out(job);
            rc = admit(schedule, job);
        }
        if (rc < 0) {
            thrum_lock_release(&schedule->lock);
            schedule->options.fail(job, rc, schedule->options.context);
            thrum_future_free(job->future_);
            thrum_lock_acquire(&schedule->lock);
            take_place(schedule, job);
            forget(schedule, job);
            fetch_job_free(job);
        }
        make_ready(schedule, host);
        host_drop(schedule, host);
    }
}

/* --------------------------------------------------------------------------------------- interface */

struct schedule *schedule_new(const struct schedule_options *options)
{
    struct schedule *schedule = calloc(1, sizeof *schedule);
    if (!schedule)
        return NULL;
    schedule->options = *options;
    thrum_semaphore_init(&schedule->window, (uint32_t)options->window);
    return schedule;
}

void schedule_free(struct schedule *schedule)
{
    if (!schedule)
        return;
    thrum_semaphore_finish(&schedule->window);
    thrum_event_finish(&schedule->stop);
    thrum_event_finish(&schedule->idle);
    free(schedule);
}

int schedule_add(struct schedule *schedule, struct job *job)
{
    thrum_semaphore_acquire(&schedule->window);
    thrum_lock_acquire(&schedule->lock);
    int rc = schedule_stopping(schedule) ? -ECANCELED : 0;
    job->schedule_ = schedule;
    job->host_ = rc == 0 ? host_of(schedule, job->address.host) : NULL;
    if (job->host_) {
        job->host_->jobs++;
        schedule->jobs++;
        queue_in(job, false);
        make_ready(schedule, job->host_);
        dispatch(schedule);
    } else if (rc == 0) {
        rc = -ENOMEM;
    }
    thrum_lock_release(&schedule->lock);
    if (rc < 0)
        thrum_semaphore_release(&schedule->window, 1);
    return rc;
}

void schedule_wait_begin(struct job *job)
{
    thrum_with (&job->schedule_->lock) {
        job->waiting_ = true;
        if (schedule_stopping(job->schedule_) && job->future_)
            (void)thrum_future_cancel(job->future_);
    }
}

int schedule_wait_end(struct job *job)
{
    bool stopping = false;
    thrum_with (&job->schedule_->lock) {
        stopping = schedule_stopping(job->schedule_);
        job->waiting_ = false;
    }
    return stopping ? -ECANCELED : 0;
}

int schedule_enter(struct job *job)
{
    struct schedule *schedule = job->schedule_;
    if (job->placed_)
        return 0;
    schedule_wait_begin(job);
    thrum_event_clear(&job->admitted_);
    thrum_with (&schedule->lock) {
        queue_in(job, true);
        make_ready(schedule, job->host_);
        dispatch(schedule);
    }
    int rc = thrum_event_wait(&job->admitted_, THRUM_FOREVER);
    thrum_with (&schedule->lock)
        if (job->queued_)
            queue_out(job);
    if (schedule_wait_end(job) < 0)
        rc = -ECANCELED; /* a place that came too late is given back at the end */
    job->entered_ = thrum_now();
    return rc;
}

void schedule_leave(struct job *job, bool crowded)
{
    struct schedule *schedule = job->schedule_;
    struct host *host = job->host_;
    thrum_with (&schedule->lock) {
        double busy = host->active < host->limit ? host->active : host->limit;
        if (crowded && job->entered_ > host->cut) {
            host->limit = busy >= 2 ? busy / 2 : 1;
            host->cut = thrum_now();
        } else if (!crowded && host->limit < schedule->options.per_host) {
            host->limit += 1 / host->limit;
        }
        take_place(schedule, job);
        make_ready(schedule, host);
        dispatch(schedule);
    }
}

void schedule_stop(struct schedule *schedule)
{
    struct job *thrown = NULL, *job;
    thrum_event_set(&schedule->stop);
    thrum_with (&schedule->lock) {
        for (job = schedule->begun; job; job = job->below_)
            if (job->waiting_ && job->future_)
                (void)thrum_future_cancel(job->future_);
        for (size_t i = 0; i < HOST_SLOTS; i++)
            for (struct host *host = schedule->hosts[i], *next; host; host = next) {
                next = host->next;
                host->jobs++; /* keeps it until all of its jobs have been checked */
                for (struct job *newer = (job = host->oldest, NULL); job; job = newer) {
                    newer = job->newer_;
                    if (job->begun_)
                        continue;
                    queue_out(job);
                    job->newer_ = thrown;
                    thrown = job;
                    forget(schedule, job);
                }
                host_drop(schedule, host);
            }
        dispatch(schedule); /* takes hosts without jobs out of the ring */
    }
    while ((job = thrown)) {
        thrown = job->newer_;
        fetch_job_free(job);
    }
}

bool schedule_stopping(struct schedule *schedule)
{
    return thrum_event_is_set(&schedule->stop);
}

void schedule_close(struct schedule *schedule)
{
    thrum_with (&schedule->lock) {
        schedule->closed = true;
        if (schedule->jobs == 0)
            thrum_event_set(&schedule->idle);
    }
}

thrum_event *schedule_stop_event(struct schedule *schedule)
{
    return &schedule->stop;
}

thrum_event *schedule_idle_event(struct schedule *schedule)
{
    return &schedule->idle;
}

bool schedule_is_fresh(const struct job *job)
{
    bool fresh = false;
    thrum_with (&job->schedule_->lock)
        fresh = !job->schedule_->left;
    return fresh;
}

bool schedule_is_last(const struct job *job)
{
    bool last = false;
    thrum_with (&job->schedule_->lock)
        last = job->schedule_->closed && !job->host_->oldest;
    return last;
}

double schedule_limit(struct job *job)
{
    double limit = 0;
    thrum_with (&job->schedule_->lock)
        limit = job->host_->limit;
    return limit;
}
