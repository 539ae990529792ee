/* A program to be looked at by a debugger: one fiber that waits, at some depth, and one that runs. */
#include <stdio.h>
#include <thrum.h>

#define SEEN __attribute__((noinline))

void stop_here(void);
int wait_inside(thrum_event *event);
int wait_outside(thrum_event *event);

static thrum_event event;
uint32_t sleeper; /* the ident of the one that waits, for the debugger */

SEEN void stop_here(void)
{
    printf("here\n");
}

SEEN int wait_inside(thrum_event *awaited)
{
    int rc = thrum_event_wait(awaited, THRUM_FOREVER);
    printf("the event came: %d\n", rc);
    return rc;
}

SEEN int wait_outside(thrum_event *awaited)
{
    int rc = wait_inside(awaited);
    printf("and was seen\n");
    return rc;
}

static int waiting_task(thrum_task *self)
{
    (void)self;
    sleeper = thrum_thread_current_ident();
    return wait_outside(&event);
}

static int running_task(thrum_task *self)
{
    (void)self;
    stop_here();
    thrum_event_set(&event);
    printf("set\n");
    return 0;
}

int main(void)
{
    thrum_executor *pool = thrum_fiber_pool_new(&(thrum_fiber_pool_options){.max_workers = 1});
    thrum_future_free(thrum_submit(pool, waiting_task, THRUM_NOTHING));
    thrum_future_free(thrum_submit(pool, running_task, THRUM_NOTHING));
    thrum_executor_shutdown(pool);
    return 0;
}
