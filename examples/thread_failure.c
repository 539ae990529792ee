/* What happens when a thread fails: nothing is lost.
 *
 * A join returns the failure, with its message. If nobody joins, the failure hook gets it. By default the hook prints
 * it on stderr, as Python's excepthook does; this program sets its own hook.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <thrum.h>

static int parse(thrum_task *self)
{
    const char *text = thrum_arg(self, const char *);
    char *end;
    long number = strtol(text, &end, 10);
    if (end == text || *end)
        return thrum_fail(self, -EINVAL, "\"%s\" is no number", text);
    return thrum_return(self, thrum_value(long, number));
}

static void log_failure(const thrum_failure *failure, void *context)
{
    thrum_event *logged = context;
    printf("log: %s %s failed: %s\n", failure->kind, failure->name, failure->error->message);
    thrum_event_set(logged);
}

int main(void)
{
    static thrum_event logged; /* static, as failures may be told until the very end */
    thrum_failure_hook_set(log_failure, &logged);

    thrum_thread *asked = thrum_thread_start(parse, thrum_value(const char *, "twelve"));
    if (thrum_thread_join(asked, THRUM_FOREVER) == THRUM_FAILED)
        printf("Joined: %s\n", thrum_thread_error(asked)->message);
    thrum_thread_free(asked);

    /* Given up without a join, it runs on, detached. */
    thrum_thread_free(thrum_thread_start_with(&(thrum_thread_options){.name = "forgotten"}, parse,
                                              thrum_value(const char *, "0x")));
    return thrum_event_wait(&logged, thrum_in(30)) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
