/* `thrum every`: a command again and again.
 *
 * One thread does it all. It waits, by one poll(2), for the next start, a change of a file, the end
 * of the child, Ctrl-C, or the end of the output's reader. On a second Ctrl-C the thread that
 * watches for signals ends the child; the main thread then sees its end.
 *
 * With --screen the command writes to a file without a name, which is shown when the command has
 * ended. Messages would disturb the screen, so the title has the status of the run.
 */
#include "../command.h"
#include "changes.h"
#include "child/child.h"
#include "child/job_control.h"
#include "interrupt.h"
#include "options.h"
#include "output.h"
#include "schedule.h"
#include "screen.h"
#include "trouble.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

static const double grace_seconds = 2, settle_seconds = 0.05, settle_most_seconds = 1,
                    look_seconds = 0.02;

enum { SHOWN_MOST = 1 << 20 };

/* Why a wait has ended. */
enum reason {
    REASON_DUE,
    REASON_CHANGED,
    REASON_CHILD,
    REASON_INTERRUPT,
    REASON_READER,
    REASON_STALE
};

struct every {
    struct every_options options;
    struct schedule schedule;
    struct changes *changes; /* or NULL */
    struct screen *screen;   /* or NULL */
    struct child child;      /* .pid is 0 while none runs */
    int output;              /* the file for the screen; -1 without one */
    int runs;                /* that were begun */
    int failures;            /* runs that did not end with status 0 */
    int last_status;         /* as waitpid gives it */
    bool failed;             /* the command could not be started or watched */
    bool succeeded;          /* a run had status 0 */
    bool reader_gone;        /* the output has no reader */
    int terminal_signal; /* that ended a command which had the terminal; it ends this program, too */
};

static int64_t wall_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* The moment plus the jitter. */
static thrum_time jittered(const struct every *every, thrum_time moment)
{
    uint32_t random = 0;
    if (every->options.jitter <= 0 || getrandom(&random, sizeof random, 0) != sizeof random)
        return moment;
    double late = every->options.jitter * 1e9 * random / UINT32_MAX;
    return late > (double)(INT64_MAX - moment) / 2 ? INT64_MAX : moment + (thrum_time)late;
}

static void start(struct every *every)
{
    int output = every->screen ? every->output : 0;
    if (every->screen && ftruncate(every->output, 0) != 0)
        trouble_print("cannot empty the file for the screen: %s", thrum_strerror(-errno));
    int rc = child_start(&every->child, &(struct child_options){.words = every->options.words,
                                                                .out = output,
                                                                .err = output,
                                                                .input = every->options.input});
    every->runs++;
    if (rc == 0)
        return;
    every->failed = true;
    if (rc != -ECANCELED)
        trouble_print("cannot run %s: %s", every->options.words[0], thrum_strerror(rc));
}

/* "status 3" or "signal 9" */
static const char *describe_status(int status, char *text, size_t size)
{
    int code = child_exit_code(status);
    snprintf(text, size, code > 128 ? "signal %d" : "status %d", code > 128 ? code - 128 : code);
    return text;
}

static void show_output(struct every *every)
{
    char *text = malloc(SHOWN_MOST), title[256], status[32], moment[32] = "";
    time_t now = time(NULL);
    struct tm parts;
    if (localtime_r(&now, &parts))
        strftime(moment, sizeof moment, "%T", &parts);
    snprintf(title, sizeof title, "%s  run %d  %s: %.150s", moment, every->runs,
             describe_status(every->last_status, status, sizeof status), every->options.words[0]);
    ssize_t length = text ? pread(every->output, text, SHOWN_MOST, 0) : -1;
    screen_show(every->screen, title, text, length < 0 ? 0 : (size_t)length);
    free(text);
}

static void note_end(struct every *every, int status)
{
    char text[32];
    int code = child_exit_code(status);
    every->last_status = status;
    every->succeeded |= code == 0;
    every->failures += code != 0;
    if (every->options.input && isatty(STDIN_FILENO) &&
        (code == 128 + SIGINT || code == 128 + SIGQUIT))
        every->terminal_signal = code - 128;
    every->reader_gone |= output_reader_gone();
    if (every->screen)
        show_output(every);
    else if (every->child.wants_terminal)
        trouble_print("run %d: %s used the terminal; give it the terminal by --stdin", every->runs,
                      every->options.words[0]);
    else if (code != 0 && !every->options.quiet && !every->reader_gone)
        trouble_print(code > 128 ? "run %d was ended by %s" : "run %d ended with %s", every->runs,
                      describe_status(status, text, sizeof text));
}

/* Collects the child, which has ended. */
static void take_end(struct every *every)
{
    int status, rc = child_wait(&every->child, THRUM_FOREVER, &status);
    if (rc == 0) {
        note_end(every, status);
        return;
    }
    trouble_print("cannot wait for %s: %s", every->options.words[0], thrum_strerror(rc));
    every->failed = true;
}

/* Waits once: for the child if one runs, and for Ctrl-C if none does. */
static enum reason wait_once(struct every *every, thrum_deadline deadline, bool for_changes)
{
    enum { CHILD, INTERRUPT, CHANGES, OUTPUT, STALE, COUNT };
    bool running = every->child.pid != 0;
    struct pollfd waits[COUNT] = {
        [CHILD] = {running ? every->child.descriptor : -1, POLLIN, 0},
        [INTERRUPT] = {running ? -1 : interrupt_descriptor(), POLLIN, 0},
        [CHANGES] = {for_changes && every->changes ? changes_descriptor(every->changes) : -1,
                     POLLIN, 0},
        /* Without events, poll reports an error alone. */
        [OUTPUT] = {running ? -1 : STDOUT_FILENO, 0, 0},
        [STALE] = {every->screen ? screen_descriptor() : -1, POLLIN, 0}};
    thrum_time left = deadline.ns - thrum_now();
    struct timespec time = {.tv_sec = left > 0 ? left / 1000000000 : 0,
                            .tv_nsec = left > 0 ? left % 1000000000 : 0};
    if (ppoll(waits, COUNT, thrum_deadline_is_forever(deadline) ? NULL : &time, NULL) <= 0)
        return REASON_DUE;
    return waits[INTERRUPT].revents ? REASON_INTERRUPT
           : waits[CHILD].revents   ? REASON_CHILD
           : waits[OUTPUT].revents  ? REASON_READER
           : waits[STALE].revents   ? REASON_STALE
                                    : REASON_CHANGED;
}

/* Waits until `deadline`, or for one of the other reasons. */
static enum reason wait_for(struct every *every, thrum_deadline deadline, bool for_changes)
{
    for (;;) {
        bool blind = every->child.pid != 0 && every->child.descriptor < 0;
        if (blind && child_has_ended(&every->child))
            return REASON_CHILD;
        thrum_deadline slice = blind ? thrum_in(look_seconds) : deadline;
        enum reason reason = wait_once(every, thrum_deadline_sooner(slice, deadline), for_changes);
        if (reason == REASON_CHANGED && !changes_take(every->changes))
            continue;
        if (reason == REASON_STALE)
            screen_refresh(every->screen);
        else if (reason != REASON_DUE || thrum_now() >= deadline.ns)
            return reason;
    }
}

/* Waits until no more changes come. */
static void settle(struct every *every)
{
    thrum_deadline most = thrum_in(settle_most_seconds);
    while (thrum_now() < most.ns &&
           wait_for(every, thrum_in(settle_seconds), true) == REASON_CHANGED)
        continue;
}

static bool is_over(const struct every *every)
{
    return every->failed || interrupt_asked() || every->terminal_signal || every->reader_gone ||
           (every->options.times > 0 && every->runs >= every->options.times) ||
           (every->options.until_success && every->succeeded);
}

/* Waits for the next run to be due. */
static void wait_between(struct every *every, thrum_time due)
{
    enum reason reason = wait_for(every, thrum_at(due), true);
    if (reason == REASON_CHANGED)
        settle(every);
    every->reader_gone |= reason == REASON_READER;
}

/* Waits for the child to end. With OVERLAP_KILL it is ended when another run is due. Returns
 * whether another run is to follow at once, because something has changed meanwhile. */
static bool wait_for_child(struct every *every, thrum_time due)
{
    bool counts = every->options.overlap != OVERLAP_SKIP, changed = false;
    int status;
    while (every->child.pid != 0) {
        bool kills = every->options.overlap == OVERLAP_KILL && !is_over(every);
        enum reason reason =
            wait_for(every, kills ? thrum_at(due) : THRUM_FOREVER, counts && !changed);
        changed |= reason == REASON_CHANGED;
        if (reason == REASON_CHILD)
            take_end(every);
        else if (kills && child_end(&every->child, grace_seconds, &status) == 0)
            note_end(every, status);
    }
    if (!counts && every->changes)
        changes_take(every->changes);
    return changed;
}

static void run(struct every *every)
{
    thrum_time due = schedule_begin(&every->schedule, &every->options, thrum_now(), wall_clock());
    uint64_t missed = 0;
    bool at_once = false;
    while (!is_over(every)) {
        if (!at_once)
            wait_between(every, jittered(every, due));
        if (interrupt_asked() || every->reader_gone)
            break;
        start(every);
        if (due <= thrum_now())
            due = schedule_next(&every->schedule, thrum_now(), wall_clock(), &missed);
        at_once = wait_for_child(every, due);
        if (due >= thrum_now() || every->options.overlap != OVERLAP_SKIP)
            continue;
        /* It has taken longer than a period. */
        every->schedule.beat--;
        due = schedule_next(&every->schedule, thrum_now(), wall_clock(), &missed);
        if (missed > 0 && !every->options.quiet && !every->screen && !is_over(every))
            trouble_print("skipped %ju: run %d took too long", (uintmax_t)missed, every->runs);
    }
}

static void note_interrupt(int number)
{
    if (children_count() > 0 && number != SIGHUP)
        trouble_print("waiting for the command to end; once more ends it");
}

static void end_children(int number)
{
    children_end_all(number == SIGHUP ? SIGHUP : SIGTERM, grace_seconds);
}

static void clear_nothing(void)
{
}

static void kill_children(void)
{
    screen_suspend();
    children_kill_all();
}

/* Prepares all that can fail before the first run. */
static int prepare(struct every *every, thrum_error *ret_error)
{
    const struct every_options *options = &every->options;
    bool screen = options->screen;
    int rc = interrupt_hold(ret_error);
    every->output = -1;
    if (rc == 0)
        rc = interrupt_watch(
            (struct interrupt_answers){note_interrupt, end_children, kill_children}, ret_error);
    if (rc == 0 && screen && (rc = screen_prepare()) < 0)
        trouble(ret_error, rc, "--screen: %s", thrum_strerror(rc));
    if (rc == 0)
        rc = job_control_start(screen ? screen_suspend : clear_nothing,
                               screen ? screen_resume : NULL, ret_error);
    if (rc == 0 && options->changed_count > 0)
        rc = changes_open(options->changed, options->changed_count, &every->changes, ret_error);
    if (rc < 0 || !screen)
        return rc;
    if (!isatty(STDOUT_FILENO))
        return trouble(ret_error, -ENOTTY, "--screen: standard output is no terminal");
    every->output = memfd_create("output", MFD_CLOEXEC);
    /* Each run begins with an empty file, so each write must go to its end. */
    if (every->output < 0 || fcntl(every->output, F_SETFL, O_APPEND) != 0)
        return trouble(ret_error, -errno, "--screen: %s", thrum_strerror(-errno));
    every->screen = screen_open();
    return every->screen ? 0 : trouble(ret_error, -ENOMEM, "out of memory");
}

/* Prints a summary after an interrupt or failures. Returns the exit status. */
static int conclude(const struct every *every)
{
    char text[32];
    bool quiet = every->options.quiet || every->reader_gone;
    job_control_finish();
    if (interrupt_asked() && !quiet)
        trouble_print("interrupted by %s after %d runs%s%s", interrupt_name(interrupt_signal()),
                      every->runs, every->runs ? "; the last ended with " : "",
                      every->runs ? describe_status(every->last_status, text, sizeof text) : "");
    else if (every->failures > 0 && !every->failed && !quiet)
        trouble_print("%d of %d runs failed; the last ended with %s", every->failures, every->runs,
                      describe_status(every->last_status, text, sizeof text));
    if (interrupt_asked())
        return STATUS_SIGNAL + interrupt_signal();
    if (every->terminal_signal)
        return STATUS_SIGNAL + every->terminal_signal;
    if (every->reader_gone)
        return STATUS_SIGNAL + SIGPIPE;
    return every->failed || every->last_status != 0 ? STATUS_FAILED : STATUS_OK;
}

int every_run(int argc, char **argv)
{
    struct every every = {0};
    thrum_error error;
    char message[256];
    enum options_verdict verdict =
        every_options_parse(argc, argv, &every.options, message, sizeof message);
    if (verdict != OPTIONS_RUN)
        return command_line_answer(&every_line, verdict, message);
    int rc = prepare(&every, &error);
    if (rc == 0)
        run(&every);
    else
        trouble_print("%s", error.message);
    screen_close(every.screen);
    changes_close(every.changes);
    if (every.output >= 0)
        (void)close(every.output);
    return rc == 0 ? conclude(&every) : STATUS_FAILED;
}
