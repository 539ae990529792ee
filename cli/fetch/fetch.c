/* `thrum fetch`: the order of events.
 *
 *   1. read the command line; the log of an earlier run, if there is one;
 *   2. hold Ctrl-C, ask for descriptors, open list and directory;
 *   3. a thread reads URLs into the schedule, which makes tasks of them, which fetch and report;
 *   4. wait for the last of them, and say how it went.
 *
 * What is reported of a URL is written whole, in one piece, and only when its file has its name: who
 * reads the output knows what is there, also after the command has been killed. So a log lacks at most URLs whose
 * files are there already; --resume fetches these once more.
 *
 * What a stop or the deadline cuts off is not reported, as nothing is known of it.
 */
#include "../command.h"
#include "body.h"
#include "interrupt.h"
#include "json_text.h"
#include "log.h"
#include "options.h"
#include "outcome.h"
#include "progress.h"
#include "schedule.h"
#include "source.h"
#include "transfer.h"
#include "trouble.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* Descriptors besides those of connections and files; jobs that wait, at least. */
enum { DESCRIPTORS_APART = 64, WINDOW_LEAST = 4096, STACK_BYTES = 256 * 1024 };

static const double look_seconds = 0.1;

struct fetch {
    struct fetch_options options;
    struct log_summary log;
    struct source source;
    struct schedule *schedule;
    struct transfers transfers;
    struct body_place place;
    thrum_time deadline;
    bool to_terminal; /* lines share it with the progress */

    thrum_lock lock; /* over what follows, and over what is printed */
    uint64_t found, fetched, failed, passed_over;
    uint64_t unfinished, cut_off; /* not known how they would have gone; of these, begun */
    bool broken;                  /* the output, or memory */
};

/* --------------------------------------------------------------------------------------- reporting */

/* Says on stderr what is wrong with a URL; control characters can do no harm to a terminal. */
static void tell(const char *url, const char *error)
{
    char *safe = strdup(url);
    for (char *at = safe; at && *at; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7f)
            *at = '?';
    trouble_print("%s: %s", safe ? safe : "a URL", error);
    free(safe);
}

static void print(struct fetch *fetch, const struct job *job, const struct outcome *outcome,
                  struct body *body)
{
    const struct fetch_options *options = &fetch->options;
    if (fetch->to_terminal)
        progress_clear();
    if (options->json)
        outcome_put_json(stdout, job, outcome);
    else if (options->check_only && outcome->status > 0)
        printf("%ld %s\n", outcome->status, job->url);
    else if (outcome->failed)
        tell(job->url, outcome->error);
    else if (body)
        body_print(body, stdout);
    if (fflush(stdout) != 0 || ferror(stdout))
        fetch->broken = true;
}

/* Counts and prints an outcome; `body`, which may be NULL, is what came. */
static void report(struct fetch *fetch, const struct job *job, const struct outcome *outcome,
                   struct body *body)
{
    uint64_t done = 0;
    bool broken = false;
    thrum_with (&fetch->lock) {
        if (outcome->unfinished) {
            fetch->unfinished++;
            fetch->cut_off += outcome->attempts > 0;
        } else if (outcome->failed) {
            fetch->failed++;
        } else {
            fetch->fetched++;
        }
        if (!outcome->unfinished && !fetch->broken)
            print(fetch, job, outcome, body);
        broken = fetch->broken;
        done = fetch->fetched + fetch->failed + fetch->passed_over;
    }
    progress_show(done, body_place_bytes(&fetch->place));
    if (broken && !schedule_stopping(fetch->schedule))
        schedule_stop(fetch->schedule);
}

/* A schedule_options.run. */
static void run_job(struct job *job, void *context)
{
    struct fetch *fetch = context;
    struct outcome outcome;
    struct body body;
    transfer(&fetch->transfers, job, &outcome, &body);
    report(fetch, job, &outcome, &body);
    body_finish(&body);
    free(outcome.path);
}

/* A URL that is not fetched at all. */
static void refuse(struct fetch *fetch, const struct job *job, const char *why)
{
    struct outcome outcome = {.failed = true};
    snprintf(outcome.error, sizeof outcome.error, "%s", why);
    report(fetch, job, &outcome, NULL);
}

static void fail_job(struct job *job, int rc, void *context)
{
    refuse(context, job, thrum_strerror(rc));
}

/* ----------------------------------------------------------------------------------------- reading */

static bool stopping(void *context)
{
    const struct fetch *fetch = context;
    return schedule_stopping(fetch->schedule);
}

/* Makes a job of a URL, or reports what is wrong with it. Returns 0 or a negative errno. */
static int take_url(struct fetch *fetch, CURLU *parts, const char *url, const char *name)
{
    struct job *job = fetch_job_new(url);
    if (!job)
        return -ENOMEM;
    const char *wrong = is_utf8(url) ? address_read(parts, url, &job->address)
                                     : "it has bytes that are no UTF-8; write them as %XX";
    job->named = name != NULL;
    if (!wrong && name)
        wrong = address_take_name(name, &job->address);
    thrum_with (&fetch->lock)
        fetch->found++;
    int rc = wrong ? 0 : schedule_add(fetch->schedule, job);
    if (wrong)
        refuse(fetch, job, wrong);
    if (wrong || rc < 0)
        fetch_job_free(job);
    return rc;
}

/* The thread that reads. */
static int read_urls(thrum_task *self)
{
    struct fetch *fetch = thrum_arg(self, struct fetch *);
    const char *url, *name;
    CURLU *parts = curl_url();
    int rc = parts ? 1 : -ENOMEM;
    while (rc == 1 && (rc = source_next(&fetch->source, &url, &name)) == 1) {
        if (fetch->options.resume && tally_take(&fetch->log.urls, url)) {
            thrum_with (&fetch->lock)
                fetch->passed_over++;
            continue;
        }
        int taken = take_url(fetch, parts, url, name);
        if (taken < 0)
            rc = taken;
    }
    curl_url_cleanup(parts);
    schedule_close(fetch->schedule);
    return rc == -ECANCELED ? 0 : rc;
}

/* ----------------------------------------------------------------------------------------- the run */

/* As many descriptors as are allowed; fewer requests at a time if that is not enough. */
static void raise_descriptors(struct fetch_options *options)
{
    struct rlimit limit;
    rlim_t wanted = 2 * (rlim_t)options->jobs + DESCRIPTORS_APART;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
        return;
    rlim_t most = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    if (setrlimit(RLIMIT_NOFILE, &(struct rlimit){most, limit.rlim_max}) == 0)
        limit.rlim_cur = most;
    if (limit.rlim_cur >= wanted)
        return;
    options->jobs = limit.rlim_cur > DESCRIPTORS_APART + 2
                        ? (int)((limit.rlim_cur - DESCRIPTORS_APART) / 2)
                        : 1;
    trouble_print("%ju descriptors are allowed, which is enough for %d requests at a time; `ulimit "
                  "-n` sets the limit",
                  (uintmax_t)limit.rlim_cur, options->jobs);
}

/* What is appended to a log whose last line was cut off begins on a line of its own. */
static void end_torn_line(const struct fetch *fetch, const char *log)
{
    struct stat ours, theirs;
    if (log && fetch->log.torn && fetch->options.json && fstat(STDOUT_FILENO, &ours) == 0 &&
        stat(log, &theirs) == 0 && ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino)
        putchar('\n');
}

/* Opens what the options name. Returns 0 or a negative errno. */
static int open_all(struct fetch *fetch, thrum_error *ret_error)
{
    struct fetch_options *options = &fetch->options;
    const char *log = options->resume ? options->resume : options->retry_failed;
    int rc = log ? log_read(log, &fetch->log, ret_error) : 0;
    if (rc < 0)
        return rc;
    if (log && fetch->log.malformed > 0)
        trouble_print("%s: lines that are none of a log were passed over: %ju", log,
                      (uintmax_t)fetch->log.malformed);
    end_torn_line(fetch, log);
    fetch->place.directory = options->directory;
    fetch->place.known = options->resume ? &fetch->log.paths : NULL;
    fetch->place.kind = options->directory                     ? BODY_FILE
                        : options->json || options->check_only ? BODY_DROP
                                                               : BODY_PRINT;
    rc = body_place_open(&fetch->place, ret_error);
    if (rc == 0)
        rc = source_init(&fetch->source, options, &fetch->log.failed, stopping, fetch, ret_error);
    if (rc == 0 &&
        (rc = transfers_init(&fetch->transfers, options, &fetch->place, fetch->deadline)) < 0)
        trouble(ret_error, rc, "libcurl does not start: %s", thrum_strerror(rc));
    return rc;
}

static thrum_executor *make_executor(const struct fetch_options *options)
{
    /* libcurl has one lock: more workers than one would only wait for it. */
    return options->executor == FETCH_FIBERS
               ? thrum_fiber_pool_new(&(thrum_fiber_options){
                     .workers = 1, .stack_size = STACK_BYTES, .name_prefix = "fetch"})
               : thrum_thread_pool_new(
                     &(thrum_pool_options){.max_workers = options->jobs, .name_prefix = "fetch"});
}

/* Shows how far it is, and stops it if it is to stop. */
static void look(struct fetch *fetch)
{
    uint64_t found = 0, done = 0;
    thrum_with (&fetch->lock) {
        found = fetch->found + fetch->passed_over;
        done = fetch->fetched + fetch->failed + fetch->passed_over;
    }
    progress_expect(found < fetch->options.url_count ? fetch->options.url_count : found, 0);
    progress_show(done, body_place_bytes(&fetch->place));
    if (schedule_stopping(fetch->schedule) || (!interrupt_asked() && thrum_now() < fetch->deadline))
        return;
    schedule_stop(fetch->schedule);
    if (interrupt_asked() && !fetch->options.quiet)
        trouble_print("%s: nothing more is begun, what is under way is waited for; once more ends "
                      "that, too",
                      interrupt_name(interrupt_signal()));
}

/* Reads, fetches, waits. Returns 0, or a negative errno if it could not be done at all. */
static int run(struct fetch *fetch, thrum_executor *executor)
{
    size_t window = 4 * (size_t)fetch->options.jobs;
    fetch->schedule = schedule_new(
        &(struct schedule_options){.executor = executor,
                                   .jobs = fetch->options.jobs,
                                   .per_host = fetch->options.per_host,
                                   .window = window > WINDOW_LEAST ? window : WINDOW_LEAST,
                                   .run = run_job,
                                   .fail = fail_job,
                                   .context = fetch});
    if (!fetch->schedule)
        return -ENOMEM;
    thrum_thread *reader = thrum_thread_start_with(&(thrum_thread_options){.name = "urls"},
                                                   read_urls, thrum_value(struct fetch *, fetch));
    /* One that could not be started has ended already, and closes nothing. */
    if (!thrum_thread_is_alive(reader))
        schedule_close(fetch->schedule);
    int rc;
    while ((rc = thrum_thread_join(reader, thrum_in(look_seconds))) == -ETIMEDOUT)
        look(fetch);
    while (!schedule_wait(fetch->schedule, thrum_in(look_seconds)))
        look(fetch);
    thrum_thread_free(reader);
    return rc;
}

static void summarize(const struct fetch *fetch, bool late)
{
    char why[48] = "", cut[64] = "", before[96] = "";
    if (interrupt_asked())
        snprintf(why, sizeof why, "interrupted by %s: ", interrupt_name(interrupt_signal()));
    else if (late)
        snprintf(why, sizeof why, "the deadline has passed: ");
    if (fetch->cut_off > 0)
        snprintf(cut, sizeof cut, ", %ju cut off", (uintmax_t)fetch->cut_off);
    if (fetch->options.resume)
        snprintf(before, sizeof before, "; %ju were done before, %ju of them failed",
                 (uintmax_t)fetch->passed_over, (uintmax_t)fetch->log.failures);
    trouble_print("%s%ju fetched, %ju failed%s, %ju bytes in %.1f s%s", why,
                  (uintmax_t)fetch->fetched, (uintmax_t)fetch->failed, cut,
                  (uintmax_t)fetch->place.bytes, progress_seconds(), before);
}

/* Says how it went. Returns the exit status. */
static int conclude(const struct fetch *fetch, int rc)
{
    bool late = (schedule_stopping(fetch->schedule) || fetch->unfinished > 0) &&
                !interrupt_asked() && !fetch->broken;
    uint64_t before = fetch->options.resume ? fetch->log.failures : 0;
    bool fine = rc == 0 && !late && !fetch->broken && fetch->failed + before == 0 &&
                fetch->unfinished == 0 && !interrupt_asked();
    progress_end();
    if (rc < 0)
        trouble_print("the list cannot be read on: %s", thrum_strerror(rc));
    if (!fetch->options.quiet && (!fine || fetch->options.progress))
        summarize(fetch, late);
    if (interrupt_asked())
        return STATUS_SIGNAL + interrupt_signal();
    return fine ? STATUS_OK : STATUS_FAILED;
}

static int fetch_all(struct fetch *fetch)
{
    thrum_error error = {0};
    int status = STATUS_FAILED;
    raise_descriptors(&fetch->options);
    fetch->deadline =
        fetch->options.deadline > 0 ? thrum_in(fetch->options.deadline) : THRUM_FOREVER;
    fetch->place.folder = fetch->source.file = -1;
    thrum_executor *executor = NULL;
    if (interrupt_hold(&error) < 0 || interrupt_watch((struct interrupt_answers){0}, &error) < 0 ||
        open_all(fetch, &error) < 0) {
        trouble_print("%s", error.message);
    } else if (!(executor = make_executor(&fetch->options))) {
        trouble_print("out of memory");
    } else {
        fetch->to_terminal = isatty(STDOUT_FILENO);
        progress_begin("fetching", "URLs");
        int rc = run(fetch, executor);
        thrum_executor_shutdown(executor);
        status = fetch->schedule ? conclude(fetch, rc) : STATUS_FAILED;
    }
    schedule_free(fetch->schedule);
    transfers_finish(&fetch->transfers);
    source_finish(&fetch->source);
    body_place_close(&fetch->place);
    log_finish(&fetch->log);
    return status;
}

int fetch_run(int argc, char **argv)
{
    struct fetch fetch = {0};
    char message[256];
    int status;
    enum options_verdict verdict =
        fetch_options_parse(argc, argv, &fetch.options, message, sizeof message);
    if (verdict != OPTIONS_RUN) {
        status = command_line_answer(&fetch_line, verdict, message);
    } else {
        progress_open(fetch.options.quiet      ? PROGRESS_NEVER
                      : fetch.options.progress ? PROGRESS_ALWAYS
                                               : PROGRESS_AUTO);
        status = fetch_all(&fetch);
    }
    fetch_options_finish(&fetch.options);
    return status;
}
