/* Connections and queries to a server that the test plays itself. */
#include "support_pq.h"
#include "untouched.h"

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
    CHECK_INT(thrum_pq_connect("colour=blue", &connection, &error, THRUM_FOREVER), ==, -EINVAL);
    CHECK_INT(error.code, ==, -EINVAL);
    CHECK(strstr(error.message, "colour") != NULL);
    CHECK(strchr(error.message, '\n') == NULL);
    FAILS(thrum_pq_connect("colour=blue", FIRST, NULL, THRUM_FOREVER), -EINVAL);
    CHECK(connection == NULL);
}

TEST(a_port_where_nobody_listens_refuses)
{
    char conninfo[100];
    PGconn *connection = NULL;
    thrum_error error = {0};
    snprintf(conninfo, sizeof conninfo, "host=127.0.0.1 port=%d", dead_port());
    CHECK_INT(thrum_pq_connect(conninfo, &connection, &error, THRUM_FOREVER), ==, -ECONNREFUSED);
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
    CHECK_INT(thrum_pq_connect(conninfo, &connection, NULL, THRUM_FOREVER), ==, 0);
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
    CHECK_INT(thrum_pq_connect(conninfo, &connection, &error, thrum_in(0.02)), ==, -ETIMEDOUT);
    CHECK_STR(error.message, thrum_strerror(-ETIMEDOUT));
    CHECK_INT(thrum_pq_connect(conninfo, &connection, &error, THRUM_NOW), ==, -EAGAIN);
    CHECK_INT(error.code, ==, -EAGAIN);
    CHECK(connection == NULL);
    thrum_socket_free(listener);
}

static int connect_for_ever(thrum_task *self)
{
    PGconn *connection = NULL;
    thrum_error error = {0};
    int rc = thrum_pq_connect(thrum_arg(self, const char *), &connection, &error, THRUM_FOREVER);
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
    CHECK_INT(thrum_pq_query_params(connection, "ok", 2, values, &result, THRUM_FOREVER), ==, 0);
    CHECK_INT(PQresultStatus(result), ==, PGRES_COMMAND_OK);
    PQclear(result);
    FAILS(thrum_pq_query_params(connection, "ok", -1, values, FIRST, THRUM_FOREVER), -EINVAL);
    FAILS(thrum_pq_query_params(connection, "ok", 2, values, FIRST, THRUM_NOW), -EAGAIN);
    FAILS(thrum_pq_query(connection, "ok", FIRST, THRUM_NOW), -EAGAIN);
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
    CHECK_INT(code_of(connection, "die", THRUM_FOREVER), ==, -EPIPE);
    CHECK(strlen(PQerrorMessage(connection)) > 0);
    CHECK_INT(code_of(connection, "ok", THRUM_FOREVER), ==, -EPIPE);
    CHECK_INT(thrum_pq_cancel(connection, THRUM_FOREVER), ==, -EPIPE);
    FAILS(thrum_pq_notify_get(connection, FIRST, THRUM_FOREVER), -EPIPE);
    FAILS(thrum_pq_query(connection, "ok", FIRST, THRUM_FOREVER), -EPIPE);
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
    FAILS(thrum_pq_notify_get(connection, FIRST, THRUM_NOW), -EAGAIN);
    FAILS(thrum_pq_notify_get(connection, FIRST, thrum_in(0.01)), -ETIMEDOUT);
    CHECK_INT(status_of(connection, "notify"), ==, PGRES_COMMAND_OK);
    CHECK_INT(thrum_pq_notify_get(connection, &notify, THRUM_FOREVER), ==, 0);
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
