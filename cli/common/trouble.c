/* Failures at run time.
 *
 * Work can fail for outside reasons: no room for files, no server at an address. Such a failure is
 * a value of the same type as a task's: thrum_error, with a code for the program and a message for
 * the user. The message is made where the reason is known. The caller decides whether to print it.
 */
#include "trouble.h"

#include "progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const char *speaker = "";

int trouble(thrum_error *ret_error, int code, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    ret_error->code = code;
    vsnprintf(ret_error->message, sizeof ret_error->message, format, list);
    va_end(list);
    return code;
}

void trouble_speaker(const char *name)
{
    speaker = name;
}

void trouble_print(const char *format, ...)
{
    va_list list;
    char *text = NULL, *line = NULL;
    va_start(list, format);
    int length = vasprintf(&text, format, list);
    va_end(list);
    /* If memory ran out, the format is printed: it tells what failed, without the names. */
    if (length < 0 || asprintf(&line, "thrum%s%s: %s\n", *speaker ? " " : "", speaker, text) < 0)
        progress_print(format);
    else
        progress_print(line);
    if (length >= 0)
        free(text);
    free(line);
}
