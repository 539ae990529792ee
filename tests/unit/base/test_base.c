#include "harness.h"
#include "support.h"

#include "base/cpu.h"
#include "base/place.h"
#include "base/probe.h"

#include <errno.h>
#include <stdio.h>

TEST(a_cpu_quota_is_read)
{
    CHECK_INT(thrum__cpu_quota("max 100000\n"), ==, 0);
    CHECK_INT(thrum__cpu_quota("150000 100000\n"), ==, 2);
    CHECK_INT(thrum__cpu_quota("200000 100000\n"), ==, 2);
    CHECK_INT(thrum__cpu_quota("50000 100000\n"), ==, 1);
    CHECK_INT(thrum__cpu_quota(""), ==, 0);
    CHECK_INT(thrum__cpu_quota("-1 100000"), ==, 0);
    CHECK_INT(thrum__cpu_quota("100000 0"), ==, 0);
}

TEST(a_place_has_a_text)
{
    char text[128], small[6];
    CHECK_INT(thrum__place_text(text, sizeof text, (const void *)(uintptr_t)printf), ==,
              strlen(text));
    CHECK(strstr(text, "printf") != NULL);
    CHECK_INT(thrum__place_text(text, sizeof text, (const void *)8), ==, 3);
    CHECK_STR(text, "0x8");
    CHECK_INT(thrum__place_text(small, sizeof small, (const void *)(uintptr_t)printf), ==, 5);
    CHECK_INT(strlen(small), ==, 5);
}

/* The probes: each counts, and what comes in pairs must stay in balance. */
static int acquired, waits, tasks, switched_out, told, events;

static void on_made(enum thrum__probe_kind kind, const void *object, uint64_t value,
                    const void *place)
{
    CHECK(kind < THRUM__PROBE_KINDS && object != NULL && place != NULL);
    (void)value;
}

static void on_gone(enum thrum__probe_kind kind, const void *object, const void *place)
{
    on_made(kind, object, 0, place);
}

static void on_wanted(enum thrum__probe_kind kind, const void *object, unsigned mode,
                      const void *place, uint64_t value)
{
    CHECK(mode != THRUM__PROBE_TRY);
    on_made(kind, object, value, place);
}

static void on_acquired(enum thrum__probe_kind kind, const void *object, unsigned mode,
                        const void *place, uint64_t value)
{
    on_made(kind, object, value, place);
    (void)mode;
    thrum__add_relaxed(&acquired, 1);
    thrum__add_relaxed(&events, 1);
}

static void on_released(enum thrum__probe_kind kind, const void *object, uint64_t value)
{
    on_made(kind, object, 0, object);
    CHECK_INT(value, ==, 1);
    thrum__add_relaxed(&acquired, -1);
}

static void on_told(enum thrum__probe_kind kind, const void *object, uint64_t count)
{
    on_made(kind, object, count, object);
    thrum__add_relaxed(&told, 1);
}

static void on_learned(enum thrum__probe_kind kind, const void *object, uint64_t count)
{
    on_made(kind, object, count, object);
    CHECK_INT(thrum__load_relaxed(&told), >, 0);
}

static void on_wait_begin(const char *name, const void *object, thrum__probe_wait *wait)
{
    CHECK(name != NULL);
    wait->words[0] = (uintptr_t)object;
    thrum__add_relaxed(&waits, 1);
    thrum__add_relaxed(&events, 1);
}

static void on_wait_end(const char *name, const void *object, int outcome, thrum__probe_wait *wait)
{
    CHECK(name != NULL && outcome <= 0 && wait->words[0] == (uintptr_t)object);
    thrum__add_relaxed(&waits, -1);
}

static void on_task(const void *task)
{
    CHECK(task != NULL);
    thrum__add_relaxed(&events, 1);
}

static uint64_t on_task_begin(const void *task, const void *function)
{
    CHECK(task != NULL && function != NULL);
    thrum__add_relaxed(&tasks, 1);
    thrum__add_relaxed(&events, 1);
    return (uintptr_t)task;
}

static void on_task_end(const void *task, int code, uint64_t outer)
{
    CHECK(outer == (uintptr_t)task && code == 0);
    thrum__add_relaxed(&tasks, -1);
}

static void on_unread(const char *name, int code)
{
    CHECK(name == NULL && code == 0); /* it is not to come */
}

static uint64_t on_leave(void)
{
    thrum__add_relaxed(&switched_out, 1);
    thrum__add_relaxed(&events, 1);
    return thrum__self_ident();
}

static void on_arrive(uint64_t left)
{
    CHECK_INT(left, ==, thrum__self_ident());
    thrum__add_relaxed(&switched_out, -1);
}

static void on_named(const void *object, size_t size, const char *text)
{
    CHECK(object != NULL && (size != 0 || !text));
}

static const thrum__probes counting = {
    .made = on_made,
    .gone = on_gone,
    .wanted = on_wanted,
    .acquired = on_acquired,
    .released = on_released,
    .told = on_told,
    .learned = on_learned,
    .wait_begin = on_wait_begin,
    .wait_end = on_wait_end,
    .submitted = on_task,
    .task_begin = on_task_begin,
    .task_end = on_task_end,
    .task_awaited = on_task,
    .unread = on_unread,
    .leave = on_leave,
    .arrive = on_arrive,
    .named = on_named,
};

static thrum_event ready;
static thrum_lock lock;
static thrum_condition condition;
static thrum_semaphore semaphore = THRUM_SEMAPHORE_INIT(1);

static int use_everything(thrum_task *self)
{
    (void)self;
    for (int i = 0; i < 200; i++) {
        thrum_with (&lock)
            if (i % 20 == 0)
                thrum_sleep(thrum_in(1e-5));
        thrum_with (&semaphore)
            if (i % 20 == 0)
                thrum_sleep(thrum_in(1e-5));
        thrum_with (&condition) {
            (void)!thrum_condition_wait(&condition, thrum_in(1e-5)); /* notified or not */
            thrum_condition_notify(&condition, 1);
        }
    }
    return 0;
}

TEST(probes_see_every_step_in_pairs)
{
    thrum__probe_table = &counting;
    thrum_thread *started[3];
    for (int i = 0; i < 3; i++)
        started[i] = thrum_thread_start(use_everything, THRUM_NOTHING);
    for (int i = 0; i < 3; i++)
        JOIN(started[i], 0);
    thrum__probe_table = NULL;
    CHECK(acquired == 0 && waits == 0 && tasks == 0);
    CHECK_INT(events, >, 3 * 600);
}

TEST(probes_see_fibers_leave_and_come_back)
{
    thrum__probe_table = &counting;
    thrum_executor *pool = thrum_fiber_pool_new(&(thrum_fiber_pool_options){.max_workers = 1});
    thrum_future *future[2];
    for (int i = 0; i < 2; i++)
        future[i] = thrum_submit(pool, use_everything, THRUM_NOTHING);
    for (int i = 0; i < 2; i++) {
        CHECK_INT(thrum_future_result(future[i], NULL, 0, THRUM_FOREVER), ==, 0);
        thrum_future_free(future[i]);
    }
    thrum_event_set(&ready);
    CHECK_INT(thrum_event_wait(&ready, THRUM_FOREVER), ==, 0);
    thrum_executor_shutdown(pool);
    thrum__probe_table = NULL;
    CHECK(acquired == 0 && tasks == 0 && switched_out == 0);
    CHECK_INT(events, >, 2 * 600);
}

TEST(contexts_go_back_to_the_table)
{
    thrum__context *first = thrum__context_new("first", NULL);
    thrum__context *second = thrum__context_new(NULL, NULL);
    CHECK(first && second && first != second);
    CHECK(thrum__context_of(first->ident) == first);
    CHECK_STR(thrum__context_name(first->ident), "first");
    CHECK_STR(thrum__context_name(0), "nobody");
    thrum__context_free(second);
    CHECK(thrum__context_new("again", NULL) == second);
    thrum__context *many[300];
    for (int i = 0; i < 300; i++) {
        many[i] = thrum__context_new(NULL, NULL);
        CHECK(thrum__context_of(many[i]->ident) == many[i]);
    }
    for (int i = 0; i < 300; i++)
        thrum__context_free(many[i]);
}
