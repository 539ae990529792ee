/* A task in a child process: nothing of the parent's threads is in it. */
#include <stdio.h>
#include <thrum.h>

static thrum_lock lock;
static thrum_event locked, enough;

static int hold(thrum_task *self)
{
    (void)self;
    int rc = 0;
    thrum_with (&lock) {
        thrum_event_set(&locked);
        rc = thrum_event_wait(&enough, THRUM_FOREVER);
    }
    return rc;
}

static int work(thrum_task *self)
{
    (void)self;
    puts("child: works");
    return 0;
}

int main(void)
{
    thrum_name_set(&lock, sizeof lock, "lock");
    thrum_thread *holder = thrum_thread_start(hold, THRUM_NOTHING);
    int failed = thrum_event_wait(&locked, THRUM_FOREVER);
    thrum_process *child = thrum_process_start(work, THRUM_NOTHING);
    failed |= thrum_process_join(child, THRUM_FOREVER);
    thrum_process_free(child);
    puts("the child exited");
    thrum_event_set(&enough);
    failed |= thrum_thread_join(holder, THRUM_FOREVER);
    thrum_thread_free(holder);
    return failed;
}
