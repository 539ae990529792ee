/* What /proc tells of a process. */
#ifndef CLI_CHILD_PROCESS_STAT_H
#define CLI_CHILD_PROCESS_STAT_H

#include <stdbool.h>
#include <sys/types.h>

struct process_stat {
    char state; /* 'R': it runs or could run. Of a thread, if its number is given */
    pid_t parent;
    unsigned long long ticks; /* of processor time */
    unsigned long long start; /* in ticks since the machine started */
};

/* Returns false if there is no such process. */
bool process_stat_read(pid_t pid, struct process_stat *ret_stat);

#endif
