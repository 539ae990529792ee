/* Values that travel: texts, results of any size, and owned values, on every kind of carrier. */
#include "base/fault.h"
#include "harness.h"
#include "support.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <thrum/process_pool.h>

/* ------------------------------------------------------------------------------ the carriers */

enum { INLINE, POOL, FIBER, PROCESSES, KINDS };

static thrum_executor *make(int kind)
{
    thrum_executor *made =
        kind == INLINE  ? thrum_inline_new()
        : kind == POOL  ? thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 2})
        : kind == FIBER ? thrum_fiber_pool_new(&(thrum_fiber_pool_options){.max_workers = 2})
                        : thrum_process_pool_new(&(thrum_process_pool_options){.max_workers = 1});
    CHECK(made != NULL);
    return made;
}

/* A text of `length` letters, in memory of its own. */
static char *letters(size_t length)
{
    char *text = malloc(length + 1);
    CHECK(text != NULL);
    for (size_t i = 0; i < length; i++)
        text[i] = (char)('a' + i % 26);
    text[length] = '\0';
    return text;
}

static const size_t lengths[] = {0, 1, 7, 39, 40, 41, 447, 448, 5000, 1000000};
enum { LENGTHS = sizeof lengths / sizeof *lengths };

/* ------------------------------------------------------------------------------------- texts */

/* Gives the text back twice over. */
static int double_text(thrum_task *self)
{
    const char *text = thrum_arg_text(self);
    size_t length = strlen(text);
    CHECK_INT(thrum_task_arg_size(self), ==, length + 1);
    char *both = malloc(2 * length + 1);
    CHECK(both != NULL);
    memcpy(both, text, length);
    memcpy(both + length, text, length + 1);
    int rc = thrum_return(self, thrum_text(both));
    free(both);
    return rc;
}

static void check_doubled(char *got, const char *sent)
{
    size_t length = strlen(sent);
    CHECK_INT(strlen(got), ==, 2 * length);
    CHECK(memcmp(got, sent, length) == 0 && memcmp(got + length, sent, length) == 0);
    free(got);
}

TEST_DEADLINE(a_text_goes_to_a_task_and_back_on_every_executor, 60)
{
    for (int kind = 0; kind < KINDS; kind++) {
        thrum_executor *executor = make(kind);
        for (size_t i = 0; i < LENGTHS; i++) {
            char *sent = letters(lengths[i]), *got = NULL;
            thrum_future *future = thrum_submit(executor, double_text, thrum_text(sent));
            CHECK_INT(thrum_future_take_text(future, &got, THRUM_FOREVER), ==, 0);
            check_doubled(got, sent);
            thrum_future_free(future);
            future =
                thrum_submit_with(executor, &(thrum_submit_options){.deadline = thrum_in(1000)},
                                  double_text, thrum_text(sent));
            CHECK_INT(thrum_future_take_text(future, &got, THRUM_FOREVER), ==, 0);
            check_doubled(got, sent);
            thrum_future_free(future);
            free(sent);
        }
        thrum_executor_shutdown(executor);
    }
}

TEST(a_text_goes_to_a_thread_and_a_process_and_back)
{
    char *sent = letters(3000), *got;
    thrum_thread *thread = thrum_thread_start(double_text, thrum_text(sent));
    CHECK_INT(thrum_thread_take_text(thread, &got, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_thread_result_size(thread), ==, 6001);
    check_doubled(got, sent);
    CHECK_INT(thrum_thread_take_text(thread, &got, THRUM_FOREVER), ==, -ENODATA);
    thrum_thread_free(thread);

    thrum_process *process = thrum_process_start(double_text, thrum_text(sent));
    CHECK_INT(thrum_process_take_text(process, &got, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_process_result_size(process), ==, 6001);
    check_doubled(got, sent);
    CHECK_INT(thrum_process_take_text(process, &got, THRUM_FOREVER), ==, -ENODATA);
    CHECK_INT(thrum_process_join(process, THRUM_NOW), ==, 0);
    thrum_process_free(process);
    free(sent);
}

static int block_on_text(thrum_task *self)
{
    (void)self;
    char *got = NULL;
    CHECK_INT(thrum_blocking_take_text(double_text, thrum_text("ab"), &got, NULL, THRUM_FOREVER),
              ==, 0);
    CHECK_STR(got, "abab");
    free(got);
    char exact[5];
    CHECK_INT(
        thrum_blocking(double_text, thrum_text("ab"), exact, sizeof exact, NULL, THRUM_FOREVER), ==,
        0);
    CHECK_STR(exact, "abab");
    void *bytes = NULL;
    size_t size = 0;
    char *sent = letters(70000);
    CHECK_INT(
        thrum_blocking_take(double_text, thrum_text(sent), &bytes, &size, NULL, THRUM_FOREVER), ==,
        0);
    CHECK_INT(size, ==, 140001);
    check_doubled(bytes, sent);
    free(sent);
    return 0;
}

TEST(blocking_calls_take_and_give_texts_in_threads_and_fibers)
{
    CHECK_INT(thrum_run(block_on_text, THRUM_NOTHING), ==, 0);
    thrum_thread *thread = thrum_thread_start(block_on_text, THRUM_NOTHING);
    CHECK_INT(thrum_thread_join(thread, THRUM_FOREVER), ==, 0);
    thrum_thread_free(thread);
}

static int read_text(thrum_task *self)
{
    return thrum_return(self, thrum_text(thrum_arg_text(self)));
}

TEST_STOPS(an_argument_that_is_no_text_stops_the_program, "takes a text, but was given 4 bytes")
{
    thrum_executor *executor = make(INLINE);
    thrum_future_free(thrum_submit(executor, read_text, thrum_value(int, 0x61616161)));
}

TEST_STOPS(no_argument_is_no_text, "takes a text, but was given 0 bytes")
{
    thrum_executor *executor = make(INLINE);
    thrum_future_free(thrum_submit(executor, read_text, THRUM_NOTHING));
}

TEST_STOPS(a_text_that_is_null_stops_the_program, "thrum_text was given NULL")
{
    thrum_executor *executor = make(INLINE);
    const char *nothing = NULL;
    thrum_future_free(thrum_submit(executor, read_text, thrum_text(nothing)));
}

static uint32_t ticks;

static int tick(thrum_task *self)
{
    CHECK_STR(thrum_arg_text(self), "every time");
    ticks++;
    return 0;
}

TEST(a_periodic_task_and_an_initializer_take_a_text)
{
    char text[] = "every time";
    thrum_periodic *periodic = start_periodic(
        &(thrum_periodic_options){.period = 0.0001, .ticks = 3}, tick, thrum_text(text));
    text[0] = 'E';
    CHECK_INT(thrum_periodic_join(periodic, THRUM_FOREVER), ==, 0);
    CHECK_INT(ticks, ==, 3);
    thrum_periodic_free(periodic);

    thrum_executor *pool = thrum_process_pool_new(&(thrum_process_pool_options){
        .max_workers = 1, .initializer = tick, .initializer_arg = thrum_text("every time")});
    thrum_future *future = thrum_submit(pool, read_text, thrum_text("x"));
    CHECK_INT(thrum_future_result(future, NULL, 0, THRUM_FOREVER), ==, 0);
    thrum_future_free(future);
    thrum_executor_shutdown(pool);
}

/* ------------------------------------------------------------------------- results of any size */

/* Gives as many bytes as it is told. */
static int give_bytes(thrum_task *self)
{
    size_t size = thrum_arg(self, size_t);
    unsigned char *bytes = malloc(size + 1);
    CHECK(bytes != NULL);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)(i % 251);
    int rc = thrum_return(self, bytes, size);
    free(bytes);
    return rc;
}

/* Gives the memory itself. */
static int give_memory(thrum_task *self)
{
    size_t size = thrum_arg(self, size_t);
    unsigned char *bytes = malloc(size + 1);
    CHECK(bytes != NULL);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)(i % 251);
    return thrum_return_memory(self, bytes, size);
}

static void check_bytes(const unsigned char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        CHECK_INT(bytes[i], ==, i % 251);
}

static void copy_and_take(thrum_future *future, size_t size)
{
    static unsigned char room[1000002];
    size_t told = 99;
    void *bytes = room;
    if (size > 0) {
        CHECK_INT(thrum_future_copy(future, room, size - 1, &told, THRUM_FOREVER), ==, -EMSGSIZE);
        CHECK_INT(told, ==, size);
    }
    told = 99;
    CHECK_INT(thrum_future_copy(future, room, sizeof room, &told, THRUM_FOREVER), ==, 0);
    CHECK_INT(told, ==, size);
    check_bytes(room, size);
    CHECK_INT(thrum_future_copy(future, room, size, NULL, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_future_take(future, &bytes, &told, THRUM_FOREVER), ==, 0);
    CHECK_INT(told, ==, size);
    check_bytes(bytes, size);
    free(bytes);
    if (size == 0)
        return;
    bytes = room;
    CHECK_INT(thrum_future_take(future, &bytes, &told, THRUM_FOREVER), ==, -ENODATA);
    CHECK(bytes == room);
    CHECK_INT(thrum_future_result(future, room, size, THRUM_NOW), ==, -ENODATA);
    CHECK_INT(thrum_future_copy(future, room, size, NULL, THRUM_NOW), ==, -ENODATA);
    CHECK_INT(thrum_future_result(future, NULL, 0, THRUM_NOW), ==, 0);
    CHECK_INT(thrum_future_result_size(future), ==, size);
}

TEST_DEADLINE(results_of_any_size_are_copied_and_taken_on_every_executor, 60)
{
    for (int kind = 0; kind < KINDS; kind++) {
        thrum_executor *executor = make(kind);
        for (size_t i = 0; i < LENGTHS; i++) {
            thrum_future *future =
                thrum_submit(executor, give_bytes, thrum_value(size_t, lengths[i]));
            copy_and_take(future, lengths[i]);
            thrum_future_free(future);
            future = thrum_submit(executor, give_memory, thrum_value(size_t, lengths[i]));
            copy_and_take(future, lengths[i]);
            thrum_future_free(future);
        }
        thrum_executor_shutdown(executor);
    }
}

TEST(a_result_that_is_no_text_stays)
{
    thrum_executor *executor = make(INLINE);
    static const size_t sizes[] = {0, 5, 100};
    for (size_t i = 0; i < 3; i++) {
        thrum_future *future = thrum_submit(executor, give_bytes, thrum_value(size_t, sizes[i]));
        char *text = NULL;
        void *bytes = NULL;
        size_t size;
        CHECK_INT(thrum_future_take_text(future, &text, THRUM_NOW), ==, -EMSGSIZE);
        CHECK(text == NULL);
        CHECK_INT(thrum_future_take(future, &bytes, &size, THRUM_NOW), ==, 0);
        free(bytes);
        thrum_future_free(future);
    }
    thrum_executor_shutdown(executor);
}

TEST(a_future_made_by_hand_takes_a_text_and_gives_it_away)
{
    char *text = NULL;
    thrum_future *future = thrum_future_new();
    CHECK_INT(thrum_future_set_result(future, thrum_text("made by hand, and longer than its room"
                                                         " in the future")),
              ==, 0);
    CHECK_INT(thrum_future_take_text(future, &text, THRUM_NOW), ==, 0);
    CHECK_STR(text, "made by hand, and longer than its room in the future");
    free(text);
    thrum_future_free(future);
}

TEST(threads_and_processes_copy_and_take_results_of_any_size)
{
    static unsigned char room[5000];
    size_t size = 0;
    void *bytes = NULL;
    thrum_thread *thread = thrum_thread_start(give_bytes, thrum_value(size_t, 4000));
    CHECK_INT(thrum_thread_copy(thread, room, 3999, &size, THRUM_FOREVER), ==, -EMSGSIZE);
    CHECK_INT(size, ==, 4000);
    CHECK_INT(thrum_thread_copy(thread, room, sizeof room, NULL, THRUM_FOREVER), ==, 0);
    check_bytes(room, size);
    CHECK_INT(thrum_thread_take(thread, &bytes, &size, THRUM_FOREVER), ==, 0);
    check_bytes(bytes, size);
    free(bytes);
    CHECK_INT(thrum_thread_result(thread, room, 4000, THRUM_FOREVER), ==, -ENODATA);
    thrum_thread_free(thread);

    thrum_process *process = thrum_process_start(give_bytes, thrum_value(size_t, 4000));
    CHECK_INT(thrum_process_copy(process, room, 3999, &size, THRUM_FOREVER), ==, -EMSGSIZE);
    CHECK_INT(size, ==, 4000);
    CHECK_INT(thrum_process_copy(process, room, sizeof room, NULL, THRUM_FOREVER), ==, 0);
    check_bytes(room, size);
    CHECK_INT(thrum_process_take(process, &bytes, &size, THRUM_FOREVER), ==, 0);
    check_bytes(bytes, size);
    free(bytes);
    CHECK_INT(thrum_process_result(process, room, 4000, THRUM_FOREVER), ==, -ENODATA);
    thrum_process_free(process);
}

static int refuse(thrum_task *self)
{
    return thrum_fail(self, -ERANGE, "no result");
}

TEST(a_failed_task_has_nothing_to_take)
{
    thrum_executor *executor = make(POOL);
    thrum_future *future = thrum_submit(executor, refuse, THRUM_NOTHING);
    void *bytes = NULL;
    char *text = NULL;
    size_t size = 7;
    CHECK_OUTCOME(thrum_future_take(future, &bytes, &size, THRUM_FOREVER),
                  thrum_future_error(future), -ERANGE);
    CHECK_OUTCOME(thrum_future_take_text(future, &text, THRUM_FOREVER), thrum_future_error(future),
                  -ERANGE);
    CHECK_OUTCOME(thrum_future_copy(future, &bytes, sizeof bytes, &size, THRUM_FOREVER),
                  thrum_future_error(future), -ERANGE);
    CHECK(!bytes && !text && size == 7);
    thrum_future_free(future);
    thrum_executor_shutdown(executor);
}

/* Several take one result; one of them gets it. */
static uint32_t took;

static int take_shared(thrum_task *self)
{
    void *bytes = NULL;
    size_t size;
    int rc = thrum_future_take(thrum_arg(self, thrum_future *), &bytes, &size, THRUM_FOREVER);
    CHECK(rc == 0 || rc == -ENODATA);
    if (rc == 0)
        check_bytes(bytes, size);
    free(bytes);
    thrum__add_relaxed(&took, rc == 0);
    return 0;
}

TEST(one_of_several_takers_gets_the_result)
{
    enum { TAKERS = 4, ROUNDS = 50 };
    thrum_executor *pool =
        thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = TAKERS + 1});
    for (uint32_t round = 1; round <= ROUNDS; round++) {
        thrum_future *future =
                         thrum_submit(pool, give_bytes, thrum_value(size_t, round % 2 ? 5 : 5000)),
                     *takers[TAKERS];
        for (int i = 0; i < TAKERS; i++)
            takers[i] = thrum_submit(pool, take_shared, thrum_value(thrum_future *, future));
        for (int i = 0; i < TAKERS; i++) {
            CHECK_INT(thrum_future_result(takers[i], NULL, 0, THRUM_FOREVER), ==, 0);
            thrum_future_free(takers[i]);
        }
        CHECK_INT(took, ==, round);
        thrum_future_free(future);
    }
    thrum_executor_shutdown(pool);
}
