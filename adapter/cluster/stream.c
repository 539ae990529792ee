/* Which stream of tasks the server has.
 *
 * A message is known to the server by its number in the stream. A server that was wiped, or whose stream was deleted, numbers
 * the messages of the new stream from 1 again. So an acknowledgement or a deletion for a message of the old stream would remove
 * another message from the new one. Streams are told apart by the time at which they were made.
 *
 *     never seen --answer--> SAME --connection lost, or a doubt--> nothing is said by number --answer--> SAME, OTHER or GONE
 *
 * The server can lose its state only while it is down, and then each connection to it ends. So what was seen on a connection
 * holds as long as that lasts, unless somebody deletes the stream by hand. A consumer that is gone is a sign of that: it makes
 * the worker doubt. An answer counts only if its question was asked on the connection that is there when it comes: the
 * number of that connection is in the question.
 *
 * A client then sends its tasks again, with new numbers. A worker gives its leases up. */
#include "stream.h"

#include <stdio.h>
#include <string.h>

void thrum_cluster__stream_ask(struct link *link, char letter, uint64_t times)
{
    char subject[SUBJECT_SIZE], reply[32];
    snprintf(subject, sizeof subject, "$JS.API.STREAM.INFO.thrum-%s-t", link->settings.pool);
    snprintf(reply, sizeof reply, "%c.%llu", letter, (unsigned long long)times);
    thrum_cluster__link_publish(link, subject, reply, NULL, "", 0);
}

/* When the stream was made, by the server's answer. Returns false if it tells no stream. */
static bool read_created(const char *text, size_t length, char created[CREATED_SIZE])
{
    const char *at = thrum_cluster__json_find(text, length, "created");
    size_t left = at ? length - (size_t)(at - text) : 0, used = 0;
    for (at = left > 1 ? at + 1 : NULL;
         at && used + 1 < left && used + 1 < CREATED_SIZE && at[used] != '"';)
        used++;
    snprintf(created, CREATED_SIZE, "%.*s", (int)used, at ? at : "");
    return used > 0;
}

enum stream_news thrum_cluster__stream_take(struct stream *stream, struct link *link,
                                            uint64_t times, natsMsg *message)
{
    char created[CREATED_SIZE];
    const char *text = natsMsg_GetData(message);
    size_t length = (size_t)natsMsg_GetDataLength(message);
    if (times != thrum_cluster__link_times(link))
        return STREAM_LATE;
    if (thrum_cluster__json_number(text, length, "err_code") == NO_STREAM) {
        *stream = (struct stream){0};
        return STREAM_GONE;
    }
    if (!read_created(text, length, created))
        return STREAM_DARK;
    bool other = *stream->created && strcmp(stream->created, created) != 0;
    snprintf(stream->created, sizeof stream->created, "%s", created);
    stream->times = times;
    stream->seen = true;
    return other ? STREAM_OTHER : STREAM_SAME;
}

void thrum_cluster__stream_doubt(struct stream *stream)
{
    stream->seen = false;
}

bool thrum_cluster__stream_holds(const struct stream *stream, struct link *link)
{
    return stream->seen && stream->times == thrum_cluster__link_times(link);
}
