/* `thrum fetch`: what becomes of files, and how one run goes on from another. */
#include "fetch_run.h"
#include "harness.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define OK_A_SHA256 "2e96c1d54f9c76ab43fe10991df53ec82350d677bcc3cacf6617915094630251"

TEST(of_two_urls_with_one_name_the_second_fails_and_is_told_what_to_do)
{
    begin();
    struct spawned ran =
        start("fetch -j 1 -o %s http://127.0.0.1:%d/ok/a http://127.0.0.1:%d/ok/b/a", directory,
              server.port, server.port);
    spawn_wait(&ran);
    CHECK_INT(ran.status, ==, 1);
    CHECK(strstr(ran.err, "/ok/b/a: "));
    CHECK(strstr(ran.err, "a is the file of http://127.0.0.1:"));
    CHECK(strstr(ran.err, "give this URL another name in the list, or use --tree"));
    CHECK_INT(take_files(), ==, 1);
    spawn_free(&ran);
    int file = make_list(1, "http://127.0.0.1:%d/ok/a\tfirst\n");
    dprintf(file, "http://127.0.0.1:%d/ok/b/a \t second\nhttp://127.0.0.1:%d/ok/c\t../evil\n",
            server.port, server.port);
    ran = start("fetch --json -o %s -i /proc/%d/fd/%d", directory, getpid(), file);
    spawn_wait(&ran);
    CHECK_INT(ran.status, ==, 1);
    succeeded(ran.out, "/ok/b/a", 1);
    failed(ran.out, "/ok/c", 0, "not one of a file in the directory");
    CHECK_INT(take_files(), ==, 2);
    close(file);
    spawn_free(&ran);
    end();
}

TEST(two_runs_with_one_name_do_not_mix)
{
    begin();
    struct spawned one = start("fetch -o %s http://127.0.0.1:%d/held/a", directory, server.port);
    struct spawned two = start("fetch -o %s http://127.0.0.1:%d/held/b/a", directory, server.port);
    while (hostile_server_held(&server) < 2)
        thrum_yield();
    thrum_event_set(&server.gate);
    spawn_wait(&one);
    spawn_wait(&two);
    CHECK_INT(one.status + two.status, ==, 1);
    CHECK(strstr(one.status ? one.err : two.err, "a exists already; remove it or give this URL"));
    CHECK_STR(text_in("a"), one.status ? "/held/b/a" : "/held/a");
    CHECK_INT(take_files(), ==, 1);
    spawn_free(&one);
    spawn_free(&two);
    end();
}

TEST(no_file_of_another_is_touched)
{
    begin();
    put_file("x.part", "mine");
    put_file("y.part", "mine");
    put_file("z", "mine");
    CHECK_INT(symlink("elsewhere", path_in("link")), ==, 0);
    struct spawned ran =
        start("fetch -j 1 -o %s http://127.0.0.1:%d/ok/x.part "
              "http://127.0.0.1:%d/ok/x http://127.0.0.1:%d/ok/y "
              "http://127.0.0.1:%d/ok/z http://127.0.0.1:%d/ok/link",
              directory, server.port, server.port, server.port, server.port, server.port);
    spawn_wait(&ran);
    CHECK_INT(ran.status, ==, 1);
    CHECK(strstr(ran.err, "2 fetched, 3 failed"));
    CHECK_STR(text_in("x.part"), "mine");
    CHECK_STR(text_in("y.part"), "mine");
    CHECK_STR(text_in("z"), "mine");
    CHECK_STR(text_in("x"), "/ok/x");
    CHECK_INT(access(path_in("elsewhere"), F_OK), ==, -1);
    CHECK_INT(take_files(), ==, 6);
    spawn_free(&ran);
    end();
}

TEST(what_cannot_be_written_is_an_error_not_a_file)
{
    begin();
    struct spawned ran = start("fetch -o /dev/null/none http://127.0.0.1:%d/ok/a", server.port);
    spawn_wait(&ran);
    CHECK_INT(ran.status, ==, 1);
    CHECK(strstr(ran.err, "cannot make the directory /dev/null/none"));
    spawn_free(&ran);
    ran = start("fetch -o %s/a/b/c http://127.0.0.1:%d/ok/a", directory, server.port);
    spawn_wait(&ran);
    CHECK_INT(ran.status, ==, 0);
    CHECK_STR(text_in("a/b/c/a"), "/ok/a");
    CHECK_INT(unlink(path_in("a/b/c/a")), ==, 0);
    CHECK_INT(rmdir(path_in("a/b/c")) + rmdir(path_in("a/b")) + rmdir(path_in("a")), ==, 0);
    spawn_free(&ran);
    end();
}

/* Fetches a file that is cut off and leaves its part. */
static void leave_part(const char *kind, const char *name)
{
    struct spawned ran = start("fetch --retries 0 -o %s http://127.0.0.1:%d/part/%s/%s", directory,
                               server.port, kind, name);
    spawn_wait(&ran);
    CHECK_INT(ran.status, ==, 1);
    spawn_free(&ran);
}

/* The name of the part. */
static void find_part(char ret_name[256])
{
    DIR *entries = opendir(directory);
    ret_name[0] = '\0';
    for (struct dirent *entry; (entry = readdir(entries));)
        if (strncmp(entry->d_name, ".thrum-", 7) == 0)
            snprintf(ret_name, 256, "%s", entry->d_name);
    closedir(entries);
}

TEST(a_run_goes_on_with_the_part_of_another)
{
    begin();
    leave_part("plain", "a");
    CHECK_INT(hidden_files(), ==, 1);
    CHECK_INT(access(path_in("a"), F_OK), ==, -1);
    struct spawned ran =
        start("fetch --json -o %s http://127.0.0.1:%d/part/plain/a", directory, server.port);
    spawn_wait(&ran);
    CHECK_INT(ran.status, ==, 0);
    succeeded(ran.out, "/part/plain/a", 1);
    CHECK(is_the_part("a"));
    CHECK_INT(take_files(), ==, 1);
    spawn_free(&ran);
    end();
}

TEST(another_attempt_goes_on_where_the_last_one_ended)
{
    begin();
    char received[32];
    struct spawned ran =
        start("fetch --progress -o %s http://127.0.0.1:%d/part/plain/a", directory, server.port);
    spawn_wait(&ran);
    CHECK_INT(ran.status, ==, 0);
    CHECK(is_the_part("a"));
    snprintf(received, sizeof received, " %d bytes", HOSTILE_BIG);
    CHECK(strstr(ran.err, received)); /* each of them once */
    CHECK_INT(take_files(), ==, 1);
    spawn_free(&ran);
    end();
}

TEST(a_part_of_another_version_is_not_gone_on_with)
{
    static const char *const kinds[] = {"changes", "norange"};
    begin();
    for (int i = 0; i < 2; i++) {
        leave_part(kinds[i], "a");
        CHECK_INT(hidden_files(), ==, 1);
        struct spawned ran =
            start("fetch -o %s http://127.0.0.1:%d/part/%s/a", directory, server.port, kinds[i]);
        spawn_wait(&ran);
        CHECK_INT(ran.status, ==, 0);
        CHECK(is_the_part("a"));
        CHECK_INT(take_files(), ==, 1);
        spawn_free(&ran);
    }
    leave_part("weak", "a");
    CHECK_INT(take_files(), ==, 0); /* it says no version, so nothing is kept */
    leave_part("shifted", "a");
    struct spawned ran =
        start("fetch -o %s http://127.0.0.1:%d/part/shifted/a", directory, server.port);
    spawn_wait(&ran);
    CHECK_INT(ran.status, ==, 1);
    CHECK(strstr(ran.err, "the server sends a part that was not asked for"));
    CHECK_INT(access(path_in("a"), F_OK), ==, -1);
    spawn_free(&ran);
    CHECK_INT(hidden_files(), ==, 1);
    DIR *entries = opendir(directory);
    for (struct dirent *entry; entries && (entry = readdir(entries));)
        if (strncmp(entry->d_name, ".thrum-", 7) == 0)
            CHECK_INT(unlink(path_in(entry->d_name)), ==, 0);
    closedir(entries);
    end();
}

TEST(a_file_with_the_name_of_a_part_but_without_its_mark_stays)
{
    begin();
    leave_part("plain", "a");
    char name[256];
    find_part(name);
    CHECK_INT(unlink(path_in(name)), ==, 0);
    put_file(name, "mine");
    struct spawned ran =
        start("fetch -o %s http://127.0.0.1:%d/part/plain/a", directory, server.port);
    spawn_wait(&ran);
    CHECK_INT(ran.status, ==, 0);
    CHECK(is_the_part("a"));
    CHECK_STR(text_in(name), "mine");
    CHECK_INT(unlink(path_in(name)), ==, 0);
    CHECK_INT(take_files(), ==, 1);
    spawn_free(&ran);
    end();
}

/* A log of nothing. */
static int empty_log(void)
{
    int log = memfd_create("log", 0);
    CHECK(log >= 0);
    return log;
}

/* As if two URLs had one hash. */
TEST(a_part_of_another_url_stays)
{
    begin();
    char name[256], aside[300];
    leave_part("plain", "b");
    find_part(name);
    snprintf(aside, sizeof aside, "%s", path_in("aside"));
    CHECK_INT(rename(path_in(name), aside), ==, 0);
    leave_part("plain", "a");
    find_part(name);
    CHECK_INT(rename(aside, path_in(name)), ==, 0);
    struct spawned ran =
        start("fetch -o %s http://127.0.0.1:%d/part/plain/a", directory, server.port);
    spawn_wait(&ran);
    CHECK_INT(ran.status, ==, 0);
    CHECK(is_the_part("a"));
    CHECK_INT(unlink(path_in(name)), ==, 0);
    CHECK_INT(take_files(), ==, 1);
    spawn_free(&ran);
    end();
}

TEST(a_run_that_goes_on_replaces_nothing)
{
    begin();
    put_file("same", "/ok/same");
    put_file("other", "my own");
    put_file("target", "/ok/link");
    CHECK_INT(symlink("target", path_in("link")), ==, 0);
    int log = empty_log();
    struct spawned ran = start("fetch --json --resume /proc/%d/fd/%d -o %s "
                               "http://127.0.0.1:%d/ok/same http://127.0.0.1:%d/ok/other "
                               "http://127.0.0.1:%d/ok/link",
                               getpid(), log, directory, server.port, server.port, server.port);
    spawn_wait(&ran);
    CHECK_INT(ran.status, ==, 1);
    succeeded(ran.out, "/ok/same", 1);
    failed(ran.out, "/ok/other", 1,
           "with other bytes, and the log does not list it; it is not replaced");
    failed(ran.out, "/ok/link", 1, "it is not replaced");
    CHECK_STR(text_in("same"), "/ok/same");
    CHECK_STR(text_in("other"), "my own");
    struct stat about;
    CHECK_INT(lstat(path_in("link"), &about), ==, 0);
    CHECK(S_ISLNK(about.st_mode));
    CHECK_INT(take_files(), ==, 4);
    spawn_free(&ran);
    close(log);
    end();
}

TEST(a_part_replaces_no_file)
{
    begin();
    leave_part("plain", "a");
    int log = empty_log();
    put_file("a", "mine");
    struct spawned ran =
        start("fetch --json --resume /proc/%d/fd/%d -o %s http://127.0.0.1:%d/part/plain/a",
              getpid(), log, directory, server.port);
    spawn_wait(&ran);
    CHECK_INT(ran.status, ==, 1);
    failed(ran.out, "/part/plain/a", 1, "it is not replaced");
    CHECK_STR(text_in("a"), "mine");
    spawn_free(&ran);
    close(log);
    CHECK_INT(take_files(), >=, 1);
    end();
}

TEST(an_answer_without_a_page_leaves_the_file_that_is_there)
{
    static const char *const paths[] = {"none/304", "none/204", "none/205"};
    begin();
    for (int i = 0; i < 3; i++) {
        struct spawned ran =
            start("fetch --json -o %s http://127.0.0.1:%d/%s", directory, server.port, paths[i]);
        spawn_wait(&ran);
        CHECK_INT(ran.status, ==, 0);
        CHECK(strstr(ran.out, "\"path\": null, \"error\": null"));
        CHECK_INT(take_files(), ==, 0);
        spawn_free(&ran);
    }
    end();
}

TEST(a_tree_has_a_directory_for_each_host)
{
    begin();
    struct spawned ran = start("fetch -j 1 --tree -o %s http://127.0.0.1:%d/ok/a/ "
                               "http://localhost:%d/ok/a/ http://localhost:%d/ok/b?c",
                               directory, server.port, server.port, server.port);
    spawn_wait(&ran);
    CHECK_INT(ran.status, ==, 0);
    spawn_free(&ran);
    /* What is a file cannot be a directory. */
    ran = start(
        "fetch --tree -o %s http://localhost:%d/ok/b%%3Fc http://localhost:%d/ok/a/index.html/x",
        directory, server.port, server.port);
    spawn_wait(&ran);
    CHECK_INT(ran.status, ==, 1);
    CHECK(strstr(ran.err, "cannot make"));
    char name[128];
    snprintf(name, sizeof name, "127.0.0.1:%d/ok/a/index.html", server.port);
    CHECK_STR(text_in(name), "/ok/a/");
    snprintf(name, sizeof name, "localhost:%d/ok/a/index.html", server.port);
    CHECK_STR(text_in(name), "/ok/a/");
    snprintf(name, sizeof name, "localhost:%d/ok/b?c", server.port);
    CHECK_STR(text_in(name), "/ok/b?c");
    spawn_free(&ran);
    char command[128];
    snprintf(command, sizeof command, "rm -r %s/*", directory);
    CHECK_INT(system(command), ==, 0);
    end();
}

TEST(what_the_list_gives_a_digest_for_is_compared)
{
    begin();
    int file = memfd_create("list", 0);
    /* echo -n /ok/a | sha256sum */
    CHECK_INT(dprintf(file,
                      "http://127.0.0.1:%d/ok/a  sha256:%s\n"
                      "http://127.0.0.1:%d/ok/b sha256:%s\tname\n"
                      "http://127.0.0.1:%d/ok/c md5:00\n"
                      "http://127.0.0.1:%d/ok/d junk:00\n"
                      "http://127.0.0.1:%d/ok/e junk\n",
                      server.port, OK_A_SHA256, server.port, OK_A_SHA256, server.port, server.port,
                      server.port),
              >, 0);
    struct spawned ran = start("fetch --json -o %s -i /proc/%d/fd/%d", directory, getpid(), file);
    spawn_wait(&ran);
    CHECK_INT(ran.status, ==, 1);
    succeeded(ran.out, "/ok/a", 1);
    CHECK(strstr(ran.out, "\"digest\": \"sha256:" OK_A_SHA256 "\""));
    failed(ran.out, "/ok/b", 1, "its sha256 is ");
    failed(ran.out, "/ok/c", 0, "has not the length of its algorithm");
    failed(ran.out, "/ok/d", 0, "of an algorithm that OpenSSL does not know");
    failed(ran.out, "/ok/e", 0, "after a URL comes a digest");
    CHECK_INT(take_files(), ==, 1);
    close(file);
    spawn_free(&ran);
    end();
}

/* The file has so many lines by now; the end of a request is printed after it frees a place for the next. */
static bool has_lines(int file, int count)
{
    static char text[1 << 16];
    ssize_t length = pread(file, text, sizeof text - 1, 0);
    CHECK(length >= 0);
    text[length] = 0;
    return lines_in(text) >= count;
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
    while (hostile_server_held(&server) < 20 || !has_lines(ran.out_file, 40))
        (void)!thrum_sleep(thrum_in(0.001));
    CHECK_INT(kill(ran.pid, SIGKILL), ==, 0);
    spawn_wait(&ran);
    CHECK_INT(ran.status, ==, 128 + SIGKILL);
    /* What may be left besides: a file that has its name but no line, and a part of a line. */
    char path[128];
    snprintf(path, sizeof path, "%s/h7", directory);
    int left = open(path, O_WRONLY | O_CREAT | O_EXCL, 0666);
    CHECK(left >= 0);
    CHECK_INT(dprintf(left, "/held/h7"), >, 0);
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
    CHECK(strstr(ran.err, "ignored malformed lines: 1"));
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
