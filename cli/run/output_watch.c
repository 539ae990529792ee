/* inotify tells when a file has grown. The files have no names; their links in /proc lead to them.
 * A watch ends by itself when its file is closed.
 *
 * If the system has no room for another watch, output_watch_descriptor gives -1 from then on, and
 * the caller looks at the files now and then.
 */
#include "output_watch.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <thrum.h>
#include <unistd.h>

static thrum_lock lock; /* over what follows */
static int descriptor = -1;
static bool begun, blind;

void output_watch_begin(void)
{
    thrum_with (&lock) {
        if (begun)
            break;
        begun = true;
        descriptor = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        blind = descriptor < 0;
    }
}

void output_watch_add(int file)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    thrum_with (&lock)
        if (begun && !blind)
            blind = inotify_add_watch(descriptor, path, IN_MODIFY) < 0;
}

int output_watch_descriptor(void)
{
    int result = -1;
    thrum_with (&lock)
        result = blind ? -1 : descriptor;
    return result;
}

void output_watch_clear(void)
{
    char events[4096];
    int file = output_watch_descriptor();
    while (file >= 0 && read(file, events, sizeof events) > 0)
        continue;
}

void output_watch_end(void)
{
    thrum_with (&lock) {
        if (descriptor >= 0)
            (void)close(descriptor); /* only events are lost */
        descriptor = -1;
        begun = blind = false;
    }
}
