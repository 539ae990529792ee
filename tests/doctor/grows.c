/* Programs that run for six seconds; with "threads", "locks" or "tasks" these become more and more, with "steady" they do not. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <thrum.h>

static int wait_long(thrum_task *self)
{
    (void)self;
    return thrum_sleep(thrum_in(60));
}

static int add(thrum_task *self)
{
    (void)self;
    return 0;
}

static void grow(const char *what, thrum_executor *pool)
{
    pthread_mutex_t *lock = malloc(sizeof *lock);
    if (!lock)
        abort();
    pthread_mutex_init(lock, NULL);
    pthread_mutex_lock(lock);
    pthread_mutex_unlock(lock);
    if (strcmp(what, "locks") != 0) {
        pthread_mutex_destroy(lock);
        free(lock);
    }
    if (strcmp(what, "threads") == 0)
        thrum_thread_free(thrum_thread_start_with(&(thrum_thread_options){.daemon = true},
                                                  wait_long, THRUM_NOTHING));
    if (strcmp(what, "tasks") == 0)
        thrum_future_free(thrum_submit(pool, add, THRUM_NOTHING));
}

int main(int argc, char **argv)
{
    enum { STEPS = 120 };
    thrum_executor *pool =
        thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 1, .daemon = true});
    if (argc < 2)
        return 2;
    thrum_future_free(thrum_submit(pool, wait_long, THRUM_NOTHING));
    for (int i = 0; i < STEPS; i++) {
        grow(argv[1], pool);
        (void)thrum_sleep(thrum_in(0.05));
    }
    _Exit(0);
}
