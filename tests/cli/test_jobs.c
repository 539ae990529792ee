/* `thrum every` and `thrum run`, the parts that are functions: the schedule, durations, the reading of
 * arguments, the log. What becomes of commands is tested from outside, by jobs_test.sh. */
#include "every/schedule.h"
#include "harness.h"
#include "run/arguments.h"
#include "run/joblog.h"

#include <errno.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const thrum_time second = 1000000000;

static bool going_on(void)
{
    return false;
}

static bool over(void)
{
    return true;
}

TEST(durations_have_units)
{
    static const struct {
        const char *text;
        double seconds;
    } sound[] = {{"2", 2},       {"2s", 2},    {"1.5m", 90},  {"250ms", 0.25},
                 {"10us", 1e-5}, {"1h", 3600}, {"1d", 86400}, {".5", 0.5}};
    static const char *const unsound[] = {"",    "s",   "2x",  "-1",    "+1",      "0",  "0s",
                                          "1 s", "nan", "inf", "1e999", "0x10m s", " 1", "1s2"};
    double seconds;
    for (size_t i = 0; i < sizeof sound / sizeof sound[0]; i++) {
        CHECK(duration_parse(sound[i].text, &seconds));
        CHECK(seconds > sound[i].seconds * 0.999999 && seconds < sound[i].seconds * 1.000001);
    }
    for (size_t i = 0; i < sizeof unsound / sizeof unsound[0]; i++) {
        seconds = -7;
        if (duration_parse(unsound[i], &seconds) || seconds > -7)
            test_fail(__FILE__, __LINE__, unsound[i], "is taken for a duration");
    }
}

TEST(a_beat_does_not_drift)
{
    const struct every_options options = {.period = 0.1};
    struct schedule schedule;
    uint64_t missed;
    thrum_time begin = 5 * second;
    CHECK_INT(schedule_begin(&schedule, &options, begin, 77), ==, begin);
    for (int i = 1; i <= 100000; i++) /* each is asked for a bit later than it was due */
        CHECK_INT(schedule_next(&schedule, begin + (i - 1) * (second / 10) + i % 1000, 0, &missed),
                  ==, begin + i * (second / 10));
}

TEST(moments_that_have_passed_are_skipped_or_made_up_for)
{
    struct every_options options = {.period = 1};
    struct schedule schedule;
    uint64_t missed;
    thrum_time begin = 5 * second;
    schedule_begin(&schedule, &options, begin, 0);
    CHECK_INT(schedule_next(&schedule, begin + second * 7 / 2, 0, &missed), ==, begin + 4 * second);
    CHECK_INT(missed, ==, 3);
    CHECK_INT(schedule_next(&schedule, begin + 5 * second, 0, &missed), ==, begin + 5 * second);
    CHECK_INT(missed, ==, 0); /* one that is due just now is not late */
    options.overlap = OVERLAP_QUEUE;
    schedule_begin(&schedule, &options, begin, 0);
    for (int i = 1; i < 4; i++)
        CHECK_INT(schedule_next(&schedule, begin + 9 * second, 0, &missed), ==, begin + i * second);
    CHECK_INT(missed, ==, 0);
}

TEST(an_aligned_beat_follows_the_wall_clock)
{
    const struct every_options options = {.period = 10, .align = true};
    struct schedule schedule;
    uint64_t missed;
    thrum_time begin = 1000 * second;
    int64_t wall = 1234567 * second; /* 7 s past a multiple */
    CHECK_INT(schedule_begin(&schedule, &options, begin, wall), ==, begin + 3 * second);
    CHECK_INT(schedule_next(&schedule, begin + 4 * second, wall + 4 * second, &missed), ==,
              begin + 13 * second);
    /* The clock is set forward by a second: the next beat comes that much earlier. */
    CHECK_INT(schedule_next(&schedule, begin + 14 * second, wall + 15 * second, &missed), ==,
              begin + 22 * second);
    /* And back by three. */
    CHECK_INT(schedule_next(&schedule, begin + 23 * second, wall + 21 * second, &missed), ==,
              begin + 35 * second);
    CHECK_INT(schedule_begin(&schedule, &options, begin, 20 * second), ==, begin);
}

TEST(a_period_beyond_the_clock_never_comes)
{
    const struct every_options options = {.period = 1e30};
    struct schedule schedule;
    uint64_t missed;
    schedule_begin(&schedule, &options, second, 0);
    CHECK_INT(schedule_next(&schedule, 2 * second, 0, &missed), ==, THRUM_FOREVER);
}

TEST(arguments_are_split_wherever_the_pieces_end)
{
    int ends[2];
    const char *argument;
    CHECK_INT(pipe(ends), ==, 0);
    struct arguments arguments = {.file = ends[0], .end = '\n', .stopping = going_on};
    CHECK_INT(write(ends[1], "one\n\nthr", 8), ==, 8);
    CHECK_INT(arguments_next(&arguments, &argument), ==, 0);
    CHECK_STR(argument, "one");
    CHECK_INT(arguments_next(&arguments, &argument), ==, 0);
    CHECK_STR(argument, "");
    CHECK_INT(write(ends[1], "ee\nlast", 7), ==, 7);
    CHECK_INT(arguments_next(&arguments, &argument), ==, 0);
    CHECK_STR(argument, "three");
    close(ends[1]);
    CHECK_INT(arguments_next(&arguments, &argument), ==, 0);
    CHECK_STR(argument, "last");
    CHECK_INT(arguments_next(&arguments, &argument), ==, -ENODATA);
    CHECK_INT(arguments_next(&arguments, &argument), ==, -ENODATA);
    arguments.stopping = over;
    CHECK_INT(arguments_next(&arguments, &argument), ==, -ECANCELED);
    arguments_finish(&arguments);
    close(ends[0]);
}

TEST(an_argument_may_be_longer_than_a_piece)
{
    enum { LONG = 300000 };
    FILE *file = tmpfile();
    const char *argument;
    CHECK(file);
    for (int i = 0; i < LONG; i++)
        fputc('x', file);
    fputs("\nend", file);
    rewind(file);
    struct arguments arguments = {.file = fileno(file), .end = '\n', .stopping = going_on};
    CHECK_INT(arguments_next(&arguments, &argument), ==, 0);
    CHECK_INT(strspn(argument, "x"), ==, LONG);
    CHECK_INT(strlen(argument), ==, LONG);
    CHECK_INT(arguments_next(&arguments, &argument), ==, 0);
    CHECK_STR(argument, "end");
    CHECK_INT(arguments_next(&arguments, &argument), ==, -ENODATA);
    arguments_finish(&arguments);
    fclose(file);
}

static struct job *new_job(char *word, uint64_t number)
{
    char *words[] = {word};
    const struct run_options options = {.words = words, .word_count = 1};
    struct job *job = job_new(&options, number, "a\tb\n\\");
    CHECK(job);
    job->begun = true;
    return job;
}

TEST(the_log_knows_what_has_succeeded)
{
    char path[] = "/tmp/thrum-test-XXXXXX", echo[] = "echo", cat[] = "cat";
    int file = mkstemp(path);
    struct joblog *log;
    thrum_error error;
    struct job *good = new_job(echo, 1), *bad = new_job(echo, 2), *late = new_job(echo, 3),
               *other = new_job(cat, 1);
    CHECK(file >= 0);
    close(file);
    bad->status = 1 << 8;
    late->timed_out = true;
    CHECK_INT(joblog_open(path, false, &log, &error), ==, 0);
    CHECK_INT(joblog_add(log, bad), ==, 0);
    CHECK_INT(joblog_add(log, late), ==, 0);
    CHECK_INT(joblog_add(log, good), ==, 0);
    joblog_close(log);
    CHECK_INT(joblog_open(path, true, &log, &error), ==, 0);
    CHECK(joblog_knows(log, good));
    CHECK(!joblog_knows(log, bad) && !joblog_knows(log, late) && !joblog_knows(log, other));
    joblog_close(log);
    CHECK_INT(joblog_open(path, false, &log, &error), ==, 0); /* begun anew */
    CHECK(!joblog_knows(log, good));
    joblog_close(log);
    CHECK_INT(joblog_open("/nonexistent/log", true, &log, &error), ==, -ENOENT);
    job_free(good);
    job_free(bad);
    job_free(late);
    job_free(other);
    unlink(path);
}

/* Runs the command on a terminal and presses Ctrl-C once somebody else has the foreground. Gives the
 * exit status, or 128 + the signal that ended it. */
static int press_ctrl_c(char **words)
{
    static char said[4096];
    int terminal, status;
    pid_t process = forkpty(&terminal, NULL, NULL, NULL);
    CHECK(process >= 0);
    if (process == 0) {
        signal(SIGINT, SIG_DFL);
        execv(words[0], words);
        _exit(127);
    }
    pid_t foreground = 0;
    for (int tries = 0; tries < 3000 && (foreground <= 0 || foreground == process); tries++) {
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
        foreground = tcgetpgrp(terminal); /* nobody's at first */
    }
    CHECK(foreground > 0 && foreground != process);
    CHECK_INT(write(terminal, "\x03", 1), ==, 1);
    while (read(terminal, said, sizeof said) > 0)
        continue; /* it ends with EIO when nobody has the other side any more */
    CHECK_INT(waitpid(process, &status, 0), ==, process);
    close(terminal);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

TEST(ctrl_c_on_a_terminal_that_the_command_has_ends_both)
{
    char *words[] = {
        getenv("THRUM_COMMAND"), (char[]){"every"}, (char[]){"1ms"},  (char[]){"--stdin"},
        (char[]){"--"},          (char[]){"sleep"}, (char[]){"1000"}, NULL};
    CHECK(words[0]);
    CHECK_INT(press_ctrl_c(words), ==, 128 + SIGINT);
}
