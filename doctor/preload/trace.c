/* Events: the clock, the rings of slots, and places that were not met before. */
#include "trace.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <cpuid.h>

/* The counter runs at one rate, in all states of sleep, and the program may read it. */
static bool counter_fits(void)
{
    unsigned a = 0, b = 0, c = 0, d = 0;
    int allowed = 0;
    return syscall(SYS_prctl, PR_GET_TSC, &allowed, 0, 0, 0) == 0 && allowed == PR_TSC_ENABLE &&
           __get_cpuid(0x80000007, &a, &b, &c, &d) && d >> 8 & 1;
}
#else
static bool counter_fits(void)
{
    return true;
}
#endif

void thrum__trace_open(struct region *region)
{
    if (!region->ring_bits)
        return;
    region->ring_clock = counter_fits() ? RING_CLOCK_COUNTER : RING_CLOCK_MONOTONIC;
    /* A core file would have all of the rings. */
    syscall(SYS_madvise, region + 1, REGION_SLOTS * ring_size(region->ring_bits), MADV_DONTDUMP);
}

void thrum__trace_attach(struct slot *slot)
{
    struct region *region = thrum__watch_region;
    size_t index = (size_t)(slot - region->slots);
    slot->ring_bits = region->ring_bits;
    slot->ring = 0;
    if (region->ring_bits)
        slot->ring = (uint64_t)(uintptr_t)(region + 1) + index * ring_size(region->ring_bits);
}

/* Half of the memory for stacks is left to what the doctor records. */
static bool stack_wanted(const struct region *region)
{
    return __atomic_load_n(&region->stack_used, __ATOMIC_RELAXED) < REGION_STACK_BYTES / 2;
}

/* The key's upper bits are where the search begins. Another thread may add the same: then one of
 * both finds the key of the other. */
uint32_t thrum__trace_intern(struct slot *slot, uint64_t key, uint64_t site, enum lock_kind kind)
{
    struct region *region = thrum__watch_region;
    uint32_t first = (uint32_t)(key >> 48);
    for (uint32_t i = 0; i < RING_PLACES_TRIED; i++) {
        uint32_t at = (first + i) % RING_PLACES;
        struct ring_place *place = &region->places[at];
        uint64_t found = __atomic_load_n(&place->key, __ATOMIC_ACQUIRE);
        if (at == 0)
            continue;
        if (found == 0 && __atomic_compare_exchange_n(&place->key, &found, key, false,
                                                      __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
            int error = errno;
            place->site = site;
            place->kind = kind;
            place->stack = stack_wanted(region) ? thrum__watch_stack(slot) : 0;
            __atomic_store_n(&place->filled, 1, __ATOMIC_RELEASE);
            errno = error;
            return at;
        }
        if (found == key)
            return at;
    }
    thrum__watch_drop(DROPPED_PLACES);
    return 0;
}
