/* A pool of known work: each of 200 tasks holds a lock for 1 ms asleep, computes for 2 ms of processor time, and
 * sleeps for 5 ms. By tasks of thrum ("tasks"), or by two threads of the system ("threads"), which do the same. */
#include <pthread.h>
#include <string.h>
#include <thrum.h>
#include <time.h>

static thrum_lock journal;

static double cpu(void)
{
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void compute(void)
{
    double end = cpu() + 0.002;
    while (cpu() < end)
        ;
}

static int work(thrum_task *self)
{
    (void)self;
    thrum_with (&journal)
        (void)thrum_sleep(thrum_in(0.001));
    compute();
    return thrum_sleep(thrum_in(0.005));
}

static void *work_alone(void *unused)
{
    for (int i = 0; i < 100; i++) {
        compute();
        nanosleep(&(struct timespec){.tv_nsec = 6000000}, NULL);
    }
    return unused;
}

int main(int argc, char **argv)
{
    pthread_t threads[2];
    if (argc > 1 && strcmp(argv[1], "threads") == 0) {
        for (int i = 0; i < 2; i++)
            if (pthread_create(&threads[i], NULL, work_alone, NULL) != 0)
                return 1;
        for (int i = 0; i < 2; i++)
            pthread_join(threads[i], NULL);
        return 0;
    }
    thrum_executor *pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 4});
    int rc = thrum_map(pool, work, &(thrum_map_options){.count = 200});
    thrum_executor_shutdown(pool);
    return rc != 0;
}
