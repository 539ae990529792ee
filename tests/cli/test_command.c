/* The command `thrum` from outside: what it prints, how it ends, what it leaves behind. Times are
 * only held against their bounds from below, as no load on the machine makes a wait shorter. */
#include "harness.h"
#include "spawn.h"
#include "support_sanitizer.h"

#include <arpa/inet.h>
#include <jansson.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs and expects a status, and a text on stdout or stderr. */
static void expect(const char *line, int status, const char *out, const char *err)
{
    struct spawned run = spawn_run(line);
    if (run.status != status || (out && !strstr(run.out, out)) || (err && !strstr(run.err, err)))
        test_fail(__FILE__, __LINE__, line, "gave status %d and\n%s%s", run.status, run.out,
                  run.err);
    CHECK(spawn_left_nothing(&run));
    spawn_free(&run);
}

TEST(help_and_version_go_to_stdout)
{
    expect("--help", 0, "Usage: thrum COMMAND", NULL);
    expect("--help", 0, "\n\nRuns commands, fetches URLs and hashes files", NULL);
    expect("--version", 0, "thrum 0.", NULL);
    expect("demo --help", 0, "Usage: thrum demo", NULL);
    expect("demo --help", 0, "--postgres URL", NULL);
    expect("demo --version", 0, "thrum 0.", NULL);
}

TEST(what_is_wrong_in_the_command_line_is_said_with_status_2)
{
    expect("", 2, NULL, "thrum --help");
    expect("dance", 2, NULL, "unknown command dance");
    expect("bench --quick", 2, NULL, "--quick is an option of 'thrum demo'");
    expect("deom", 2, NULL, "unknown command deom; did you mean demo?");
    expect("--dance", 2, NULL, "unknown option --dance");
    expect("demo --worker-count 3", 2, NULL, "--worker-count");
    expect("demo --onyl cpu", 2, NULL, "did you mean --only?");
    expect("demo --onyl cpu", 2, NULL, "Try 'thrum demo --help'.");
    expect("demo --workers none", 2, NULL, "--workers takes a number");
    expect("demo --only disk", 2, NULL, "story, http, file, cpu, db, mixed");
}

TEST(what_cannot_be_reached_is_said_with_status_1)
{
    /* A port that was just free: nobody listens there. */
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char line[160];
    CHECK(listener >= 0);
    CHECK_INT(bind(listener, (struct sockaddr *)&address, size), ==, 0);
    CHECK_INT(getsockname(listener, (struct sockaddr *)&address, &size), ==, 0);
    close(listener);
    int port = ntohs(address.sin_port);
    snprintf(line, sizeof line, "demo --quick --only http --url http://127.0.0.1:%d/", port);
    expect(line, 1, NULL, "--url: cannot fetch");
    snprintf(line, sizeof line,
             "demo --quick --only db --postgres postgresql://nobody@127.0.0.1:%d/none", port);
    expect(line, 1, NULL, "--postgres: connection to server at");
    expect("demo --quick --only file --json /nonexistent/out.json", 1, NULL,
           "--json: cannot write /nonexistent/out.json");
}

/* The cells of the only row of a report. */
static json_t *only_row(json_t *report, const char *name)
{
    json_t *rows = json_object_get(report, "rows");
    CHECK_INT(json_array_size(rows), ==, 1);
    json_t *row = json_array_get(rows, 0);
    CHECK_STR(json_string_value(json_object_get(row, "row")), name);
    json_t *cells = json_object_get(row, "cells");
    CHECK(json_array_size(cells) >= 3);
    return cells;
}

static double real_of(json_t *object, const char *name)
{
    json_t *value = json_object_get(object, name);
    if (!json_is_real(value))
        test_fail(__FILE__, __LINE__, name, "is not a number");
    return json_real_value(value);
}

static json_t *run_json(const char *line)
{
    struct spawned run = spawn_run(line);
    json_error_t error;
    if (run.status != 0)
        test_fail(__FILE__, __LINE__, line, "gave status %d and\n%s%s", run.status, run.out,
                  run.err);
    json_t *report = json_loads(run.out, 0, &error);
    if (!report)
        test_fail(__FILE__, __LINE__, line, "gave no JSON: %s\n%s", error.text, run.out);
    CHECK(spawn_left_nothing(&run));
    spawn_free(&run);
    return report;
}

TEST(the_story_as_json_holds_sane_figures)
{
    json_t *report = run_json("demo --quick --only story --json -");
    json_t *cells = only_row(report, "story"), *cell;
    double sequential = 0;
    size_t i;
    json_array_foreach(cells, i, cell)
    {
        double seconds = real_of(cell, "seconds");
        CHECK_STR(json_string_value(json_object_get(cell, "status")), "done");
        CHECK_INT(json_integer_value(json_object_get(cell, "tasks_done")), ==, 50);
        CHECK(real_of(cell, "ratio") >= 0.99);
        bool slow_start = /* four processes with a sanitizer in each take as long as the row */
            SANITIZED && !strcmp(json_string_value(json_object_get(cell, "executor")), "processes");
        if (i == 0)
            sequential = seconds;
        else if (!slow_start)
            CHECK(seconds < sequential); /* by far, but how far is up to the machine */
    }
    cell = json_array_get(cells, 0);
    CHECK(real_of(cell, "bound_seconds") == 1.0);
    CHECK_STR(json_string_value(json_object_get(cell, "column")), "sequential");
    CHECK_STR(json_string_value(json_object_get(json_array_get(cells, 1), "column")), "threads(4)");
    CHECK_INT(json_integer_value(json_object_get(json_array_get(cells, 2), "workers")), ==, 50);
    CHECK_STR(json_string_value(json_object_get(json_array_get(cells, 3), "column")), "fibers(4)");
    CHECK_STR(json_string_value(json_object_get(json_array_get(cells, 4), "executor")), "fibers");
    CHECK_INT(json_integer_value(json_object_get(json_array_get(cells, 4), "workers")), ==, 50);
    json_decref(report);
}

TEST_DEADLINE(every_kind_of_work_succeeds, 60)
{
    static const char *const rows[] = {"file", "db", "cpu"};
    for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
        char line[100];
        snprintf(line, sizeof line, "demo --quick --only %s --workers 8 --json -", rows[r]);
        json_t *report = run_json(line), *cells = only_row(report, rows[r]), *cell;
        size_t i;
        json_array_foreach(cells, i, cell)
        {
            CHECK_STR(json_string_value(json_object_get(cell, "status")), "done");
            if (strcmp(rows[r], "cpu") != 0) /* whose bound is made of a measurement */
                CHECK(real_of(cell, "ratio") >= 0.99);
        }
        json_decref(report);
    }
}

TEST(repeats_are_listed_as_samples)
{
    json_t *report = run_json("demo --quick --only file --repeat 3 --json -");
    json_t *cells = only_row(report, "file");
    CHECK_INT(json_array_size(json_object_get(json_array_get(cells, 1), "samples")), ==, 3);
    json_decref(report);
}

TEST(csv_has_a_line_for_each_cell)
{
    struct spawned run = spawn_run("demo --quick --only file --csv -");
    static const char head[] =
        "row,column,executor,workers,status,tasks,tasks_done,tasks_failed,seconds,bound_seconds,"
        "ratio,guide_seconds,others_share,error\n";
    CHECK_INT(run.status, ==, 0);
    CHECK_INT(strncmp(run.out, head, strlen(head)), ==, 0);
    int lines = 0, commas = 0;
    for (const char *at = run.out; *at; at++) {
        lines += *at == '\n';
        commas += *at == ',';
    }
    CHECK_INT(lines, ==, 7);
    CHECK_INT(commas, ==, 7 * 13);
    CHECK(strstr(run.out, "\nfile,sequential,inline,1,done,100,100,0,"));
    CHECK(strstr(run.out, "\nfile,threads(4),threads,4,done,100,100,0,"));
    CHECK(strstr(run.out, "\nfile,fibers(best),fibers,100,done,100,100,0,"));
    spawn_free(&run);
}

TEST(piped_output_has_no_escapes)
{
    struct spawned run = spawn_run("demo --quick --only file");
    CHECK_INT(run.status, ==, 0);
    CHECK(!strpbrk(run.out, "\r\x1b"));
    CHECK(!strpbrk(run.err, "\r\x1b"));
    CHECK(strstr(run.out, "100 file reads, 1 ms"));
    CHECK(strstr(run.out, "ratio"));
    for (const char *line = run.out; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        CHECK(strcspn(line, "\n") <= 80);
    }
    CHECK(strstr(run.err, "file, threads(4): 100 of 100 tasks in"));
    for (const char *line = run.out; *line;) {
        size_t length = strcspn(line, "\n");
        CHECK_INT(length, <=, 100);
        line += length + (line[length] == '\n');
    }
    spawn_free(&run);
}

TEST(a_terminal_gets_a_bar_that_is_removed)
{
    struct spawned run = spawn("demo --quick --only story", true);
    spawn_wait(&run);
    CHECK_INT(run.status, ==, 0);
    CHECK(strstr(run.err, "story  sequential"));
    CHECK(strstr(run.err, "/50"));
    CHECK(strstr(run.err, "#"));
    size_t length = strlen(run.err);
    CHECK(length >= 4 && strcmp(run.err + length - 4, "\r\x1b[K") == 0);
    CHECK(!strpbrk(run.out, "\r\x1b"));
    spawn_free(&run);
    setenv("NO_COLOR", "1", 1);
    run = spawn("demo --only file", true); /* takes a second where it waits in turn */
    spawn_wait(&run);
    CHECK(strstr(run.err, "/100"));
    CHECK(!strstr(run.err, "m[") && !strstr(run.err, "\x1b[32m"));
    spawn_free(&run);
}

/* How many sockets a process has open. */
static int sockets_of(pid_t process)
{
    char path[64], target[64];
    int count = 0;
    for (int number = 0; number < 256; number++) {
        snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)process, number);
        ssize_t length = readlink(path, target, sizeof target);
        count += length > 7 && memcmp(target, "socket:", 7) == 0;
    }
    return count;
}

/* Starts a run, sends the signal once it has printed the text, and gives its end. Without a text: once it has
 * connected to its server, which it does right before the first cell. */
static struct spawned interrupted(const char *line, const char *text, int signal, pid_t *ret_server)
{
    struct spawned run = spawn(line, false);
    *ret_server = spawn_child_of(run.pid);
    CHECK(*ret_server > 0);
    if (text)
        CHECK(spawn_said(run.err_file, text));
    else
        while (sockets_of(*ret_server) < 2)
            sched_yield();
    CHECK_INT(kill(run.pid, signal), ==, 0);
    spawn_wait(&run);
    return run;
}

TEST(ctrl_c_prints_what_is_known_and_leaves_nothing)
{
    pid_t server;
    struct spawned run = interrupted("demo --only story,file", NULL, SIGINT, &server);
    CHECK_INT(run.status, ==, 130);
    CHECK(strstr(run.out, "50 API calls, 200 ms"));
    CHECK(strstr(run.out, "interrupted"));
    CHECK(strstr(run.out, "Interrupted by SIGINT"));
    CHECK(strstr(run.out, "not run"));
    CHECK(!strstr(run.out, "file reads"));
    CHECK(spawn_gone(server));
    CHECK(spawn_left_nothing(&run));
    spawn_free(&run);
}

TEST(sigterm_keeps_finished_cells)
{
    pid_t server;
    struct spawned run = interrupted("demo --quick --workers 2 --only story,http --json -",
                                     "http, sequential", SIGTERM, &server);
    json_error_t error;
    CHECK_INT(run.status, ==, 143);
    json_t *report = json_loads(run.out, 0, &error);
    CHECK(report);
    CHECK_STR(json_string_value(json_object_get(report, "interrupted_by")), "SIGTERM");
    json_t *rows = json_object_get(report, "rows");
    CHECK_INT(json_array_size(rows), ==, 2);
    json_t *cells = json_object_get(json_array_get(rows, 1), "cells");
    CHECK_STR(json_string_value(json_object_get(json_array_get(cells, 0), "status")), "done");
    CHECK(real_of(json_array_get(cells, 0), "ratio") >= 0.99);
    /* The signal may come before the next cell has begun. */
    const char *next = json_string_value(json_object_get(json_array_get(cells, 1), "status"));
    CHECK(strcmp(next, "interrupted") == 0 || strcmp(next, "not run") == 0);
    CHECK(json_is_null(json_object_get(json_array_get(cells, 1), "seconds")));
    CHECK_STR(json_string_value(json_object_get(json_array_get(cells, 2), "status")), "not run");
    json_decref(report);
    CHECK(spawn_gone(server));
    CHECK(spawn_left_nothing(&run));
    spawn_free(&run);
}

TEST(a_second_ctrl_c_ends_at_once)
{
    struct spawned run = spawn("demo --only cpu,http", false);
    pid_t server = spawn_child_of(run.pid);
    CHECK(server > 0);
    CHECK(spawn_said(run.out_file, "sequential"));
    kill(run.pid, SIGINT);
    kill(run.pid, SIGTERM);
    spawn_wait(&run);
    CHECK(run.status == 130 || run.status == 143);
    CHECK(spawn_gone(server));
    CHECK(spawn_left_nothing(&run));
    spawn_free(&run);
}

TEST(a_killed_parent_leaves_no_server)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1); /* the orphan is to come to us */
    struct spawned run = spawn("demo --only story", false);
    pid_t server = spawn_child_of(run.pid);
    CHECK(server > 0);
    CHECK_INT(kill(run.pid, SIGKILL), ==, 0);
    spawn_wait(&run);
    CHECK_INT(run.status, ==, 128 + SIGKILL);
    CHECK_INT(waitpid(server, NULL, 0), ==, server);
    spawn_free(&run);
}

TEST(a_server_that_dies_fails_the_row)
{
    struct spawned run = spawn("demo --quick --only story", false);
    pid_t server = spawn_child_of(run.pid);
    CHECK(server > 0);
    CHECK(spawn_said(run.out_file, "sequential"));
    CHECK_INT(kill(server, SIGKILL), ==, 0);
    spawn_wait(&run);
    CHECK_INT(run.status, ==, 1);
    CHECK(strstr(run.out, "story, sequential: failed after"));
    CHECK(strstr(run.out, "cannot fetch http://127.0.0.1:"));
    CHECK(spawn_left_nothing(&run));
    spawn_free(&run);
}
