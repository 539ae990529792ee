/* Failures at run time.
 *
 * Preparing a workload can fail for reasons of the world outside: no room for files, no server at
 * an address. Such a failure is a value, as a task's is, and has the same type: thrum_error, a code
 * for the program and a sentence for the person. The sentence is made where the reason is known;
 * it is printed where it is known whether it matters.
 */
#include "trouble.h"

#include <stdarg.h>
#include <stdio.h>

int trouble(thrum_error *ret_error, int code, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    ret_error->code = code;
    vsnprintf(ret_error->message, sizeof ret_error->message, format, list);
    va_end(list);
    return code;
}

void trouble_print(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    fputs("thrum bench: ", stderr);
    vfprintf(stderr, format, list);
    fputc('\n', stderr);
    va_end(list);
}
