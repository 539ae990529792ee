/* Memory that is freed: the locks in it are no more, and what is made there next are others.
 *
 * Most blocks have no lock. A bitmap has a bit for each line of 64 bytes in which a lock lies that was part of a context; two lines may
 * share a bit. Bits are never cleared. A block costs a look at the bits of its lines; where one is set, each address of
 * the line is looked up.
 *
 * The size of a block is asked of the C library's allocator, so only its blocks are looked at. With another allocator
 * (real.c), free is passed on.
 */
#include "real.h"
#include "watch.h"

#include <errno.h>
#include <malloc.h>

enum { LINE = 64, LINES = 1 << 18, LOCK_ALIGNMENT = 4 };

/* `destroyed`: lines in which an object of thrum was destroyed; a part of `lines`. */
static uint64_t lines[LINES / 64], destroyed[LINES / 64];

static void set(uint64_t *bits, uint64_t address)
{
    uint64_t line = address / LINE % LINES;
    __atomic_fetch_or(&bits[line / 64], UINT64_C(1) << line % 64, __ATOMIC_RELAXED);
}

static bool is_set(const uint64_t *bits, uint64_t address)
{
    uint64_t line = address / LINE % LINES;
    return __atomic_load_n(&bits[line / 64], __ATOMIC_RELAXED) >> line % 64 & 1;
}

void thrum__watch_memory_note(uint64_t address)
{
    set(lines, address);
}

void thrum__watch_memory_destroyed(uint64_t address)
{
    set(lines, address);
    set(destroyed, address);
}

bool thrum__watch_maybe_destroyed(const void *object)
{
    return is_set(destroyed, (uintptr_t)object);
}

/* A static program has free from its C library, which may call it from within. */
#ifndef DOCTOR_STATIC

static __attribute__((noinline)) void end_locks(uint64_t from, uint64_t end)
{
    int error = errno;
    for (uint64_t at = from; at < end; at += LOCK_ALIGNMENT)
        thrum__watch_lock_end((const void *)(uintptr_t)at);
    errno = error;
}

HOOK void free(void *block)
{
    if (block && thrum__watch_region && thrum__real_allocator) {
        uint64_t from = (uintptr_t)block, end = from + REAL(malloc_usable_size)(block);
        for (uint64_t at = from; at < end; at = (at | (LINE - 1)) + 1)
            if (unlikely(is_set(lines, at))) {
                uint64_t line_end = (at | (LINE - 1)) + 1;
                end_locks(at, line_end < end ? line_end : end);
            }
    }
    REAL(free)(block);
}

#endif
