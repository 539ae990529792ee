/* Tasks that the tests of libthrum-cluster send to workers, registered in each program that includes this. */
#ifndef CLUSTER_TASKS_H
#define CLUSTER_TASKS_H

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
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

/* Writes a byte to the end of a file, and waits: a test counts how often it has begun. */
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

/* Writes a byte, waits for a file with this path and ".go", and writes another byte. */
static int await_go(const struct noted *noted)
{
    char go[sizeof noted->path + 4];
    snprintf(go, sizeof go, "%s.go", noted->path);
    note_in(noted->path);
    while (access(go, F_OK) != 0) {
        int rc = thrum_sleep(thrum_in(0.01));
        if (rc < 0)
            return rc;
    }
    note_in(noted->path);
    return 0;
}

static int take_held(thrum_task *self)
{
    struct noted noted = thrum_arg(self, struct noted);
    int rc = await_go(&noted);
    return rc < 0 ? rc : thrum_return(self, thrum_value(int64_t, 1));
}
THRUM_TASK(take_held)

/* Bytes of which each depends on its place and on the size. Nobody else has them yet, and they are many. */
__attribute__((no_sanitize("thread"))) static void fill(unsigned char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)(i * 31 + (i >> 12) + size);
}

/* Returns as many bytes as it is told. */
static int make_bytes(thrum_task *self)
{
    size_t size = thrum_arg(self, size_t);
    unsigned char *bytes = malloc(size);
    if (!bytes)
        return -ENOMEM;
    fill(bytes, size);
    int rc = thrum_return(self, bytes, size);
    free(bytes);
    return rc;
}
THRUM_TASK(make_bytes)

/* take_held, and the same as make_bytes. */
struct held_bytes {
    struct noted noted;
    size_t size;
};

static int make_held_bytes(thrum_task *self)
{
    struct held_bytes held = thrum_arg(self, struct held_bytes);
    int rc = await_go(&held.noted);
    unsigned char *bytes = rc == 0 ? malloc(held.size) : NULL;
    if (!bytes)
        return rc < 0 ? rc : -ENOMEM;
    fill(bytes, held.size);
    rc = thrum_return(self, bytes, held.size);
    free(bytes);
    return rc;
}
THRUM_TASK(make_held_bytes)

/* take_long with an argument that is longer: what follows are the bytes of `fill`. */
static int take_large(thrum_task *self)
{
    size_t size = thrum_task_arg_size(self);
    const char *arg = thrum_task_arg(self, size);
    struct noted noted;
    memcpy(&noted, arg, sizeof noted);
    unsigned char *bytes = malloc(size);
    if (!bytes)
        return -ENOMEM;
    fill(bytes, size - sizeof noted);
    int64_t same = memcmp(arg + sizeof noted, bytes, size - sizeof noted) == 0;
    free(bytes);
    note_in(noted.path);
    int rc = thrum_sleep(thrum_in(noted.seconds));
    return rc < 0 ? rc : thrum_return(self, thrum_value(int64_t, same));
}
THRUM_TASK(take_large)

/* Ends the process of the worker at once. */
static int crash(thrum_task *self)
{
    note_in(thrum_arg_text(self));
    (void)kill(getpid(), SIGKILL);
    return 0;
}
THRUM_TASK(crash)

#endif
