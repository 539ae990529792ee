/* Mistakes that a sanitizer must find: sanitizer_test.sh checks that it does, and that the runner then
 * reports a failed test. Without that, a sanitizer that is not at work would look like clean code. */
#include "harness.h"

#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int *shared;

/* Reads the size where the compiler cannot see it. */
static int ten(void)
{
    const char *text = getenv("NO_SUCH_VARIABLE");
    return text ? atoi(text) : 10;
}

TEST(overruns)
{
    shared = malloc(10 * sizeof *shared);
    memset(shared, 0, (size_t)(ten() + 1) * sizeof *shared);
    puts((const char *)shared); /* so that the compiler keeps it */
    free(shared);
}

TEST(leaks)
{
    shared = malloc(10 * sizeof *shared);
    shared[0] = 1;
    shared = NULL;
}

TEST(overflows)
{
    printf("%d\n", INT_MAX - 9 + ten());
}

static void *write_shared(void *unused)
{
    for (int i = 0; i < 1000; i++)
        shared[0]++;
    return unused;
}

TEST(races)
{
    pthread_t threads[2];
    shared = calloc(1, sizeof *shared);
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, write_shared, NULL);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    free(shared);
}
