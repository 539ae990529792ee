#include "base/fault.h"
#include "base/atomic.h"

#include <stddef.h>

/* A test arms a site and then runs the code under test. Other threads, such as a worker that has just started, may call at
 * the same time, so every field is read and written atomically. None of it is a scheduling point of the explorer, which
 * has choices of its own for failures. */

bool thrum__fault_armed;

static struct {
    uint32_t first, count, calls;
    const void *thread; /* whose calls count; NULL for those of all */
} sites[THRUM__FAULT_SITES];

static __thread char own; /* its address stands for the thread */

static void set(uint32_t *field, uint32_t value)
{
    __atomic_store_n(field, value, __ATOMIC_RELAXED);
}

static uint32_t get(const uint32_t *field)
{
    return __atomic_load_n(field, __ATOMIC_RELAXED);
}

static void arm(enum thrum__fault_site site, uint32_t first, uint32_t count, const void *thread)
{
    __atomic_store_n(&sites[site].thread, thread, __ATOMIC_RELAXED);
    set(&sites[site].first, first);
    set(&sites[site].count, count);
    set(&sites[site].calls, 0);
    bool armed = false;
    for (int i = 0; i < THRUM__FAULT_SITES; i++)
        armed |= get(&sites[i].count) != 0;
    __atomic_store_n(&thrum__fault_armed, armed, __ATOMIC_RELEASE);
}

void thrum__fault_arm(enum thrum__fault_site site, uint32_t first, uint32_t count)
{
    arm(site, first, count, &own);
}

void thrum__fault_arm_all(enum thrum__fault_site site, uint32_t first, uint32_t count)
{
    arm(site, first, count, NULL);
}

void thrum__fault_disarm(enum thrum__fault_site site)
{
    arm(site, 1, 0, NULL);
}

uint32_t thrum__fault_calls(enum thrum__fault_site site)
{
    return get(&sites[site].calls);
}

bool thrum__fault_slow(enum thrum__fault_site site)
{
    const void *thread = __atomic_load_n(&sites[site].thread, __ATOMIC_RELAXED);
    if (thread && thread != &own)
        return false;
    uint32_t call = __atomic_add_fetch(&sites[site].calls, 1, __ATOMIC_RELAXED);
    return call - get(&sites[site].first) < get(&sites[site].count);
}
