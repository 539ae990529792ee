/* Written for thrum 0.1. */
#include <errno.h>
#include <stdio.h>
#include <thrum.h>

static int wait_a_little(thrum_event *event, thrum_time deadline)
{
    if (deadline == THRUM_NOW)
        return -EAGAIN;
    while (thrum_now() < deadline)
        if (thrum_event_wait(event, thrum_now() + 1000) != -ETIMEDOUT)
            return 0;
    return -ETIMEDOUT;
}

int main(void)
{
    thrum_event event = {0};
    thrum_time soon = thrum_in(0.001);
    printf("%s\n", wait_a_little(&event, soon) == -ETIMEDOUT ? "late" : "set");
    printf("%s\n", wait_a_little(&event, THRUM_NOW) == -EAGAIN ? "now" : "set");
    return soon != THRUM_FOREVER && thrum_now() >= soon ? 0 : 1;
}
