/* `thrum every` and `thrum run`, the parts that are functions: the schedule, durations, the reading of
 * arguments, the log. What becomes of commands is tested from outside, by jobs_test.sh. */
#include "every/schedule.h"
#include "harness.h"
#include "nearest.h"
#include "run/admission.h"
#include "run/arguments.h"
#include "run/joblog.h"

#include <errno.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const thrum_time second = 1000000000;

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
    CHECK_INT(schedule_next(&schedule, 2 * second, 0, &missed), ==, INT64_MAX);
}

static void expect_next(struct arguments *arguments, const char *wanted)
{
    char *argument;
    CHECK_INT(arguments_next(arguments, &argument), ==, 0);
    CHECK_STR(argument, wanted);
    free(argument);
}

TEST(arguments_are_split_wherever_the_pieces_end)
{
    int ends[2];
    char *argument;
    struct arguments arguments;
    uint64_t left;
    CHECK_INT(pipe(ends), ==, 0);
    CHECK_INT(write(ends[1], "one\n\nthr", 8), ==, 8);
    CHECK_INT(arguments_start(&arguments, ends[0], '\n', -1), ==, 0);
    expect_next(&arguments, "one");
    expect_next(&arguments, "");
    CHECK(!arguments_left(&arguments, &left));
    CHECK_INT(write(ends[1], "ee\nlast", 7), ==, 7);
    expect_next(&arguments, "three");
    close(ends[1]);
    expect_next(&arguments, "last");
    CHECK_INT(arguments_next(&arguments, &argument), ==, -ENODATA);
    CHECK_INT(arguments_next(&arguments, &argument), ==, -ENODATA);
    arguments_finish(&arguments);
    close(ends[0]);
}

TEST(a_wait_for_arguments_ends_when_it_is_stopped)
{
    int ends[2], stop = eventfd(0, EFD_CLOEXEC);
    char *argument;
    struct arguments arguments;
    CHECK_INT(pipe(ends), ==, 0);
    CHECK_INT(arguments_start(&arguments, ends[0], '\n', stop), ==, 0);
    CHECK_INT(eventfd_write(stop, 1), ==, 0);
    CHECK_INT(arguments_next(&arguments, &argument), ==, -ECANCELED);
    arguments_finish(&arguments);
    close(ends[0]);
    close(ends[1]);
    close(stop);
}

/* A file with the text. */
static int file_of(const char *text, size_t length)
{
    FILE *file = tmpfile();
    CHECK(file);
    CHECK_INT(fwrite(text, 1, length, file), ==, length);
    CHECK_INT(fflush(file), ==, 0);
    int copy = dup(fileno(file));
    CHECK(copy >= 0);
    fclose(file);
    CHECK_INT(lseek(copy, 0, SEEK_SET), ==, 0);
    return copy;
}

TEST(an_argument_may_be_longer_than_a_piece)
{
    enum { LONG = 1 << 20 };
    static char text[LONG + 4];
    char *argument;
    struct arguments arguments;
    memset(text, 'x', LONG);
    memcpy(text + LONG, "\nend", 4);
    int file = file_of(text, sizeof text);
    CHECK_INT(arguments_start(&arguments, file, '\n', -1), ==, 0);
    CHECK_INT(arguments_next(&arguments, &argument), ==, 0);
    CHECK_INT(strspn(argument, "x"), ==, LONG);
    CHECK_INT(strlen(argument), ==, LONG);
    free(argument);
    expect_next(&arguments, "end");
    CHECK_INT(arguments_next(&arguments, &argument), ==, -ENODATA);
    arguments_finish(&arguments);
    close(file);
}

TEST(a_nul_in_a_line_is_an_error_and_separates_on_request)
{
    char *argument;
    struct arguments arguments;
    int file = file_of("a\nb\0c\n", 6);
    CHECK_INT(arguments_start(&arguments, file, '\n', -1), ==, 0);
    expect_next(&arguments, "a");
    CHECK_INT(arguments_next(&arguments, &argument), ==, -EILSEQ);
    CHECK_INT(arguments.number, ==, 2);
    arguments_finish(&arguments);
    CHECK_INT(lseek(file, 0, SEEK_SET), ==, 0);
    CHECK_INT(arguments_start(&arguments, file, '\0', -1), ==, 0);
    expect_next(&arguments, "a\nb");
    expect_next(&arguments, "c\n");
    arguments_finish(&arguments);
    close(file);
}

TEST(the_number_of_arguments_is_known_once_they_have_been_read)
{
    struct arguments arguments;
    uint64_t left = 0;
    int file = file_of("a\nb\nc", 5);
    CHECK_INT(arguments_start(&arguments, file, '\n', -1), ==, 0);
    while (!arguments_left(&arguments, &left))
        thrum_sleep(thrum_in(0.001));
    CHECK_INT(left, ==, 3);
    expect_next(&arguments, "a");
    CHECK(arguments_left(&arguments, &left));
    CHECK_INT(left, ==, 2);
    arguments_finish(&arguments);
    close(file);
}

TEST(what_was_meant_is_a_begin_or_two_mistakes_away)
{
    static const char *const words[] = {"retries", "retry-delay", "timeout",
                                        "tag",     "status",      "json"};
    static const struct {
        const char *word, *nearest;
    } rows[] = {
        {"tim", "timeout"},   {"retr", NULL},       {"tiemout", "timeout"}, {"jsno", "json"},
        {"jsxy", NULL},       {"st", "status"},     {"s", "status"},        {"tga", "tag"},
        {"xyz", NULL},        {"ta", "tag"},        {"retris", "retries"},  {"", NULL},
        {"statsu", "status"}, {"sttaus", "status"}, {"stotas", "status"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *got = nearest_word(rows[i].word, words, sizeof words / sizeof words[0]);
        if (got != rows[i].nearest &&
            (!got || !rows[i].nearest || strcmp(got, rows[i].nearest) != 0))
            test_fail(__FILE__, __LINE__, rows[i].word, "gives %s", got ? got : "nothing");
    }
}

TEST(sizes_have_units)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } sound[] = {
        {"1", 1}, {"2K", 2048}, {"3M", 3 << 20}, {"1G", 1 << 30}, {"2T", UINT64_C(2) << 40}};
    static const char *const unsound[] = {
        "", "0", "K", "-1", "1KB", "1k", "1.5G", "99999999999999999999", "99999999999E", " 1"};
    uint64_t bytes;
    for (size_t i = 0; i < sizeof sound / sizeof sound[0]; i++) {
        CHECK(admission_parse_size(sound[i].text, &bytes));
        CHECK_INT(bytes, ==, sound[i].bytes);
    }
    for (size_t i = 0; i < sizeof unsound / sizeof unsound[0]; i++)
        if (admission_parse_size(unsound[i], &bytes))
            test_fail(__FILE__, __LINE__, unsound[i], "is taken for a size");
}

static struct job *new_job(char *word, uint64_t number)
{
    char *words[] = {word};
    const struct run_options options = {.words = words, .word_count = 1};
    struct fields fields = {.items = calloc(2, sizeof(char *)), .count = 1};
    CHECK(fields.items);
    CHECK(fields.items[0] = strdup("a\tb\n\\"));
    struct job *job = job_new(&options, number, fields);
    CHECK(job);
    CHECK(strstr(job->command, " a\\tb\\n\\\\"));
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
    CHECK_INT(joblog_open(path, true, &log, &error), ==, 0);
    /* Two processes would mix their lines. */
    pid_t child = fork();
    if (child == 0)
        _exit(joblog_open(path, true, &log, &error) == -EBUSY ? 0 : 1);
    int status;
    CHECK_INT(waitpid(child, &status, 0), ==, child);
    CHECK_INT(status, ==, 0);
    joblog_close(log);
    CHECK_INT(joblog_open("/nonexistent/log", true, &log, &error), ==, -ENOENT);
    job_free(good);
    job_free(bad);
    job_free(late);
    job_free(other);
    unlink(path);
}

/* Writes the text to a file, opens it as a log, and gives the outcome and what the file holds then. */
static int open_log_with(const char *text, bool resume, char *ret_text, size_t size)
{
    char path[] = "/tmp/thrum-test-XXXXXX";
    int file = mkstemp(path);
    struct joblog *log;
    thrum_error error;
    CHECK(file >= 0);
    CHECK_INT(write(file, text, strlen(text)), ==, (ssize_t)strlen(text));
    int rc = joblog_open(path, resume, &log, &error);
    if (rc == 0)
        joblog_close(log);
    ssize_t length = pread(file, ret_text, size - 1, 0);
    CHECK(length >= 0);
    ret_text[length] = '\0';
    close(file);
    unlink(path);
    return rc;
}

TEST(a_file_that_is_no_log_is_left_alone)
{
    static const char *const others[] = {"my notes\nand more", "Seq\tHost\nx", "\n", "Seqence"};
    static const char head[] =
        "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n";
    char text[512], torn[512];
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        for (int resume = 0; resume < 2; resume++) {
            CHECK_INT(open_log_with(others[i], resume, text, sizeof text), ==, -EILSEQ);
            CHECK_STR(text, others[i]);
        }
    /* A log whose writer was killed: in the head, or in a line. */
    CHECK_INT(open_log_with("Seq\tHo", true, text, sizeof text), ==, 0);
    CHECK_STR(text, head);
    snprintf(torn, sizeof torn, "%s1\t:\t1.0\t1.0\t0\t0\t0\t0\ttrue\n2\t:", head);
    CHECK_INT(open_log_with(torn, true, text, sizeof text), ==, 0);
    torn[strlen(torn) - 3] = '\0';
    CHECK_STR(text, torn);
    CHECK_INT(open_log_with(torn, false, text, sizeof text), ==, 0);
    CHECK_STR(text, head);
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
    while (foreground <= 0 || foreground == process) {
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
        foreground = tcgetpgrp(terminal); /* nobody's at first */
    }
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
