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

static int answer(thrum_task *self)
{
    return thrum_return(self, thrum_value(int, 42));
}

static void run_processes(void)
{
    int result = 0;
    thrum_process *first = thrum_process_start(answer, THRUM_NOTHING);
    if (thrum_process_join(first, &result, sizeof result, THRUM_FOREVER) == 0)
        printf("%d\n", result);
    printf("%d\n", thrum_process_join(first, &result, sizeof(result), thrum_in(1)));
    printf("%d\n", thrum_process_join(first, NULL, 0, THRUM_FOREVER));
    thrum_process_free(first);
}

int main(void)
{
    run_processes();
    thrum_event event = {0};
    thrum_time soon = thrum_in(0.001);
    printf("%s\n", wait_a_little(&event, soon) == -ETIMEDOUT ? "late" : "set");
    printf("%s\n", wait_a_little(&event, THRUM_NOW) == -EAGAIN ? "now" : "set");
    return soon != THRUM_FOREVER && thrum_now() >= soon ? 0 : 1;
}
