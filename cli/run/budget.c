/* The budget of descriptors.
 *
 * A job that cannot get its descriptors would be lost, or would wait for a job that waits for it.
 * So they are counted before the first job starts: the open descriptors, those that the program
 * opens later, and those of each job.
 */
#include "budget.h"

#include "trouble.h"

#include <dirent.h>
#include <errno.h>
#include <sys/resource.h>

enum {
    WINDOW_BEYOND_JOBS = 64,
    DESCRIPTORS_OF_JOB = 4,    /* of a running job: two files, the child, one while it starts */
    DESCRIPTORS_OF_OUTPUT = 2, /* of an ended job */
    DESCRIPTORS_OF_OURS = 14,  /* input, pollers, watches, /proc */
};

static size_t count_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    size_t count = 0;
    while (directory && readdir(directory))
        count++;
    if (directory)
        closedir(directory);
    return count;
}

int budget_choose(int *ret_jobs, size_t *ret_window, bool quiet)
{
    struct rlimit limit;
    size_t jobs = (size_t)*ret_jobs, beyond = WINDOW_BEYOND_JOBS;
    size_t used = count_descriptors() + DESCRIPTORS_OF_OURS;
    rlim_t needed = used + jobs * DESCRIPTORS_OF_JOB + beyond * DESCRIPTORS_OF_OUTPUT;
    *ret_window = jobs + beyond;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= needed)
        return 0;
    limit.rlim_cur = needed < limit.rlim_max ? needed : limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < used + DESCRIPTORS_OF_JOB)
        return -EMFILE;
    size_t room = (size_t)limit.rlim_cur - used;
    if (jobs > room / DESCRIPTORS_OF_JOB)
        jobs = room / DESCRIPTORS_OF_JOB;
    room -= jobs * DESCRIPTORS_OF_JOB;
    if (beyond > room / DESCRIPTORS_OF_OUTPUT)
        beyond = room / DESCRIPTORS_OF_OUTPUT;
    if ((size_t)*ret_jobs > jobs && !quiet)
        trouble_print("%zu jobs at a time, not %d: the limit of descriptors (ulimit -n) is %ju",
                      jobs, *ret_jobs, (uintmax_t)limit.rlim_cur);
    *ret_jobs = (int)jobs;
    *ret_window = jobs + beyond;
    return 0;
}
