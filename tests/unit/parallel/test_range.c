/* thrum_for and thrum_reduce: each index once, whoever runs it. */
#include "support_parallel.h"

enum { COUNT = SANITIZED ? 20000 : 100000, SMALL_COUNT = 100 };

static uint8_t *marks;
static size_t first_index;

static int mark(void *arg, size_t first, size_t end)
{
    (void)arg;
    CHECK(first < end);
    for (size_t i = first; i < end; i++)
        marks[i - first_index]++;
    return 0;
}

static void mark_range(size_t first, size_t count)
{
    marks = calloc(count + 1, 1);
    CHECK(marks != NULL);
    first_index = first;
    CHECK_INT(thrum_for(pool, first, first + count, mark, NULL), ==, 0);
    for (size_t i = 0; i < count; i++)
        CHECK_INT(marks[i], ==, 1);
    free(marks);
}

static void mark_ranges(void)
{
    mark_range(0, 0);
    mark_range(7, 1);
    mark_range(1, 2);
    mark_range(SIZE_MAX - 1000, 1000);
    mark_range(0, COUNT);
}

TEST_DEADLINE(each_index_is_in_one_part_on_each_executor, 60)
{
    on_each_executor(mark_ranges);
}

TEST(a_range_that_ends_before_it_begins_is_empty)
{
    pool = thrum_inline_new();
    CHECK_INT(thrum_for(pool, 5, 3, mark, NULL), ==, 0);
    thrum_executor_shutdown(pool);
}

/* A function that was cheap is called for small ranges without a look at the clock. */
static int mark_or_fail(void *arg, size_t first, size_t end)
{
    const size_t *fails_at = arg;
    if (first <= *fails_at && *fails_at < end)
        return -EDOM;
    return mark(NULL, first, end);
}

TEST(small_ranges_of_a_cheap_function_are_whole)
{
    pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 2});
    CHECK(pool != NULL);
    for (size_t round = 0; round < 200; round++) {
        mark_range(3, round % 40);
        size_t fails_at = round % 20;
        marks = calloc(20, 1);
        CHECK(marks != NULL);
        first_index = 0;
        CHECK_INT(thrum_for(pool, 0, 20, mark_or_fail, &fails_at), ==, -EDOM);
        free(marks);
    }
    thrum_executor_shutdown(pool);
}

/* ------------------------------------------------------------------------------ parts that last */

static uint32_t arrived;

static int spin_for_us(void *arg, size_t first, size_t end)
{
    (void)arg;
    thrum_time until = thrum_now() + 20000 * (thrum_time)(end - first);
    while (thrum_now() < until)
        thrum__add_relaxed(&arrived, 0);
    thrum__add_relaxed(&arrived, (uint32_t)(end - first));
    return 0;
}

static void spin_range(void)
{
    thrum__store_relaxed(&arrived, 0);
    CHECK_INT(thrum_for(pool, 0, SMALL_COUNT, spin_for_us, NULL), ==, 0);
    CHECK_INT(thrum__load_relaxed(&arrived), ==, SMALL_COUNT);
}

TEST_DEADLINE(expensive_indices_are_split_on_each_executor, 60)
{
    on_each_executor(spin_range);
}

static int nested(void *arg, size_t first, size_t end)
{
    (void)arg;
    for (size_t i = first; i < end; i++) {
        int rc = thrum_for(pool, 0, 10, spin_for_us, NULL);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static void nest(void)
{
    thrum__store_relaxed(&arrived, 0);
    CHECK_INT(thrum_for(pool, 0, 10, nested, NULL), ==, 0);
    CHECK_INT(thrum__load_relaxed(&arrived), ==, 100);
}

TEST_DEADLINE(ranges_nest_on_each_executor, 60)
{
    on_each_executor(nest);
}

/* -------------------------------------------------------------------------------------- errors */

static int fail_at(void *arg, size_t first, size_t end)
{
    size_t bad = *(const size_t *)arg;
    spin_for_us(NULL, first, first + 1);
    return first <= bad && bad < end ? -EIO : 0;
}

static void fail_somewhere(void)
{
    for (size_t bad = 0; bad < SMALL_COUNT; bad += SMALL_COUNT / 4 - 1) {
        CHECK_INT(thrum_for(pool, 0, SMALL_COUNT, fail_at, &bad), ==, -EIO);
    }
}

TEST_DEADLINE(a_failure_of_any_part_is_returned_on_each_executor, 60)
{
    on_each_executor(fail_somewhere);
}

static int count_and_fail(void *arg, size_t first, size_t end)
{
    (void)arg, (void)first, (void)end;
    arrived++;
    return -EIO;
}

TEST(after_a_failure_no_part_begins)
{
    pool = thrum_inline_new();
    CHECK_INT(thrum_for(pool, 0, COUNT, count_and_fail, NULL), ==, -EIO);
    CHECK_INT(arrived, ==, 1);
    thrum_executor_shutdown(pool);
}

/* ---------------------------------------------------------------------------------- reductions */

/* x -> factor * x + offset, modulo 2^64: applying one after another is associative and not commutative. */
struct map {
    uint64_t factor, offset;
};

static struct map then(struct map first, struct map second)
{
    return (struct map){second.factor * first.factor, second.factor * first.offset + second.offset};
}

static struct map map_of(size_t index)
{
    return (struct map){2 * index + 1, index};
}

static int fold_maps(void *arg, size_t first, size_t end, void *total)
{
    struct map *map = total;
    (void)arg;
    for (size_t i = first; i < end; i++)
        *map = then(*map, map_of(i));
    return 0;
}

static void combine_maps(void *arg, void *total, const void *other)
{
    struct map *map = total;
    (void)arg;
    *map = then(*map, *(const struct map *)other);
}

static const thrum_reduction maps = {sizeof(struct map), fold_maps, combine_maps};

static void reduce_maps(void)
{
    struct map wanted = {1, 0}, total = {1, 0};
    fold_maps(NULL, 3, COUNT, &wanted);
    CHECK_INT(thrum_reduce(pool, 3, COUNT, &maps, NULL, &total), ==, 0);
    CHECK(total.factor == wanted.factor && total.offset == wanted.offset);
    struct map same = {1, 0};
    CHECK_INT(thrum_reduce(pool, 3, 3, &maps, NULL, &same), ==, 0);
    CHECK(same.factor == 1 && same.offset == 0);
}

TEST_DEADLINE(totals_are_combined_in_the_order_of_the_indices, 60)
{
    on_each_executor(reduce_maps);
}

/* A total that no frame has room for. */
enum { BINS = 100 };

static int fold_bins(void *arg, size_t first, size_t end, void *total)
{
    uint32_t *bins = total;
    for (size_t i = first; i < end; i++)
        bins[i % BINS]++;
    return spin_for_us(arg, first, first + 1);
}

static void combine_bins(void *arg, void *total, const void *other)
{
    uint32_t *bins = total;
    const uint32_t *more = other;
    (void)arg;
    for (int i = 0; i < BINS; i++)
        bins[i] += more[i];
}

static const thrum_reduction bins = {BINS * sizeof(uint32_t), fold_bins, combine_bins};

static void fill_bins(void)
{
    uint32_t total[BINS] = {0};
    CHECK_INT(thrum_reduce(pool, 0, 10 * BINS, &bins, NULL, total), ==, 0);
    for (int i = 0; i < BINS; i++)
        CHECK_INT(total[i], ==, 10);
}

TEST_DEADLINE(totals_may_be_large, 60)
{
    on_each_pool(fill_bins);
}

TEST(without_memory_for_a_large_total_nothing_runs_or_nothing_is_split)
{
    uint32_t total[BINS] = {0};
    pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 2});
    thrum__fault_arm(THRUM__FAULT_ALLOC, 1, UINT32_MAX);
    CHECK_INT(thrum_reduce(pool, 0, 10 * BINS, &bins, NULL, total), ==, -ENOMEM);
    CHECK_INT(total[0], ==, 0);
    thrum__fault_arm(THRUM__FAULT_ALLOC, 2, UINT32_MAX);
    CHECK_INT(thrum_reduce(pool, 0, 10 * BINS, &bins, NULL, total), ==, 0);
    CHECK_INT(total[BINS - 1], ==, 10);
    thrum__fault_disarm(THRUM__FAULT_ALLOC);
    thrum_executor_shutdown(pool);
}

static int fold_and_fail(void *arg, size_t first, size_t end, void *total)
{
    (void)arg, (void)first, (void)end;
    memset(total, 0xff, sizeof(struct map));
    return -EIO;
}

TEST(a_reduction_that_fails_leaves_the_total_as_it_was)
{
    struct map total = {1, 0};
    const thrum_reduction fails = {sizeof total, fold_and_fail, combine_maps};
    pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 2});
    CHECK_INT(thrum_reduce(pool, 0, COUNT, &fails, NULL, &total), ==, -EIO);
    CHECK(total.factor == 1 && total.offset == 0);
    thrum_executor_shutdown(pool);
}
