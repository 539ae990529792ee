/* Asks a server that is another program: tls_client HOST PORT TRUSTED. Prints the first line of the
 * answer, and how the connection ended: "end", or the message of the error. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <thrum.h>
#include <thrum_tls.h>

int main(int count, char **words)
{
    static const char question[] = "GET / HTTP/1.0\r\n\r\n";
    thrum_error error = {.message = ""};
    thrum_tls *tls;
    thrum_stream *stream;
    char line[4096];
    if (count != 4)
        return 2;
    int rc = thrum_tls_new_client(&(thrum_tls_options){.trusted = words[3]}, &tls, &error);
    if (rc == 0)
        rc = thrum_stream_connect("127.0.0.1", (uint16_t)atoi(words[2]), NULL, &stream,
                                  THRUM_FOREVER);
    if (rc < 0) {
        printf("%s\n", error.code ? error.message : thrum_strerror(rc));
        return 1;
    }
    rc = thrum_tls_connect(tls, stream, words[1], &error, THRUM_FOREVER);
    if (rc == 0)
        rc = thrum_stream_write(stream, question, strlen(question), THRUM_FOREVER);
    if (rc == 0)
        rc = thrum_stream_flush(stream, THRUM_FOREVER);
    ptrdiff_t size = rc;
    for (int number = 0; size >= 0; number++) {
        size = thrum_stream_read_line(stream, line, sizeof line, THRUM_FOREVER);
        if (size <= 0)
            break;
        if (number == 0) {
            printf("%.*s\n", (int)strcspn(line, "\r\n"), line);
            fflush(stdout);
        }
    }
    printf("%s\n", size == 0 ? "end" : error.code ? error.message : thrum_strerror((int)size));
    thrum_stream_free(stream);
    thrum_tls_free(tls);
    return size == 0 ? 0 : 1;
}
