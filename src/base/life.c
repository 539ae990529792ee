#include "base/life.h"
#include "base/fault.h"
#include "base/pidfd.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef THRUM_EXPLORE
#include "base/explore.h"

static uint32_t ended[THRUM__EXPLORE_THREADS];

thrum__life thrum__life_find_self(void)
{
    return (thrum__life){(uint32_t)thrum__explore_thread_number() + 1, 1};
}

bool thrum__life_ended(thrum__life life)
{
    return thrum__load_acquire(&ended[life.pid - 1]);
}

void thrum__life_end(void)
{
    thrum__store_release(&ended[thrum__explore_thread_number()], 1);
}

#else

/* The 22nd word of the file, counted behind the program's name, which may hold anything. */
static uint64_t start_in(const char *stat)
{
    enum { WORDS_BEHIND = 20 };
    const char *at = strrchr(stat, ')');
    for (int i = 0; at && i < WORDS_BEHIND; i++)
        at = strchr(at + 1, ' ');
    return at ? strtoull(at + 1, NULL, 10) % (UINT64_C(1) << THRUM__LIFE_START_BITS) : 0;
}

static uint64_t start_of(uint32_t pid)
{
    char path[32], stat[512];
    if (thrum__fault(THRUM__FAULT_LIFE))
        return 0;
    snprintf(path, sizeof path, "/proc/%u/stat", pid);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return 0;
    ssize_t got = read(file, stat, sizeof stat - 1);
    close(file);
    if (got <= 0)
        return 0;
    stat[got] = '\0';
    return start_in(stat);
}

uint64_t thrum__life_known; /* two threads may both find it out */
uint32_t thrum__life_process;

/* A start that could not be read is read again. */
thrum__life thrum__life_find_self(void)
{
    thrum__life self = {(uint32_t)getpid(), start_of((uint32_t)getpid())};
    if (self.start) {
        thrum__store_relaxed(&thrum__life_known, self.start << THRUM__LIFE_PID_BITS | self.pid);
        thrum__store_release(&thrum__life_process, thrum__process_generation);
    }
    return self;
}

/* Whether the pid stands for another process by now. */
static bool is_taken_over(thrum__life life)
{
    uint64_t start = start_of(life.pid);
    return life.start && start && start != life.start;
}

bool thrum__life_ended(thrum__life life)
{
    int error = errno;
    bool ended = kill((pid_t)life.pid, 0) < 0 && errno == ESRCH;
    if (!ended && !thrum__fault(THRUM__FAULT_LIFE)) {
        int descriptor = thrum__pidfd_open((int32_t)life.pid);
        if (descriptor >= 0) { /* while it is held, the pid is that of no other process */
            ended = thrum__pidfd_is_over(descriptor) || is_taken_over(life);
            close(descriptor);
        } else if (descriptor ==
                   -ENOSYS) { /* Linux before 5.3, emulators: a zombie seems to live */
            ended = is_taken_over(life);
        } else {
            ended = descriptor == -ESRCH;
        }
    }
    errno = error;
    return ended;
}

#endif
