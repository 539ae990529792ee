/* What a client or a worker knows of a stream of its pool. */
#ifndef CLUSTER_STREAM_H
#define CLUSTER_STREAM_H

#include "link.h"

enum {
    CREATED_SIZE = 48,
    NO_STREAM = 10059 /* the server's code for a stream that is not there */
};

/* A stream of tasks or of results. All fields are zero until it is seen. The lock of the client or worker guards it; a question takes no lock. */
struct stream {
    char created[CREATED_SIZE]; /* when it was made; empty while unknown */
    uint64_t times; /* the connection on which that was seen: thrum_cluster__link_times */
    bool seen;      /* and not doubted since */
    bool behind;    /* the last answer had a lower number than `last` */
    uint64_t last;  /* the highest number of a message that is known */
};

enum stream_news {
    STREAM_LATE, /* an answer of another connection: it tells nothing */
    STREAM_SAME, /* it is the stream that was seen before, or the first */
    STREAM_OTHER,
    STREAM_GONE, /* the server has none */
    STREAM_DARK  /* the server has not said */
};

/* A question, as it is in the token of its answer. */
struct stream_question {
    uint64_t times; /* the connection on which it was asked */
    uint64_t last;  /* of the stream at that time */
};

/* What to ask now. */
struct stream_question thrum_cluster__stream_question(const struct stream *stream,
                                                      struct link *link);

/* Asks the server about a stream, "t" or "r". Its answer comes with this letter and the question, as "v.7.120". */
void thrum_cluster__stream_ask(struct link *link, const char *kind, char letter,
                               const struct stream_question *question);

/* Takes the answer with a token. */
enum stream_news thrum_cluster__stream_take(struct stream *stream, struct link *link,
                                            const char *token, natsMsg *message);

/* There is a message with this number. */
void thrum_cluster__stream_note(struct stream *stream, uint64_t number);

/* Has the numbers of messages mean nothing until the stream was seen again. */
void thrum_cluster__stream_doubt(struct stream *stream);

/* True if the stream was seen on this connection, and is not in doubt: the numbers of its messages hold. */
bool thrum_cluster__stream_holds(const struct stream *stream, struct link *link);

#endif
