/* `thrum run`: a command for each of many arguments.
 *
 *     source (a thread) --- slots (semaphore) ---> jobs (fibers) ---> done (queue) ---> printer (main)
 *        ^                                                                                  |
 *        +------------------------------- window (semaphore) -------------------------------+
 *
 * The source reads an argument, takes a slot, which is one of the -j jobs at a time, and submits the
 * job to a pool of fibers with one worker: a job mostly waits for its child, so thousands of them need
 * one thread. When it has ended it gives the slot back and goes to the printer, which has the
 * order, the log and the count of failures. The window bounds how many jobs that have ended wait for
 * their turn, with the files that hold their output.
 *
 * The end. The first Ctrl-C, and --halt, stop the source; jobs that run go on. The second, and
 * --halt now, end all children; their jobs then end by themselves. The source waits for all jobs (a
 * group) and closes `done`.
 */
#include "../command.h"
#include "arguments.h"
#include "child/child.h"
#include "interrupt.h"
#include "job.h"
#include "joblog.h"
#include "options.h"
#include "progress.h"
#include "trouble.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static const double grace_seconds = 2, look_seconds = 0.1;

enum { WINDOW_BEYOND_JOBS = 64, DESCRIPTORS_OF_JOB = 4 };

static thrum_event stopped; /* no further jobs: --halt, or nobody reads the output */

struct run {
    struct run_options options;
    struct joblog *log; /* or NULL */
    size_t window_size;
    thrum_semaphore slots, window;
    thrum_queue *done; /* of struct job * */
    thrum_executor *pool;
    thrum_group *group;

    thrum_lock lock; /* over the next three */
    uint64_t total;  /* jobs that are to be run, if the arguments are known; else 0 */
    uint64_t found;  /* jobs that have been submitted */
    bool all_found;

    struct job **ring; /* the printer's: jobs before their turn */
    uint64_t printed, failed, begun;
    bool broken; /* something other than a job failed */
};

static bool stopping(void)
{
    return interrupt_asked() || thrum_event_is_set(&stopped);
}

struct job_arg {
    struct run *run;
    struct job *job;
};

static int run_job(thrum_task *self)
{
    const struct job_arg *arg = &thrum_arg(self, struct job_arg);
    struct run *run = arg->run;
    struct job *job = arg->job;
    job_run(job, &run->options, stopping);
    thrum_semaphore_release(&run->slots, 1);
    return thrum_queue_put(run->done, &job, THRUM_FOREVER); /* has room for the window */
}

/* Runs a job unless the log says that it has succeeded. Returns 0 or a negative errno. */
static int add_job(struct run *run, uint64_t number, const char *argument, uint64_t *turn)
{
    struct job *job = job_new(&run->options, number, argument);
    if (!job)
        return -ENOMEM;
    if (run->options.resume && joblog_knows(run->log, job)) {
        job_free(job);
        thrum_with (&run->lock)
            run->total -= run->total > 0;
        return 0;
    }
    thrum_semaphore_acquire(&run->window);
    thrum_semaphore_acquire(&run->slots);
    job->turn = (*turn)++;
    thrum_with (&run->lock)
        run->found++;
    thrum_future *future =
        thrum_group_submit(run->group, run->pool, run_job, thrum_value(struct job_arg, run, job));
    int rc = 0;
    if (thrum_future_done(future) && thrum_future_error(future)) {
        rc = thrum_future_error(future)->code; /* it never ran */
        job->error = rc;
        job->begun = true;
        thrum_queue_put(run->done, &job, THRUM_FOREVER);
    }
    thrum_future_free(future);
    return rc;
}

static int add_from_input(struct run *run)
{
    struct arguments arguments = {
        .file = STDIN_FILENO, .end = run->options.zero ? '\0' : '\n', .stopping = stopping};
    uint64_t turn = 0, number = 0;
    const char *argument;
    int rc;
    while ((rc = arguments_next(&arguments, &argument)) == 0)
        if ((rc = add_job(run, ++number, argument, &turn)) < 0)
            break;
    arguments_finish(&arguments);
    return rc == -ENODATA || rc == -ECANCELED ? 0 : rc;
}

static int find_jobs(thrum_task *self)
{
    struct run *run = thrum_arg(self, struct run *);
    uint64_t turn = 0;
    int rc = 0;
    if (run->options.arguments)
        for (size_t i = 0; rc == 0 && run->options.arguments[i] && !stopping(); i++)
            rc = add_job(run, i + 1, run->options.arguments[i], &turn);
    else
        rc = add_from_input(run);
    thrum_with (&run->lock)
        run->all_found = true;
    int joined = thrum_group_join(run->group, THRUM_FOREVER);
    thrum_queue_close(run->done);
    return rc < 0 ? rc : joined;
}

static void note_failure(struct run *run, const struct job *job)
{
    run->failed++;
    if (job->error < 0)
        trouble_print("job %ju: cannot run %s: %s", (uintmax_t)job->number, job->words[0],
                      thrum_strerror(job->error));
    else if (job->timed_out && !run->options.quiet)
        trouble_print("job %ju: took longer than %g s", (uintmax_t)job->number,
                      run->options.timeout);
    if (run->options.halt == HALT_NEVER || run->failed < (uint64_t)run->options.halt_failures)
        return;
    bool first = !thrum_event_is_set(&stopped);
    thrum_event_set(&stopped);
    if (first && run->options.halt == HALT_NOW)
        children_end_all(grace_seconds);
}

/* Prints a job whose turn it is, and ends its life. */
static void print_job(struct run *run, struct job *job)
{
    if (job->begun) {
        progress_clear();
        int rc = job_print(job);
        if (rc == 0 && run->log)
            rc = joblog_add(run->log, job);
        if (rc < 0 && !run->broken) {
            trouble_print("the output or the log could not be written: %s", thrum_strerror(rc));
            run->broken = true;
            thrum_event_set(&stopped);
        }
        run->begun++;
        if (!job_succeeded(job))
            note_failure(run, job);
    }
    run->printed++;
    job_free(job);
    thrum_semaphore_release(&run->window, 1);
}

static void show_progress(struct run *run)
{
    uint64_t total = 0;
    thrum_with (&run->lock)
        total = run->all_found ? run->found : run->total;
    progress_expect(total, 0);
    progress_show(run->printed, 0);
}

/* Takes jobs that have ended until all have. */
static void print_jobs(struct run *run)
{
    uint64_t turn = 0;
    struct job *job;
    int rc;
    do {
        rc = thrum_queue_get(run->done, &job, thrum_in(look_seconds));
        if (rc == 0 && !run->options.keep_order)
            print_job(run, job);
        else if (rc == 0)
            run->ring[job->turn % run->window_size] = job;
        while (run->ring[turn % run->window_size]) {
            job = run->ring[turn % run->window_size];
            run->ring[turn++ % run->window_size] = NULL;
            print_job(run, job);
        }
        show_progress(run);
    } while (rc == 0 || rc == -ETIMEDOUT);
}

/* As many jobs that have ended may wait for their turn as descriptors allow. */
static void choose_window(struct run *run)
{
    struct rlimit limit;
    size_t wanted = (size_t)run->options.jobs + WINDOW_BEYOND_JOBS;
    rlim_t needed = (rlim_t)(wanted + WINDOW_BEYOND_JOBS) * DESCRIPTORS_OF_JOB;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < needed) {
        limit.rlim_cur = needed < limit.rlim_max ? needed : limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
        if (limit.rlim_cur < needed)
            wanted = (size_t)limit.rlim_cur / (2 * DESCRIPTORS_OF_JOB) + 1;
    }
    run->window_size = wanted;
    if ((size_t)run->options.jobs > wanted)
        run->options.jobs = (int)wanted;
}

static int make(struct run *run)
{
    choose_window(run);
    thrum_semaphore_init(&run->slots, (uint32_t)run->options.jobs);
    thrum_semaphore_init(&run->window, (uint32_t)run->window_size);
    run->ring = calloc(run->window_size, sizeof(struct job *));
    run->done =
        thrum_queue_new(sizeof(struct job *), &(thrum_queue_options){.max_size = run->window_size});
    run->pool = thrum_fiber_pool_new(&(thrum_fiber_options){.workers = 1});
    run->group = thrum_group_new();
    return run->ring && run->done && run->pool && run->group ? 0 : -ENOMEM;
}

static void unmake(struct run *run)
{
    thrum_group_free(run->group);
    thrum_executor_shutdown(run->pool);
    thrum_queue_free(run->done);
    free(run->ring);
    joblog_close(run->log);
}

static void end_children(int signal)
{
    (void)signal;
    children_end_all(grace_seconds);
}

/* Returns whether the machinery worked; what became of the jobs is counted in `run`. */
static bool run_all(struct run *run)
{
    thrum_error error = {0};
    int rc = make(run);
    if (rc == 0) {
        thrum_thread *source = thrum_thread_start_with(&(thrum_thread_options){.name = "arguments"},
                                                       find_jobs, thrum_value(struct run *, run));
        if (!thrum_thread_is_alive(source))
            thrum_queue_close(run->done); /* it could not be started, or has ended and done so */
        print_jobs(run);
        rc = thrum_thread_join(source, THRUM_FOREVER);
        thrum_thread_free(source);
    }
    if (rc < 0)
        trouble(&error, rc, "cannot go on: %s", thrum_strerror(rc));
    if (rc < 0)
        trouble_print("%s", error.message);
    return rc == 0 && !run->broken;
}

static int conclude(const struct run *run, bool fine)
{
    bool quiet = run->options.quiet;
    progress_end();
    if (run->failed > 0 && !quiet)
        trouble_print("%ju of %ju jobs failed", (uintmax_t)run->failed, (uintmax_t)run->begun);
    if (interrupt_asked()) {
        if (!quiet)
            trouble_print("interrupted by %s after %ju jobs", interrupt_name(interrupt_signal()),
                          (uintmax_t)run->begun);
        return STATUS_SIGNAL + interrupt_signal();
    }
    return fine && run->failed == 0 ? STATUS_OK : STATUS_FAILED;
}

int run_run(int argc, char **argv)
{
    struct run run = {0};
    thrum_error error;
    char message[256];
    enum options_verdict verdict =
        run_options_parse(argc, argv, &run.options, message, sizeof message);
    if (verdict != OPTIONS_RUN)
        return command_line_answer(&run_line, verdict, message);
    if (run.options.jobs == 0)
        run.options.jobs = thrum_cpu_count();
    progress_open(run.options.quiet      ? PROGRESS_NEVER
                  : run.options.progress ? PROGRESS_ALWAYS
                                         : PROGRESS_AUTO);
    if (interrupt_hold(&error) < 0 ||
        interrupt_watch(
            (struct interrupt_answers){.impatient = end_children, .cleanup = children_kill_all},
            &error) < 0 ||
        (run.options.log &&
         joblog_open(run.options.log, run.options.resume, &run.log, &error) < 0)) {
        trouble_print("%s", error.message);
        return STATUS_FAILED;
    }
    while (run.options.arguments && run.options.arguments[run.total])
        run.total++;
    progress_begin("running", "jobs");
    int status = conclude(&run, run_all(&run));
    unmake(&run);
    return status;
}
