/* An allocator for the program's own blocks, so that their pages can be protected.
 *
 * Blocks that a library allocates for itself must not be there: it may hold a lock when it accesses
 * them. So the caller's address decides. The hooks serve a call from the program's own code from the
 * arena, and pass all others on; `free` and `realloc` look at the address of the block.
 *
 * A page has blocks of one size: a multiple of 16 up to 1 KiB. A larger block has pages of its own. What
 * must be known of a block stands in tables beside the arena, as its pages may be closed. Only the
 * thread that has the turn uses the arena, so it has no lock. A freed block is used again only when
 * the pages are exhausted, the block that was freed first before others: until then an access to it is
 * known to be one after free.
 */
#include "arena.h"

#include "memory.h"

#include "preload/real.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
    UNIT = 16,
    SMALL_MOST = 1024,
    UNITS = ARENA_PAGE / UNIT, /* blocks of the smallest size in a page */
    CLASSES = SMALL_MOST / UNIT + 1,
    BLOCKS = ARENA_PAGES * UNITS,
};

#define ARENA_AT 0x100000000000

enum state { NEVER_USED, IN_USE, FREED };

static uintptr_t arena;
static bool serves;
static uint32_t page_count;
static uint32_t page_sizes[ARENA_PAGES]; /* of a block there, for its first page */
static uint32_t page_firsts[ARENA_PAGES];
static uint8_t states[BLOCKS];
static uint32_t nexts[BLOCKS]; /* of freed blocks, plus 1 */
static struct {
    uint32_t first, last; /* freed blocks, plus 1 */
    uint32_t fresh, left; /* the rest of a page that was never used */
} classes[CLASSES];

bool thrum__arena_open(void)
{
    void *memory = mmap((void *)ARENA_AT, (size_t)ARENA_PAGES * ARENA_PAGE, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
    serves = memory != MAP_FAILED;
    arena = serves ? (uintptr_t)memory : 0;
    return serves;
}

void thrum__arena_shut(void)
{
    serves = false;
}

uintptr_t thrum__arena_start(void)
{
    return arena;
}

uintptr_t thrum__arena_end(void)
{
    return arena + (uintptr_t)page_count * ARENA_PAGE;
}

static bool owns(const void *block)
{
    uintptr_t address = (uintptr_t)block;
    return arena && address >= arena && address < thrum__arena_end();
}

static uint32_t size_at(uint32_t block)
{
    return page_sizes[page_firsts[block / UNITS]];
}

/* The number of the block that the address is in. */
static uint32_t block_of(uintptr_t address)
{
    uint32_t page = (uint32_t)((address - arena) / ARENA_PAGE), first = page_firsts[page];
    uint32_t offset = (uint32_t)(address - arena - (uintptr_t)first * ARENA_PAGE);
    uint32_t size = page_sizes[first];
    return first * UNITS + (size <= SMALL_MOST ? offset / size * (size / UNIT) : 0);
}

static void *address_of(uint32_t block)
{
    return (void *)(arena + (uintptr_t)block * UNIT);
}

bool thrum__arena_is_freed(uintptr_t address)
{
    return owns((const void *)address) && states[block_of(address)] == FREED;
}

/* Pages for blocks of that size. Returns the number of the first block, or BLOCKS. */
static uint32_t take_pages(uint32_t size)
{
    uint32_t count = (size + ARENA_PAGE - 1) / ARENA_PAGE, first = page_count;
    if (count > ARENA_PAGES - page_count)
        return BLOCKS;
    for (uint32_t i = 0; i < count; i++)
        page_firsts[first + i] = first;
    page_sizes[first] = size;
    page_count += count;
    return first * UNITS;
}

static uint32_t take_small(uint32_t size)
{
    uint32_t class = size / UNIT;
    if (classes[class].left == 0) {
        uint32_t block = take_pages(size);
        if (block < BLOCKS) {
            classes[class].fresh = block;
            classes[class].left = ARENA_PAGE / size;
        }
    }
    if (classes[class].left > 0) {
        uint32_t block = classes[class].fresh;
        classes[class].fresh += class;
        classes[class].left--;
        return block;
    }
    uint32_t block = classes[class].first;
    if (block == 0)
        return BLOCKS;
    classes[class].first = nexts[block - 1];
    if (!classes[class].first)
        classes[class].last = 0;
    return block - 1;
}

static void *take(size_t size)
{
    if (size > (size_t)(ARENA_PAGES / 4) * ARENA_PAGE)
        return NULL;
    uint32_t rounded = size ? (uint32_t)(size + UNIT - 1) / UNIT * UNIT : UNIT;
    uint32_t block = rounded <= SMALL_MOST ? take_small(rounded) : take_pages(rounded);
    if (block == BLOCKS)
        return NULL;
    states[block] = IN_USE;
    return address_of(block);
}

static void give_back(void *address, const void *place)
{
    uint32_t block = block_of((uintptr_t)address), class = size_at(block) / UNIT;
    if (!thrum__turn_on())
        return; /* it no longer takes part, so the tables are not its own */
    if (address_of(block) != address || states[block] != IN_USE)
        thrum__turn_fail(VERDICT_MISUSE, address, place,
                         "free of memory that is not allocated, or was freed before");
    states[block] = FREED;
    if (size_at(block) > SMALL_MOST)
        return;
    nexts[block] = 0;
    if (classes[class].last)
        nexts[classes[class].last - 1] = block + 1;
    else
        classes[class].first = block + 1;
    classes[class].last = block + 1;
}

static bool is_for_arena(const void *place)
{
    return serves && thrum__turn_on() && thrum__memory_is_text(place);
}

/* ---- the C library's functions ---- */

HOOK void *malloc(size_t size)
{
    void *block = is_for_arena(PLACE) ? take(size) : NULL;
    return block ? block : REAL(malloc)(size);
}

HOOK void free(void *block)
{
    if (owns(block))
        give_back(block, PLACE);
    else
        REAL(free)(block);
}

HOOK void *calloc(size_t count, size_t size)
{
    size_t total;
    if (!is_for_arena(PLACE) || __builtin_mul_overflow(count, size, &total))
        return REAL(calloc)(count, size);
    void *block = take(total);
    return block ? memset(block, 0, total) : REAL(calloc)(count, size);
}

HOOK void *realloc(void *block, size_t size)
{
    if (!owns(block)) {
        void *fresh = block || !is_for_arena(PLACE) ? NULL : take(size);
        return fresh ? fresh : REAL(realloc)(block, size);
    }
    size_t old = size_at(block_of((uintptr_t)block));
    void *fresh = take(size);
    if (!fresh)
        fresh = REAL(malloc)(size);
    if (fresh) {
        memcpy(fresh, block, old < size ? old : size);
        give_back(block, PLACE);
    }
    return fresh;
}

HOOK void *reallocarray(void *block, size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total)) {
        errno = ENOMEM;
        return NULL;
    }
    return realloc(block, total);
}

HOOK size_t malloc_usable_size(void *block)
{
    return owns(block) ? size_at(block_of((uintptr_t)block)) : REAL(malloc_usable_size)(block);
}
