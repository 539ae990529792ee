/* Tasks that the tests of libthrum-cluster send to workers, registered in each program that includes this. */
#ifndef CLUSTER_TASKS_H
#define CLUSTER_TASKS_H

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <thrum.h>
#include <unistd.h>

static int square(thrum_task *self)
{
    int64_t n = thrum_arg(self, int64_t);
    return thrum_return(self, thrum_value(int64_t, n * n));
}
THRUM_TASK(square)

static int echo(thrum_task *self)
{
    size_t size = thrum_task_arg_size(self);
    return thrum_return(self, thrum_task_arg(self, size), size);
}
THRUM_TASK(echo)

static int fail_task(thrum_task *self)
{
    return thrum_fail(self, -ERANGE, "number %d is out of range", thrum_arg(self, int));
}
THRUM_TASK(fail_task)

/* Writes a byte to the end of a file, waits, and writes another: a test counts how often it has begun and ended. */
struct noted {
    char path[200];
    double seconds;
};

static void note_in(const char *path)
{
    int file = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    ssize_t written = file < 0 ? 0 : write(file, "x", 1);
    (void)written;
    close(file);
}

static int take_long(thrum_task *self)
{
    struct noted noted = thrum_arg(self, struct noted);
    note_in(noted.path);
    int rc = thrum_sleep(thrum_in(noted.seconds));
    return rc < 0 ? rc : thrum_return(self, thrum_value(int64_t, 1));
}
THRUM_TASK(take_long)

/* Ends the process of the worker at once. */
static int crash(thrum_task *self)
{
    note_in(thrum_arg_text(self));
    (void)kill(getpid(), SIGKILL);
    return 0;
}
THRUM_TASK(crash)

#endif
