/* A library that ends the process which opens it, if TEST_MODULE_DIES says how: "eN" by exit, "_N" by _exit,
 * "sN" by a signal. */
#include <thrum/task.h>

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

THRUM_API thrum_task_fn thrum_test_module_task;

int thrum_test_module_task(thrum_task *self)
{
    (void)self;
    return -77;
}

__attribute__((constructor)) static void die(void)
{
    const char *how = getenv("TEST_MODULE_DIES");
    if (!how)
        return;
    int number = atoi(how + 1);
    switch (how[0]) {
    case 'e':
        exit(number);
    case '_':
        _exit(number);
    default:
        signal(number, SIG_DFL);
        raise(number);
    }
}
