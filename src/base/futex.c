#include "base/futex.h"
#include "base/fault.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifdef THRUM_EXPLORE
#include "base/explore.h"

int thrum__futex_wait(uint32_t *word, uint32_t expected, thrum_time deadline)
{
    return thrum__explore_futex_wait(word, expected, deadline);
}

void thrum__futex_wake(uint32_t *word, int count)
{
    thrum__explore_futex_wake(word, count);
}

#else

int thrum__futex_wait(uint32_t *word, uint32_t expected, thrum_time deadline)
{
    if (thrum__fault(THRUM__FAULT_FUTEX_WAIT))
        return 0; /* as if a signal had come */
    struct timespec at, *limit = NULL;
    if (deadline != THRUM_FOREVER) {
        at.tv_sec = (time_t)(deadline / 1000000000);
        at.tv_nsec = (long)(deadline % 1000000000);
        limit = &at;
    }
    long rc = syscall(SYS_futex, word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, expected, limit,
                      NULL, FUTEX_BITSET_MATCH_ANY);
    return rc < 0 && errno == ETIMEDOUT ? -ETIMEDOUT : 0;
}

void thrum__futex_wake(uint32_t *word, int count)
{
    syscall(SYS_futex, word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, count, NULL, NULL, 0);
}

#endif
