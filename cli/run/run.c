/* `thrum run`: a command for each of many arguments.
 *
 *     source (a thread) --- slots (semaphore) ---> jobs (fibers) ---> done (queue) ---> printer (main)
 *        ^                                                                                  |
 *        +------------------------------- window (semaphore) -------------------------------+
 *
 * The source takes the arguments of a job and one of the -j slots. It waits until the machine has
 * room (admission.h), and submits the job to a pool of fibers with one worker: a job mostly waits
 * for its child, so one thread suffices for thousands. A job that has ended gives the slot back and
 * goes to the printer, which has the order and the log. The window bounds the number of ended jobs
 * that wait for their turn, with the files of their output. There are enough descriptors for all of
 * them (budget.h).
 *
 * The end. The first Ctrl-C, and --halt, stop the source; running jobs go on. The second Ctrl-C,
 * and --halt now, end all children, and so their jobs. The job itself decides --halt, before it
 * gives its slot back: no job starts after the failure that reaches the limit. The source waits for
 * all jobs (a group) and closes `done`.
 *
 * With --cluster a job waits for a worker's answer in place of a child (remote.h). All else is the same.
 */
#include "../command.h"
#include "admission.h"
#include "budget.h"
#include "child/child.h"
#include "child/job_control.h"
#include "child/output_file.h"
#include "inputs.h"
#include "interrupt.h"
#include "job.h"
#include "joblog.h"
#include "options.h"
#include "output.h"
#include "output_watch.h"
#include "progress.h"
#include "remote.h"
#include "stop.h"
#include "trouble.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const double grace_seconds = 2, look_seconds = 0.1, pause_seconds = 0.05;

enum { REMOTE_JOBS = 64 }; /* by default, on a cluster */

struct run {
    struct run_options options;
    struct joblog *log; /* or NULL */
    struct admission admission;
    size_t window_size;
    thrum_semaphore slots, window;
    thrum_queue *done; /* of struct job * */
    thrum_executor *pool;
    thrum_group *group;

    thrum_lock lock;      /* over the next six */
    uint64_t found;       /* jobs that were taken from the inputs and will run */
    bool inputs_open;     /* inputs_left may be called */
    uint64_t counted;     /* outcomes that --halt counts */
    bool *slot_taken;     /* by number - 1 */
    struct job **running; /* by slot */
    struct job **ring;    /* the printer's: jobs before their turn */

    uint64_t printed, failed, begun;
    bool broken;      /* something other than a job failed */
    bool reader_gone; /* the output has no reader */
    int reader;       /* a descriptor for that; -1 for none */
    thrum_time rests; /* until then output of running jobs is not looked at */
};

struct job_arg {
    struct run *run;
    struct job *job;
};

/* Ends all jobs, here and on workers. */
static void end_jobs(int number)
{
    remote_end_all();
    children_end_all(number, grace_seconds);
}

static int take_slot(struct run *run, struct job *job)
{
    int slot = 0;
    thrum_semaphore_acquire(&run->slots);
    thrum_with (&run->lock) {
        while (run->slot_taken[slot])
            slot++;
        run->slot_taken[slot] = true;
    }
    return job_fill(job, &run->options, slot + 1);
}

/* Counts the outcome of a job, and stops the run if --halt says so. */
static void count_outcome(struct run *run, const struct job *job)
{
    const struct run_options *options = &run->options;
    bool counts = options->halt_outcome == HALT_DONE ||
                  job_succeeded(job) == (options->halt_outcome == HALT_SUCCESS);
    bool reached = false;
    if (options->halt == HALT_NEVER || !job->begun || !counts)
        return;
    thrum_with (&run->lock)
        reached = ++run->counted == (uint64_t)options->halt_count;
    if (!reached)
        return;
    stop_set();
    if (options->halt == HALT_NOW)
        end_jobs(SIGTERM);
}

static int run_job(thrum_task *self)
{
    const struct job_arg *arg = &thrum_arg(self, struct job_arg);
    struct run *run = arg->run;
    struct job *job = arg->job;
    int slot = job->slot - 1;
    thrum_with (&run->lock)
        run->running[slot] = job;
    job_run(job, &run->options);
    count_outcome(run, job);
    thrum_with (&run->lock) {
        run->running[slot] = NULL;
        run->slot_taken[slot] = false;
    }
    thrum_semaphore_release(&run->slots, 1);
    return thrum_queue_put(run->done, &job, THRUM_FOREVER); /* has room for the window */
}

/* Submits a job that has a slot. It goes to the printer even if it cannot run. */
static int submit(struct run *run, struct job *job, uint64_t *turn)
{
    job->turn = (*turn)++;
    thrum_future *future =
        thrum_group_submit(run->group, run->pool, run_job, thrum_value(struct job_arg, run, job));
    int rc = 0;
    if (thrum_future_done(future) && thrum_future_error(future)) {
        rc = thrum_future_error(future)->code; /* it never ran */
        job->error = rc;
        job->begun = true;
        if (thrum_queue_put(run->done, &job, THRUM_FOREVER) < 0)
            abort(); /* it has room for the window */
    }
    thrum_future_free(future);
    return rc;
}

static int print_dry(struct run *run, struct job *job)
{
    int rc = job_fill(job, &run->options, 1);
    return rc < 0 ? rc : job_print_command(job);
}

/* Runs a job unless the log says that it has succeeded. Returns 0 or a negative errno. */
static int add_job(struct run *run, uint64_t number, struct fields fields, uint64_t *turn)
{
    struct job *job = job_new(&run->options, number, fields);
    if (!job)
        return -ENOMEM;
    if (run->options.resume && joblog_knows(run->log, job)) {
        job_free(job);
        return 0;
    }
    if (run->options.dry) {
        int rc = print_dry(run, job);
        job_free(job);
        return rc;
    }
    thrum_with (&run->lock)
        run->found++; /* inputs_left no longer counts it, even if it waits for a slot */
    thrum_semaphore_acquire(&run->window);
    int rc = take_slot(run, job);
    if (rc < 0) {
        job_free(job);
        return rc;
    }
    admission_wait(&run->admission, &run->options);
    return submit(run, job, turn);
}

static int add_all(struct run *run)
{
    struct inputs *inputs = &run->options.inputs;
    struct fields fields;
    thrum_error error = {0};
    uint64_t turn = 0, number = 0;
    int rc = inputs_start(inputs, &error);
    bool told = rc < 0;
    thrum_with (&run->lock)
        run->inputs_open = rc == 0;
    while (rc == 0 && !stop_is_set()) {
        rc = inputs_next(inputs, &fields, &error);
        told = rc < 0;
        if (rc == 0)
            rc = add_job(run, ++number, fields, &turn);
    }
    if (rc == 0 || rc == -ENODATA || rc == -ECANCELED)
        return 0;
    if (rc == -EPIPE)
        run->reader_gone = true; /* of --dry-run */
    else
        trouble_print("%s", told ? error.message : thrum_strerror(rc));
    return rc;
}

static int find_jobs(thrum_task *self)
{
    struct run *run = thrum_arg(self, struct run *);
    int rc = add_all(run);
    int joined = thrum_group_join(run->group, THRUM_FOREVER);
    thrum_queue_close(run->done);
    return rc < 0 ? rc : joined ? thrum_fail_with(self, thrum_group_error(run->group)) : 0;
}

static void tell_failure(const struct run *run, const struct job *job)
{
    uintmax_t number = (uintmax_t)job->number;
    if (job->reason)
        trouble_print("job %ju: %s", number, job->reason);
    else if (job->error < 0 && job->unkept)
        trouble_print("job %ju: cannot keep its output in %s: %s", number, output_file_folder(),
                      thrum_strerror(job->error));
    else if (job->error < 0)
        trouble_print("job %ju: cannot run %s: %s", number, job->words ? job->words[0] : "it",
                      thrum_strerror(job->error));
    else if (job->wanted_terminal)
        trouble_print("job %ju: %s used the terminal; give it the terminal by --tty", number,
                      job->words[0]);
    else if (job->timed_out && !run->options.quiet)
        trouble_print("job %ju: took longer than %g s", number, run->options.timeout);
}

/* Stops the run after an error that would affect all further jobs. */
static void note_broken(struct run *run, int rc)
{
    if (rc == -EPIPE && output_reader_gone()) {
        run->reader_gone = true;
        stop_set();
        progress_end();
        end_jobs(SIGTERM); /* their output has no reader */
    } else if (!run->broken) {
        trouble_print("the output or the log could not be written: %s", thrum_strerror(rc));
        run->broken = true;
        stop_set();
    }
}

/* Prints a job whose turn it is, and frees it. */
static void print_job(struct run *run, struct job *job)
{
    if (job->begun) {
        progress_clear();
        int rc = run->reader_gone ? -EPIPE : job_print(job, false);
        if (rc == 0 && run->log)
            rc = joblog_add(run->log, job);
        if (rc < 0)
            note_broken(run, rc);
        run->begun++;
        if (!job_succeeded(job)) {
            run->failed++;
            tell_failure(run, job);
        }
    }
    run->printed++;
    job_free(job);
    thrum_semaphore_release(&run->window, 1);
}

/* Prints whole lines of jobs that run; with --keep-order only of the job whose turn it is. A job
 * found here cannot be freed meanwhile: only this thread does that. */
static void print_lines(struct run *run, uint64_t turn)
{
    for (int slot = 0; slot < run->options.jobs; slot++) {
        struct job *job = NULL;
        thrum_with (&run->lock)
            job = run->running[slot];
        if (!job || (run->options.keep_order && job->turn != turn))
            continue;
        progress_clear();
        int rc = job_print(job, true);
        if (rc < 0)
            note_broken(run, rc);
    }
}

/* Ends the jobs if a running job has output and the reader has gone. Jobs without output go on. */
static void look_for_reader(struct run *run)
{
    bool unread = false;
    if (run->reader_gone || !output_reader_gone())
        return;
    for (int slot = 0; slot < run->options.jobs && !unread; slot++) {
        struct job *job = NULL;
        thrum_with (&run->lock)
            job = run->running[slot];
        unread = job && job_has_output(job);
    }
    if (unread)
        note_broken(run, -EPIPE);
}

static void show_progress(struct run *run)
{
    uint64_t left = 0, total = 0;
    thrum_with (&run->lock)
        if (run->inputs_open && inputs_left(&run->options.inputs, &left))
            total = run->found + left;
    progress_expect(total, 0);
    progress_show(run->printed, 0);
}

/* Begins to watch what running jobs print. */
static void watch_output(struct run *run)
{
    output_watch_begin();
    for (int slot = 0; slot < run->options.jobs; slot++) {
        struct job *job = NULL;
        thrum_with (&run->lock)
            job = run->running[slot];
        if (job)
            job_watch(job);
    }
}

/* When to look at the output of running jobs: when one has printed something, but not too often. If
 * they cannot be watched, now and then. */
static thrum_case output_case(const struct run *run, bool rests)
{
    int watch = output_watch_descriptor();
    if (watch < 0)
        return thrum_case_deadline(thrum_in(look_seconds));
    return rests ? thrum_case_deadline(thrum_at(run->rests)) : thrum_case_readable(watch);
}

/* Takes a job that has ended. Returns 0, -EPIPE once all have, or -ETIMEDOUT if something else is
 * due: the next bar, the end of the output's reader, or output of a running job. That matters with
 * --line-buffer, and when the reader has gone: the job that prints next then ends the run. */
static int next_done(struct run *run, struct job **ret_job)
{
    enum { DONE, READER, PROGRESS, OUTPUT, CASES };
    bool unread = !run->reader_gone && output_reader_gone(), rests = thrum_now() < run->rests;
    thrum_case cases[CASES] = {[DONE] = thrum_case_get(run->done, ret_job),
                               [PROGRESS] = thrum_case_deadline(progress_due())};
    if (run->reader >= 0 && !run->reader_gone && !unread)
        cases[READER] = thrum_case_readable(run->reader);
    if (unread)
        watch_output(run);
    if (unread || (run->options.lines && !run->reader_gone))
        cases[OUTPUT] = output_case(run, rests);
    int index = thrum_select(cases, CASES, THRUM_FOREVER);
    if (index == OUTPUT && !rests) {
        output_watch_clear();
        run->rests = thrum_in(pause_seconds).ns;
    }
    return index == DONE ? cases[DONE].code : index < 0 ? index : -ETIMEDOUT;
}

/* Takes jobs that have ended until all have. */
static void print_jobs(struct run *run)
{
    uint64_t turn = 0;
    struct job *job;
    int rc;
    do {
        rc = next_done(run, &job);
        if (rc == 0 && !run->options.keep_order)
            print_job(run, job);
        else if (rc == 0)
            run->ring[job->turn % run->window_size] = job;
        while (run->ring[turn % run->window_size]) {
            job = run->ring[turn % run->window_size];
            run->ring[turn++ % run->window_size] = NULL;
            print_job(run, job);
        }
        if (run->options.lines && !run->reader_gone)
            print_lines(run, turn);
        look_for_reader(run);
        show_progress(run);
    } while (rc == 0 || rc == -ETIMEDOUT);
}

static int make(struct run *run)
{
    int rc = budget_choose(&run->options.jobs, &run->window_size, run->options.quiet);
    if (rc < 0)
        return rc;
    size_t jobs = (size_t)run->options.jobs;
    thrum_semaphore_init(&run->slots, (uint32_t)jobs);
    thrum_semaphore_init(&run->window, (uint32_t)run->window_size);
    run->slot_taken = calloc(jobs, sizeof *run->slot_taken);
    run->running = calloc(jobs, sizeof(struct job *));
    run->ring = calloc(run->window_size, sizeof(struct job *));
    run->done =
        thrum_queue_new(sizeof(struct job *), &(thrum_queue_options){.max_size = run->window_size});
    run->reader = output_reader_descriptor();
    if (run->options.lines)
        output_watch_begin();
    run->pool = thrum_fiber_pool_new(&(thrum_fiber_pool_options){.max_workers = 1});
    run->group = thrum_group_new();
    return run->slot_taken && run->running && run->ring && run->done && run->pool && run->group
               ? 0
               : -ENOMEM;
}

static void unmake(struct run *run)
{
    stop_set(); /* for the reader of the arguments */
    inputs_finish(&run->options.inputs);
    thrum_group_free(run->group);
    thrum_executor_shutdown(run->pool);
    remote_close();
    thrum_queue_free(run->done);
    free(run->slot_taken);
    free(run->running);
    free(run->ring);
    joblog_close(run->log);
    output_watch_end();
    if (run->reader >= 0)
        (void)close(run->reader);
}

/* Returns whether the machinery worked; what became of the jobs is counted in `run`. */
static bool run_all(struct run *run)
{
    int rc = make(run);
    if (rc < 0) {
        trouble_print("cannot begin: %s%s", thrum_strerror(rc),
                      rc == -EMFILE ? "; raise the limit of descriptors (ulimit -n)" : "");
        return false;
    }
    thrum_thread *source = thrum_thread_start_with(&(thrum_thread_options){.name = "source"},
                                                   find_jobs, thrum_value(struct run *, run));
    bool started = thrum_thread_is_alive(source);
    if (!started)
        thrum_queue_close(run->done); /* it could not be started, or has ended and done so */
    print_jobs(run);
    rc = trouble_join(source);
    if (rc < 0 && !started && run->found == 0)
        trouble_print("cannot begin: %s", thrum_strerror(rc));
    thrum_thread_free(source);
    return rc == 0 && !run->broken;
}

static int conclude(const struct run *run, bool fine)
{
    bool quiet = run->options.quiet;
    progress_end();
    job_control_finish();
    if (run->reader_gone && !interrupt_asked())
        return STATUS_SIGNAL + SIGPIPE;
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

static void note_interrupt(int number)
{
    stop_set();
    size_t count = children_count() + remote_count();
    if (count > 0 && number != SIGHUP)
        trouble_print("waiting for %zu job%s to end; once more ends %s", count,
                      count == 1 ? "" : "s", count == 1 ? "it" : "them");
}

static void end_at_once(int number)
{
    end_jobs(number == SIGHUP ? SIGHUP : SIGTERM);
}

/* Prepares all that can fail before the first job. */
static int prepare(struct run *run, thrum_error *ret_error)
{
    const struct run_options *options = &run->options;
    int rc = stop_init();
    if (rc < 0)
        return trouble(ret_error, rc, "cannot begin: %s", thrum_strerror(rc));
    if ((rc = interrupt_hold(ret_error)) < 0 ||
        (rc = interrupt_watch(
             (struct interrupt_answers){note_interrupt, end_at_once, children_kill_all},
             ret_error)) < 0 ||
        (rc = job_control_start(progress_clear, NULL, ret_error)) < 0)
        return rc;
    if (options->terminal && child_terminal() < 0)
        return trouble(ret_error, -ENOTTY, "--tty: there is no terminal");
    if (!options->terminal && !options->direct && !options->dry && (rc = job_try_output()) < 0)
        return trouble(ret_error, rc, "cannot keep output in %.150s: %s; set TMPDIR",
                       output_file_folder(), thrum_strerror(rc));
    if (options->log && (rc = joblog_open(options->log, options->resume, &run->log, ret_error)) < 0)
        return rc;
    return options->login.server && !options->dry
               ? remote_open(&options->login, options->pool, options->quiet, ret_error)
               : 0;
}

/* Prints a hint if the arguments come from a terminal. */
static void hint(const struct run_options *options)
{
    const struct source *first = &options->inputs.sources[0];
    if (!options->quiet && first->path && strcmp(first->path, "-") == 0 && isatty(STDIN_FILENO))
        trouble_print("reads arguments from the terminal, one a line; Ctrl-D ends them");
}

int run_run(int argc, char **argv)
{
    struct run run = {.reader = -1};
    thrum_error error;
    char message[256];
    enum options_verdict verdict =
        run_options_parse(argc, argv, &run.options, message, sizeof message);
    if (verdict != OPTIONS_RUN)
        return command_line_answer(&run_line, verdict, message);
    if (run.options.terminal)
        run.options.jobs = 1;
    if (run.options.jobs == 0)
        run.options.jobs = run.options.login.server ? REMOTE_JOBS : thrum_cpu_count();
    bool direct = run.options.terminal || run.options.direct;
    progress_open(run.options.quiet || direct ? PROGRESS_NEVER
                  : run.options.progress      ? PROGRESS_ALWAYS
                                              : PROGRESS_AUTO);
    if (prepare(&run, &error) < 0) {
        trouble_print("%s", error.message);
        joblog_close(run.log);
        return STATUS_FAILED;
    }
    run.options.inputs.stop = stop_descriptor();
    hint(&run.options);
    progress_begin("running", "jobs");
    int status = conclude(&run, run_all(&run));
    unmake(&run);
    return status;
}
