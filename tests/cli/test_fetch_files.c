/* `thrum fetch`: what becomes of files, and how one run goes on from another. */
#include "fetch_run.h"
#include "harness.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

TEST(of_two_urls_with_one_name_the_second_fails_and_is_told_what_to_do)
{
    begin();
    struct spawned ran =
        start("fetch -j 1 -o %s http://127.0.0.1:%d/ok/a http://127.0.0.1:%d/ok/b/a", directory,
              server.port, server.port);
    spawn_wait(&ran);
    CHECK_INT(ran.status, ==, 1);
    CHECK(strstr(ran.err, "/ok/b/a: "));
    CHECK(strstr(ran.err, "is there already; remove it, or if another URL has the same name"));
    CHECK_INT(take_files(), ==, 1);
    spawn_free(&ran);
    int file = make_list(1, "http://127.0.0.1:%d/ok/a\tfirst\n");
    dprintf(file, "http://127.0.0.1:%d/ok/b/a \t second\nhttp://127.0.0.1:%d/ok/c\t../evil\n",
            server.port, server.port);
    ran = start("fetch --json -o %s -i /proc/%d/fd/%d", directory, getpid(), file);
    spawn_wait(&ran);
    CHECK_INT(ran.status, ==, 1);
    succeeded(ran.out, "/ok/b/a", 1);
    failed(ran.out, "/ok/c", 0, "none of a file in the directory");
    CHECK_INT(take_files(), ==, 2);
    close(file);
    spawn_free(&ran);
    end();
}

TEST(at_one_time_two_urls_with_one_name_do_not_mix)
{
    begin();
    struct spawned ran =
        start("fetch --json -o %s http://127.0.0.1:%d/held/a http://127.0.0.1:%d/held/b/a",
              directory, server.port, server.port);
    while (hostile_server_held(&server) < 2)
        thrum_yield();
    thrum_event_set(&server.gate);
    spawn_wait(&ran);
    CHECK_INT(ran.status, ==, 1);
    CHECK_INT(lines_in(ran.out), ==, 2);
    CHECK(strstr(ran.err, "1 fetched, 1 failed"));
    CHECK_INT(take_files(), ==, 1);
    spawn_free(&ran);
    end();
}

TEST(what_a_killed_run_has_left_is_taken_over)
{
    begin();
    char path[128], text[16] = "";
    snprintf(path, sizeof path, "%s/a.part", directory);
    int left = open(path, O_WRONLY | O_CREAT | O_EXCL, 0666);
    CHECK_INT(dprintf(left, "longer than what comes now"), >, 0);
    close(left);
    struct spawned ran = start("fetch -o %s http://127.0.0.1:%d/ok/a", directory, server.port);
    spawn_wait(&ran);
    CHECK_INT(ran.status, ==, 0);
    snprintf(path, sizeof path, "%s/a", directory);
    int file = open(path, O_RDONLY);
    CHECK_INT(read(file, text, sizeof text - 1), ==, 5);
    CHECK_STR(text, "/ok/a");
    close(file);
    CHECK_INT(take_files(), ==, 1);
    spawn_free(&ran);
    end();
}

TEST(what_cannot_be_written_is_an_error_not_a_file)
{
    begin();
    char path[128];
    snprintf(path, sizeof path, "%s/a.part", directory);
    CHECK_INT(mkdir(path, 0777), ==, 0);
    struct spawned ran =
        start("fetch --json -o %s http://127.0.0.1:%d/ok/a http://127.0.0.1:%d/ok/b", directory,
              server.port, server.port);
    spawn_wait(&ran);
    CHECK_INT(rmdir(path), ==, 0);
    CHECK_INT(ran.status, ==, 1);
    failed(ran.out, "/ok/a", 1, "cannot make");
    succeeded(ran.out, "/ok/b", 1);
    CHECK_INT(take_files(), ==, 1);
    spawn_free(&ran);
    ran = start("fetch -o /dev/null/none http://127.0.0.1:%d/ok/a", server.port);
    spawn_wait(&ran);
    CHECK_INT(ran.status, ==, 1);
    CHECK(strstr(ran.err, "cannot make the directory /dev/null/none"));
    spawn_free(&ran);
    end();
}

TEST_DEADLINE(a_run_that_was_killed_goes_on_where_it_was, 60)
{
    begin();
    int file = make_list(40, "http://127.0.0.1:%d/ok/%d\n");
    CHECK_INT(dprintf(file, "http://127.0.0.1:%d/status/404\n", server.port), >, 0);
    for (int i = 0; i < 40; i++)
        CHECK_INT(dprintf(file, "http://127.0.0.1:%d/held/h%d\n", server.port, i), >, 0);
    struct spawned ran = start("fetch --json -j 20 --per-host 20 -o %s -i /proc/%d/fd/%d",
                               directory, getpid(), file);
    while (hostile_server_held(&server) < 20)
        thrum_yield();
    CHECK_INT(kill(ran.pid, SIGKILL), ==, 0);
    spawn_wait(&ran);
    CHECK_INT(ran.status, ==, 128 + SIGKILL);
    /* What may be left besides: a file that has its name but no line, and a part of a line. */
    char path[128];
    snprintf(path, sizeof path, "%s/h7", directory);
    int left = open(path, O_WRONLY | O_CREAT | O_EXCL, 0666);
    CHECK(left >= 0);
    CHECK_INT(dprintf(left, "of the run that was killed"), >, 0);
    close(left);
    int log = memfd_create("log", 0);
    CHECK_INT(dprintf(log, "%s{\"url\": \"http://127", ran.out), >, 0);
    int done = lines_in(ran.out), before = hostile_server_requests(&server);
    CHECK_INT(done, >=, 40);
    spawn_free(&ran);
    thrum_event_set(&server.gate);
    ran = start("fetch --json --resume /proc/%d/fd/%d -o %s -i /proc/%d/fd/%d", getpid(), log,
                directory, getpid(), file);
    spawn_wait(&ran);
    CHECK_INT(ran.status, ==, 1); /* one had failed */
    CHECK_INT(lines_in(ran.out), ==, 81 - done);
    CHECK_INT(hostile_server_requests(&server) - before, ==, 81 - done);
    CHECK(strstr(ran.err, "lines that are none of a log were passed over: 1"));
    for (int i = 0; i < 40; i++) {
        snprintf(path, sizeof path, "/held/h%d", i);
        succeeded(ran.out, path, 1);
    }
    CHECK_INT(take_files(), ==, 80);
    close(log);
    close(file);
    spawn_free(&ran);
    end();
}

TEST(what_failed_is_fetched_once_more)
{
    begin();
    struct spawned ran = start("fetch --json --retries 0 -o %s http://127.0.0.1:%d/ok/a "
                               "http://127.0.0.1:%d/flaky/b http://127.0.0.1:%d/status/404",
                               directory, server.port, server.port, server.port);
    spawn_wait(&ran);
    CHECK_INT(ran.status, ==, 1);
    failed(ran.out, "/flaky/b", 1, "reset");
    int log = memfd_create("log", 0);
    CHECK_INT(dprintf(log, "%s", ran.out), >, 0);
    spawn_free(&ran);
    ran = start("fetch --json -o %s --retry-failed /proc/%d/fd/%d", directory, getpid(), log);
    spawn_wait(&ran);
    CHECK_INT(ran.status, ==, 1);
    CHECK_INT(lines_in(ran.out), ==, 2);
    succeeded(ran.out, "/flaky/b", 1);
    failed(ran.out, "/status/404", 1, "404");
    CHECK_INT(take_files(), ==, 2);
    close(log);
    spawn_free(&ran);
    end();
}
