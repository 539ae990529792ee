#include "base/place.h"
#include "base/symbol.h"

#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>

/* The name of the function by the symbols of the file, which have static ones, too, or by what is exported. */
static bool find_name(const void *address, const Dl_info *info, char *ret_name, size_t size,
                      size_t *ret_offset)
{
    if (thrum__symbol_find(address, ret_name, size, ret_offset))
        return true;
    if (!info->dli_sname)
        return false;
    snprintf(ret_name, size, "%s", info->dli_sname);
    *ret_offset = (size_t)((uintptr_t)address - (uintptr_t)info->dli_saddr);
    return true;
}

size_t thrum__place_text(char *text, size_t size, const void *address)
{
    Dl_info info;
    char name[128];
    size_t offset = 0;
    int length;
    if (!dladdr(address, &info) || !info.dli_fname)
        length = snprintf(text, size, "%p", address);
    else if (!find_name(address, &info, name, sizeof name, &offset))
        length = snprintf(text, size, "%s(+0x%zx)", info.dli_fname,
                          (size_t)((uintptr_t)address - (uintptr_t)info.dli_fbase));
    else if (offset)
        length = snprintf(text, size, "%s(%s+0x%zx)", info.dli_fname, name, offset);
    else
        length = snprintf(text, size, "%s(%s)", info.dli_fname, name);
    if (length < 0)
        length = 0;
    return (size_t)length < size ? (size_t)length : size - 1;
}
