/* A circuit breaker before a server that is down for a while: after three failures in a row nobody
 * waits for it any more, until a single call finds it up again.
 *
 * The server is played by a function that fails its first five calls.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <thrum.h>

#define OPEN 0.1 /* seconds; a real server wants half a minute */

static thrum_circuit_breaker breaker = THRUM_CIRCUIT_BREAKER(.failures = 3, .open = OPEN);

/* Stands for the request. */
static int ask_server(void)
{
    static int asked; /* only the main thread comes here */
    return ++asked <= 5 ? -ECONNREFUSED : 0;
}

static int guarded(void)
{
    uint64_t call;
    int rc = thrum_circuit_breaker_begin(&breaker, &call);
    if (rc == 0) {
        rc = ask_server();
        thrum_circuit_breaker_end(&breaker, call, rc);
    }
    return rc;
}

int main(void)
{
    for (;;) {
        int rc = guarded();
        puts(rc == 0 ? "answered" : rc == -EHOSTDOWN ? "not even tried" : thrum_strerror(rc));
        if (rc == 0)
            break;
        if (rc == -EHOSTDOWN)
            thrum_sleep(thrum_circuit_breaker_until(&breaker));
    }
    return EXIT_SUCCESS;
}
