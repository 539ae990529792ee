/* libcurl for fibers: a request that waits as everything of thrum waits.
 *
 *     static int fetch(thrum_task *self)
 *     {
 *         CURL *easy = curl_easy_init();
 *         ...                                             // URL, callbacks, as for any other use
 *         CURLcode code;
 *         int rc = thrum_curl_perform(client, easy, &code, thrum_in(10));
 *         ...
 *         curl_easy_cleanup(easy);
 *     }
 *
 *     thrum_curl *client = thrum_curl_new(NULL);
 *     thrum_executor *pool = thrum_fiber_pool_new(&(thrum_fiber_pool_options){ .max_workers = 1 });
 *     for (int i = 0; i < 10000; i++)
 *         thrum_future_free(thrum_submit(pool, fetch, thrum_value(int, i)));
 *     thrum_executor_shutdown(pool);
 *     thrum_curl_free(client);
 *
 * curl_easy_perform holds the thread up, and in a fiber all other fibers of its worker.
 * thrum_curl_perform does the same and lets only its caller wait, be that a fiber or a thread. A
 * client is a set of connections that all requests share: one that is over leaves its connection
 * for the next.
 *
 * Callbacks (CURLOPT_WRITEFUNCTION and all others) are called by whoever of the callers drives the
 * client just then, one at a time in a client, not by the one whose request it is. So a callback
 * must not wait, must not pause its transfer, as nobody could resume it, must not count on thread
 * or fiber, and must not call the client; what it writes is seen by the request's caller after
 * thrum_curl_perform has returned.
 *
 * Names. Lookups run on the helpers of thrum_blocking, whose number is bounded, and each name only
 * once at a time; libcurl by itself starts a thread for each request that needs one. What it looks
 * up beyond that, such as the name of a proxy or of a redirect's target, it does as ever; a request
 * that is taken out in the middle of such a lookup may have to wait for its end.
 *
 * In a child of fork a client is of no use, but to nobody else's harm; it is not to be freed there.
 *
 * Link with -lthrum-curl. Needs libcurl 7.85 or later. Python: aiohttp.ClientSession.
 */
#ifndef THRUM_CURL_H
#define THRUM_CURL_H

#include <curl/curl.h>
#include <stdbool.h>
#include <thrum/export.h>
#include <thrum/time.h>

THRUM_BEGIN

/* A client: connections that requests share. Made by thrum_curl_new, given back by thrum_curl_free. */
typedef struct thrum_curl thrum_curl;

/* How a client is to be; zero means the default. */
typedef struct thrum_curl_options {
    int max_connections; /* the most at a time; requests beyond wait for their turn. No bound by
                            default */
    int max_per_host;    /* the most to one host and port; likewise */
    int max_idle;        /* the most that are kept for later requests; by default four times as many
                            as there are requests under way */
    bool no_lookups;     /* libcurl looks up all names: for handles with a CURLOPT_PROXY, where the
                            proxy does it. Proxies that the environment names are seen by itself */
} thrum_curl_options;

/* Makes a client. `options` may be NULL; negative numbers count as zero. It has two descriptors of
 * its own besides those of its connections. The caller owns it and gives it to thrum_curl_free.
 * Returns NULL if memory or descriptors are out. Does not block. Python: aiohttp.ClientSession().
 * */
THRUM_API thrum_curl *thrum_curl_new(const thrum_curl_options *options);

/* Performs the transfer that `easy` describes, as curl_easy_perform, and waits until it is over.
 * The handle stays the caller's, who must not touch it meanwhile; its CURLOPT_NOSIGNAL is set.
 * Returns 0 when the transfer has ended, by success or otherwise, and leaves in `ret_code`, which
 * may be NULL, what curl_easy_perform would have returned. Else the transfer was taken out, its
 * connection closed, and `ret_code` not touched: -ETIMEDOUT when the deadline passes, -EAGAIN if
 * that is THRUM_NOW, -ECANCELED if the running task was cancelled; -EBUSY for a handle that is in
 * use, -EINVAL for none; -ENOMEM, also for other requests of the client where libcurl could not go
 * on. May be called by any number of fibers and threads at once; not from a callback of the client.
 * Blocks. */
THRUM_API int thrum_curl_perform(thrum_curl *client, CURL *easy, CURLcode *ret_code,
                                 thrum_deadline deadline);

/* Closes the connections and gives the client back; NULL is accepted. Requests that are under way
 * stop the program. Does not block. */
THRUM_API void thrum_curl_free(thrum_curl *client);

THRUM_END

#endif
