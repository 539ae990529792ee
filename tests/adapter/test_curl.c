/* Requests by libcurl, from threads, from fibers, and from both at once (carrier.h). */
#include "held_server.h"

#include "carrier.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <thrum_curl.h>
#include <unistd.h>

/* ------------------------------------------------------------------- what the system may refuse */

/* The allocation of this number, counted from 1, and all later ones fail; 0 for none. */
static uint32_t memory_left, curl_memory_left;
static uint32_t watches_refused;

static bool memory_is_out(uint32_t *number)
{
    uint32_t left = thrum__load_acquire(number);
    if (left > 1)
        thrum__store_release(number, left - 1);
    return left == 1;
}

/* The linker puts these in the place of the system's, for all that is linked statically. */
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
int __real_epoll_ctl(int poller, int what, int descriptor, struct epoll_event *event);
int __wrap_epoll_ctl(int poller, int what, int descriptor, struct epoll_event *event);

void *__wrap_calloc(size_t count, size_t size)
{
    return memory_is_out(&memory_left) ? NULL : __real_calloc(count, size);
}

/* The client watches by levels, the reactor, which is to go on, by edges. A number to be removed may be
 * somebody else's by now (thrum_curl.c): the thread sanitizer would take that for a race with him. */
int __wrap_epoll_ctl(int poller, int what, int descriptor, struct epoll_event *event)
{
    if (what == EPOLL_CTL_DEL)
        return (int)syscall(SYS_epoll_ctl, poller, what, descriptor, event);
    if (thrum__load_acquire(&watches_refused) && event && !(event->events & EPOLLET)) {
        errno = ENOSPC;
        return -1;
    }
    return __real_epoll_ctl(poller, what, descriptor, event);
}

/* Hosts whose names end in ".test" are this machine, once `answered` is set. libcurl's own lookups, in a
 * shared library, know nothing of it, so that they would fail. */
static thrum_event answered;
static uint32_t lookups;

int __real_getaddrinfo(const char *host, const char *service, const struct addrinfo *wanted,
                       struct addrinfo **ret_list);
int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *wanted,
                       struct addrinfo **ret_list);

int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *wanted,
                       struct addrinfo **ret_list)
{
    size_t length = host ? strlen(host) : 0;
    if (length >= 5 && strcmp(host + length - 5, ".test") == 0) {
        thrum__add_release(&lookups, 1);
        if (thrum_event_wait(&answered, THRUM_FOREVER) < 0)
            return EAI_AGAIN;
        host = "127.0.0.1";
    }
    return __real_getaddrinfo(host, service, wanted, ret_list);
}

/* -------------------------------------------------------------------------------------- requests */

static struct held_server server;
static thrum_curl *client;

/* By the main thread, which a fiber may not be on: OpenSSL keeps something for each thread that begins
 * with it, and at the end of the process forgets those that still run. */
__attribute__((constructor)) static void begin_libcurl(void)
{
    CHECK_INT(curl_global_init(CURL_GLOBAL_DEFAULT), ==, CURLE_OK);
}

static void set_up_with(const thrum_curl_options *options)
{
    held_server_start(&server);
    client = thrum_curl_new(options);
    CHECK(client != NULL);
}

static void set_up(void)
{
    set_up_with(NULL);
}

static void tear_down(void)
{
    thrum_curl_free(client);
    held_server_stop(&server);
}

static size_t count_bytes(char *bytes, size_t one, size_t count, void *context)
{
    size_t *sum = context;
    (void)bytes;
    (void)one;
    *sum += count;
    return count;
}

/* A path of the server at its number, or at a name that stands before it. */
static CURL *handle_for(const char *path, size_t *ret_bytes)
{
    char url[128];
    CURL *easy = curl_easy_init();
    if (path[0] == '/')
        snprintf(url, sizeof url, "http://127.0.0.1:%d%s", server.port, path);
    else
        snprintf(url, sizeof url, "http://%.*s:%d%s", (int)strcspn(path, "/"), path, server.port,
                 strchr(path, '/'));
    CHECK(easy != NULL);
    CHECK_INT(curl_easy_setopt(easy, CURLOPT_URL, url), ==, CURLE_OK);
    CHECK_INT(curl_easy_setopt(easy, CURLOPT_PROXY, ""), ==, CURLE_OK);
    CHECK_INT(curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, count_bytes), ==, CURLE_OK);
    CHECK_INT(curl_easy_setopt(easy, CURLOPT_WRITEDATA, ret_bytes), ==, CURLE_OK);
    *ret_bytes = 0;
    return easy;
}

/* Fetches a page. Gives what thrum_curl_perform gives, or, if that is 0, libcurl's code. */
static int fetch_until(const char *path, thrum_time deadline, size_t *ret_bytes)
{
    CURLcode code = CURLE_OK;
    CURL *easy = handle_for(path, ret_bytes);
    int rc = thrum_curl_perform(client, easy, deadline, &code);
    curl_easy_cleanup(easy);
    return rc < 0 ? rc : (int)code;
}

static int fetch(const char *path)
{
    size_t bytes;
    int rc = fetch_until(path, THRUM_FOREVER, &bytes);
    if (rc == 0)
        CHECK_INT(bytes, ==, strcmp(path, "/big") == 0 ? HELD_SERVER_BIG : 5);
    return rc;
}

static int fetch_now(thrum_task *self)
{
    (void)self;
    return fetch("/now");
}

static int fetch_held(thrum_task *self)
{
    (void)self;
    return fetch("/held");
}

static int fetch_held_briefly(thrum_task *self)
{
    size_t bytes;
    return fetch_until("/held", thrum_in(thrum_arg(self, double)), &bytes);
}

/* Starts a request that is held, and waits until the server has it. */
static thrum_thread *start_held(thrum_task_fn *function, const void *arg, size_t size)
{
    uint32_t before = thrum__load_acquire(&server.held);
    thrum_thread *thread = thrum_thread_start(function, arg, size);
    UNTIL(thrum__load_acquire(&server.held) == before + 1);
    return thread;
}

TEST(a_request_gives_the_page)
{
    set_up();
    CHECK_INT(fetch("/now"), ==, CURLE_OK);
    CHECK_INT(fetch("/big"), ==, CURLE_OK);
    CHECK_INT(thrum__load_acquire(&server.connections), ==, 1); /* it was kept */
    tear_down();
}

TEST(a_code_may_be_dropped_and_a_handle_used_again)
{
    size_t bytes;
    set_up();
    CURL *easy = handle_for("/now", &bytes);
    CHECK_INT(thrum_curl_perform(client, easy, THRUM_FOREVER, NULL), ==, 0);
    CHECK_INT(thrum_curl_perform(client, easy, thrum_in(60), NULL), ==, 0);
    CHECK_INT(bytes, ==, 10);
    CHECK_INT(curl_easy_perform(easy), ==, CURLE_OK);
    CHECK_INT(thrum_curl_perform(client, easy, THRUM_FOREVER, NULL), ==, 0);
    CHECK_INT(bytes, ==, 20);
    curl_easy_cleanup(easy);
    tear_down();
}

TEST_DEADLINE(requests_at_once_are_all_in_the_server, 120)
{
    enum { MOST = 1000, OF_THREADS = 100 };
    int count = carrier_is("threads") ? OF_THREADS : MOST;
    thrum_thread *threads[MOST];
    struct rlimit descriptors;
    CHECK_INT(getrlimit(RLIMIT_NOFILE, &descriptors), ==, 0);
    descriptors.rlim_cur = descriptors.rlim_max;
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &descriptors), ==, 0);
    set_up();
    for (int i = 0; i < count; i++)
        threads[i] = thrum_thread_start(fetch_held, THRUM_NOTHING);
    UNTIL(thrum__load_acquire(&server.held) == (uint32_t)count);
    thrum_event_set(&server.gate);
    for (int i = 0; i < count; i++)
        JOIN(threads[i], CURLE_OK);
    tear_down();
}

static int fetch_many(thrum_task *self)
{
    int rc = 0;
    for (int i = thrum_arg(self, int); i > 0 && rc == 0; i--)
        rc = fetch(i % 10 ? "/now" : "/big");
    return rc;
}

TEST_DEADLINE(requests_one_after_another_by_many_all_end, 120)
{
    enum { CALLERS = 16, EACH = 30 };
    thrum_thread *threads[CALLERS];
    set_up_with(&(thrum_curl_options){.max_idle = CALLERS});
    for (int i = 0; i < CALLERS; i++)
        threads[i] = thrum_thread_start(fetch_many, thrum_value(int, EACH));
    for (int i = 0; i < CALLERS; i++)
        JOIN(threads[i], CURLE_OK);
    CHECK_INT(thrum__load_acquire(&server.connections), <=, CALLERS);
    tear_down();
}

TEST(a_deadline_takes_the_request_out)
{
    size_t bytes;
    set_up();
    CHECK_INT(fetch_until("/held", thrum_in(0.01), &bytes), ==, -ETIMEDOUT);
    CHECK_INT(fetch_until("/held", THRUM_NOW, &bytes), ==, -EAGAIN);
    CHECK_INT(fetch("/now"), ==, CURLE_OK);
    tear_down();
}

TEST(a_leader_whose_deadline_passes_hands_over)
{
    set_up();
    thrum_thread *leader = start_held(fetch_held_briefly, thrum_value(double, 0.3));
    thrum_thread *follower = start_held(fetch_held, THRUM_NOTHING);
    thrum_thread *another = start_held(fetch_held, THRUM_NOTHING);
    JOIN(leader, -ETIMEDOUT);
    thrum_event_set(&server.gate);
    JOIN(follower, CURLE_OK);
    JOIN(another, CURLE_OK);
    tear_down();
}

TEST(a_follower_whose_deadline_passes_leaves_the_others)
{
    set_up();
    thrum_thread *leader = start_held(fetch_held, THRUM_NOTHING);
    thrum_thread *follower = start_held(fetch_held_briefly, thrum_value(double, 0.1));
    JOIN(follower, -ETIMEDOUT);
    thrum_event_set(&server.gate);
    JOIN(leader, CURLE_OK);
    tear_down();
}

TEST(a_leader_that_is_cancelled_hands_over)
{
    set_up();
    thrum_thread *leader = start_held(fetch_held, THRUM_NOTHING);
    thrum_thread *follower = start_held(fetch_held, THRUM_NOTHING);
    thrum_thread *another = start_held(fetch_held, THRUM_NOTHING);
    CHECK_INT(thrum_thread_cancel(leader), ==, 0);
    JOIN(leader, -ECANCELED);
    CHECK_INT(fetch("/now"), ==, CURLE_OK);
    thrum_event_set(&server.gate);
    JOIN(follower, CURLE_OK);
    JOIN(another, CURLE_OK);
    tear_down();
}

TEST(a_follower_that_is_cancelled_leaves_the_others)
{
    set_up();
    thrum_thread *leader = start_held(fetch_held, THRUM_NOTHING);
    thrum_thread *follower = start_held(fetch_held, THRUM_NOTHING);
    CHECK_INT(thrum_thread_cancel(follower), ==, 0);
    JOIN(follower, -ECANCELED);
    thrum_event_set(&server.gate);
    JOIN(leader, CURLE_OK);
    tear_down();
}

/* One who is told to lead may be gone by then, or about to go. */
TEST_DEADLINE(the_lead_is_not_lost_when_many_leave_at_once, 120)
{
    enum { ROUNDS = 30, CALLERS = 12 };
    set_up();
    for (int round = 0; round < ROUNDS; round++) {
        thrum_thread *threads[CALLERS];
        thrum_event_clear(&server.gate);
        for (int i = 0; i < CALLERS; i++)
            threads[i] = thrum_thread_start(i % 3 ? fetch_held : fetch_now, THRUM_NOTHING);
        if (round % 2)
            UNTIL(thrum__load_acquire(&server.held) > 0);
        for (int i = 0; i < CALLERS; i++)
            if ((i + round) % 4)
                thrum_thread_cancel(threads[i]);
        thrum_event_set(&server.gate);
        for (int i = 0; i < CALLERS; i++) {
            int rc = thrum_thread_join(threads[i], THRUM_FOREVER);
            CHECK(rc == CURLE_OK || (rc == -ECANCELED && (i + round) % 4));
            thrum_thread_free(threads[i]);
        }
    }
    tear_down();
}

TEST(a_server_that_resets_is_told_by_libcurls_code)
{
    set_up();
    int rc = fetch("/reset");
    CHECK(rc == CURLE_RECV_ERROR || rc == CURLE_GOT_NOTHING);
    CHECK_INT(fetch("/now"), ==, CURLE_OK);
    thrum_socket_close(server.listener);
    UNTIL(thrum_future_done(server.accepting)); /* its number is given back by then */
    thrum_curl_free(client);                    /* and with it the connection that is kept */
    client = thrum_curl_new(NULL);
    CHECK_INT(fetch("/now"), ==, CURLE_COULDNT_CONNECT);
    tear_down();
}

TEST(a_handle_that_is_in_use_is_refused)
{
    size_t bytes;
    set_up();
    CURL *easy = handle_for("/now", &bytes);
    CURLM *other = curl_multi_init();
    CHECK_INT(curl_multi_add_handle(other, easy), ==, CURLM_OK);
    CHECK_INT(thrum_curl_perform(client, easy, THRUM_FOREVER, NULL), ==, -EBUSY);
    CHECK_INT(curl_multi_remove_handle(other, easy), ==, CURLM_OK);
    CHECK_INT(thrum_curl_perform(client, easy, THRUM_FOREVER, NULL), ==, 0);
    CHECK_INT(thrum_curl_perform(client, NULL, THRUM_FOREVER, NULL), ==, -EINVAL);
    curl_multi_cleanup(other);
    curl_easy_cleanup(easy);
    tear_down();
}

TEST(no_more_connections_are_made_than_allowed)
{
    enum { CALLERS = 9 };
    thrum_thread *threads[CALLERS];
    set_up_with(&(thrum_curl_options){.max_connections = 3, .max_per_host = 2, .max_idle = 1});
    for (int i = 0; i < CALLERS; i++)
        threads[i] = thrum_thread_start(fetch_held, THRUM_NOTHING);
    UNTIL(thrum__load_acquire(&server.held) == 2);
    thrum_event_set(&server.gate);
    for (int i = 0; i < CALLERS; i++)
        JOIN(threads[i], CURLE_OK);
    CHECK_INT(thrum__load_acquire(&server.most), ==, 2);
    tear_down();
}

/* One who waits for a connection gets it from one who leaves by himself, while the leader sleeps. */
TEST(one_who_gives_up_lets_the_next_in)
{
    set_up_with(&(thrum_curl_options){.max_connections = 2});
    thrum_thread *leader = start_held(fetch_held, THRUM_NOTHING);
    thrum_thread *follower = start_held(fetch_held, THRUM_NOTHING);
    thrum_thread *next = thrum_thread_start(fetch_now, THRUM_NOTHING);
    CHECK_INT(thrum_thread_cancel(follower), ==, 0);
    JOIN(follower, -ECANCELED);
    JOIN(next, CURLE_OK);
    thrum_event_set(&server.gate);
    JOIN(leader, CURLE_OK);
    tear_down();
}

TEST(libcurls_own_timeout_ends_a_request)
{
    size_t bytes;
    CURLcode code;
    set_up();
    CURL *easy = handle_for("/held", &bytes);
    CHECK_INT(curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 20L), ==, CURLE_OK);
    CHECK_INT(thrum_curl_perform(client, easy, THRUM_FOREVER, &code), ==, 0);
    CHECK_INT(code, ==, CURLE_OPERATION_TIMEDOUT);
    curl_easy_cleanup(easy);
    tear_down();
}

TEST_STOPS(a_client_that_is_in_use_cannot_be_freed, "1 requests of the client are under way")
{
    set_up();
    start_held(fetch_held, THRUM_NOTHING);
    thrum_curl_free(client);
}

TEST(no_client_can_be_freed)
{
    thrum_curl_free(NULL);
}

/* ----------------------------------------------------------------------------------------- names */

static int fetch_named(thrum_task *self)
{
    char path[100];
    snprintf(path, sizeof path, "host%d.test/now", thrum_arg(self, int));
    return fetch(path);
}

TEST(a_name_that_many_want_is_looked_up_once)
{
    enum { CALLERS = 20, NAMES = 3 };
    thrum_thread *threads[CALLERS];
    set_up();
    for (int i = 0; i < CALLERS; i++)
        threads[i] = thrum_thread_start(fetch_named, thrum_value(int, i % NAMES));
    UNTIL(thrum__load_acquire(&lookups) == NAMES);
    thrum_event_set(&answered);
    for (int i = 0; i < CALLERS; i++)
        JOIN(threads[i], CURLE_OK);
    CHECK_INT(fetch("host0.test/now"), ==, CURLE_OK);
    CHECK_INT(thrum__load_acquire(&lookups), ==, NAMES);
    tear_down();
}

TEST(one_who_gives_up_a_lookup_leaves_it_to_the_next)
{
    set_up();
    thrum_thread *first = thrum_thread_start(fetch_named, thrum_value(int, 1));
    UNTIL(thrum__load_acquire(&lookups) == 1);
    thrum_thread *second = thrum_thread_start(fetch_named, thrum_value(int, 1));
    CHECK_INT(thrum_thread_cancel(first), ==, 0);
    JOIN(first, -ECANCELED);
    thrum_event_set(&answered);
    JOIN(second, CURLE_OK);
    tear_down();
}

TEST(a_deadline_ends_a_wait_for_a_lookup)
{
    size_t bytes;
    set_up();
    thrum_thread *first = thrum_thread_start(fetch_named, thrum_value(int, 1));
    UNTIL(thrum__load_acquire(&lookups) == 1);
    CHECK_INT(fetch_until("host1.test/now", thrum_in(0.01), &bytes), ==, -ETIMEDOUT);
    CHECK_INT(fetch_until("host1.test/now", THRUM_NOW, &bytes), ==, -EAGAIN);
    thrum_event_set(&answered);
    JOIN(first, CURLE_OK);
    tear_down();
}

/* A label of more than 63 letters is refused before anybody is asked. */
TEST(what_cannot_be_looked_up_libcurl_refuses)
{
    char path[100];
    set_up();
    snprintf(path, sizeof path, "%070d.example/now", 0);
    CHECK_INT(fetch(path), ==, CURLE_COULDNT_RESOLVE_HOST);
    CHECK_INT(fetch(path), ==, CURLE_COULDNT_RESOLVE_HOST);
    tear_down();
}

TEST(lookups_may_be_left_to_libcurl)
{
    set_up_with(&(thrum_curl_options){.no_lookups = true});
    CHECK_INT(fetch("localhost/now"), ==, CURLE_OK);
    thrum_curl_free(client);
    CHECK_INT(setenv("http_proxy", "http://127.0.0.1:9", 1), ==, 0);
    client = thrum_curl_new(NULL);
    CHECK_INT(fetch("localhost/now"), ==, CURLE_OK);
    char path[100];
    snprintf(path, sizeof path, "%070d.test/now", 0); /* fails without a question */
    CHECK_INT(fetch(path), ==, CURLE_COULDNT_RESOLVE_HOST);
    CHECK_INT(thrum__load_acquire(&lookups), ==, 0);
    tear_down();
}

/* ------------------------------------------------------------------------------- what may fail */

TEST(without_descriptors_there_is_no_client)
{
    struct rlimit before, less;
    CHECK_INT(getrlimit(RLIMIT_NOFILE, &before), ==, 0);
    less = before;
    thrum_curl *made = NULL;
    int refused = 0;
    for (less.rlim_cur = 0; !made; less.rlim_cur++) {
        CHECK_INT(setrlimit(RLIMIT_NOFILE, &less), ==, 0);
        made = thrum_curl_new(NULL);
        refused += !made;
    }
    CHECK_INT(refused, >=, 2); /* it needs that many */
    thrum_curl_free(made);
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &before), ==, 0);
}

TEST(without_memory_there_is_no_client)
{
    uint32_t number = 0;
    thrum_curl *made = NULL;
    while (!made) {
        thrum__store_release(&memory_left, ++number);
        made = thrum_curl_new(NULL);
        thrum__store_release(&memory_left, 0);
    }
    CHECK_INT(number, >, 1);
    thrum_curl_free(made);
}

TEST(a_connection_that_cannot_be_watched_fails_its_request)
{
    size_t bytes;
    set_up();
    thrum__store_release(&watches_refused, 1);
    CHECK_INT(fetch_until("/now", THRUM_FOREVER, &bytes), ==, -ENOSPC);
    thrum__store_release(&watches_refused, 0);
    CHECK_INT(fetch("/now"), ==, CURLE_OK);
    tear_down();
}

/* libcurl's own memory. */
static void *curl_malloc(size_t size)
{
    return memory_is_out(&curl_memory_left) ? NULL : malloc(size);
}

static void *curl_calloc(size_t count, size_t size)
{
    return memory_is_out(&curl_memory_left) ? NULL : __real_calloc(count, size);
}

static void *curl_realloc(void *old, size_t size)
{
    return memory_is_out(&curl_memory_left) ? NULL : realloc(old, size);
}

static char *curl_strdup(const char *text)
{
    return memory_is_out(&curl_memory_left) ? NULL : strdup(text);
}

/* The allocation of each number fails in turn, and all that come after it in the same request. It ends,
 * one way or the other, and the client is as good as before. */
TEST_DEADLINE(without_memory_requests_fail_and_do_not_hang, 120)
{
    THREADS_ONLY; /* who else would count */
    size_t bytes;
    int rc = -1;
    curl_global_cleanup();
    CHECK_INT(curl_global_init_mem(CURL_GLOBAL_DEFAULT, curl_malloc, free, curl_realloc,
                                   curl_strdup, curl_calloc),
              ==, CURLE_OK);
    set_up();
    uint32_t number = 0;
    while (rc != CURLE_OK) {
        CURL *easy = handle_for("/now", &bytes);
        CURLcode code = CURLE_OK;
        thrum__store_release(&curl_memory_left, ++number);
        rc = thrum_curl_perform(client, easy, thrum_in(20), &code);
        thrum__store_release(&curl_memory_left, 0);
        CHECK(rc == 0 || rc == -ENOMEM);
        rc = rc < 0 ? rc : (int)code;
        curl_easy_cleanup(easy);
        CHECK_INT(fetch("/now"), ==, CURLE_OK);
        thrum_curl_free(client); /* the next is to connect, and so to allocate, again */
        client = thrum_curl_new(NULL);
    }
    CHECK_INT(number, >, 1);
    tear_down();
    curl_global_cleanup();
}
