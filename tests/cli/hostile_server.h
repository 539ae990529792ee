/* A server of HTTP that does what servers should not do, by the path that it is asked for:
 *
 *     /ok/...        answers with the path as the page
 *     /big/...       answers with HOSTILE_BIG bytes
 *     /held/...      the same, once the gate is open
 *     /flaky/...     the first time resets the connection; then as /ok
 *     /busy/...      the first time 429, to be asked again in a second; then as /ok
 *     /status/N      answers with that status, and a page that says so
 *     /none/N        answers with the status 204, 205 or 304, which have no page
 *     /empty/...     answers with an empty page
 *     /moved/...     redirects to /ok/moved
 *     /nohead/N/...  answers HEAD with that status, and GET with the path
 *     /echo/HEADER   answers with the value of that header of the request, or with "none"
 *     /name/...      gives the file a name, "../named"
 *     /packed/KIND   answers with "packed", compressed by gzip, br or zstd; by gzip if the client does not take the others
 *     /range/...     sends a part that nobody asked for
 *     /part/...      a file of HOSTILE_BIG bytes with an ETag, cut off after HOSTILE_CUT the first time; then
 *                    what Range and If-Range ask for
 *     /part/weak/... the same with a weak ETag; /part/changes/... with another ETag each time;
 *                    /part/norange/... without ranges; /part/shifted/... with other bytes than were asked
 *                    for; /part/always/... cut off whenever all is asked for
 *     /later         503, to be asked again in a day
 *     /reset         resets the connection
 *     /half          ends in the middle of the page
 *     /long          sends more than it has announced
 *     /drip          sends a byte now and then, without an end
 *     /circle        redirects to itself
 *     /headers       headers without an end
 *     /header        one header without an end
 */
#ifndef TESTS_CLI_HOSTILE_SERVER_H
#define TESTS_CLI_HOSTILE_SERVER_H

#include <stddef.h>
#include <stdint.h>
#include <thrum.h>

enum { HOSTILE_PATHS = 512, HOSTILE_BIG = 300000, HOSTILE_CUT = 290000 };

struct hostile_server {
    thrum_executor *pool;
    thrum_socket *listener;
    thrum_future *accepting;
    int port;
    thrum_event gate;
    thrum_lock lock; /* over what follows */
    int requests, held;
    struct hostile_path {
        char path[32];
        int count;
        thrum_time first, last; /* when it was asked for */
    } paths[HOSTILE_PATHS];
};

/* The byte at a place of the file /part. */
char hostile_byte(size_t at);

void hostile_server_start(struct hostile_server *ret_server);
void hostile_server_stop(struct hostile_server *server);

/* What it has seen of a path; all-zero if nothing. */
struct hostile_path hostile_server_seen(struct hostile_server *server, const char *path);
/* Requests that wait for the gate now. */
int hostile_server_held(struct hostile_server *server);
/* Requests there were. */
int hostile_server_requests(struct hostile_server *server);

#endif
