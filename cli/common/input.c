/* Reading.
 *
 * A FIFO without a writer, a silent pipe, a terminal: each may wait for ever, and a read(2) that has
 * begun is not ended by a signal that another thread handles. So no read begins before poll(2) has said
 * that it will not wait, and poll also watches the descriptor of interrupt.h.
 *
 * A FIFO is opened with O_NONBLOCK, which does not wait for a writer. Linux does not report the end
 * of a FIFO to a poll before the first writer has come, so the wait for it happens in poll, too. The flag
 * is removed at once: it belongs to the open file, which other processes may share.
 */
#include "input.h"

#include "interrupt.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

int input_open(int folder, const char *path)
{
    int file = openat(folder, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (file < 0)
        return -errno;
    int flags = fcntl(file, F_GETFL);
    if (flags >= 0 && fcntl(file, F_SETFL, flags & ~O_NONBLOCK) == 0)
        return file;
    int rc = -errno;
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
        if (errno != EINTR && errno != EAGAIN) /* another process may have been faster */
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
