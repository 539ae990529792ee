/* A small test runner: one process for each test, a deadline for each, TAP on stdout.
 *
 *     #include "harness.h"
 *
 *     TEST(a_lock_that_is_held_cannot_be_tried)
 *     {
 *         thrum_lock lock = THRUM_LOCK_INIT;
 *         thrum_lock_acquire(&lock);
 *         CHECK_INT(thrum_lock_try(&lock), ==, -EAGAIN);
 *         thrum_lock_release(&lock);
 *     }
 *
 *     TEST_STOPS(releasing_a_free_lock_stops_the_program, "not held")
 *     {
 *         static thrum_lock lock;
 *         thrum_lock_release(&lock);
 *     }
 *
 * main() is in harness.c. A test passes when its body returns and its process then ends with
 * status 0, so that what runs at exit (leak checkers, threads that are waited for) counts too. It
 * fails by a check, a signal, another status, or when its deadline passes: then the runner prints
 * where each thread of it and of its children stands, and kills it. What a test prints is kept and
 * shown only if it fails. Processes that a test leaves behind are killed. A test that cannot run here calls test_skip,
 * with the reason; it then counts neither as passed nor as failed.
 *
 * A deadline is counted in the test's own time: about the time that it would take on an idle machine.
 * Other load makes it longer; harness_clock.c explains how.
 *
 *     test_lock                     run all tests, in the order of the file
 *     test_lock NAME...             run only these
 *     test_lock --list              print their names
 *     test_lock --repeat N          run them N times, stop at the first round that fails
 *     test_lock --deadline-scale X  multiply all deadlines, for slow machines and valgrind;
 *                                   the variable TEST_DEADLINE_SCALE does the same
 *     test_lock --verbose           show what tests print even if they pass
 *     test_lock --here NAME         run this one in the process of the runner, without a deadline: for a debugger and for
 *                                   `thrum explore`. The status is that of the test
 */
#ifndef TESTS_HARNESS_H
#define TESTS_HARNESS_H

#include "outcome.h"

#include <stdbool.h>
#include <stdint.h>

/* Seconds of its own time that a test may take before its threads are dumped and it is killed. */
#define TEST_DEADLINE_DEFAULT 20

/* A test. Its body runs in a process of its own, on the main thread. */
#define TEST(name) TEST_DEADLINE(name, TEST_DEADLINE_DEFAULT)

/* A test that needs a deadline of its own. */
#define TEST_DEADLINE(name, seconds) TEST_DEFINE(name, seconds, NULL)

/* A test that passes only if its body ends the process by SIGABRT, and what it printed before
 * contains `text`. */
#define TEST_STOPS(name, text) TEST_DEFINE(name, TEST_DEADLINE_DEFAULT, text)

/* Each check may be made on any thread. One that fails prints itself and ends the process. */
#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            test_fail(__FILE__, __LINE__, #condition, "is false");                                 \
    } while (0)

/* Compares integers with ==, !=, <, <=, > or >=; both are printed as intmax_t. */
#define CHECK_INT(a, operator, b)                                                                  \
    do {                                                                                           \
        intmax_t check_a_ = (intmax_t)(a), check_b_ = (intmax_t)(b);                               \
        if (!(check_a_ operator check_b_))                                                         \
            test_fail(__FILE__, __LINE__, #a " " #operator" " #b, "with %jd and %jd", check_a_,    \
                      check_b_);                                                                   \
    } while (0)

/* Compares strings; NULL equals only NULL. */
#define CHECK_STR(a, b)                                                                            \
    do {                                                                                           \
        const char *check_a_ = (a), *check_b_ = (b);                                               \
        if (!test_same_text(check_a_, check_b_))                                                   \
            test_fail(__FILE__, __LINE__, #a " is " #b, "with \"%s\" and \"%s\"",                  \
                      check_a_ ? check_a_ : "(null)", check_b_ ? check_b_ : "(null)");             \
    } while (0)

/* Checks what a wait for the outcome of a task returns: 0 if `failure` is 0, else THRUM_FAILED, and then
 * `error`, which is evaluated after the wait, has that code. */
#define CHECK_OUTCOME(wait, error, failure)                                                        \
    do {                                                                                           \
        int check_rc_ = (wait), check_code_ = (failure);                                           \
        const thrum_error *check_error_ = (error);                                                 \
        CHECK_INT(check_rc_, ==, check_code_ ? THRUM_FAILED : 0);                                  \
        CHECK_INT(check_error_ ? check_error_->code : 0, ==, check_code_);                         \
    } while (0)

/* The factor on deadlines, at least 1: for a test that itself bounds how long something may take. */
double test_deadline_scale(void);

/* What the macros above are made of. */
struct test {
    const char *name;
    void (*body)(void);
    int line;
    double deadline;   /* seconds of own time */
    const char *stops; /* what it must print before it aborts, or NULL */
    struct test *next;
};
void test_register(struct test *test);
void test_fail(const char *file, int line, const char *what, const char *format, ...)
    __attribute__((noreturn, format(printf, 4, 5)));
bool test_same_text(const char *a, const char *b);

/* Ends the test, from any thread of its process: what it needs is not on this machine. The reason is one line. */
void test_skip(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

#define TEST_DEFINE(name, seconds, text)                                                           \
    static void test_##name(void);                                                                 \
    __attribute__((constructor)) static void test_register_##name(void)                            \
    {                                                                                              \
        static struct test test = {#name, test_##name, __LINE__, (seconds), (text), 0};            \
        test_register(&test);                                                                      \
    }                                                                                              \
    static void test_##name(void)

#endif
