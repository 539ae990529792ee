/* A library that tests open while they run; its one task is known by its name alone. */
#include <thrum/task.h>

#include <stdint.h>

THRUM_API thrum_task_fn thrum_test_module_task;

int thrum_test_module_task(thrum_task *self)
{
    (void)self;
    return -77;
}
