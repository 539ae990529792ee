/* Ten thousand requests at once: each waits 200 ms for its answer, and all together take little longer.
 *
 *     fetch_fibers [COUNT]
 *
 * asyncio needs a library of its own for this, and async and await in each function. Here a thread would use libcurl in
 * the same way, and thrum_curl_perform blocks only the fiber. The server is in this program, too, so that each request
 * takes two descriptors; where the system allows fewer than that needs, there are fewer requests.
 */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <thrum.h>
#include <thrum_curl.h>

#define LATENCY 0.2 /* seconds for which the server holds an answer */

enum { REQUESTS = 10000, OTHER_DESCRIPTORS = 64 };

static thrum_curl *client;
static char url[64];

static int serve(thrum_task *self)
{
    static const char page[] = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello\n";
    thrum_socket *peer = thrum_arg(self, thrum_socket *);
    char text[1024]; /* a request is shorter */
    while (thrum_socket_read(peer, text, sizeof text, THRUM_FOREVER) > 0)
        if (thrum_sleep(thrum_in(LATENCY)) < 0 ||
            thrum_socket_write(peer, page, sizeof page - 1, THRUM_FOREVER) < 0)
            break;
    thrum_socket_free(peer);
    return 0;
}

static int accept_all(thrum_task *self)
{
    thrum_socket *listener = thrum_arg(self, thrum_socket *), *peer;
    while (thrum_socket_accept(listener, &peer, THRUM_FOREVER) == 0)
        thrum_future_free(
            thrum_submit(thrum_fiber_pool_current(), serve, thrum_value(thrum_socket *, peer)));
    return 0;
}

static size_t drop_bytes(char *bytes, size_t one, size_t count, void *context)
{
    (void)bytes;
    (void)context;
    return one * count;
}

static int fetch(thrum_task *self)
{
    CURLcode code;
    CURL *easy = curl_easy_init();
    if (!easy || curl_easy_setopt(easy, CURLOPT_URL, url) != CURLE_OK)
        return thrum_fail(self, -ENOMEM, "libcurl gives no handle");
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 1024L); /* by default 16 KiB for each request */
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, drop_bytes);
    int rc = thrum_curl_perform(client, easy, &code, thrum_in(60));
    curl_easy_cleanup(easy);
    if (rc == 0 && code != CURLE_OK)
        return thrum_fail(self, -EIO, "%s", curl_easy_strerror(code));
    return rc;
}

/* As many requests as were asked for, or as there are descriptors for. */
static int allowed(int wanted)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        err(EXIT_FAILURE, "getrlimit");
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_max >= 2 * (rlim_t)wanted + OTHER_DESCRIPTORS)
        return wanted;
    int most = ((int)limit.rlim_max - OTHER_DESCRIPTORS) / 2;
    printf("The system allows %ju descriptors, two for each request.\n", (uintmax_t)limit.rlim_max);
    return most;
}

int main(int argc, char **argv)
{
    int count = allowed(argc > 1 ? atoi(argv[1]) : REQUESTS), failed = 0;
    thrum_socket *listener;
    int rc =
        thrum_socket_listen("127.0.0.1", 0, &(thrum_listen_options){.backlog = 1 << 15}, &listener);
    if (rc < 0)
        errx(EXIT_FAILURE, "cannot listen: %s", thrum_strerror(rc));
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", thrum_socket_port(listener));
    thrum_executor *servers = thrum_fiber_pool_new(&(thrum_fiber_pool_options){.max_workers = 1});
    thrum_executor *fibers = thrum_fiber_pool_new(&(thrum_fiber_pool_options){.max_workers = 1});
    thrum_future **futures = calloc((size_t)count, sizeof *futures);
    if (!servers || !fibers || !futures)
        errx(EXIT_FAILURE, "out of memory");
    rc = thrum_curl_new(NULL, &client);
    if (rc < 0)
        errx(EXIT_FAILURE, "cannot make a client: %s", thrum_strerror(rc));
    thrum_future_free(thrum_submit(servers, accept_all, thrum_value(thrum_socket *, listener)));

    thrum_time start = thrum_now();
    for (int i = 0; i < count; i++)
        futures[i] = thrum_submit(fibers, fetch, THRUM_NOTHING);
    for (int i = 0; i < count; i++) {
        failed += thrum_future_result(futures[i], NULL, 0, THRUM_FOREVER) != 0;
        thrum_future_free(futures[i]);
    }
    double took = (double)(thrum_now() - start) / 1e9;
    printf("%d requests of 200 ms at once, %d failed: %.2f s\n", count, failed, took);

    thrum_executor_shutdown(fibers);
    thrum_curl_free(client); /* closes the connections, and so ends their servers */
    thrum_socket_close(listener);
    thrum_executor_shutdown(servers);
    thrum_socket_free(listener);
    free(futures);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
