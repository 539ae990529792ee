/* Stacks: much address space, little memory.
 *
 * A stack is `size` bytes of reserved addresses. Memory is committed page by page when it is
 * touched. The lowest page is a guard, which faults when it is touched; overflow.c then names the
 * fiber.
 *
 * Stacks are cut from slabs of 16 MiB, each one mapping; the kernel merges neighbours of the same
 * kind. So a million stacks are some thousand mappings, where vm.max_map_count allows 65 530. That
 * holds while guards are no mappings of their own, as since Linux 6.13. On an older kernel each
 * guard splits its slab, and the system refuses beyond some 30 000 stacks; a task then waits until
 * a fiber has ended.
 *
 * A guard is installed when a stack is first taken, so a slab that is used up slowly costs little.
 * Installing several with one call (process_madvise) saves a tenth, but would pay for stacks that
 * may never be taken.
 *
 * A stack of a slab is in one of these states:
 *
 *     never taken      has no guard and no memory; those behind `cut`
 *     in use           no bit is set
 *     worn             its bits in `free` and `worn` are set: it was given back and has its memory
 *     bare             only its bit in `free` is set: it was given back, and its memory went to the
 *                      system
 *
 * The lowest worn stack is taken first, because it costs no page fault; then the lowest bare stack.
 *
 * Memory goes back to the system in ranges: a call of madvise costs ten times the page that it
 * frees, and stacks that were taken one after another tend to be given back one after another. So a
 * returned stack stays worn for a while:
 *
 *     a quarter of a slab is worn     its free stacks go back, each run of neighbours by one call
 *     a whole slab is free            it is unmapped, with its page tables; one such slab is kept
 *     the worker has nothing to do    all worn stacks go back (worker.c)
 *
 * So a process that once had a million fibers does not keep their memory, and many ends at once are
 * few system calls. MADV_FREE would be cheaper, but it leaves the memory to the process until the
 * system needs it.
 *
 * Each worker has its own slabs, so nothing here is locked. The stacks of one slab belong to fibers
 * that began, and mostly end, one after another.
 *
 * A slab with a stack to take is in the list; a full slab is not, and its stacks know it. Slabs
 * with worn stacks come first, because they are the next to be taken from and the next to be swept.
 */
#include "fiber/stack.h"
#include "base/memory.h"
#include "base/pages.h"

#ifdef THRUM_EXPLORE
enum { SLAB = 64 << 10, DEFAULT = 64 << 10 };
#else
enum { SLAB = 16 << 20, DEFAULT = 256 << 10 };
#endif

enum { LEAST = 16 << 10, MOST = SLAB / LEAST, BITS = 64, WORDS = (MOST + BITS - 1) / BITS };
enum { KEEP = 1 }; /* empty slabs */

struct thrum__stack_slab {
    thrum__stack_slab *next, *prev; /* in the list */
    char *pages;
    uint32_t count, cut;  /* stacks; those that were ever taken */
    uint32_t out, worn_n; /* in use; worn */
    uint64_t free[WORDS], worn[WORDS];
};

void thrum__stacks_init(thrum__stacks *stacks, size_t size)
{
    size_t page = thrum__pages_size();
    size = size == 0 ? DEFAULT : size < LEAST ? LEAST : size < SIZE_MAX / 2 ? size : SIZE_MAX / 2;
    stacks->size = (size + page - 1) / page * page;
}

/* ------------------------------------------------------------------------------------- the list */

static void leave(thrum__stacks *stacks, thrum__stack_slab *slab)
{
    *(slab->prev ? &slab->prev->next : &stacks->first) = slab->next;
    *(slab->next ? &slab->next->prev : &stacks->last) = slab->prev;
}

/* Enters at its front if it is worn, else at the end. */
static void enter(thrum__stacks *stacks, thrum__stack_slab *slab)
{
    slab->prev = slab->worn_n ? NULL : stacks->last;
    slab->next = slab->worn_n ? stacks->first : NULL;
    *(slab->prev ? &slab->prev->next : &stacks->first) = slab;
    *(slab->next ? &slab->next->prev : &stacks->last) = slab;
}

/* Whether there is a stack to take. */
static bool listed(const thrum__stack_slab *slab)
{
    return slab->out < slab->count;
}

/* -------------------------------------------------------------------------------- bits of a thrum__stack_slab */

static uint64_t bit(uint32_t at)
{
    return UINT64_C(1) << at % BITS;
}

/* The lowest bit that is set; there is one. */
static uint32_t lowest(const uint64_t *bits)
{
    uint32_t word = 0;
    while (!bits[word])
        word++;
    return word * BITS + (uint32_t)__builtin_ctzll(bits[word]);
}

/* --------------------------------------------------------------------------- to and from the system */

static thrum__stack_slab *reserve(thrum__stacks *stacks)
{
    size_t count = SLAB / stacks->size > 0 ? SLAB / stacks->size : 1;
    thrum__stack_slab *fresh = thrum__alloc(sizeof *fresh);
    char *pages = fresh ? thrum__pages_reserve(count * stacks->size) : NULL;
    if (!pages) {
        thrum__free(fresh);
        return NULL;
    }
    fresh->pages = pages;
    fresh->count = (uint32_t)count;
    stacks->empty++;
    enter(stacks, fresh);
    return fresh;
}

static void release(thrum__stacks *stacks, thrum__stack_slab *slab)
{
    leave(stacks, slab);
    stacks->empty--;
    thrum__pages_release(slab->pages, slab->count * stacks->size);
    thrum__free(slab);
}

/* Gives back what the free stacks from `first` on have, up to the next that is in use, and says
 * which that is. The guards between them stay. */
static uint32_t drop_run(const thrum__stacks *stacks, const thrum__stack_slab *slab, uint32_t first)
{
    uint32_t end = first;
    bool worn = false;
    for (; end < slab->cut && slab->free[end / BITS] & bit(end); end++)
        worn |= (slab->worn[end / BITS] & bit(end)) != 0;
    if (worn)
        thrum__pages_drop(slab->pages + first * stacks->size, (end - first) * stacks->size);
    return end;
}

static void drop_all(thrum__stacks *stacks, thrum__stack_slab *slab)
{
    for (uint32_t at = 0; at < slab->cut; at++)
        at = drop_run(stacks, slab, at);
    for (uint32_t word = 0; word < WORDS; word++)
        slab->worn[word] = 0;
    slab->worn_n = 0;
    leave(stacks, slab);
    enter(stacks, slab);
}

void thrum__stacks_sweep(thrum__stacks *stacks)
{
    while (stacks->first && stacks->first->worn_n)
        drop_all(stacks, stacks->first);
}

void thrum__stacks_finish(thrum__stacks *stacks)
{
    while (stacks->first)
        release(stacks, stacks->first);
}

/* ------------------------------------------------------------------------------- take and give */

/* Takes the best stack of the slabs. A stack that was never taken gets its guard. False if the
 * system refuses the guard. */
static bool choose(const thrum__stacks *stacks, thrum__stack_slab *slab, uint32_t *ret_at)
{
    bool again = slab->out < slab->cut;
    uint32_t at = !again ? slab->cut : lowest(slab->worn_n ? slab->worn : slab->free);
    if (!again && thrum__pages_guard(slab->pages + at * stacks->size) < 0)
        return false;
    slab->cut += !again;
    *ret_at = at;
    return true;
}

bool thrum__stack_take(thrum__stacks *stacks, thrum__stack *ret_stack)
{
    thrum__stack_slab *slab = stacks->first ? stacks->first : reserve(stacks);
    uint32_t at;
    if (!slab || !choose(stacks, slab, &at))
        return false;
    bool worn = slab->worn[at / BITS] & bit(at);
    slab->free[at / BITS] &= ~bit(at);
    slab->worn[at / BITS] &= ~bit(at);
    slab->worn_n -= worn;
    stacks->empty -= slab->out++ == 0;
    if (!listed(slab)) {
        leave(stacks, slab);
    } else if (worn && !slab->worn_n) { /* no longer one of the worn */
        leave(stacks, slab);
        enter(stacks, slab);
    }
    *ret_stack = (thrum__stack){slab->pages + at * stacks->size, slab};
    return true;
}

void thrum__stack_give(thrum__stacks *stacks, const thrum__stack *stack)
{
    thrum__stack_slab *slab = stack->slab;
    uint32_t at = (uint32_t)((size_t)(stack->bottom - slab->pages) / stacks->size);
    if (listed(slab))
        leave(stacks, slab);
    slab->free[at / BITS] |= bit(at);
    slab->worn[at / BITS] |= bit(at);
    slab->worn_n++;
    slab->out--;
    enter(stacks, slab);
    if (slab->out == 0 && stacks->empty++ >= KEEP)
        release(stacks, slab);
    else if (slab->worn_n * 4 > slab->count)
        drop_all(stacks, slab);
}
