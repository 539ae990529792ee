/* Children.
 *
 * Each child is the leader of a process group of its own. So Ctrl-C at the terminal reaches only
 * this program, which decides what to do, and the processes that a child has started can be ended
 * with it.
 *
 * The system may use a process number again once the process has been waited for. So all children
 * that were not waited for are in a list. A child leaves the list, and is waited for, under the
 * list's lock: no signal is ever sent to a number that is no longer ours. A descriptor (pidfd)
 * shows the end of a child; a fiber or a thread waits for it as for any other. Its number is
 * reserved before the child starts. If the system gives no descriptor all the same, the child is
 * polled, because a command that has started must not be started again.
 *
 * Processes that are left in a group when its leader ends continue, as with a shell. If the end was
 * requested, everything below the child is ended: its group, and its descendants in other groups
 * (descendants.c). Before SIGKILL they are stopped, so that none starts another process meanwhile.
 *
 * A child that reads our standard input, or the terminal, is in the terminal's foreground while it
 * runs. Otherwise the system would stop it when it reads. Ctrl-C and Ctrl-Z then go to the child.
 */
#include "child.h"

#include "array.h"
#include "pidfd.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static const double look_seconds = 0.02;

enum { ROUNDS_MOST = 16 }; /* of looking for processes that start others while they are stopped */

static struct {
    thrum_lock lock;
    struct child **items;
    size_t count, room;
    bool closed; /* all children are being ended: no more may start */
} children;

/* The last child has been collected. */
static thrum_condition none_left = THRUM_CONDITION_INIT_ON(&children.lock);

/* Makes room for one more child, before it starts. Under the lock. */
static int reserve(void)
{
    return array_has_room(&children.items, children.count, &children.room, sizeof(struct child *))
               ? 0
               : -ENOMEM;
}

int child_terminal(void)
{
    static int opened = -1;
    if (isatty(STDIN_FILENO))
        return STDIN_FILENO;
    if (opened < 0)
        opened = open("/dev/tty", O_RDWR | O_CLOEXEC);
    return opened;
}

/* glibc can give the terminal to a child before the child runs, since version 2.35. Otherwise we give it afterwards. A child
 * that has read the terminal before was stopped for that; it continues. */
#ifdef __GLIBC__
#if __GLIBC_PREREQ(2, 35)
#define SPAWN_GIVES_TERMINAL
#endif
#endif

#ifdef SPAWN_GIVES_TERMINAL
static int give_terminal(posix_spawn_file_actions_t *files)
{
    return posix_spawn_file_actions_addtcsetpgrp_np(files, STDIN_FILENO);
}

static void give_terminal_to(pid_t pid)
{
    (void)pid;
}
#else
static int give_terminal(posix_spawn_file_actions_t *files)
{
    (void)files;
    return 0;
}

static void give_terminal_to(pid_t pid)
{
    tcsetpgrp(child_terminal(), pid);
    kill(-pid, SIGCONT);
}
#endif

/* Only the foreground group may give the terminal away. */
static bool takes_terminal(const struct child_options *options)
{
    return (options->terminal || (options->input && isatty(STDIN_FILENO))) &&
           tcgetpgrp(child_terminal()) == getpgrp();
}

static int prepare_files(posix_spawn_file_actions_t *files, const struct child_options *options,
                         bool terminal)
{
    int rc = 0;
    if (!options->input)
        rc = posix_spawn_file_actions_addopen(files, STDIN_FILENO,
                                              options->terminal ? "/dev/tty" : "/dev/null",
                                              options->terminal ? O_RDWR : O_RDONLY, 0);
    if (rc == 0 && terminal)
        rc = give_terminal(files);
    if (rc == 0 && options->out > 0)
        rc = posix_spawn_file_actions_adddup2(files, options->out, STDOUT_FILENO);
    if (rc == 0 && options->err > 0)
        rc = posix_spawn_file_actions_adddup2(files, options->err, STDERR_FILENO);
    return rc;
}

static int spawn(pid_t *ret_pid, const struct child_options *options, bool terminal)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none, usual;
    sigemptyset(&none);
    sigemptyset(&usual);
    sigaddset(&usual, SIGPIPE); /* exec resets handlers, but keeps ignored signals */
    sigaddset(&usual, SIGTTOU);
    sigaddset(&usual, SIGCHLD);
    int rc = posix_spawn_file_actions_init(&files);
    if (rc != 0)
        return -rc;
    rc = posix_spawnattr_init(&attributes);
    if (rc == 0) {
        rc = prepare_files(&files, options, terminal);
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
    bool terminal = takes_terminal(options);
    int reserved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
    if (reserved < 0)
        return -errno;
    /* The lock is held from before the start, so an end of all children misses none. */
    thrum_with (&children.lock) {
        rc = children.closed ? -ECANCELED : reserve();
        if (rc == 0)
            rc = spawn(&child->pid, options, terminal);
        (void)close(reserved);
        if (rc < 0)
            break;
        child->terminal = terminal;
        if (terminal)
            give_terminal_to(child->pid);
        child->descriptor = pidfd_open(child->pid, 0);
        children.items[children.count++] = child;
    }
    return rc;
}

/* Ends all processes below the child. Under the lock, and before the child is waited for. */
static void kill_below(struct child *child)
{
    size_t first = 0;
    kill(-child->pid, SIGSTOP);
    for (int round = 0; round < ROUNDS_MOST; round++) {
        descendants_signal(&child->below, first, 0, SIGSTOP);
        first = child->below.count;
        if (descendants_find(&child->below, child->pid) == 0)
            break;
    }
    kill(-child->pid, SIGKILL);
    descendants_signal(&child->below, 0, 0, SIGKILL);
}

static void take_terminal_back(void)
{
    /* From the background this raises SIGTTOU. */
    void (*before)(int) = signal(SIGTTOU, SIG_IGN);
    tcsetpgrp(child_terminal(), getpgrp());
    signal(SIGTTOU, before);
}

/* Takes a child that has ended from the list, and its status from the system. */
static int collect(struct child *child)
{
    int status = 0;
    thrum_with (&children.lock) {
        if (child->ending)
            kill_below(child); /* the number still belongs to it */
        while (wait4(child->pid, &status, 0, &child->usage) < 0 && errno == EINTR)
            continue;
        for (size_t i = 0; i < children.count; i++)
            if (children.items[i] == child) {
                children.items[i] = children.items[--children.count];
                break;
            }
        if (children.count == 0)
            thrum_condition_notify_all(&none_left);
        child->pid = 0;
    }
    (void)close(child->descriptor);
    descendants_finish(&child->below);
    if (child->terminal)
        take_terminal_back();
    children_reap_adopted();
    return status;
}

bool child_has_ended(const struct child *child)
{
    siginfo_t ended = {0};
    return waitid(P_PID, (id_t)child->pid, &ended, WEXITED | WNOHANG | WNOWAIT) != 0 ||
           ended.si_pid != 0;
}

/* Waits for the end without a descriptor. */
static int look_until(const struct child *child, thrum_deadline deadline)
{
    while (!child_has_ended(child)) {
        thrum_deadline next = thrum_in(look_seconds);
        if (thrum_now() >= deadline.ns)
            return -ETIMEDOUT;
        thrum_sleep(thrum_deadline_sooner(next, deadline));
    }
    return 0;
}

int child_wait(struct child *child, thrum_deadline deadline, int *ret_status)
{
    int rc;
    do
        rc = child->descriptor < 0 ? look_until(child, deadline)
                                   : thrum_wait_readable(child->descriptor, deadline);
    while (rc == -EINTR || rc == -ENOMEM);
    if (rc < 0)
        return rc;
    *ret_status = collect(child);
    return 0;
}

/* Asks it to end. Under the lock. */
static void ask_to_end(struct child *child, int number)
{
    child->ending = true;
    descendants_find(&child->below, child->pid);
    kill(-child->pid, number);
    descendants_signal(&child->below, 0, child->pid, number);
    /* A stopped process does not act on a signal. */
    kill(-child->pid, SIGCONT);
    descendants_signal(&child->below, 0, child->pid, SIGCONT);
}

static void kill_child(struct child *child)
{
    child->ending = true;
    kill_below(child);
}

int child_end(struct child *child, double grace, int *ret_status)
{
    thrum_with (&children.lock)
        ask_to_end(child, SIGTERM);
    if (child_wait(child, thrum_in(grace), ret_status) == 0)
        return 0;
    thrum_with (&children.lock)
        kill_child(child);
    return child_wait(child, THRUM_FOREVER, ret_status);
}

size_t children_count(void)
{
    size_t count = 0;
    thrum_with (&children.lock)
        count = children.count;
    return count;
}

void children_each(void (*look)(struct child *child))
{
    thrum_with (&children.lock)
        for (size_t i = 0; i < children.count; i++)
            look(children.items[i]);
}

void children_kill_all(void)
{
    thrum_with (&children.lock)
        children.closed = true;
    children_each(kill_child);
}

void children_end_all(int number, double grace)
{
    thrum_deadline deadline = thrum_in(grace);
    thrum_with (&children.lock) {
        children.closed = true;
        for (size_t i = 0; i < children.count; i++)
            ask_to_end(children.items[i], number);
        while (children.count > 0 && thrum_condition_wait(&none_left, deadline) == 0)
            continue;
    }
    children_kill_all();
}

void children_signal(int number)
{
    thrum_with (&children.lock)
        for (size_t i = 0; i < children.count; i++)
            kill(-children.items[i]->pid, number);
}

void child_refuse_terminal(struct child *child)
{
    child->wants_terminal = true;
    kill_child(child);
}

void children_reap_adopted(void)
{
    thrum_with (&children.lock)
        for (;;) {
            siginfo_t ended = {0};
            bool own = false;
            if (waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) != 0 || ended.si_pid == 0)
                break;
            for (size_t i = 0; i < children.count; i++)
                own |= children.items[i]->pid == ended.si_pid;
            if (own)
                break; /* collect takes it soon, and then calls this function again */
            waitpid(ended.si_pid, NULL, WNOHANG);
        }
}

int child_exit_code(int status)
{
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
