#include "base/place.h"

#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>

size_t thrum__place_text(char *text, size_t size, const void *address)
{
    Dl_info info;
    int length;
    if (!dladdr(address, &info) || !info.dli_fname)
        length = snprintf(text, size, "%p", address);
    else if (info.dli_sname)
        length = snprintf(text, size, "%s(%s+0x%zx)", info.dli_fname, info.dli_sname,
                          (size_t)((uintptr_t)address - (uintptr_t)info.dli_saddr));
    else
        length = snprintf(text, size, "%s(+0x%zx)", info.dli_fname,
                          (size_t)((uintptr_t)address - (uintptr_t)info.dli_fbase));
    if (length < 0)
        length = 0;
    return (size_t)length < size ? (size_t)length : size - 1;
}
