#include "base/panic.h"
#include "base/names.h"
#include "base/place.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef THRUM_EXPLORE
#include "base/explore.h"
#endif

/* The length of a line of `size` bytes after snprintf said to have `written` so many at `used`. */
static size_t extended(size_t size, size_t used, int written)
{
    if (written < 0)
        return used;
    used += (size_t)written;
    return used < size ? used : size - 1;
}

void thrum__panic(const void *place, const char *format, ...)
{
    enum { SIZE = 1024 };
    char line[SIZE];
    va_list arguments;
    va_start(arguments, format);
    size_t used = extended(SIZE, 0, snprintf(line, SIZE, "thrum: "));
    used = extended(SIZE, used, vsnprintf(line + used, SIZE - used, format, arguments));
    va_end(arguments);
#ifndef THRUM_EXPLORE
    thrum__names_add(line, SIZE);
    used = strlen(line);
#endif
    if (place) {
        used = extended(SIZE, used, snprintf(line + used, SIZE - used, ", at "));
        used += thrum__place_text(line + used, SIZE - used, place);
    }
    line[used++] = '\n'; /* over the terminator */
#ifdef THRUM_EXPLORE
    line[used - 1] = '\0';
    thrum__explore_panic(line);
#else
    if (write(STDERR_FILENO, line, used) < 0) {
        /* nothing is left to say it with */
    }
    abort();
#endif
}
