/* The same against PostgreSQL itself, at $POSTGRES_URL. */
#include "../carrier.h"

#include <stdio.h>
#include <thrum_pq.h>

enum { QUERIES = 50 };

static PGconn *connect_here(void)
{
    const char *url = getenv("POSTGRES_URL");
    PGconn *connection = NULL;
    thrum_error error = {0};
    CHECK(url != NULL);
    CHECK_INT(thrum_pq_connect(url, &connection, &error, THRUM_FOREVER), ==, 0);
    CHECK_STR(error.message, "");
    return connection;
}

/* Runs a query that is to give one row, and copies its first column. */
static const char *value_of(PGconn *connection, const char *sql, char *ret_text, size_t size)
{
    PGresult *result = NULL;
    CHECK_INT(thrum_pq_query(connection, sql, &result, THRUM_FOREVER), ==, 0);
    CHECK_INT(PQresultStatus(result), ==, PGRES_TUPLES_OK);
    CHECK_INT(PQntuples(result), ==, 1);
    snprintf(ret_text, size, "%s", PQgetvalue(result, 0, 0));
    PQclear(result);
    return ret_text;
}

static int sleep_there(thrum_task *self)
{
    char text[20];
    (void)self;
    PGconn *connection = connect_here();
    CHECK_STR(value_of(connection, "SELECT pg_sleep(0.05)", text, sizeof text), "");
    PQfinish(connection);
    return 0;
}

TEST_DEADLINE(fifty_queries_wait_at_once, 60)
{
    thrum_thread *tasks[QUERIES];
    for (int i = 0; i < QUERIES; i++)
        tasks[i] = thrum_thread_start(sleep_there, THRUM_NOTHING);
    for (int i = 0; i < QUERIES; i++)
        JOIN(tasks[i], 0);
}

/* Waits, in the server, for what the test holds: were there one that held up its worker, the test
 * would never see all of them wait. */
static int wait_for_lock(thrum_task *self)
{
    char text[20];
    (void)self;
    PGconn *connection = connect_here();
    CHECK_STR(value_of(connection, "SELECT pg_advisory_lock(1)", text, sizeof text), "");
    PQfinish(connection);
    return 0;
}

TEST_DEADLINE(a_query_that_waits_for_another_holds_nobody_up, 60)
{
    char text[20];
    thrum_thread *tasks[QUERIES];
    PGconn *holder = connect_here();
    CHECK_STR(value_of(holder, "SELECT pg_advisory_lock(1)", text, sizeof text), "");
    for (int i = 0; i < QUERIES; i++)
        tasks[i] = thrum_thread_start(wait_for_lock, THRUM_NOTHING);
    PGconn *other = connect_here();
    const char *waiting =
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted";
    UNTIL(strcmp(value_of(other, waiting, text, sizeof text), "50") == 0);
    PQfinish(other);
    PQfinish(holder);
    for (int i = 0; i < QUERIES; i++)
        JOIN(tasks[i], 0);
}

TEST(a_mistake_in_a_statement_is_told_by_the_result)
{
    PGconn *connection = connect_here();
    PGresult *result = NULL;
    CHECK_INT(thrum_pq_query(connection, "SELEC 1", &result, THRUM_FOREVER), ==, 0);
    CHECK_INT(PQresultStatus(result), ==, PGRES_FATAL_ERROR);
    CHECK_STR(PQresultErrorField(result, PG_DIAG_SQLSTATE), "42601");
    PQclear(result);
    char text[20];
    CHECK_STR(value_of(connection, "SELECT 1; SELECT 2", text, sizeof text), "2");
    PQfinish(connection);
}

TEST(parameters_take_their_places)
{
    PGconn *connection = connect_here();
    PGresult *result = NULL;
    const char *values[] = {"it's", NULL};
    CHECK_INT(thrum_pq_query_params(connection, "SELECT $1 || '!', $2::text", 2, values, &result,
                                    THRUM_FOREVER),
              ==, 0);
    CHECK_STR(PQgetvalue(result, 0, 0), "it's!");
    CHECK(PQgetisnull(result, 0, 1));
    PQclear(result);
    PQfinish(connection);
}

/* Many times the size of any buffer on the way, in both directions. */
TEST(what_is_large_comes_and_goes_whole)
{
    enum { SIZE = 20000000 };
    PGconn *connection = connect_here();
    PGresult *result = NULL;
    char *text = malloc(SIZE + 1);
    CHECK(text != NULL);
    for (int i = 0; i < SIZE; i++)
        text[i] = (char)('a' + i % 23);
    text[SIZE] = 0;
    CHECK_INT(thrum_pq_query_params(connection, "SELECT $1", 1, (const char *[]){text}, &result,
                                    THRUM_FOREVER),
              ==, 0);
    CHECK_INT(PQgetlength(result, 0, 0), ==, SIZE);
    CHECK(memcmp(PQgetvalue(result, 0, 0), text, SIZE) == 0);
    PQclear(result);
    free(text);
    PQfinish(connection);
}

TEST(a_query_is_stopped_and_the_connection_lives)
{
    PGconn *connection = connect_here();
    char text[20];
    PGresult *result = NULL;
    for (int i = 0; i < 20; i++) {
        CHECK_INT(
            thrum_pq_query(connection, "SELECT pg_sleep(1000)", &result, thrum_in(0.0005 * i)), ==,
            -ETIMEDOUT);
        CHECK_INT(thrum_pq_query(connection, "SELECT 1", &result, THRUM_FOREVER), ==, -EBUSY);
        CHECK_INT(thrum_pq_cancel(connection, THRUM_FOREVER), ==, 0);
        CHECK_STR(value_of(connection, "SELECT 3", text, sizeof text), "3");
    }
    PQfinish(connection);
}

/* The end of the query and the request to stop it meet in every way; the next query is not hit. */
TEST(a_request_to_stop_that_comes_too_late_hits_nobody)
{
    PGconn *connection = connect_here();
    char text[20];
    for (int i = 0; i < 40; i++) {
        PGresult *result = NULL;
        int rc =
            thrum_pq_query(connection, "SELECT pg_sleep(0.004)", &result, thrum_in(0.0002 * i));
        CHECK(rc == 0 || rc == -ETIMEDOUT);
        PQclear(result);
        CHECK_INT(thrum_pq_cancel(connection, THRUM_FOREVER), ==, 0);
        CHECK_STR(value_of(connection, "SELECT pg_sleep(0.001)", text, sizeof text), "");
    }
    PQfinish(connection);
}

TEST(a_notification_of_another_connection_comes)
{
    PGconn *hearer = connect_here(), *teller = connect_here();
    PGresult *result = NULL;
    PGnotify *notify = NULL;
    CHECK_INT(thrum_pq_query(hearer, "LISTEN news", &result, THRUM_FOREVER), ==, 0);
    PQclear(result);
    CHECK_INT(thrum_pq_notify_get(hearer, &notify, thrum_in(0.01)), ==, -ETIMEDOUT);
    CHECK_INT(thrum_pq_query(teller, "NOTIFY news, 'rain'", &result, THRUM_FOREVER), ==, 0);
    PQclear(result);
    CHECK_INT(thrum_pq_notify_get(hearer, &notify, THRUM_FOREVER), ==, 0);
    CHECK_STR(notify->extra, "rain");
    PQfreemem(notify);
    PQfinish(hearer);
    PQfinish(teller);
}

TEST(a_connection_that_the_server_ended_is_told)
{
    PGconn *connection = connect_here(), *other = connect_here();
    PGresult *result = NULL;
    char sql[100], text[20];
    snprintf(sql, sizeof sql, "SELECT pg_terminate_backend(%d)", PQbackendPID(connection));
    CHECK_STR(value_of(other, sql, text, sizeof text), "t");
    CHECK_INT(thrum_pq_query(connection, "SELECT 1", &result, THRUM_FOREVER), ==, -EPIPE);
    CHECK(result == NULL);
    PQfinish(connection);
    PQfinish(other);
}
