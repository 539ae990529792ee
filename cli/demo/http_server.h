/* An HTTP server on loopback, in a process of its own, that holds each answer for a given time. */
#ifndef CLI_DEMO_HTTP_SERVER_H
#define CLI_DEMO_HTTP_SERVER_H

#include <stddef.h>
#include <sys/types.h>
#include <thrum.h>

struct http_server {
    pid_t pid;
    int port;  /* on 127.0.0.1 */
    int leash; /* the server ends when the last descriptor of this pipe's end is closed */
};

enum { HTTP_PAGE_BYTES = 4096 };

/* Writes the HTTP_PAGE_BYTES that the server answers with. */
void http_page_make(char *ret_page);

/* Starts the server and waits until it listens. GET /page?wait_us=N is answered N microseconds
 * after the request has arrived, with 200 and the page. Call it while there is but one thread.
 * Returns 0 or a negative errno. */
int http_server_start(struct http_server *ret_server, thrum_error *ret_error);

/* Ends it and waits until it is gone. Does nothing if it was not started. */
void http_server_stop(struct http_server *server);

/* Runs the server in this process until `leash` is hung up: what the process that http_server_start
 * makes does. Its port is written to `report` as an int. Returns an exit status. */
int http_server_serve(int leash, int report);

#endif
