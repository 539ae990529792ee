/* thrum_sort: sorted, stable, for each size of element. */
#include "support_parallel.h"

static uint64_t seed = 1;

static uint64_t draw(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

/* An element is its key, then its place before the sort, then padding. */

static uint16_t key_of(const void *element)
{
    uint16_t key;
    memcpy(&key, element, sizeof key);
    return key;
}

static uint16_t place_of(const void *element)
{
    uint16_t place;
    memcpy(&place, (const char *)element + 2, sizeof place);
    return place;
}

static int compare(const void *a, const void *b, void *arg)
{
    thrum__add_relaxed((uint32_t *)arg, 1);
    return key_of(a) < key_of(b) ? -1 : key_of(a) > key_of(b);
}

static void sort_some(size_t count, size_t size, uint16_t keys)
{
    char *elements = calloc(count + 1, size);
    CHECK(elements != NULL);
    for (size_t i = 0; i < count; i++) {
        uint16_t key = (uint16_t)(draw() % keys), place = (uint16_t)i;
        memcpy(elements + i * size, &key, sizeof key);
        memcpy(elements + i * size + 2, &place, sizeof place);
    }
    uint32_t compared = 0;
    CHECK_INT(thrum_sort(pool, elements, count, size, compare, &compared), ==, 0);
    for (size_t i = 1; i < count; i++) {
        const char *before = elements + (i - 1) * size, *after = before + size;
        CHECK(key_of(before) < key_of(after) ||
              (key_of(before) == key_of(after) && place_of(before) < place_of(after)));
    }
    free(elements);
}

static void sort_all_sizes(void)
{
    static const size_t sizes[] = {4, 8, 12, 16, 100};
    static const size_t counts[] = {0, 1, 2, 7, 8, 9, 63, 64, 65, 1000, 4096, 4097, 30000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (size_t j = 0; j < sizeof counts / sizeof *counts - SANITIZED; j++) {
            sort_some(counts[j], sizes[i], 10000);
            sort_some(counts[j], sizes[i], 3);
        }
}

TEST_DEADLINE(elements_of_each_size_and_number_are_sorted_and_keep_their_order, 120)
{
    by_each_caller(thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 2}),
                   sort_all_sizes);
    by_each_caller(thrum_inline_new(), sort_all_sizes);
}

static void sort_a_few(void)
{
    sort_some(20000, 8, 500);
}

TEST_DEADLINE(elements_are_sorted_on_each_executor, 60)
{
    on_each_executor(sort_a_few);
}

/* As a comparison of doubles does that meets a NaN, and worse. */
static int contradict(const void *a, const void *b, void *arg)
{
    (void)arg;
    return (int)((uint32_t)(key_of(a) * 40503u + key_of(b) * 30011u) >> 3) % 3 - 1;
}

TEST(a_comparison_that_contradicts_itself_loses_no_element)
{
    enum { COUNT = 20000 };
    static uint16_t elements[COUNT][4], seen[COUNT];
    pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 2});
    for (int i = 0; i < COUNT; i++)
        elements[i][0] = (uint16_t)i;
    CHECK_INT(thrum_sort(pool, elements, COUNT, sizeof *elements, contradict, NULL), ==, 0);
    for (int i = 0; i < COUNT; i++)
        seen[elements[i][0]]++;
    for (int i = 0; i < COUNT; i++)
        CHECK_INT(seen[i], ==, 1);
    thrum_executor_shutdown(pool);
}

TEST(without_memory_the_elements_stay_as_they_are)
{
    uint32_t elements[] = {3, 1, 2}, compared = 0;
    pool = thrum_inline_new();
    thrum__fault_arm(THRUM__FAULT_ALLOC, 1, 1);
    CHECK_INT(thrum_sort(pool, elements, 3, sizeof *elements, compare, &compared), ==, -ENOMEM);
    CHECK(elements[0] == 3 && elements[1] == 1 && elements[2] == 2);
    CHECK_INT(thrum_sort(pool, elements, SIZE_MAX / 2, 4, compare, &compared), ==, -ENOMEM);
    thrum_executor_shutdown(pool);
}
