/* Naming threads: a name says in messages and debuggers which thread it is.
 *
 * Python's keyword arguments are a struct of options here: what is not named has its default. The
 * name reaches the system, too, so that top and gdb show it; Python does that only since 3.14.
 */
#include <stdio.h>
#include <stdlib.h>
#include <thrum.h>

static int worker(thrum_task *self)
{
    (void)self;
    printf("Running in thread: %s\n", thrum_thread_current_name());
    return 0;
}

int main(void)
{
    thrum_thread *t = thrum_thread_start_with(&(thrum_thread_options){.name = "DataProcessor"},
                                              worker, THRUM_NOTHING);
    int rc = thrum_thread_join(t, THRUM_FOREVER);
    printf("Joined by %s: %s\n", thrum_thread_current_name(), thrum_thread_name(t));
    thrum_thread_free(t);
    return rc != 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
