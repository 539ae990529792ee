/* Sockets that a child made by fork shares with its parent, while fibers and threads of the parent wait
 * for them: both go on with them, and neither sees what the other does with its own handle. */
#include "harness.h"
#include "support.h"
#include "support_sanitizer.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

static thrum_socket *listener;
static char name = 'p'; /* of the process */

/* One who waits, and says so. */
struct place {
    thrum_socket *socket;
    uint32_t *ident;
};

static int accept_one(thrum_task *self)
{
    const struct place *place = &thrum_arg(self, struct place);
    thrum_socket *peer;
    tell_ident(place->ident);
    int rc = thrum_socket_accept(place->socket, &peer, THRUM_FOREVER);
    if (rc < 0)
        return rc;
    rc = thrum_socket_write(peer, &name, 1, THRUM_FOREVER);
    thrum_socket_free(peer);
    return rc;
}

static int read_one(thrum_task *self)
{
    const struct place *place = &thrum_arg(self, struct place);
    char byte = 0;
    tell_ident(place->ident);
    ptrdiff_t got = thrum_socket_read(place->socket, &byte, 1, THRUM_FOREVER);
    CHECK(got != 1 || byte == 'x');
    return got == 1 ? 0 : (int)got;
}

/* A thread and a fiber that do the same, and both wait. */
struct pair {
    thrum_thread *thread;
    thrum_executor *pool;
    thrum_future *fiber;
    uint32_t idents[2];
};

static void start_pair(struct pair *pair, thrum_task_fn *function, thrum_socket *of_thread,
                       thrum_socket *of_fiber)
{
    *pair = (struct pair){.pool = thrum_fiber_pool_new(NULL)};
    pair->thread = thrum_thread_start(
        function, thrum_value(struct place, .socket = of_thread, .ident = &pair->idents[0]));
    pair->fiber =
        thrum_submit(pair->pool, function,
                     thrum_value(struct place, .socket = of_fiber, .ident = &pair->idents[1]));
    for (int i = 0; i < 2; i++)
        UNTIL(waits_for(&pair->idents[i], "readable"));
}

static void end_pair(struct pair *pair)
{
    CHECK_INT(thrum_future_result(pair->fiber, NULL, 0, THRUM_FOREVER), ==, 0);
    thrum_future_free(pair->fiber);
    JOIN(pair->thread, 0);
    thrum_executor_shutdown(pair->pool);
}

static char connect_and_hear(void)
{
    thrum_socket *socket;
    char heard = 0;
    uint16_t port = (uint16_t)thrum_socket_port(listener);
    CHECK_INT(thrum_socket_connect("127.0.0.1", port, &socket, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_socket_read(socket, &heard, 1, THRUM_FOREVER), ==, 1);
    thrum_socket_free(socket);
    return heard;
}

static pid_t start_child(void (*body)(thrum_socket *tell), thrum_socket **ret_heard)
{
    thrum_socket *tell;
    CHECK_INT(thrum_socket_pair(ret_heard, &tell), ==, 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        name = 'c';
        body(tell);
        _exit(0);
    }
    thrum_socket_free(tell);
    return child;
}

static void expect_end(pid_t child)
{
    int status;
    CHECK_INT(waitpid(child, &status, 0), ==, child);
    CHECK_INT(status, ==, 0);
}

/* The child's threads get the stacks of the parent's, on which those stand who wait. */
static void accept_as_well(thrum_socket *tell)
{
    struct pair pair;
    start_pair(&pair, accept_one, listener, listener);
    CHECK_INT(thrum_socket_write(tell, "x", 1, THRUM_FOREVER), ==, 0);
    end_pair(&pair);
    int number = thrum_socket_descriptor(listener);
    CHECK_INT(thrum_socket_close(listener), ==, 0);
    UNTIL(fcntl(number, F_GETFD) == -1); /* another file may have the number for a moment */
    thrum_socket_free(listener);
}

TEST(parent_and_child_accept_from_one_listener)
{
    struct pair pair;
    thrum_socket *child_says;
    char byte;
    int heard[2] = {0, 0};
    if (SANITIZED)
        return;
    CHECK_INT(thrum_socket_listen("127.0.0.1", 0, NULL, &listener), ==, 0);
    start_pair(&pair, accept_one, listener, listener);
    pid_t child = start_child(accept_as_well, &child_says);
    CHECK_INT(thrum_socket_read(child_says, &byte, 1, THRUM_FOREVER), ==, 1);
    for (int i = 0; i < 4; i++)
        heard[connect_and_hear() == 'c']++;
    CHECK_INT(heard[0], ==, 2);
    CHECK_INT(heard[1], ==, 2);
    end_pair(&pair);
    expect_end(child);
    start_pair(&pair, accept_one, listener, listener); /* the child has closed it for itself only */
    for (int i = 0; i < 2; i++)
        CHECK_INT(connect_and_hear(), ==, 'p');
    end_pair(&pair);
    thrum_socket_free(child_says);
    thrum_socket_free(listener);
}

static thrum_socket *near[2], *far[2];

static void read_in_vain_and_close(thrum_socket *tell)
{
    struct pair pair;
    char byte;
    for (int i = 0; i < 2; i++) {
        CHECK_INT(thrum_socket_read(near[i], &byte, 1, THRUM_NOW), ==, -EAGAIN);
        CHECK_INT(thrum_socket_read(near[i], &byte, 1, thrum_in(0.001)), ==, -ETIMEDOUT);
        thrum_socket_free(near[i]);
    }
    thrum_socket *own[2][2];
    for (int i = 0; i < 2; i++)
        CHECK_INT(thrum_socket_pair(&own[i][0], &own[i][1]), ==, 0);
    start_pair(&pair, read_one, own[0][0], own[1][0]); /* under the same numbers */
    for (int i = 0; i < 2; i++)
        CHECK_INT(thrum_socket_write(own[i][1], "x", 1, THRUM_FOREVER), ==, 0);
    end_pair(&pair);
    CHECK_INT(thrum_socket_write(tell, "x", 1, THRUM_FOREVER), ==, 0);
}

TEST(a_child_that_closes_its_connections_leaves_those_of_the_parent)
{
    struct pair pair;
    thrum_socket *child_says;
    char byte;
    if (SANITIZED)
        return;
    for (int i = 0; i < 2; i++)
        CHECK_INT(thrum_socket_pair(&near[i], &far[i]), ==, 0);
    start_pair(&pair, read_one, near[0], near[1]);
    pid_t child = start_child(read_in_vain_and_close, &child_says);
    CHECK_INT(thrum_socket_read(child_says, &byte, 1, THRUM_FOREVER), ==, 1);
    expect_end(child);
    CHECK(thrum_thread_is_alive(pair.thread));
    CHECK(!thrum_future_done(pair.fiber));
    for (int i = 0; i < 2; i++) {
        CHECK_INT(thrum_socket_write(far[i], "x", 1, THRUM_FOREVER), ==, 0);
        thrum_socket_free(far[i]);
    }
    end_pair(&pair);
    for (int i = 0; i < 2; i++)
        thrum_socket_free(near[i]);
    thrum_socket_free(child_says);
}
