/* Transfers.
 *
 * An attempt has a place of the schedule and a token of each limiter. A pause between two attempts
 * has neither, so other jobs use them. Ctrl-C ends the pause and the waits, not the attempt.
 *
 * A failure is retried if another attempt may succeed: a connection that could not be made, broke
 * or stalled, an answer that ended too soon, 408, 429 and 5xx. It is not retried for a name without
 * an address, an invalid certificate or a loop of redirects. If a server asks for a pause longer
 * than AFTER_MOST, the URL fails. A further attempt continues where the last one ended, if the
 * server gives the file a version.
 *
 * --check-only uses HEAD. If a server refuses that (403, 405, 501), it uses GET for the first byte,
 * and ends the request with the headers; 206 then counts as 200.
 */
#include "transfer.h"

#include "trouble.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { AFTER_MOST = 600, HOSTS_KNOWN = 100000 };

static const double first_pause = 0.5, longest_pause = 30, crowd_pause = 0.05;

/* ----------------------------------------------------------------------------------- what is shared */

int transfers_init(struct transfers *ret_transfers, const struct fetch_options *options, int lanes,
                   struct body_place *place, thrum_deadline deadline)
{
    int rc = 0;
    *ret_transfers = (struct transfers){.options = options, .place = place, .deadline = deadline};
    if (options->rate > 0)
        thrum_rate_limiter_init(&ret_transfers->limiter, options->rate, 1);
    for (int i = 0; i < lanes && rc == 0; i++)
        rc = thrum_curl_new(
            &(thrum_curl_options){.max_idle = options->jobs, .no_lookups = options->proxy != NULL},
            &ret_transfers->clients[i]);
    if (options->host_rate > 0)
        ret_transfers->host_limiter =
            thrum_keyed_rate_limiter_new(&(thrum_keyed_rate_limiter_options){
                .per_second = options->host_rate, .max_keys = HOSTS_KNOWN});
    return rc < 0 || options->host_rate <= 0 || ret_transfers->host_limiter ? rc : -ENOMEM;
}

void transfers_finish(struct transfers *transfers)
{
    struct handle *handle;
    while ((handle = transfers->idle)) {
        transfers->idle = handle->next;
        handle_free(handle);
    }
    for (int i = 0; i < LANES_MOST; i++)
        thrum_curl_free(transfers->clients[i]);
    thrum_keyed_rate_limiter_free(transfers->host_limiter);
}

static struct handle *take_handle(struct transfers *transfers)
{
    struct handle *handle = NULL;
    thrum_with (&transfers->lock)
        if ((handle = transfers->idle))
            transfers->idle = handle->next;
    return handle ? handle : handle_new(transfers->options);
}

static void give_handle(struct transfers *transfers, struct handle *handle)
{
    thrum_with (&transfers->lock) {
        handle->next = transfers->idle;
        transfers->idle = handle;
    }
}

/* --------------------------------------------------------------------------------------- an attempt */

/* True if the next attempt may have another result. */
static bool may_pass(CURLcode code)
{
    switch (code) {
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
    case CURLE_SSL_CONNECT_ERROR:
        return true;
    default:
        return false;
    }
}

static void note(const struct handle *handle, struct outcome *outcome)
{
    static const CURLINFO infos[MOMENTS] = {CURLINFO_NAMELOOKUP_TIME_T, CURLINFO_CONNECT_TIME_T,
                                            CURLINFO_APPCONNECT_TIME_T,
                                            CURLINFO_STARTTRANSFER_TIME_T, CURLINFO_TOTAL_TIME_T};
    outcome->status = 0;
    curl_easy_getinfo(handle->curl, CURLINFO_RESPONSE_CODE, &outcome->status);
    for (int i = 0; i < MOMENTS; i++) {
        curl_off_t microseconds = 0;
        curl_easy_getinfo(handle->curl, infos[i], &microseconds);
        outcome->moments[i] = (double)microseconds * 1e-6;
    }
}

/* True if the file is complete: the server has no bytes after those that have come. */
static bool has_all(const struct handle *handle, long status)
{
    const struct answer *answer = &handle->answer;
    return status == 416 && handle->offset > 0 && answer->ranged && answer->total == handle->offset;
}

/* Judges the status of the answer. */
static void judge_status(struct handle *handle, const struct outcome *outcome, thrum_retry *retry)
{
    curl_off_t after = 0;
    long status = outcome->status;
    if ((status >= 200 && status < 300) || status == 304 || has_all(handle, status)) {
        thrum_retry_done(retry, 0);
        return;
    }
    thrum_retry_fail(retry, -EPROTO, "the server answers with status %ld", status);
    curl_easy_getinfo(handle->curl, CURLINFO_RETRY_AFTER, &after);
    if (status == 416 && handle->offset > 0 && body_empty(handle->body) == 0)
        return; /* the partial file is useless; the next attempt asks for all */
    if (status != 408 && status != 429 && status < 500)
        thrum_retry_give_up(retry);
    else if (after > AFTER_MOST) {
        thrum_retry_fail(retry, -EPROTO,
                         "the server answers with status %ld and wants to be asked again in %jd "
                         "seconds",
                         status, (intmax_t)after);
        thrum_retry_give_up(retry);
    } else if (after > 0)
        thrum_retry_not_before(retry, thrum_in((double)after));
}

static void judge_code(const struct handle *handle, CURLcode code, thrum_retry *retry)
{
    const struct body *body = handle->body;
    if (handle->headers_too_long)
        thrum_retry_fail(retry, -EPROTO, "the headers of the answer are too long");
    else if (handle->error.code < 0)
        thrum_retry_fail(retry, handle->error.code, "%s", handle->error.message);
    else if (body->error.code < 0)
        thrum_retry_fail(retry, body->error.code, "%s", body->error.message);
    else
        thrum_retry_fail(retry, -EIO, "%s",
                         handle->reason[0] ? handle->reason : curl_easy_strerror(code));
    if (handle->headers_too_long || handle->error.code < 0 || body->error.code < 0 ||
        !may_pass(code))
        thrum_retry_give_up(retry);
}

/* Waits for tokens of the limiters. Returns 0 or a negative errno. */
static int wait_for_tokens(struct transfers *transfers, struct job *job)
{
    const char *host = job->address.host;
    if (!transfers->host_limiter && transfers->options->rate <= 0)
        return 0;
    int rc = 0;
    schedule_wait_begin(job);
    while (transfers->host_limiter &&
           (rc = thrum_keyed_rate_limiter_acquire(transfers->host_limiter, host, strlen(host), 1,
                                                  transfers->deadline)) == -ENOBUFS &&
           thrum_sleep(thrum_in(crowd_pause)) == 0)
        continue; /* the limiter has too many hosts at a time */
    if (rc == 0)
        rc = thrum_rate_limiter_acquire(&transfers->limiter, 1, transfers->deadline);
    int ended = schedule_wait_end(job);
    return rc < 0 ? rc : ended;
}

/* True if the server refuses HEAD but may accept GET. */
static bool refuses_head(const struct handle *handle, long status)
{
    return handle->options->check_only && !handle->probe &&
           (status == 403 || status == 405 || status == 501);
}

/* Asks once. Returns 0 and libcurl's code, or a negative errno. */
static int ask(struct transfers *transfers, struct handle *handle, const struct job *job,
               thrum_deadline deadline, bool probe, struct outcome *outcome, CURLcode *ret_code)
{
    int rc = handle_aim(handle, job, handle->body, probe);
    if (rc == 0)
        rc = thrum_curl_perform(transfers->clients[job->lane], handle->curl, ret_code, deadline);
    note(handle, outcome);
    if (rc == 0 && probe && *ret_code == CURLE_WRITE_ERROR && outcome->status > 0 &&
        !handle->headers_too_long)
        *ret_code = CURLE_OK; /* the write function ended it */
    if (rc == 0 && probe && (outcome->status == 206 || outcome->status == 416))
        outcome->status = 200;
    if (rc == 0 && *ret_code == CURLE_OK && !handle_answered(handle))
        *ret_code = CURLE_WRITE_ERROR;
    outcome->bytes = handle->body->bytes;
    return rc;
}

/* Makes one attempt, and reports its result to the retry. */
static void attempt(struct transfers *transfers, struct handle *handle, struct job *job,
                    struct outcome *outcome, thrum_retry *retry)
{
    double patience = transfers->options->timeout;
    thrum_deadline deadline = patience > 0 ? thrum_in(patience) : THRUM_FOREVER;
    bool last = transfers->deadline.ns <= deadline.ns;
    const char *validator;
    CURLcode code = CURLE_OK;
    outcome->attempts = thrum_retry_attempt(retry);
    deadline = last ? transfers->deadline : deadline;
    int rc = body_resumable(handle->body, &validator) > 0 ? 0 : body_empty(handle->body);
    if (rc == 0)
        rc = ask(transfers, handle, job, deadline, false, outcome, &code);
    if (rc == 0 && code == CURLE_OK && refuses_head(handle, outcome->status)) {
        rc = wait_for_tokens(transfers, job);
        if (rc == 0)
            rc = ask(transfers, handle, job, deadline, true, outcome, &code);
    }
    if (rc == -ETIMEDOUT && !last) {
        thrum_retry_fail(retry, rc, "took longer than %g seconds", patience);
    } else if (rc < 0) {
        outcome->unfinished = rc == -ETIMEDOUT || rc == -ECANCELED;
        thrum_retry_fail(retry, rc, "%s",
                         handle->body->error.code < 0 ? handle->body->error.message
                                                      : thrum_strerror(rc));
        thrum_retry_give_up(retry);
    } else if (code != CURLE_OK) {
        judge_code(handle, code, retry);
    } else {
        judge_status(handle, outcome, retry);
    }
}

/* ---------------------------------------------------------------------------------------- all of it */

/* Waits for the pause, a place and tokens. Returns true if an attempt follows. */
static bool next_attempt(struct transfers *transfers, struct job *job, struct outcome *outcome,
                         thrum_retry *retry)
{
    bool first = thrum_retry_attempt(retry) == 0;
    if (!first)
        schedule_wait_begin(job);
    bool go_on = thrum_retry_next(retry);
    int rc = first ? 0 : schedule_wait_end(job);
    if (!go_on)
        return false;
    if (rc == 0)
        rc = schedule_enter(job);
    if (rc == 0)
        rc = wait_for_tokens(transfers, job);
    if (rc == 0)
        return true;
    outcome->unfinished = true;
    return false;
}

static void settle(struct transfers *transfers, const thrum_retry *retry, struct body *body,
                   struct outcome *outcome)
{
    int rc = thrum_retry_code(retry);
    const char *message = thrum_retry_error(retry)->message;
    /* Cut off in a pause, by a stop or by the run's deadline. */
    if (rc == -ECANCELED || (rc == -ETIMEDOUT && transfers->deadline.ns <= thrum_now()))
        outcome->unfinished = true;
    if (outcome->unfinished)
        return;
    if (rc == 0 && (rc = body_keep(body)) < 0)
        message = body->error.message;
    outcome->failed = rc < 0;
    if (rc < 0)
        snprintf(outcome->error, sizeof outcome->error, "%s", message);
    else if (transfers->place->kind == BODY_FILE && !body->empty &&
             asprintf(&outcome->path, "%s/%s", transfers->place->files.name, body->name) < 0) {
        outcome->path = NULL;
        outcome->failed = true;
        snprintf(outcome->error, sizeof outcome->error, "out of memory for the name of its file");
    }
}

void transfer(struct transfers *transfers, struct job *job, struct outcome *ret_outcome,
              struct body *ret_body)
{
    thrum_retry retry =
        THRUM_RETRY(.attempts = (uint32_t)transfers->options->retries + 1, .base = first_pause,
                    .cap = longest_pause, .deadline = transfers->deadline);
    *ret_outcome = (struct outcome){0};
    int rc = body_begin(ret_body, transfers->place, job->url, job->address.name, &job->wanted);
    struct handle *handle = rc == 0 ? take_handle(transfers) : NULL;
    if (!handle) {
        ret_outcome->failed = true;
        snprintf(ret_outcome->error, sizeof ret_outcome->error, "%s",
                 rc < 0 ? ret_body->error.message : "out of memory");
        return;
    }
    handle->body = ret_body;
    while (next_attempt(transfers, job, ret_outcome, &retry)) {
        attempt(transfers, handle, job, ret_outcome, &retry);
        long status = ret_outcome->status;
        schedule_leave(job, status == 429 || status == 503);
    }
    give_handle(transfers, handle);
    settle(transfers, &retry, ret_body, ret_outcome);
}
