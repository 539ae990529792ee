/* Requests by libcurl, from threads, from fibers, and from both at once (carrier.h). */
#include "support_curl.h"
#include "untouched.h"

#include <stdlib.h>
#include <sys/resource.h>

static int fetch_now(thrum_task *self)
{
    (void)self;
    return fetch("/now");
}

static int fetch_held(thrum_task *self)
{
    (void)self;
    return fetch("/held");
}

static int fetch_held_briefly(thrum_task *self)
{
    size_t bytes;
    return fetch_until("/held", thrum_in(thrum_arg(self, double)), &bytes);
}

/* Starts a request that is held, and waits until the server has it. */
static thrum_thread *start_held(thrum_task_fn *function, const void *arg, size_t size)
{
    uint32_t before = thrum__load_acquire(&server.held);
    thrum_thread *thread = thrum_thread_start(function, arg, size);
    UNTIL(thrum__load_acquire(&server.held) == before + 1);
    return thread;
}

TEST(a_request_gives_the_page)
{
    set_up();
    CHECK_INT(fetch("/now"), ==, CURLE_OK);
    CHECK_INT(fetch("/big"), ==, CURLE_OK);
    CHECK_INT(thrum__load_acquire(&server.connections), ==, 1); /* it was kept */
    tear_down();
}

TEST(a_code_may_be_dropped_and_a_handle_used_again)
{
    size_t bytes;
    set_up();
    CURL *easy = handle_for("/now", &bytes);
    CHECK_INT(thrum_curl_perform(client, easy, NULL, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_curl_perform(client, easy, NULL, thrum_in(60)), ==, 0);
    CHECK_INT(bytes, ==, 10);
    CHECK_INT(curl_easy_perform(easy), ==, CURLE_OK);
    CHECK_INT(thrum_curl_perform(client, easy, NULL, THRUM_FOREVER), ==, 0);
    CHECK_INT(bytes, ==, 20);
    curl_easy_cleanup(easy);
    tear_down();
}

TEST_DEADLINE(requests_at_once_are_all_in_the_server, 120)
{
    enum { MOST = 1000, OF_THREADS = 100 };
    int count = carrier_is("threads") ? OF_THREADS : MOST;
    thrum_thread *threads[MOST];
    struct rlimit descriptors;
    CHECK_INT(getrlimit(RLIMIT_NOFILE, &descriptors), ==, 0);
    descriptors.rlim_cur = descriptors.rlim_max;
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &descriptors), ==, 0);
    set_up();
    for (int i = 0; i < count; i++)
        threads[i] = thrum_thread_start(fetch_held, THRUM_NOTHING);
    UNTIL(thrum__load_acquire(&server.held) == (uint32_t)count);
    thrum_event_set(&server.gate);
    for (int i = 0; i < count; i++)
        JOIN(threads[i], CURLE_OK);
    tear_down();
}

static int fetch_many(thrum_task *self)
{
    int rc = 0;
    for (int i = thrum_arg(self, int); i > 0 && rc == 0; i--)
        rc = fetch(i % 10 ? "/now" : "/big");
    return rc;
}

TEST_DEADLINE(requests_one_after_another_by_many_all_end, 120)
{
    enum { CALLERS = 16, EACH = 30 };
    thrum_thread *threads[CALLERS];
    set_up_with(&(thrum_curl_options){.max_idle = CALLERS});
    for (int i = 0; i < CALLERS; i++)
        threads[i] = thrum_thread_start(fetch_many, thrum_value(int, EACH));
    for (int i = 0; i < CALLERS; i++)
        JOIN(threads[i], CURLE_OK);
    CHECK_INT(thrum__load_acquire(&server.connections), <=, CALLERS);
    tear_down();
}

TEST(a_deadline_takes_the_request_out)
{
    size_t bytes;
    set_up();
    CHECK_INT(fetch_until("/held", thrum_in(0.01), &bytes), ==, -ETIMEDOUT);
    CHECK_INT(fetch_until("/held", THRUM_NOW, &bytes), ==, -EAGAIN);
    CHECK_INT(fetch("/now"), ==, CURLE_OK);
    tear_down();
}

TEST(a_leader_whose_deadline_passes_hands_over)
{
    set_up();
    thrum_thread *leader = start_held(fetch_held_briefly, thrum_value(double, 0.3));
    thrum_thread *follower = start_held(fetch_held, THRUM_NOTHING);
    thrum_thread *another = start_held(fetch_held, THRUM_NOTHING);
    JOIN(leader, -ETIMEDOUT);
    thrum_event_set(&server.gate);
    JOIN(follower, CURLE_OK);
    JOIN(another, CURLE_OK);
    tear_down();
}

TEST(a_follower_whose_deadline_passes_leaves_the_others)
{
    set_up();
    thrum_thread *leader = start_held(fetch_held, THRUM_NOTHING);
    thrum_thread *follower = start_held(fetch_held_briefly, thrum_value(double, 0.1));
    JOIN(follower, -ETIMEDOUT);
    thrum_event_set(&server.gate);
    JOIN(leader, CURLE_OK);
    tear_down();
}

TEST(a_leader_that_is_cancelled_hands_over)
{
    set_up();
    thrum_thread *leader = start_held(fetch_held, THRUM_NOTHING);
    thrum_thread *follower = start_held(fetch_held, THRUM_NOTHING);
    thrum_thread *another = start_held(fetch_held, THRUM_NOTHING);
    CHECK_INT(thrum_thread_cancel(leader), ==, 0);
    JOIN(leader, -ECANCELED);
    CHECK_INT(fetch("/now"), ==, CURLE_OK);
    thrum_event_set(&server.gate);
    JOIN(follower, CURLE_OK);
    JOIN(another, CURLE_OK);
    tear_down();
}

TEST(a_follower_that_is_cancelled_leaves_the_others)
{
    set_up();
    thrum_thread *leader = start_held(fetch_held, THRUM_NOTHING);
    thrum_thread *follower = start_held(fetch_held, THRUM_NOTHING);
    CHECK_INT(thrum_thread_cancel(follower), ==, 0);
    JOIN(follower, -ECANCELED);
    thrum_event_set(&server.gate);
    JOIN(leader, CURLE_OK);
    tear_down();
}

/* One who is told to lead may be gone by then, or about to go. */
TEST_DEADLINE(the_lead_is_not_lost_when_many_leave_at_once, 120)
{
    enum { ROUNDS = 30, CALLERS = 12 };
    set_up();
    for (int round = 0; round < ROUNDS; round++) {
        thrum_thread *threads[CALLERS];
        thrum_event_clear(&server.gate);
        for (int i = 0; i < CALLERS; i++)
            threads[i] = thrum_thread_start(i % 3 ? fetch_held : fetch_now, THRUM_NOTHING);
        if (round % 2)
            UNTIL(thrum__load_acquire(&server.held) > 0);
        for (int i = 0; i < CALLERS; i++)
            if ((i + round) % 4)
                thrum_thread_cancel(threads[i]);
        thrum_event_set(&server.gate);
        for (int i = 0; i < CALLERS; i++) {
            int rc = OUTCOME_CODE(thrum_thread_join(threads[i], THRUM_FOREVER),
                                  thrum_thread_error(threads[i]));
            CHECK(rc == CURLE_OK || (rc == -ECANCELED && (i + round) % 4));
            thrum_thread_free(threads[i]);
        }
    }
    tear_down();
}

TEST(a_server_that_resets_is_told_by_libcurls_code)
{
    set_up();
    int rc = fetch("/reset");
    CHECK(rc == CURLE_RECV_ERROR || rc == CURLE_GOT_NOTHING);
    CHECK_INT(fetch("/now"), ==, CURLE_OK);
    thrum_socket_close(server.listener);
    UNTIL(thrum_future_done(server.accepting)); /* its number is given back by then */
    thrum_curl_free(client);                    /* and with it the connection that is kept */
    CHECK_INT(thrum_curl_new(NULL, &client), ==, 0);
    CHECK_INT(fetch("/now"), ==, CURLE_COULDNT_CONNECT);
    tear_down();
}

TEST(a_handle_that_is_in_use_is_refused)
{
    size_t bytes;
    set_up();
    CURL *easy = handle_for("/now", &bytes);
    CURLM *other = curl_multi_init();
    CHECK_INT(curl_multi_add_handle(other, easy), ==, CURLM_OK);
    FAILS(thrum_curl_perform(client, easy, FIRST, THRUM_FOREVER), -EBUSY);
    CHECK_INT(curl_multi_remove_handle(other, easy), ==, CURLM_OK);
    CHECK_INT(thrum_curl_perform(client, easy, NULL, THRUM_FOREVER), ==, 0);
    FAILS(thrum_curl_perform(client, NULL, FIRST, THRUM_FOREVER), -EINVAL);
    curl_multi_cleanup(other);
    curl_easy_cleanup(easy);
    tear_down();
}

TEST(no_more_connections_are_made_than_allowed)
{
    enum { CALLERS = 9 };
    thrum_thread *threads[CALLERS];
    set_up_with(&(thrum_curl_options){.max_connections = 3, .max_per_host = 2, .max_idle = 1});
    for (int i = 0; i < CALLERS; i++)
        threads[i] = thrum_thread_start(fetch_held, THRUM_NOTHING);
    UNTIL(thrum__load_acquire(&server.held) == 2);
    thrum_event_set(&server.gate);
    for (int i = 0; i < CALLERS; i++)
        JOIN(threads[i], CURLE_OK);
    CHECK_INT(thrum__load_acquire(&server.most), ==, 2);
    tear_down();
}

/* One who waits for a connection gets it from one who leaves by himself, while the leader sleeps. */
TEST(one_who_gives_up_lets_the_next_in)
{
    set_up_with(&(thrum_curl_options){.max_connections = 2});
    thrum_thread *leader = start_held(fetch_held, THRUM_NOTHING);
    thrum_thread *follower = start_held(fetch_held, THRUM_NOTHING);
    thrum_thread *next = thrum_thread_start(fetch_now, THRUM_NOTHING);
    CHECK_INT(thrum_thread_cancel(follower), ==, 0);
    JOIN(follower, -ECANCELED);
    JOIN(next, CURLE_OK);
    thrum_event_set(&server.gate);
    JOIN(leader, CURLE_OK);
    tear_down();
}

TEST(libcurls_own_timeout_ends_a_request)
{
    size_t bytes;
    CURLcode code;
    set_up();
    CURL *easy = handle_for("/held", &bytes);
    CHECK_INT(curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 20L), ==, CURLE_OK);
    CHECK_INT(thrum_curl_perform(client, easy, &code, THRUM_FOREVER), ==, 0);
    CHECK_INT(code, ==, CURLE_OPERATION_TIMEDOUT);
    curl_easy_cleanup(easy);
    tear_down();
}

TEST_STOPS(a_client_that_is_in_use_cannot_be_freed, "1 requests of the client are under way")
{
    set_up();
    start_held(fetch_held, THRUM_NOTHING);
    thrum_curl_free(client);
}

TEST(no_client_can_be_freed)
{
    thrum_curl_free(NULL);
}
