/* The options of a worker as text, for the program that becomes one. */
#ifndef CLI_WORKER_SETTINGS_H
#define CLI_WORKER_SETTINGS_H

#include "options.h"

#define WORKER_VARIABLE "THRUM_CLUSTER_WORKER"
#define WORKER_LIBRARY  "libthrum-cluster-worker.so"

/* Returns the text, to be freed; NULL if memory ran out, or an option has a line break: errno is then EINVAL. */
char *worker_settings_write(const struct worker_options *options);

/* Reads the text, which is changed and must stay. Returns false if it is none that worker_settings_write made. */
bool worker_settings_read(char *text, struct worker_options *ret_options);

#endif
