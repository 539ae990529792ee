/* How many processors this process may use. */
#ifndef THRUM_BASE_CPU_H
#define THRUM_BASE_CPU_H

/* At least 1; found once, by the affinity mask and the cgroup's CPU quota. */
int thrum__cpu_count(void);

/* The number of processors that a cgroup's "cpu.max" file grants, as its text has it: "max 100000"
 * or "150000 100000"; rounded up. 0 for no limit or a text that is none. */
int thrum__cpu_quota(const char *text);

#endif
