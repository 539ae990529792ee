/* `thrum every`: a command again and again.
 *
 * One thread does it all: it waits for the next beat, or for the child to end, whichever is first, or
 * for Ctrl-C. A second Ctrl-C is answered by the thread that watches for signals, which ends the child;
 * this one then sees it end.
 */
#include "../command.h"
#include "child/child.h"
#include "interrupt.h"
#include "options.h"
#include "schedule.h"
#include "trouble.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

static const double grace_seconds = 2;

struct every {
    struct every_options options;
    struct schedule schedule;
    struct child child;  /* .pid is 0 while none runs */
    int runs;            /* that were begun */
    int last_status;     /* as waitpid gives it */
    bool failed;         /* could not start or watch it */
    bool succeeded;      /* a run had status 0 */
    int terminal_signal; /* that ended a command which had the terminal, and is meant for us, too */
};

static int64_t wall_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* The moment, later by the jitter. */
static thrum_time jittered(const struct every *every, thrum_time moment)
{
    uint32_t random = 0;
    if (every->options.jitter <= 0 || getrandom(&random, sizeof random, 0) != sizeof random)
        return moment;
    double late = every->options.jitter * 1e9 * random / UINT32_MAX;
    return late > (double)(THRUM_FOREVER - moment) / 2 ? THRUM_FOREVER : moment + (thrum_time)late;
}

static void start(struct every *every)
{
    int rc = child_start(&every->child, &(struct child_options){.words = every->options.words,
                                                                .input = every->options.input});
    every->runs++;
    if (rc == 0)
        return;
    trouble_print("cannot run %s: %s", every->options.words[0], thrum_strerror(rc));
    every->failed = true;
}

static void note_end(struct every *every, int status)
{
    int code = child_exit_code(status);
    every->last_status = status;
    every->succeeded |= code == 0;
    if (every->options.input && isatty(STDIN_FILENO) &&
        (code == 128 + SIGINT || code == 128 + SIGQUIT))
        every->terminal_signal = code - 128;
    if (code != 0 && !every->options.quiet)
        trouble_print(code > 128 ? "run %d was ended by signal %d" : "run %d ended with status %d",
                      every->runs, code > 128 ? code - 128 : code);
}

/* Waits for the child, until `deadline` at most. Afterwards it may still run. */
static void wait_for_child(struct every *every, thrum_time deadline)
{
    int status;
    if (every->child.pid == 0)
        return;
    int rc = child_wait(&every->child, deadline, &status);
    if (rc == 0)
        note_end(every, status);
    else if (rc != -ETIMEDOUT) {
        trouble_print("cannot wait for %s: %s", every->options.words[0], thrum_strerror(rc));
        every->failed = true;
    }
}

static bool is_over(const struct every *every)
{
    return every->failed || interrupt_asked() || every->terminal_signal ||
           (every->options.times > 0 && every->runs >= every->options.times) ||
           (every->options.until_success && every->succeeded);
}

/* Ends the child that still runs when the next is due. */
static void make_way(struct every *every)
{
    int status;
    if (every->child.pid == 0)
        return;
    if (child_end(&every->child, grace_seconds, &status) == 0)
        note_end(every, status);
}

static void run(struct every *every)
{
    thrum_time due = schedule_begin(&every->schedule, &every->options, thrum_now(), wall_clock());
    uint64_t missed = 0;
    while (!is_over(every)) {
        if (thrum_event_wait(interrupt_event(), jittered(every, due)) == 0)
            break;
        make_way(every);
        if (interrupt_asked())
            break;
        start(every);
        due = schedule_next(&every->schedule, thrum_now(), wall_clock(), &missed);
        wait_for_child(every, every->options.overlap == OVERLAP_KILL ? due : THRUM_FOREVER);
        if (every->child.pid != 0 || due >= thrum_now())
            continue;
        /* It has taken longer than a period. */
        if (every->options.overlap == OVERLAP_SKIP) {
            every->schedule.beat--;
            due = schedule_next(&every->schedule, thrum_now(), wall_clock(), &missed);
            if (missed > 0 && !every->options.quiet && !is_over(every))
                trouble_print("%ju left out, as run %d took that long", (uintmax_t)missed,
                              every->runs);
        }
    }
    wait_for_child(every, THRUM_FOREVER);
}

static void end_children(int signal)
{
    children_end_all(signal == SIGHUP ? SIGHUP : SIGTERM, grace_seconds);
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
    if (interrupt_hold(&error) < 0 ||
        interrupt_watch(
            (struct interrupt_answers){.impatient = end_children, .cleanup = children_kill_all},
            &error) < 0) {
        trouble_print("%s", error.message);
        return STATUS_FAILED;
    }
    run(&every);
    if (interrupt_asked()) {
        if (!every.options.quiet)
            trouble_print("interrupted by %s after %d runs", interrupt_name(interrupt_signal()),
                          every.runs);
        return STATUS_SIGNAL + interrupt_signal();
    }
    if (every.terminal_signal)
        return STATUS_SIGNAL + every.terminal_signal;
    return every.failed || every.last_status != 0 ? STATUS_FAILED : STATUS_OK;
}
