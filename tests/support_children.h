/* What tests between processes need: memory in common, and children that are waited for or killed. A child is
 * made by fork and makes plain calls only: sanitizers cannot start threads in it. */
#ifndef TESTS_SUPPORT_CHILDREN_H
#define TESTS_SUPPORT_CHILDREN_H

#include "harness.h"
#include "support.h"

#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* Zeroed memory that the children made later share. */
static inline void *common_new(size_t size)
{
    void *common = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(common != MAP_FAILED);
    return common;
}

/* Runs `body` in a child. It ends with the test: the harness kills what a test leaves behind. */
static inline pid_t child_start(void (*body)(void *argument), void *argument)
{
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        body(argument);
        _exit(0);
    }
    return child;
}

static inline void child_join(pid_t child)
{
    int status;
    pid_t ended;
    UNTIL((ended = waitpid(child, &status, WNOHANG)) != 0); /* fibers that it waits for may run */
    CHECK_INT(ended, ==, child);
    CHECK_INT(status, ==, 0);
}

static inline void child_kill(pid_t child)
{
    int status;
    CHECK_INT(kill(child, SIGKILL), ==, 0);
    CHECK_INT(waitpid(child, &status, 0), ==, child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* Kills it, and leaves it a zombie: nobody waits for it. */
static inline void child_kill_only(pid_t child)
{
    siginfo_t about;
    CHECK_INT(kill(child, SIGKILL), ==, 0);
    CHECK_INT(waitid(P_PID, (id_t)child, &about, WEXITED | WNOWAIT), ==, 0);
}

/* Stays until it is killed. */
static inline void child_stay(void)
{
    for (;;)
        pause();
}

#endif
