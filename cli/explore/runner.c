/* The command's side of the server (doctor/schedule/server.c).
 *
 * The program is started once, with addresses that are the same each time, the region and a socket
 * as inherited descriptors, and files in memory as its output. For each run a byte is sent, and two
 * messages come back: the child's number, and its status. Between them the command looks now and then
 * whether the run still moves. A run that takes no step and no processor time waits in a call that
 * the library does not control; it is ended after a while, as no limit of steps would end it.
 */
#include "runner.h"

#include "child/preload.h"
#include "child/process_stat.h"
#include "interrupt.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    HIGH = 200,         /* inherited descriptors are above those that a program gets */
    LOOK_EACH_MS = 200, /* whether the run moves */
    STILL_MOST = 15,    /* looks without movement: three seconds */
};

static const char *const names[] = {
    [OUTCOME_GOOD] = "good",         [OUTCOME_UNFINISHED] = "unfinished",
    [OUTCOME_BLOCKED] = "blocked",   [OUTCOME_STOPPED] = "stopped",
    [OUTCOME_WAITS] = "waits",       [OUTCOME_COMPUTES] = "computes",
    [OUTCOME_DEADLOCK] = "deadlock", [OUTCOME_CRASH] = "crash",
    [OUTCOME_MISUSE] = "misuse",     [OUTCOME_EXIT] = "exit",
    [OUTCOME_CHECK] = "check",       [OUTCOME_RACE] = "race",
};

const char *outcome_name(enum outcome_kind kind)
{
    return names[kind];
}

static int open_descriptors(struct runner *runner, int *ret_other)
{
    int pair[2] = {-1, -1}, rc = 0;
    runner->memory = memfd_create("thrum-explore", MFD_CLOEXEC);
    runner->output = memfd_create("thrum-explore-output", MFD_CLOEXEC);
    runner->errors = memfd_create("thrum-explore-errors", MFD_CLOEXEC);
    runner->null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (runner->memory < 0 || runner->output < 0 || runner->errors < 0 || runner->null < 0 ||
        ftruncate(runner->memory, sizeof *runner->region) != 0 ||
        fcntl(runner->output, F_SETFL, O_APPEND) != 0 ||
        fcntl(runner->errors, F_SETFL, O_APPEND) != 0 ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return -errno;
    runner->channel = pair[0];
    *ret_other = fcntl(pair[1], F_DUPFD_CLOEXEC, HIGH);
    rc = *ret_other < 0 ? -errno : 0;
    (void)close(pair[1]);
    if (rc == 0) {
        int high = fcntl(runner->memory, F_DUPFD_CLOEXEC, HIGH);
        rc = high < 0 ? -errno : 0;
        if (rc == 0) {
            (void)close(runner->memory);
            runner->memory = high;
        }
    }
    void *region = rc == 0 ? mmap(NULL, sizeof *runner->region, PROT_READ | PROT_WRITE, MAP_SHARED,
                                  runner->memory, 0)
                           : MAP_FAILED;
    if (rc == 0 && region == MAP_FAILED)
        rc = -errno;
    if (rc == 0) {
        runner->region = region;
        runner->region->magic = SCHEDULE_MAGIC;
    }
    return rc;
}

/* dup2 onto itself clears the flag that would close the descriptor. */
static int add_descriptors(posix_spawn_file_actions_t *actions, const struct runner *runner,
                           int other)
{
    const int pairs[][2] = {{runner->null, 0},
                            {runner->output, 1},
                            {runner->errors, 2},
                            {runner->memory, runner->memory},
                            {other, other}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        int rc = posix_spawn_file_actions_adddup2(actions, pairs[i][0], pairs[i][1]);
        if (rc != 0)
            return -rc;
    }
    return 0;
}

/* SIGINT from the terminal is for the command, which ends the server. */
static int set_attributes(posix_spawnattr_t *attributes)
{
    sigset_t none, usual;
    sigemptyset(&none);
    sigfillset(&usual);
    posix_spawnattr_setsigmask(attributes, &none);
    posix_spawnattr_setsigdefault(attributes, &usual);
    posix_spawnattr_setpgroup(attributes, 0);
    return -posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                                     POSIX_SPAWN_SETPGROUP);
}

static int start(struct runner *runner, char **words, char **environment, int other)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int rc = -posix_spawn_file_actions_init(&actions);
    if (rc != 0)
        return rc;
    rc = -posix_spawnattr_init(&attributes);
    if (rc == 0) {
        rc = set_attributes(&attributes);
        if (rc == 0)
            rc = add_descriptors(&actions, runner, other);
        int before = personality(0xffffffff);
        if (rc == 0 && before >= 0)
            personality((unsigned long)before | ADDR_NO_RANDOMIZE);
        if (rc == 0)
            rc =
                -posix_spawnp(&runner->server, words[0], &actions, &attributes, words, environment);
        if (before >= 0)
            personality((unsigned long)before);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return rc;
}

/* The next message of the server. Returns 1, 0 if none has come in that time, -EPIPE at its end. */
static int receive(const struct runner *runner, int timeout, struct schedule_report *ret)
{
    struct pollfd ready[2] = {{runner->channel, POLLIN, 0}, {interrupt_descriptor(), POLLIN, 0}};
    int rc = poll(ready, ready[1].fd >= 0 ? 2 : 1, timeout);
    if (rc < 0)
        return errno == EINTR ? 0 : -errno;
    if (!ready[0].revents)
        return rc > 0 ? -EINTR : 0;
    return recv(runner->channel, ret, sizeof *ret, 0) == sizeof *ret ? 1 : -EPIPE;
}

static int wait_ready(struct runner *runner, const char *program, char *message, size_t size)
{
    struct schedule_report report;
    int rc = receive(runner, -1, &report);
    if (rc == 1 && report.event == EVENT_READY)
        return 0;
    if (rc == 1)
        snprintf(message, size, "%s has threads before main begins, which cannot be explored",
                 program);
    else if (rc == -EPIPE)
        snprintf(
            message, size,
            "%s ended before main, or is static or set-user-ID: it cannot be explored. What is linked with "
            "-fsanitize=thread needs --instrument",
            program);
    else
        snprintf(message, size, "stopped while %s was loaded", program);
    return rc == 1 ? -EBUSY : rc == 0 ? -EINTR : rc;
}

int runner_open(struct runner *runner, char **words, bool instrument, char *message, size_t size)
{
    int other = -1;
    char library[PRELOAD_PATH_SIZE], variable[64];
    *runner = (struct runner){
        .memory = -1, .channel = -1, .output = -1, .errors = -1, .null = -1, .server = -1};
    if (!preload_find("libthrum-schedule.so", library, sizeof library)) {
        snprintf(message, size, "cannot find libthrum-schedule.so, which is installed with thrum");
        return -ENOENT;
    }
    int rc = open_descriptors(runner, &other);
    snprintf(variable, sizeof variable, "%d,%d", runner->memory, other);
    char **environment = rc == 0 ? preload_environment(library, SCHEDULE_VARIABLE, variable) : NULL;
    if (rc == 0)
        rc = environment ? start(runner, words, environment, other) : -ENOMEM;
    free(environment);
    if (other >= 0)
        (void)close(other);
    if (rc < 0)
        snprintf(message, size, "cannot run %s: %s", words[0], strerror(-rc));
    else
        rc = wait_ready(runner, words[0], message, size);
    if (rc == 0 && instrument && !runner->region->instrumented) {
        snprintf(
            message, size,
            "%s does not call the instrumentation: compile and link it with -fsanitize=thread (clang: "
            "also with -shared-libsan)",
            words[0]);
        rc = -ENOEXEC;
    }
    if (rc < 0)
        runner_close(runner);
    return rc;
}

void runner_close(struct runner *runner)
{
    const int files[] = {runner->memory, runner->channel, runner->output, runner->errors,
                         runner->null};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        if (files[i] >= 0)
            (void)close(files[i]);
    if (runner->region)
        munmap(runner->region, sizeof *runner->region);
    if (runner->server > 0) {
        kill(runner->server, SIGKILL);
        while (waitpid(runner->server, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    *runner = (struct runner){
        .memory = -1, .channel = -1, .output = -1, .errors = -1, .null = -1, .server = -1};
}

/* ---- a run ---- */

struct progress_of_run {
    uint32_t steps;
    unsigned long long ticks;
    int still;
};

/* True if a thread of the process could run. On a busy machine it may get no processor for seconds. */
static bool could_run(pid_t pid)
{
    char path[64];
    struct process_stat about;
    bool found = false;
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *list = opendir(path);
    for (struct dirent *entry; list && !found && (entry = readdir(list)) != NULL;)
        found = entry->d_name[0] != '.' &&
                process_stat_read((pid_t)strtol(entry->d_name, NULL, 10), &about) &&
                about.state == 'R';
    if (list)
        closedir(list);
    return found;
}

/* True if the run has neither taken a step nor used the processor for long, though it could have. */
static bool is_blocked(const struct runner *runner, pid_t pid, struct progress_of_run *seen)
{
    uint32_t steps = __atomic_load_n(&runner->region->steps, __ATOMIC_RELAXED);
    struct process_stat about = {0};
    unsigned long long ticks = process_stat_read(pid, &about) ? about.ticks : 0;
    bool still = steps == seen->steps && ticks == seen->ticks && !could_run(pid);
    seen->still = still ? seen->still + 1 : 0;
    seen->steps = steps;
    seen->ticks = ticks;
    int most = STILL_MOST + (int)(runner->region->plan.patience_ns / 1000000 / LOOK_EACH_MS);
    return seen->still >= most;
}

static void end_run(pid_t pid)
{
    kill(pid, SIGKILL);
}

static bool looks(const struct runner *runner)
{
    return __atomic_load_n(&runner->region->looking, __ATOMIC_ACQUIRE) != 0;
}

/* Waits for the end of the run. Sets *ret_ended to the kind if the command ended it. */
static int await(struct runner *runner, pid_t pid, const struct runner_look *look,
                 enum outcome_kind *ret_ended, struct schedule_report *report)
{
    struct progress_of_run seen = {0};
    bool looked = false, stopped = false;
    for (;;) {
        int rc = receive(runner, looked || stopped ? -1 : look ? 5 : LOOK_EACH_MS, report);
        if (rc == 1)
            return 0;
        if (rc == -EINTR && !stopped) {
            *ret_ended = OUTCOME_STOPPED;
            stopped = true;
            end_run(pid);
            /* The status still comes, and the descriptor stays readable. */
            return recv(runner->channel, report, sizeof *report, 0) == sizeof *report ? 0 : -EPIPE;
        }
        if (rc < 0)
            return rc;
        if (look && !looked && looks(runner)) {
            look->look(look->argument, pid);
            looked = true;
            end_run(pid);
        } else if (!look && is_blocked(runner, pid, &seen)) {
            *ret_ended = OUTCOME_BLOCKED;
            end_run(pid);
        }
    }
}

static int clear(struct runner *runner)
{
    struct schedule_region *region = runner->region;
    size_t from = offsetof(struct schedule_region, verdict);
    memset((char *)region + from, 0, offsetof(struct schedule_region, threads) - from);
    if (ftruncate(runner->output, 0) != 0 || ftruncate(runner->errors, 0) != 0)
        return -errno;
    return 0;
}

/* The command line of --check, with the output as its input. */
static bool passes(const struct runner *runner, const char *check)
{
    char path[64];
    posix_spawn_file_actions_t actions;
    pid_t pid;
    int status = 1;
    char shell[] = "sh", option[] = "-c";
    char *words[] = {shell, option, (char *)(uintptr_t)check, NULL};
    extern char **environ;
    snprintf(path, sizeof path, "/proc/self/fd/%d", runner->output);
    if (posix_spawn_file_actions_init(&actions) != 0)
        return false;
    /* A description of its own: it begins at the first byte. */
    if (posix_spawn_file_actions_addopen(&actions, 0, path, O_RDONLY, 0) == 0 &&
        posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0) == 0 &&
        posix_spawnp(&pid, "sh", &actions, NULL, words, environ) == 0)
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
            ;
    posix_spawn_file_actions_destroy(&actions);
    return status == 0;
}

static struct outcome judge(const struct runner *runner, int status)
{
    switch (runner->region->verdict) {
    case VERDICT_STUCK:
        return (struct outcome){.kind = OUTCOME_DEADLOCK};
    case VERDICT_LIMIT:
        return (struct outcome){.kind = OUTCOME_UNFINISHED};
    case VERDICT_COMPUTES:
        return (struct outcome){.kind = OUTCOME_COMPUTES};
    case VERDICT_WAITS:
        return (struct outcome){.kind = OUTCOME_WAITS};
    case VERDICT_MISUSE:
        return (struct outcome){.kind = OUTCOME_MISUSE};
    case VERDICT_RACE:
        return (struct outcome){.kind = OUTCOME_RACE};
    case VERDICT_CRASH:
        return (struct outcome){.kind = OUTCOME_CRASH, .status = (int)runner->region->signal};
    default:
        if (WIFSIGNALED(status))
            return (struct outcome){.kind = OUTCOME_CRASH, .status = WTERMSIG(status)};
        return (struct outcome){.kind = WEXITSTATUS(status) ? OUTCOME_EXIT : OUTCOME_GOOD,
                                .status = WEXITSTATUS(status)};
    }
}

int runner_run(struct runner *runner, const char *check, const struct runner_look *look,
               struct outcome *ret_outcome, char *message, size_t size)
{
    struct schedule_report report;
    enum outcome_kind ended = OUTCOME_GOOD;
    int rc = clear(runner);
    runner->region->plan.look = look != NULL;
    if (rc == 0 && send(runner->channel, "r", 1, MSG_NOSIGNAL) != 1)
        rc = -errno;
    while (rc == 0)
        if (receive(runner, -1, &report) != -EINTR) /* the child's number comes at once */
            break;
        else if (recv(runner->channel, &report, sizeof report, 0) == sizeof report)
            break;
        else
            rc = -EPIPE;
    if (rc == 0 && report.event == EVENT_REFUSED) {
        snprintf(message, size, "cannot fork: %s", strerror(report.status));
        return -report.status;
    }
    if (rc == 0)
        rc = await(runner, report.pid, look, &ended, &report);
    if (rc != 0) {
        snprintf(message, size, "the program has ended its own server: %s", strerror(-rc));
        return rc;
    }
    *ret_outcome = judge(runner, report.status);
    if (ended == OUTCOME_STOPPED || (ended == OUTCOME_BLOCKED && runner->region->verdict == 0))
        *ret_outcome = (struct outcome){.kind = ended};
    if (ret_outcome->kind == OUTCOME_GOOD && check && !passes(runner, check))
        ret_outcome->kind = OUTCOME_CHECK;
    return 0;
}
