/* `thrum fetch`, what one cannot see from outside: who may ask whom, what files are called, what the
 * command line means. */
#include "fetch/address.h"
#include "fetch/answer.h"
#include "fetch/options.h"
#include "fetch/schedule.h"
#include "fetch/source.h"
#include "fetch/tally.h"
#include "harness.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* --------------------------------------------------------------------------------------- addresses */

static const char *path_of(const char *url, bool tree)
{
    static struct address address;
    CURLU *parts = curl_url();
    CHECK(parts);
    address_finish(&address);
    const char *wrong = address_read(parts, url, tree, &address);
    curl_url_cleanup(parts);
    return wrong ? wrong : address.name;
}

static const char *name_of(const char *url)
{
    return path_of(url, false);
}

TEST(a_file_is_called_as_the_last_part_of_its_url)
{
    CHECK_STR(name_of("http://a.b/c/d.html"), "d.html");
    CHECK_STR(name_of("http://a.b"), "index.html");
    CHECK_STR(name_of("a.b/c/"), "index.html");
    CHECK_STR(name_of("http://a.b/c?d=1&e=/f"), "c?d=1&e=%2Ff");
    CHECK_STR(name_of("http://a.b/c/../../../d"), "d");
    CHECK_STR(name_of("http://a.b/.profile"), "_.profile");
    CHECK_STR(name_of("http://a.b/%2e%2e%2f"), "%2e%2e%2f");
    CHECK_STR(name_of("file:///etc/passwd"), "not a URL of http or https");
    CHECK_STR(name_of("ftp://a.b/c"), "neither http nor https");
}

TEST(a_name_that_is_too_long_is_none)
{
    char url[400] = "http://a.b/";
    memset(url + 11, 'x', FILE_NAME_SIZE - 1);
    CHECK_INT(strlen(name_of(url)), ==, FILE_NAME_SIZE - 1);
    memset(url + 11, 'x', FILE_NAME_SIZE);
    CHECK_STR(name_of(url), NULL);
    CHECK_STR(path_of(url, true), NULL);
}

TEST(a_tree_has_host_and_path)
{
    CHECK_STR(path_of("http://a.b", true), "a.b/index.html");
    CHECK_STR(path_of("https://a.b:443/c/d?e=/f", true), "a.b/c/d?e=%2Ff");
    CHECK_STR(path_of("http://a.b:8080/c//d/", true), "a.b:8080/c/d/index.html");
    CHECK_STR(path_of("http://a.b/c/../../d/./e", true), "a.b/d/e");
    CHECK_STR(path_of("http://a.b/.git/.x/%2e%2e/f", true), "a.b/_.git/_.x/%2e%2e/f");
    CHECK_STR(path_of("http://a.b/.thrum-fetch-0.part", true), "a.b/_.thrum-fetch-0.part");
    CHECK_STR(path_of("http://[::1]/c", true), "[::1]/c");
}

TEST(a_given_name_stays_in_its_directory)
{
    struct address address = {0};
    CHECK(!address_take_name("a b", &address));
    CHECK_STR(address.name, "a b");
    CHECK(address_take_name("", &address));
    CHECK(address_take_name("..", &address));
    CHECK(address_take_name("../a", &address));
    CHECK(address_take_name(".thrum-fetch-0123456789abcdef-0.part", &address));
    CHECK_STR(address.name, "a b");
    address_finish(&address);
}

/* What a line of a list says, as "URL|DIGEST|NAME|wrong". */
static const char *said_by(const char *text)
{
    static char line[256], said[512];
    struct source_line read;
    snprintf(line, sizeof line, "%s", text);
    if (!source_line_read(line, strlen(line), &read))
        return "nothing";
    snprintf(said, sizeof said, "%s|%s|%s|%s", read.url, read.digest ? read.digest : "",
             read.name ? read.name : "", read.wrong ? "wrong" : "");
    return said;
}

TEST(a_line_has_a_url_a_digest_and_a_name)
{
    CHECK_STR(said_by(""), "nothing");
    CHECK_STR(said_by("  # comment"), "nothing");
    CHECK_STR(said_by(" http://a/b \r"), "http://a/b|||");
    CHECK_STR(said_by("http://a/b  sha256:00ff"), "http://a/b|sha256:00ff||");
    CHECK_STR(said_by("http://a/b\tsha256:00ff"), "http://a/b|sha256:00ff||");
    CHECK_STR(said_by("http://a/b \t a name "), "http://a/b||a name|");
    CHECK_STR(said_by("http://a/b sha3-256:AA\tsha256:00"), "http://a/b|sha3-256:AA|sha256:00|");
    CHECK_STR(said_by("http://a/b name"), "http://a/b|name||wrong");
    CHECK_STR(said_by("http://a/b sha256:xyz"), "http://a/b|sha256:xyz||wrong");
    char cut[] = "http://a/b\0c";
    struct source_line read;
    CHECK(source_line_read(cut, sizeof cut - 1, &read));
    CHECK(read.wrong);
}

static struct answer answer_of(const char *const *lines)
{
    struct answer answer = {0};
    for (; *lines; lines++)
        answer_take_line(&answer, *lines, strlen(*lines));
    return answer;
}
#define ANSWER(...) answer_of((const char *const[]){__VA_ARGS__, NULL})

TEST(headers_say_version_range_and_name)
{
    struct answer answer = ANSWER("HTTP/1.1 200 OK\r\n", "etag: \"a\"\r\n",
                                  "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
    CHECK_STR(answer_validator(&answer), "\"a\"");
    answer = ANSWER("ETag: W/\"a\"", "Last-Modified: then");
    CHECK_STR(answer_validator(&answer), "then");
    answer = ANSWER("ETag: W/\"a\"");
    CHECK(!answer_validator(&answer));
    answer = ANSWER("ETag: \"a\"", "Content-Encoding: gzip");
    CHECK(!answer_validator(&answer)); /* the bytes that are kept are others */
    answer = ANSWER("ETag: \"a\"", "HTTP/2 200");
    CHECK(!answer_validator(&answer)); /* that was of a redirect */
    answer = ANSWER("Content-Range: bytes 5-9/10");
    CHECK(answer.ranged && answer.first == 5 && answer.total == 10);
    answer = ANSWER("Content-Range: bytes 5-9/*");
    CHECK(answer.ranged && answer.first == 5 && answer.total == UINT64_MAX);
    answer = ANSWER("Content-Range: bytes */10");
    CHECK(answer.ranged && answer.total == 10);
    answer = ANSWER("Content-Range: lines 1-2/3");
    CHECK(!answer.ranged);
}

TEST(a_name_of_the_server_is_made_harmless)
{
    static const char *const names[][2] = {
        {"attachment; filename=a.txt", "a.txt"},
        {"attachment; filename=\"a b.txt\"; size=3", "a b.txt"},
        {"attachment; filename=\"a\\\"b\"", "a\"b"},
        {"inline; filename=old; filename*=UTF-8''n%C3%A9w%20one", "n\xc3\xa9w one"},
        {"inline; filename*=UTF-8''new; filename=old", "new"},
        {"inline; filename*=ISO-8859-1''x; filename=old", "old"},
        {"attachment; filename=\"../../etc/passwd\"", "passwd"},
        {"attachment; filename=\"C:\\\\dir\\\\file\"", "file"},
        {"attachment; filename=.bashrc", "_.bashrc"},
        {"attachment; filename*=UTF-8''a%00b%0Ac%2Fd", "d"},
        {"attachment; filename=\"\"", ""},
        {"attachment; filename=\"a/\"", ""},
        {"attachment", ""},
        {"attachment; filename", ""},
        {"attachment; filename=\"unclosed", "unclosed"},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char line[200];
        snprintf(line, sizeof line, "Content-Disposition: %s\r\n", names[i][0]);
        struct answer answer = ANSWER(line);
        CHECK_STR(answer.file_name, names[i][1]);
    }
}

TEST(a_tally_counts_each_text)
{
    struct tally tally = {0};
    char text[16];
    CHECK(!tally_take(&tally, "none"));
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 5000; i++) {
            snprintf(text, sizeof text, "%d", i);
            CHECK_INT(*tally_of(&tally, text), ==, round);
            ++*tally_of(&tally, text);
        }
    CHECK(tally_take(&tally, "17"));
    CHECK(tally_take(&tally, "17"));
    CHECK(!tally_take(&tally, "17"));
    tally_finish(&tally);
}

/* ---------------------------------------------------------------------------------------- schedule */

enum { PER_HOST = 8 };

struct trial {
    struct schedule *schedule;
    thrum_lock lock;
    int at_once[2], most[2]; /* of each host */
    int in_lane[2];          /* attempts in each lane */
    int done, failed;
    thrum_event gate;
    bool crowded; /* the first attempts say so */
    double least, last;
};

static int host_of(const struct job *job)
{
    return job->address.host[0] == 'b';
}

static void run_job(struct job *job, void *context)
{
    struct trial *trial = context;
    int host = host_of(job);
    bool entered = false;
    for (int round = 0; round < 2; round++) {
        if (schedule_enter(job) < 0)
            break;
        entered = true;
        thrum_with (&trial->lock) {
            trial->in_lane[job->lane]++;
            if (++trial->at_once[host] > trial->most[host])
                trial->most[host] = trial->at_once[host];
        }
        CHECK_INT(thrum_event_wait(&trial->gate, THRUM_FOREVER), ==, 0);
        thrum_with (&trial->lock)
            trial->at_once[host]--;
        schedule_leave(job, trial->crowded && round == 0);
        double limit = schedule_limit(job);
        thrum_with (&trial->lock) {
            trial->least = limit < trial->least ? limit : trial->least;
            trial->last = limit;
        }
        if (round == 0) {
            schedule_wait_begin(job);
            (void)schedule_wait_end(job);
        }
    }
    CHECK(entered);
    thrum_with (&trial->lock)
        trial->done++;
}

static void fail_job(struct job *job, int rc, void *context)
{
    struct trial *trial = context;
    (void)job;
    CHECK_INT(rc, ==, -EPIPE);
    thrum_with (&trial->lock)
        trial->failed++;
}

static thrum_executor *open_trial(struct trial *trial, int jobs, int per_host)
{
    thrum_executor *pool = thrum_fiber_pool_new(&(thrum_fiber_pool_options){.max_workers = 1});
    *trial = (struct trial){.least = PER_HOST};
    trial->schedule = schedule_new(&(struct schedule_options){.executors = {pool, pool},
                                                              .lanes = 2,
                                                              .jobs = jobs,
                                                              .per_host = per_host,
                                                              .window = 1000,
                                                              .run = run_job,
                                                              .fail = fail_job,
                                                              .context = trial});
    CHECK(pool && trial->schedule);
    return pool;
}

static void add(struct trial *trial, const char *host, int count)
{
    for (int i = 0; i < count; i++) {
        struct job *job = fetch_job_new("http://none/");
        CHECK(job);
        snprintf(job->address.host, sizeof job->address.host, "%s", host);
        CHECK_INT(schedule_add(trial->schedule, job), ==, 0);
    }
}

static void wait_until_held(struct trial *trial, int host, int count)
{
    for (int now = 0; now != count; thrum_yield())
        thrum_with (&trial->lock)
            now = trial->at_once[host];
}

static void close_trial(struct trial *trial, thrum_executor *pool)
{
    schedule_close(trial->schedule);
    CHECK_INT(thrum_event_wait(schedule_idle_event(trial->schedule), THRUM_FOREVER), ==, 0);
    thrum_executor_shutdown(pool);
    schedule_free(trial->schedule);
}

TEST(a_host_has_its_bound_and_those_behind_it_do_not_wait)
{
    struct trial trial;
    thrum_executor *pool = open_trial(&trial, 12, PER_HOST);
    add(&trial, "a", 100);
    add(&trial, "b", 100);
    wait_until_held(&trial, 0, PER_HOST);
    wait_until_held(&trial, 1, 4);
    thrum_event_set(&trial.gate);
    close_trial(&trial, pool);
    CHECK_INT(trial.most[0], ==, PER_HOST);
    CHECK_INT(trial.most[1], <=, PER_HOST);
    CHECK_INT(trial.done, ==, 200);
    CHECK_INT(trial.last, ==, PER_HOST);
}

TEST(a_host_with_many_requests_uses_several_lanes)
{
    struct trial trial;
    thrum_executor *pool = open_trial(&trial, 400, 400);
    add(&trial, "a", 50);
    wait_until_held(&trial, 0, 50);
    CHECK(trial.in_lane[0] == 50 || trial.in_lane[1] == 50); /* they share the connections of one */
    add(&trial, "a", 150);
    wait_until_held(&trial, 0, 200);
    CHECK_INT(trial.in_lane[0], ==, 100);
    CHECK_INT(trial.in_lane[1], ==, 100);
    thrum_event_set(&trial.gate);
    close_trial(&trial, pool);
    CHECK_INT(trial.done, ==, 200);
    CHECK_INT(trial.in_lane[0], ==, 200); /* a job stays in its lane when it retries */
}

TEST(a_crowded_host_gets_half_as_many_once_a_round_and_recovers)
{
    struct trial trial;
    thrum_executor *pool = open_trial(&trial, 100, PER_HOST);
    trial.crowded = true;
    add(&trial, "a", PER_HOST);
    wait_until_held(&trial, 0, PER_HOST);
    thrum_event_set(&trial.gate);
    close_trial(&trial, pool);
    /* Eight began together and were refused together: one cut. Then eight went well. */
    CHECK_INT(trial.least, ==, PER_HOST / 2);
    CHECK(trial.last > PER_HOST / 2);
}

TEST(a_stop_lets_those_with_a_place_go_on_and_forgets_the_others)
{
    struct trial trial;
    thrum_executor *pool = open_trial(&trial, 100, PER_HOST);
    add(&trial, "a", 100);
    add(&trial, "b", 3);
    wait_until_held(&trial, 0, PER_HOST);
    wait_until_held(&trial, 1, 3);
    schedule_stop(trial.schedule);
    schedule_stop(trial.schedule);
    struct job *late = fetch_job_new("http://none/");
    CHECK(late);
    CHECK_INT(schedule_add(trial.schedule, late), ==, -ECANCELED);
    fetch_job_free(late);
    thrum_event_set(&trial.gate);
    close_trial(&trial, pool);
    CHECK_INT(trial.done, ==, PER_HOST + 3); /* after one round each */
}

static int do_nothing(thrum_task *self)
{
    (void)self;
    return 0;
}

/* A worker that cannot begin breaks its pool. */
static int refuse_to_begin(thrum_task *self)
{
    (void)self;
    return -EPIPE;
}

TEST(a_job_without_a_task_is_told)
{
    struct trial trial = {0};
    thrum_executor *pool = thrum_thread_pool_new(
        &(thrum_thread_pool_options){.max_workers = 1, .initializer = refuse_to_begin});
    CHECK(pool);
    thrum_future *first = thrum_submit(pool, do_nothing, NULL, 0);
    CHECK_INT(thrum_future_wait(first, THRUM_FOREVER), ==, 0);
    thrum_future_free(first);
    trial.schedule = schedule_new(&(struct schedule_options){.executors = {pool},
                                                             .lanes = 1,
                                                             .jobs = 2,
                                                             .per_host = 1,
                                                             .window = 10,
                                                             .run = run_job,
                                                             .fail = fail_job,
                                                             .context = &trial});
    CHECK(trial.schedule);
    add(&trial, "a", 5);
    close_trial(&trial, pool);
    CHECK_INT(trial.failed, ==, 5);
    CHECK_INT(trial.done, ==, 0);
}

/* ----------------------------------------------------------------------------------------- options */

static struct fetch_options options;
static char message[256];

static enum options_verdict parse(const char *line)
{
    static char words[512], name[] = "fetch", *argv[24]; /* the options point into them */
    int argc = 0;
    argv[argc++] = name;
    snprintf(words, sizeof words, "%s", line);
    for (char *word = strtok(words, " "); word && argc < 23; word = strtok(NULL, " "))
        argv[argc++] = word;
    argv[argc] = NULL;
    message[0] = '\0';
    fetch_options_finish(&options);
    return fetch_options_parse(argc, argv, &options, message, sizeof message);
}

static void refuse(const char *line, const char *text)
{
    CHECK_INT(parse(line), ==, OPTIONS_WRONG);
    if (!strstr(message, text))
        test_fail(__FILE__, __LINE__, line, "is refused with \"%s\"", message);
}

TEST(rates_and_headers_are_read)
{
    CHECK_INT(parse("--rate 90/m --host-rate 2/s -H A:1 -H B: x"), ==, OPTIONS_RUN);
    CHECK(options.rate == 1.5);
    CHECK(options.host_rate == 2);
    CHECK_STR(options.headers->data, "A:1");
    CHECK_STR(options.headers->next->data, "B:");
    CHECK_STR(options.urls[0], "x");
    CHECK_INT(parse("--rate 0.5 x"), ==, OPTIONS_RUN);
    CHECK(options.rate == 0.5);
    fetch_options_finish(&options);
}

TEST(what_makes_no_sense_is_refused)
{
    refuse("", "nothing to fetch");
    refuse("--rate 0/s x", "--rate: a rate is a number such as 100/s");
    refuse("--host-rate 1/y x", "--host-rate: a rate is a number such as 100/s");
    refuse("-H nothing x", "--header takes a line");
    refuse("--resume a --retry-failed b", "one of them at a time");
    refuse("-i a --retry-failed b", "not with --input");
    refuse("--check-only -o d x", "--check-only gets nothing");
    refuse("-q --progress x", "contradict");
    refuse("--output= x", "not an empty word");
    refuse("--executor process x", "fibers, threads");
    refuse("--retrys 3 x", "did you mean --retries?");
    fetch_options_finish(&options);
}
