/* The directory for the files of this run: made when first needed, removed at the end. */
#ifndef CLI_DEMO_SCRATCH_H
#define CLI_DEMO_SCRATCH_H

#include <stddef.h>
#include <thrum.h>

#pragma GCC visibility push(default) /* of thrum-demo-tasks.so: modules.c */

/* Makes the directory unless it exists. Returns 0 or a negative errno. */
int scratch_make(thrum_error *ret_error);

/* Leaves the path of the file `name` in it; the result is cut where it would not fit. */
void scratch_path(const char *name, char *ret_path, size_t size);

/* Removes the directory and what is in it. Does nothing if there is none. Returns 0 or a negative errno. */
int scratch_remove(thrum_error *ret_error);

#pragma GCC visibility pop

#endif
