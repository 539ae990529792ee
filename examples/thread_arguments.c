/* Passing arguments to threads: a struct is both Python's args and its kwargs.
 *
 * Members may be given by position or by name, and what is left out is zero. The compiler checks
 * them before the program runs, there is no comma to forget, and the thread has a copy of its own:
 * what the caller does with its variables afterwards cannot reach it.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <thrum.h>

struct fetch {
    const char *url;
    double timeout; /* seconds */
    int retries;    /* 0 for the default */
    bool verbose;
};

enum { DEFAULT_RETRIES = 3 };

static int fetch_data(thrum_task *self)
{
    const struct fetch *a = &thrum_arg(self, struct fetch);
    printf("Fetching %s (timeout=%gs, retries=%d, verbose=%s)\n", a->url, a->timeout,
           a->retries ? a->retries : DEFAULT_RETRIES, a->verbose ? "true" : "false");
    return 0;
}

int main(void)
{
    /* By position. */
    thrum_thread *t1 =
        thrum_thread_start(fetch_data, thrum_value(struct fetch, "https://api.example.com", 30));

    /* By name, in any order. */
    thrum_thread *t2 =
        thrum_thread_start(fetch_data, thrum_value(struct fetch, .url = "https://api.example.com",
                                                   .timeout = 30, .retries = 5, .verbose = true));

    /* A variable is passed by its address and size, and may change at once: it was copied. */
    struct fetch later = {.url = "https://api.example.com/later", .timeout = 5};
    thrum_thread *t3 = thrum_thread_start(fetch_data, &later, sizeof later);
    later.timeout = 0;

    int failed = thrum_thread_join(t1, THRUM_FOREVER);
    failed |= thrum_thread_join(t2, THRUM_FOREVER);
    failed |= thrum_thread_join(t3, THRUM_FOREVER);
    thrum_thread_free(t1);
    thrum_thread_free(t2);
    thrum_thread_free(t3);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
