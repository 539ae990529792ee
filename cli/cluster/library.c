/* libthrum-cluster needs libnats, and with it four more libraries. A module that was linked with it would load them for each
 * call, and a package of the command would depend on them. So the modules open it by its name, when --nats or `thrum cluster`
 * asks for it. The types of the functions are those of the header; only their names are repeated here. */
#include "library.h"

#include "child/preload.h"
#include "trouble.h"

#include <dlfcn.h>
#include <errno.h>

#define LIBRARY "libthrum-cluster.so.0"

const struct cluster_library *cluster_library(thrum_error *ret_error)
{
    static struct cluster_library library;
    char path[PRELOAD_PATH_SIZE];
    if (library.make)
        return &library;
    bool found = preload_find(LIBRARY, path, sizeof path);
    void *handle = dlopen(found ? path : LIBRARY, RTLD_NOW | RTLD_LOCAL);
    struct cluster_library all;
    if (handle) {
        *(void **)&all.make = dlsym(handle, "thrum_cluster_new");
        *(void **)&all.serve = dlsym(handle, "thrum_cluster_serve");
        *(void **)&all.status_get = dlsym(handle, "thrum_cluster_status_get");
        *(void **)&all.pools_visit = dlsym(handle, "thrum_cluster_pools_visit");
    }
    if (handle && all.make && all.serve && all.status_get && all.pools_visit) {
        library = all;
        return &library;
    }
    const char *why = dlerror();
    trouble(ret_error, -ELIBACC,
            "cannot load libthrum-cluster: %.160s; install it, or build it with libnats",
            why ? why : "a function is missing");
    return NULL;
}
