/* `thrum fetch` against a server that does what servers should not do. */
#include "fetch_run.h"
#include "harness.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void each_has_its_error(const char *executor)
{
    static const char *const paths[] = {"reset",  "half",  "long",       "circle",    "headers",
                                        "header", "later", "status/404", "status/500"};
    begin();
    int file = make_list(20, "http://127.0.0.1:%d/ok/%d\n");
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        dprintf(file, "http://127.0.0.1:%d/%s\n", server.port, paths[i]);
    dprintf(file, "gopher://127.0.0.1/\nhttp://127.0.0.1:0/none\n# no URL\n\n");
    struct spawned ran =
        start("fetch --json --retries 1 --timeout 600s --per-host 40 --executor %s "
              "-o %s -i /proc/%d/fd/%d",
              executor, directory, getpid(), file);
    spawn_wait(&ran);
    CHECK_INT(ran.status, ==, 1);
    failed(ran.out, "/reset", 2, "reset");
    failed(ran.out, "/half", 2, "transfer closed with 96 bytes remaining");
    succeeded(ran.out, "/long", 1);
    failed(ran.out, "/circle", 1, "redirects");
    failed(ran.out, "/headers", 1, "headers of the answer are too long");
    failed(ran.out, "/header", 1, "");
    failed(ran.out, "/later", 1, "status 503 and wants to be asked again in 86400 seconds");
    failed(ran.out, "/status/404", 1, "status 404");
    failed(ran.out, "/status/500", 2, "status 500");
    failed(ran.out, "gopher://127.0.0.1/", 0, "neither http nor https");
    failed(ran.out, "/none", 2, "connect");
    for (int i = 0; i < 20; i++) {
        char path[16];
        snprintf(path, sizeof path, "/ok/%d", i);
        succeeded(ran.out, path, 1);
    }
    CHECK_INT(lines_in(ran.out), ==, 31);
    CHECK(strstr(ran.err, "21 fetched, 10 failed"));
    CHECK_INT(take_files(), ==, 21);
    close(file);
    spawn_free(&ran);
    ran =
        start("fetch --json --retries 1 --timeout 1s --executor %s -o %s http://127.0.0.1:%d/drip",
              executor, directory, server.port);
    spawn_wait(&ran);
    CHECK_INT(ran.status, ==, 1);
    failed(ran.out, "/drip", 2, "took longer than 1 seconds");
    CHECK_INT(take_files(), ==, 0);
    spawn_free(&ran);
    end();
}

TEST_DEADLINE(each_kind_of_failure_has_its_error_and_leaves_nothing, 60)
{
    each_has_its_error("fibers");
}

TEST_DEADLINE(threads_do_the_same, 60)
{
    each_has_its_error("threads");
}

TEST(what_may_pass_is_tried_again_and_not_before_the_server_wants)
{
    begin();
    struct spawned ran = start("fetch --json -o %s http://127.0.0.1:%d/flaky/a "
                               "http://127.0.0.1:%d/busy/b",
                               directory, server.port, server.port);
    spawn_wait(&ran);
    CHECK_INT(ran.status, ==, 0);
    succeeded(ran.out, "/flaky/a", 2);
    succeeded(ran.out, "/busy/b", 2);
    struct hostile_path busy = hostile_server_seen(&server, "/busy/b");
    CHECK_INT(busy.last - busy.first, >=, 1000000000);
    CHECK_INT(take_files(), ==, 2);
    spawn_free(&ran);
    end();
}

TEST(answers_are_printed_whole)
{
    begin();
    struct spawned ran = start("fetch -j 1 http://127.0.0.1:%d/ok/1 127.0.0.1:%d/status/404 "
                               "http://127.0.0.1:%d/ok/2",
                               server.port, server.port, server.port);
    spawn_wait(&ran);
    CHECK_INT(ran.status, ==, 1);
    CHECK_STR(ran.out, "/ok/1/ok/2");
    CHECK(strstr(ran.err, "/status/404: the server answers with status 404\n"));
    spawn_free(&ran);
    end();
}

TEST(a_large_answer_is_printed_whole_and_leaves_nothing)
{
    begin();
    struct spawned ran = start("fetch http://127.0.0.1:%d/big/1", server.port);
    spawn_wait(&ran);
    CHECK_INT(ran.status, ==, 0);
    CHECK_INT(lseek(ran.out_file, 0, SEEK_END), ==, HOSTILE_BIG);
    CHECK(spawn_left_nothing(&ran));
    spawn_free(&ran);
    end();
}

TEST(in_order_the_first_answer_is_printed_first)
{
    begin();
    struct spawned run =
        start("fetch --in-order http://127.0.0.1:%d/held/a http://127.0.0.1:%d/ok/b "
              "http://127.0.0.1:%d/big/c http://127.0.0.1:%d/status/404 "
              "http://127.0.0.1:%d/ok/d",
              server.port, server.port, server.port, server.port, server.port);
    while (hostile_server_requests(&server) < 5)
        thrum_yield();
    thrum_event_set(&server.gate);
    spawn_wait(&run);
    CHECK_INT(run.status, ==, 1);
    CHECK(strncmp(run.out, "/held/a/ok/bbig", 15) == 0);
    CHECK(strstr(run.err, "status 404"));
    CHECK(spawn_left_nothing(&run));
    spawn_free(&run);
    end();
}

TEST(in_order_a_stop_prints_what_has_come)
{
    begin();
    /* In the shortest time a busy machine may cut off more. */
    for (int seconds = 1, one = 0; !one; seconds *= 4) {
        struct spawned run =
            start("fetch --in-order --json -j 3 --deadline %ds http://127.0.0.1:%d/held/a "
                  "http://127.0.0.1:%d/ok/b http://127.0.0.1:%d/ok/c",
                  seconds, server.port, server.port, server.port);
        spawn_wait(&run);
        CHECK_INT(run.status, ==, 1);
        one = strstr(run.err, " 1 cut off") != NULL;
        if (one) {
            CHECK_INT(lines_in(run.out), ==, 2);
            CHECK(strstr(run.out, "/ok/b\"") < strstr(run.out, "/ok/c\""));
        }
        spawn_free(&run);
    }
    end();
}

TEST(a_file_that_is_known_to_be_long_has_a_bar_of_bytes)
{
    begin();
    /* A busy machine may not draw it in the shortest time. */
    for (int seconds = 1, drawn = 0; !drawn; seconds *= 4) {
        char line[160];
        snprintf(line, sizeof line,
                 "fetch --retries 0 --timeout %ds -o %s http://127.0.0.1:%d/drip", seconds,
                 directory, server.port);
        struct spawned run = spawn(line, true);
        spawn_wait(&run);
        drawn = strstr(run.err, "0% of 1.0 MB") && strstr(run.err, "B/s");
        spawn_free(&run);
    }
    end();
}

TEST(links_are_checked_without_a_page)
{
    begin();
    struct spawned ran = start("fetch -j 1 --check-only http://127.0.0.1:%d/ok/1 "
                               "http://127.0.0.1:%d/status/410",
                               server.port, server.port);
    char expected[128];
    spawn_wait(&ran);
    snprintf(expected, sizeof expected,
             "200 http://127.0.0.1:%d/ok/1\n410 http://127.0.0.1:%d/status/410\n", server.port,
             server.port);
    CHECK_INT(ran.status, ==, 1);
    CHECK_STR(ran.out, expected);
    spawn_free(&ran);
    end();
}

TEST(the_first_interrupt_lets_what_is_under_way_end)
{
    begin();
    int file = make_list(10, "http://127.0.0.1:%d/held/%d\n");
    struct spawned ran =
        start("fetch --json -j 4 -o %s -i /proc/%d/fd/%d http://127.0.0.1:%d/status/404", directory,
              getpid(), file, server.port);
    while (hostile_server_held(&server) < 4)
        thrum_yield();
    CHECK_INT(kill(ran.pid, SIGINT), ==, 0);
    CHECK(spawn_said(ran.err_file, "SIGINT: no further request begins"));
    thrum_event_set(&server.gate);
    spawn_wait(&ran);
    CHECK_INT(ran.status, ==, 128 + SIGINT);
    CHECK(strstr(ran.err, "interrupted by SIGINT: 4 fetched, 1 failed"));
    CHECK_INT(lines_in(ran.out), ==, 5);
    CHECK_INT(take_files(), ==, 4);
    close(file);
    spawn_free(&ran);
    end();
}

TEST(the_second_interrupt_ends_at_once)
{
    begin();
    struct spawned ran = start("fetch -o %s http://127.0.0.1:%d/held/1", directory, server.port);
    while (hostile_server_held(&server) < 1)
        thrum_yield();
    CHECK_INT(kill(ran.pid, SIGTERM), ==, 0);
    CHECK(spawn_said(ran.err_file, "SIGTERM: no further request begins"));
    CHECK_INT(kill(ran.pid, SIGTERM), ==, 0);
    spawn_wait(&ran);
    CHECK_INT(ran.status, ==, 128 + SIGTERM);
    CHECK_INT(take_files(), ==, 0);
    spawn_free(&ran);
    end();
}

TEST(a_pause_ends_with_the_first_interrupt)
{
    begin();
    struct spawned ran =
        start("fetch --json --retries 900 http://127.0.0.1:%d/status/500", server.port);
    while (hostile_server_requests(&server) < 2)
        thrum_yield();
    CHECK_INT(kill(ran.pid, SIGINT), ==, 0);
    spawn_wait(&ran);
    CHECK_INT(ran.status, ==, 128 + SIGINT);
    CHECK_STR(ran.out, "");
    CHECK(strstr(ran.err, "0 fetched, 0 failed, 1 cut off"));
    spawn_free(&ran);
    end();
}

TEST(a_deadline_cuts_off_what_is_under_way)
{
    begin();
    /* In the shortest time a busy machine may fetch none. */
    for (int seconds = 1, fetched = 0; !fetched; seconds *= 4) {
        struct spawned ran =
            start("fetch --json --deadline %ds -j 1 -o %s http://127.0.0.1:%d/ok/1 "
                  "http://127.0.0.1:%d/drip http://127.0.0.1:%d/ok/2",
                  seconds, directory, server.port, server.port, server.port);
        spawn_wait(&ran);
        CHECK_INT(ran.status, ==, 1);
        fetched =
            strstr(ran.err, "the deadline has passed: 1 fetched, 0 failed, 1 cut off") != NULL;
        if (fetched)
            succeeded(ran.out, "/ok/1", 1);
        CHECK_INT(lines_in(ran.out), ==, fetched);
        CHECK_INT(take_files(), ==, fetched);
        spawn_free(&ran);
    }
    end();
}

TEST(a_rate_is_not_exceeded)
{
    begin();
    thrum_time begun = thrum_now(), last = 0;
    struct spawned ran = start("fetch --json --rate 5/s http://127.0.0.1:%d/ok/1 "
                               "http://127.0.0.1:%d/ok/2 http://127.0.0.1:%d/ok/3",
                               server.port, server.port, server.port);
    spawn_wait(&ran);
    CHECK_INT(ran.status, ==, 0);
    for (int i = 1; i <= 3; i++) {
        char path[16];
        snprintf(path, sizeof path, "/ok/%d", i);
        thrum_time moment = hostile_server_seen(&server, path).first;
        last = moment > last ? moment : last;
    }
    CHECK_INT(last - begun, >=, 400000000); /* much longer than the command takes otherwise */
    spawn_free(&ran);
    end();
}

/* Threads of a process; 0 if it is gone. */
static int threads_of(pid_t pid)
{
    char path[64];
    int count = 0;
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    DIR *tasks = opendir(path);
    struct dirent *entry;
    while (tasks && (entry = readdir(tasks)))
        count += entry->d_name[0] != '.';
    if (tasks)
        closedir(tasks);
    return count;
}

TEST_DEADLINE(names_that_do_not_resolve_do_not_start_a_thread_each, 60)
{
    begin();
    int file = make_list(300, "http://name%2$d.example:%1$d/\n");
    CHECK(getenv("SLOW_NAMES"));
    CHECK_INT(setenv("THRUM_COMMAND", getenv("SLOW_NAMES"), 1), ==, 0);
    struct spawned ran = start("fetch --json -j 300 -i /proc/%d/fd/%d", getpid(), file);
    int most = 0;
    for (char last[2] = ""; pread(ran.err_file, last, 1, 0) == 0;) {
        int count = threads_of(ran.pid);
        most = count > most ? count : most;
    }
    spawn_wait(&ran);
    CHECK_INT(ran.status, ==, 1);
    CHECK_INT(lines_in(ran.out), ==, 300);
    CHECK_INT(most, >, 1);
    CHECK_INT(most, <, 200);
    close(file);
    spawn_free(&ran);
    end();
}
