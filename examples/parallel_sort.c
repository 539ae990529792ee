/* Sorting records on all processors: by points, and for equal points in their original order, as by Python's list.sort.
 * A parallel loop then computes the ranks.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <thrum.h>

enum { PLAYERS = 200000, MOST_POINTS = 1000 };

struct player {
    int number, points;
};

static int compare(const void *a, const void *b, void *arg)
{
    const struct player *one = a, *other = b;
    (void)arg;
    return (one->points < other->points) - (one->points > other->points); /* the best first */
}

/* Counts the neighbours that stand in the wrong order. */
static int check(void *arg, size_t first, size_t end, void *total)
{
    const struct player *players = arg;
    for (size_t i = first; i < end; i++)
        *(int *)total += players[i].points < players[i + 1].points ||
                         (players[i].points == players[i + 1].points &&
                          players[i].number > players[i + 1].number);
    return 0;
}

static void add(void *arg, void *total, const void *other)
{
    (void)arg;
    *(int *)total += *(const int *)other;
}

int main(void)
{
    struct player *players = calloc(PLAYERS, sizeof *players);
    thrum_executor *pool =
        thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = thrum_cpu_count()});
    if (!players || !pool)
        errx(EXIT_FAILURE, "no memory");
    unsigned random = 1;
    for (int i = 0; i < PLAYERS; i++) {
        random = random * 1103515245 + 12345;
        players[i] = (struct player){i, (int)(random / 65536 % MOST_POINTS)};
    }
    int rc = thrum_sort(pool, players, PLAYERS, sizeof *players, compare, NULL);
    if (rc < 0)
        errx(EXIT_FAILURE, "the sort: %s", thrum_strerror(rc));

    int wrong = 0;
    const thrum_reduction count_wrong = {sizeof wrong, check, add};
    rc = thrum_reduce(pool, 0, PLAYERS - 1, &count_wrong, players, &wrong);
    if (rc < 0)
        errx(EXIT_FAILURE, "the check: %s", thrum_strerror(rc));
    printf("the best has %d points, the last %d\n", players[0].points, players[PLAYERS - 1].points);
    printf("%d of %d stand in the wrong order\n", wrong, PLAYERS);
    thrum_executor_shutdown(pool);
    free(players);
    return wrong ? EXIT_FAILURE : EXIT_SUCCESS;
}
