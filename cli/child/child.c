/* Children.
 *
 * Each is the leader of a process group of its own, so that Ctrl-C at the terminal reaches only this
 * program, which then decides, and so that what a child has started can be ended with it.
 *
 * A process number may be used again once its process has been waited for. So all who are not waited
 * for yet stand in a list, and a child leaves it, and is waited for, under the list's lock: a signal
 * is never sent to a number that is no longer ours. The end itself is noticed by a descriptor
 * (pidfd), for which a fiber or a thread waits as for any other.
 *
 * What is left of a group when its leader ends is left alone, as a shell does, unless the group was
 * being ended: then it is killed, as it has had its SIGTERM. A process that has made a session or group
 * of its own is beyond reach; it wanted that.
 *
 * With `input` the child gets the terminal's foreground for its time: without that it would be stopped
 * when it reads. Ctrl-C then is the child's.
 */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static const double look_seconds = 0.02;

static struct {
    thrum_lock lock;
    struct child **items;
    size_t count, room;
    bool closed; /* all are being ended: no more may start */
} children;

/* Makes room for one more, before there is something that could not be undone. Under the lock. */
static int reserve(void)
{
    if (children.count < children.room)
        return 0;
    size_t room = children.room ? 2 * children.room : 16;
    struct child **items = realloc(children.items, room * sizeof(struct child *));
    if (!items)
        return -ENOMEM;
    children.items = items;
    children.room = room;
    return 0;
}

static int prepare_files(posix_spawn_file_actions_t *files, const struct child_options *options)
{
    int rc = 0;
    if (!options->input)
        rc = posix_spawn_file_actions_addopen(files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (rc == 0 && options->input && isatty(STDIN_FILENO))
        rc = posix_spawn_file_actions_addtcsetpgrp_np(files, STDIN_FILENO);
    if (rc == 0 && options->out > 0)
        rc = posix_spawn_file_actions_adddup2(files, options->out, STDOUT_FILENO);
    if (rc == 0 && options->err > 0)
        rc = posix_spawn_file_actions_adddup2(files, options->err, STDERR_FILENO);
    return rc;
}

static int spawn(pid_t *ret_pid, const struct child_options *options)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none, usual;
    sigemptyset(&none);
    sigemptyset(&usual);
    sigaddset(&usual, SIGPIPE); /* what exec keeps is only that a signal is ignored */
    sigaddset(&usual, SIGTTOU);
    int rc = posix_spawn_file_actions_init(&files);
    if (rc != 0)
        return -rc;
    rc = posix_spawnattr_init(&attributes);
    if (rc == 0) {
        rc = prepare_files(&files, options);
        if (rc == 0)
            rc = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP |
                                                           POSIX_SPAWN_SETSIGMASK |
                                                           POSIX_SPAWN_SETSIGDEF);
        if (rc == 0)
            rc = posix_spawnattr_setsigmask(&attributes, &none);
        if (rc == 0)
            rc = posix_spawnattr_setsigdefault(&attributes, &usual);
        if (rc == 0)
            rc = posix_spawnp(ret_pid, options->words[0], &files, &attributes, options->words,
                              environ);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&files);
    return -rc;
}

int child_start(struct child *child, const struct child_options *options)
{
    int rc = 0;
    *child = (struct child){0};
    /* The lock is held from before the start, so that whoever ends all children misses none. */
    thrum_with (&children.lock) {
        rc = children.closed ? -ECANCELED : reserve();
        if (rc == 0)
            rc = spawn(&child->pid, options);
        if (rc < 0)
            break;
        child->descriptor = pidfd_open(child->pid, 0);
        if (child->descriptor >= 0) {
            children.items[children.count++] = child;
            break;
        }
        rc = -errno;
        kill(-child->pid, SIGKILL);
        waitpid(child->pid, NULL, 0);
        child->pid = 0;
    }
    return rc;
}

/* It has ended: takes it from the list and its status from the system. */
static int collect(struct child *child)
{
    int status = 0;
    thrum_with (&children.lock) {
        if (child->ending)
            kill(-child->pid, SIGKILL); /* its number is still its own */
        while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
            continue;
        for (size_t i = 0; i < children.count; i++)
            if (children.items[i] == child) {
                children.items[i] = children.items[--children.count];
                break;
            }
        child->pid = 0;
    }
    close(child->descriptor);
    if (isatty(STDIN_FILENO) && tcgetpgrp(STDIN_FILENO) != getpgrp()) {
        /* The terminal was the child's. Taking it back from the background raises SIGTTOU. */
        void (*before)(int) = signal(SIGTTOU, SIG_IGN);
        tcsetpgrp(STDIN_FILENO, getpgrp());
        signal(SIGTTOU, before);
    }
    return status;
}

int child_wait(struct child *child, thrum_time deadline, int *ret_status)
{
    int rc;
    do
        rc = thrum_wait_readable(child->descriptor, deadline);
    while (rc == -EINTR || rc == -ENOMEM);
    if (rc < 0)
        return rc;
    *ret_status = collect(child);
    return 0;
}

static void signal_group(const struct child *child, int number)
{
    kill(-child->pid, number);
    if (number == SIGTERM)
        kill(-child->pid, SIGCONT); /* one that is stopped could not hear it */
}

int child_end(struct child *child, double grace, int *ret_status)
{
    thrum_with (&children.lock) {
        child->ending = true;
        signal_group(child, SIGTERM);
    }
    if (child_wait(child, thrum_in(grace), ret_status) == 0)
        return 0;
    thrum_with (&children.lock)
        signal_group(child, SIGKILL);
    return child_wait(child, THRUM_FOREVER, ret_status);
}

static size_t signal_all(int number)
{
    size_t count = 0;
    thrum_with (&children.lock) {
        children.closed = true;
        count = children.count;
        for (size_t i = 0; i < children.count; i++) {
            children.items[i]->ending = true;
            signal_group(children.items[i], number);
        }
    }
    return count;
}

static size_t count_children(void)
{
    size_t count = 0;
    thrum_with (&children.lock)
        count = children.count;
    return count;
}

void children_end_all(double grace)
{
    thrum_time deadline = thrum_in(grace);
    if (signal_all(SIGTERM) == 0)
        return;
    while (count_children() > 0 && thrum_now() < deadline)
        thrum_sleep(thrum_in(look_seconds));
    signal_all(SIGKILL);
}

void children_kill_all(void)
{
    signal_all(SIGKILL);
}

int child_exit_code(int status)
{
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
