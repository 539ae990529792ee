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
static int acquired, waits, tasks, threads, events;

static void on_acquired(const char *kind, const void *object)
{
    CHECK(object != NULL && kind != NULL);
    thrum__add_relaxed(&acquired, 1);
    thrum__add_relaxed(&events, 1);
}

static void on_released(const char *kind, const void *object)
{
    CHECK(object != NULL && kind != NULL);
    thrum__add_relaxed(&acquired, -1);
}

static void on_wait_begin(const char *kind, const void *object)
{
    CHECK(kind != NULL);
    (void)object;
    thrum__add_relaxed(&waits, 1);
    thrum__add_relaxed(&events, 1);
}

static void on_wait_end(const char *kind, const void *object, int outcome)
{
    CHECK(kind != NULL && outcome <= 0);
    (void)object;
    thrum__add_relaxed(&waits, -1);
}

static void on_task_begin(const void *task)
{
    CHECK(task != NULL);
    thrum__add_relaxed(&tasks, 1);
    thrum__add_relaxed(&events, 1);
}

static void on_task_end(const void *task, int code)
{
    CHECK(task != NULL && code == 0);
    thrum__add_relaxed(&tasks, -1);
}

static void on_thread_begin(uint32_t ident, const char *name)
{
    CHECK(ident != 0 && name[0] != '\0');
    thrum__add_relaxed(&threads, 1);
    thrum__add_relaxed(&events, 1);
}

static void on_thread_end(uint32_t ident)
{
    CHECK(ident != 0);
    thrum__add_relaxed(&threads, -1);
}

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
            thrum_condition_wait(&condition, thrum_in(1e-5));
            thrum_condition_notify(&condition, 1);
        }
    }
    return 0;
}

TEST(probes_see_every_step_in_pairs)
{
    static const thrum__probes table = {
        .acquired = on_acquired,
        .released = on_released,
        .wait_begin = on_wait_begin,
        .wait_end = on_wait_end,
        .task_begin = on_task_begin,
        .task_end = on_task_end,
        .thread_begin = on_thread_begin,
        .thread_end = on_thread_end,
    };
    thrum__probe_install(&table);
    thrum_thread *started[3];
    for (int i = 0; i < 3; i++)
        started[i] = thrum_thread_start(use_everything, THRUM_NOTHING);
    for (int i = 0; i < 3; i++)
        JOIN(started[i], 0);
    thrum__probe_install(NULL);
    CHECK(acquired == 0 && waits == 0 && tasks == 0 && threads == 0);
    CHECK_INT(events, >, 3 * 600);
}

TEST(a_table_may_leave_probes_out)
{
    static const thrum__probes table = {.acquired = on_acquired};
    thrum__probe_install(&table);
    thrum_with (&lock)
        CHECK_INT(acquired, ==, 1);
    thrum__probe_install(NULL);
    thrum_with (&lock)
        CHECK_INT(acquired, ==, 1);
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
