/* A pipeline of stages: each stage uses what the stage before it makes, and all work at the same time.
 *
 * There is a queue between two stages, and its bound keeps a stage from running far ahead. A stage has several tasks if
 * its work takes longer. The last task of a stage that finds its input closed closes the output, so the end follows the
 * last item through all stages. All tasks are one group: the first failure ends the waits of all stages.
 */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <thrum.h>

enum { LINES = 12, BOUND = 4 };

struct line {
    int number, words;
};

struct stage {
    thrum_queue *input, *output; /* NULL at the ends of the line */
    int (*work)(struct line *line);
    thrum_lock lock;
    int running; /* tasks, under the lock, as is the next: */
    int made;    /* lines, by the first stage */
};

/* Takes the next line. Returns -EPIPE at the end. */
static int next(struct stage *stage, struct line *line)
{
    if (stage->input)
        return thrum_queue_get(stage->input, line, THRUM_FOREVER);
    thrum_with (&stage->lock) {
        if (stage->made == LINES)
            return -EPIPE;
        line->number = ++stage->made;
    }
    return 0;
}

static int run_stage(thrum_task *self)
{
    struct stage *stage = thrum_arg(self, struct stage *);
    struct line line = {0};
    int rc;
    while ((rc = next(stage, &line)) == 0 && (rc = stage->work(&line)) == 0)
        if (stage->output && (rc = thrum_queue_put(stage->output, &line, THRUM_FOREVER)) < 0)
            break;
    thrum_with (&stage->lock)
        if (--stage->running == 0 && stage->output)
            thrum_queue_close(stage->output);
    return rc == -EPIPE ? 0 : rc;
}

static int fetch(struct line *line)
{
    (void)line;
    return thrum_sleep(thrum_in(0.002));
}

static int count_words(struct line *line)
{
    line->words = 3 + line->number % 4;
    return thrum_sleep(thrum_in(0.005)); /* the slowest stage, and so the one with most tasks */
}

static int total;

static int add_up(struct line *line)
{
    total += line->words; /* the stage has one task */
    return 0;
}

static thrum_queue *new_queue(void)
{
    thrum_queue *queue =
        thrum_queue_new(sizeof(struct line), &(thrum_queue_options){.max_size = BOUND});
    if (!queue)
        errx(EXIT_FAILURE, "no memory for a queue");
    return queue;
}

int main(void)
{
    thrum_queue *fetched = new_queue(), *counted = new_queue();
    struct stage stages[] = {
        {.output = fetched, .work = fetch, .running = 1},
        {.input = fetched, .output = counted, .work = count_words, .running = 3},
        {.input = counted, .work = add_up, .running = 1},
    };
    thrum_executor *pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 5});
    thrum_group *group = thrum_group_new();
    if (!pool || !group)
        errx(EXIT_FAILURE, "no memory for the workers");
    for (size_t i = 0; i < sizeof stages / sizeof stages[0]; i++)
        for (int tasks = stages[i].running; tasks > 0; tasks--)
            thrum_future_free(thrum_group_submit(group, pool, run_stage,
                                                 thrum_value(struct stage *, &stages[i])));
    int rc = thrum_group_join(group, thrum_in(60));
    if (rc != 0)
        warnx("the pipeline failed: %s", thrum_group_error(group)->message);
    else
        printf("%d words in %d lines\n", total, LINES);
    thrum_group_free(group);
    thrum_executor_shutdown(pool);
    thrum_queue_free(fetched);
    thrum_queue_free(counted);
    return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
