/* The functions of libthrum-cluster, which is loaded by the commands that need it and only when they do. */
#ifndef CLI_CLUSTER_LIBRARY_H
#define CLI_CLUSTER_LIBRARY_H

#include <thrum_cluster.h>

struct cluster_library {
    __typeof__(thrum_cluster_new) *make;
    __typeof__(thrum_cluster_serve) *serve;
    __typeof__(thrum_cluster_status_get) *status_get;
    __typeof__(thrum_cluster_pools_visit) *pools_visit;
};

/* Loads it, for as long as the process lives. NULL with a message if it is not there. One thread calls it first. */
const struct cluster_library *cluster_library(thrum_error *ret_error);

#endif
