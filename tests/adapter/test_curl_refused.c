/* Names that are looked up for libcurl, and what libthrum-curl does without memory, descriptors and watches. */
#include "support_curl.h"
#include "untouched.h"

#include <netdb.h>
#include <stdlib.h>
#include <sys/resource.h>

/* The allocation of this number, counted from 1, and all later ones fail; 0 for none. */
static uint32_t memory_left, curl_memory_left;

static bool memory_is_out(uint32_t *number)
{
    uint32_t left = thrum__load_acquire(number);
    if (left > 1)
        thrum__store_release(number, left - 1);
    return left == 1;
}

/* The linker puts these in the place of the system's, too. */
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);

void *__wrap_calloc(size_t count, size_t size)
{
    return memory_is_out(&memory_left) ? NULL : __real_calloc(count, size);
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
    CHECK_INT(thrum_curl_new(NULL, &client), ==, 0);
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
    less.rlim_cur = 0;
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &less), ==, 0);
    FAILS(thrum_curl_new(NULL, FIRST), -EMFILE);
    thrum_curl *made = NULL;
    int refused = 0;
    for (less.rlim_cur = 0; !made; less.rlim_cur++) {
        CHECK_INT(setrlimit(RLIMIT_NOFILE, &less), ==, 0);
        int rc = thrum_curl_new(NULL, &made);
        CHECK_INT(rc, ==, made ? 0 : -EMFILE);
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
        CHECK_INT(thrum_curl_new(NULL, &made), ==, made ? 0 : -ENOMEM);
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
        rc = thrum_curl_perform(client, easy, &code, thrum_in(600));
        thrum__store_release(&curl_memory_left, 0);
        CHECK(rc == 0 || rc == -ENOMEM);
        rc = rc < 0 ? rc : (int)code;
        curl_easy_cleanup(easy);
        CHECK_INT(fetch("/now"), ==, CURLE_OK);
        thrum_curl_free(client); /* the next is to connect, and so to allocate, again */
        CHECK_INT(thrum_curl_new(NULL, &client), ==, 0);
    }
    CHECK_INT(number, >, 1);
    tear_down();
    curl_global_cleanup();
}
