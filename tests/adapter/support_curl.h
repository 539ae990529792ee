/* What the tests of libthrum-curl share: a server that holds requests, a client, and fetches of its pages. For
 * one file of a program: it stands in for the system's epoll_ctl. */
#ifndef TESTS_ADAPTER_SUPPORT_CURL_H
#define TESTS_ADAPTER_SUPPORT_CURL_H

#include "held_server.h"

#include "carrier.h"

#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <thrum_curl.h>
#include <unistd.h>

static uint32_t watches_refused;

/* The linker puts it in the place of the system's, for all that is linked statically. */
int __real_epoll_ctl(int poller, int what, int descriptor, struct epoll_event *event);
int __wrap_epoll_ctl(int poller, int what, int descriptor, struct epoll_event *event);

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

static struct held_server server;
static thrum_curl *client;

/* By the main thread, which a fiber may not be on: OpenSSL keeps something for each thread that begins
 * with it, and at the end of the process forgets those that still run. */
__attribute__((constructor)) static void begin_libcurl(void)
{
    CHECK_INT(curl_global_init(CURL_GLOBAL_DEFAULT), ==, CURLE_OK);
}

static inline void set_up_with(const thrum_curl_options *options)
{
    held_server_start(&server);
    CHECK_INT(thrum_curl_new(options, &client), ==, 0);
}

static inline void set_up(void)
{
    set_up_with(NULL);
}

static inline void tear_down(void)
{
    thrum_curl_free(client);
    held_server_stop(&server);
}

static inline size_t count_bytes(char *bytes, size_t one, size_t count, void *context)
{
    size_t *sum = context;
    (void)bytes;
    (void)one;
    *sum += count;
    return count;
}

/* A path of the server at its number, or at a name that stands before it. */
static inline CURL *handle_for(const char *path, size_t *ret_bytes)
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
static inline int fetch_until(const char *path, thrum_deadline deadline, size_t *ret_bytes)
{
    CURLcode code = CURLE_OK;
    CURL *easy = handle_for(path, ret_bytes);
    int rc = thrum_curl_perform(client, easy, &code, deadline);
    curl_easy_cleanup(easy);
    return rc < 0 ? rc : (int)code;
}

static inline int fetch(const char *path)
{
    size_t bytes;
    int rc = fetch_until(path, THRUM_FOREVER, &bytes);
    if (rc == 0)
        CHECK_INT(bytes, ==, strcmp(path, "/big") == 0 ? HELD_SERVER_BIG : 5);
    return rc;
}

#endif
