/* What is set here, and why.
 *
 * Memory. libcurl has a buffer for each transfer. A thousand of the usual 16 KiB would be most of what
 * the command takes, so all buffers together get some megabytes; a few transfers get large ones.
 *
 * Connections. Over TLS a request waits until it is known whether the connection that is being made can
 * take it, too, as HTTP/2 can (PIPEWAIT): so a host that has HTTP/2 gets a connection for each hundred requests.
 * Without TLS nobody speaks HTTP/2 here, and the wait would be one for the first answer.
 *
 * Headers. libcurl bounds the length of one, but not their number in older versions.
 */
#include "handle.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    BUFFERS_TOGETHER = 2 * 1024 * 1024,
    BUFFER_LEAST = 2048,
    BUFFER_MOST = 128 * 1024,
    HEADERS_MOST = 256 * 1024,
    REDIRECTS_MOST = 10,
    CONNECT_SECONDS = 30,
    STALL_SECONDS = 60,
};

static size_t take_bytes(char *bytes, size_t one, size_t count, void *context)
{
    struct handle *handle = context;
    long status = 0;
    (void)one;
    curl_easy_getinfo(handle->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status >= 400)
        return count; /* the page that says so is not what was asked for */
    return body_add(handle->body, bytes, count) ? count : CURL_WRITEFUNC_ERROR;
}

static size_t take_header(char *bytes, size_t one, size_t count, void *context)
{
    struct handle *handle = context;
    (void)bytes;
    (void)one;
    handle->header_bytes += count;
    handle->headers_too_long = handle->header_bytes > HEADERS_MOST;
    return handle->headers_too_long ? CURL_WRITEFUNC_ERROR : count;
}

static long buffer_size(int jobs)
{
    long size = BUFFERS_TOGETHER / jobs;
    return size < BUFFER_LEAST ? BUFFER_LEAST : size > BUFFER_MOST ? BUFFER_MOST : size;
}

static bool set_numbers(CURL *curl, const struct fetch_options *options)
{
    const struct {
        CURLoption name;
        long value;
    } numbers[] = {
        {CURLOPT_BUFFERSIZE, buffer_size(options->jobs)},
        {CURLOPT_FOLLOWLOCATION, 1},
        {CURLOPT_MAXREDIRS, REDIRECTS_MOST},
        {CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS},
        {CURLOPT_LOW_SPEED_LIMIT, 1},
        {CURLOPT_LOW_SPEED_TIME, STALL_SECONDS},
        {CURLOPT_NOBODY, options->check_only},
        {CURLOPT_NOSIGNAL, 1},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        if (curl_easy_setopt(curl, numbers[i].name, numbers[i].value) != CURLE_OK)
            return false;
    return true;
}

static bool set_all(struct handle *handle, const struct fetch_options *options)
{
    CURL *curl = handle->curl;
    if (!set_numbers(curl, options) ||
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_bytes) != CURLE_OK ||
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, handle) != CURLE_OK ||
        curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header) != CURLE_OK ||
        curl_easy_setopt(curl, CURLOPT_HEADERDATA, handle) != CURLE_OK ||
        curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, handle->reason) != CURLE_OK ||
        curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https") != CURLE_OK ||
        curl_easy_setopt(curl, CURLOPT_USERAGENT, "thrum/" THRUM_VERSION) != CURLE_OK ||
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, options->headers) != CURLE_OK)
        return false;
    if (options->proxy && curl_easy_setopt(curl, CURLOPT_PROXY, options->proxy) != CURLE_OK)
        return false;
    return !options->authorities ||
           curl_easy_setopt(curl, CURLOPT_CAINFO, options->authorities) == CURLE_OK;
}

struct handle *handle_new(const struct fetch_options *options)
{
    struct handle *handle = calloc(1, sizeof *handle);
    if (!handle)
        return NULL;
    handle->curl = curl_easy_init();
    if (handle->curl && set_all(handle, options))
        return handle;
    handle_free(handle);
    return NULL;
}

void handle_free(struct handle *handle)
{
    curl_easy_cleanup(handle->curl);
    free(handle);
}

int handle_aim(struct handle *handle, const char *url, struct body *body)
{
    bool tls = strncmp(url, "https:", 6) == 0 || strncmp(url, "HTTPS:", 6) == 0;
    handle->body = body;
    handle->header_bytes = 0;
    handle->headers_too_long = false;
    handle->reason[0] = '\0';
    return curl_easy_setopt(handle->curl, CURLOPT_URL, url) == CURLE_OK &&
                   curl_easy_setopt(handle->curl, CURLOPT_PIPEWAIT, (long)tls) == CURLE_OK
               ? 0
               : -ENOMEM;
}
