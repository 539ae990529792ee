/* An event for threads and fibers that pause, and a descriptor for threads that read. */
#include "stop.h"

#include <errno.h>
#include <sys/eventfd.h>

static thrum_event stopped;
static int descriptor = -1;

int stop_init(void)
{
    descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return descriptor < 0 ? -errno : 0;
}

void stop_set(void)
{
    thrum_event_set(&stopped);
    while (eventfd_write(descriptor, 1) < 0 && errno == EINTR)
        continue;
}

bool stop_is_set(void)
{
    return thrum_event_is_set(&stopped);
}

int stop_descriptor(void)
{
    return descriptor;
}

bool stop_wait(thrum_deadline deadline)
{
    return thrum_event_wait(&stopped, deadline) == 0;
}
