/* The file task: a real file, read whole, in 10 ms.
 *
 * A file that was just written comes from the page cache in microseconds, and no disk of today
 * takes 10 ms for 64 KiB, so the missing part of the latency is injected: after reading, the task
 * sleeps until 10 ms after its start. The head of the table says so. The reading itself is
 * complete: open, ask the size, read to the end, close, and check every byte's share in a sum.
 *
 * The sleep ends at a moment counted from the task's start, so the time for reading is not added to
 * it. Where a file takes longer than that by itself, nothing is injected.
 */
#include "scratch.h"
#include "trouble.h"
#include "workload.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_COUNT = 100, FILE_BYTES = 64 * 1024 };

/* The argument of a task. */
struct file_read {
    double seconds;
    uint64_t sum; /* that the file's bytes must have */
    char path[TASK_ARG_MAX - 64];
};

static uint64_t file_sums[FILE_COUNT];

/* Each byte has its share in the sum, since the factor is odd. Eight bytes a step: the check takes 12 us for a file, which
 * is less than the read; a step for each byte would take 100 us, and a hundred tasks at once would show that time. */
static uint64_t sum_of_bytes(const unsigned char *bytes, size_t size)
{
    uint64_t sum = size, word = 0;
    for (; size >= sizeof word; bytes += sizeof word, size -= sizeof word) {
        memcpy(&word, bytes, sizeof word);
        sum = sum * 31 + word;
    }
    word = 0;
    memcpy(&word, bytes, size);
    return sum * 31 + word;
}

static int write_file(const char *path, const unsigned char *bytes, size_t size)
{
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0)
        return -errno;
    int rc = 0;
    for (size_t done = 0; rc == 0 && done < size;) {
        ssize_t now = write(file, bytes + done, size - done);
        if (now >= 0)
            done += (size_t)now;
        else if (errno != EINTR)
            rc = -errno;
    }
    if (close(file) != 0 && rc == 0)
        rc = -errno;
    return rc;
}

static void path_of(int index, char *ret_path, size_t size)
{
    char name[32];
    snprintf(name, sizeof name, "file-%03d", index);
    scratch_path(name, ret_path, size);
}

static int make_files(const struct demo_options *options, thrum_error *ret_error)
{
    (void)options;
    int rc = scratch_make(ret_error);
    if (rc < 0)
        return rc;
    unsigned char *bytes = malloc(FILE_BYTES);
    if (!bytes)
        return trouble(ret_error, -ENOMEM, "out of memory");
    uint64_t state = 88172645463325252u; /* any but 0; Marsaglia's xorshift */
    for (int i = 0; i < FILE_COUNT && rc == 0; i++) {
        char path[TASK_ARG_MAX];
        for (size_t j = 0; j < FILE_BYTES; j += sizeof state) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            memcpy(bytes + j, &state, sizeof state);
        }
        file_sums[i] = sum_of_bytes(bytes, FILE_BYTES);
        path_of(i, path, sizeof path);
        rc = write_file(path, bytes, FILE_BYTES);
        if (rc < 0)
            trouble(ret_error, rc, "cannot write %.150s: %s; set TMPDIR to a directory with room",
                    path, thrum_strerror(rc));
    }
    free(bytes);
    return rc;
}

/* Reads the file whole. Returns its content, to be freed, or NULL and the errno. */
static unsigned char *read_whole(const char *path, size_t *ret_size, int *ret_code)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    unsigned char *bytes = NULL;
    *ret_code = 0;
    if (file < 0 || fstat(file, &status) != 0) {
        *ret_code = -errno;
    } else if (!(bytes = malloc((size_t)status.st_size + 1))) {
        *ret_code = -ENOMEM;
    } else {
        /* One byte more than the size is asked for, which makes the end show in the same call. */
        size_t size = 0, room = (size_t)status.st_size + 1;
        ssize_t now;
        while ((now = read(file, bytes + size, room - size)) != 0 && size < room) {
            if (now > 0)
                size += (size_t)now;
            else if (errno != EINTR)
                break;
        }
        if (now < 0)
            *ret_code = -errno;
        *ret_size = size;
    }
    if (file >= 0)
        (void)close(file);
    if (*ret_code < 0) {
        free(bytes);
        return NULL;
    }
    return bytes;
}

static int read_file(thrum_task *self)
{
    const struct file_read *arg = &thrum_arg(self, struct file_read);
    thrum_time begin = thrum_now();
    thrum_deadline until = thrum_in(arg->seconds);
    size_t size;
    int rc;
    unsigned char *bytes = read_whole(arg->path, &size, &rc);
    if (!bytes)
        return thrum_fail(self, rc, "cannot read %s: %s", arg->path, thrum_strerror(rc));
    uint64_t sum = sum_of_bytes(bytes, size);
    free(bytes);
    if (sum != arg->sum)
        return thrum_fail(self, -EIO, "%s does not hold what was written", arg->path);
    rc = thrum_sleep(until);
    if (rc < 0)
        return thrum_fail(self, rc, "stopped");
    return piece_return(self, begin, thrum_now() - begin);
}

THRUM_TASK(read_file)

static size_t fill_read(void *ret_arg, int index, double seconds)
{
    struct file_read *arg = ret_arg;
    arg->seconds = seconds;
    arg->sum = file_sums[index % FILE_COUNT];
    path_of(index % FILE_COUNT, arg->path, sizeof arg->path);
    return sizeof *arg;
}

static void describe(char *ret_text, size_t size)
{
    snprintf(ret_text, size,
             "%d files of %d KiB, read whole; the latency that they lack is injected by a sleep",
             FILE_COUNT, FILE_BYTES / 1024);
}

static void close_nothing(void)
{
    /* The directory goes as a whole, at the end. */
}

const struct workload file_workload = {
    .open = make_files,
    .task = read_file,
    .fill = fill_read,
    .describe = describe,
    .close = close_nothing,
};
