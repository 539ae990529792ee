/* A user's program over the adapter for TLS: the other side speaks none. */
#include <errno.h>
#include <stdio.h>
#include <thrum.h>
#include <thrum_tls.h>

int main(void)
{
    thrum_error error;
    thrum_tls *tls;
    thrum_socket *one, *other;
    thrum_stream *stream;
    if (thrum_tls_new_client(NULL, &tls, &error) < 0 || thrum_socket_pair(&one, &other) < 0 ||
        thrum_stream_from_socket(one, NULL, &stream) < 0 ||
        thrum_socket_write(other, "no TLS", 6, thrum_in(10)) < 0)
        return 1;
    int rc = thrum_tls_connect(tls, stream, "localhost", &error, thrum_in(10));
    printf("%s\n", error.message);
    thrum_stream_free(stream);
    thrum_socket_free(other);
    thrum_tls_free(tls);
    return rc == -EPROTO ? 0 : 1;
}
