/* A heap of glibc, read from outside.
 *
 * A heap is cut into chunks without a gap. The second word of a chunk is its size, a multiple of 16; the lowest bit of it
 * says that the chunk before is in use. The memory that malloc gave begins 16 bytes into a chunk and ends 8 bytes into
 * the next. The last chunk, the top, is free. This has been so since glibc 2.3, and a program may rely on no more than
 * that either.
 *
 *   main arena       the mapping [heap], from its first address on; in a static program, behind the memory of the
 *                    thread's variables. Then the first chunk is the cache of the first thread.
 *   other arenas     mappings at multiples of 64 MiB. The first words are the address of the arena, of the previous heap,
 *                    and the size. In an arena's first heap the arena follows, whose size depends on the version; its
 *                    field `top` is at the same place since 2.27.
 *
 * Where the first chunk is, is found by trial: a chain of sizes that ends exactly where it must has begun at a chunk. What
 * is not understood so is no heap here, and its memory is taken for memory that may hold anything.
 *
 * An arena knows its top and its free chunks by the addresses of the chunks. Such an address lies in the block before, as that
 * ends 8 bytes into the next chunk. So the words of an arena must lead nowhere. The main arena is a variable of the C library:
 * it is found by its `top`, and by the heads of its empty lists, which lead to themselves.
 *
 * A chunk that malloc gave and free took back may still count as in use: small ones are kept in lists. Those lists that
 * each thread has (tcache) are recognised by their form: 64 counts of at most 7, and 64 pointers, of which those with a
 * count of 0 are NULL.
 */
#include "heap.h"

#include <errno.h>
#include <stdlib.h>

enum {
    UNIT = 16,
    FLAGS = 7,
    PREVIOUS_USED = 1,
    CACHE_CHUNK = 0x290,
    CACHE_BINS = 64,
    CACHE_MOST = 7,
    TOP_AT = 96,         /* in an arena */
    ARENA_LEAST = 0x860, /* the size of an arena, in all versions */
    ARENA_MOST = 0x920,
    VARIABLES_MOST = 1 << 24,
    FIRST_MOST = 1 << 16, /* what stands before the first chunk of a static program */
};

static const uint64_t HEAP_SIZE = 64 << 20, HEAPS_BYTES_MOST = (uint64_t)2 << 30;

static uint64_t word_at(const struct heap *heap, uint64_t address)
{
    uint64_t value = 0;
    if (address >= heap->start && heap->end - address >= sizeof value && address < heap->end)
        memcpy(&value, heap->bytes + (address - heap->start), sizeof value);
    return value;
}

static uint64_t chunk_size(const struct heap *heap, uint64_t chunk)
{
    return word_at(heap, chunk + 8) & ~(uint64_t)FLAGS;
}

/* True if chunks lead from `first` exactly to `end`. The very last one, which closes a heap that is full, may have the size
 * 0. */
static bool leads_to_end(const struct heap *heap, uint64_t first, uint64_t end)
{
    uint64_t chunk = first;
    while (chunk < end) {
        uint64_t size = chunk_size(heap, chunk);
        if (size == 0 && end - chunk == UNIT)
            return true;
        if (size < UNIT || size % UNIT || size > end - chunk)
            return false;
        chunk += size;
    }
    return chunk == end;
}

static bool add_block(struct heap *heap, uint64_t start, uint64_t end)
{
    if (heap->count == heap->room) {
        size_t room = heap->room ? heap->room * 2 : 1024;
        struct block *blocks = realloc(heap->blocks, room * sizeof *blocks);
        if (!blocks)
            return false;
        heap->blocks = blocks;
        heap->room = room;
    }
    heap->blocks[heap->count++] = (struct block){start, end, false};
    return true;
}

/* Lists the chunks in use from `first` to `end`, where the top or the last one is. False if memory ran out. */
static bool list_blocks(struct heap *heap, uint64_t first, uint64_t end)
{
    for (uint64_t chunk = first; chunk < end;) {
        uint64_t next = chunk + chunk_size(heap, chunk);
        if (next == chunk)
            break;
        if (next < end && word_at(heap, next + 8) & PREVIOUS_USED &&
            !add_block(heap, chunk + UNIT, next + 8))
            return false;
        chunk = next;
    }
    heap->start = first;
    return true;
}

/* The first chunk of the main arena; 0 if the mapping is none. */
static uint64_t first_of_main(const struct heap *heap)
{
    if (leads_to_end(heap, heap->start, heap->end))
        return heap->start;
    for (uint64_t at = heap->start; at < heap->start + FIRST_MOST && at + UNIT < heap->end;
         at += UNIT)
        if (chunk_size(heap, at) == CACHE_CHUNK && leads_to_end(heap, at, heap->end))
            return at;
    return 0;
}

/* The first chunk of a heap of another arena; 0 if it is none. */
static uint64_t first_of_other(const struct process *process, const struct heap *heap)
{
    uint64_t arena = word_at(heap, heap->start), top = 0;
    if (arena == 0 || word_at(heap, heap->start + 16) != heap->end - heap->start ||
        !memory_word(&process->memory, arena + TOP_AT, &top))
        return 0;
    bool holds_arena = arena > heap->start && arena - heap->start <= 0x80;
    uint64_t from = holds_arena ? arena + ARENA_LEAST : heap->start + 0x20;
    uint64_t to = holds_arena ? arena + ARENA_MOST : heap->start + 0x60;
    bool has_top = top > heap->start && top < heap->end;
    for (uint64_t at = (from + UNIT - 1) / UNIT * UNIT; at <= to; at += UNIT)
        if (has_top ? leads_to_end(heap, at, top) && top + chunk_size(heap, top) == heap->end
                    : leads_to_end(heap, at, heap->end))
            return at;
    return 0;
}

/* True if `words` are those of an arena at `address`: many of its lists are empty. */
static bool is_arena(const uint8_t *words, uint64_t address)
{
    enum { BINS_AT = TOP_AT + 16, LINKS = 254, EMPTY_LEAST = 32 };
    int empty = 0;
    for (int i = 0; i < LINKS; i++) {
        uint64_t link, place = BINS_AT + (uint64_t)(i & ~1) * 8;
        memcpy(&link, words + BINS_AT + i * 8, sizeof link);
        empty += link == address + place - UNIT;
    }
    return empty >= EMPTY_LEAST;
}

/* Finds the main arena among the variables of a file. */
static void find_state(struct heap *heap, const struct process *process, const struct mapping *map,
                       uint64_t top)
{
    size_t size = map->end - map->start, read = 0;
    uint8_t *bytes = size <= VARIABLES_MOST ? malloc(size) : NULL;
    if (bytes)
        read = memory_read_some(&process->memory, map->start, bytes, size);
    for (size_t i = 0; i + ARENA_LEAST <= read && !heap->state; i += 8) {
        uint64_t word;
        memcpy(&word, bytes + i + TOP_AT, sizeof word);
        if (word == top && is_arena(bytes + i, map->start + i)) {
            heap->state = map->start + i;
            heap->state_end = heap->state + ARENA_LEAST;
        }
    }
    free(bytes);
}

/* Once the heap begins with its first chunk. */
static void find_main_state(struct heap *heap, const struct process *process)
{
    uint64_t top = heap->start, size;
    const struct modules *modules = &process->modules;
    while ((size = chunk_size(heap, top)) > 0 && top + size < heap->end)
        top += size;
    for (int i = 0; i < modules->map_count && !heap->state; i++)
        if (modules->maps[i].write && modules->maps[i].module >= 0)
            find_state(heap, process, &modules->maps[i], top);
}

static int add_heap(struct heaps *heaps, const struct process *process, uint64_t start,
                    uint64_t end, bool main)
{
    struct heap heap = {.start = start, .end = end, .bytes = malloc(end - start)};
    if (heaps->count == heaps->room) {
        size_t room = heaps->room ? heaps->room * 2 : 16;
        struct heap *list = realloc(heaps->list, room * sizeof *list);
        if (!list) {
            free(heap.bytes);
            return -ENOMEM;
        }
        heaps->list = list;
        heaps->room = room;
    }
    if (!heap.bytes)
        return -ENOMEM;
    uint8_t *bytes = heap.bytes;
    uint64_t first = 0;
    if (memory_read(&process->memory, start, bytes, end - start))
        first = main ? first_of_main(&heap) : first_of_other(process, &heap);
    if (first == 0) {
        free(bytes);
        return 0;
    }
    int rc = list_blocks(&heap, first, end) ? 0 : -ENOMEM;
    memmove(bytes, bytes + (first - start), end - first);
    if (main)
        find_main_state(&heap, process);
    else {
        heap.state = start;
        heap.state_end = first;
    }
    heaps->list[heaps->count++] = heap;
    return rc;
}

int heaps_read(struct heaps *heaps, const struct process *process)
{
    const struct modules *modules = &process->modules;
    uint64_t bytes = 0;
    int rc = 0;
    *heaps = (struct heaps){0};
    for (int i = 0; rc == 0 && i < modules->map_count; i++) {
        const struct mapping *map = &modules->maps[i];
        bool main = strcmp(map->label, "[heap]") == 0;
        uint64_t end = map->end, size;
        if (!map->write || map->shared || map->module >= 0 ||
            (!main && (map->label[0] || map->start % HEAP_SIZE)))
            continue;
        if (!main) { /* mappings that touch are one, so that it may end before the mapping */
            if (!memory_word(&process->memory, map->start + 16, &size) || size == 0 ||
                size > HEAP_SIZE || size > map->end - map->start)
                continue;
            end = map->start + size;
        }
        bytes += end - map->start;
        if (bytes > HEAPS_BYTES_MOST)
            return -E2BIG;
        rc = add_heap(heaps, process, map->start, end, main);
    }
    return rc;
}

void heaps_free(struct heaps *heaps)
{
    for (size_t i = 0; i < heaps->count; i++) {
        free(heaps->list[i].bytes);
        free(heaps->list[i].blocks);
    }
    free(heaps->list);
    *heaps = (struct heaps){0};
}

struct block *heaps_block(const struct heaps *heaps, uint64_t address, const struct heap **ret_heap)
{
    for (size_t i = 0; i < heaps->count; i++) {
        const struct heap *heap = &heaps->list[i];
        if (address < heap->start || address >= heap->end)
            continue;
        size_t low = 0, high = heap->count;
        while (low < high) {
            size_t middle = low + (high - low) / 2;
            if (address >= heap->blocks[middle].end)
                low = middle + 1;
            else
                high = middle;
        }
        *ret_heap = heap;
        return low < heap->count && address >= heap->blocks[low].start ? &heap->blocks[low] : NULL;
    }
    return NULL;
}

bool heap_block_is_cache(const struct heap *heap, const struct block *block)
{
    const uint8_t *bytes = heap->bytes + (block->start - heap->start);
    if (block->end - block->start != CACHE_CHUNK - 8)
        return false;
    for (size_t i = 0; i < CACHE_BINS; i++) {
        uint16_t count;
        uint64_t pointer;
        memcpy(&count, bytes + i * sizeof count, sizeof count);
        memcpy(&pointer, bytes + CACHE_BINS * sizeof count + i * sizeof pointer, sizeof pointer);
        if (count > CACHE_MOST || (count == 0 && pointer != 0))
            return false;
    }
    return true;
}
