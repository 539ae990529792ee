/* The HTTP task: fetch a page by libcurl, check that it is the page, count the time.
 *
 * thrum_curl_perform (adapter/curl) waits in a thread as in a fiber: the task is written once for all
 * columns. The connections are the client's, which keeps them alive from one fetch to the next, as any
 * would that makes a hundred requests to one server. As many as a column may use at a time are made
 * before the clock starts, each by fetching a page that is not held: what is measured is the waiting, not
 * the set-up of TCP. So are the handles, in a pool. With --url nothing is fetched beyond the hundred
 * pages that are asked for and one to see whether the server is there, so connecting is then included.
 *
 * A worker process has a client and connections of its own, made with its first fetch, within the time.
 *
 * The proxy variables of the environment are not for the loopback and are passed over there.
 *
 * Stopping: a task that is cancelled stops waiting. The sequential column runs on the thread that would
 * cancel it. After Ctrl-C, libcurl's progress function stops it. libcurl calls this function once a
 * second, when it checks whether a transfer has become too slow.
 */
#include "handle_pool.h"
#include "http_server.h"
#include "interrupt.h"
#include "trouble.h"
#include "workload.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <thrum_curl.h>

/* Seconds for one fetch, and for connecting, after which it has failed. */
static const long fetch_patience = 60, connect_patience = 10;

/* Seconds for which an unused connection is kept: longer than a run takes. */
static const long idle_patience = 3600;

/* More than any column has at a time. */
enum { CONNECTIONS_KEPT = 20000 };

/* The argument of a task. */
struct fetch {
    bool own; /* from our own server, whose page is known */
    char url[TASK_ARG_MAX - 8];
};

/* What has arrived of a page. */
struct arrival {
    bool own;
    bool wrong; /* some byte is not as it should be */
    size_t bytes;
};

static struct http_server server;
static thrum_curl *client;
static char page[HTTP_PAGE_BYTES]; /* what our own server sends */
static int connections;            /* to our own server, at least that many */
static char foreign_url[TASK_ARG_MAX - 8];

static size_t take_bytes(char *bytes, size_t one, size_t count, void *context)
{
    struct arrival *arrival = context;
    (void)one;
    if (arrival->own && !arrival->wrong)
        arrival->wrong = count > HTTP_PAGE_BYTES - arrival->bytes ||
                         memcmp(bytes, page + arrival->bytes, count) != 0;
    arrival->bytes += count;
    return count;
}

static int ask_whether_to_stop(void *context, curl_off_t down_total, curl_off_t down,
                               curl_off_t up_total, curl_off_t up)
{
    (void)context;
    (void)down_total;
    (void)down;
    (void)up_total;
    (void)up;
    return interrupt_asked();
}

static bool make_client(void)
{
    http_page_make(page);
    return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK &&
           thrum_curl_new(&(thrum_curl_options){.max_idle = CONNECTIONS_KEPT}, &client) == 0;
}

/* Sets what all fetches have in common. `target` is "own" for our server. */
static void *make_handle(const char *target, thrum_error *ret_error)
{
    CURL *curl = curl_easy_init();
    bool ok = curl && curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L) == CURLE_OK &&
              curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, ask_whether_to_stop) == CURLE_OK &&
              curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_bytes) == CURLE_OK &&
              curl_easy_setopt(curl, CURLOPT_TIMEOUT, fetch_patience) == CURLE_OK &&
              curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, connect_patience) == CURLE_OK &&
              curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L) == CURLE_OK &&
              curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, fetch_patience) == CURLE_OK &&
              curl_easy_setopt(curl, CURLOPT_MAXAGE_CONN, idle_patience) == CURLE_OK &&
              curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
              curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L) == CURLE_OK &&
              curl_easy_setopt(curl, CURLOPT_USERAGENT, "thrum/" THRUM_VERSION) == CURLE_OK;
    if (ok && strcmp(target, "own") == 0)
        ok = curl_easy_setopt(curl, CURLOPT_PROXY, "") == CURLE_OK;
    if (!ok) {
        curl_easy_cleanup(curl);
        trouble(ret_error, -ENOMEM, "libcurl gives no handle; is memory out?");
        return NULL;
    }
    return curl;
}

static struct handle_pool handles = {.make = make_handle, .drop = curl_easy_cleanup};

/* Fetches once. Returns 0, or a negative errno and the reason. */
static int fetch_once(CURL *curl, const struct fetch *fetch, thrum_error *ret_error)
{
    struct arrival arrival = {.own = fetch->own};
    CURLcode code;
    char reason[CURL_ERROR_SIZE] = "";
    long status = 0;
    if (curl_easy_setopt(curl, CURLOPT_URL, fetch->url) != CURLE_OK ||
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, &arrival) != CURLE_OK ||
        curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reason) != CURLE_OK)
        return trouble(ret_error, -ENOMEM, "libcurl refuses its options");
    int rc = thrum_curl_perform(client, curl, &code, THRUM_FOREVER);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, NULL);
    if (rc == -ECANCELED || (rc == 0 && code == CURLE_ABORTED_BY_CALLBACK))
        return trouble(ret_error, -ECANCELED, "stopped");
    if (rc < 0)
        return trouble(ret_error, rc, "cannot fetch %.120s: %s", fetch->url, thrum_strerror(rc));
    if (code != CURLE_OK)
        return trouble(ret_error, code == CURLE_OPERATION_TIMEDOUT ? -ETIMEDOUT : -EIO,
                       "cannot fetch %.120s: %.100s", fetch->url,
                       reason[0] ? reason : curl_easy_strerror(code));
    if (curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status) != CURLE_OK || status >= 400 ||
        status < 200)
        return trouble(ret_error, -EPROTO, "%.150s answers with status %ld", fetch->url, status);
    if (fetch->own && (arrival.wrong || arrival.bytes != HTTP_PAGE_BYTES))
        return trouble(ret_error, -EBADMSG, "the page came damaged: %zu of %d bytes%s",
                       arrival.bytes, HTTP_PAGE_BYTES, arrival.wrong ? ", not the right ones" : "");
    return 0;
}

static int fetch_page(thrum_task *self)
{
    const struct fetch *fetch = &thrum_arg(self, struct fetch);
    thrum_error error = {0};
    thrum_time begin = thrum_now();
    if (!client &&
        !make_client()) /* the first task of a worker process, which runs one at a time */
        return thrum_fail(self, -ENOMEM, "libcurl does not start");
    CURL *curl = handle_pool_take(&handles, fetch->own ? "own" : fetch->url, &error);
    if (!curl)
        return thrum_fail(self, error.code, "%s", error.message);
    int rc = fetch_once(curl, fetch, &error);
    if (rc < 0)
        handle_pool_discard(&handles, curl);
    else
        handle_pool_give(&handles, curl);
    if (rc < 0)
        return thrum_fail(self, rc, "%s", error.message);
    return piece_return(self, begin, thrum_now() - begin);
}

THRUM_TASK(fetch_page)

static size_t fill_fetch(void *ret_arg, int index, double seconds)
{
    struct fetch *fetch = ret_arg;
    (void)index;
    fetch->own = !foreign_url[0];
    if (fetch->own)
        snprintf(fetch->url, sizeof fetch->url, "http://127.0.0.1:%d/page?wait_us=%.0f",
                 server.port, seconds * 1e6);
    else
        memcpy(fetch->url, foreign_url, sizeof fetch->url);
    return sizeof *fetch;
}

/* Sees whether the server that the user named is there. */
static int try_foreign(thrum_error *ret_error)
{
    struct fetch fetch;
    thrum_error reason = {0};
    fill_fetch(&fetch, 0, 0);
    CURL *curl = handle_pool_take(&handles, foreign_url, ret_error);
    if (!curl)
        return ret_error->code;
    int rc = fetch_once(curl, &fetch, &reason);
    handle_pool_give(&handles, curl);
    if (rc == -ECANCELED)
        return trouble(ret_error, rc, "stopped");
    if (rc < 0)
        return trouble(ret_error, rc,
                       "--url: %.160s; check the address, or leave out --url to use the server "
                       "that comes with it",
                       reason.message);
    return 0;
}

static int open_http(const struct demo_options *options, thrum_error *ret_error)
{
    /* The server first: it is a fork of this process, which should not hold a library's state. */
    if (!options->url) {
        int rc = http_server_start(&server, ret_error);
        if (rc < 0)
            return rc;
    } else if (strlen(options->url) >= sizeof foreign_url) {
        return trouble(ret_error, -ENAMETOOLONG, "--url: the address is longer than %zu bytes",
                       sizeof foreign_url - 1);
    } else {
        snprintf(foreign_url, sizeof foreign_url, "%s", options->url);
    }
    if (!make_client())
        return trouble(ret_error, -ENOMEM, "libcurl does not start");
    return options->url ? try_foreign(ret_error) : 0;
}

/* Has `workers` handles ready, and as many connections to our own server. */
static int connect_handles(int workers, thrum_error *ret_error)
{
    struct fetch fetch;
    size_t count = (size_t)workers;
    fill_fetch(&fetch, 0, 0);
    if (!fetch.own)
        return handle_pool_fill(&handles, count, foreign_url, ret_error);
    int rc = handle_pool_fill(&handles, count, "own", ret_error);
    CURL *curl = rc == 0 ? handle_pool_take(&handles, "own", ret_error) : NULL;
    if (!curl)
        return ret_error->code;
    curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, 1L);
    while (connections < workers && rc == 0) {
        rc = fetch_once(curl, &fetch, ret_error);
        connections += rc == 0;
    }
    curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, 0L);
    handle_pool_give(&handles, curl);
    return rc;
}

static void describe(char *ret_text, size_t size)
{
    if (foreign_url[0])
        snprintf(ret_text, size, "fetched by libcurl from %.60s; its latency is measured",
                 foreign_url);
    else
        snprintf(ret_text, size,
                 "fetched by libcurl from a server process on 127.0.0.1:%d, which holds each "
                 "answer",
                 server.port);
}

static void close_http(void)
{
    handle_pool_empty(&handles);
    thrum_curl_free(client);
    client = NULL;
    connections = 0;
    curl_global_cleanup();
    http_server_stop(&server);
    foreign_url[0] = '\0';
}

int http_workload_port(void)
{
    return server.port;
}

const struct workload http_workload = {
    .open = open_http,
    .prepare = connect_handles,
    .task = fetch_page,
    .fill = fill_fetch,
    .describe = describe,
    .close = close_http,
};
