#include "base/panic.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#ifdef THRUM_EXPLORE
#include "base/explore.h"
#endif

/* Appends printf-like text to `line` of `size` bytes at `used`, and gives the new length. */
static size_t append(char *line, size_t size, size_t used, int written)
{
    if (written < 0)
        return used;
    used += (size_t)written;
    (void)line;
    return used < size ? used : size - 1;
}

static size_t append_place(char *line, size_t size, size_t used, const void *place)
{
    Dl_info info;
    if (!place || !dladdr(place, &info) || !info.dli_fname)
        return used;
    uintptr_t offset = (uintptr_t)place - (uintptr_t)info.dli_fbase;
    return append(line, size, used,
                  snprintf(line + used, size - used, ", at %s(%s+0x%zx)", info.dli_fname,
                           info.dli_sname ? info.dli_sname : "",
                           info.dli_sname ? (size_t)((uintptr_t)place - (uintptr_t)info.dli_saddr)
                                          : (size_t)offset));
}

void thrum__panic(const void *place, const char *format, ...)
{
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    size_t used = append(line, sizeof line, 0, snprintf(line, sizeof line, "thrum: "));
    used = append(line, sizeof line, used,
                  vsnprintf(line + used, sizeof line - used, format, arguments));
    va_end(arguments);
    used = append_place(line, sizeof line - 1, used, place);
    line[used++] = '\n';
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
