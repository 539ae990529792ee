#include "base/spawn.h"
#include "base/fault.h"
#include "base/memory.h"
#include "base/process.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char self_path[] = "/proc/self/exe"; /* holds after the file was removed */

/* Our environment and one variable more, which stands first; NULL if memory is out. */
static char **environment_with(char *variable)
{
    size_t count = 0;
    while (environ && environ[count])
        count++;
    char **all = thrum__alloc_array(count + 2, sizeof *all);
    if (!all)
        return NULL;
    all[0] = variable;
    if (count)
        memcpy(all + 1, environ, count * sizeof *all);
    return all;
}

/* A descriptor that is put over itself is not closed on exec. */
static int keep(posix_spawn_file_actions_t *actions, const int *descriptors, size_t count)
{
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = posix_spawn_file_actions_adddup2(actions, descriptors[i], descriptors[i]);
    return -rc;
}

int thrum__spawn_self(const char *name, char *variable, const int *descriptors, size_t count,
                      int32_t *ret_pid)
{
    if (thrum__fault(THRUM__FAULT_SPAWN))
        return -EAGAIN;
    char **environment = environment_with(variable);
    if (!environment)
        return -ENOMEM;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    sigset_t none;
    sigemptyset(&none);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    char *arguments[] = {(char *)(uintptr_t)name, NULL};
    pid_t pid;
    int rc = keep(&actions, descriptors, count);
    if (rc == 0)
        rc = -posix_spawn(&pid, self_path, &actions, &attributes, arguments, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    thrum__free(environment);
    if (rc == 0)
        *ret_pid = pid;
    return rc;
}

int32_t thrum__spawn_fork(void)
{
    if (thrum__fault(THRUM__FAULT_SPAWN))
        return -EAGAIN;
    pid_t pid = fork();
    if (pid == 0) {
        sigset_t none;
        sigemptyset(&none);
        pthread_sigmask(SIG_SETMASK, &none, NULL);
    }
    return pid < 0 ? -errno : pid;
}

int32_t thrum__process_number(void)
{
    return getpid();
}

bool thrum__process_has_parent(int32_t parent)
{
    return getppid() == parent;
}

bool thrum__process_follow(int32_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    return thrum__process_has_parent(parent); /* it may have ended before */
}

void thrum__process_set_name(const char *name)
{
    char shown[16];
    snprintf(shown, sizeof shown, "%s", name);
    prctl(PR_SET_NAME, shown);
}

static void close_range_slowly(unsigned first, unsigned last)
{
    DIR *all = opendir("/proc/self/fd");
    if (!all)
        return;
    for (struct dirent *one; (one = readdir(all));) {
        unsigned number = (unsigned)strtoul(one->d_name, NULL, 10);
        if (one->d_name[0] != '.' && number >= first && number <= last && (int)number != dirfd(all))
            close((int)number);
    }
    closedir(all);
}

static void close_all(unsigned first, unsigned last)
{
#ifdef SYS_close_range
    if (first > last || syscall(SYS_close_range, first, last, 0) == 0)
        return;
#endif
    if (first <= last)
        close_range_slowly(first, last);
}

static int by_number(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

void thrum__process_close_others(int *descriptors, size_t count)
{
    qsort(descriptors, count, sizeof *descriptors, by_number);
    unsigned next = STDERR_FILENO + 1;
    for (size_t i = 0; i < count; i++) {
        if (descriptors[i] < (int)next)
            continue;
        close_all(next, (unsigned)descriptors[i] - 1);
        next = (unsigned)descriptors[i] + 1;
    }
    close_all(next, ~0U);
}

static int bound(int resource, uint64_t limit)
{
    struct rlimit now;
    if (!limit || getrlimit(resource, &now) < 0)
        return limit ? -errno : 0;
    now.rlim_cur = now.rlim_max < limit ? now.rlim_max : (rlim_t)limit;
    return setrlimit(resource, &now) < 0 ? -errno : 0;
}

int thrum__process_limit(uint64_t memory_bytes, uint64_t cpu_seconds)
{
    int rc = bound(RLIMIT_AS, memory_bytes);
    return rc < 0 ? rc : bound(RLIMIT_CPU, cpu_seconds);
}

bool thrum__process_take_variable(const char *name, char *text, size_t size)
{
    const char *value = thrum__process_environment(name);
    if (!value)
        return false;
    snprintf(text, size, "%s", value);
    unsetenv(name);
    return true;
}

void thrum__process_forget_output(void)
{
    __fpurge(stdout);
    __fpurge(stderr);
}

void thrum__process_end(int status, bool bare)
{
    if (!bare)
        exit(status);
    fflush(stdout);
    fflush(stderr);
    _exit(status);
}
