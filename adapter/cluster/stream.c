/* Which streams of tasks and results the server has.
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
 * A stream may go back, too: it is the same, and its last messages are gone. The machine lost its power before they were on the disk;
 * or the server was killed while it removed the last message of the stream. nats-server 2.9 then has a moment without any file of
 * the stream, and begins with the number 1 again, while its consumers wait for numbers behind those that they know. So each
 * side keeps the highest number that it knows of, and a question has the number that was known when it was asked: the answer
 * cannot have a lower one, unless the stream went back. A server that has just become the leader may be late, so a second
 * answer must say the same. Then the stream is another one. Messages that are published before the question may hide that it went
 * back, so a client asks first when it is connected again. The consumers are replaced as those that stall (stalls.c).
 *
 * A client then sends its tasks again, with new numbers. A worker gives its leases up. */
#include "stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct stream_question thrum_cluster__stream_question(const struct stream *stream,
                                                      struct link *link)
{
    return (struct stream_question){thrum_cluster__link_times(link), stream->last};
}

void thrum_cluster__stream_ask(struct link *link, const char *kind, char letter,
                               const struct stream_question *question)
{
    char subject[SUBJECT_SIZE], reply[64];
    snprintf(subject, sizeof subject, "$JS.API.STREAM.INFO.thrum-%s-%s", link->settings.pool, kind);
    snprintf(reply, sizeof reply, "%c.%llu.%llu", letter, (unsigned long long)question->times,
             (unsigned long long)question->last);
    thrum_cluster__link_publish(link, subject, reply, NULL, "", 0);
}

static struct stream_question read_question(const char *token)
{
    char *end = NULL;
    struct stream_question question = {0};
    question.times = strlen(token) > 2 ? strtoull(token + 2, &end, 10) : 0;
    question.last = end && *end == '.' ? strtoull(end + 1, NULL, 10) : 0;
    return question;
}

enum stream_news thrum_cluster__stream_take(struct stream *stream, struct link *link,
                                            const char *token, natsMsg *message)
{
    struct stream_question question = read_question(token);
    char created[CREATED_SIZE];
    const char *text = natsMsg_GetData(message);
    size_t length = (size_t)natsMsg_GetDataLength(message);
    if (question.times != thrum_cluster__link_times(link))
        return STREAM_LATE;
    if (thrum_cluster__json_number(text, length, "err_code") == NO_STREAM) {
        *stream = (struct stream){0};
        return STREAM_GONE;
    }
    thrum_cluster__json_text(text, length, "created", created, sizeof created);
    if (!*created)
        return STREAM_DARK;
    uint64_t last = thrum_cluster__json_number(text, length, "last_seq");
    bool other = *stream->created && strcmp(stream->created, created) != 0;
    bool behind = !other && last < question.last, again = behind && stream->behind;
    stream->behind = behind;
    if (behind && !again)
        return STREAM_DARK;
    if (other || again)
        *stream = (struct stream){0};
    snprintf(stream->created, sizeof stream->created, "%s", created);
    thrum_cluster__stream_note(stream, last);
    stream->times = question.times;
    stream->seen = true;
    return other || again ? STREAM_OTHER : STREAM_SAME;
}

void thrum_cluster__stream_note(struct stream *stream, uint64_t number)
{
    if (number > stream->last)
        stream->last = number;
}

void thrum_cluster__stream_doubt(struct stream *stream)
{
    stream->seen = false;
}

bool thrum_cluster__stream_holds(const struct stream *stream, struct link *link)
{
    return stream->seen && stream->times == thrum_cluster__link_times(link);
}
