/* A user's program over the adapter for PostgreSQL: nobody listens at that port. */
#include <errno.h>
#include <stdio.h>
#include <thrum_pq.h>

int main(void)
{
    PGconn *connection = NULL;
    thrum_error error;
    int rc = thrum_pq_connect("host=127.0.0.1 port=1", &connection, &error, thrum_in(10));
    printf("%s\n", error.message);
    return rc == -ECONNREFUSED ? 0 : 1;
}
