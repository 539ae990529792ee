/* Arguments.
 *
 * A thread reads ahead, up to AHEAD_MOST bytes, and counts the ends of arguments. When it has read
 * the whole input, the number of jobs is known, long before they have run. Until they are taken,
 * arguments stay in the text as they were read, so a list costs no more than its bytes.
 *
 * An argument longer than AHEAD_MOST is refused: no command can have such an argument.
 */
#include "arguments.h"

#include "input.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <thrum.h>
#include <unistd.h>

enum { PIECE = 65536, AHEAD_MOST = 64 << 20 };

/* Makes room for a piece behind the text. Under the lock. Returns 0 or a negative errno. */
static int make_room(struct arguments *arguments)
{
    size_t needed = arguments->begin + arguments->length + PIECE + 1;
    if (needed <= arguments->room)
        return 0;
    /* Moved only if that is less than the bytes taken since: so the cost for each byte is
     * bounded. */
    if (arguments->begin > arguments->length) {
        memmove(arguments->text, arguments->text + arguments->begin, arguments->length);
        arguments->begin = 0;
        return make_room(arguments);
    }
    char *text = realloc(arguments->text, 2 * needed);
    if (!text)
        return -ENOMEM;
    arguments->text = text;
    arguments->room = 2 * needed;
    return 0;
}

static uint64_t count_ends(const char *text, size_t length, char end)
{
    uint64_t count = 0;
    const char *beyond = text + length;
    while ((text = memchr(text, end, (size_t)(beyond - text)))) {
        count++;
        text++;
    }
    return count;
}

/* Adds a piece. Returns 0 or a negative errno. */
static int add(struct arguments *arguments, const char *piece, size_t length)
{
    int rc = 0;
    thrum_with (&arguments->lock) {
        while (rc == 0 && arguments->length >= AHEAD_MOST && arguments->ends > 0 &&
               !arguments->abandoned)
            rc = thrum_condition_wait(&arguments->changed, THRUM_FOREVER);
        rc = rc < 0 || arguments->abandoned                             ? -ECANCELED
             : arguments->length >= AHEAD_MOST /* one without an end */ ? -EMSGSIZE
                                                                        : make_room(arguments);
        if (rc < 0)
            break;
        memcpy(arguments->text + arguments->begin + arguments->length, piece, length);
        arguments->length += length;
        arguments->ends += count_ends(piece, length, arguments->end);
        thrum_condition_notify_all(&arguments->changed);
    }
    return rc;
}

static int read_ahead(thrum_task *self)
{
    struct arguments *arguments = thrum_arg(self, struct arguments *);
    char *piece = malloc(PIECE);
    int rc = piece ? 0 : -ENOMEM;
    while (rc == 0) {
        ptrdiff_t got = input_read(arguments->file, arguments->stop, piece, PIECE);
        rc = got > 0 ? add(arguments, piece, (size_t)got) : got == 0 ? -ENODATA : (int)got;
    }
    free(piece);
    thrum_with (&arguments->lock) {
        arguments->over = rc;
        thrum_condition_notify_all(&arguments->changed);
    }
    return 0;
}

int arguments_start(struct arguments *arguments, int file, char end, int stop)
{
    *arguments = (struct arguments){.file = file, .end = end, .stop = stop};
    thrum_condition_init(&arguments->changed, &arguments->lock);
    arguments->reader =
        thrum_thread_start_with(&(thrum_thread_options){.name = "arguments"}, read_ahead,
                                thrum_value(struct arguments *, arguments));
    const thrum_error *refusal = thrum_thread_error(arguments->reader);
    return refusal ? refusal->code : 0;
}

/* Takes the argument of `length` bytes at the begin. Under the lock. */
static int take(struct arguments *arguments, size_t length, char **ret_argument)
{
    const char *text = arguments->text + arguments->begin;
    bool has_end = length < arguments->length;
    arguments->number++;
    if (memchr(text, '\0', length))
        return -EILSEQ;
    char *argument = malloc(length + 1);
    if (!argument)
        return -ENOMEM;
    memcpy(argument, text, length);
    argument[length] = '\0';
    arguments->begin += length + has_end;
    arguments->length -= length + has_end;
    arguments->ends -= has_end;
    thrum_condition_notify_all(&arguments->changed);
    *ret_argument = argument;
    return 0;
}

int arguments_next(struct arguments *arguments, char **ret_argument)
{
    int rc = 0;
    thrum_with (&arguments->lock) {
        while (rc == 0 && arguments->ends == 0 && arguments->over == 0)
            rc = thrum_condition_wait(&arguments->changed, THRUM_FOREVER);
        if (rc < 0 || arguments->over == -ECANCELED) {
            rc = -ECANCELED;
        } else if (arguments->ends > 0) {
            const char *text = arguments->text + arguments->begin;
            const char *end = memchr(text, arguments->end, arguments->length);
            rc = take(arguments, (size_t)(end - text), ret_argument);
        } else if (arguments->over == -ENODATA && arguments->length > 0) {
            rc = take(arguments, arguments->length, ret_argument); /* the last, without its end */
        } else {
            rc = arguments->over;
        }
    }
    return rc;
}

bool arguments_left(struct arguments *arguments, uint64_t *ret_count)
{
    bool known = false;
    thrum_with (&arguments->lock) {
        known = arguments->over != 0;
        *ret_count = arguments->ends;
        if (known && arguments->length > 0 &&
            arguments->text[arguments->begin + arguments->length - 1] != arguments->end)
            ++*ret_count;
    }
    return known;
}

void arguments_finish(struct arguments *arguments)
{
    thrum_with (&arguments->lock) {
        arguments->abandoned = true;
        thrum_condition_notify_all(&arguments->changed);
    }
    if (arguments->reader)
        (void)!thrum_thread_join(arguments->reader, THRUM_FOREVER); /* `over` has its failure */
    thrum_thread_free(arguments->reader);
    free(arguments->text);
    arguments->text = NULL;
}
