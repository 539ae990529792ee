/* Arguments from standard input.
 *
 * Not by stdio: whoever waits for a descriptor must know what has been read from it already, or lines
 * in the buffer would wait for the next to arrive. The wait is in steps, so that Ctrl-C is noticed.
 */
#include "arguments.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <thrum.h>
#include <unistd.h>

enum { PIECE = 65536 };

static const double look_seconds = 0.1;

/* Reads some more. Returns 0, with `ended` set at the end, or a negative errno. */
static int read_more(struct arguments *arguments)
{
    if (arguments->begin > 0)
        memmove(arguments->text, arguments->text + arguments->begin, arguments->length);
    arguments->begin = 0;
    if (arguments->room < arguments->length + PIECE + 1) {
        size_t room = 2 * (arguments->length + PIECE + 1);
        char *text = realloc(arguments->text, room);
        if (!text)
            return -ENOMEM;
        arguments->text = text;
        arguments->room = room;
    }
    int rc;
    while ((rc = thrum_wait_readable(arguments->file, thrum_in(look_seconds))) == -ETIMEDOUT)
        if (arguments->stopping())
            return -ECANCELED;
    if (rc < 0 && rc != -EPERM)
        return rc;
    ssize_t got = read(arguments->file, arguments->text + arguments->length, PIECE);
    if (got < 0)
        return errno == EINTR || errno == EAGAIN ? 0 : -errno;
    arguments->ended = got == 0;
    arguments->length += (size_t)got;
    return 0;
}

int arguments_next(struct arguments *arguments, const char **ret_argument)
{
    size_t looked = 0;
    while (true) {
        if (arguments->stopping())
            return -ECANCELED;
        char *text = arguments->text ? arguments->text + arguments->begin : NULL;
        char *end = text ? memchr(text + looked, arguments->end, arguments->length - looked) : NULL;
        if (!end && arguments->ended && arguments->length > 0)
            end = text + arguments->length; /* the last, without its end; there is room for one */
        if (end) {
            size_t used = (size_t)(end - text) + (end < text + arguments->length);
            *end = '\0';
            arguments->begin += used;
            arguments->length -= used;
            *ret_argument = text;
            return 0;
        }
        if (arguments->ended)
            return -ENODATA;
        looked = arguments->length;
        int rc = read_more(arguments);
        if (rc < 0)
            return rc;
    }
}

void arguments_finish(struct arguments *arguments)
{
    free(arguments->text);
}
