/* Python beside thrum.
 *
 * The interpreter is started once, so that its start counts for nothing, and asked over a pair of pipes: a line for each
 * measurement, a line as its answer. It does the same as the workloads do, with http.client, open, sqlite3 and a loop; thus
 * its figures stand beside those that the guide gives from another machine. The loop is calibrated in Python: its task
 * takes 100 ms there, too.
 *
 * The script is bench/peers/demo.py. It ends when its standard input ends, however this program ends. It leads a process
 * group, so that its worker processes end with it after an interrupt.
 */
#include "peer.h"

#include "http_server.h"
#include "input.h"
#include "interrupt.h"
#include "peer_lines.h"
#include "scratch.h"
#include "trouble.h"
#include "workload.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static struct {
    pid_t pid;
    int to, from; /* pipes */
    char name[64];
} peer = {.to = -1, .from = -1};

const char *peer_name(void)
{
    return peer.name;
}

static int write_script(char *ret_path, size_t size, thrum_error *ret_error)
{
    int rc = scratch_make(ret_error);
    if (rc < 0)
        return rc;
    scratch_path("peer.py", ret_path, size);
    FILE *file = fopen(ret_path, "we");
    for (size_t i = 0; file && i < sizeof peer_lines / sizeof peer_lines[0]; i++)
        fprintf(file, "%s\n", peer_lines[i]);
    bool fine = file && !ferror(file);
    if ((file && fclose(file) != 0) || !fine)
        return trouble(ret_error, errno ? -errno : -EIO, "cannot write %.150s: %s", ret_path,
                       thrum_strerror(-errno));
    return 0;
}

/* Starts the words with `in` and `out` as its standard input and output. Returns 0 or a negative errno. */
static int spawn(char *const *words, int in, int out)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigemptyset(&none);
    if (posix_spawn_file_actions_init(&files) != 0)
        return -ENOMEM;
    if (posix_spawnattr_init(&attributes) != 0) {
        posix_spawn_file_actions_destroy(&files);
        return -ENOMEM;
    }
    int rc = posix_spawn_file_actions_adddup2(&files, in, STDIN_FILENO);
    if (rc == 0)
        rc = posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
    if (rc == 0)
        rc = posix_spawnattr_setsigmask(&attributes, &none);
    if (rc == 0)
        rc = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
    if (rc == 0)
        rc = posix_spawnp(&peer.pid, words[0], &files, &attributes, words, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    if (rc != 0)
        peer.pid = 0;
    return -rc;
}

/* Reads a line without its end. Returns 0 or a negative errno; -EPIPE at the end of the file. */
static int read_line(char *ret_line, size_t size)
{
    size_t length = 0;
    while (length + 1 < size) {
        ptrdiff_t got = input_read(peer.from, -1, ret_line + length, 1);
        if (got <= 0)
            return got < 0 ? (int)got : -EPIPE;
        if (ret_line[length] == '\n')
            break;
        length++;
    }
    ret_line[length] = '\0';
    return 0;
}

static int start(const struct demo_options *options, thrum_error *ret_error)
{
    char script[512], folder[512], port[16], scale[32], name[64];
    int in[2] = {-1, -1}, out[2] = {-1, -1};
    int rc = write_script(script, sizeof script, ret_error);
    if (rc < 0)
        return rc;
    scratch_path("", folder, sizeof folder);
    snprintf(port, sizeof port, "%d", http_workload_port());
    snprintf(scale, sizeof scale, "%g", options_scale(options));
    snprintf(name, sizeof name, "%s", options->peer);
    char *words[] = {name, script, folder, port, scale, NULL};
    rc = pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0 ? spawn(words, in[0], out[1])
                                                                 : -errno;
    peer.to = in[1];
    peer.from = out[0];
    if (in[0] >= 0)
        (void)close(in[0]); /* the child has it */
    if (out[1] >= 0)
        (void)close(out[1]); /* the child has it */
    return rc < 0 ? trouble(ret_error, rc, "--peer: cannot run %s: %s", options->peer,
                            thrum_strerror(rc))
                  : 0;
}

int peer_open(const struct demo_options *options, thrum_error *ret_error)
{
    char line[128], version[32];
    int rc = start(options, ret_error);
    if (rc < 0)
        return rc;
    rc = read_line(line, sizeof line);
    if (rc == -ECANCELED)
        return trouble(ret_error, rc, "stopped");
    if (rc < 0 || sscanf(line, "ready %31s", version) != 1)
        return trouble(ret_error, rc < 0 ? rc : -EPROTO,
                       "--peer: %s ended before it was ready; it needs Python 3.9", options->peer);
    snprintf(peer.name, sizeof peer.name, "%.24s %s", options->peer, version);
    return 0;
}

int peer_measure(const struct row *row, const struct column *column, int workers,
                 double *ret_seconds, thrum_error *ret_error)
{
    static const char *const kinds[WORKLOAD_KINDS] = {"http", "file", "cpu", "db"};
    char line[256];
    size_t length = (size_t)snprintf(line, sizeof line, "%s %d", column->executor, workers);
    for (int i = 0; i < row->part_count; i++)
        length +=
            (size_t)snprintf(line + length, sizeof line - length, " %s:%d:%g",
                             kinds[row->parts[i].kind], row->parts[i].count, row->parts[i].seconds);
    length += (size_t)snprintf(line + length, sizeof line - length, "\n");
    ssize_t written = write(peer.to, line, length);
    int rc = written == (ssize_t)length ? read_line(line, sizeof line) : -EPIPE;
    if (rc == -ECANCELED)
        return rc;
    if (rc < 0)
        return trouble(ret_error, rc, "%s has ended: %s", peer.name, thrum_strerror(rc));
    char *end;
    *ret_seconds = strtod(line, &end);
    return end != line && *ret_seconds > 0
               ? 0
               : trouble(ret_error, -EPROTO, "%s: %.180s", peer.name, line);
}

void peer_close(void)
{
    if (peer.to >= 0)
        (void)close(peer.to); /* its end ends the script */
    if (peer.from >= 0)
        (void)close(peer.from); /* it was only read */
    if (peer.pid > 0) {
        if (interrupt_asked())
            kill(-peer.pid, SIGKILL);
        while (waitpid(peer.pid, NULL, 0) < 0 && errno == EINTR)
            continue;
    }
    peer.pid = 0;
    peer.to = peer.from = -1;
}
