/* The log of jobs that have ended, in the columns of GNU parallel, and what an earlier log has. */
#ifndef CLI_RUN_JOBLOG_H
#define CLI_RUN_JOBLOG_H

#include "job.h"

struct joblog;

/* Opens the log. With `resume` it is read and continued, else emptied. Returns 0; -EBUSY while
 * another run writes to it; another negative errno. */
int joblog_open(const char *path, bool resume, struct joblog **ret_log, thrum_error *ret_error);

/* True if this job had succeeded according to the log, when it was opened. */
bool joblog_knows(const struct joblog *log, const struct job *job);

/* Adds the line of a job, at once. Returns 0 or a negative errno. */
int joblog_add(struct joblog *log, const struct job *job);

/* NULL is accepted. */
void joblog_close(struct joblog *log);

#endif
