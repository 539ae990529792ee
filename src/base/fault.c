#include "base/fault.h"
#include "base/atomic.h"

/* A test arms a site and then runs the code under test. Threads of earlier tests, such as idle workers, may call at the
 * same time, so every field is read and written atomically. None of it is a scheduling point of the explorer, which has
 * choices of its own for failures. */

bool thrum__fault_armed;

static struct {
    uint32_t first, count, calls;
} sites[THRUM__FAULT_SITES];

static void set(uint32_t *field, uint32_t value)
{
    __atomic_store_n(field, value, __ATOMIC_RELAXED);
}

static uint32_t get(const uint32_t *field)
{
    return __atomic_load_n(field, __ATOMIC_RELAXED);
}

void thrum__fault_arm(enum thrum__fault_site site, uint32_t first, uint32_t count)
{
    set(&sites[site].first, first);
    set(&sites[site].count, count);
    set(&sites[site].calls, 0);
    bool armed = false;
    for (int i = 0; i < THRUM__FAULT_SITES; i++)
        armed |= get(&sites[i].count) != 0;
    __atomic_store_n(&thrum__fault_armed, armed, __ATOMIC_RELEASE);
}

uint32_t thrum__fault_calls(enum thrum__fault_site site)
{
    return get(&sites[site].calls);
}

bool thrum__fault_slow(enum thrum__fault_site site)
{
    uint32_t call = __atomic_add_fetch(&sites[site].calls, 1, __ATOMIC_RELAXED);
    return call - get(&sites[site].first) < get(&sites[site].count);
}
