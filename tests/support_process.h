/* What the tests of processes share. */
#ifndef TESTS_SUPPORT_PROCESS_H
#define TESTS_SUPPORT_PROCESS_H

#include "harness.h"
#include "support_sanitizer.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <thrum.h>
#include <unistd.h>

/* A process pool by its options, which are named. */
#define process_pool(...) process_pool_new(&(thrum_process_pool_options){__VA_ARGS__})

static inline thrum_executor *process_pool_new(const thrum_process_pool_options *options)
{
    thrum_executor *pool = thrum_process_pool_new(options);
    CHECK(pool != NULL);
    return pool;
}

/* Waits for a future, prints its error if it has one, and frees it. Returns 0 or the code of the error. */
static inline int result_of(thrum_future *future, void *ret_result, size_t size)
{
    int rc = thrum_future_result(future, ret_result, size, THRUM_FOREVER);
    const thrum_error *error = thrum_future_error(future);
    CHECK_INT(rc, ==, error ? THRUM_FAILED : 0);
    int code = error ? error->code : 0;
    if (error)
        fprintf(stderr, "%s\n", error->message);
    thrum_future_free(future);
    return code;
}

/* How many children this process has, zombies included. */
static inline int live_children(void)
{
    char path[64];
    int count = 0, pid;
    DIR *tasks = opendir("/proc/self/task");
    CHECK(tasks != NULL);
    for (struct dirent *task; (task = readdir(tasks));) {
        snprintf(path, sizeof path, "/proc/self/task/%.16s/children", task->d_name);
        FILE *file = task->d_name[0] == '.' ? NULL : fopen(path, "r");
        while (file && fscanf(file, "%d", &pid) == 1)
            count++;
        if (file)
            fclose(file);
    }
    closedir(tasks);
    return count;
}

/* How many shared segments of the library this process has mapped. */
static inline int shared_segments(void)
{
    char line[512];
    int count = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    CHECK(maps != NULL);
    while (fgets(line, sizeof line, maps))
        count += strstr(line, "/memfd:") != NULL;
    fclose(maps);
    return count;
}

/* How many descriptors this process has. A thread of the library may have one more for a moment, so a test waits until there are
 * as few as before. */
static inline int open_descriptors(void)
{
    int count = 0;
    DIR *all = opendir("/proc/self/fd");
    CHECK(all != NULL);
    while (readdir(all))
        count++;
    closedir(all);
    return count;
}

#endif
