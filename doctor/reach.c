/* Fibers that wait for what nothing can reach any more.
 *
 * A fiber that waits stands in the queue of an object: the object holds the address of a waiter, which lies on the fiber's
 * stack. To end the wait, a thread or another fiber needs the object, or the future of the fiber's task, to cancel it. If no
 * memory that a thread or a fiber that may go on can reach has a pointer to either, the fiber waits for ever: it is leaked.
 * This is what a garbage collector does, asked the other way round, and conservatively: a word that may be a pointer is one.
 *
 * What is taken for reachable at first (roots):
 *
 *     registers of threads             but not of a thread that sleeps on the stack of a suspect (see below)
 *     stacks of threads                from the stack pointer on, as far as the stack's beginning is known
 *     variables, mapped memory         all that may be written, with the exceptions below
 *     fibers that are no suspects      those that run, are ready to, wait with a time limit, or for something outside
 *
 * What is reached only if a pointer leads there:
 *
 *     blocks of malloc                 heap.c. A pointer to any byte of a block reaches all of it
 *     suspects                         fibers that wait for an object of the process without a limit. A pointer to the used
 *                                      part of its stack, or to the future of its task, reaches all that the fiber has: its
 *                                      stack, record, context and task
 *
 * So when an object is reached, its queue leads to the first of its waiters, and that one's links to the others. Suspects that
 * are not reached when nothing new is found are leaked, also if they wait for each other.
 *
 * What is no memory of anyone (skipped):
 *
 *     stacks below the stack pointer, and those of fibers without a task
 *     contexts of the library that are not in use
 *     futures that were given back
 *     the ring of a worker, whose slots keep the addresses of tasks that were taken
 *     what malloc knows of free blocks, for all threads and for each
 *     what the library of `thrum doctor -- PROGRAM` notes, in its variables and in the memory that it shares
 *
 * The worker of a fiber looks for other work on that fiber's stack. So a thread whose stack pointer lies in the stack of a
 * suspect has no roots there; its own stack is one.
 *
 * All threads stand still meanwhile, or it is a core file: else a pointer could move from memory that is still to be read to
 * memory that has been read. The verdict is "likely": a program can hide a pointer (in a file, in another process, in the lower
 * bits of a word), and the shutdown of a pool with a request to cancel reaches all of its tasks. A word that looks like a
 * pointer, or that is left from a call which has returned, hides a leak; it never invents one.
 */
#include "reach.h"

#include "heap.h"
#include "thrum_layout.h"

#include <errno.h>
#include <stdlib.h>

enum {
    WORD = 8,
    PIECE = 1 << 20,
    RED_ZONE = 128,
    SLABS_MOST = 1 << 12,
    SLAB_MOST = 1 << 26,
    PAGE = 4096
};

static const uint64_t BYTES_MOST = (uint64_t)4 << 30;

/* Addresses; of a fiber, by its index among the threads, or of none (-1). */
struct range {
    uint64_t start, end;
    int fiber;
};

struct ranges {
    struct range *list;
    size_t count, room;
    bool failed; /* memory ran out */
};

struct stack {
    uint64_t bottom, pointer,
        record; /* used from `pointer` on; what is at the top begins with the record */
    bool suspect;
    size_t part; /* the first of its parts */
};

/* As src/future/future_cache.h has it. */
struct slabs {
    uint64_t first;
    uint32_t size, next, given, place, references, likely;
};

struct reach {
    struct process *process;
    struct thrum thrum;
    struct slabs slabs;
    struct heaps heaps;
    struct ranges skipped; /* are no roots */
    struct ranges parts;   /* what a suspect has */
    struct ranges targets; /* a pointer there reaches a suspect */
    struct stack *stacks;  /* by index among the threads; of others than fibers all 0 */
    bool *reached;         /* by the same index */
    uint8_t *buffer;       /* PIECE bytes */

    /* What was reached and is still to be scanned. */
    struct block **blocks;
    size_t block_count, block_room;
    int *fibers;
    size_t fiber_count;
    bool failed;
};

static void add_range(struct ranges *ranges, uint64_t start, uint64_t end, int fiber)
{
    if (start >= end)
        return;
    if (ranges->count == ranges->room) {
        size_t room = ranges->room ? ranges->room * 2 : 256;
        struct range *list = realloc(ranges->list, room * sizeof *list);
        if (!list) {
            ranges->failed = true;
            return;
        }
        ranges->list = list;
        ranges->room = room;
    }
    ranges->list[ranges->count++] = (struct range){start, end, fiber};
}

static int by_start(const void *a, const void *b)
{
    const struct range *one = a, *other = b;
    return (one->start > other->start) - (one->start < other->start);
}

/* In the order of addresses, and apart. */
static void sort_ranges(struct ranges *ranges)
{
    if (ranges->count)
        qsort(ranges->list, ranges->count, sizeof *ranges->list, by_start);
    for (size_t i = 1; i < ranges->count; i++) {
        struct range *range = &ranges->list[i];
        if (range->start < range[-1].end)
            range->start = range[-1].end;
        if (range->end < range->start)
            range->end = range->start;
    }
}

/* The first range that ends behind an address. */
static size_t range_at(const struct ranges *ranges, uint64_t address)
{
    size_t low = 0, high = ranges->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (ranges->list[middle].end <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* ------------------------------------------------------------------------- what the library has */

static bool is_suspect(const struct reach *reach, const struct thread *fiber)
{
    static const char *const inside[] = {"lock",    "rwlock", "semaphore", "event",  "condition",
                                         "barrier", "future", "futures",   "select", "queue"};
    if (fiber->wait.kind != OBJECT_THRUM || fiber->wait.limited ||
        !thrum_is_waiting(&reach->thrum.at, fiber->claim))
        return false;
    for (size_t i = 0; i < sizeof inside / sizeof *inside; i++)
        if (strncmp(fiber->wait.type, inside[i], strlen(inside[i])) == 0)
            return true;
    return false;
}

/* The ring of a fiber's worker. */
static void skip_ring(struct reach *reach, uint64_t record)
{
    const struct layout *at = &reach->thrum.at;
    uint64_t worker;
    if (memory_word(&reach->process->memory, record + at->fiber_worker, &worker))
        add_range(&reach->skipped, worker + at->worker_ring,
                  worker + at->worker_ring + at->worker_ring_size, -1);
}

/* A fiber with a task: `index` among the threads. */
static void add_fiber(struct reach *reach, int index, const struct context *context)
{
    const struct layout *at = &reach->thrum.at;
    const struct memory *memory = &reach->process->memory;
    const struct thread *fiber = &reach->process->threads[index];
    struct stack *stack = &reach->stacks[index];
    uint64_t record = fiber->fiber_record, task = 0, rest = word_of(context, at->rest);
    stack->record = record;
    if (!memory_word(memory, record + at->fiber_bottom, &stack->bottom) ||
        !memory_word(memory, record + at->fiber_task, &task) || stack->bottom >= record) {
        stack->bottom = stack->pointer = record;
        return;
    }
    stack->pointer = fiber->registers.value[REGISTER_STACK];
    if (stack->pointer <= stack->bottom || stack->pointer > record)
        stack->pointer = stack->bottom + PAGE; /* not known: all but the guard */
    skip_ring(reach, record);
    stack->suspect = is_suspect(reach, fiber);
    if (!stack->suspect) {
        add_range(&reach->skipped, stack->bottom, stack->pointer, -1);
        return;
    }
    const struct range parts[] = {{stack->pointer, record + at->fiber_size, index},
                                  {context->address, context->address + at->context_size, index},
                                  {rest, rest + at->rest_size, index},
                                  {task, task + reach->slabs.place, index}};
    stack->part = reach->parts.count;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        add_range(&reach->parts, parts[i].start, parts[i].end, index);
        add_range(&reach->skipped, parts[i].start, parts[i].end, index);
    }
    add_range(&reach->skipped, stack->bottom, stack->pointer, -1);
    add_range(&reach->targets, stack->pointer, record, index);
    add_range(&reach->targets, task, task + reach->slabs.place, index);
}

static void skip_context(struct reach *reach, const struct context *context)
{
    const struct layout *at = &reach->thrum.at;
    uint64_t rest = word_of(context, at->rest), fiber = word_of(context, at->fiber), bottom;
    add_range(&reach->skipped, context->address, context->address + at->context_size, -1);
    if (rest)
        add_range(&reach->skipped, rest, rest + at->rest_size, -1);
    if (fiber && memory_word(&reach->process->memory, fiber + at->fiber_bottom, &bottom)) {
        skip_ring(reach, fiber);
        add_range(&reach->skipped, bottom, fiber + at->fiber_size, -1);
    }
}

/* Fibers with and without a task, and contexts that are not in use. Returns 0 or -ENOMEM. */
static int read_contexts(struct reach *reach)
{
    const struct process *process = reach->process;
    struct thrum *thrum = &reach->thrum;
    struct context context;
    thrum->thread_of = malloc(sizeof *thrum->thread_of * thrum->used);
    if (!thrum->thread_of)
        return -ENOMEM;
    for (uint32_t ident = 0; ident < thrum->used; ident++)
        thrum->thread_of[ident] = -1;
    for (int i = 0; i < process->count; i++)
        if (process->threads[i].fiber && (uint32_t)process->threads[i].tid < thrum->used)
            thrum->thread_of[process->threads[i].tid] = i;
    for (uint32_t ident = 1; ident < thrum->used; ident++) {
        bool used = thrum_read_context(thrum, ident, &context);
        if (used && thrum->thread_of[ident] >= 0)
            add_fiber(reach, thrum->thread_of[ident], &context);
        /* Fibers that are too many to be shown keep theirs. */
        else if (context.address &&
                 (!used || (word_of(&context, thrum->at.fiber) && !process->fibers_unseen)))
            skip_context(reach, &context);
    }
    return 0;
}

/* Places for futures that hold none. */
static void skip_futures(struct reach *reach)
{
    const struct slabs *slabs = &reach->slabs;
    const struct memory *memory = &reach->process->memory;
    uint64_t slab = 0;
    uint8_t *bytes = malloc(slabs->size);
    memory_word(memory, slabs->first, &slab);
    for (int i = 0; bytes && slab && i < SLABS_MOST; i++) {
        uint32_t given, count;
        if (!memory_half(memory, slab + slabs->given, &given) ||
            slabs->references + sizeof count > slabs->place ||
            (uint64_t)given * slabs->place > slabs->size ||
            !memory_read(memory, slab, bytes, (size_t)given * slabs->place))
            break;
        for (uint32_t place = 1; place < given; place++) {
            uint64_t start = slab + (uint64_t)place * slabs->place;
            memcpy(&count, bytes + (start - slab) + slabs->references, sizeof count);
            if (count == 0 || count >= slabs->likely)
                add_range(&reach->skipped, start, start + slabs->place, -1);
        }
        add_range(&reach->skipped, slab + (uint64_t)given * slabs->place, slab + slabs->size, -1);
        if (!memory_word(memory, slab + slabs->next, &slab))
            break;
    }
    free(bytes);
}

/* ------------------------------------------------------------------------------------- scanning */

static void reach_fiber(struct reach *reach, int fiber)
{
    if (reach->reached[fiber])
        return;
    reach->reached[fiber] = true;
    reach->fibers[reach->fiber_count++] = fiber;
}

static void reach_block(struct reach *reach, const struct heap *heap, struct block *block)
{
    if (block->seen)
        return;
    block->seen = true;
    if (heap_block_is_cache(heap, block))
        return;
    if (reach->block_count == reach->block_room) {
        size_t room = reach->block_room ? reach->block_room * 2 : 1024;
        struct block **blocks = realloc(reach->blocks, room * sizeof *blocks);
        if (!blocks) {
            reach->failed = true;
            return;
        }
        reach->blocks = blocks;
        reach->block_room = room;
    }
    reach->blocks[reach->block_count++] = block;
}

static void take_word(struct reach *reach, uint64_t value)
{
    const struct heap *heap;
    struct block *block = heaps_block(&reach->heaps, value, &heap);
    if (block)
        reach_block(reach, heap, block);
    size_t at = range_at(&reach->targets, value);
    if (at < reach->targets.count && value >= reach->targets.list[at].start)
        reach_fiber(reach, reach->targets.list[at].fiber);
}

static void take_bytes(struct reach *reach, uint64_t address, const uint8_t *bytes, size_t size)
{
    uint64_t value;
    for (size_t i = -address % WORD; i + WORD <= size; i += WORD) {
        memcpy(&value, bytes + i, WORD);
        if (value >= PAGE)
            take_word(reach, value);
    }
}

/* All words from `start` to `end`. A page that cannot be read has none. */
static void take_range(struct reach *reach, uint64_t start, uint64_t end)
{
    while (start < end) {
        size_t size = end - start < PIECE ? end - start : PIECE;
        size_t got = memory_read_some(&reach->process->memory, start, reach->buffer, size);
        take_bytes(reach, start, reach->buffer, got);
        start += got;
        if (got < size)
            start = (start / PAGE + 1) * PAGE;
    }
}

/* The same without what is skipped. `bytes` is a copy, or NULL. */
static void take_rest(struct reach *reach, uint64_t start, uint64_t end, const uint8_t *bytes)
{
    const struct ranges *skipped = &reach->skipped;
    uint64_t at = start;
    for (size_t i = range_at(skipped, start); at < end; i++) {
        const struct range *range = i < skipped->count ? &skipped->list[i] : NULL;
        uint64_t stop = range && range->start < end ? range->start : end;
        if (at < stop && bytes)
            take_bytes(reach, at, bytes + (at - start), stop - at);
        else if (at < stop)
            take_range(reach, at, stop);
        at = range ? range->end : end;
    }
}

static void take_all_that_is_reached(struct reach *reach)
{
    const struct heap *heap;
    while (!reach->failed && (reach->block_count || reach->fiber_count)) {
        if (reach->fiber_count) {
            int fiber = reach->fibers[--reach->fiber_count];
            for (size_t i = reach->stacks[fiber].part;
                 i < reach->parts.count && reach->parts.list[i].fiber == fiber; i++)
                take_range(reach, reach->parts.list[i].start, reach->parts.list[i].end);
            continue;
        }
        const struct block *block = reach->blocks[--reach->block_count];
        if (heaps_block(&reach->heaps, block->start, &heap))
            take_rest(reach, block->start, block->end, heap->bytes + (block->start - heap->start));
    }
}

/* ---------------------------------------------------------------------------------------- roots */

/* The fiber on whose stack an address lies, or -1. */
static int fiber_at(const struct reach *reach, uint64_t address)
{
    for (int i = 0; i < reach->process->count; i++)
        if (address >= reach->stacks[i].bottom && address < reach->stacks[i].record)
            return i;
    return -1;
}

/* What lies below a thread's stack pointer is free, if the stack begins where its mapping does: behind a guard. */
static void skip_below(struct reach *reach, const struct thread *thread)
{
    uint64_t pointer = thread->registers.value[REGISTER_STACK] - RED_ZONE;
    const struct mapping *map = modules_map(&reach->process->modules, pointer);
    if (!map || fiber_at(reach, pointer) >= 0)
        return;
    const struct mapping *before = map > reach->process->modules.maps ? map - 1 : NULL;
    bool guarded = before && before->end == map->start && !before->read && !before->write;
    if (guarded || strcmp(map->label, "[stack]") == 0)
        add_range(&reach->skipped, map->start, pointer, -1);
}

static void take_registers(struct reach *reach, const struct thread *thread)
{
    int fiber = fiber_at(reach, thread->registers.value[REGISTER_STACK]);
    if (fiber >= 0 && reach->stacks[fiber].suspect)
        return;
    for (unsigned i = 0; i < REGISTER_COUNT; i++)
        if (register_known(&thread->registers, i))
            take_word(reach, thread->registers.value[i]);
}

/* The variables of the library that `thrum doctor -- PROGRAM` preloads, which notes addresses of objects. */
static void skip_preload(struct reach *reach)
{
    struct modules *modules = &reach->process->modules;
    for (int i = 0; i < modules->count; i++) {
        const char *name = strrchr(modules->list[i].path, '/');
        if (!name || strcmp(name, "/libthrum-doctor.so") != 0)
            continue;
        const struct module *module = modules_find(modules, modules->list[i].start);
        for (int j = 0; module && j < module->segment_count; j++) {
            uint64_t start = module->bias + module->segments[j].address;
            add_range(&reach->skipped, start, start + module->segments[j].size, -1);
        }
    }
}

static bool is_root(const struct process *process, const struct mapping *map)
{
    const char *path = map->module >= 0 ? process->modules.list[map->module].path : "";
    if (strstr(path, "/memfd:thrum-doctor") || strncmp(map->label, "[v", 2) == 0)
        return false;
    return map->read && (map->write || map->module < 0);
}

/* A mapping without the heaps in it. */
static void take_mapping(struct reach *reach, const struct mapping *map)
{
    uint64_t at = map->start;
    for (size_t i = 0; i < reach->heaps.count; i++) {
        const struct heap *heap = &reach->heaps.list[i];
        if (heap->start < map->start || heap->start >= map->end)
            continue;
        take_rest(reach, at, heap->start, NULL);
        at = heap->end;
    }
    take_rest(reach, at, map->end, NULL);
}

static int take_roots(struct reach *reach)
{
    const struct process *process = reach->process;
    const struct modules *modules = &process->modules;
    uint64_t bytes = 0, skipped = 0;
    for (int i = 0; i < modules->map_count; i++)
        if (is_root(process, &modules->maps[i]))
            bytes += modules->maps[i].end - modules->maps[i].start;
    for (size_t i = 0; i < reach->skipped.count; i++)
        skipped += reach->skipped.list[i].end - reach->skipped.list[i].start;
    if (bytes > skipped && bytes - skipped > BYTES_MOST) /* guards are skipped, but no roots */
        return -E2BIG;
    for (int i = 0; i < modules->map_count; i++)
        if (is_root(process, &modules->maps[i]))
            take_mapping(reach, &modules->maps[i]);
    for (int i = 0; i < process->count; i++)
        if (!process->threads[i].fiber && process->threads[i].where != THREAD_ENDED)
            take_registers(reach, &process->threads[i]);
    return 0;
}

/* ------------------------------------------------------------------------------------ the verdict */

static int count_suspects(const struct reach *reach)
{
    int count = 0;
    for (int i = 0; i < reach->process->count; i++)
        count += reach->stacks[i].suspect;
    return count;
}

static int search(struct reach *reach)
{
    struct process *process = reach->process;
    int rc = read_contexts(reach), count = 0;
    if (rc < 0 || count_suspects(reach) == 0)
        return rc;
    rc = heaps_read(&reach->heaps, process);
    if (rc == 0 && reach->heaps.count == 0)
        rc = -EOPNOTSUPP;
    if (rc < 0)
        return rc;
    skip_futures(reach);
    skip_preload(reach);
    for (size_t i = 0; i < reach->heaps.count; i++)
        add_range(&reach->skipped, reach->heaps.list[i].state, reach->heaps.list[i].state_end, -1);
    for (int i = 0; i < process->count; i++)
        if (!process->threads[i].fiber && process->threads[i].where != THREAD_ENDED)
            skip_below(reach, &process->threads[i]);
    sort_ranges(&reach->skipped);
    sort_ranges(&reach->targets);
    if (reach->skipped.failed || reach->parts.failed || reach->targets.failed)
        return -ENOMEM;
    if ((rc = take_roots(reach)) < 0)
        return rc;
    take_all_that_is_reached(reach);
    if (reach->failed)
        return -ENOMEM;
    for (int i = 0; i < process->count; i++)
        if (reach->stacks[i].suspect && !reach->reached[i]) {
            process->threads[i].leaked = true;
            count++;
        }
    return count;
}

int reach_find(struct process *process)
{
    struct reach reach = {.process = process, .thrum = {.process = process}};
    int rc = -ENOMEM;
    if (!thrum_open(&reach.thrum))
        return 0;
    if (!reach.thrum.at.futures ||
        !memory_read(&process->memory, reach.thrum.at.futures, &reach.slabs, sizeof reach.slabs) ||
        reach.slabs.size > SLAB_MOST || reach.slabs.place == 0 || reach.slabs.given > SLAB_MOST - 4)
        return -EOPNOTSUPP;
    size_t count = (size_t)process->count + 1;
    reach.stacks = calloc(count, sizeof *reach.stacks);
    reach.reached = calloc(count, sizeof *reach.reached);
    reach.fibers = calloc(count, sizeof *reach.fibers);
    reach.buffer = malloc(PIECE);
    if (reach.stacks && reach.reached && reach.fibers && reach.buffer)
        rc = search(&reach);
    heaps_free(&reach.heaps);
    free(reach.thrum.thread_of);
    free(reach.skipped.list);
    free(reach.parts.list);
    free(reach.targets.list);
    free(reach.blocks);
    free(reach.stacks);
    free(reach.reached);
    free(reach.fibers);
    free(reach.buffer);
    return rc;
}
