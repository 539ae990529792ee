/* A group: the parts of a page are fetched at the same time, and succeed or fail together.
 *
 * The first page succeeds. The second has a part that fails: a part that runs then stops in the middle of its wait, a
 * part that waits for a worker never runs, and the join returns the reason. The third has a deadline for all. Python
 * has this for asyncio alone, as TaskGroup.
 */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <thrum.h>

enum { WORKERS = 2 };

struct part {
    const char *name;
    double seconds; /* how long it takes; less than 0: it is not to be had */
};

static thrum_semaphore under_way; /* one permit for each part that is being fetched */

static int fetch_part(thrum_task *self)
{
    const struct part *part = &thrum_arg(self, struct part);
    thrum_semaphore_release(&under_way, 1);
    if (part->seconds < 0)
        return thrum_fail(self, -ENOENT, "there is no part \"%s\"", part->name);
    int rc = thrum_sleep(thrum_in(part->seconds));
    if (rc < 0)
        return rc; /* asked to stop */
    return thrum_return(self, thrum_value(const char *, part->name));
}

static const char *outcome(thrum_future *future)
{
    if (thrum_future_cancelled(future))
        return "never ran";
    const thrum_error *error = thrum_future_error(future); /* it is done: the group was joined */
    return !error ? "fetched" : error->code == -ECANCELED ? "stopped" : "failed";
}

static void fetch_page(thrum_executor *pool, const char *title, const struct part parts[3],
                       double seconds)
{
    thrum_group *group = thrum_group_new();
    if (!group)
        errx(EXIT_FAILURE, "no memory for a group");
    thrum_future *futures[3];
    for (int i = 0; i < 3; i++) {
        futures[i] = thrum_group_submit(group, pool, fetch_part, &parts[i], sizeof parts[i]);
        if (i == 0)
            thrum_semaphore_acquire(&under_way); /* the first part is begun before the others */
    }
    int rc = thrum_group_join(group, thrum_in(seconds));
    printf("%s: %s\n", title, rc != 0 ? thrum_group_error(group)->message : "complete");
    for (int i = 0; i < 3; i++) {
        printf("  %s: %s\n", parts[i].name, outcome(futures[i]));
        thrum_future_free(futures[i]);
    }
    thrum_group_free(group);
    while (thrum_semaphore_try(&under_way) == 0) /* for the next page */
        ;
}

int main(void)
{
    thrum_executor *pool =
        thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = WORKERS});
    if (!pool)
        errx(EXIT_FAILURE, "no memory for the pool");
    fetch_page(pool, "news", (struct part[]){{"text", 0.02}, {"image", 0.01}, {"menu", 0.01}}, 60);
    fetch_page(pool, "shop", (struct part[]){{"text", 60}, {"price", -1}, {"menu", 60}}, 60);
    fetch_page(pool, "blog", (struct part[]){{"text", 60}, {"image", 60}, {"menu", 60}}, 0.1);
    thrum_executor_shutdown(pool);
    return EXIT_SUCCESS;
}
