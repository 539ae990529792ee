/* A process that left a core file. */
#ifndef DOCTOR_CORE_H
#define DOCTOR_CORE_H

#include "process.h"

/* Opens a core file: threads with their registers, memory, modules. Returns 0, or a negative errno
 * with the reason in `message`. */
int core_open(struct process *process, const char *path, char *message, size_t size);

/* Looks at thread `index`, as process_look does for a live one. Returns 0 or -ENOMEM. */
int core_look(struct process *process, int index, uint8_t *buffer);

/* Called by process_close. */
void core_close(struct core *core);

#endif
