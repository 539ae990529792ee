/* Memory that processes share, as the system has it: a descriptor, and mappings of it. Each call
 * gives 0, a descriptor or a negative errno. */
#ifndef THRUM_BASE_SHARED_MEMORY_H
#define THRUM_BASE_SHARED_MEMORY_H

#include <stddef.h>

/* Makes `size` bytes, all zero and there to be used, under a name that nobody has, or under none
 * for NULL; then it can neither grow nor shrink. -EEXIST, -ENOSPC, -ENOMEM, -EMFILE, -EINVAL,
 * -EACCES. */
int thrum__shared_memory_create(const char *name, size_t size);

/* Opens what has that name; -ENOENT. */
int thrum__shared_memory_open(const char *name);

/* Takes a name away; what has it mapped keeps the memory. */
int thrum__shared_memory_remove(const char *name);

/* The same, if the name stands for what `descriptor` is of; -ENOENT if it stands for another.
 * Another process may put another in its place between the look and the removal: the system has no
 * call that does both. */
int thrum__shared_memory_remove_if(const char *name, int descriptor);

/* Another descriptor of the same, closed on exec. */
int thrum__shared_memory_again(int descriptor);

/* Maps all of it. -ENODATA if it has no size yet. */
int thrum__shared_memory_map(int descriptor, void **ret_address, size_t *ret_size);
void thrum__shared_memory_unmap(void *address, size_t size);

#endif
