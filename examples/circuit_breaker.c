/* A circuit breaker for a server that is down for a while. After three failures in a row, calls fail at once, until a
 * single call finds that the server is up again.
 *
 * A function whose first five calls fail stands for the server.
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
