/* Values that are larger than a message: values.c has the essay. All functions are called with the owner's lock held, but for
 * thrum_cluster__values_move and those that have no `struct values`. */
#ifndef CLUSTER_VALUES_H
#define CLUSTER_VALUES_H

#include "link.h"

#include <thrum/lock.h>

enum {
    CHUNK_MOST = 256 * 1024,
    WINDOW_MOST = 8,  /* chunks of a value that are on their way */
    MOVING_MOST = 16, /* of all values */
};

/* A chunk that is on its way. */
struct moving {
    uint32_t index;
    unsigned tries;
    thrum_time again_at,
        missing_since; /* `missing_since` is 0 until the server says that it has no such chunk */
};

struct transfer {
    char subject[SUBJECT_SIZE]; /* of the value; that of a chunk has its index behind it */
    char *bytes;                /* what is sent, or room for what is fetched */
    uint64_t size, number;
    uint32_t chunk, count, next,
        done; /* size of a chunk; chunks, those that were begun, and those that have ended */
    bool sends, listed;
    unsigned window, used;
    struct moving window_of[WINDOW_MOST];
    void *owner;          /* what waits for it */
    uint64_t *numbers_of; /* of the chunks in the stream, 0 while unknown; NULL without memory */
    uint64_t times;       /* the connection on which it was begun: thrum_cluster__link_times */
    thrum_time refused_since;   /* the server does not store a chunk; 0 if it stored the last one */
    char refusal[REFUSAL_SIZE]; /* why */
    struct transfer *before, *after;
};

/* The transfers of a client or a worker. */
struct values {
    struct link *link;
    thrum_lock *lock;
    struct transfer *first, *last;
    uint64_t numbers;
    unsigned moving;
    thrum_time paused_until; /* nothing is sent before: the stream is being made */
    thrum_time progress_at;  /* when a chunk was last stored or fetched */
};

/* Whether a value of this size travels in chunks. */
static inline bool thrum_cluster__value_is_large(const struct link *link, size_t size)
{
    return size > link->inline_most;
}

/* Makes a transfer of a value with this name, which belongs to a client, and begins it. NULL without memory.
 * `fetch` allocates room for the bytes, which are then the transfer's. `send` reads `bytes` until the transfer is freed. */
struct transfer *thrum_cluster__value_send(struct values *values, const char *client,
                                           const char *name, const void *bytes, size_t size,
                                           void *owner);
struct transfer *thrum_cluster__value_fetch(struct values *values, const char *client,
                                            const struct value_record *record, void *owner);

/* Sends all of it again. */
void thrum_cluster__value_send_again(struct values *values, struct transfer *transfer);

/* Writes what a message has in place of the value. Returns its size. */
size_t thrum_cluster__value_refer(const struct transfer *transfer, char bytes[REFERENCE_MOST]);

/* Ends a transfer and frees it. What was fetched is freed, what was sent is not. NULL is allowed. */
void thrum_cluster__value_free(struct values *values, struct transfer *transfer);

/* Has the server delete what it has of a transfer. */
void thrum_cluster__value_drop(struct values *values, const struct transfer *transfer);

/* Has the server delete the chunks of a value, whose subject it is given, or of all values of a client. */
void thrum_cluster__value_delete(struct link *link, const char *subject);
void thrum_cluster__values_delete(struct link *link, const char *client);
void thrum_cluster__value_subject(const struct link *link, const char *client, const char *name,
                                  char subject[SUBJECT_SIZE]);

/* The connection is new: all is published again. */
void thrum_cluster__values_again(struct values *values);

/* When there is something to publish next; INT64_MAX for never. */
thrum_time thrum_cluster__values_next(const struct values *values);

/* Publishes what is due. By the I/O thread, without the lock. `buffer` is for its use. */
void thrum_cluster__values_move(struct values *values, struct buffer *buffer);

/* An answer of the server. Returns the transfer that it ends, or NULL; *ret_rc is then 0, or -ENOENT if the server does not have
 * the value. The transfer waits for nothing any more; the caller frees it. */
struct transfer *thrum_cluster__values_take(struct values *values, const char *token,
                                            natsMsg *message, int *ret_rc);

#endif
