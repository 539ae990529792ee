/* Connections and queries to a server that the test plays itself. */
#include "../carrier.h"
#include "fake_postgres.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <thrum_pq.h>
#include <unistd.h>

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

/* ------------------------------------------------------------------------------------ the server */

struct call {
    struct fake_postgres *server;
    thrum_socket *peer;
};

static int serve_one(thrum_task *self)
{
    const struct call *call = &thrum_arg(self, struct call);
    fake_postgres_serve(call->server, call->peer);
    return 0;
}

/* Serves all who come until the listener is closed. */
static int serve_all(thrum_task *self)
{
    struct fake_postgres *server = thrum_arg(self, struct fake_postgres *);
    thrum_thread *served[FAKE_CONNECTIONS];
    thrum_socket *peer;
    int count = 0;
    while (thrum_socket_accept(server->listener, &peer, THRUM_FOREVER) == 0) {
        CHECK_INT(count, <, FAKE_CONNECTIONS);
        served[count++] = thrum_thread_start(serve_one, thrum_value(struct call, server, peer));
    }
    while (count > 0)
        JOIN(served[--count], 0);
    return 0;
}

struct world {
    struct fake_postgres server;
    thrum_thread *serving;
    char conninfo[200];
};

static void begin(struct world *world)
{
    fake_postgres_open(&world->server);
    snprintf(world->conninfo, sizeof world->conninfo,
             "host=127.0.0.1 port=%d user=me sslmode=disable gssencmode=disable",
             thrum_socket_port(world->server.listener));
    world->serving =
        thrum_thread_start(serve_all, thrum_value(struct fake_postgres *, &world->server));
}

static void end(struct world *world)
{
    thrum_socket_close(world->server.listener);
    JOIN(world->serving, 0);
    thrum_socket_free(world->server.listener);
}

static PGconn *connect_to(const struct world *world)
{
    PGconn *connection = NULL;
    thrum_error error = {0};
    CHECK_INT(thrum_pq_connect(world->conninfo, THRUM_FOREVER, &connection, &error), ==, 0);
    CHECK_STR(error.message, "");
    CHECK_INT(PQstatus(connection), ==, CONNECTION_OK);
    return connection;
}

/* Runs a query that is to give a result, and gives the result's status. */
static ExecStatusType status_of(PGconn *connection, const char *sql)
{
    PGresult *result = NULL;
    CHECK_INT(thrum_pq_query(connection, sql, THRUM_FOREVER, &result), ==, 0);
    ExecStatusType status = PQresultStatus(result);
    PQclear(result);
    return status;
}

/* Runs a query that is to fail, and gives the code. */
static int code_of(PGconn *connection, const char *sql, thrum_time deadline)
{
    PGresult *untouched = (PGresult *)connection, *result = untouched;
    int rc = thrum_pq_query(connection, sql, deadline, &result);
    CHECK(result == untouched);
    return rc;
}

/* ------------------------------------------------------------------------------------ connecting */

TEST(a_connection_is_made_and_answers)
{
    struct world world;
    begin(&world);
    PGconn *connection = connect_to(&world);
    CHECK_INT(status_of(connection, "ok"), ==, PGRES_COMMAND_OK);
    CHECK_INT(status_of(connection, "ok"), ==, PGRES_COMMAND_OK);
    PQfinish(connection);
    end(&world);
}

TEST(a_conninfo_that_cannot_be_read_is_refused_with_the_reason)
{
    PGconn *connection = NULL;
    thrum_error error = {0};
    CHECK_INT(thrum_pq_connect("colour=blue", THRUM_FOREVER, &connection, &error), ==, -EINVAL);
    CHECK_INT(error.code, ==, -EINVAL);
    CHECK(strstr(error.message, "colour") != NULL);
    CHECK(strchr(error.message, '\n') == NULL);
    CHECK_INT(thrum_pq_connect("colour=blue", THRUM_FOREVER, &connection, NULL), ==, -EINVAL);
    CHECK(connection == NULL);
}

/* A port where nobody listens, as far as one can tell. */
static int dead_port(void)
{
    thrum_socket *listener;
    CHECK_INT(thrum_socket_listen("127.0.0.1", 0, NULL, &listener), ==, 0);
    int port = thrum_socket_port(listener);
    thrum_socket_free(listener);
    return port;
}

TEST(a_port_where_nobody_listens_refuses)
{
    char conninfo[100];
    PGconn *connection = NULL;
    thrum_error error = {0};
    snprintf(conninfo, sizeof conninfo, "host=127.0.0.1 port=%d", dead_port());
    CHECK_INT(thrum_pq_connect(conninfo, THRUM_FOREVER, &connection, &error), ==, -ECONNREFUSED);
    CHECK_INT(error.code, ==, -ECONNREFUSED);
    CHECK(strstr(error.message, "127.0.0.1") != NULL);
    CHECK(connection == NULL);
}

TEST(of_several_hosts_the_one_that_answers_is_taken)
{
    struct world world;
    begin(&world);
    char conninfo[400];
    snprintf(conninfo, sizeof conninfo, "%s host=127.0.0.1,127.0.0.1,localhost port=%d,%d,1",
             world.conninfo, dead_port(), thrum_socket_port(world.server.listener));
    PGconn *connection = NULL;
    CHECK_INT(thrum_pq_connect(conninfo, THRUM_FOREVER, &connection, NULL), ==, 0);
    CHECK_INT(status_of(connection, "ok"), ==, PGRES_COMMAND_OK);
    PQfinish(connection);
    end(&world);
}

/* The numbers of descriptors come again and again, and each time mean another connection. */
TEST(connections_are_made_and_closed_again_and_again)
{
    struct world world;
    begin(&world);
    for (int i = 0; i < FAKE_CONNECTIONS / 4; i++) {
        PGconn *first = connect_to(&world), *second = connect_to(&world);
        CHECK_INT(status_of(second, "ok"), ==, PGRES_COMMAND_OK);
        PQfinish(first);
        PGconn *third = connect_to(&world);
        CHECK_INT(status_of(second, "ok"), ==, PGRES_COMMAND_OK);
        CHECK_INT(status_of(third, "ok"), ==, PGRES_COMMAND_OK);
        PQfinish(second);
        PQfinish(third);
    }
    end(&world);
}

/* Accepts by its backlog, and never says a word. */
static thrum_socket *silent(char *ret_conninfo, size_t size)
{
    thrum_socket *listener;
    CHECK_INT(thrum_socket_listen("127.0.0.1", 0, NULL, &listener), ==, 0);
    snprintf(ret_conninfo, size, "host=127.0.0.1 port=%d", thrum_socket_port(listener));
    return listener;
}

TEST(a_deadline_ends_the_wait_for_a_server_that_says_nothing)
{
    char conninfo[100];
    thrum_socket *listener = silent(conninfo, sizeof conninfo);
    PGconn *connection = NULL;
    thrum_error error = {0};
    CHECK_INT(thrum_pq_connect(conninfo, thrum_in(0.02), &connection, &error), ==, -ETIMEDOUT);
    CHECK_STR(error.message, thrum_strerror(-ETIMEDOUT));
    CHECK_INT(thrum_pq_connect(conninfo, THRUM_NOW, &connection, &error), ==, -EAGAIN);
    CHECK_INT(error.code, ==, -EAGAIN);
    CHECK(connection == NULL);
    thrum_socket_free(listener);
}

static int connect_for_ever(thrum_task *self)
{
    PGconn *connection = NULL;
    thrum_error error = {0};
    int rc = thrum_pq_connect(thrum_arg(self, const char *), THRUM_FOREVER, &connection, &error);
    CHECK_INT(error.code, ==, rc);
    return rc;
}

TEST(a_cancellation_ends_the_wait_for_a_server_that_says_nothing)
{
    char conninfo[100];
    thrum_socket *peer, *listener = silent(conninfo, sizeof conninfo);
    thrum_thread *task = thrum_thread_start(connect_for_ever, thrum_value(const char *, conninfo));
    CHECK_INT(thrum_socket_accept(listener, &peer, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_thread_cancel(task), ==, 0);
    JOIN(task, -ECANCELED);
    thrum_socket_free(peer);
    thrum_socket_free(listener);
}

/* --------------------------------------------------------------------------------------- queries */

TEST(parameters_are_sent_and_null_is_one)
{
    struct world world;
    begin(&world);
    PGconn *connection = connect_to(&world);
    const char *values[] = {"one", NULL};
    PGresult *result = NULL;
    CHECK_INT(thrum_pq_query_params(connection, "ok", 2, values, THRUM_FOREVER, &result), ==, 0);
    CHECK_INT(PQresultStatus(result), ==, PGRES_COMMAND_OK);
    PQclear(result);
    CHECK_INT(thrum_pq_query_params(connection, "ok", -1, values, THRUM_FOREVER, &result), ==,
              -EINVAL);
    CHECK_INT(thrum_pq_query_params(connection, "ok", 2, values, THRUM_NOW, &result), ==, -EAGAIN);
    CHECK_INT(status_of(connection, "ok"), ==, PGRES_COMMAND_OK);
    PQfinish(connection);
    end(&world);
}

TEST(a_query_that_may_not_wait_is_not_sent)
{
    struct world world;
    begin(&world);
    PGconn *connection = connect_to(&world);
    CHECK_INT(code_of(connection, "slow", THRUM_NOW), ==, -EAGAIN);
    CHECK_INT(status_of(connection, "ok"), ==, PGRES_COMMAND_OK);
    CHECK_INT(thrum__load_acquire(&world.server.queries), ==, 1);
    PQfinish(connection);
    end(&world);
}

TEST(a_connection_that_the_server_ends_is_told)
{
    struct world world;
    begin(&world);
    PGconn *connection = connect_to(&world);
    PGnotify *notify = NULL;
    CHECK_INT(code_of(connection, "die", THRUM_FOREVER), ==, -EPIPE);
    CHECK(strlen(PQerrorMessage(connection)) > 0);
    CHECK_INT(code_of(connection, "ok", THRUM_FOREVER), ==, -EPIPE);
    CHECK_INT(thrum_pq_cancel(connection, THRUM_FOREVER), ==, -EPIPE);
    CHECK_INT(thrum_pq_notify_get(connection, THRUM_FOREVER, &notify), ==, -EPIPE);
    PQfinish(connection);
    end(&world);
}

TEST(a_copy_is_refused)
{
    struct world world;
    begin(&world);
    PGconn *connection = connect_to(&world);
    CHECK_INT(code_of(connection, "copy", THRUM_FOREVER), ==, -EOPNOTSUPP);
    CHECK_INT(code_of(connection, "ok", THRUM_FOREVER), ==, -EBUSY);
    PQfinish(connection);
    end(&world);
}

TEST(a_notification_is_waited_for)
{
    struct world world;
    begin(&world);
    PGconn *connection = connect_to(&world);
    PGnotify *notify = NULL;
    CHECK_INT(thrum_pq_notify_get(connection, THRUM_NOW, &notify), ==, -EAGAIN);
    CHECK_INT(thrum_pq_notify_get(connection, thrum_in(0.01), &notify), ==, -ETIMEDOUT);
    CHECK_INT(status_of(connection, "notify"), ==, PGRES_COMMAND_OK);
    CHECK_INT(thrum_pq_notify_get(connection, THRUM_FOREVER, &notify), ==, 0);
    CHECK_STR(notify->relname, "news");
    CHECK_STR(notify->extra, "good");
    PQfreemem(notify);
    PQfinish(connection);
    end(&world);
}

/* More than the buffers between the two take. */
TEST(a_deadline_ends_the_sending_to_a_server_that_does_not_read)
{
    struct world world;
    begin(&world);
    thrum__store_release(&world.server.deaf, 1);
    PGconn *connection = connect_to(&world);
    size_t size = 64 << 20;
    char *text = malloc(size);
    CHECK(text != NULL);
    memset(text, ' ', size);
    text[size - 1] = 0;
    CHECK_INT(code_of(connection, text, thrum_in(0.02)), ==, -ETIMEDOUT);
    CHECK_INT(thrum_pq_cancel(connection, thrum_in(0.02)), ==, -ETIMEDOUT);
    CHECK_INT(thrum__load_acquire(&world.server.requests), ==, 0);
    free(text);
    PQfinish(connection);
    thrum_event_set(&world.server.let_go);
    end(&world);
}

/* -------------------------------------------------------------------------------------- stopping */

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
    CHECK_INT(thrum__load_acquire(&world.server.requests), ==, 3);
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
        CHECK_INT(thrum_pq_connect(world.conninfo, THRUM_FOREVER, &another, &error), ==, -ENOMEM);
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

/* libpq opens this file in its first step, and that waits until somebody opens it to write. */
static const char *pipe_as_service_file(void)
{
    static char path[64];
    snprintf(path, sizeof path, "/tmp/thrum-test-pq-%d", (int)getpid());
    CHECK_INT(mkfifo(path, 0600), ==, 0);
    CHECK_INT(setenv("PGSERVICEFILE", path, 1), ==, 0);
    return path;
}

/* Lets those go on who open it to read. */
static void release_pipe(const char *path)
{
    int descriptor;
    UNTIL((descriptor = open(path, O_WRONLY | O_NONBLOCK)) >= 0);
    close(descriptor);
}

TEST(a_fiber_does_not_wait_for_a_step_that_hangs)
{
    FIBERS_ONLY;
    const char *path = pipe_as_service_file();
    PGconn *connection = NULL;
    CHECK_INT(thrum_pq_connect("service=x", thrum_in(0.05), &connection, NULL), ==, -ETIMEDOUT);
    CHECK(connection == NULL);
    release_pipe(path);
    unlink(path);
}

TEST(a_step_that_no_helper_has_begun_is_withdrawn)
{
    FIBERS_ONLY;
    CHECK_INT(setenv("THRUM_BLOCKING_THREADS", "1", 1), ==, 0);
    const char *path = pipe_as_service_file();
    PGconn *connection = NULL;
    CHECK_INT(thrum_pq_connect("service=x", thrum_in(0.05), &connection, NULL), ==, -ETIMEDOUT);
    CHECK_INT(thrum_pq_connect("host=127.0.0.1 port=1", thrum_in(0.05), &connection, NULL), ==,
              -ETIMEDOUT);
    release_pipe(path);
    unlink(path);
    CHECK_INT(thrum_pq_connect("host=127.0.0.1 port=1", THRUM_FOREVER, &connection, NULL), ==,
              -ECONNREFUSED);
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
    CHECK_INT(thrum_pq_connect(conninfo, THRUM_FOREVER, &connection, &error), ==, -EAGAIN);
    CHECK_INT(error.code, ==, -EAGAIN);
    thrum__fault_arm(THRUM__FAULT_THREAD_START, 1, 0);
    for (uint32_t failing = 1; rc == -ENOMEM; failing++) {
        thrum__fault_arm(THRUM__FAULT_ALLOC, failing, 1);
        rc = thrum_pq_connect(conninfo, THRUM_FOREVER, &connection, &error);
        CHECK_INT(error.code, ==, rc);
    }
    thrum__fault_arm(THRUM__FAULT_ALLOC, 1, 0);
    CHECK_INT(rc, ==, -ECONNREFUSED);
    CHECK(connection == NULL);
}
