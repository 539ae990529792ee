/* Functions by name, so that another process of the same program finds them: see module.c. */
#ifndef THRUM_PROCESS_MODULE_H
#define THRUM_PROCESS_MODULE_H

#include <thrum/task.h>

#include <stdint.h>

#ifdef THRUM_EXPLORE
enum { THRUM__MODULES = 1, THRUM__MODULE_ID = 32, THRUM__MODULE_PATH = 8 };
#else
enum { THRUM__MODULES = 32, THRUM__MODULE_ID = 32, THRUM__MODULE_PATH = 448 };
#endif

/* A module (the program or a shared library) as it stands in shared memory. Number 0 is the program. */
typedef struct thrum__module {
    uint64_t device, inode, size; /* of its file; what counts where it has no build-id */
    uint32_t id_size;             /* of the build-id; 0 for none */
    uint8_t id[THRUM__MODULE_ID];
    char path[THRUM__MODULE_PATH];
} thrum__module;

/* The name of `function`: the number of its module, and where it stands in it. Returns 0; -ENOENT
 * if it is in no module, as what a program wrote itself at run time; -ENOSPC where the table is
 * full. */
int thrum__module_of(thrum_task_fn *function, uint32_t *ret_module, uint64_t *ret_offset);

/* The module with a number that thrum__module_of has given. */
const thrum__module *thrum__module_at(uint32_t number);

/* Where a module of another process lies here. */
typedef struct thrum__module_place {
    uint64_t base, code_begin, code_end; /* its beginning, and the range of its instructions */
} thrum__module_place;

/* Finds such a module, and loads it if need be. `module` is the caller's own copy. Returns 0;
 * -EINVAL for a module that none can be; -ENOENT. */
int thrum__module_find(const thrum__module *module, thrum__module_place *ret_place);

#endif
