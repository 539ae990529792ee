/* libuv, asked line by line as ../external.h says.
 *
 *     asleep 1 COUNT         seconds until so many timers run
 *     asleep-memory 1 COUNT  gigabytes that they took the last time
 *     late 1 COUNT           seconds by which the last of so many timers of 5 s is late
 *
 * libuv has no fibers: what waits is a timer with a callback, and what it is to remember lies in a
 * struct that its program fills and frees. So this is no peer for a switch, but it shows what the stack
 * of one that waits costs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

static double at_first, asleep_took; /* gigabytes */
static uint64_t latest;              /* nanoseconds */

struct sleeper {
    uv_timer_t timer;
    uint64_t until; /* nanoseconds */
};

static double resident(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%*u %lu", &pages) != 1)
        abort();
    fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE) / 1e9;
}

static void free_sleeper(uv_handle_t *timer)
{
    free(timer);
}

static void wake(uv_timer_t *timer)
{
    struct sleeper *sleeper = (struct sleeper *)timer; /* its first member */
    uint64_t now = uv_hrtime();
    if (now > sleeper->until && now - sleeper->until > latest)
        latest = now - sleeper->until;
    uv_close((uv_handle_t *)timer, free_sleeper);
}

static void lie_down(uv_loop_t *loop, uint64_t milliseconds)
{
    struct sleeper *sleeper = malloc(sizeof *sleeper);
    if (!sleeper || uv_timer_init(loop, &sleeper->timer) != 0)
        abort();
    uv_update_time(loop); /* a timer counts from the time that the loop knows */
    sleeper->until = uv_hrtime() + milliseconds * 1000000;
    if (uv_timer_start(&sleeper->timer, wake, milliseconds, 0) != 0)
        abort();
}

static void close_one(uv_handle_t *timer, void *unused)
{
    (void)unused;
    uv_close(timer, free_sleeper);
}

static double asleep(uv_loop_t *loop, long count)
{
    uint64_t start = uv_hrtime();
    for (long i = 0; i < count; i++)
        lie_down(loop, 3600000);
    double took = (double)(uv_hrtime() - start) / 1e9;
    asleep_took = resident() - at_first;
    uv_walk(loop, close_one, NULL);
    uv_run(loop, UV_RUN_DEFAULT);
    return took;
}

static double asleep_memory(uv_loop_t *loop, long count)
{
    if (asleep_took == 0)
        asleep(loop, count);
    return asleep_took;
}

static double late(uv_loop_t *loop, long count)
{
    latest = 0;
    for (long i = 0; i < count; i++)
        lie_down(loop, 5000);
    uv_run(loop, UV_RUN_DEFAULT);
    return (double)latest / 1e9;
}

int main(void)
{
    uv_loop_t *loop = uv_default_loop();
    char line[256], what[32];
    int workers;
    long count;
    at_first = resident();
    while (fgets(line, sizeof line, stdin)) {
        double figure = -1;
        if (sscanf(line, "%31s %d %ld", what, &workers, &count) == 3 && workers == 1) {
            if (strcmp(what, "asleep") == 0)
                figure = asleep(loop, count);
            else if (strcmp(what, "asleep-memory") == 0)
                figure = asleep_memory(loop, count);
            else if (strcmp(what, "late") == 0)
                figure = late(loop, count);
        }
        if (figure > 0)
            printf("%.9g\n", figure);
        else
            puts("no such work");
        fflush(stdout);
    }
    return 0;
}
