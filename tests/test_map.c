#include "harness.h"
#include "support.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

static thrum_executor *pool;
static uint32_t in_flight, most, ran;
static thrum_event go;

static void make_pool(int workers)
{
    pool = thrum_thread_pool_new(&(thrum_pool_options){.max_workers = workers});
}

struct word {
    char text[16];
};

static int upper(thrum_task *self)
{
    struct word word = thrum_arg(self, struct word);
    for (char *c = word.text; *c; c++)
        *c = (char)toupper((unsigned char)*c);
    return thrum_return(self, &word, sizeof word);
}

TEST(results_stand_in_input_order)
{
    static const struct word words[] = {{"apple"}, {"banana"}, {"cherry"}, {"date"}};
    struct word results[4];
    make_pool(4);
    CHECK_INT(thrum_map(pool, upper,
                        &(thrum_map_options){
                            .count = 4,
                            .args = words,
                            .arg_size = sizeof words[0],
                            .ret_results = results,
                            .result_size = sizeof results[0],
                        }),
              ==, 0);
    CHECK_STR(results[0].text, "APPLE");
    CHECK_STR(results[1].text, "BANANA");
    CHECK_STR(results[2].text, "CHERRY");
    CHECK_STR(results[3].text, "DATE");
    thrum_executor_shutdown(pool);
}

static int square_slowly(thrum_task *self)
{
    int n = thrum_arg(self, int);
    uint32_t now = thrum__add_relaxed(&in_flight, 1) + 1;
    uint32_t seen = thrum__load_relaxed(&most);
    while (now > seen && !thrum__cas_relaxed(&most, &seen, now))
        ;
    for (int i = 0; i < n % 7; i++)
        sched_yield();
    thrum__sub_relaxed(&in_flight, 1);
    return thrum_return(self, thrum_value(int, (n * n)));
}

static void map_squares(size_t count, size_t window)
{
    int *in = calloc(count, sizeof *in), *out = calloc(count, sizeof *out);
    CHECK(in && out);
    for (size_t i = 0; i < count; i++)
        in[i] = (int)i;
    CHECK_INT(thrum_map(pool, square_slowly,
                        &(thrum_map_options){
                            .count = count,
                            .args = in,
                            .arg_size = sizeof *in,
                            .ret_results = out,
                            .result_size = sizeof *out,
                            .window = window,
                        }),
              ==, 0);
    for (size_t i = 0; i < count; i++)
        CHECK_INT(out[i], ==, (int)(i * i));
    free(in);
    free(out);
}

TEST(the_window_bounds_what_is_in_flight)
{
    make_pool(4);
    map_squares(1000, 0);
    map_squares(1, 0);
    map_squares(0, 0);
    thrum__store_relaxed(&most, 0);
    map_squares(500, 2);
    CHECK_INT(most, <=, 2);
    map_squares(500, 1);
    map_squares(100, 1000000);
    thrum_executor_shutdown(pool);
}

TEST(inline_maps_too)
{
    pool = thrum_inline_new();
    map_squares(100, 0);
    thrum_executor_shutdown(pool);
}

static int fail_on_some(thrum_task *self)
{
    int n = thrum_arg(self, int);
    thrum__add_relaxed(&ran, 1);
    if (n == 3 || n == 5)
        return thrum_fail(self, -EINVAL, "Bad input: %d", n);
    return thrum_return(self, thrum_value(int, n * 10));
}

TEST(the_first_failure_in_input_order_ends_it)
{
    enum { COUNT = 1000 };
    static int in[COUNT], out[COUNT];
    for (int i = 0; i < COUNT; i++)
        in[i] = i;
    make_pool(4);
    thrum_error error = {0};
    size_t failed = 0;
    CHECK_INT(thrum_map(pool, fail_on_some,
                        &(thrum_map_options){
                            .count = COUNT,
                            .args = in,
                            .arg_size = sizeof in[0],
                            .ret_results = out,
                            .result_size = sizeof out[0],
                            .ret_error = &error,
                            .ret_failed = &failed,
                        }),
              ==, -EINVAL);
    CHECK_INT(failed, ==, 3);
    CHECK_INT(error.code, ==, -EINVAL);
    CHECK_STR(error.message, "Bad input: 3");
    CHECK(out[0] == 0 && out[1] == 10 && out[2] == 20 && out[3] == 0);
    thrum_executor_shutdown(pool);
    CHECK_INT(ran, <, 4 + 4 * 4 + 1); /* what was in the window, and no more */
}

static int wait_for_go(thrum_task *self)
{
    (void)self;
    return thrum_event_wait(&go, THRUM_FOREVER);
}

TEST(a_deadline_ends_it_and_stops_what_runs)
{
    make_pool(2);
    thrum_error error = {0};
    size_t failed = 99;
    CHECK_INT(thrum_map(pool, wait_for_go,
                        &(thrum_map_options){
                            .count = 10,
                            .deadline = thrum_in(0.01),
                            .ret_error = &error,
                            .ret_failed = &failed,
                        }),
              ==, -ETIMEDOUT);
    CHECK_INT(failed, ==, 0);
    CHECK_STR(error.message, "timed out");
    thrum_executor_shutdown(pool); /* ends, as the tasks were asked to stop */
}

TEST(results_of_another_size_are_refused)
{
    make_pool(1);
    char out[4];
    int in[4] = {1, 2, 4, 6};
    CHECK_INT(thrum_map(pool, fail_on_some,
                        &(thrum_map_options){
                            .count = 4,
                            .args = in,
                            .arg_size = sizeof in[0],
                            .ret_results = out,
                            .result_size = 1,
                        }),
              ==, -EMSGSIZE);
    thrum_executor_shutdown(pool);
}
