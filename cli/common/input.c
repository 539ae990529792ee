/* Reading.
 *
 * Reading a FIFO without a writer, a silent pipe or a terminal may wait for ever. A signal that
 * another thread handles does not end a read(2). So poll(2) waits before each read, also for the
 * descriptor of interrupt.h.
 *
 * A FIFO is opened with O_NONBLOCK, which does not wait for a writer. Until the first writer comes,
 * Linux does not report the end of the FIFO to poll, so poll waits for the writer, too. The flag is
 * cleared at once: it belongs to the open file, which other processes may share.
 */
#include "input.h"

#include "interrupt.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

int input_block(int file)
{
    int flags = fcntl(file, F_GETFL);
    return flags >= 0 && fcntl(file, F_SETFL, flags & ~O_NONBLOCK) == 0 ? 0 : -errno;
}

int input_open(int folder, const char *path)
{
    int file = openat(folder, path, INPUT_FLAGS);
    if (file < 0)
        return -errno;
    int rc = input_block(file);
    if (rc == 0)
        return file;
    (void)close(file);
    return rc;
}

static int wait_for_data(int file, int stop)
{
    enum { INTERRUPT, STOP, FILE_ITSELF };
    struct pollfd waits[] = {[INTERRUPT] = {interrupt_descriptor(), POLLIN, 0},
                             [STOP] = {stop, POLLIN, 0},
                             [FILE_ITSELF] = {file, POLLIN, 0}};
    while (poll(waits, sizeof waits / sizeof waits[0], -1) < 0)
        if (errno != EINTR && errno != EAGAIN)
            return -errno;
    return waits[INTERRUPT].revents || waits[STOP].revents ? -ECANCELED : 0;
}

ptrdiff_t input_read(int file, int stop, void *buffer, size_t size)
{
    for (;;) {
        int rc = wait_for_data(file, stop);
        if (rc < 0)
            return rc;
        ssize_t got = read(file, buffer, size);
        if (got >= 0)
            return got;
        if (errno != EINTR && errno != EAGAIN) /* EAGAIN: another process has read the data */
            return -errno;
    }
}

static ssize_t stream_read(void *cookie, char *buffer, size_t size)
{
    ptrdiff_t got = input_read(*(int *)cookie, -1, buffer, size);
    if (got < 0)
        errno = (int)-got;
    return got < 0 ? -1 : got;
}

static int stream_close(void *cookie)
{
    int rc = close(*(int *)cookie);
    free(cookie);
    return rc;
}

FILE *input_stream(int file)
{
    int *cookie = malloc(sizeof *cookie);
    if (!cookie)
        return NULL;
    *cookie = file;
    FILE *stream = fopencookie(cookie, "r",
                               (cookie_io_functions_t){.read = stream_read, .close = stream_close});
    if (!stream)
        free(cookie);
    return stream;
}
