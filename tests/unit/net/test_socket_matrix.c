/* Every call on a socket that waits, ended in every way: by a close, a cancellation, a deadline, an edge, and again in
 * a child of fork. docs/explorer.md has the table. Each runs as a fiber and as a thread of a pool. */
#include "harness.h"
#include "support.h"

#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

enum call { READ, WRITE, ACCEPT, CONNECT, WAIT, CALLS };
enum { FIBER, THREAD, CARRIERS };

static const char *const kinds[] = {"readable", "writable", "readable", "descriptor", "readable"};

static thrum_socket *near, *far, *listener, *full, *clients[2];
static char full_name[64];
static uint32_t ident;

static int accept_one(thrum_deadline deadline)
{
    thrum_socket *peer;
    int rc = thrum_socket_accept(listener, &peer, deadline);
    if (rc == 0)
        thrum_socket_free(peer);
    return rc;
}

static int connect_one(thrum_deadline deadline)
{
    thrum_socket *socket;
    int rc = thrum_socket_connect_unix(full_name, &socket, deadline);
    if (rc == 0)
        thrum_socket_free(socket);
    return rc;
}

static int perform(enum call call, thrum_deadline deadline)
{
    static char block[1 << 16];
    ptrdiff_t moved;
    switch (call) {
    case READ:
        moved = thrum_socket_read(near, block, 1, deadline);
        return moved < 0 ? (int)moved : 0;
    case WRITE:
        do
            moved = thrum_socket_write_some(near, block, sizeof block, deadline);
        while (moved > 0);
        return (int)moved;
    case ACCEPT:
        return accept_one(deadline);
    case CONNECT:
        return connect_one(deadline);
    default:
        return thrum_wait_readable(thrum_socket_descriptor(near), deadline);
    }
}

struct order {
    enum call call;
    thrum_deadline deadline;
};

static int wait_in_call(thrum_task *self)
{
    struct order order = thrum_arg(self, struct order);
    tell_ident(&ident);
    return perform(order.call, order.deadline);
}

static void open_all(void)
{
    CHECK_INT(thrum_socket_pair(&near, &far), ==, 0);
    CHECK_INT(thrum_socket_listen("127.0.0.1", 0, NULL, &listener), ==, 0);
    snprintf(full_name, sizeof full_name, "@thrum-matrix-%d", (int)getpid());
    CHECK_INT(thrum_socket_listen_unix(full_name, &(thrum_listen_options){.backlog = 1}, &full), ==,
              0);
    for (int i = 0; i < 2; i++)
        CHECK_INT(thrum_socket_connect_unix(full_name, &clients[i], THRUM_NOW), ==, 0);
}

static void close_all(void)
{
    thrum_socket *all[] = {near, far, listener, full, clients[0], clients[1]};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        thrum_socket_free(all[i]);
}

/* Runs `call` on a carrier until it waits, has `end` end the wait, and gives the outcome. */
static int end_of(enum call call, int carrier, thrum_deadline deadline,
                  void (*end)(enum call call, thrum_future *future))
{
    thrum_executor *pool =
        carrier == FIBER ? thrum_fiber_pool_new(&(thrum_fiber_pool_options){.max_workers = 1})
                         : thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 1});
    struct order order = {call, deadline};
    ident = 0;
    open_all();
    thrum_future *future = thrum_submit(pool, wait_in_call, &order, sizeof order);
    if (end) {
        UNTIL(waits_for(&ident, kinds[call]));
        end(call, future);
    }
    int rc = OUTCOME_CODE(thrum_future_result(future, NULL, 0, THRUM_FOREVER),
                          thrum_future_error(future));
    thrum_future_free(future);
    thrum_executor_shutdown(pool);
    close_all();
    return rc;
}

static void cancel(enum call call, thrum_future *future)
{
    (void)call;
    CHECK_INT(thrum_future_cancel(future), ==, -EINPROGRESS);
}

TEST(each_call_is_ended_by_a_cancellation)
{
    for (int carrier = 0; carrier < CARRIERS; carrier++)
        for (enum call call = 0; call < CALLS; call++)
            CHECK_INT(end_of(call, carrier, THRUM_FOREVER, cancel), ==, -ECANCELED);
}

TEST(each_call_is_ended_by_its_deadline)
{
    for (int carrier = 0; carrier < CARRIERS; carrier++)
        for (enum call call = 0; call < CALLS; call++)
            CHECK_INT(end_of(call, carrier, thrum_in(0.01), NULL), ==, -ETIMEDOUT);
}

static void close_socket(enum call call, thrum_future *future)
{
    (void)future;
    CHECK_INT(thrum_socket_close(call == ACCEPT ? listener : near), ==, 0);
}

/* Not connect, whose socket nobody else has yet; nor a wait for a number, which does not know its socket. */
TEST(each_call_is_ended_by_a_close)
{
    for (int carrier = 0; carrier < CARRIERS; carrier++)
        for (enum call call = READ; call <= ACCEPT; call++)
            CHECK_INT(end_of(call, carrier, THRUM_FOREVER, close_socket), ==, -EBADF);
}

static void give_what_it_waits_for(enum call call, thrum_future *future)
{
    char sink[1 << 16];
    thrum_socket *other;
    switch (call) {
    case READ:
    case WAIT:
        CHECK_INT(thrum_socket_write(far, "x", 1, THRUM_FOREVER), ==, 0);
        break;
    case WRITE: /* it goes on writing until it is cancelled */
        for (int i = 0; i < 20; i++)
            CHECK_INT(thrum_socket_read(far, sink, sizeof sink, THRUM_FOREVER), >, 0);
        (void)thrum_future_cancel(future);
        break;
    case ACCEPT:
        CHECK_INT(thrum_socket_connect("127.0.0.1", (uint16_t)thrum_socket_port(listener), &other,
                                       THRUM_FOREVER),
                  ==, 0);
        thrum_socket_free(other);
        break;
    default:
        CHECK_INT(thrum_socket_accept(full, &other, THRUM_FOREVER), ==, 0);
        thrum_socket_free(other);
    }
}

TEST(each_call_is_ended_by_what_it_waits_for)
{
    for (int carrier = 0; carrier < CARRIERS; carrier++)
        for (enum call call = 0; call < CALLS; call++) {
            int rc = end_of(call, carrier, THRUM_FOREVER, give_what_it_waits_for);
            CHECK(rc == 0 || (call == WRITE && rc == -ECANCELED));
        }
}

/* A child of fork: the call that waits is the parent's, and the child makes its own. */
static void call_in_child(enum call call, thrum_future *future)
{
    int status;
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        CHECK_INT(perform(call, thrum_in(0.01)), ==, -ETIMEDOUT);
        thrum_socket_free(call == ACCEPT ? listener : near);
        _exit(0);
    }
    CHECK_INT(waitpid(child, &status, 0), ==, child);
    CHECK_INT(status, ==, 0);
    give_what_it_waits_for(call, future);
}

TEST(each_call_waits_in_the_parent_and_anew_in_a_child)
{
    for (int carrier = 0; carrier < CARRIERS; carrier++)
        for (enum call call = 0; call < CALLS; call++) {
            int rc = end_of(call, carrier, THRUM_FOREVER, call_in_child);
            CHECK(rc == 0 || (call == WRITE && rc == -ECANCELED));
        }
}
