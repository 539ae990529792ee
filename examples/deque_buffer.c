/* deque: the last few of many readings, from several threads at once.
 *
 * With maxlen, an append drops the oldest reading. In Python, an iteration over a deque raises RuntimeError if another
 * thread appends meanwhile. Here the program iterates over a snapshot, which has the items of one moment.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <thrum.h>

enum { SENSORS = 3, READINGS = 1000, KEPT = 5 };

struct reading {
    int sensor;
    int number;
};

struct sensor {
    thrum_deque *recent;
    int number;
};

static int measure(thrum_task *self)
{
    struct sensor sensor = thrum_arg(self, struct sensor);
    for (int i = 1; i <= READINGS; i++) {
        struct reading reading = {sensor.number, i};
        int rc = thrum_deque_append(sensor.recent, &reading);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* Counts those in a snapshot that are older than one of the same sensor to the left of them. */
static size_t out_of_order(const struct reading *readings, size_t count)
{
    size_t wrong = 0;
    int last[SENSORS] = {0};
    for (size_t i = 0; i < count; i++) {
        wrong += readings[i].number <= last[readings[i].sensor];
        last[readings[i].sensor] = readings[i].number;
    }
    return wrong;
}

static void print_numbers(thrum_deque *deque, const char *what)
{
    void *items;
    size_t count;
    if (thrum_deque_snapshot(deque, &items, &count) < 0)
        errx(EXIT_FAILURE, "no memory for a snapshot");
    printf("%-14s", what);
    for (size_t i = 0; i < count; i++)
        printf(" %d", ((struct reading *)items)[i].number);
    printf("\n");
    thrum_deque_snapshot_free(items);
}

int main(void)
{
    thrum_deque *recent =
        thrum_deque_new(sizeof(struct reading), &(thrum_deque_options){.maxlen = KEPT});
    if (!recent)
        errx(EXIT_FAILURE, "no memory for the deque");

    thrum_thread *threads[SENSORS];
    int failed = 0;
    for (int i = 0; i < SENSORS; i++)
        threads[i] = thrum_thread_start(measure, thrum_value(struct sensor, recent, i));
    size_t wrong = 0, too_many = 0;
    for (int i = 0; i < 100; i++) { /* while they measure */
        void *items;
        size_t count;
        if (thrum_deque_snapshot(recent, &items, &count) < 0)
            errx(EXIT_FAILURE, "no memory for a snapshot");
        wrong += out_of_order(items, count);
        too_many += count > KEPT;
        thrum_deque_snapshot_free(items);
    }
    for (int i = 0; i < SENSORS; i++) {
        failed |= thrum_thread_join(threads[i], THRUM_FOREVER);
        thrum_thread_free(threads[i]);
    }
    printf("snapshots: %zu readings out of order, %zu longer than %d\n", wrong, too_many, KEPT);

    thrum_deque_clear(recent);
    for (int i = 1; i <= 7; i++)
        failed |= thrum_deque_append(recent, &(struct reading){0, i});
    print_numbers(recent, "last five:");
    thrum_deque_rotate(recent, 2);
    print_numbers(recent, "rotated by 2:");
    struct reading left, right;
    failed |= thrum_deque_pop_left(recent, &left);
    failed |= thrum_deque_pop(recent, &right);
    printf("left end %d, right end %d, %zu remain\n", left.number, right.number,
           thrum_deque_size(recent));
    thrum_deque_free(recent);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
