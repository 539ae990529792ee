/* RLock: a function that holds the lock calls another that takes it, too.
 *
 * get_or_set holds the lock and calls get and set, which acquire it, too. With a plain lock Python would wait for ever,
 * and thrum would stop the program and name the place. A thrum_rlock counts the acquires, and takes no more memory than
 * a lock.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <thrum.h>

enum { THREADS = 4, CAPACITY = 8, MISSING = -1 };

struct cache {
    thrum_rlock lock; /* protects all the rest */
    size_t count;
    struct entry {
        const char *key;
        int value;
    } entries[CAPACITY];
};

static int cache_get(struct cache *cache, const char *key)
{
    int value = MISSING;
    thrum_with (&cache->lock) {
        for (size_t i = 0; i < cache->count; i++) {
            if (strcmp(cache->entries[i].key, key) == 0)
                value = cache->entries[i].value;
        }
    }
    return value;
}

static void cache_set(struct cache *cache, const char *key, int value)
{
    thrum_with (&cache->lock) {
        if (cache->count < CAPACITY) /* a full cache simply does not remember */
            cache->entries[cache->count++] = (struct entry){key, value};
    }
}

/* One step for all others: between its get and its set nobody else can come in. */
static int cache_get_or_set(struct cache *cache, const char *key, int standard)
{
    int value = MISSING;
    thrum_with (&cache->lock) {
        value = cache_get(cache, key); /* takes the lock a second time */
        if (value == MISSING)
            cache_set(cache, key, value = standard);
    }
    return value;
}

static struct cache cache; /* all-zero: empty and unlocked */

static int ask(thrum_task *self)
{
    int mine = thrum_arg(self, int);
    return thrum_return(self, thrum_value(int, cache_get_or_set(&cache, "leader", mine)));
}

int main(void)
{
    thrum_thread *threads[THREADS];
    int failed = 0, agreed = 0;
    for (int i = 0; i < THREADS; i++)
        threads[i] = thrum_thread_start(ask, thrum_value(int, i));
    for (int i = 0; i < THREADS; i++) {
        int leader = MISSING;
        failed |= thrum_thread_result(threads[i], &leader, sizeof leader, THRUM_FOREVER);
        agreed += leader == cache_get(&cache, "leader");
        thrum_thread_free(threads[i]);
    }
    printf("%d of %d threads agree on one leader; the cache has %zu entry\n", agreed, THREADS,
           cache.count);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
