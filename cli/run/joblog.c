/* The log.
 *
 * A line is written by one call once the output of its job has been printed. A program that is killed
 * leaves whole lines behind and at most a piece of one, which is cut off when the log is continued: so
 * a job is logged only if it is done, and one that was not logged is run again.
 *
 * What has succeeded is kept by number, with a hash of the command, as the list of arguments may have
 * changed meanwhile.
 */
#include "joblog.h"

#include "child/child.h"
#include "trouble.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char head[] =
    "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n";

struct known {
    uint64_t number, hash;
};

struct joblog {
    int file;
    struct known *known; /* by number */
    size_t count, room;
};

static uint64_t hash_text(const char *text, size_t length)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)text[i]) * UINT64_C(0x100000001b3);
    return hash;
}

/* Takes in a line without its end. Returns 0 or -ENOMEM. */
static int learn(struct joblog *log, const char *line, size_t length)
{
    uintmax_t number;
    int exit_value, signal_number, at = 0;
    if (sscanf(line, "%ju %*s %*f %*f %*d %*d %d %d\t%n", &number, &exit_value, &signal_number,
               &at) < 3 ||
        at == 0 || exit_value != 0 || signal_number != 0)
        return 0;
    if (log->count == log->room) {
        size_t room = log->room ? 2 * log->room : 64;
        struct known *known = realloc(log->known, room * sizeof *known);
        if (!known)
            return -ENOMEM;
        log->known = known;
        log->room = room;
    }
    log->known[log->count++] =
        (struct known){(uint64_t)number, hash_text(line + at, length - (size_t)at)};
    return 0;
}

static int by_number(const void *a, const void *b)
{
    const struct known *x = a, *y = b;
    return (x->number > y->number) - (x->number < y->number);
}

/* Reads all lines, and cuts off a piece of one at the end. */
static int read_log(struct joblog *log)
{
    int copy = fcntl(log->file, F_DUPFD_CLOEXEC, 0), rc = 0;
    FILE *in = copy >= 0 ? fdopen(copy, "r") : NULL;
    char *line = NULL;
    size_t room = 0;
    off_t whole = 0;
    ssize_t length;
    if (!in) {
        rc = -errno;
        if (copy >= 0)
            close(copy);
        return rc;
    }
    while (rc == 0 && (length = getline(&line, &room, in)) > 0) {
        if (line[length - 1] != '\n')
            break;
        whole += length;
        line[length - 1] = '\0';
        rc = learn(log, line, (size_t)length - 1);
    }
    if (rc == 0 && ferror(in))
        rc = -EIO;
    if (rc == 0 && ftruncate(log->file, whole) != 0)
        rc = -errno;
    free(line);
    fclose(in);
    if (log->count > 1)
        qsort(log->known, log->count, sizeof *log->known, by_number);
    return rc;
}

static int write_all(int file, const char *text, size_t length)
{
    while (length > 0) {
        ssize_t written = write(file, text, length);
        if (written < 0 && errno != EINTR)
            return -errno;
        if (written > 0) {
            text += written;
            length -= (size_t)written;
        }
    }
    return 0;
}

int joblog_open(const char *path, bool resume, struct joblog **ret_log, thrum_error *ret_error)
{
    struct joblog *log = malloc(sizeof *log);
    if (!log)
        return trouble(ret_error, -ENOMEM, "out of memory");
    int flags = O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | (resume ? 0 : O_TRUNC);
    *log = (struct joblog){.file = open(path, flags, 0666)};
    int rc = log->file < 0 ? -errno : resume ? read_log(log) : 0;
    if (rc == 0 && lseek(log->file, 0, SEEK_END) == 0)
        rc = write_all(log->file, head, sizeof head - 1);
    if (rc == 0) {
        *ret_log = log;
        return 0;
    }
    joblog_close(log);
    return trouble(ret_error, rc, "--joblog: cannot use %.150s: %s", path, thrum_strerror(rc));
}

bool joblog_knows(const struct joblog *log, const struct job *job)
{
    const struct known wanted = {.number = job->number};
    const struct known *found =
        log->count ? bsearch(&wanted, log->known, log->count, sizeof *log->known, by_number) : NULL;
    char *command = found ? job_command(job) : NULL;
    if (!command)
        return false;
    uint64_t hash = hash_text(command, strlen(command));
    free(command);
    /* A job may stand in the log several times. */
    while (found > log->known && found[-1].number == job->number)
        found--;
    for (; found < log->known + log->count && found->number == job->number; found++)
        if (found->hash == hash)
            return true;
    return false;
}

int joblog_add(struct joblog *log, const struct job *job)
{
    bool signalled = WIFSIGNALED(job->status);
    /* What did not succeed must not look as if it had: a timeout is -1, as with GNU parallel. */
    int exit_value = job->error < 0 ? 127 : job->timed_out ? -1 : WEXITSTATUS(job->status);
    char *command = job_command(job), *line = NULL;
    int length = command ? asprintf(&line, "%ju\t:\t%.3f\t%10.3f\t0\t0\t%d\t%d\t%s\n",
                                    (uintmax_t)job->number, job->began, job->seconds, exit_value,
                                    signalled ? WTERMSIG(job->status) : 0, command)
                         : -1;
    int rc = length < 0 ? -ENOMEM : write_all(log->file, line, (size_t)length);
    if (length >= 0)
        free(line);
    free(command);
    return rc;
}

void joblog_close(struct joblog *log)
{
    if (!log)
        return;
    if (log->file >= 0)
        close(log->file);
    free(log->known);
    free(log);
}
