/* The formula of the bound, and what goes into it: rows, their order, their best width. */
#include "demo/bounds.h"
#include "demo/results.h"
#include "harness.h"
#include "measure/others.h"

#include <math.h>
#include <string.h>

static bool near(double a, double b)
{
    return fabs(a - b) < 1e-9;
}

TEST(waits_take_rounds)
{
    struct load load = {.waits = 100, .wait_seconds = 0.2};
    CHECK(near(bound_seconds(&load, 1, 2), 20.0));
    CHECK(near(bound_seconds(&load, 4, 2), 5.0));
    CHECK(near(bound_seconds(&load, 100, 2), 0.2));
    CHECK(near(bound_seconds(&load, 1000, 2), 0.2));
    load.waits = 50; /* 12 rounds of four and one of two */
    CHECK(near(bound_seconds(&load, 4, 2), 2.6));
    CHECK(near(bound_seconds(&load, 49, 2), 0.4));
}

TEST(computing_is_shared_by_workers_or_cores_whichever_are_fewer)
{
    struct load load = {.cpu_seconds = 10};
    CHECK(near(bound_seconds(&load, 1, 2), 10.0));
    CHECK(near(bound_seconds(&load, 2, 2), 5.0));
    CHECK(near(bound_seconds(&load, 4, 2), 5.0));
    CHECK(near(bound_seconds(&load, 4, 8), 2.5));
    CHECK(near(bound_seconds(&load, 16, 8), 1.25));
}

TEST(a_mixed_load_is_bounded_by_what_is_scarce)
{
    struct load load = {.waits = 50, .wait_seconds = 0.2, .cpu_seconds = 5};
    CHECK(near(bound_seconds(&load, 1, 2), 15.0));   /* one worker does it all */
    CHECK(near(bound_seconds(&load, 4, 2), 3.75));   /* the workers */
    CHECK(near(bound_seconds(&load, 52, 2), 2.5));   /* the cores */
    CHECK(near(bound_seconds(&load, 100, 64), 0.2)); /* one request */
}

TEST(no_load_takes_no_time)
{
    struct load load = {0};
    CHECK(near(bound_seconds(&load, 4, 2), 0));
}

TEST(rows_are_the_guides)
{
    static const char *const names[] = {"story", "http", "file", "cpu", "db", "mixed"};
    static const int tasks[] = {50, 100, 100, 100, 50, 100};
    static const double seconds[] = {10, 20, 1, 10, 2.5, 15};
    CHECK_INT(row_count(), ==, 6);
    for (size_t i = 0; i < row_count(); i++) {
        const struct row *row = row_at(i);
        double total = 0;
        for (int p = 0; p < row->part_count; p++)
            total += row->parts[p].count * row->parts[p].seconds;
        CHECK_STR(row->name, names[i]);
        CHECK_INT(row_tasks(row), ==, tasks[i]);
        CHECK(near(total, seconds[i]));
        CHECK(near(row->guide[GUIDE_SEQUENTIAL], seconds[i]));
        CHECK_INT(row_find(names[i], strlen(names[i])), ==, i);
    }
    CHECK_INT(row_find("htt", 3), ==, -1);
    CHECK_INT(row_find("http,", 4), ==, 1);
}

TEST(titles_follow_the_scale)
{
    char title[64];
    row_title(row_at(1), 1, title, sizeof title);
    CHECK_STR(title, "100 HTTP requests, 200 ms");
    row_title(row_at(1), 0.1, title, sizeof title);
    CHECK_STR(title, "100 HTTP requests, 20 ms");
    row_title(row_at(5), 1, title, sizeof title);
    CHECK_STR(title, "mixed I/O and CPU, 15 s");
}

TEST(the_mixed_row_alternates)
{
    const struct row *row = row_at((size_t)row_find("mixed", 5));
    int given[ROW_PARTS_MAX] = {0};
    for (int i = 0; i < row_tasks(row); i++) {
        int part = row_part_of_task(row, i);
        CHECK_INT(part, ==, i % 2);
        given[part]++;
    }
    CHECK_INT(given[0], ==, 50);
    CHECK_INT(given[1], ==, 50);
}

TEST(the_best_width_lets_all_waits_in_and_no_more_computing_than_cores)
{
    CHECK_INT(row_best_workers(row_at((size_t)row_find("http", 4)), 2), ==, 100);
    CHECK_INT(row_best_workers(row_at((size_t)row_find("db", 2)), 64), ==, 50);
    CHECK_INT(row_best_workers(row_at((size_t)row_find("cpu", 3)), 2), ==, 2);
    CHECK_INT(row_best_workers(row_at((size_t)row_find("cpu", 3)), 256), ==, 100);
    CHECK_INT(row_best_workers(row_at((size_t)row_find("mixed", 5)), 2), ==, 52);
}

TEST(the_guides_best_figure_is_its_least)
{
    int column = -1;
    CHECK(near(row_guide(row_at((size_t)row_find("cpu", 3)), -1, &column), 2.7));
    CHECK_INT(column, ==, GUIDE_PROCESSES);
    CHECK(near(row_guide(row_at((size_t)row_find("http", 4)), -1, &column), 4.9));
    CHECK_INT(column, ==, GUIDE_ASYNCIO);
    CHECK(near(row_guide(row_at((size_t)row_find("story", 5)), -1, &column), 0));
    CHECK(near(row_guide(row_at((size_t)row_find("db", 2)), GUIDE_THREADS, &column), 0.68));
}

/* A row whose cells are done with the given samples. */
static struct row_result settled(const char *name, const struct setting *setting,
                                 const struct sample *samples, int count)
{
    struct row_result result;
    const struct row *row = row_at((size_t)row_find(name, strlen(name)));
    CHECK_INT(row_result_init(&result, row, setting), ==, 0);
    for (size_t i = 0; i < column_count(); i++) {
        result.cells[i].status = CELL_DONE;
        result.cells[i].sample_count = count;
        memcpy(result.cells[i].samples, samples, (size_t)count * sizeof *samples);
    }
    row_result_settle(&result, setting);
    return result;
}

TEST(a_cell_takes_the_median)
{
    struct demo_options options = {.workers = 4, .repeats = 3};
    struct setting setting = {.options = &options, .cores = 2, .scale = 1};
    const struct sample samples[] = {{.seconds = 9}, {.seconds = 5}, {.seconds = 6}};
    struct row_result result = settled("http", &setting, samples, 3);
    for (size_t i = 0; i < column_count(); i++)
        CHECK(near(result.cells[i].seconds, 6));
    CHECK(near(result.cells[0].bound, 20));
    CHECK(near(result.cells[1].bound, 5));
    CHECK(near(result.cells[2].bound, 0.2));
    CHECK(!result.cells[1].measured);
    row_result_finish(&result);
}

/* Runs on a busy machine differ so much that, reckoned in seconds, the interval would begin below zero. */
TEST(the_interval_of_a_time_is_above_zero)
{
    struct demo_options options = {.workers = 4, .repeats = 5};
    struct setting setting = {.options = &options, .cores = 2, .scale = 1};
    const struct sample samples[] = {
        {.seconds = 0.06}, {.seconds = 0.07}, {.seconds = 0.5}, {.seconds = 0.6}, {.seconds = 0.7}};
    struct row_result result = settled("http", &setting, samples, 5);
    const struct cell *cell = &result.cells[0];
    CHECK(cell->interval.low > 0 && cell->interval.low < 0.07);
    CHECK(near(cell->interval.middle, 0.5));
    CHECK(cell->interval.high > 0.6);
    row_result_finish(&result);
}

TEST(computing_bounds_come_from_the_sequential_column)
{
    struct demo_options options = {.workers = 4, .repeats = 1};
    struct setting setting = {.options = &options, .cores = 2, .scale = 1};
    const struct sample sample = {.seconds = 12.5, .cpu_seconds = 12};
    struct row_result result = settled("cpu", &setting, &sample, 1);
    CHECK(near(result.cells[0].bound, 10)); /* as calibrated */
    CHECK(near(result.cells[1].bound, 6));
    CHECK(result.cells[1].measured);
    row_result_finish(&result);
    const struct sample mixed = {.seconds = 17, .cpu_seconds = 6, .wait_seconds = 11};
    result = settled("mixed", &setting, &mixed, 1);
    CHECK(near(result.cells[1].bound, 4)); /* (10 given + 6 measured) / 4 */
    CHECK(near(result.cells[2].bound, 3));
    row_result_finish(&result);
}

TEST(a_foreign_servers_latency_is_measured)
{
    struct demo_options options = {.workers = 4, .repeats = 1, .url = "http://example.org/"};
    struct setting setting = {.options = &options, .cores = 2, .scale = 1};
    const struct sample sample = {.seconds = 8, .wait_seconds = 8};
    struct row_result result = settled("http", &setting, &sample, 1);
    CHECK(near(result.cells[0].bound, 0)); /* there is nothing to compare with */
    CHECK(near(result.cells[1].bound, 2));
    CHECK(near(result.cells[2].bound, 0.08));
    row_result_finish(&result);
}

TEST(without_a_sequential_time_there_is_no_measured_bound)
{
    struct demo_options options = {.workers = 4, .repeats = 1};
    struct setting setting = {.options = &options, .cores = 2, .scale = 1};
    struct row_result result;
    CHECK_INT(row_result_init(&result, row_at((size_t)row_find("cpu", 3)), &setting), ==, 0);
    result.cells[0].status = CELL_FAILED;
    result.cells[1].status = CELL_DONE;
    result.cells[1].sample_count = 1;
    result.cells[1].samples[0].seconds = 5;
    row_result_settle(&result, &setting);
    CHECK(near(result.cells[1].seconds, 5));
    CHECK(near(result.cells[1].bound, 0));
    row_result_finish(&result);
}

TEST(others_are_what_is_busy_and_not_ours)
{
    struct cpu_use before = cpu_use_parse("cpu  100 0 100 1000 0 0 0 0 0 0\ncpu0 1 2 3", 100);
    struct cpu_use after = cpu_use_parse("cpu  300 0 150 1100 50 0 0 0 0 0\n", 100);
    CHECK(near(before.all, 12) && near(before.idle, 10));
    CHECK(near(after.all, 16) && near(after.idle, 11.5));
    after.own = 1.5; /* of 4 s, 1.5 were idle and 1.5 ours */
    CHECK(near(others_share(&before, &after), 0.25));
    after.own = 3;
    CHECK(near(others_share(&before, &after), 0)); /* counted in coarser steps than ours */
    CHECK(near(others_share(&after, &after), 0));
    CHECK(near(cpu_use_parse("nothing of the kind", 100).all, 0));
    CHECK(cpu_use_now().all > 0);
}
