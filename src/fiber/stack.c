/* Stacks: much address space, little memory.
 *
 * A stack is `size` bytes of reserved addresses. Memory comes as it is touched, page by page; the
 * lowest page is a guard, which faults when it is touched (overflow.c says then who it was).
 *
 * They are cut from slabs of 16 MiB, each one mapping; neighbours of the same kind the kernel makes
 * into one. So a million stacks are some thousand mappings at most, where vm.max_map_count allows
 * 65 530. That holds while guards are no mappings of their own, as since Linux 6.13; on an older
 * kernel each splits its slab, and beyond some 30 000 stacks the system refuses: a task then waits
 * until a fiber has ended.
 *
 * A guard is put in when a stack is first taken: a slab that is used up slowly pays slowly.
 *
 * What a worker gives back here, beyond the few warm ones that it keeps (fiber.c), goes back to
 * the system at once by MADV_DONTNEED; addresses and guard stay. MADV_FREE would be cheaper where
 * the stack is taken again soon, but that is what the warm ones are for, and it would leave a
 * process that once had a million fibers with the memory of a million to whoever looks. `cold`
 * lists them outside of the stacks, as a link inside of each would touch it again.
 *
 * The guard word is held for a few instructions, never across a system call.
 */
#include "fiber/stack.h"
#include "base/memory.h"
#include "base/pages.h"
#include "park/guard.h"

#include <string.h>

#ifdef THRUM_EXPLORE
enum { SLAB = 64 << 10, DEFAULT = 64 << 10 };
#else
enum { SLAB = 16 << 20, DEFAULT = 256 << 10 };
#endif

enum { LEAST = 16 << 10, BARE = 1 }; /* BARE: in an address in `cold`, its guard is missing */

typedef struct thrum__stack_slab {
    struct thrum__stack_slab *next;
    char *pages;
    size_t count, used;
} slab;

void thrum__stacks_init(thrum__stacks *stacks, size_t size)
{
    size_t page = thrum__pages_size();
    size = size == 0 ? DEFAULT : size < LEAST ? LEAST : size;
    stacks->size = (size + page - 1) / page * page;
}

void thrum__stacks_finish(thrum__stacks *stacks)
{
    while (stacks->slabs) {
        slab *first = stacks->slabs;
        stacks->slabs = first->next;
        thrum__pages_release(first->pages, first->count * stacks->size);
        thrum__free(first);
    }
    thrum__free(stacks->cold);
    stacks->cold = NULL;
    stacks->cold_count = stacks->cold_room = stacks->made = 0;
}

/* One that was used, or the next of the slab; 0 if there is none. */
static uintptr_t take(thrum__stacks *stacks)
{
    uintptr_t stack = 0;
    thrum__guard_acquire(&stacks->guard, 1);
    slab *first = stacks->slabs;
    if (stacks->cold_count > 0)
        stack = stacks->cold[--stacks->cold_count];
    else if (first && first->used < first->count)
        stack = (uintptr_t)(first->pages + first->used++ * stacks->size) | BARE;
    thrum__guard_release(&stacks->guard, 1);
    return stack;
}

static void put(thrum__stacks *stacks, uintptr_t stack)
{
    thrum__guard_acquire(&stacks->guard, 1);
    stacks->cold[stacks->cold_count++] = stack;
    thrum__guard_release(&stacks->guard, 1);
}

/* Makes room in `cold` for `count` more, twice as much as there was. Without memory, false. */
static bool make_room(thrum__stacks *stacks, size_t count)
{
    thrum__guard_acquire(&stacks->guard, 1);
    size_t needed = stacks->made + count, room = stacks->cold_room;
    thrum__guard_release(&stacks->guard, 1);
    if (needed <= room)
        return true;
    room = needed > 2 * room ? needed : 2 * room;
    uintptr_t *cold = thrum__alloc_array(room, sizeof *cold), *old = cold;
    if (!cold)
        return false;
    thrum__guard_acquire(&stacks->guard, 1);
    if (room > stacks->cold_room) { /* nobody was faster */
        if (stacks->cold_count > 0)
            memcpy(cold, stacks->cold, stacks->cold_count * sizeof *cold);
        old = stacks->cold;
        stacks->cold = cold;
        stacks->cold_room = room;
    }
    thrum__guard_release(&stacks->guard, 1);
    thrum__free(old);
    return true;
}

/* Puts the slab in; false if others were faster and there is too little room in `cold` for it. */
static bool enter(thrum__stacks *stacks, slab *fresh)
{
    thrum__guard_acquire(&stacks->guard, 1);
    bool fits = stacks->made + fresh->count <= stacks->cold_room;
    if (fits) {
        stacks->made += fresh->count;
        fresh->next = stacks->slabs;
        stacks->slabs = fresh;
    }
    thrum__guard_release(&stacks->guard, 1);
    return fits;
}

/* Reserves a further slab, or finds that another has. False if memory is out. */
static bool grow(thrum__stacks *stacks)
{
    size_t count = SLAB / stacks->size > 0 ? SLAB / stacks->size : 1;
    if (!make_room(stacks, count))
        return false;
    slab *fresh = thrum__alloc(sizeof *fresh);
    void *pages = fresh ? thrum__pages_reserve(count * stacks->size) : NULL;
    if (!pages) {
        thrum__free(fresh);
        return false;
    }
    *fresh = (slab){.pages = pages, .count = count};
    if (!enter(stacks, fresh)) {
        thrum__pages_release(pages, count * stacks->size);
        thrum__free(fresh);
    }
    return true;
}

void *thrum__stack_take(thrum__stacks *stacks)
{
    uintptr_t stack;
    while (!(stack = take(stacks)))
        if (!grow(stacks))
            return NULL;
    void *memory = (void *)(stack & ~(uintptr_t)BARE);
    if (stack & BARE && thrum__pages_guard(memory) < 0) {
        put(stacks, stack);
        return NULL;
    }
    return memory;
}

void thrum__stack_give(thrum__stacks *stacks, void *stack)
{
    size_t page = thrum__pages_size();
    thrum__pages_drop((char *)stack + page, stacks->size - page);
    put(stacks, (uintptr_t)stack);
}
