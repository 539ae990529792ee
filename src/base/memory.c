#include "base/memory.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#ifdef THRUM_EXPLORE
bool thrum__alloc_refused(void)
{
    return thrum__explore_allocation_failure() || thrum__fault(THRUM__FAULT_ALLOC);
}
#endif

/* Zeroed memory; a run of the explorer has memory of its own. */
static void *take(size_t count, size_t size)
{
    size_t all; /* calloc would refuse it too, but a sanitizer would stop the program for it */
    if (__builtin_mul_overflow(count, size, &all))
        return NULL;
#ifdef THRUM_EXPLORE
    void *memory = thrum__explore_allocate(all, _Alignof(max_align_t), false);
    if (memory)
        return memory;
#endif
    return calloc(count, size);
}

static void *take_unset(size_t size)
{
#ifdef THRUM_EXPLORE
    void *memory = thrum__explore_allocate(size, _Alignof(max_align_t), false);
    if (memory)
        return memory;
#endif
    return size <= PTRDIFF_MAX ? malloc(size) : NULL;
}

static void *take_line(size_t size)
{
    void *memory;
#ifdef THRUM_EXPLORE
    memory = thrum__explore_allocate(size, THRUM__CACHE_LINE, false);
    if (memory)
        return memory;
#endif
    return posix_memalign(&memory, THRUM__CACHE_LINE, size) ? NULL : memset(memory, 0, size);
}

static void *take_immortal(size_t size)
{
#ifdef THRUM_EXPLORE
    void *known = thrum__explore_allocate(size, THRUM__CACHE_LINE, true);
    if (known)
        return known;
#endif
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

/* Takes twice as much, and gives back what is before and behind the part that lies well. */
static char *take_slab(size_t size)
{
    char *all = mmap(NULL, 2 * size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED)
        return NULL;
    size_t before = -(uintptr_t)all & (size - 1);
    if (before)
        munmap(all, before);
    munmap(all + before + size, size - before);
    return all + before;
}

void *thrum__alloc(size_t size)
{
    return thrum__alloc_array(1, size);
}

void *thrum__alloc_unset(size_t size)
{
    return thrum__alloc_refused() ? NULL : take_unset(size);
}

void *thrum__alloc_array(size_t count, size_t size)
{
    return thrum__alloc_refused() ? NULL : take(count, size);
}

void *thrum__alloc_line(size_t size)
{
    return thrum__alloc_refused() ? NULL : take_line(size);
}

void thrum__free(void *memory)
{
#ifdef THRUM_EXPLORE
    if (thrum__explore_release(memory))
        return;
#endif
    free(memory);
}

void *thrum__alloc_slab(size_t size, bool all)
{
    void *slab = thrum__alloc_refused() ? NULL : take_slab(size);
    if (slab && all)
        madvise(slab, size, MADV_HUGEPAGE); /* fails where there are no huge pages */
    return slab;
}

void thrum__free_slab(void *slab, size_t size)
{
    munmap(slab, size);
}

bool thrum__offer_slab(void *slab, size_t size)
{
    return madvise(slab, size, MADV_FREE) == 0;
}

void *thrum__alloc_immortal(size_t size)
{
    return thrum__alloc_refused() ? NULL : take_immortal(size);
}
