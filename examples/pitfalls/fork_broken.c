/* Fork amid threads: the child has the lock of a thread that it does not have. */
#include <stdio.h>
#include <sys/wait.h>
#include <thrum.h>
#include <unistd.h>

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

int main(void)
{
    thrum_name_set(&lock, sizeof lock, "lock");
    thrum_thread *holder = thrum_thread_start(hold, THRUM_NOTHING);
    int failed = thrum_event_wait(&locked, THRUM_FOREVER);
    pid_t child = fork();
    if (child == 0) {
        thrum_with (&lock) /* its holder does not exist in this process */
            puts("child: has the lock");
        _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    printf("the child %s\n", WIFEXITED(status) ? "exited" : "was stopped");
    thrum_event_set(&enough);
    failed |= thrum_thread_join(holder, THRUM_FOREVER);
    thrum_thread_free(holder);
    return failed;
}
