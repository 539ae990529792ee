/* What two rows of thrum demo take without thrum: the least that their tools and the kernel allow.
 *
 *     demo_floor [ROUNDS]
 *
 * thrum demo compares a time with a bound, and the bound counts only waits. It leaves out what any program has to do
 * beside them: libcurl's work for a request, the start of a process, the late wake-up of a sleeper. This program does
 * the same work by the plainest means, so that a ratio of the demo above its goal can be divided into what belongs to
 * these and what belongs to the library.
 *
 *   http, one thread    100 requests at once by one multi handle of libcurl, on connections that are there; 200 ms
 *   http, two threads   two multi handles, 50 requests each: as the demo's fibers on two processors
 *   file, processes     four processes are made by fork, with no program to load. Each reads its 25 files, 10 ms a
 *                       file. Nothing is handed over: each knows its files, and its end is the only answer.
 *
 * Rounds are taken in turns. A line has the median, least and most of the seconds, and the median by the bound. A
 * transfer or a process that fails ends the program with status 1.
 */
#include "demo/http_server.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { REQUESTS = 100, FILES = 100, FILE_BYTES = 64 * 1024, PROCESSES = 4, ROUNDS_MAX = 1000 };

static const double request_seconds = 0.2, file_seconds = 0.01;

static void give_up(const char *what)
{
    fprintf(stderr, "demo_floor: %s\n", what);
    exit(1);
}

/* Requests. */

static CURL *handles[REQUESTS];
static CURLM *multis[2];
static size_t arrived[REQUESTS];

static size_t take_bytes(char *bytes, size_t one, size_t count, void *context)
{
    (void)bytes;
    (void)one;
    *(size_t *)context += count;
    return count;
}

/* Fetches by handles first to first + count - 1. */
static void fetch(CURLM *multi, int first, int count)
{
    int running = count;
    for (int i = first; i < first + count; i++) {
        arrived[i] = 0;
        if (curl_multi_add_handle(multi, handles[i]) != CURLM_OK)
            give_up("libcurl takes no handle");
    }
    while (running > 0) {
        if (curl_multi_perform(multi, &running) != CURLM_OK)
            give_up("libcurl fails");
        if (running > 0 && curl_multi_poll(multi, NULL, 0, 1000, NULL) != CURLM_OK)
            give_up("libcurl cannot wait");
    }
    for (int i = first; i < first + count; i++) {
        if (arrived[i] != HTTP_PAGE_BYTES)
            give_up("a page did not arrive");
        curl_multi_remove_handle(multi, handles[i]);
    }
}

static int fetch_half(thrum_task *self)
{
    int half = thrum_arg(self, int);
    fetch(multis[half], half * REQUESTS / 2, REQUESTS / 2);
    return 0;
}

static void fetch_by_one(void)
{
    fetch(multis[0], 0, REQUESTS);
}

static void fetch_by_two(void)
{
    int second = 1;
    thrum_thread *thread = thrum_thread_start(fetch_half, &second, sizeof second);
    if (!thread)
        give_up("no thread");
    fetch(multis[0], 0, REQUESTS / 2);
    if (thrum_thread_join(thread, THRUM_FOREVER) < 0)
        give_up("a thread does not end");
    thrum_thread_free(thread);
}

static void set_urls(const struct http_server *server, double seconds)
{
    char url[100];
    snprintf(url, sizeof url, "http://127.0.0.1:%d/page?wait_us=%.0f", server->port, seconds * 1e6);
    for (int i = 0; i < REQUESTS; i++)
        if (curl_easy_setopt(handles[i], CURLOPT_URL, url) != CURLE_OK)
            give_up("libcurl refuses an address");
}

static void open_requests(const struct http_server *server)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
    for (int i = 0; i < 2; i++) {
        multis[i] = curl_multi_init();
        curl_multi_setopt(multis[i], CURLMOPT_MAXCONNECTS, (long)REQUESTS);
    }
    for (int i = 0; i < REQUESTS; i++) {
        handles[i] = curl_easy_init();
        if (!handles[i])
            give_up("libcurl gives no handle");
        curl_easy_setopt(handles[i], CURLOPT_WRITEFUNCTION, take_bytes);
        curl_easy_setopt(handles[i], CURLOPT_WRITEDATA, &arrived[i]);
        curl_easy_setopt(handles[i], CURLOPT_PROXY, "");
    }
    set_urls(server, 0.05); /* long enough that each request needs a connection of its own */
    fetch_by_one();
    fetch_by_two();
    set_urls(server, request_seconds);
}

/* Files. */

static char directory[] = "/tmp/demo-floor-XXXXXX";

static void path_of(int index, char *ret_path, size_t size)
{
    snprintf(ret_path, size, "%s/%d", directory, index);
}

static void make_files(void)
{
    static char bytes[FILE_BYTES];
    char path[100];
    if (!mkdtemp(directory))
        give_up("no directory in /tmp");
    for (int i = 0; i < FILES; i++) {
        path_of(i, path, sizeof path);
        int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (file < 0 || write(file, bytes, sizeof bytes) != (ssize_t)sizeof bytes ||
            close(file) != 0)
            give_up("no room in /tmp");
    }
}

static void remove_files(void)
{
    char path[100];
    for (int i = 0; i < FILES; i++) {
        path_of(i, path, sizeof path);
        unlink(path);
    }
    rmdir(directory);
}

/* Reads every fourth file, 10 ms each. Returns a status. */
static int read_files(int first)
{
    static char bytes[FILE_BYTES + 1];
    char path[100];
    for (int i = first; i < FILES; i += PROCESSES) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += (long)(file_seconds * 1e9);
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        path_of(i, path, sizeof path);
        int file = open(path, O_RDONLY | O_CLOEXEC);
        if (file < 0 || read(file, bytes, sizeof bytes) != FILE_BYTES || close(file) != 0)
            return 1;
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
            ;
    }
    return 0;
}

static void await(const pid_t *processes)
{
    for (int i = 0; i < PROCESSES; i++) {
        int status;
        if (waitpid(processes[i], &status, 0) != processes[i] || status != 0)
            give_up("a process fails");
    }
}

static void read_by_forks(void)
{
    pid_t processes[PROCESSES];
    for (int i = 0; i < PROCESSES; i++) {
        processes[i] = fork();
        if (processes[i] < 0)
            give_up("no process");
        if (processes[i] == 0)
            _exit(read_files(i));
    }
    await(processes);
}

/* Rows. */

static const struct {
    const char *name;
    void (*run)(void);
    double bound;
} rows[] = {
    {"http, one thread", fetch_by_one, 0.2},
    {"http, two threads", fetch_by_two, 0.2},
    {"file, processes", read_by_forks, 0.25},
};

enum { ROWS = sizeof rows / sizeof rows[0] };

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    static double seconds[ROWS][ROUNDS_MAX];
    struct http_server server = {0};
    thrum_error error = {0};
    prctl(PR_SET_TIMERSLACK, 1UL);
    int rounds = argc > 1 ? atoi(argv[1]) : 7;
    if (argc > 2 || rounds < 1 || rounds > ROUNDS_MAX) {
        fprintf(stderr, "usage: demo_floor [ROUNDS], 1 to %d\n", ROUNDS_MAX);
        return 2;
    }
    if (http_server_start(&server, &error) < 0)
        give_up(error.message);
    open_requests(&server);
    make_files();
    for (int round = 0; round < rounds; round++)
        for (int i = 0; i < ROWS; i++) {
            thrum_time begin = thrum_now();
            rows[i].run();
            seconds[i][round] = (double)(thrum_now() - begin) * 1e-9;
        }
    remove_files();
    http_server_stop(&server);
    printf("%-20s %8s %8s %8s %9s\n", "row", "median", "least", "most", "by bound");
    for (int i = 0; i < ROWS; i++) {
        qsort(seconds[i], (size_t)rounds, sizeof seconds[i][0], compare);
        double median = seconds[i][rounds / 2];
        printf("%-20s %8.4f %8.4f %8.4f %9.3f\n", rows[i].name, median, seconds[i][0],
               seconds[i][rounds - 1], median / rows[i].bound);
    }
    return 0;
}
