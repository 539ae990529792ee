/* Select: one case beside the plain call, and eight cases beside Go's select statement. Nanoseconds for
 * one operation.
 *
 * The rows of one case do the same work by thrum_select and by the call that it stands for. The first two are
 * medians of slices of 1024 operations, a few microseconds each, so that a slice in which another program had
 * the processor does not count. Those of eight
 * cases wait for eight queues with room for one item. `one ready` puts an item into one of them, another one
 * each time, and takes it by the select. `all ready` has an item in each. `none` does not wait. In
 * `waits` two fibers play a ball: one puts it into one of the eight, another one each time, and the other
 * selects. The goroutines of Go have one processor, as the fibers have one worker. */
#include "bench.h"

#include <stdlib.h>
#include <thrum.h>

enum { EIGHT = 8, DEEP = 1024, SLICES = 195 };
#define TIMES 200000
#define TRIPS 50000

static double since(int64_t start, long count)
{
    return (double)(bench_now() - start) / (double)count;
}

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Of slices of DEEP operations: nanoseconds for one. */
static double median(int64_t took[SLICES])
{
    qsort(took, SLICES, sizeof *took, by_size);
    return (double)took[SLICES / 2] / DEEP;
}

static thrum_queue *new_queue(size_t size)
{
    thrum_queue *queue = thrum_queue_new(sizeof(long), &(thrum_queue_options){.max_size = size});
    bench_require(queue != NULL, "thrum_queue_new");
    return queue;
}

/* ------------------------------------------------------------------------------------- one case */

/* Gets of an item that is there: the puts between are not measured. */
static double drain(bool selects)
{
    thrum_queue *queue = new_queue(DEEP);
    long item = 0;
    int64_t took[SLICES];
    thrum_case of = thrum_case_get(queue, &item);
    for (int slice = 0; slice < SLICES; slice++) {
        for (long i = 0; i < DEEP; i++)
            bench_require(thrum_queue_put(queue, &i, THRUM_NOW) == 0, "thrum_queue_put");
        int64_t start = bench_now();
        if (selects)
            for (long i = 0; i < DEEP; i++)
                bench_require(thrum_select(&of, 1, THRUM_FOREVER) == 0, "thrum_select");
        else
            for (long i = 0; i < DEEP; i++)
                bench_require(thrum_queue_get(queue, &item, THRUM_FOREVER) == 0, "get");
        took[slice] = bench_now() - start;
    }
    thrum_queue_free(queue);
    return median(took);
}

static double get_select(void)
{
    return drain(true);
}

static double get_plain(void)
{
    return drain(false);
}

static double permit(bool selects)
{
    thrum_semaphore permits = THRUM_SEMAPHORE_INIT(1);
    thrum_case of = thrum_case_semaphore(&permits);
    int64_t took[SLICES];
    for (int slice = 0; slice < SLICES; slice++) {
        int64_t start = bench_now();
        for (int i = 0; i < DEEP; i++) {
            int rc = selects ? thrum_select(&of, 1, THRUM_FOREVER)
                             : thrum_semaphore_acquire_until(&permits, THRUM_FOREVER);
            bench_require(rc == 0, "a permit");
            thrum_semaphore_release(&permits, 1);
        }
        took[slice] = bench_now() - start;
    }
    return median(took);
}

static double permit_select(void)
{
    return permit(true);
}

static double permit_plain(void)
{
    return permit(false);
}

/* A ball between two fibers of one worker: a way. */
struct table {
    thrum_queue *there[EIGHT], *back;
    int count; /* of queues to the player */
    bool selects;
};

static int play(thrum_task *self)
{
    struct table *table = thrum_arg(self, struct table *);
    long ball;
    thrum_case cases[EIGHT];
    for (int i = 0; i < table->count; i++)
        cases[i] = thrum_case_get(table->there[i], &ball);
    for (;;) {
        if (table->selects) {
            int index = thrum_select(cases, (size_t)table->count, THRUM_FOREVER);
            if (index < 0 || cases[index].code)
                return 0;
        } else if (thrum_queue_get(table->there[0], &ball, THRUM_FOREVER) < 0) {
            return 0;
        }
        if (thrum_queue_put(table->back, &ball, THRUM_FOREVER) < 0)
            return 0;
    }
}

static int serve(thrum_task *self)
{
    struct table *table = thrum_arg(self, struct table *);
    long back;
    for (long ball = 0; ball < TRIPS; ball++) {
        bench_require(thrum_queue_put(table->there[ball % table->count], &ball, THRUM_FOREVER) == 0,
                      "thrum_queue_put");
        bench_require(thrum_queue_get(table->back, &back, THRUM_FOREVER) == 0, "thrum_queue_get");
    }
    return 0;
}

static double ball(int count, bool selects)
{
    struct table table = {.back = new_queue(1), .count = count, .selects = selects};
    for (int i = 0; i < count; i++)
        table.there[i] = new_queue(1);
    thrum_executor *pool = thrum_fiber_pool_new(&(thrum_fiber_pool_options){.max_workers = 1});
    bench_require(pool != NULL, "thrum_fiber_pool_new");
    int64_t start = bench_now();
    thrum_future *player = thrum_submit(pool, play, thrum_value(struct table *, &table));
    thrum_future *server = thrum_submit(pool, serve, thrum_value(struct table *, &table));
    bench_require(thrum_future_wait(server, THRUM_FOREVER) == 0, "thrum_future_wait");
    double figure = since(start, 2L * TRIPS);
    for (int i = 0; i < count; i++)
        thrum_queue_close(table.there[i]);
    bench_require(thrum_future_wait(player, THRUM_FOREVER) == 0, "thrum_future_wait");
    thrum_future_free(server);
    thrum_future_free(player);
    thrum_executor_shutdown(pool);
    for (int i = 0; i < count; i++)
        thrum_queue_free(table.there[i]);
    thrum_queue_free(table.back);
    return figure;
}

static double ball_select(void)
{
    return ball(1, true);
}

static double ball_plain(void)
{
    return ball(1, false);
}

static double ball_eight(void)
{
    return ball(EIGHT, true);
}

/* ---------------------------------------------------------------------------------- eight cases */

static double eight(int ready)
{
    thrum_queue *queues[EIGHT];
    thrum_case cases[EIGHT];
    long item = 0;
    for (int i = 0; i < EIGHT; i++) {
        queues[i] = new_queue(1);
        cases[i] = thrum_case_get(queues[i], &item);
        if (ready == EIGHT)
            bench_require(thrum_queue_put(queues[i], &item, THRUM_NOW) == 0, "thrum_queue_put");
    }
    int64_t start = bench_now();
    for (int i = 0; i < TIMES; i++) {
        if (ready == 1)
            bench_require(thrum_queue_put(queues[i % EIGHT], &item, THRUM_NOW) == 0, "put");
        int index = thrum_select(cases, EIGHT, ready ? THRUM_FOREVER : THRUM_NOW);
        bench_require((index >= 0) == (ready > 0), "thrum_select");
        if (ready == EIGHT)
            bench_require(thrum_queue_put(queues[index], &item, THRUM_NOW) == 0, "put");
    }
    double figure = since(start, TIMES);
    for (int i = 0; i < EIGHT; i++)
        thrum_queue_free(queues[i]);
    return figure;
}

static double eight_one_ready(void)
{
    return eight(1);
}

static double eight_all_ready(void)
{
    return eight(EIGHT);
}

static double eight_none(void)
{
    return eight(0);
}

#define GO(work, count)                                                                            \
    {                                                                                              \
        "Go", .program = "go", .question = work " " BENCH_TEXT(count)                              \
    }

static const struct bench_row rows[] = {
    {"one case: get of an item that is there",
     "ns",
     BENCH_LESS,
     1.3,
     NULL,
     {{"thrum_select", get_select}, {"thrum_queue_get", get_plain}}},
    {"one case: a permit and its release",
     "ns",
     BENCH_LESS,
     1.3,
     NULL,
     {{"thrum_select", permit_select}, {"thrum_semaphore", permit_plain}}},
    {"one case: a ball between fibers",
     "ns",
     BENCH_LESS,
     1.3,
     NULL,
     {{"thrum_select", ball_select}, {"thrum_queue_get", ball_plain}}},
    {"eight cases: one ready",
     "ns",
     BENCH_LESS,
     1.0,
     NULL,
     {{"thrum", eight_one_ready}, GO("select-one 1", TIMES)}},
    {"eight cases: all ready",
     "ns",
     BENCH_LESS,
     1.0,
     NULL,
     {{"thrum", eight_all_ready}, GO("select-all 1", TIMES)}},
    {"eight cases: none, no wait",
     "ns",
     BENCH_LESS,
     1.0,
     NULL,
     {{"thrum", eight_none}, GO("select-none 1", TIMES)}},
    {"eight cases: a ball between fibers",
     "ns",
     BENCH_LESS,
     1.0,
     NULL,
     {{"thrum", ball_eight}, GO("select-ball 1", TRIPS)}},
};

BENCH_SET(select, rows)
