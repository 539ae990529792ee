/* The end of the output.
 *
 * stdio stores that a write failed, but not the reason. poll(2) tells whether the reader has gone:
 * it reports POLLERR for the writing end of a pipe without readers.
 */
#include "output.h"

#include "../command.h"
#include "trouble.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>

bool output_reader_gone(void)
{
    struct pollfd output = {.fd = STDOUT_FILENO};
    return poll(&output, 1, 0) == 1 && (output.revents & (POLLERR | POLLHUP)) != 0;
}

int output_reader_descriptor(void)
{
    /* Without events, epoll reports an error or a hang-up alone. It refuses files. */
    struct epoll_event nothing = {0};
    int file = epoll_create1(EPOLL_CLOEXEC);
    if (file >= 0 && epoll_ctl(file, EPOLL_CTL_ADD, STDOUT_FILENO, &nothing) == 0)
        return file;
    if (file >= 0)
        (void)close(file);
    return -1;
}

int output_write(int file, const char *text, size_t length)
{
    while (length > 0) {
        ssize_t written = write(file, text, length);
        if (written > 0) {
            text += written;
            length -= (size_t)written;
        } else if (written < 0 && errno == EAGAIN) {
            struct pollfd room = {.fd = file, .events = POLLOUT};
            poll(&room, 1, -1);
        } else if (written < 0 && errno != EINTR) {
            return -errno;
        }
    }
    return 0;
}

int output_finish(int status)
{
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    if (errno == EPIPE || output_reader_gone())
        return status == STATUS_OK || status == STATUS_FAILED ? STATUS_SIGNAL + SIGPIPE : status;
    if (errno)
        trouble_print("the output could not be written: %s", thrum_strerror(-errno));
    else
        trouble_print("the output could not be written");
    return status == STATUS_OK ? STATUS_FAILED : status;
}
