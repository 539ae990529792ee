/* Semaphore: ten queries, three connections, so three queries at a time.
 *
 * thrum_with takes a semaphore as it takes a lock. Python's example looks into the private _value
 * to see how many are active; here that is a function. Those who wait are served in the order in
 * which they came, which Python does not promise.
 */
#include <stdio.h>
#include <stdlib.h>
#include <thrum.h>

#define LATENCY 0.1 /* seconds for a query; a real one may take longer */

enum { QUERIES = 10, CONNECTIONS = 3 };

static thrum_semaphore connections = THRUM_SEMAPHORE_INIT(CONNECTIONS);

static int query_database(thrum_task *self)
{
    int id = thrum_arg(self, int);
    thrum_with (&connections) {
        printf("Query %d: connected (active connections: %d)\n", id,
               CONNECTIONS - (int)thrum_semaphore_value(&connections));
        int rc = thrum_sleep(thrum_in(LATENCY)); /* stands for the query */
        if (rc < 0)
            return rc; /* gives the connection back */
        printf("Query %d: done\n", id);
    }
    return 0;
}

int main(void)
{
    thrum_thread *threads[QUERIES];
    int failed = 0;
    for (int i = 0; i < QUERIES; i++)
        threads[i] = thrum_thread_start(query_database, thrum_value(int, i));
    for (int i = 0; i < QUERIES; i++) {
        failed |= thrum_thread_join(threads[i], THRUM_FOREVER);
        thrum_thread_free(threads[i]);
    }
    printf("Free connections at the end: %u\n", (unsigned)thrum_semaphore_value(&connections));
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
