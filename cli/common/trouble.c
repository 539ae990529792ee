/* Failures at run time.
 *
 * Preparing work can fail for reasons of the world outside: no room for files, no server at an
 * address. Such a failure is a value, as a task's is, and has the same type: thrum_error, a code
 * for the program and a sentence for the person. The sentence is made where the reason is known;
 * it is printed where it is known whether it matters.
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
    /* Without memory for the sentence its form must do: it tells what happened, if not to what. */
    if (length < 0 || asprintf(&line, "thrum%s%s: %s\n", *speaker ? " " : "", speaker, text) < 0)
        progress_print(format);
    else
        progress_print(line);
    if (length >= 0)
        free(text);
    free(line);
}
