#include "carrier.h"
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
    pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = workers});
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
                            .results = results,
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
        thrum_yield();
    thrum__sub_relaxed(&in_flight, 1);
    return thrum_return(self, thrum_value(int, (n * n)));
}

static void map_squares(thrum_task_fn *square, size_t count, size_t window, size_t chunk)
{
    int *in = calloc(count, sizeof *in), *out = calloc(count, sizeof *out);
    CHECK(in && out);
    for (size_t i = 0; i < count; i++)
        in[i] = (int)i;
    CHECK_INT(thrum_map(pool, square,
                        &(thrum_map_options){
                            .count = count,
                            .args = in,
                            .arg_size = sizeof *in,
                            .results = out,
                            .result_size = sizeof *out,
                            .window = window,
                            .chunk = chunk,
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
    map_squares(square_slowly, 1000, 0, 0);
    map_squares(square_slowly, 1, 0, 0);
    map_squares(square_slowly, 0, 0, 0);
    thrum__store_relaxed(&most, 0);
    map_squares(square_slowly, 500, 2, 0);
    CHECK_INT(most, <=, 2);
    map_squares(square_slowly, 500, 1, 0);
    map_squares(square_slowly, 100, 1000000, 0);
    thrum_executor_shutdown(pool);
}

TEST(inline_maps_too)
{
    pool = thrum_inline_new();
    map_squares(square_slowly, 100, 0, 0);
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
                            .results = out,
                            .result_size = sizeof out[0],
                            .ret_error = &error,
                            .ret_failed = &failed,
                        }),
              ==, THRUM_FAILED);
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
                            .results = out,
                            .result_size = 1,
                        }),
              ==, -EMSGSIZE);
    thrum_executor_shutdown(pool);
}

static int square_short(thrum_task *self)
{
    int n = thrum_arg(self, int);
    thrum__add_relaxed(&ran, 1);
    return thrum_return(self, thrum_value(int, (n * n)));
}

TEST(chunks_give_the_same_results)
{
    enum { COUNT = 1003 };
    make_pool(3);
    for (size_t chunk = 1; chunk <= 2 * COUNT; chunk = chunk * 3 + 1)
        map_squares(square_short, COUNT, 0, chunk);
    thrum_executor_shutdown(pool);
}

TEST(a_failure_inside_of_a_chunk_keeps_what_was_before)
{
    int in[8] = {0, 1, 2, 4, 3, 6, 7, 8}, out[8] = {0};
    thrum_error error = {0};
    size_t failed = 0;
    make_pool(2);
    CHECK_INT(thrum_map(pool, fail_on_some,
                        &(thrum_map_options){
                            .count = 8,
                            .args = in,
                            .arg_size = sizeof in[0],
                            .results = out,
                            .result_size = sizeof out[0],
                            .chunk = 3,
                            .ret_error = &error,
                            .ret_failed = &failed,
                        }),
              ==, THRUM_FAILED);
    CHECK_INT(failed, ==, 4);
    CHECK_STR(error.message, "Bad input: 3");
    CHECK(out[1] == 10 && out[2] == 20 && out[3] == 40 && out[4] == 0);
    thrum_executor_shutdown(pool);
}

TEST(an_iterator_gives_one_result_after_another)
{
    int in[50], out;
    for (int i = 0; i < 50; i++)
        in[i] = i;
    make_pool(2);
    for (size_t chunk = 0; chunk < 8; chunk += 3) {
        thrum_mapping *mapping = thrum_mapping_new(pool, square_short,
                                                   &(thrum_map_options){
                                                       .count = 50,
                                                       .args = in,
                                                       .arg_size = sizeof in[0],
                                                       .result_size = sizeof out,
                                                       .window = 3,
                                                       .chunk = chunk,
                                                   });
        for (int i = 0; i < 50; i++) {
            CHECK_INT(thrum_mapping_index(mapping), ==, i);
            CHECK_INT(thrum_mapping_next(mapping, i == 7 ? NULL : &out, THRUM_FOREVER), ==, 0);
            if (i != 7)
                CHECK_INT(out, ==, i * i);
        }
        CHECK_INT(thrum_mapping_next(mapping, &out, THRUM_FOREVER), ==, -ENODATA);
        CHECK(thrum_mapping_error(mapping) == NULL);
        thrum_mapping_free(mapping);
    }
    thrum_mapping_free(NULL);
    thrum_executor_shutdown(pool);
}

TEST(an_iterator_stops_at_a_failure_or_early_or_waits_again)
{
    int in[50], out;
    for (int i = 0; i < 50; i++)
        in[i] = i;
    thrum_map_options items = {
        .count = 50, .args = in, .arg_size = sizeof in[0], .result_size = sizeof out, .window = 4};
    make_pool(2);
    thrum_mapping *mapping = thrum_mapping_new(pool, fail_on_some, &items);
    for (int i = 0; i < 3; i++)
        CHECK_INT(thrum_mapping_next(mapping, &out, THRUM_FOREVER), ==, 0);
    CHECK_OUTCOME(thrum_mapping_next(mapping, &out, THRUM_FOREVER), thrum_mapping_error(mapping),
                  -EINVAL);
    CHECK_STR(thrum_mapping_error(mapping)->message, "Bad input: 3");
    CHECK_INT(thrum_mapping_index(mapping), ==, 3);
    CHECK_INT(thrum_mapping_next(mapping, &out, THRUM_FOREVER), ==, -ENODATA);
    thrum_mapping_free(mapping);
    mapping = thrum_mapping_new(pool, fail_on_some, &items);
    CHECK_INT(thrum_mapping_next(mapping, &out, THRUM_FOREVER), ==, 0);
    thrum_mapping_free(mapping); /* early */
    mapping = thrum_mapping_new(pool, wait_for_go, &(thrum_map_options){.count = 2});
    CHECK_INT(thrum_mapping_next(mapping, NULL, THRUM_NOW), ==, -EAGAIN);
    CHECK_INT(thrum_mapping_next(mapping, NULL, thrum_in(0.002)), ==, -ETIMEDOUT);
    thrum_event_set(&go);
    CHECK_INT(thrum_mapping_next(mapping, NULL, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_mapping_next(mapping, NULL, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_mapping_next(mapping, NULL, THRUM_FOREVER), ==, -ENODATA);
    thrum_mapping_free(mapping);
    thrum_executor_shutdown(pool);
}
