/* The peer of examples/http_server.c over libuv: one loop, one fixed answer to each request, a request
 * being all that ends by an empty line. What the kernel takes at once is written at once, as libuv's
 * own benchmarks do it.
 *
 *     http_uv PORT
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
                             "Content-Length: 14\r\n\r\nHello, world!\n";

enum { ROOM = 4096, BACKLOG = 4096 };

struct peer {
    uv_tcp_t tcp; /* the first, so that a handle leads here */
    size_t used;
    char text[ROOM];
};

static void gone(uv_handle_t *handle)
{
    free(handle);
}

static void hang_up(struct peer *peer)
{
    if (!uv_is_closing((uv_handle_t *)&peer->tcp))
        uv_close((uv_handle_t *)&peer->tcp, gone);
}

static void written(uv_write_t *request, int status)
{
    if (status < 0)
        hang_up((struct peer *)request->handle);
    free(request);
}

static int reply(struct peer *peer)
{
    uv_buf_t whole = uv_buf_init((char *)(size_t)answer, sizeof answer - 1);
    int put = uv_try_write((uv_stream_t *)&peer->tcp, &whole, 1);
    if (put == (int)whole.len)
        return 0;
    if (put < 0 && put != UV_EAGAIN)
        return put;
    uv_write_t *request = malloc(sizeof *request);
    if (!request)
        return UV_ENOMEM;
    put = put < 0 ? 0 : put;
    uv_buf_t rest = uv_buf_init(whole.base + put, (unsigned)(whole.len - (size_t)put));
    int rc = uv_write(request, (uv_stream_t *)&peer->tcp, &rest, 1, written);
    if (rc < 0)
        free(request);
    return rc;
}

static void room_for(uv_handle_t *handle, size_t wish, uv_buf_t *ret_room)
{
    struct peer *peer = (struct peer *)handle;
    (void)wish;
    *ret_room = uv_buf_init(peer->text + peer->used, (unsigned)(ROOM - peer->used));
}

static void heard(uv_stream_t *stream, ssize_t got, const uv_buf_t *room)
{
    struct peer *peer = (struct peer *)stream;
    char *begin = peer->text, *stop;
    (void)room;
    if (got == 0)
        return;
    if (got < 0) {
        hang_up(peer);
        return;
    }
    peer->used += (size_t)got;
    while ((stop = memmem(begin, peer->used - (size_t)(begin - peer->text), "\r\n\r\n", 4))) {
        if (reply(peer) < 0) {
            hang_up(peer);
            return;
        }
        begin = stop + 4;
    }
    peer->used -= (size_t)(begin - peer->text);
    memmove(peer->text, begin, peer->used);
    if (peer->used == ROOM)
        hang_up(peer);
}

static void came(uv_stream_t *listener, int status)
{
    struct peer *peer = status < 0 ? NULL : malloc(sizeof *peer);
    if (!peer || uv_tcp_init(listener->loop, &peer->tcp) < 0) {
        free(peer);
        return;
    }
    peer->used = 0;
    uv_tcp_nodelay(&peer->tcp, 1);
    if (uv_accept(listener, (uv_stream_t *)&peer->tcp) < 0 ||
        uv_read_start((uv_stream_t *)&peer->tcp, room_for, heard) < 0)
        hang_up(peer);
}

int main(int count, char **words)
{
    uv_loop_t *loop = uv_default_loop();
    uv_tcp_t listener;
    struct sockaddr_in address;
    uv_ip4_addr("127.0.0.1", count > 1 ? atoi(words[1]) : 0, &address);
    int rc = uv_tcp_init(loop, &listener);
    if (rc == 0)
        rc = uv_tcp_bind(&listener, (const struct sockaddr *)&address, 0);
    if (rc == 0)
        rc = uv_listen((uv_stream_t *)&listener, BACKLOG, came);
    if (rc < 0) {
        fprintf(stderr, "cannot listen: %s\n", uv_strerror(rc));
        return EXIT_FAILURE;
    }
    return uv_run(loop, UV_RUN_DEFAULT);
}
