/* Queues: bounded to 1024, threads that only put and threads that only get, million items/s.
 *
 * An item is 8 bytes. Each contender starts its threads within the time that is measured. GLib's
 * queue has no bound, so its putters never wait. Go's threads are goroutines on as many processors
 * as there are. Python passes a tenth of the items. */
#include "bench.h"
#include "peers.h"

#include <pthread.h>
#include <thrum.h>

enum { BOUND = 1024, MOST_SIDES = 4 };

#define ITEMS     400000
#define ITEMS_FEW 40000

/* A peer: a ring behind a mutex and two condition variables, as one writes it by hand. */
static struct ring {
    pthread_mutex_t mutex;
    pthread_cond_t not_empty, not_full;
    long items[BOUND];
    int first, count;
} ring = {.mutex = PTHREAD_MUTEX_INITIALIZER,
          .not_empty = PTHREAD_COND_INITIALIZER,
          .not_full = PTHREAD_COND_INITIALIZER};

static thrum_queue *queue;
static long each;

static void *ring_put(void *unused)
{
    for (long i = 0; i < each; i++) {
        pthread_mutex_lock(&ring.mutex);
        while (ring.count == BOUND)
            pthread_cond_wait(&ring.not_full, &ring.mutex);
        ring.items[(ring.first + ring.count++) % BOUND] = i;
        pthread_cond_signal(&ring.not_empty);
        pthread_mutex_unlock(&ring.mutex);
    }
    return unused;
}

static void *ring_get(void *unused)
{
    for (long i = 0; i < each; i++) {
        pthread_mutex_lock(&ring.mutex);
        while (ring.count == 0)
            pthread_cond_wait(&ring.not_empty, &ring.mutex);
        ring.first = (ring.first + 1) % BOUND;
        ring.count--;
        pthread_cond_signal(&ring.not_full);
        pthread_mutex_unlock(&ring.mutex);
    }
    return unused;
}

static void *queue_put(void *unused)
{
    for (long i = 0; i < each; i++)
        bench_require(thrum_queue_put(queue, &i, THRUM_FOREVER) == 0, "thrum_queue_put");
    return unused;
}

static void *queue_get(void *unused)
{
    long item;
    for (long i = 0; i < each; i++)
        bench_require(thrum_queue_get(queue, &item, THRUM_FOREVER) == 0, "thrum_queue_get");
    return unused;
}

static double pass(int sides, void *(*put)(void *), void *(*get)(void *))
{
    pthread_t threads[2 * MOST_SIDES];
    each = ITEMS / sides;
    int64_t start = bench_now();
    for (int i = 0; i < 2 * sides; i++)
        bench_require(pthread_create(&threads[i], NULL, i % 2 ? get : put, NULL) == 0,
                      "pthread_create");
    for (int i = 0; i < 2 * sides; i++)
        pthread_join(threads[i], NULL);
    return (double)(each * sides) * 1000 / (double)(bench_now() - start);
}

static double thrum_pass(int sides)
{
    queue = thrum_queue_new(sizeof(long), &(thrum_queue_options){.max_size = BOUND});
    bench_require(queue != NULL, "thrum_queue_new");
    double figure = pass(sides, queue_put, queue_get);
    thrum_queue_free(queue);
    return figure;
}

static double thrum_1(void)
{
    return thrum_pass(1);
}

static double thrum_4(void)
{
    return thrum_pass(4);
}

static double ring_1(void)
{
    return pass(1, ring_put, ring_get);
}

static double ring_4(void)
{
    return pass(4, ring_put, ring_get);
}

#ifdef HAVE_GLIB
static GAsyncQueue *glib;

static void *glib_put(void *unused)
{
    for (long i = 1; i <= each; i++) /* not 0, which would be NULL */
        g_async_queue_push(glib, (void *)i);
    return unused;
}

static void *glib_get(void *unused)
{
    for (long i = 0; i < each; i++)
        bench_keep(g_async_queue_pop(glib));
    return unused;
}

static double glib_pass(int sides)
{
    glib = g_async_queue_new();
    double figure = pass(sides, glib_put, glib_get);
    g_async_queue_unref(glib);
    return figure;
}

static double glib_1(void)
{
    return glib_pass(1);
}

static double glib_4(void)
{
    return glib_pass(4);
}
#endif

static const struct bench_row rows[] = {
    {"queue, bounded 1024, 1 x 1",
     "M/s",
     BENCH_MORE,
     1.0,
     "9-19, crossbeam's",
     {{"thrum", thrum_1},
      {"crossbeam channel", .program = "rust", .question = "queue 1 " BENCH_TEXT(ITEMS)},
      {"Go channel", .program = "go", .question = "queue 1 " BENCH_TEXT(ITEMS)},
      {"TBB bounded queue", .program = "tbb", .question = "queue 1 " BENCH_TEXT(ITEMS)},
      {"GLib, unbounded", BENCH_GLIB(glib_1)},
      {"pthread ring", ring_1},
      {"Python queue", .program = "python", .question = "queue 1 " BENCH_TEXT(ITEMS_FEW)}}},
    {"queue, bounded 1024, 4 x 4",
     "M/s",
     BENCH_MORE,
     1.0,
     "9-14, crossbeam's",
     {{"thrum", thrum_4},
      {"crossbeam channel", .program = "rust", .question = "queue 4 " BENCH_TEXT(ITEMS)},
      {"Go channel", .program = "go", .question = "queue 4 " BENCH_TEXT(ITEMS)},
      {"TBB bounded queue", .program = "tbb", .question = "queue 4 " BENCH_TEXT(ITEMS)},
      {"GLib, unbounded", BENCH_GLIB(glib_4)},
      {"pthread ring", ring_4},
      {"Python queue", .program = "python", .question = "queue 4 " BENCH_TEXT(ITEMS_FEW)}}},
};

BENCH_SET(queue, rows)
