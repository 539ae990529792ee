/* The log.
 *
 * A line is written by one call, once the output of its job has been printed. A killed program
 * leaves whole lines and at most a piece of one, which is cut off when the log is continued. So a
 * job in the log is done, and a job that is not in the log runs again.
 *
 * A file that does not begin with the header of a log is not a log: it is neither continued nor
 * overwritten. A lock on the file keeps two runs from writing to one log. It is a lock of fcntl,
 * which belongs to the process. A lock of flock belongs to the open file: a child of a killed run
 * has it until it becomes its command. But the process loses its lock when it closes any descriptor
 * of the file, so the log has only one.
 *
 * Jobs that have succeeded are stored by number, with a hash of the command, because the arguments
 * may have changed meanwhile.
 */
#include "joblog.h"

#include "array.h"
#include "output.h"
#include "trouble.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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

/* Stores the job of a line if it has succeeded. Returns 0 or -ENOMEM. */
static int learn(struct joblog *log, const char *line, size_t length)
{
    uintmax_t number;
    int exit_value, signal_number, at = 0;
    if (sscanf(line, "%ju %*s %*f %*f %*d %*d %d %d\t%n", &number, &exit_value, &signal_number,
               &at) < 3 ||
        at == 0 || exit_value != 0 || signal_number != 0)
        return 0;
    if (!array_has_room(&log->known, log->count, &log->room, sizeof *log->known))
        return -ENOMEM;
    log->known[log->count++] =
        (struct known){(uint64_t)number, hash_text(line + at, length - (size_t)at)};
    return 0;
}

static int by_number(const void *a, const void *b)
{
    const struct known *x = a, *y = b;
    return (x->number > y->number) - (x->number < y->number);
}

/* True if the file begins as a log, or with a part of the header: a program was killed while it
 * wrote it. */
static bool is_log(int file)
{
    char begin[sizeof head];
    ssize_t got = pread(file, begin, sizeof head - 1, 0);
    return got >= 0 && memcmp(begin, head, (size_t)got) == 0;
}

struct cursor {
    int file;
    off_t at;
};

static ssize_t read_at(void *cookie, char *buffer, size_t size)
{
    struct cursor *cursor = cookie;
    ssize_t got;
    do
        got = pread(cursor->file, buffer, size, cursor->at);
    while (got < 0 && errno == EINTR);
    cursor->at += got > 0 ? got : 0;
    return got;
}

/* Reads all lines after the header, and cuts off a piece of a line at the end. */
static int read_log(struct joblog *log)
{
    struct cursor cursor = {log->file, 0};
    FILE *in = fopencookie(&cursor, "r", (cookie_io_functions_t){.read = read_at});
    char *line = NULL;
    size_t room = 0;
    off_t whole = 0;
    ssize_t length;
    int rc = 0;
    if (!in)
        return -ENOMEM;
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
    (void)fclose(in);
    if (log->count > 1)
        qsort(log->known, log->count, sizeof *log->known, by_number);
    return rc;
}

/* Takes the lock. Returns false if another run has it. Any other error means a file system without
 * locks. */
static bool lock(int file)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    return fcntl(file, F_SETLK, &whole) == 0 || (errno != EAGAIN && errno != EACCES);
}

/* Prepares the open file. Returns 0 or a negative errno. */
static int begin(struct joblog *log, bool resume)
{
    if (!lock(log->file))
        return -EBUSY;
    struct stat about;
    if (fstat(log->file, &about) != 0)
        return -errno;
    if (S_ISREG(about.st_mode) && !is_log(log->file))
        return -EILSEQ;
    int rc = 0;
    if (S_ISREG(about.st_mode) && resume)
        rc = read_log(log);
    else if (S_ISREG(about.st_mode) && ftruncate(log->file, 0) != 0)
        rc = -errno;
    if (rc == 0 && lseek(log->file, 0, SEEK_END) <= 0) /* also if it has no position */
        rc = output_write(log->file, head, sizeof head - 1);
    return rc;
}

int joblog_open(const char *path, bool resume, struct joblog **ret_log, thrum_error *ret_error)
{
    struct joblog *log = malloc(sizeof *log);
    if (!log)
        return trouble(ret_error, -ENOMEM, "out of memory");
    *log = (struct joblog){.file = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666)};
    int rc = log->file < 0 ? -errno : begin(log, resume);
    if (rc == 0) {
        *ret_log = log;
        return 0;
    }
    joblog_close(log);
    if (rc == -EILSEQ)
        return trouble(ret_error, rc,
                       "--joblog: %.150s is not a log of jobs; name another file, or remove it",
                       path);
    if (rc == -EBUSY)
        return trouble(ret_error, rc, "--joblog: another run writes to %.150s", path);
    return trouble(ret_error, rc, "--joblog: cannot use %.150s: %s", path, thrum_strerror(rc));
}

bool joblog_knows(const struct joblog *log, const struct job *job)
{
    const struct known wanted = {.number = job->number};
    const struct known *found =
        log->count ? bsearch(&wanted, log->known, log->count, sizeof *log->known, by_number) : NULL;
    if (!found)
        return false;
    uint64_t hash = hash_text(job->command, strlen(job->command));
    /* A job may be in the log several times. */
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
    /* A failure must not look like a success: a timeout is -1, as with GNU parallel. */
    int exit_value = job->error < 0 ? 127 : job->timed_out ? -1 : WEXITSTATUS(job->status);
    char *line = NULL;
    int length =
        asprintf(&line, "%ju\t%s\t%.3f\t%10.3f\t0\t0\t%d\t%d\t%s\n", (uintmax_t)job->number,
                 *job->host ? job->host : ":", job->began, job->seconds, exit_value,
                 signalled ? WTERMSIG(job->status) : 0, job->command);
    if (length < 0)
        return -ENOMEM;
    int rc = output_write(log->file, line, (size_t)length);
    free(line);
    return rc;
}

void joblog_close(struct joblog *log)
{
    if (!log)
        return;
    if (log->file >= 0)
        (void)close(log->file);
    free(log->known);
    free(log);
}
