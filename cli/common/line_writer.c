/* Whole lines.
 *
 * The system does not mix writes of up to PIPE_BUF bytes to a pipe, or writes to a file with
 * O_APPEND. So lines are collected, and written before they exceed PIPE_BUF. A longer line is
 * written alone, in as many pieces as the system needs. Meanwhile a lock of fcntl on the pipe or
 * file keeps out other processes of this program; therefore every write takes that lock. If the
 * file has no such locks, long lines are written without one.
 *
 * A line is built on a stream in memory. If that fails in the middle of a line, nothing of it is
 * written.
 *
 * The first error is kept. After it nothing is written.
 */
#include "line_writer.h"

#include "../command.h"
#include "trouble.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct line_writer {
    int file;
    bool eager;    /* each line is written at once */
    bool shared;   /* others may write to it, too */
    int error;     /* a negative errno */
    FILE *stream;  /* a line */
    char *line;    /* the stream's memory */
    size_t length; /* of the line */
    size_t used;   /* of what follows: whole lines */
    char text[PIPE_BUF];
};

struct line_writer *line_writer_new(int file)
{
    struct stat about;
    struct line_writer *writer = malloc(sizeof *writer);
    if (!writer)
        return NULL;
    memset(writer, 0, offsetof(struct line_writer, text));
    writer->file = file;
    writer->eager = isatty(file);
    writer->shared =
        fstat(file, &about) == 0 && (S_ISFIFO(about.st_mode) || S_ISREG(about.st_mode));
    writer->stream = open_memstream(&writer->line, &writer->length);
    if (writer->stream)
        return writer;
    free(writer);
    return NULL;
}

FILE *line_writer_stream(struct line_writer *writer)
{
    return writer->stream;
}

int write_whole(int file, const void *bytes, size_t size)
{
    const char *at = bytes;
    while (size > 0) {
        ssize_t count = write(file, at, size);
        if (count < 0 && errno == EAGAIN) {
            int rc = thrum_wait_writable(file, THRUM_FOREVER);
            if (rc < 0)
                return rc;
        } else if (count < 0 && errno != EINTR) {
            return -errno;
        } else if (count > 0) {
            at += count;
            size -= (size_t)count;
        }
    }
    return 0;
}

/* Takes or releases the lock of all processes that write there. */
static bool set_lock(const struct line_writer *writer, short kind)
{
    struct flock lock = {.l_type = kind, .l_whence = SEEK_SET};
    int rc;
    while ((rc = fcntl(writer->file, F_SETLKW, &lock)) != 0 && errno == EINTR)
        continue;
    return rc == 0;
}

static void put(struct line_writer *writer, const char *bytes, size_t size)
{
    if (size == 0 || writer->error < 0)
        return;
    bool locked = writer->shared && set_lock(writer, F_WRLCK);
    writer->error = write_whole(writer->file, bytes, size);
    if (locked)
        (void)set_lock(writer, F_UNLCK); /* at worst the end of the process releases it */
}

bool line_writer_flush(struct line_writer *writer)
{
    put(writer, writer->text, writer->used);
    writer->used = 0;
    return writer->error == 0;
}

bool line_writer_end(struct line_writer *writer)
{
    if (fflush(writer->stream) != 0 || ferror(writer->stream)) {
        writer->error = writer->error < 0 ? writer->error : -ENOMEM;
        return false;
    }
    if (writer->used + writer->length > sizeof writer->text)
        line_writer_flush(writer);
    if (writer->length > sizeof writer->text) {
        put(writer, writer->line, writer->length);
    } else {
        memcpy(writer->text + writer->used, writer->line, writer->length);
        writer->used += writer->length;
    }
    if (writer->eager)
        line_writer_flush(writer);
    rewind(writer->stream);
    return writer->error == 0;
}

bool line_writer_bytes(struct line_writer *writer, const void *bytes, size_t size)
{
    line_writer_flush(writer);
    put(writer, bytes, size);
    return writer->error == 0;
}

bool line_writer_failed(const struct line_writer *writer)
{
    return writer->error < 0;
}

int line_writer_close(struct line_writer *writer, int status)
{
    if (!writer)
        return status;
    line_writer_flush(writer);
    int error = writer->error;
    int closed = fclose(writer->stream);
    if (error == 0 && closed != 0)
        error = -errno;
    free(writer->line);
    free(writer);
    if (error == 0)
        return status;
    if (error == -EPIPE)
        return STATUS_SIGNAL + SIGPIPE;
    trouble_print("the output could not be written: %s", thrum_strerror(error));
    return STATUS_FAILED;
}
