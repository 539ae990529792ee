/* If descriptor 0, 1 or 2 is closed (`<&-`, `>&-`), the next open returns its number. A log would
 * then be standard output, and the output of jobs would go into the log. So the three are opened
 * first.
 *
 * Standard input and output are opened for the opposite direction: output to a closed descriptor is
 * then an error, and is not lost without a message. Closed standard error is a request for silence.
 */
#include "standard_files.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int standard_files_open(void)
{
    static const int modes[] = {
        [STDIN_FILENO] = O_WRONLY, [STDOUT_FILENO] = O_RDONLY, [STDERR_FILENO] = O_RDWR};
    for (int file = STDIN_FILENO; file <= STDERR_FILENO; file++) {
        if (fcntl(file, F_GETFD) >= 0)
            continue;
        /* All below are open, so this one is the lowest that is free. */
        if (open("/dev/null", modes[file]) != file)
            return errno ? -errno : -EBADF;
    }
    return 0;
}
