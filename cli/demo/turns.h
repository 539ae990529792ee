/* A limit on how many tasks of a column run at a time. */
#ifndef CLI_DEMO_TURNS_H
#define CLI_DEMO_TURNS_H

#include "rows.h"

#include <thrum.h>

/* From now on `most` run at a time. No thread may wait for its turn then. */
void turns_begin(int most);

/* A task function that waits for its turn and then is `task`, which is what tasks of that kind do. */
thrum_task_fn *turns_taken_by(enum workload_kind kind, thrum_task_fn *task);

#endif
