/* `thrum fetch`: the order of events.
 *
 *   1. read the command line, and the log of an earlier run;
 *   2. hold Ctrl-C, raise the limit of descriptors, open list and directory;
 *   3. a thread reads URLs into the schedule, which makes tasks of them; each task fetches and reports;
 *   4. wait for the last task, and print the summary.
 *
 * The line of a URL is written in one piece, and only when its file has its name. So the output is
 * right even if the command is killed. At most, a log lacks URLs whose files exist already:
 * --resume fetches these once more, and compares.
 *
 * A URL that a stop or the deadline cuts off is not reported, because its outcome is unknown.
 */
#include "../command.h"
#include "body.h"
#include "interrupt.h"
#include "json_text.h"
#include "line_writer.h"
#include "log.h"
#include "options.h"
#include "outcome.h"
#include "progress.h"
#include "report.h"
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

/* Descriptors for other things than connections and files; the least size of the window. */
enum { DESCRIPTORS_APART = 64, WINDOW_LEAST = 4096, STACK_BYTES = 256 * 1024 };

/* Requests at a time for which a lane is worth its thread. */
enum { JOBS_OF_LANE = 128 };

struct fetch {
    struct fetch_options options;
    struct log_summary log;
    struct source source;
    struct schedule *schedule;
    thrum_executor *executors[LANES_MOST]; /* of each lane */
    int lanes;
    struct transfers transfers;
    struct body_place place;
    thrum_deadline deadline;
    struct report report;
    struct digest_set digests; /* named by the list; the reading thread's */

    thrum_lock lock; /* over what follows */
    uint64_t found, passed_over;
    bool all_found; /* the list has been read to its end */
};

/* --------------------------------------------------------------------------------------- reporting */

/* Begins no more requests, and ends waits for the output. */
static void stop(struct fetch *fetch)
{
    schedule_stop(fetch->schedule);
    report_stop(&fetch->report);
}

static void report(struct fetch *fetch, const struct job *job, const struct outcome *outcome,
                   struct body *body)
{
    if (!report_add(&fetch->report, job, outcome, body) && !schedule_stopping(fetch->schedule))
        stop(fetch);
}

/* A schedule_options.run. */
static void run_job(struct job *job, void *context)
{
    struct fetch *fetch = context;
    struct outcome outcome;
    struct body body;
    transfer(&fetch->transfers, job, &outcome, &body);
    report(fetch, job, &outcome, &body);
    free(outcome.path);
}

/* Reports a URL that is not fetched at all. */
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

static int hex_value(char digit)
{
    return digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10;
}

/* Reads "ALGORITHM:HEX". Returns NULL, or what is wrong with it: a constant. */
static const char *read_digest(struct digest_set *set, const char *text,
                               struct body_digest *ret_digest)
{
    size_t name = strcspn(text, ":");
    const char *digits = text + name + 1;
    const struct digest_kind *kind = digest_set_named(set, text, name);
    if (!kind)
        return "the list gives a digest of an algorithm that OpenSSL does not know";
    if (strlen(digits) != 2 * kind->size)
        return "the list gives a digest that has not the length of its algorithm";
    for (size_t i = 0; i < kind->size; i++)
        ret_digest->bytes[i] =
            (unsigned char)(hex_value(digits[2 * i]) << 4 | hex_value(digits[2 * i + 1]));
    ret_digest->kind = kind;
    return NULL;
}

/* Fills in the job. Returns what is wrong with the line, or NULL. */
static const char *prepare_job(struct fetch *fetch, CURLU *parts, const struct source_line *line,
                               struct job *job)
{
    const char *wrong = line->wrong;
    if (!wrong && !is_utf8(line->url))
        wrong = "it has bytes that are no UTF-8; write them as %XX";
    if (!wrong)
        wrong = address_read(parts, line->url, fetch->options.tree, &job->address);
    job->named = line->name != NULL;
    if (!wrong && line->name)
        wrong = address_take_name(line->name, &job->address);
    if (!wrong && line->digest && !fetch->options.check_only)
        wrong = read_digest(&fetch->digests, line->digest, &job->wanted);
    return wrong;
}

/* Makes a job of a URL, or reports why that is impossible. Returns 0 or a negative errno. */
static int take_url(struct fetch *fetch, CURLU *parts, const struct source_line *line,
                    uint64_t number)
{
    struct job *job = fetch_job_new(line->url);
    if (!job)
        return -ENOMEM;
    const char *wrong = prepare_job(fetch, parts, line, job);
    job->number = number;
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
    struct source_line line;
    uint64_t number = 0;
    CURLU *parts = curl_url();
    int rc = parts ? 1 : -ENOMEM;
    while (rc == 1 && (rc = source_next(&fetch->source, &line)) == 1) {
        if (fetch->options.resume && tally_take(&fetch->log.urls, line.url)) {
            thrum_with (&fetch->lock)
                fetch->passed_over++;
            continue;
        }
        report_await_room(&fetch->report, number);
        int taken = take_url(fetch, parts, &line, number++);
        if (taken < 0)
            rc = taken;
    }
    curl_url_cleanup(parts);
    thrum_with (&fetch->lock)
        fetch->all_found = true;
    schedule_close(fetch->schedule);
    return rc == -ECANCELED ? 0 : rc;
}

/* ----------------------------------------------------------------------------------------- the run */

/* Raises the limit of descriptors. Lowers the number of requests at a time if it is not enough. */
static void raise_descriptors(struct fetch_options *options)
{
    struct rlimit limit;
    rlim_t apart = DESCRIPTORS_APART + (options->in_order ? ORDER_MOST : 0);
    rlim_t wanted = 2 * (rlim_t)options->jobs + apart;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
        return;
    rlim_t most = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    if (setrlimit(RLIMIT_NOFILE, &(struct rlimit){most, limit.rlim_max}) == 0)
        limit.rlim_cur = most;
    if (limit.rlim_cur >= wanted)
        return;
    options->jobs = limit.rlim_cur > apart + 2 ? (int)((limit.rlim_cur - apart) / 2) : 1;
    trouble_print("%ju descriptors are allowed, which is enough for %d requests at a time; `ulimit "
                  "-n` sets the limit",
                  (uintmax_t)limit.rlim_cur, options->jobs);
}

/* If standard output is appended to a log whose last line was cut off, begins a new line. */
static void end_torn_line(const struct fetch *fetch, const char *log)
{
    struct stat ours, theirs;
    if (log && fetch->log.torn && fetch->options.json && fstat(STDOUT_FILENO, &ours) == 0 &&
        stat(log, &theirs) == 0 && ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino)
        line_writer_bytes(fetch->report.out, "\n", 1);
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
        trouble_print("%s: ignored malformed lines: %ju", log, (uintmax_t)fetch->log.malformed);
    end_torn_line(fetch, log);
    fetch->place.again = options->resume != NULL;
    fetch->place.kind = options->directory                     ? BODY_FILE
                        : options->json || options->check_only ? BODY_DROP
                                                               : BODY_PRINT;
    rc = body_place_open(&fetch->place, options->directory, options->sync, ret_error);
    if (rc == 0)
        rc = source_init(&fetch->source, options, &fetch->log.failed, ret_error);
    if (rc == 0 && (rc = transfers_init(&fetch->transfers, options, fetch->lanes, &fetch->place,
                                        fetch->deadline)) < 0)
        trouble(ret_error, rc, "libcurl does not start: %s", thrum_strerror(rc));
    return rc;
}

/* A lane for each processor, but not more than there are requests for. */
static int count_lanes(const struct fetch_options *options)
{
    int lanes = options->jobs / JOBS_OF_LANE, most = thrum_cpu_count();
    most = most < LANES_MOST ? most : LANES_MOST;
    return options->executor == FETCH_THREADS || lanes < 1 ? 1 : lanes < most ? lanes : most;
}

static bool make_executors(struct fetch *fetch)
{
    const struct fetch_options *options = &fetch->options;
    bool fine = true;
    /* A client has one lock: more workers would only wait for it. */
    for (int i = 0; i < fetch->lanes && fine; i++) {
        fetch->executors[i] =
            options->executor == FETCH_FIBERS
                ? thrum_fiber_pool_new(&(thrum_fiber_pool_options){
                      .max_workers = 1, .stack_size = STACK_BYTES, .name_prefix = "fetch"})
                : thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = options->jobs,
                                                                     .name_prefix = "fetch"});
        fine = fetch->executors[i] != NULL;
    }
    return fine;
}

static void end_executors(struct fetch *fetch)
{
    for (int i = 0; i < fetch->lanes; i++)
        if (fetch->executors[i])
            thrum_executor_shutdown(fetch->executors[i]);
}

static void show_progress(struct fetch *fetch)
{
    uint64_t found = 0, passed_over = 0, done = 0, failed = 0;
    bool all_found = false;
    thrum_with (&fetch->lock) {
        found = fetch->found;
        passed_over = fetch->passed_over;
        all_found = fetch->all_found;
    }
    thrum_with (&fetch->report.lock) {
        failed = fetch->report.failed;
        done = fetch->report.fetched + failed;
    }
    /* If all lengths are known, bytes tell more than the number of URLs. */
    uint64_t bytes = all_found ? body_place_expected(&fetch->place, found - failed) : 0;
    uint64_t total = found + passed_over;
    progress_expect(total < fetch->options.url_count ? fetch->options.url_count : total, bytes);
    progress_show(done + passed_over, body_place_received(&fetch->place));
}

/* Shows the progress, and stops the run after an interrupt or the deadline. */
static void look(struct fetch *fetch)
{
    show_progress(fetch);
    if (schedule_stopping(fetch->schedule) ||
        (!interrupt_asked() && thrum_now() < fetch->deadline.ns))
        return;
    stop(fetch);
    if (interrupt_asked() && !fetch->options.quiet)
        trouble_print("%s: no further request begins; waiting for those that run; once more ends "
                      "them",
                      interrupt_name(interrupt_signal()));
}

/* Waits for `wanted`. Looks when a bar is due, after an interrupt and at the deadline. */
static void wait_looking(struct fetch *fetch, thrum_case wanted)
{
    for (int index = 1; index != 0;) {
        bool stopping = schedule_stopping(fetch->schedule);
        thrum_case cases[] = {wanted, thrum_case_deadline(progress_due()), {0}, {0}};
        if (!stopping) {
            cases[2] = thrum_case_event(interrupt_event());
            cases[3] = thrum_case_deadline(fetch->deadline);
        }
        index = thrum_select(cases, sizeof cases / sizeof *cases, THRUM_FOREVER);
        if (index != 0)
            look(fetch);
    }
}

/* Reads, fetches, waits. Returns 0, or a negative errno if the run itself failed. */
static int run(struct fetch *fetch)
{
    size_t window = 4 * (size_t)fetch->options.jobs;
    struct schedule_options options = {.lanes = fetch->lanes,
                                       .jobs = fetch->options.jobs,
                                       .per_host = fetch->options.per_host,
                                       .window = window > WINDOW_LEAST ? window : WINDOW_LEAST,
                                       .run = run_job,
                                       .fail = fail_job,
                                       .context = fetch};
    memcpy(options.executors, fetch->executors, sizeof options.executors);
    fetch->schedule = schedule_new(&options);
    if (!fetch->schedule) {
        trouble_print("out of memory");
        return -ENOMEM;
    }
    fetch->source.stop = schedule_stop_event(fetch->schedule);
    thrum_thread *reader = thrum_thread_start_with(&(thrum_thread_options){.name = "urls"},
                                                   read_urls, thrum_value(struct fetch *, fetch));
    /* A reader that could not be started closes no schedule. */
    if (!thrum_thread_is_alive(reader))
        schedule_close(fetch->schedule);
    wait_looking(fetch, thrum_case_thread(reader));
    int rc = trouble_join(reader);
    wait_looking(fetch, thrum_case_event(schedule_idle_event(fetch->schedule)));
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
    if (fetch->report.cut_off > 0)
        snprintf(cut, sizeof cut, ", %ju cut off", (uintmax_t)fetch->report.cut_off);
    if (fetch->options.resume)
        snprintf(before, sizeof before, "; %ju were done before, of which %ju failed",
                 (uintmax_t)fetch->passed_over, (uintmax_t)fetch->log.failures);
    trouble_print("%s%ju fetched, %ju failed%s, %ju bytes in %.1f s%s", why,
                  (uintmax_t)fetch->report.fetched, (uintmax_t)fetch->report.failed, cut,
                  (uintmax_t)fetch->place.received, progress_seconds(), before);
}

/* Prints the summary. Returns the exit status. */
static int conclude(const struct fetch *fetch, int rc)
{
    bool late = (schedule_stopping(fetch->schedule) || fetch->report.unfinished > 0) &&
                !interrupt_asked() && !fetch->report.broken;
    uint64_t before = fetch->options.resume ? fetch->log.failures : 0;
    bool fine = rc == 0 && !late && !fetch->report.broken && fetch->report.failed + before == 0 &&
                fetch->report.unfinished == 0 && !interrupt_asked();
    progress_end();
    if (rc < 0)
        trouble_print("cannot read the rest of the list: %s",
                      rc == -EMSGSIZE ? "a line is longer than 1 MiB" : thrum_strerror(rc));
    /* If answers could not be printed, the count would be misleading. */
    if (!fetch->options.quiet && !fetch->report.broken && (!fine || fetch->options.progress))
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
    fetch->place.files.folder = fetch->source.file = -1;
    fetch->lanes = count_lanes(&fetch->options);
    if (report_init(&fetch->report, &fetch->options) < 0) {
        trouble_print("out of memory");
    } else if (interrupt_hold(&error) < 0 ||
               interrupt_watch((struct interrupt_answers){0}, &error) < 0 ||
               open_all(fetch, &error) < 0) {
        trouble_print("%s", error.message);
    } else if (!make_executors(fetch)) {
        trouble_print("out of memory");
        end_executors(fetch);
    } else {
        progress_begin("fetching", "URLs");
        int rc = run(fetch);
        end_executors(fetch);
        status = fetch->schedule ? conclude(fetch, rc) : STATUS_FAILED;
    }
    schedule_free(fetch->schedule);
    transfers_finish(&fetch->transfers);
    source_finish(&fetch->source);
    body_place_close(&fetch->place);
    log_finish(&fetch->log);
    digest_set_finish(&fetch->digests);
    return report_finish(&fetch->report, status);
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
