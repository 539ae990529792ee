#include "external.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST_PROGRAMS = 8, ANSWER = 256, GOODBYE_MS = 2000 };

static struct peer {
    const char *program; /* that was ever asked; NULL: the place is free */
    bool running;
    pid_t pid;
    int to, from;
} peers[MOST_PROGRAMS];

static char folder[PATH_MAX];
static double deadline;

static int64_t milliseconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void external_begin(const char *wanted, double seconds)
{
    deadline = seconds;
    if (wanted) {
        snprintf(folder, sizeof folder, "%s", wanted);
        return;
    }
    ssize_t length = readlink("/proc/self/exe", folder, sizeof folder - sizeof "/peers");
    folder[length > 0 ? length : 0] = '\0';
    char *name = strrchr(folder, '/');
    strcpy(name ? name : folder, "/peers");
}

/* The first line of the file NAME.SUFFIX, or "". */
static const char *note(const char *program, const char *suffix)
{
    static char line[EXTERNAL_WHY];
    char path[PATH_MAX + 64];
    snprintf(path, sizeof path, "%s/%s.%s", folder, program, suffix);
    FILE *file = fopen(path, "r");
    if (!file || !fgets(line, sizeof line, file))
        line[0] = '\0';
    if (file)
        fclose(file);
    line[strcspn(line, "\n")] = '\0';
    return line;
}

const char *external_program(size_t i)
{
    return i < MOST_PROGRAMS ? peers[i].program : NULL;
}

const char *external_version(const char *program)
{
    return note(program, "version");
}

/* posix_spawn with both ends of the talk as the program's standard input and output. */
static int spawn(struct peer *peer, const char *path, const int to[2], const int from[2])
{
    char *argv[] = {(char *)path, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t by_default;
    int rc = posix_spawn_file_actions_init(&actions);
    if (rc)
        return rc;
    rc = posix_spawnattr_init(&attributes);
    if (rc) {
        posix_spawn_file_actions_destroy(&actions);
        return rc;
    }
    sigemptyset(&by_default);
    sigaddset(&by_default, SIGPIPE);
    posix_spawnattr_setsigdefault(&attributes, &by_default);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    rc = posix_spawn_file_actions_adddup2(&actions, to[0], STDIN_FILENO);
    if (!rc)
        rc = posix_spawn_file_actions_adddup2(&actions, from[1], STDOUT_FILENO);
    if (!rc)
        rc = posix_spawn(&peer->pid, path, &actions, &attributes, argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return rc;
}

/* Two pipes that other programs do not inherit. */
static int make_pipes(int to[2], int from[2])
{
    if (pipe2(to, O_CLOEXEC) != 0)
        return errno;
    if (pipe2(from, O_CLOEXEC) == 0)
        return 0;
    int error = errno;
    close(to[0]);
    close(to[1]);
    return error;
}

static int run_program(struct peer *peer, const char *path)
{
    int to[2], from[2];
    int rc = make_pipes(to, from);
    if (rc)
        return rc;
    rc = spawn(peer, path, to, from);
    close(to[0]);
    close(from[1]);
    if (rc) {
        close(to[1]);
        close(from[0]);
        return rc;
    }
    peer->to = to[1];
    peer->from = from[0];
    peer->running = true;
    return 0;
}

static bool start(struct peer *peer, char *why)
{
    char path[PATH_MAX + 64];
    snprintf(path, sizeof path, "%s/%s", folder, peer->program);
    if (access(path, X_OK) != 0) {
        const char *reason = note(peer->program, "missing");
        if (reason[0])
            snprintf(why, EXTERNAL_WHY, "%s", reason);
        else if (access(folder, F_OK) != 0)
            snprintf(why, EXTERNAL_WHY, "it is not there");
        else
            snprintf(why, EXTERNAL_WHY, "there is no program %.150s", path);
        return false;
    }
    signal(SIGPIPE, SIG_IGN); /* that one has died is told by write */
    int rc = run_program(peer, path);
    if (rc)
        snprintf(why, EXTERNAL_WHY, "%.100s does not start: %s", path, strerror(rc));
    return rc == 0;
}

/* Collects a program that has ended or is ended here. Returns its wait status. */
static int collect(struct peer *peer)
{
    int status = 0;
    while (waitpid(peer->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    close(peer->to);
    close(peer->from);
    peer->running = false;
    return status;
}

static void end(struct peer *peer)
{
    kill(peer->pid, SIGKILL);
    collect(peer);
}

/* The end of its output is nearly always that of the program; one that only closed it is ended. */
static void tell_death(struct peer *peer, const char *question, char *why)
{
    siginfo_t ended = {0};
    int64_t until = milliseconds_now() + GOODBYE_MS;
    while (waitid(P_PID, (id_t)peer->pid, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           ended.si_pid == 0 && milliseconds_now() < until)
        poll(NULL, 0, 1);
    if (ended.si_pid == 0) {
        end(peer);
        snprintf(why, EXTERNAL_WHY, "fell silent when asked for \"%s\"", question);
        return;
    }
    int status = collect(peer);
    if (WIFSIGNALED(status))
        snprintf(why, EXTERNAL_WHY, "died of signal %d (%s) when asked for \"%s\"",
                 WTERMSIG(status), strsignal(WTERMSIG(status)), question);
    else
        snprintf(why, EXTERNAL_WHY, "ended with status %d when asked for \"%s\"",
                 WEXITSTATUS(status), question);
}

enum heard { HEARD_LINE, HEARD_END, HEARD_NOTHING };

/* Reads what comes until a line is full, the buffer is, or the time is over. */
static enum heard listen_to(struct peer *peer, char *answer)
{
    size_t length = 0;
    int64_t until = milliseconds_now() + (int64_t)(deadline * 1000);
    for (;;) {
        struct pollfd readable = {peer->from, POLLIN, 0};
        int64_t left = until - milliseconds_now();
        int found = left > 0 ? poll(&readable, 1, left > INT_MAX ? INT_MAX : (int)left) : 0;
        if (found < 0 && errno == EINTR)
            continue;
        if (found <= 0)
            return HEARD_NOTHING;
        ssize_t count = read(peer->from, answer + length, ANSWER - 1 - length);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return HEARD_END;
        length += (size_t)count;
        answer[length] = '\0';
        if (strchr(answer, '\n') || length == ANSWER - 1)
            return HEARD_LINE;
    }
}

/* The figure of a line that has nothing but a positive number, else -1. */
static double figure_of(const char *answer)
{
    char *after;
    double figure = strtod(answer, &after);
    bool alone = after != answer && strcmp(after, "\n") == 0;
    return alone && isfinite(figure) && figure > 0 ? figure : -1;
}

/* An answer may be anything at all: one line of it, in letters that a terminal can show. */
static void make_printable(char *answer)
{
    answer[strcspn(answer, "\n")] = '\0';
    for (char *c = answer; *c; c++)
        if (*c < ' ' || *c > '~')
            *c = '?';
}

/* The program's place, a new one if it has none; NULL if there is none left. */
static struct peer *find(const char *program)
{
    struct peer *peer = peers;
    while (peer < peers + MOST_PROGRAMS && peer->program && strcmp(peer->program, program) != 0)
        peer++;
    if (peer == peers + MOST_PROGRAMS)
        return NULL;
    peer->program = program;
    return peer;
}

/* True if something lies there that nobody asked for: the answers would be one behind from now on. */
static bool speaks_unasked(const struct peer *peer)
{
    struct pollfd readable = {peer->from, POLLIN, 0};
    return poll(&readable, 1, 0) > 0 && (readable.revents & POLLIN);
}

double external_ask(const char *program, const char *question, char *why)
{
    char line[ANSWER], answer[ANSWER] = "";
    struct peer *peer = find(program);
    if (!peer) {
        snprintf(why, EXTERNAL_WHY, "more than %d programs are asked", MOST_PROGRAMS);
        return -1;
    }
    if (!peer->running && !start(peer, why))
        return -1;
    if (speaks_unasked(peer)) {
        end(peer);
        snprintf(why, EXTERNAL_WHY, "spoke before it was asked for \"%s\"", question);
        return -1;
    }
    int length = snprintf(line, sizeof line, "%s\n", question);
    if (write(peer->to, line, (size_t)length) != length) {
        tell_death(peer, question, why);
        return -1;
    }
    enum heard heard = listen_to(peer, answer);
    if (heard == HEARD_END) {
        tell_death(peer, question, why);
        return -1;
    }
    if (heard == HEARD_NOTHING) {
        snprintf(why, EXTERNAL_WHY, "no answer to \"%s\" within %g s", question, deadline);
        end(peer);
        return -1;
    }
    double figure = figure_of(answer);
    if (figure < 0) {
        make_printable(answer);
        snprintf(why, EXTERNAL_WHY, "answered \"%.100s\" to \"%s\"", answer, question);
        end(peer);
    }
    return figure;
}

void external_end(void)
{
    for (struct peer *peer = peers; peer < peers + MOST_PROGRAMS; peer++) {
        if (!peer->running)
            continue;
        /* Asked to go by the end of its input, it closes its output. */
        struct pollfd gone = {peer->from, 0, 0};
        close(peer->to);
        peer->to = -1;
        poll(&gone, 1, GOODBYE_MS);
        end(peer);
    }
}
