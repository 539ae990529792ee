/* A user's program over the adapter for clusters: nobody listens at that port. */
#include <errno.h>
#include <stdio.h>
#include <thrum_cluster.h>

int main(void)
{
    thrum_executor *cluster = NULL;
    thrum_error error;
    int rc = thrum_cluster_new(&(thrum_cluster_options){.servers = "nats://127.0.0.1:1"}, &cluster,
                               &error, thrum_in(10));
    printf("%s\n", error.message);
    return rc == -ECONNREFUSED ? 0 : 1;
}
