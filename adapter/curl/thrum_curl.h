/* libthrum-curl: requests of libcurl that block only their caller, a fiber or a thread.
 *
 *     static int fetch(thrum_task *self)
 *     {
 *         thrum_curl *client = thrum_arg(self, thrum_curl *);
 *         CURL *easy = curl_easy_init();
 *         CURLcode code = CURLE_OK;
 *         curl_easy_setopt(easy, CURLOPT_URL, "https://example.org/");
 *         int rc = thrum_curl_perform(client, easy, &code, thrum_in(10));
 *         if (rc == 0 && code != CURLE_OK)
 *             rc = thrum_fail(self, -EREMOTEIO, "%s", curl_easy_strerror(code));
 *         curl_easy_cleanup(easy);
 *         return rc;
 *     }
 *
 *     thrum_curl *client;
 *     int rc = thrum_curl_new(NULL, &client);
 *     if (rc < 0)
 *         return rc;
 *     thrum_executor *pool = thrum_fiber_pool_new(&(thrum_fiber_pool_options){.max_workers = 1});
 *     for (int i = 0; i < 10000; i++)
 *         thrum_future_free(thrum_submit(pool, fetch, thrum_value(thrum_curl *, client)));
 *     thrum_executor_shutdown(pool);
 *     thrum_curl_free(client);
 *
 * curl_easy_perform blocks the thread, and in a fiber all other fibers of its worker.
 * thrum_curl_perform does the same work and blocks only its caller, a fiber or a thread. A client
 * is a set of connections that all requests share: a finished request leaves its connection for the
 * next.
 *
 * Callbacks (CURLOPT_WRITEFUNCTION and all others) run in the caller that drives the client at that
 * moment, which is often not the caller of the request. They run one at a time in a client. So a
 * callback must not wait, must not pause its transfer, must not depend on its thread or fiber, and
 * must not call the client. The request's caller sees what the callback wrote once
 * thrum_curl_perform has returned.
 *
 * Names are looked up by the helper threads of thrum_blocking, whose number is bounded. Each name
 * is looked up by one caller at a time. libcurl by itself starts a thread for each lookup. It still
 * does so for other names, such as that of a proxy or of a redirect's target; a request that is
 * removed during such a lookup may have to wait for its end.
 *
 * In a child of fork a client cannot be used and must not be freed.
 *
 * Link with -lthrum-curl. It needs libcurl 7.85 or later. Python: aiohttp.ClientSession.
 */
#ifndef THRUM_CURL_H
#define THRUM_CURL_H

#include <curl/curl.h>
#include <stdbool.h>
#include <thrum/export.h>
#include <thrum/time.h>

THRUM_BEGIN

/* A client: connections that requests share. Made by thrum_curl_new, freed by thrum_curl_free. */
typedef struct thrum_curl thrum_curl;

/* Client options. Zero selects the default. */
typedef struct thrum_curl_options {
    int max_connections; /* bound for connections; further requests wait. No bound by default */
    int max_per_host;    /* bound for the connections to one host and port; likewise */
    int max_idle;        /* bound for connections that are kept for later requests; by default four
                            times the number of running requests */
    bool no_lookups;     /* libcurl looks up all names: for handles with a CURLOPT_PROXY, where the
                            proxy does it. A proxy that the environment names is detected */
    THRUM__OPTIONS(thrum_curl_options)
} thrum_curl_options;

/* Makes a client. `options` may be NULL; negative numbers count as zero. A client has two
 * descriptors besides those of its connections. Does not block. Python: aiohttp.ClientSession().
 *
 * Returns:
 *     0                 the client, to be freed with thrum_curl_free
 *     -ENOMEM           memory ran out
 *     -EMFILE, -ENFILE  the process or the system has no descriptor left
 */
THRUM_API THRUM_MUST_CHECK int thrum_curl_new(const thrum_curl_options *options,
                                              thrum_curl **ret_client);

/* Performs the transfer that `easy` describes, as curl_easy_perform does, and waits for its end.
 * The caller owns the handle and must not touch it meanwhile. CURLOPT_NOSIGNAL is set. Any number
 * of fibers and threads may call this at once; a callback of the client may not. Blocks.
 *
 * Returns:
 *     0           the transfer has ended; `*ret_code`, unless NULL, is the code of
 *                 curl_easy_perform
 *     -ETIMEDOUT  the deadline has passed; -EAGAIN if it is THRUM_NOW
 *     -ECANCELED  the running task was cancelled
 *     -EBUSY      the handle is in use
 *     -EINVAL     `easy` is NULL
 *     -ENOMEM     memory ran out, for this request or for libcurl's tables
 *
 * After an error the transfer was removed, its connection is closed, and `*ret_code` is
 * unchanged. */
THRUM_API THRUM_MUST_CHECK int thrum_curl_perform(thrum_curl *client, CURL *easy,
                                                  CURLcode *ret_code, thrum_deadline deadline);

/* Closes the connections and frees the client; NULL is accepted. Running requests stop the program.
 * Does not block. */
THRUM_API void thrum_curl_free(thrum_curl *client);

THRUM_END

#endif
