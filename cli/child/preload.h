/* Programs that are run with a library of ours preloaded. */
#ifndef CLI_CHILD_PRELOAD_H
#define CLI_CHILD_PRELOAD_H

#include <stdbool.h>
#include <stddef.h>

enum { PRELOAD_PATH_SIZE = 4096 + 64 };

/* Sets `path` to the path of the library with that file name: beside the installed command, or in
 * the build tree; the path of the command tells which. Returns false if there is none. */
bool preload_find(const char *name, char *path, size_t size);

/* The environment with LD_PRELOAD, which has the library before the libraries that it had, and with
 * `variable` set to `value`; in one piece of memory, to be freed. NULL if memory ran out. */
char **preload_environment(const char *library, const char *variable, const char *value);

#endif
