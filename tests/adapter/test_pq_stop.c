/* Queries that are stopped, callers who give up, and what the system refuses. */
#include "support_pq.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

TEST(a_query_whose_deadline_passed_is_stopped_and_the_connection_lives)
{
    struct world world;
    begin(&world);
    PGconn *connection = connect_to(&world);
    CHECK_INT(code_of(connection, "slow", thrum_in(0.02)), ==, -ETIMEDOUT);
    CHECK_INT(code_of(connection, "ok", THRUM_FOREVER), ==, -EBUSY);
    CHECK_INT(thrum_pq_cancel(connection, THRUM_NOW), ==, -EAGAIN);
    CHECK_INT(thrum_pq_cancel(connection, THRUM_FOREVER), ==, 0);
    CHECK_INT(status_of(connection, "ok"), ==, PGRES_COMMAND_OK);
    PQfinish(connection);
    end(&world);
}

TEST(a_connection_without_a_query_is_not_stopped)
{
    struct world world;
    begin(&world);
    PGconn *connection = connect_to(&world);
    CHECK_INT(thrum_pq_cancel(connection, THRUM_NOW), ==, 0);
    CHECK_INT(thrum__load_acquire(&world.server.requests), ==, 0);
    PQfinish(connection);
    end(&world);
}

TEST(a_request_that_the_server_did_not_heed_is_made_again)
{
    struct world world;
    begin(&world);
    thrum__store_release(&world.server.ignored, 2);
    PGconn *connection = connect_to(&world);
    CHECK_INT(code_of(connection, "slow", thrum_in(0.02)), ==, -ETIMEDOUT);
    CHECK_INT(thrum_pq_cancel(connection, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum__load_acquire(&world.server.requests), >=, 3);
    CHECK_INT(status_of(connection, "ok"), ==, PGRES_COMMAND_OK);
    PQfinish(connection);
    end(&world);
}

TEST(a_server_that_heeds_no_request_is_given_up_at_the_deadline)
{
    struct world world;
    begin(&world);
    thrum__store_release(&world.server.ignored, 1000);
    PGconn *connection = connect_to(&world);
    CHECK_INT(code_of(connection, "slow", thrum_in(0.02)), ==, -ETIMEDOUT);
    CHECK_INT(thrum_pq_cancel(connection, thrum_in(0.1)), ==, -ETIMEDOUT);
    CHECK_INT(code_of(connection, "ok", THRUM_FOREVER), ==, -EBUSY);
    PQfinish(connection);
    thrum_event_set(&world.server.stopped);
    end(&world);
}

TEST(a_server_that_is_gone_cannot_be_asked)
{
    struct world world;
    begin(&world);
    PGconn *connection = connect_to(&world);
    CHECK_INT(code_of(connection, "slow", thrum_in(0.02)), ==, -ETIMEDOUT);
    thrum_socket_close(world.server.listener);
    CHECK_INT(thrum_pq_cancel(connection, THRUM_FOREVER), ==, -ECONNREFUSED);
    PQfinish(connection);
    thrum_event_set(&world.server.stopped);
    end(&world);
}

static int query_for_ever(thrum_task *self)
{
    PGconn *connection = thrum_arg(self, PGconn *);
    int rc = code_of(connection, "slow", THRUM_FOREVER);
    CHECK(thrum_cancelled(self));
    CHECK_INT(thrum_pq_cancel(connection, THRUM_FOREVER), ==, 0);
    return rc;
}

TEST(a_task_that_was_cancelled_can_stop_its_query)
{
    struct world world;
    begin(&world);
    PGconn *connection = connect_to(&world);
    thrum_thread *task = thrum_thread_start(query_for_ever, thrum_value(PGconn *, connection));
    UNTIL(thrum__load_acquire(&world.server.queries) == 1);
    CHECK_INT(thrum_thread_cancel(task), ==, 0);
    JOIN(task, -ECANCELED);
    CHECK_INT(status_of(connection, "ok"), ==, PGRES_COMMAND_OK);
    PQfinish(connection);
    end(&world);
}

/* ----------------------------------------------------------------------- what the system refuses */

/* The next calls of malloc until one fails; 0: none does. Set and used while one thread runs. */
static uint32_t refuse_malloc;

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
    if (thrum__load_relaxed(&refuse_malloc) && thrum__sub_relaxed(&refuse_malloc, 1) == 1)
        return NULL;
    return __real_malloc(size);
}

/* The library's own requests for memory: for the attempt and for each step; for a request to stop, twice. */
TEST(a_lack_of_memory_is_told)
{
    THREADS_ONLY;
    struct world world;
    begin(&world);
    PGconn *connection = connect_to(&world);
    CHECK_INT(code_of(connection, "slow", thrum_in(0.02)), ==, -ETIMEDOUT);
    for (uint32_t failing = 1; failing <= 2; failing++) {
        PGconn *another = NULL;
        thrum_error error;
        thrum__store_relaxed(&refuse_malloc, failing);
        CHECK_INT(thrum_pq_connect(world.conninfo, &another, &error, THRUM_FOREVER), ==, -ENOMEM);
        CHECK_INT(error.code, ==, -ENOMEM);
        CHECK_INT(refuse_malloc, ==, 0);
        CHECK(another == NULL);
        thrum__store_relaxed(&refuse_malloc, failing);
        CHECK_INT(thrum_pq_cancel(connection, THRUM_FOREVER), ==, -ENOMEM);
        CHECK_INT(refuse_malloc, ==, 0);
    }
    CHECK_INT(thrum_pq_cancel(connection, THRUM_FOREVER), ==, 0);
    PQfinish(connection);
    end(&world);
}

/* ------------------------------------------------------------------------------- only in fibers */

#define FIBERS_ONLY                                                                                \
    do {                                                                                           \
        if (!thrum_fiber_pool_current())                                                           \
            return;                                                                                \
    } while (0)

TEST(a_fiber_does_not_wait_for_a_request_that_hangs)
{
    FIBERS_ONLY;
    struct world world;
    begin(&world);
    thrum__store_release(&world.server.hold_requests, 1);
    PGconn *connection = connect_to(&world);
    CHECK_INT(code_of(connection, "slow", thrum_in(0.02)), ==, -ETIMEDOUT);
    CHECK_INT(thrum_pq_cancel(connection, thrum_in(0.05)), ==, -ETIMEDOUT);
    PQfinish(connection);
    thrum_event_set(&world.server.let_go);
    thrum_event_set(&world.server.stopped);
    end(&world);
}

static int connect_to_service(thrum_task *self)
{
    PGconn *connection = NULL;
    (void)self;
    int rc = thrum_pq_connect("service=x", &connection, NULL, THRUM_FOREVER);
    CHECK(connection == NULL);
    return rc;
}

/* A fiber that connects, whose first step hangs on its helper: libpq reads a file there that is a pipe, until
 * its only writer, the descriptor given, is closed. */
static thrum_thread *start_and_hang(int *ret_descriptor)
{
    char path[64];
    snprintf(path, sizeof path, "/tmp/thrum-test-pq-%d", (int)getpid());
    CHECK_INT(mkfifo(path, 0600), ==, 0);
    CHECK_INT(setenv("PGSERVICEFILE", path, 1), ==, 0);
    thrum_thread *task = thrum_thread_start(connect_to_service, THRUM_NOTHING);
    UNTIL((*ret_descriptor = open(path, O_WRONLY | O_NONBLOCK)) >= 0); /* once there is a reader */
    unlink(path);
    return task;
}

TEST(a_fiber_does_not_wait_for_a_step_that_hangs)
{
    FIBERS_ONLY;
    int descriptor;
    thrum_thread *task = start_and_hang(&descriptor);
    CHECK_INT(thrum_thread_cancel(task), ==, 0);
    JOIN(task, -ECANCELED);
    close(descriptor);
}

TEST(a_step_that_no_helper_has_begun_is_withdrawn)
{
    FIBERS_ONLY;
    int descriptor;
    char conninfo[100];
    PGconn *connection = NULL;
    CHECK_INT(setenv("THRUM_BLOCKING_THREADS", "1", 1), ==, 0);
    snprintf(conninfo, sizeof conninfo, "host=127.0.0.1 port=%d", dead_port());
    thrum_thread *task = start_and_hang(&descriptor);
    CHECK_INT(thrum_pq_connect(conninfo, &connection, NULL, thrum_in(0.02)), ==, -ETIMEDOUT);
    close(descriptor);
    JOIN(task, -ECONNREFUSED);
    CHECK_INT(thrum_pq_connect(conninfo, &connection, NULL, THRUM_FOREVER), ==, -ECONNREFUSED);
    CHECK(connection == NULL);
}

TEST(a_lack_of_memory_or_of_helpers_is_told)
{
    FIBERS_ONLY;
    char conninfo[100];
    PGconn *connection = NULL;
    thrum_error error;
    int rc = -ENOMEM;
    snprintf(conninfo, sizeof conninfo, "host=127.0.0.1 port=%d", dead_port());
    thrum__fault_arm(THRUM__FAULT_THREAD_START, 1, 1000);
    CHECK_INT(thrum_pq_connect(conninfo, &connection, &error, THRUM_FOREVER), ==, -EAGAIN);
    CHECK_INT(error.code, ==, -EAGAIN);
    thrum__fault_disarm(THRUM__FAULT_THREAD_START);
    for (uint32_t failing = 1; rc == -ENOMEM; failing++) {
        thrum__fault_arm_all(THRUM__FAULT_ALLOC, failing, 1);
        rc = thrum_pq_connect(conninfo, &connection, &error, THRUM_FOREVER);
        CHECK_INT(error.code, ==, rc);
    }
    thrum__fault_disarm(THRUM__FAULT_ALLOC);
    CHECK_INT(rc, ==, -ECONNREFUSED);
    CHECK(connection == NULL);
}
