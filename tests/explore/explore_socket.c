/* Reads of a socket by a fiber, while bytes come. The kernel is that of src/explorer/kernel.c. A pool has one worker.
 *
 * A read that leaves nothing marks the socket dry, and gives a turn to other fibers now and then. The worker may ask
 * its poller in that turn. Whatever comes when, the next read returns it. */
#include "explore.h"
#include "net/socket.h"
#include <thrum/event.h>
#include <thrum/executor.h>
#include <thrum/fiber.h>

#include <errno.h>

enum { TURNS = 64, TIMER_TURN = 8 }; /* of net/socket.c and fiber/worker.c */

static thrum_socket *sockets[2];
static int numbers[2];
static thrum_event more; /* a third fiber may run once more */

/* Makes the sockets and the pool. */
static thrum_executor *begin(void)
{
    thrum_event_init(&more);
    for (int i = 0; i < 2; i++) {
        numbers[i] = thrum__explore_socket_new();
        sockets[i] = thrum__socket_of(numbers[i]);
        EXPLORE_CHECK(sockets[i] != NULL);
        sockets[i]->tcp = true;
    }
    return thrum_fiber_pool_new(&(thrum_fiber_pool_options){.max_workers = 1});
}

static void end(thrum_executor *pool)
{
    thrum_executor_shutdown(pool);
    for (int i = 0; i < 2; i++)
        thrum_socket_free(sockets[i]);
}

static size_t read_bytes(thrum_socket *socket, size_t room)
{
    char bytes[2];
    ptrdiff_t got = thrum_socket_read(socket, bytes, room, THRUM_FOREVER);
    EXPLORE_CHECK(got > 0 && (size_t)got <= room);
    return (size_t)got;
}

/* A worker asks its poller only while a fiber waits for it. */
static int wait_for_the_other(thrum_task *self)
{
    (void)self;
    (void)read_bytes(sockets[1], 1);
    return 0;
}

struct before_the_turn {
    int yields;
    bool more;
};

/* Reads all that comes. The second read mostly leaves nothing and gives a turn, in which the worker may ask its poller.
 * The worker asks at each TIMER_TURN-th choice. Reader and writer yield in turn, so yields alone reach every second of
 * these moments; a third fiber that runs once more reaches the others. */
static int read_three(thrum_task *self)
{
    struct before_the_turn before = thrum_arg(self, struct before_the_turn);
    size_t got =
        read_bytes(sockets[0], 1); /* waits, so the worker's poller knows the socket from now on */
    thrum__store_relaxed(&sockets[0]->turns, TURNS - 1);
    if (before.more)
        thrum_event_set(&more);
    for (int i = 0; i < before.yields; i++)
        thrum_yield();
    while (got < 3)
        got += read_bytes(sockets[0], 2);
    thrum_event_set(&more);
    return 0;
}

/* Runs once the reader waits. */
static int put_two(thrum_task *self)
{
    (void)self;
    thrum__explore_socket_put(numbers[0], 2);
    return 0;
}

/* Runs in the turn that the second read gives. */
static int put_one(thrum_task *self)
{
    (void)self;
    while (thrum__load_relaxed(&sockets[0]->turns) != TURNS)
        thrum_yield();
    thrum__explore_socket_put(numbers[0], 1);
    return 0;
}

static int one_more(thrum_task *self)
{
    (void)self;
    return thrum_event_wait(&more, THRUM_FOREVER);
}

EXPLORE(socket_turn, .preemptions = EXPLORE_NONE, .long_preemptions = 1, .ticks = 1, .leaks = true)
{
    thrum_executor *pool = begin();
    thrum_future *waits = thrum_submit(pool, wait_for_the_other, THRUM_NOTHING);
    thrum_future *reads =
        thrum_submit(pool, read_three,
                     thrum_value(struct before_the_turn, .yields = (int)explore_any(TIMER_TURN),
                                 .more = explore_any(2) != 0));
    thrum_future_free(thrum_submit(pool, one_more, THRUM_NOTHING));
    thrum_future_free(thrum_submit(pool, put_two, THRUM_NOTHING));
    thrum_future_free(thrum_submit(pool, put_one, THRUM_NOTHING));
    EXPLORE_CHECK(thrum_future_result(reads, NULL, 0, THRUM_FOREVER) == 0);
    thrum__explore_socket_put(numbers[1], 1);
    EXPLORE_CHECK(thrum_future_result(waits, NULL, 0, THRUM_FOREVER) == 0);
    thrum_future_free(reads);
    thrum_future_free(waits);
    end(pool);
}

static int nothing(thrum_task *self)
{
    (void)self;
    return 0;
}

/* The worker may sleep in its poller when the second task comes. */
EXPLORE(socket_submit, .preemptions = 1, .long_preemptions = 2, .leaks = true)
{
    thrum_executor *pool = begin();
    thrum_future *waits = thrum_submit(pool, wait_for_the_other, THRUM_NOTHING);
    thrum_future *other = thrum_submit(pool, nothing, THRUM_NOTHING);
    EXPLORE_CHECK(thrum_future_result(other, NULL, 0, THRUM_FOREVER) == 0);
    thrum__explore_socket_put(numbers[1], 1);
    EXPLORE_CHECK(thrum_future_result(waits, NULL, 0, THRUM_FOREVER) == 0);
    thrum_future_free(other);
    thrum_future_free(waits);
    end(pool);
}
