/* The connection to the servers.
 *
 * libnats blocks, and its callbacks come on threads of its own. So only the I/O thread of a client or a worker publishes,
 * and those callbacks; none of them runs tasks or code of the user. libnats reconnects by itself, for ever. What was sent
 * while the connection was lost may be lost, so nothing here relies on a message: every sender has a time after which it
 * sends again.
 *
 * libnats would keep what is published while there is no connection, and send it to the next server. That one may have
 * lost its state: an acknowledgement, or the deletion of a message, has nothing but the number of the message, and would
 * delete another. So nothing is published then; and what is said of a message by its number is said only on the
 * connection on which the stream was seen to be the same (stream.c).
 *
 * The server's interface to streams and consumers is requests with JSON, which this file writes itself. libnats has
 * functions for them, but each waits for its answer; here the answers come to the inbox like everything else.
 *
 *     stream thrum-POOL-t   subjects thrum.POOL.t.PRIORITY.CODE   tasks; a message is deleted when it is acknowledged
 *     stream thrum-POOL-r   subjects thrum.POOL.r.CLIENT          results, the same; deleted after an hour in any case
 *     stream thrum-POOL-v   subjects thrum.POOL.v.CLIENT.NAME.INDEX   chunks of large values: values.c
 *     subject thrum.POOL.c                                        requests to stop, not stored
 *     subject thrum.POOL.s                                        questions for the status of workers, not stored
 */
#include "link.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <thrum/thread.h>
#include <thrum/with.h>

enum { SERVERS_MOST = 16 };

int thrum_cluster__link_error(thrum_error *ret_error, int code, const char *format, ...)
{
    if (ret_error) {
        va_list arguments;
        va_start(arguments, format);
        ret_error->code = code;
        vsnprintf(ret_error->message, sizeof ret_error->message, format, arguments);
        va_end(arguments);
    }
    return code;
}

/* ------------------------------------------------------------------------------------ connecting */

/* libnats prints errors that come later unless somebody takes them. All have their cure in a repetition. */
static void ignore_error(natsConnection *connection, natsSubscription *subscription,
                         natsStatus error, void *context)
{
    (void)connection, (void)subscription, (void)error, (void)context;
}

static void note_reconnected(natsConnection *connection, void *context)
{
    (void)connection;
    struct link *link = context;
    link->reconnected(link->context);
}

static void destroy_spent(struct spent *spent)
{
    natsMsg *messages[SPENT_MOST];
    int count = 0;
    thrum_with (&spent->lock) {
        count = spent->count;
        memcpy(messages, spent->messages, (size_t)count * sizeof messages[0]);
        spent->count = spent->bytes = 0;
    }
    while (count > 0)
        natsMsg_Destroy(messages[--count]);
}

void thrum_cluster__link_spend(struct link *link, natsMsg *message)
{
    struct spent *spent = &link->spent;
    bool full = false;
    while (message) {
        thrum_with (&spent->lock) {
            if (spent->count < SPENT_MOST) {
                spent->messages[spent->count++] = message;
                spent->bytes += natsMsg_GetDataLength(message);
                message = NULL;
            }
            full = spent->count == SPENT_MOST || spent->bytes >= SPENT_BYTES;
        }
        if (full)
            destroy_spent(spent);
    }
}

static void receive(natsConnection *connection, natsSubscription *subscription, natsMsg *message,
                    void *context)
{
    (void)connection, (void)subscription;
    struct link *link = context;
    size_t length = strlen(link->inbox);
    const char *subject = natsMsg_GetSubject(message);
    bool own = strncmp(subject, link->inbox, length) == 0 && subject[length] == '.';
    link->receive(link->context, own ? subject + length + 1 : NULL, message);
    thrum_cluster__link_spend(link, message);
}

static void note_closed(natsConnection *connection, void *context)
{
    (void)connection;
    thrum_event_set(&((struct link *)context)->closed);
}

static void note_silent(void *context)
{
    thrum_event_set(&((struct listener *)context)->silent);
}

static natsStatus set_servers(natsOptions *to, const char *servers)
{
    char text[1024], *state = NULL;
    const char *list[SERVERS_MOST];
    int count = 0;
    if (snprintf(text, sizeof text, "%s", servers) >= (int)sizeof text)
        return NATS_INVALID_ARG;
    for (char *one = strtok_r(text, ", ", &state); one && count < SERVERS_MOST;
         one = strtok_r(NULL, ", ", &state))
        list[count++] = one;
    return count ? natsOptions_SetServers(to, list, count) : NATS_INVALID_ARG;
}

static natsStatus set_rights(natsOptions *to, const struct settings *settings)
{
    const thrum_cluster_options *given = &settings->given;
    natsStatus status = NATS_OK;
    if (given->user)
        status = natsOptions_SetUserInfo(to, given->user, given->password ? given->password : "");
    if (status == NATS_OK && given->credentials)
        status = natsOptions_SetUserCredentialsFromFiles(to, given->credentials, NULL);
    if (status == NATS_OK && given->nkey)
        status =
            natsOptions_SetNKeyFromSeed(to, given->nkey, given->nkey_seed ? given->nkey_seed : "");
    if (status == NATS_OK && given->tls_ca)
        status = natsOptions_SetSecure(to, true);
    if (status == NATS_OK && given->tls_ca)
        status = natsOptions_LoadCATrustedCertificates(to, given->tls_ca);
    if (status == NATS_OK && given->tls_ca)
        status = natsOptions_SetExpectedHostname(to, settings->tls_name);
    if (status == NATS_OK && given->tls_certificate)
        status = natsOptions_LoadCertificatesChain(
            to, given->tls_certificate, given->tls_key ? given->tls_key : given->tls_certificate);
    return status;
}

/* The flusher of libnats waits a millisecond before it sends; we send at once, many tasks in a message. */
static natsStatus set_behaviour(natsOptions *to, struct link *link, double seconds)
{
    int64_t milliseconds = seconds < 0.05 ? 50 : seconds > 60 ? 60000 : (int64_t)(seconds * 1e3);
    natsStatus status = natsOptions_SetTimeout(to, milliseconds);
    if (status == NATS_OK)
        status = natsOptions_SetMaxReconnect(to, -1);
    if (status == NATS_OK)
        status = natsOptions_SetReconnectWait(to, 100);
    if (status == NATS_OK)
        status = natsOptions_SetReconnectBufSize(to, 1); /* 0 would mean much */
    if (status == NATS_OK)
        status = natsOptions_SetSendAsap(to, true);
    if (status == NATS_OK)
        status = natsOptions_SetPingInterval(to, 2000);
    if (status == NATS_OK)
        status = natsOptions_SetWriteDeadline(to, 2000);
    if (status == NATS_OK)
        status = natsOptions_SetErrorHandler(to, ignore_error, NULL);
    if (status == NATS_OK)
        status = natsOptions_SetReconnectedCB(to, note_reconnected, link);
    if (status == NATS_OK)
        status = natsOptions_SetClosedCB(to, note_closed, link);
    return status;
}

static int code_of(natsStatus status)
{
    switch (status) {
    case NATS_NO_SERVER:
    case NATS_TIMEOUT:
        return -ECONNREFUSED;
    case NATS_CONNECTION_AUTH_FAILED:
    case NATS_NOT_PERMITTED:
    case NATS_SSL_ERROR:
    case NATS_SECURE_CONNECTION_REQUIRED:
    case NATS_SECURE_CONNECTION_WANTED:
        return -EACCES;
    case NATS_NO_MEMORY:
        return -ENOMEM;
    case NATS_INVALID_ARG:
    case NATS_ADDRESS_MISSING:
        return -EINVAL;
    default:
        return -EPROTO;
    }
}

/* The subject and the text of a request that makes a stream of the pool. */
static void describe_stream(const struct link *link, const char *kind, char *subject, char *text,
                            size_t size)
{
    static const struct {
        char kind;
        const char *subjects, *retention, *discard, *more;
    } streams[] = {
        {'t', "t.>", "workqueue", "new", "\"max_age\":0"},
        {'r', "r.*", "workqueue", "old", "\"max_age\":3600000000000"},
        {'v', "v.>", "limits", "old",
         "\"max_age\":7200000000000,\"max_msgs_per_subject\":1,\"allow_direct\":true"},
    };
    char most[24] = "-1";
    const char *pool = link->settings.pool;
    int replicas = link->settings.given.replicas ? link->settings.given.replicas : 1, at = 0;
    while (streams[at].kind != *kind)
        at++;
    if (*kind == 't' && link->settings.given.max_queued)
        snprintf(most, sizeof most, "%zu", link->settings.given.max_queued);
    snprintf(subject, SUBJECT_SIZE, "$JS.API.STREAM.CREATE.thrum-%s-%s", pool, kind);
    snprintf(text, size,
             "{\"name\":\"thrum-%s-%s\",\"subjects\":[\"thrum.%s.%s\"],\"retention\":\"%s\","
             "\"storage\":\"file\",\"max_consumers\":-1,\"max_bytes\":-1,\"num_replicas\":%d,"
             "\"duplicate_window\":120000000000,\"discard\":\"%s\",\"max_msgs\":%s,%s}",
             pool, kind, pool, streams[at].subjects, streams[at].retention, replicas,
             streams[at].discard, most, streams[at].more);
}

/* What of the options to look at. */
static const char *hint_of(const thrum_cluster_options *given, natsStatus status)
{
    switch (status) {
    case NATS_CONNECTION_AUTH_FAILED:
    case NATS_NOT_PERMITTED:
        return given->credentials ? "check credentials"
               : given->nkey      ? "check nkey and nkey_seed"
               : given->user
                   ? "check user and password"
                   : "it wants user and password, a token in the URL, nkey or credentials";
    case NATS_SECURE_CONNECTION_REQUIRED:
        return "it wants TLS: give tls_ca";
    case NATS_SECURE_CONNECTION_WANTED:
        return "it has no TLS, and tls_ca asks for it";
    case NATS_SSL_ERROR:
        return "check tls_ca, tls_name and tls_certificate";
    case NATS_IO_ERROR:
    case NATS_PROTOCOL_ERROR: /* TLS 1.3 tells a client that it is refused after the handshake */
    case NATS_CONNECTION_CLOSED:
        return given->tls_ca ? "it closes the connection: check tls_certificate" : NULL;
    default:
        return NULL;
    }
}

/* The servers without what stands before an "@": a message goes to logs. */
static void hide_secrets(const char *servers, char *text, size_t size)
{
    size_t used = 0;
    while (*servers && used + 1 < size) {
        size_t length = strcspn(servers, ", ");
        const char *from = memrchr(servers, '@', length);
        const char *scheme = strstr(servers, "://");
        if (from && scheme && scheme < from)
            used += (size_t)snprintf(text + used, size - used, "%.*s", (int)(scheme + 3 - servers),
                                     servers);
        from = from ? from + 1 : servers;
        if (used < size)
            used +=
                (size_t)snprintf(text + used, size - used, "%.*s%s", (int)(servers + length - from),
                                 from, servers[length] ? "," : "");
        servers += length + (servers[length] != '\0');
    }
    text[used < size ? used : size - 1] = '\0';
}

static int tell_refusal(const thrum_cluster_options *given, natsStatus status,
                        thrum_error *ret_error)
{
    char servers[80];
    const char *detail = nats_GetLastError(NULL), *hint = hint_of(given, status);
    int code = hint ? -EACCES : code_of(status);
    hide_secrets(given->servers, servers, sizeof servers);
    if (hint)
        return thrum_cluster__link_error(ret_error, code, "%s refuses the connection: %s (%.80s)",
                                         servers, hint,
                                         detail && *detail ? detail : natsStatus_GetText(status));
    return thrum_cluster__link_error(ret_error, code, "cannot connect to %s: %s%s%.100s", servers,
                                     natsStatus_GetText(status), detail && *detail ? ": " : "",
                                     detail ? detail : "");
}

natsStatus thrum_cluster__link_listen(struct link *link, const char *subject,
                                      natsMsgHandler handler, void *context)
{
    struct listener *listener = &link->listeners[link->listener_count];
    natsStatus status = natsConnection_Subscribe(&listener->subscription, link->connection, subject,
                                                 handler, context);
    if (status != NATS_OK)
        return status;
    status = natsSubscription_SetOnCompleteCB(listener->subscription, note_silent, listener);
    if (status != NATS_OK) {
        natsSubscription_Destroy(listener->subscription);
        return status;
    }
    link->listener_count++;
    return natsSubscription_SetPendingLimits(listener->subscription, -1, -1);
}

natsStatus thrum_cluster__link_listen_to_inbox(struct link *link, natsInbox **ret_inbox)
{
    natsStatus status = natsInbox_Create(ret_inbox);
    return status == NATS_OK ? thrum_cluster__link_listen(link, *ret_inbox, receive, link) : status;
}

/* libnats 3.4 sends no signature if that begins with a zero byte, which is so for one nonce of 256; the server then refuses
 * right credentials. Each connection has another nonce. (When it reconnects, libnats itself tries again after the first refusal.) */
enum { SIGNATURES_MOST = 4 };

static natsStatus connect_signed(struct link *link, natsOptions *to)
{
    bool is_signed = link->settings.given.credentials || link->settings.given.nkey;
    natsStatus status = natsConnection_Connect(&link->connection, to);
    for (int i = 1; i < SIGNATURES_MOST && is_signed && status == NATS_CONNECTION_AUTH_FAILED; i++)
        status = natsConnection_Connect(&link->connection, to);
    return status;
}

static natsStatus connect_to(struct link *link, double seconds)
{
    natsOptions *to = NULL;
    char subject[SUBJECT_SIZE];
    natsStatus status = natsOptions_Create(&to);
    if (status == NATS_OK)
        status = set_servers(to, link->settings.given.servers);
    if (status == NATS_OK)
        status = set_rights(to, &link->settings);
    if (status == NATS_OK)
        status = set_behaviour(to, link, seconds);
    if (status == NATS_OK)
        status = connect_signed(link, to);
    natsOptions_Destroy(to);
    if (status == NATS_OK)
        status = natsInbox_Create(&link->inbox);
    if (status == NATS_OK)
        status = natsStatistics_Create(&link->statistics);
    if (status != NATS_OK)
        return status;
    snprintf(subject, sizeof subject, "%s.>", link->inbox);
    return thrum_cluster__link_listen(link, subject, receive, link);
}

int thrum_cluster__link_ask(struct link *link, const char *subject, const char *text,
                            natsMsg **ret_answer)
{
    natsStatus status =
        natsConnection_RequestString(ret_answer, link->connection, subject, text, 5000);
    return status == NATS_OK ? 0 : status == NATS_NO_RESPONDERS ? -EOPNOTSUPP : -EPROTO;
}

int thrum_cluster__link_no_answer(thrum_error *ret_error, int code)
{
    return thrum_cluster__link_error(
        ret_error, code, "%s",
        code == -EOPNOTSUPP
            ? "the server has no JetStream, or the user may not use it: start nats-server with -js"
            : "JetStream does not answer: do most of its servers run?");
}

enum { OTHER_OPTIONS = 10058 };

/* Makes a stream, and waits for the answer. A stream that is there with other options stays. */
static int try_stream(struct link *link, const char *kind, thrum_error *ret_error)
{
    char subject[SUBJECT_SIZE], text[1024];
    natsMsg *answer = NULL;
    describe_stream(link, kind, subject, text, sizeof text);
    int rc = thrum_cluster__link_ask(link, subject, text, &answer);
    if (rc < 0)
        return thrum_cluster__link_no_answer(ret_error, rc);
    const char *about = natsMsg_GetData(answer);
    size_t size = (size_t)natsMsg_GetDataLength(answer);
    uint64_t code = thrum_cluster__json_number(about, size, "err_code");
    char why[100];
    thrum_cluster__json_text(about, size, "description", why, sizeof why);
    if (code && code != OTHER_OPTIONS)
        rc = thrum_cluster__link_error(ret_error, -EPROTO,
                                       "the server refuses a stream for pool %s: %s",
                                       link->settings.pool, *why ? why : "no reason");
    natsMsg_Destroy(answer);
    return rc;
}

/* A server refuses one of two programs that make the same stream at the same moment: the second finds it half made. */
static int make_stream_now(struct link *link, const char *kind, thrum_error *ret_error)
{
    int rc = try_stream(link, kind, ret_error);
    for (int tries = 0; rc == -EPROTO && tries < 10; tries++) {
        (void)!thrum_sleep(thrum_in(0.1));
        rc = try_stream(link, kind, ret_error);
    }
    return rc;
}

int thrum_cluster__link_open(struct link *link, double seconds, thrum_error *ret_error)
{
    natsStatus status = connect_to(link, seconds);
    int rc = 0;
    if (status != NATS_OK) {
        rc = tell_refusal(&link->settings.given, status, ret_error);
    } else {
        link->payload_most = (size_t)natsConnection_GetMaxPayload(link->connection);
        if (link->payload_most < 2 * OVERHEAD)
            link->payload_most = 2 * OVERHEAD; /* the server refuses messages then */
        link->inline_most = link->payload_most - OVERHEAD;
        if (link->inline_most > INLINE_MOST)
            link->inline_most = INLINE_MOST;
        if (!link->makes_nothing)
            rc = make_stream_now(link, "t", ret_error);
        if (rc == 0 && !link->makes_nothing)
            rc = make_stream_now(link, "r", ret_error);
    }
    if (rc < 0)
        thrum_cluster__link_close(link);
    return rc;
}

/* After it no callback runs, and none will. */
void thrum_cluster__link_close(struct link *link)
{
    if (link->connection)
        natsConnection_Close(link->connection);
    thrum_shield_begin();
    for (int i = 0; i < link->listener_count; i++)
        (void)!thrum_event_wait(&link->listeners[i].silent, THRUM_FOREVER);
    if (link->connection)
        (void)!thrum_event_wait(&link->closed, THRUM_FOREVER);
    thrum_shield_end();
    while (link->listener_count > 0)
        natsSubscription_Destroy(link->listeners[--link->listener_count].subscription);
    destroy_spent(&link->spent);
    natsConnection_Destroy(link->connection);
    natsInbox_Destroy(link->inbox);
    natsStatistics_Destroy(link->statistics);
    link->statistics = NULL;
    link->connection = NULL;
    link->inbox = NULL;
}

/* -------------------------------------------------------------------------------------- sending */

void thrum_cluster__link_publish(struct link *link, const char *subject, const char *reply,
                                 const char *id, const void *bytes, size_t size)
{
    char inbox[SUBJECT_SIZE];
    natsMsg *message = NULL;
    if (natsConnection_IsReconnecting(link->connection))
        return;
    if (reply)
        snprintf(inbox, sizeof inbox, "%s.%s", link->inbox, reply);
    if (!id) {
        (void)(reply ? natsConnection_PublishRequest(link->connection, subject, inbox, bytes,
                                                     (int)size)
                     : natsConnection_Publish(link->connection, subject, bytes, (int)size));
        return;
    }
    if (natsMsg_Create(&message, subject, reply ? inbox : NULL, bytes, (int)size) != NATS_OK)
        return;
    if (natsMsgHeader_Set(message, "Nats-Msg-Id", id) == NATS_OK)
        (void)natsConnection_PublishMsg(link->connection, message);
    thrum_cluster__link_spend(link, message);
}

void thrum_cluster__link_answer(struct link *link, const char *reply, const char *text)
{
    if (!natsConnection_IsReconnecting(link->connection))
        (void)natsConnection_PublishString(link->connection, reply, text);
}

uint64_t thrum_cluster__link_times(struct link *link)
{
    uint64_t times = 0;
    if (natsConnection_GetStats(link->connection, link->statistics) == NATS_OK)
        (void)natsStatistics_GetCounts(link->statistics, NULL, NULL, NULL, NULL, &times);
    return times;
}

void thrum_cluster__link_make_stream(struct link *link, const char *kind, const char *token)
{
    char subject[SUBJECT_SIZE], text[1024];
    describe_stream(link, kind, subject, text, sizeof text);
    thrum_cluster__link_publish(link, subject, token, NULL, text, strlen(text));
}

void thrum_cluster__code_of(const char *name, char code[CODE_SIZE])
{
    snprintf(code, CODE_SIZE, "%.*s", (int)strcspn(name, "+"), name);
    char *at = strchr(code, '@');
    if (at)
        *at = '=';
}

bool thrum_cluster__delivery_read(const char *reply, struct delivery *ret_delivery)
{
    const char *tokens[12];
    int count = 0;
    if (!reply || strncmp(reply, "$JS.ACK.", 8) != 0)
        return false;
    for (const char *at = reply; at && count < 12;
         at = strchr(at, '.') ? strchr(at, '.') + 1 : NULL)
        tokens[count++] = at;
    if (count != 9 && count < 11)
        return false;
    int first = count == 9 ? 4 : 6; /* servers may put a domain and an account before the stream */
    ret_delivery->count = strtoull(tokens[first], NULL, 10);
    ret_delivery->sequence = strtoull(tokens[first + 1], NULL, 10);
    ret_delivery->pending = strtoull(tokens[first + 4], NULL, 10);
    return ret_delivery->count > 0 && ret_delivery->sequence > 0;
}
