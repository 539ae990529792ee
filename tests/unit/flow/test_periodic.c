#include "carrier.h"
#include "flow/periodic.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MS = 1000000 };

static thrum_time next(thrum_periodic_beat beat, thrum_time due, thrum_time now, uint64_t missed)
{
    uint64_t found;
    thrum_time at = thrum__periodic_next(beat, 10, due, now, &found);
    CHECK_INT(found, ==, missed);
    return at;
}

TEST(skipping_keeps_the_beat_and_counts_what_it_missed)
{
    CHECK_INT(next(THRUM_PERIODIC_SKIP, 100, 100, 0), ==, 110);
    CHECK_INT(next(THRUM_PERIODIC_SKIP, 100, 109, 0), ==, 110);
    CHECK_INT(next(THRUM_PERIODIC_SKIP, 100, 110, 0), ==, 110);
    CHECK_INT(next(THRUM_PERIODIC_SKIP, 100, 111, 1), ==, 120);
    CHECK_INT(next(THRUM_PERIODIC_SKIP, 100, 120, 1), ==, 120);
    CHECK_INT(next(THRUM_PERIODIC_SKIP, 100, 125, 2), ==, 130);
    CHECK_INT(next(THRUM_PERIODIC_SKIP, 100, 95, 0), ==, 110);
}

TEST(queueing_makes_up_for_what_it_missed)
{
    CHECK_INT(next(THRUM_PERIODIC_QUEUE, 100, 101, 0), ==, 110);
    CHECK_INT(next(THRUM_PERIODIC_QUEUE, 100, 145, 0), ==, 110);
}

TEST(a_delay_begins_at_the_end_of_the_tick)
{
    CHECK_INT(next(THRUM_PERIODIC_DELAY, 100, 101, 0), ==, 111);
    CHECK_INT(next(THRUM_PERIODIC_DELAY, 100, 145, 0), ==, 155);
}

TEST(a_beat_beyond_the_clock_never_comes)
{
    uint64_t missed;
    CHECK_INT(thrum__periodic_next(THRUM_PERIODIC_DELAY, thrum__periodic_ns(1e300), INT64_MAX / 2,
                                   INT64_MAX - 5, &missed),
              ==, INT64_MAX);
    CHECK_INT(thrum__periodic_ns(1e-300), ==, 1);
    CHECK_INT(thrum__periodic_ns(0.25), ==, 250 * MS);
}

static uint32_t ticked, tick_ident;
static thrum_event gate;

static int count(thrum_task *self)
{
    CHECK_INT(thrum_arg(self, int), ==, 42);
    thrum__add_relaxed(&ticked, 1);
    return 0;
}

static int wait_at_gate(thrum_task *self)
{
    (void)self;
    tell_ident(&tick_ident);
    thrum__add_relaxed(&ticked, 1);
    return thrum_event_wait(&gate, THRUM_FOREVER);
}

static int fail(thrum_task *self)
{
    return thrum_fail(self, -ERANGE, "tick %u", thrum__add_relaxed(&ticked, 1));
}

TEST(it_ticks_until_it_is_stopped)
{
    thrum_periodic *p = start_periodic(&(thrum_periodic_options){.period = 0.001, .name = "beat"},
                                       count, thrum_value(int, 42));
    UNTIL(thrum_periodic_ticks(p) >= 3);
    CHECK(thrum_periodic_running(p));
    CHECK_INT(thrum_periodic_join(p, THRUM_NOW), ==, -EAGAIN);
    CHECK_INT(thrum_periodic_stop(p, THRUM_FOREVER), ==, 0);
    CHECK(!thrum_periodic_running(p));
    CHECK_INT(thrum_periodic_ticks(p), ==, ticked);
    CHECK_INT(thrum_periodic_stop(p, THRUM_NOW), ==, 0);
    CHECK_INT(thrum_periodic_failures(p), ==, 0);
    CHECK_INT(thrum_periodic_error(p, NULL), ==, 0);
    thrum_periodic_free(p);
    thrum_periodic_free(NULL);
}

TEST(a_stop_does_not_wait_for_the_rest_of_the_period)
{
    thrum_periodic *p =
        start_periodic(&(thrum_periodic_options){.period = 100000}, count, thrum_value(int, 42));
    UNTIL(thrum_periodic_ticks(p) == 1); /* at once */
    CHECK_INT(thrum_periodic_stop(p, THRUM_FOREVER), ==, 0);
    thrum_periodic_free(p);
    p = start_periodic(
        &(thrum_periodic_options){.period = 1, .first = THRUM_FOREVER, .lasting = true}, count,
        thrum_value(int, 42));
    thrum_periodic_free(p);
    CHECK_INT(ticked, ==, 1);
}

TEST(the_tick_moments_do_not_drift)
{
    thrum_time first = thrum_now();
    thrum_periodic *p = start_periodic(
        &(thrum_periodic_options){
            .period = 0.002, .first = thrum_at(first), .ticks = 20, .beat = THRUM_PERIODIC_QUEUE},
        count, thrum_value(int, 42));
    CHECK_INT(thrum_periodic_join(p, THRUM_FOREVER), ==, 0);
    CHECK(thrum_now() >= first + 19 * 2 * MS);
    CHECK_INT(ticked, ==, 20);
    CHECK_INT(thrum_periodic_missed(p), ==, 0);
    thrum_periodic_free(p);
}

TEST(what_passes_during_a_tick_is_missed)
{
    thrum_periodic *p = start_periodic(&(thrum_periodic_options){.period = 0.001, .ticks = 2},
                                       wait_at_gate, THRUM_NOTHING);
    thrum_deadline late = thrum_in(0.01);
    UNTIL(thrum_now() > late.ns);
    CHECK_INT(thrum_periodic_ticks(p), ==, 0);
    thrum_event_set(&gate);
    CHECK_INT(thrum_periodic_join(p, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_periodic_missed(p), >=, 5);
    CHECK_INT(ticked, ==, 2);
    thrum_periodic_free(p);
}

TEST(a_stop_waits_for_the_running_tick)
{
    thrum_periodic *p =
        start_periodic(&(thrum_periodic_options){.period = 0.001}, wait_at_gate, THRUM_NOTHING);
    UNTIL(waits_for(&tick_ident, "event") && thrum__load_relaxed(&ticked));
    CHECK_INT(thrum_periodic_stop(p, thrum_in(0.01)), ==, -ETIMEDOUT);
    CHECK_INT(thrum_periodic_stop(p, THRUM_NOW), ==, -EAGAIN);
    CHECK(thrum_periodic_running(p));
    thrum_event_set(&gate);
    CHECK_INT(thrum_periodic_join(p, THRUM_FOREVER), ==, 0);
    CHECK_INT(ticked, ==, 1); /* that one was the last */
    thrum_periodic_free(p);
}

TEST(cancelling_ends_the_running_tick)
{
    thrum_periodic *p =
        start_periodic(&(thrum_periodic_options){.period = 0.001}, wait_at_gate, THRUM_NOTHING);
    UNTIL(thrum__load_relaxed(&ticked));
    thrum_periodic_cancel(p);
    CHECK_INT(thrum_periodic_join(p, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_periodic_ticks(p), ==, 1);
    CHECK_INT(thrum_periodic_failures(p), ==, 0);
    thrum_periodic_cancel(p);
    thrum_periodic_free(p);
}

static uint32_t reported;

static void note(const thrum_failure *failure, void *context)
{
    (void)context;
    CHECK_STR(failure->kind, "periodic");
    CHECK_STR(failure->name, "beat");
    CHECK_INT(failure->error->code, ==, -ERANGE);
    thrum__add_relaxed(&reported, 1);
}

static thrum_periodic *failing(bool keep_going)
{
    thrum_failure_hook_set(note, NULL);
    return start_periodic(
        &(thrum_periodic_options){
            .period = 0.0001, .ticks = 3, .keep_going = keep_going, .name = "beat"},
        fail, THRUM_NOTHING);
}

TEST(a_failure_ends_it_and_reaches_who_joins)
{
    thrum_error error;
    thrum_periodic *p = failing(false);
    CHECK_INT(thrum_periodic_join(p, THRUM_FOREVER), ==, THRUM_FAILED);
    CHECK_INT(thrum_periodic_error(p, &error), ==, -ERANGE);
    CHECK_STR(error.message, "tick 0");
    CHECK_INT(thrum_periodic_ticks(p), ==, 1);
    CHECK_INT(thrum_periodic_failures(p), ==, 1);
    thrum_periodic_free(p);
    CHECK_INT(reported, ==, 0);
}

TEST(a_failure_that_nobody_asked_for_is_reported_once)
{
    thrum_periodic *p = failing(false);
    UNTIL(!thrum_periodic_running(p));
    thrum_periodic_free(p);
    CHECK_INT(reported, ==, 1);
}

TEST(one_that_keeps_going_reports_each_failure)
{
    thrum_error error;
    thrum_periodic *p = failing(true);
    CHECK_INT(thrum_periodic_join(p, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_periodic_error(p, &error), ==, -ERANGE);
    CHECK_STR(error.message, "tick 2");
    CHECK_INT(thrum_periodic_failures(p), ==, 3);
    thrum_periodic_free(p);
    CHECK_INT(reported, ==, 3);
}

static thrum_periodic *own;

static int stop_myself(thrum_task *self)
{
    (void)self;
    UNTIL(thrum__load_acquire(&own));
    thrum__add_relaxed(&ticked, 1);
    CHECK_INT(thrum_periodic_stop(own, THRUM_FOREVER), ==, -EDEADLK);
    return 0;
}

TEST(a_tick_can_stop_its_own_task)
{
    thrum_periodic *p =
        start_periodic(&(thrum_periodic_options){.period = 0.0001}, stop_myself, THRUM_NOTHING);
    thrum__store_release(&own, p);
    CHECK_INT(thrum_periodic_join(p, THRUM_FOREVER), ==, 0);
    CHECK_INT(ticked, ==, 1);
    thrum_periodic_free(p);
}

static int free_myself(thrum_task *self)
{
    (void)self;
    UNTIL(thrum__load_acquire(&own));
    thrum_periodic_free(own);
    return 0;
}

TEST_STOPS(a_tick_that_frees_its_own_task_stops_the_program, "freed by its own tick")
{
    thrum__store_release(
        &own, start_periodic(&(thrum_periodic_options){.period = 1}, free_myself, THRUM_NOTHING));
    (void)!thrum_periodic_join(own, THRUM_FOREVER); /* stops the program */
}

TEST_STOPS(a_period_of_nothing_stops_the_program, "a period of 0 seconds")
{
    (void)start_periodic(&(thrum_periodic_options){.first = thrum_at(1)}, count, THRUM_NOTHING);
}

TEST(a_child_made_by_fork_has_the_handle_alone)
{
    thrum_periodic *p = start_periodic(
        &(thrum_periodic_options){.period = 1, .first = THRUM_FOREVER}, count, THRUM_NOTHING);
    int status;
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        CHECK_INT(thrum_periodic_stop(p, THRUM_FOREVER), ==, -ESRCH);
        thrum_periodic_free(p);
        _exit(0);
    }
    CHECK_INT(waitpid(child, &status, 0), ==, child);
    CHECK_INT(status, ==, 0);
    CHECK_INT(thrum_periodic_stop(p, THRUM_FOREVER), ==, 0);
    thrum_periodic_free(p);
}

TEST(without_memory_a_start_fails)
{
    const thrum_periodic_options options = {.period = 1};
    thrum_periodic *p = NULL;
    int rc = -ENOMEM;
    uint32_t failures = 0;
    for (; rc != 0; failures++) {
        thrum__fault_arm(THRUM__FAULT_ALLOC, failures + 1, 1);
        rc = thrum_periodic_start(&options, count, thrum_value(int, 42), &p);
        thrum__fault_disarm(THRUM__FAULT_ALLOC);
        CHECK(rc == 0 ? p != NULL : rc == -ENOMEM && p == NULL);
    }
    CHECK_INT(failures, >=, 3);
    CHECK_INT(thrum_periodic_stop(p, THRUM_FOREVER), ==, 0);
    thrum_periodic_free(p);
}

TEST(without_a_thread_a_start_fails)
{
    thrum_periodic *p = NULL;
    thrum__fault_arm(THRUM__FAULT_THREAD_START, 1, 1);
    CHECK_INT(
        thrum_periodic_start(&(thrum_periodic_options){.period = 1}, count, THRUM_NOTHING, &p), ==,
        -EAGAIN);
    thrum__fault_disarm(THRUM__FAULT_THREAD_START);
    CHECK(p == NULL);
}
