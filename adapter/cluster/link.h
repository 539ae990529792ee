/* The connection to the servers, as clients and workers use it; and the names of subjects, streams and consumers. */
#ifndef CLUSTER_LINK_H
#define CLUSTER_LINK_H

#include "thrum_cluster.h"
#include "wire.h"

#include <nats/nats.h>
#include <thrum/lock.h>

enum {
    POOL_MOST = 32,
    SUBJECT_SIZE = 256,
    CODE_SIZE = 128,
    PRIORITIES = 3,
    REFUSAL_SIZE = 96, /* the reason of a server that does not store a message */
    LISTENERS_MOST = 4,
    SPENT_MOST = 32,         /* messages that are destroyed together */
    SPENT_BYTES = 64 * 1024, /* bytes of such messages */
    OVERHEAD = 1024,         /* bytes of a message beside a value */
    INLINE_MOST = 512 * 1024 /* of a value that travels in a message */
};

/* Options with the defaults filled in. */
struct settings {
    thrum_cluster_options given;
    char pool[POOL_MOST + 1];
    char tls_name[256]; /* that the certificates of all servers have; with `tls_ca` */
    thrum_time lease, grace;
};

struct listener {
    natsSubscription *subscription;
    thrum_event silent; /* no message comes any more */
};

/* Messages that are of no more use. */
struct spent {
    thrum_lock lock; /* no other lock is taken under it */
    natsMsg *messages[SPENT_MOST];
    int count, bytes;
};

struct link {
    natsConnection *connection;
    struct spent spent;
    natsStatistics *statistics; /* of the connection, for thrum_cluster__link_times */
    struct listener listeners[LISTENERS_MOST];
    int listener_count;
    natsInbox *inbox;
    struct settings settings;
    bool makes_nothing;  /* it looks at a pool, and does not make its streams */
    thrum_event closed;  /* no callback comes any more, but for messages */
    size_t payload_most; /* bytes of a message that the server takes */
    size_t inline_most;  /* bytes of a value in a message */
    /* Called by a thread of libnats. `token` is what follows the inbox in the subject, or NULL for a message that a
     * consumer delivers there under the subject that it was published to. */
    void (*receive)(void *context, const char *token, natsMsg *message);
    /* The connection is there again. By a thread of libnats. */
    void (*reconnected)(void *context);
    void *context;
};

/* What is known of a message that a consumer has delivered. */
struct delivery {
    uint64_t count;    /* how often it was delivered */
    uint64_t sequence; /* where it stands in its stream */
    uint64_t pending;  /* messages behind it that were never delivered */
};

/* A consumer that is suspected to deliver nothing: stalls.c. */
struct stall {
    uint64_t delivered; /* messages that it had delivered */
    thrum_time since;   /* 0 if it is not suspected */
};

/* The same of a consumer that delivers here alone, and by itself: `received` is how many messages have come. Returns true if the
 * server has messages that it has not delivered, or that were not acknowledged, and for `limit` none has come. */
bool thrum_cluster__loses(struct stall *stall, const char *text, size_t size, uint64_t last,
                          uint64_t received, thrum_time limit);

/* Takes the server's answer about a consumer, whose stream has messages up to the number `last`. Returns true if messages have
 * been waiting for `limit`, and it has delivered none; or if it waits for later numbers than the stream will give next. */
bool thrum_cluster__stalls(struct stall *stall, const char *text, size_t size, uint64_t last,
                           thrum_time limit);

/* Checks options, and fills in the defaults (settings.c). Returns 0 or -EINVAL. */
int thrum_cluster__settings_take(struct settings *settings, const thrum_cluster_options *options,
                                 thrum_error *ret_error);

/* Sets an error and returns its code. */
int thrum_cluster__link_error(thrum_error *ret_error, int code, const char *format, ...)
    THRUM_PRINTF(3, 4);

/* Connects and listens on the inbox; makes the streams of the pool. The caller has set the settings and the functions.
 * Waits up to `seconds`. Returns as thrum_cluster_new. */
int thrum_cluster__link_open(struct link *link, double seconds, thrum_error *ret_error);
void thrum_cluster__link_close(struct link *link);

/* Has `handler` called for messages to a subject, by a thread of its own of libnats, until the link is closed. */
natsStatus thrum_cluster__link_listen(struct link *link, const char *subject,
                                      natsMsgHandler handler, void *context);

/* Listens to one more inbox, which is new, with the function `receive`, and gives its name. */
natsStatus thrum_cluster__link_listen_to_inbox(struct link *link, natsInbox **ret_inbox);

/* Publishes. `reply` is a token behind the inbox, or NULL; `id` is for the server, which drops a second message with it, or
 * NULL. What cannot be sent is lost, also while there is no connection: all who call this try again until they have an answer. */
void thrum_cluster__link_publish(struct link *link, const char *subject, const char *reply,
                                 const char *id, const void *bytes, size_t size);

/* Makes a stream of the pool, unless it is there: "t" has tasks, "r" results, "v" large values. Does not wait for the answer,
 * which comes with this token. */
void thrum_cluster__link_make_stream(struct link *link, const char *kind, const char *token);

/* What stands for the function of a task in subjects and names of consumers, from its name: "square=1" for "square@1", and
 * the build-id for a name of that. Servers of a cluster send each other a subject behind an "@", so it must have none. */
void thrum_cluster__code_of(const char *name, char code[CODE_SIZE]);

/* Gives a message to natsMsg_Destroy, now or later. libnats frees messages on a thread of its own, and each natsMsg_Destroy wakes
 * that thread if it sleeps: for many messages at a time it wakes once. */
void thrum_cluster__link_spend(struct link *link, natsMsg *message);

/* Acknowledges, or says that it goes on: `text` is +ACK or +WPI. */
void thrum_cluster__link_answer(struct link *link, const char *reply, const char *text);

/* Asks, and waits for the answer. Returns 0, -EOPNOTSUPP if nobody is there to answer, or -EPROTO; the caller gives
 * *ret_answer to natsMsg_Destroy. */
int thrum_cluster__link_ask(struct link *link, const char *subject, const char *text,
                            natsMsg **ret_answer);

/* Sets the error for such a code, and returns it. */
int thrum_cluster__link_no_answer(thrum_error *ret_error, int code);

/* How often the connection was made again. What the server said before is of another server, or of another state of it.
 * Under the lock of the client or worker. */
uint64_t thrum_cluster__link_times(struct link *link);

/* Reads the reply subject of a message that a consumer has delivered. Returns false for any other. */
bool thrum_cluster__delivery_read(const char *reply, struct delivery *ret_delivery);

#endif
