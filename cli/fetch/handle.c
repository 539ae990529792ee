/* The settings of libcurl, and their reasons.
 *
 * Memory. libcurl has a buffer for each transfer. A thousand buffers of the usual 16 KiB would be
 * most of the command's memory. So all buffers together get some megabytes, and a few transfers get
 * large buffers.
 *
 * Connections. Over TLS a request waits until libcurl knows whether a connection that is being made
 * can take it, too (PIPEWAIT). So a host that has HTTP/2 gets one connection for each hundred
 * requests. Without TLS there is no HTTP/2 here, and the request would wait for the first answer.
 *
 * Without TLS, libcurl compares a request with all connections of its host. While no attempt has
 * ended, none is idle, so the request gets a new connection without that (FRESH_CONNECT). A
 * connection that no further request needs is closed when its request ends, and not at the end of
 * the run (FORBID_REUSE).
 *
 * Headers. libcurl bounds the length of a header. Older versions do not bound the number of
 * headers.
 *
 * The rest of a file. The request has Range and If-Range. The server sends the rest (206) if the
 * file still has the same version, or else all of it (200). The status is known with the first
 * byte.
 *
 * Cookies. Each handle reads the file of cookies. A cookie that a server sets is dropped after the
 * transfer, so an answer does not depend on which handle a URL gets.
 */
#include "handle.h"

#include "trouble.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    BUFFERS_TOGETHER = 2 * 1024 * 1024,
    BUFFER_LEAST = 2048,
    BUFFER_MOST = 128 * 1024,
    HEADERS_MOST = 256 * 1024,
    REDIRECTS_MOST = 10,
    CONNECT_SECONDS = 30,
    STALL_SECONDS = 60,
};

/* Begins the body. Returns false if the answer cannot be used. */
static bool begin_body(struct handle *handle, long status)
{
    struct body *body = handle->body;
    const struct answer *answer = &handle->answer;
    curl_off_t length = -1;
    handle->begun = true;
    if (status == 206 && handle->offset > 0 && answer->ranged && answer->first == handle->offset) {
        curl_easy_getinfo(handle->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
        body_expect(body, length);
        return true;
    }
    if (status == 206 && !handle->options->asks_range) {
        trouble(&handle->error, -EPROTO, "the server sends a part that was not asked for");
        return false;
    }
    if (handle->options->disposition && answer->file_name[0] &&
        body_rename(body, answer->file_name) < 0)
        return false;
    if (body->bytes > 0 && body_empty(body) < 0)
        return false;
    body_set_validator(body, handle->options->asks_range ? NULL : answer_validator(answer));
    curl_easy_getinfo(handle->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    body_expect(body, length);
    return true;
}

static bool is_good(long status)
{
    return status >= 200 && status < 300;
}

static size_t take_bytes(char *bytes, size_t one, size_t count, void *context)
{
    struct handle *handle = context;
    long status = 0;
    (void)one;
    curl_easy_getinfo(handle->curl, CURLINFO_RESPONSE_CODE, &status);
    if (handle->probe)
        return CURL_WRITEFUNC_ERROR; /* the status is known */
    if (!is_good(status))
        return count; /* a page about the error is dropped */
    if (!handle->begun && !begin_body(handle, status))
        return CURL_WRITEFUNC_ERROR;
    return body_add(handle->body, bytes, count) ? count : CURL_WRITEFUNC_ERROR;
}

bool handle_answered(struct handle *handle)
{
    long status = 0;
    curl_easy_getinfo(handle->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status == 204 || status == 205 || status == 304)
        handle->body->empty = true;
    else if (is_good(status) && !handle->begun && !handle->options->check_only)
        return begin_body(handle, status);
    return true;
}

static size_t take_header(char *bytes, size_t one, size_t count, void *context)
{
    struct handle *handle = context;
    (void)one;
    if (handle->header_bytes == 0 && schedule_is_last(handle->job))
        curl_easy_setopt(handle->curl, CURLOPT_FORBID_REUSE, 1L); /* cannot fail */
    handle->header_bytes += count;
    handle->headers_too_long = handle->header_bytes > HEADERS_MOST;
    if (!handle->headers_too_long)
        answer_take_line(&handle->answer, bytes, count);
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
        {CURLOPT_NETRC, options->netrc ? CURL_NETRC_OPTIONAL : CURL_NETRC_IGNORED},
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
        curl_easy_setopt(curl, CURLOPT_USERAGENT, "thrum/" THRUM_VERSION) != CURLE_OK)
        return false;
    if (options->cookies &&
        curl_easy_setopt(curl, CURLOPT_COOKIEFILE, options->cookies) != CURLE_OK)
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
    handle->options = options;
    handle->curl = curl_easy_init();
    if (handle->curl && set_all(handle, options))
        return handle;
    handle_free(handle);
    return NULL;
}

void handle_free(struct handle *handle)
{
    curl_easy_cleanup(handle->curl);
    curl_slist_free_all(handle->headers);
    free(handle);
}

/* The usual headers and If-Range. NULL if memory ran out. */
static struct curl_slist *headers_for(const struct curl_slist *usual, const char *validator)
{
    char line[VALIDATOR_SIZE + 16];
    snprintf(line, sizeof line, "If-Range: %s", validator);
    struct curl_slist *list = curl_slist_append(NULL, line);
    for (; list && usual; usual = usual->next) {
        struct curl_slist *longer = curl_slist_append(list, usual->data);
        if (!longer)
            curl_slist_free_all(list);
        list = longer;
    }
    return list;
}

int handle_aim(struct handle *handle, const struct job *job, struct body *body, bool probe)
{
    const char *url = job->url;
    bool tls = strncasecmp(url, "https:", 6) == 0;
    const struct fetch_options *options = handle->options;
    const char *validator = NULL;
    char range[32] = "0-0";
    CURL *curl = handle->curl;
    handle->body = body;
    handle->job = job;
    handle->answer = (struct answer){0};
    handle->offset = options->asks_range ? 0 : body_resumable(body, &validator);
    handle->probe = probe;
    handle->begun = handle->headers_too_long = false;
    handle->header_bytes = 0;
    handle->error = (thrum_error){0};
    handle->reason[0] = '\0';
    curl_slist_free_all(handle->headers);
    handle->headers = handle->offset > 0 ? headers_for(options->headers, validator) : NULL;
    if (handle->offset > 0)
        snprintf(range, sizeof range, "%ju-", (uintmax_t)handle->offset);
    if (handle->offset > 0 && !handle->headers)
        return -ENOMEM;
    bool head = options->check_only && !probe;
    bool fine =
        curl_easy_setopt(curl, CURLOPT_URL, url) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_PIPEWAIT, (long)tls) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, (long)(!tls && schedule_is_fresh(job))) ==
            CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, 0L) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_NOBODY, (long)head) == CURLE_OK &&
        (head || curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L) == CURLE_OK) &&
        curl_easy_setopt(curl, CURLOPT_RANGE, probe || handle->offset > 0 ? range : NULL) ==
            CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING,
                         options->compressed && handle->offset == 0 ? "" : NULL) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER,
                         handle->headers ? handle->headers : options->headers) == CURLE_OK;
    if (fine && options->cookies)
        fine = curl_easy_setopt(curl, CURLOPT_COOKIELIST, "ALL") == CURLE_OK &&
               curl_easy_setopt(curl, CURLOPT_COOKIELIST, "RELOAD") == CURLE_OK;
    return fine ? 0 : -ENOMEM;
}
