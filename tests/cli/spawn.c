/* Running the command. Its output goes to unnamed files rather than pipes, so that nobody has to
 * drain them while it runs; only a terminal must be drained, since it holds little. */
#include "spawn.h"

#include "harness.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WORDS_MAX = 32, TRIES = 120000 }; /* ten minutes: the deadline of the test comes first */

static void nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
}

static void become_command(const char *line, const struct spawned *spawned, int error)
{
    char words[512], *argv[WORDS_MAX + 2];
    int argc = 0;
    const char *command = getenv("THRUM_COMMAND");
    argv[argc++] = (char[]){"thrum"};
    snprintf(words, sizeof words, "%s", line);
    for (char *word = strtok(words, " "); word && argc < WORDS_MAX; word = strtok(NULL, " "))
        argv[argc++] = word;
    argv[argc] = NULL;
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    setenv("TMPDIR", spawned->scratch, 1);
    setenv("TERM", "xterm", 1);
    dup2(spawned->out_file, STDOUT_FILENO);
    dup2(error, STDERR_FILENO);
    if (command)
        execv(command, argv);
    _exit(127);
}

struct spawned spawn(const char *line, bool terminal)
{
    struct spawned spawned = {.status = -1, .scratch = "/tmp/thrum-test-XXXXXX"};
    struct winsize size = {.ws_row = 25, .ws_col = 80};
    int error;
    CHECK(getenv("THRUM_COMMAND"));
    CHECK(mkdtemp(spawned.scratch));
    spawned.out_file = memfd_create("stdout", MFD_CLOEXEC);
    spawned.err_file = memfd_create("stderr", MFD_CLOEXEC);
    CHECK(spawned.out_file >= 0 && spawned.err_file >= 0);
    if (terminal) {
        close(spawned.err_file);
        CHECK_INT(openpty(&spawned.err_file, &error, NULL, NULL, &size), ==, 0);
    } else {
        error = dup(spawned.err_file);
        CHECK(error >= 0);
    }
    spawned.pid = fork();
    CHECK(spawned.pid >= 0);
    if (spawned.pid == 0)
        become_command(line, &spawned, error);
    close(error);
    return spawned;
}

/* Adds what can be read from the descriptor to the text; false at its end. */
static bool drain(int file, char **text, size_t *length)
{
    char piece[4096];
    ssize_t count = read(file, piece, sizeof piece);
    if (count <= 0)
        return false; /* a terminal without writers gives EIO */
    *text = realloc(*text, *length + (size_t)count + 1);
    CHECK(*text);
    memcpy(*text + *length, piece, (size_t)count);
    *length += (size_t)count;
    (*text)[*length] = '\0';
    return true;
}

static char *read_all(int file)
{
    char *text = calloc(1, 1);
    size_t length = 0;
    CHECK(text);
    while (drain(file, &text, &length))
        continue;
    return text;
}

void spawn_wait(struct spawned *spawned)
{
    int status;
    if (isatty(spawned->err_file))
        spawned->err = read_all(spawned->err_file);
    CHECK_INT(waitpid(spawned->pid, &status, 0), ==, spawned->pid);
    spawned->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    CHECK_INT(lseek(spawned->out_file, 0, SEEK_SET), ==, 0);
    spawned->out = read_all(spawned->out_file);
    if (!spawned->err) {
        CHECK_INT(lseek(spawned->err_file, 0, SEEK_SET), ==, 0);
        spawned->err = read_all(spawned->err_file);
    }
}

struct spawned spawn_run(const char *line)
{
    struct spawned spawned = spawn(line, false);
    spawn_wait(&spawned);
    return spawned;
}

bool spawn_said(int file, const char *text)
{
    static char said[65536];
    for (int tries = 0; tries < TRIES; tries++, nap()) {
        ssize_t length = pread(file, said, sizeof said - 1, 0);
        CHECK(length >= 0);
        said[length] = '\0';
        if (strstr(said, text))
            return true;
    }
    return false;
}

/* The state letter and the parent of a process; false if there is none. */
static bool look_at(pid_t pid, char *ret_state, pid_t *ret_parent)
{
    char path[64], text[512];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return false;
    ssize_t length = read(file, text, sizeof text - 1);
    close(file);
    if (length <= 0)
        return false;
    text[length] = '\0';
    const char *after_name = strrchr(text, ')');
    return after_name && sscanf(after_name + 1, " %c %d", ret_state, ret_parent) == 2;
}

pid_t spawn_child_of(pid_t pid)
{
    for (int tries = 0; tries < TRIES; tries++, nap()) {
        DIR *processes = opendir("/proc");
        struct dirent *entry;
        pid_t found = 0;
        CHECK(processes);
        while (!found && (entry = readdir(processes))) {
            char state;
            pid_t parent, other = (pid_t)strtol(entry->d_name, NULL, 10);
            if (other > 0 && look_at(other, &state, &parent) && parent == pid && state != 'Z')
                found = other;
        }
        closedir(processes);
        if (found)
            return found;
    }
    return 0;
}

bool spawn_gone(pid_t pid)
{
    for (int tries = 0; tries < TRIES; tries++, nap()) {
        char state;
        pid_t parent;
        if (!look_at(pid, &state, &parent) || state == 'Z')
            return true;
    }
    return false;
}

bool spawn_left_nothing(const struct spawned *spawned)
{
    DIR *directory = opendir(spawned->scratch);
    int entries = 0;
    CHECK(directory);
    while (readdir(directory))
        entries++;
    closedir(directory);
    return entries == 2; /* itself and its parent */
}

void spawn_free(struct spawned *spawned)
{
    close(spawned->out_file);
    close(spawned->err_file);
    free(spawned->out);
    free(spawned->err);
    rmdir(spawned->scratch);
}
