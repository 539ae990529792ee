/* A worker that serves until a signal comes. */
#ifndef CLI_WORKER_SERVICE_H
#define CLI_WORKER_SERVICE_H

#include "options.h"

#include <thrum_cluster.h>

struct worker_service {
    __typeof__(thrum_cluster_serve) *serve;
    const struct worker_options *options;
    const thrum_cluster_options *cluster;
    thrum_executor *executor; /* shut down at the end; NULL if memory ran out */
    int jobs;                 /* at once */
    const char *what;         /* that serves: a program */
    void (*at_once)(void);    /* called before a second signal ends the process; NULL for nothing */
};

/* Prints a message. Returns EXIT_FAILURE. */
__attribute__((format(printf, 1, 2))) int worker_complain(const char *format, ...);

/* Serves. SIGTERM, SIGINT and SIGHUP drain the worker, a second one ends the process. Returns the exit
 * status. */
int worker_serve(const struct worker_service *service);

#endif
