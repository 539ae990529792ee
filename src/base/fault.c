#include "base/fault.h"
#include "base/atomic.h"

bool thrum__fault_armed; /* set before the code under test; others may be at work that is not */

static struct {
    uint32_t first, count, calls;
} sites[THRUM__FAULT_SITES];

void thrum__fault_arm(enum thrum__fault_site site, uint32_t first, uint32_t count)
{
    sites[site].first = first;
    sites[site].count = count;
    sites[site].calls = 0;
    bool armed = false;
    for (int i = 0; i < THRUM__FAULT_SITES; i++)
        armed |= sites[i].count != 0;
    __atomic_store_n(&thrum__fault_armed, armed, __ATOMIC_RELEASE);
}

uint32_t thrum__fault_calls(enum thrum__fault_site site)
{
    return __atomic_load_n(&sites[site].calls, __ATOMIC_RELAXED);
}

bool thrum__fault_slow(enum thrum__fault_site site)
{
    /* Not a scheduling point of the explorer, which has choices of its own for failures. */
    uint32_t call = __atomic_add_fetch(&sites[site].calls, 1, __ATOMIC_RELAXED);
    return call - sites[site].first < sites[site].count;
}
