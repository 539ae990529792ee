/* What a watched lock costs: nanoseconds of processor time for a pair of lock
 * and unlock.
 *
 *     doctor_pairs LOCKS DEPTH PAIRS [THREADS]
 *
 * Takes one of LOCKS mutexes after another; with DEPTH 2, each while another mutex is held, and then the
 * time is that of both pairs, halved. With THREADS, so many threads do it, each with mutexes of its own.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct work {
    pthread_mutex_t outer, *locks;
    long count, depth, pairs;
};

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void *run(void *argument)
{
    struct work *work = argument;
    for (long i = 0, at = 0; i < work->pairs; i++) {
        if (work->depth > 1)
            pthread_mutex_lock(&work->outer);
        pthread_mutex_lock(&work->locks[at]);
        pthread_mutex_unlock(&work->locks[at]);
        if (work->depth > 1)
            pthread_mutex_unlock(&work->outer);
        at = at + 1 < work->count ? at + 1 : 0;
    }
    return NULL;
}

static int prepare(struct work *work, char **words)
{
    *work =
        (struct work){.count = atol(words[1]), .depth = atol(words[2]), .pairs = atol(words[3])};
    work->locks = calloc((size_t)work->count, sizeof *work->locks);
    if (!work->locks)
        return -1;
    pthread_mutex_init(&work->outer, NULL);
    for (long i = 0; i < work->count; i++)
        pthread_mutex_init(&work->locks[i], NULL);
    run(work); /* the caches are warm, and what is recorded once is recorded */
    return 0;
}

int main(int count, char **words)
{
    enum { THREADS_MOST = 64 };
    struct work work[THREADS_MOST];
    pthread_t threads[THREADS_MOST];
    int used = count > 4 ? atoi(words[4]) : 1;
    if (count < 4 || used < 1 || used > THREADS_MOST || atol(words[1]) < 1)
        return 2;
    for (int i = 0; i < used; i++)
        if (prepare(&work[i], words) < 0)
            return 1;
    double begin = now();
    if (count <= 4)
        run(&work[0]);
    for (int i = 0; count > 4 && i < used; i++)
        if (pthread_create(&threads[i], NULL, run, &work[i]) != 0)
            return 1;
    for (int i = 0; count > 4 && i < used; i++)
        pthread_join(threads[i], NULL);
    printf("%.2f\n", (now() - begin) / (double)work[0].pairs / (double)work[0].depth);
    return 0;
}
