#include "base/memory.h"
#include "base/fault.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#ifdef THRUM_EXPLORE
#include <malloc.h>
#endif

static bool refused(void)
{
#ifdef THRUM_EXPLORE
    if (thrum__explore_allocation_failure())
        return true;
#endif
    return thrum__fault(THRUM__FAULT_ALLOC);
}

static void *born(void *memory, size_t size)
{
#ifdef THRUM_EXPLORE
    if (memory)
        thrum__explore_live(memory, size);
#else
    (void)size;
#endif
    return memory;
}

void *thrum__alloc(size_t size)
{
    return thrum__alloc_array(1, size);
}

void *thrum__alloc_array(size_t count, size_t size)
{
    if (refused())
        return NULL;
    return born(calloc(count, size), count * size);
}

void *thrum__alloc_line(size_t size)
{
    void *memory;
    if (refused() || posix_memalign(&memory, THRUM__CACHE_LINE, size))
        return NULL;
    return born(memset(memory, 0, size), size);
}

void thrum__free(void *memory)
{
#ifdef THRUM_EXPLORE
    if (memory)
        thrum__explore_dead(memory, malloc_usable_size(memory));
#endif
    free(memory);
}

void *thrum__alloc_immortal(size_t size)
{
    if (refused())
        return NULL;
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}
