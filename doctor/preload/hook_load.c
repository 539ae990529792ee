/* Loading libraries. RTLD_DEEPBIND would bind a plugin to the C library past the hooks, so the flag is
 * taken away. The loader looks for the file from where dlopen was called, so this must be a jump: the
 * library is always compiled with optimisation. */
#include "real.h"
#include "watch.h"

#include <dlfcn.h>

HOOK void *dlopen(const char *file, int flags)
{
    if (thrum__watch_region)
        flags &= ~RTLD_DEEPBIND;
    return REAL(dlopen)(file, flags);
}
