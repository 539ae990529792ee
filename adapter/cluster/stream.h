/* What a client or a worker knows of the stream of tasks of its pool. */
#ifndef CLUSTER_STREAM_H
#define CLUSTER_STREAM_H

#include "link.h"

enum {
    CREATED_SIZE = 48,
    NO_STREAM = 10059 /* the server's code for a stream that is not there */
};

/* A stream of tasks. All fields are zero until it is seen. The lock of the client or worker guards it; a question takes no lock. */
struct stream {
    char created[CREATED_SIZE]; /* when it was made; empty while unknown */
    uint64_t times; /* the connection on which that was seen: thrum_cluster__link_times */
    bool seen;      /* and not doubted since */
};

enum stream_news {
    STREAM_LATE, /* an answer of another connection: it tells nothing */
    STREAM_SAME, /* it is the stream that was seen before, or the first */
    STREAM_OTHER,
    STREAM_GONE, /* the server has none */
    STREAM_DARK  /* the server has not said */
};

/* Asks the server. Its answer comes with this letter and `times`, as "v.7". */
void thrum_cluster__stream_ask(struct link *link, char letter, uint64_t times);

/* Takes the answer to a question with `times`. */
enum stream_news thrum_cluster__stream_take(struct stream *stream, struct link *link,
                                            uint64_t times, natsMsg *message);

/* Has the numbers of messages mean nothing until the stream was seen again. */
void thrum_cluster__stream_doubt(struct stream *stream);

/* True if the stream was seen on this connection, and is not in doubt: the numbers of its messages hold. */
bool thrum_cluster__stream_holds(const struct stream *stream, struct link *link);

#endif
