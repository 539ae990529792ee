/* The connection to the servers.
 *
 * libnats blocks, and its callbacks come on threads of its own. So only the I/O thread of a client or a worker publishes,
 * and those callbacks; none of them runs tasks or code of the user. libnats reconnects by itself, for ever. What was sent
 * while the connection was lost may be lost, so nothing here relies on a message: every sender has a time after which it
 * sends again.
 *
 * The server's interface to streams and consumers is requests with JSON, which this file writes itself. libnats has
 * functions for them, but each waits for its answer; here the answers come to the inbox like everything else.
 *
 *     stream thrum-POOL-t   subjects thrum.POOL.t.PRIORITY.CODE   tasks; a message is deleted when it is acknowledged
 *     stream thrum-POOL-r   subjects thrum.POOL.r.CLIENT          results, the same; deleted after an hour in any case
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

/* ------------------------------------------------------------------------------------ settings */

static thrum_time nanoseconds(double seconds, double standard)
{
    double used = seconds > 0 ? seconds : standard;
    return (thrum_time)((used < 1e6 ? used : 1e6) * 1e9);
}

int thrum_cluster__settings_take(struct settings *settings, const thrum_cluster_options *options,
                                 thrum_error *ret_error)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    *settings = (struct settings){.given = options ? *options : (thrum_cluster_options){0}};
    thrum_cluster_options *given = &settings->given;
    const char *pool = given->pool ? given->pool : "default";
    size_t length = strlen(pool);
    if (length == 0 || length > POOL_MOST || strspn(pool, letters) != length)
        return thrum_cluster__link_error(
            ret_error, -EINVAL,
            "the pool \"%.40s\" has no valid name: use at most %d letters, digits, "
            "\"-\" and \"_\"",
            pool, POOL_MOST);
    if (given->max_deliveries < 0 || given->replicas < 0 || given->replicas > 5)
        return thrum_cluster__link_error(
            ret_error, -EINVAL,
            "max_deliveries is %d and replicas is %d: neither may be negative, nor "
            "replicas more than 5",
            given->max_deliveries, given->replicas);
    memcpy(settings->pool, pool, length + 1);
    if (!given->servers)
        given->servers = "nats://127.0.0.1:4222";
    if (!given->max_deliveries)
        given->max_deliveries = 3;
    settings->lease = nanoseconds(given->lease, 30);
    settings->grace = nanoseconds(given->grace, 0.1);
    return 0;
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

static void receive(natsConnection *connection, natsSubscription *subscription, natsMsg *message,
                    void *context)
{
    (void)connection, (void)subscription;
    struct link *link = context;
    size_t length = strlen(link->inbox);
    const char *subject = natsMsg_GetSubject(message);
    bool own = strncmp(subject, link->inbox, length) == 0 && subject[length] == '.';
    link->receive(link->context, own ? subject + length + 1 : NULL, message);
    natsMsg_Destroy(message);
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

static natsStatus set_rights(natsOptions *to, const thrum_cluster_options *given)
{
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

static natsStatus connect_to(struct link *link, double seconds)
{
    natsOptions *to = NULL;
    char subject[SUBJECT_SIZE];
    natsStatus status = natsOptions_Create(&to);
    if (status == NATS_OK)
        status = set_servers(to, link->settings.given.servers);
    if (status == NATS_OK)
        status = set_rights(to, &link->settings.given);
    if (status == NATS_OK)
        status = set_behaviour(to, link, seconds);
    if (status == NATS_OK)
        status = natsConnection_Connect(&link->connection, to);
    natsOptions_Destroy(to);
    if (status == NATS_OK)
        status = natsInbox_Create(&link->inbox);
    if (status != NATS_OK)
        return status;
    snprintf(subject, sizeof subject, "%s.>", link->inbox);
    return thrum_cluster__link_listen(link, subject, receive, link);
}

int thrum_cluster__link_ask(struct link *link, const char *subject, const char *text,
                            natsMsg **ret_answer)
{
    natsStatus status =
        natsConnection_RequestString(ret_answer, link->connection, subject, text, 2000);
    return status == NATS_OK ? 0 : -EPROTO;
}

static int make_streams_now(struct link *link, thrum_error *ret_error)
{
    natsMsg *answer = NULL;
    char subject[SUBJECT_SIZE];
    if (!link->makes_nothing)
        thrum_cluster__link_make_streams(link);
    snprintf(subject, sizeof subject, "$JS.API.STREAM.INFO.thrum-%s-t", link->settings.pool);
    if (thrum_cluster__link_ask(link, subject, "", &answer) < 0)
        return thrum_cluster__link_error(
            ret_error, -EOPNOTSUPP,
            "the server has no JetStream, or the user may not use it: start "
            "nats-server with -js");
    const char *text = natsMsg_GetData(answer);
    size_t size = (size_t)natsMsg_GetDataLength(answer);
    uint64_t code = thrum_cluster__json_number(text, size, "err_code");
    const char *why = thrum_cluster__json_find(text, size, "description");
    int rc = code && !link->makes_nothing
                 ? thrum_cluster__link_error(ret_error, -EPROTO,
                                             "the server refuses a stream for pool %s: %.100s",
                                             link->settings.pool, why ? why : "no reason")
                 : 0;
    natsMsg_Destroy(answer);
    return rc;
}

int thrum_cluster__link_open(struct link *link, double seconds, thrum_error *ret_error)
{
    natsStatus status = connect_to(link, seconds);
    int rc = 0;
    if (status != NATS_OK) {
        const char *detail = nats_GetLastError(NULL);
        rc = thrum_cluster__link_error(ret_error, code_of(status),
                                       "cannot connect to %.80s: %s%s%.100s",
                                       link->settings.given.servers, natsStatus_GetText(status),
                                       detail && *detail ? ": " : "", detail ? detail : "");
    } else {
        link->payload_most = (size_t)natsConnection_GetMaxPayload(link->connection);
        rc = make_streams_now(link, ret_error);
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
    natsConnection_Destroy(link->connection);
    natsInbox_Destroy(link->inbox);
    link->connection = NULL;
    link->inbox = NULL;
}

/* -------------------------------------------------------------------------------------- sending */

void thrum_cluster__link_publish(struct link *link, const char *subject, const char *reply,
                                 const char *id, const void *bytes, size_t size)
{
    char inbox[SUBJECT_SIZE];
    natsMsg *message = NULL;
    if (reply)
        snprintf(inbox, sizeof inbox, "%s.%s", link->inbox, reply);
    if (natsMsg_Create(&message, subject, reply ? inbox : NULL, bytes, (int)size) != NATS_OK)
        return;
    if (!id || natsMsgHeader_Set(message, "Nats-Msg-Id", id) == NATS_OK)
        (void)natsConnection_PublishMsg(link->connection, message);
    natsMsg_Destroy(message);
}

void thrum_cluster__link_answer(struct link *link, const char *reply, const char *text)
{
    (void)natsConnection_PublishString(link->connection, reply, text);
}

static void make_stream(struct link *link, const char *kind, const char *subjects,
                        const char *limits)
{
    char subject[SUBJECT_SIZE], text[1024];
    const char *pool = link->settings.pool;
    int replicas = link->settings.given.replicas ? link->settings.given.replicas : 1;
    snprintf(subject, sizeof subject, "$JS.API.STREAM.CREATE.thrum-%s-%s", pool, kind);
    snprintf(text, sizeof text,
             "{\"name\":\"thrum-%s-%s\",\"subjects\":[\"thrum.%s.%s\"],\"retention\":\"workqueue\","
             "\"storage\":\"file\",\"max_consumers\":-1,\"max_bytes\":-1,\"num_replicas\":%d,"
             "\"duplicate_window\":120000000000,%s}",
             pool, kind, pool, subjects, replicas, limits);
    thrum_cluster__link_publish(link, subject, "x", NULL, text, strlen(text));
}

void thrum_cluster__link_make_streams(struct link *link)
{
    char limits[200];
    size_t most = link->settings.given.max_queued;
    if (most)
        snprintf(limits, sizeof limits, "\"discard\":\"new\",\"max_msgs\":%zu,\"max_age\":0", most);
    else
        snprintf(limits, sizeof limits, "\"discard\":\"new\",\"max_msgs\":-1,\"max_age\":0");
    make_stream(link, "t", "t.>", limits);
    make_stream(link, "r", "r.*", "\"discard\":\"old\",\"max_msgs\":-1,\"max_age\":3600000000000");
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
    return ret_delivery->count > 0 && ret_delivery->sequence > 0;
}
