/* The memory of explored programs.
 *
 * Every run must begin in the same state. Two kinds of memory see to that:
 *
 * The heap and the stacks of the virtual threads lie in one region at a fixed address, so that a
 * run that is repeated finds its objects where they were. Allocation is by bumping a pointer and
 * nothing is used twice within a run: whatever is freed stays dead, so every later touch of it
 * through the gate is found, and the price is that a fault that needs an address to be used again
 * (ABA) is not. Freed memory is filled with a pattern that makes plain reads of it show. What is
 * not freed at the end of a run that passed is a leak.
 *
 * The variables of the program (.data and .bss) are saved before the first run and set back before
 * each. To save time, pages are write-protected at first; the first write to one faults, opens it
 * until the next search and puts it on the list of those that are set back. Each snapshot hashes
 * that list, so a search does not inherit the pages of those before it. The explorer and the search
 * keep their own state on the heap of the C library, out of reach.
 *
 * Dead ranges: freed blocks, stacks of ended threads, and what the library declares dead (a waiter
 * whose frame is left) are kept in a list; an atomic or marked access within one fails the run.
 * The end of an object is also a write to all of it: an access by another thread that did not
 * happen before it is a race, even where it ran earlier.
 */
#include "explorer/machine.h"
#include "explorer/objects.h"
#include "explorer/race.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { STACK = 128 << 10, GUARD = 64 << 10, HEAP = 64 << 20, RANGES = 4096 };
enum { STACKS = THRUM__EXPLORE_THREADS * (STACK + GUARD) };
enum { POISON = 0xdd };

#define REGION ((char *)0x5e0000000000)

static const uint64_t live_mark = UINT64_C(0x6c697665626c6f63);
static const uint64_t dead_mark = UINT64_C(0x64656164626c6f63);
static const uint64_t immortal_mark = UINT64_C(0x73746179626c6f63);

/* Before each block; after it stands its mark once more. */
struct block {
    uint64_t mark;
    size_t size;
    const char *file;   /* the last step of the thread that allocated it */
    uint32_t line, all; /* all: from this header to the next */
};

struct range {
    char *from, *to;
};

static struct memory {
    char *stacks, *heap, *top;
    unsigned ranges;
    struct range range[RANGES];
    char *variables, *saved;
    size_t page, pages, opened; /* the size of a page, and numbers of pages */
    uint32_t *open;             /* pages that are set back */
    uint64_t *saved_number;     /* of each of these, as it was saved */
} * memory;

extern char __data_start[], _end[]; /* set by the linker */

/* ---------------------------------------------------------------- variables of the program */

static uint64_t page_number(size_t page, const char *variables)
{
    return thrum__explore_bytes_hash(page, variables + page * memory->page, memory->page);
}

/* Not counted in a build that measures coverage: the count would itself fault, again and again. */
__attribute__((no_profile_instrument_function)) static void on_fault(int signal_number,
                                                                     siginfo_t *info, void *context)
{
    (void)context;
    const char *at = info->si_addr;
    size_t page = (size_t)(at - memory->variables) / memory->page;
    if (at >= memory->variables && page < memory->pages &&
        mprotect(memory->variables + page * memory->page, memory->page, PROT_READ | PROT_WRITE) ==
            0) {
        uint64_t number = page_number(page, memory->saved);
        memory->saved_number[memory->opened] = number;
        memory->open[memory->opened++] = (uint32_t)page;
        return;
    }
    if (thrum__explore_machine_->running && at >= memory->stacks && at < memory->stacks + STACKS)
        thrum__explore_fail("the stack of a thread has overflowed: more than %d KiB", STACK >> 10);
    if (thrum__explore_machine_->running) /* the end of the run leaves this stack */
        thrum__explore_fail("a touch of %p, which is no memory, by %s after %s:%d", info->si_addr,
                            thrum__explore_thread_name(thrum__explore_machine_->current),
                            thrum__explore_file(thrum__explore_self()->file),
                            thrum__explore_self()->line);
    signal(signal_number, SIG_DFL); /* and faults again */
}

static void save_variables(void)
{
    size_t page = memory->page = (size_t)sysconf(_SC_PAGESIZE);
    uintptr_t from = (uintptr_t)__data_start & ~(uintptr_t)(page - 1);
    uintptr_t to = ((uintptr_t)_end + page - 1) & ~(uintptr_t)(page - 1);
    memory->variables = (char *)from;
    memory->pages = (to - from) / page;
    memory->saved = malloc(to - from);
    memory->open = calloc(memory->pages, sizeof *memory->open);
    memory->saved_number = calloc(memory->pages, sizeof *memory->saved_number);
    stack_t stack = {.ss_sp = malloc(1 << 16), .ss_size = 1 << 16};
    if (!memory->saved || !memory->open || !memory->saved_number || !stack.ss_sp ||
        sigaltstack(&stack, NULL))
        abort();
    struct sigaction action = {.sa_sigaction = on_fault,
                               .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    if (sigaction(SIGSEGV, &action, NULL) || sigaction(SIGBUS, &action, NULL))
        abort();
    memcpy(memory->saved, memory->variables, to - from);
    if (mprotect(memory->variables, to - from, PROT_READ))
        abort();
}

/* ------------------------------------------------------------------------------------ reset */

static void make(void)
{
    memory = calloc(1, sizeof *memory);
    char *region =
        mmap(REGION, STACKS + HEAP, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (!memory || region == MAP_FAILED)
        abort();
    memory->stacks = region;
    memory->heap = memory->top = region + STACKS;
    if (mprotect(memory->heap, HEAP, PROT_READ | PROT_WRITE))
        abort();
    for (unsigned i = 0; i < THRUM__EXPLORE_THREADS; i++)
        if (mprotect(region + i * (STACK + GUARD) + GUARD, STACK, PROT_READ | PROT_WRITE))
            abort();
    save_variables();
}

static void set_variables_back(void)
{
    for (size_t i = 0; i < memory->opened; i++) {
        size_t at = (size_t)memory->open[i] * memory->page;
        memcpy(memory->variables + at, memory->saved + at, memory->page);
    }
}

void thrum__explore_memory_close_pages(void)
{
    if (!memory)
        return;
    set_variables_back();
    memory->opened = 0;
    if (mprotect(memory->variables, memory->pages * memory->page, PROT_READ))
        abort();
}

void thrum__explore_memory_reset(void)
{
    if (!memory)
        make();
    set_variables_back();
    size_t used = (size_t)(memory->top - memory->heap);
    if (used > 1 << 20)
        madvise(memory->heap, used, MADV_DONTNEED);
    else
        memset(memory->heap, 0, used);
    memory->top = memory->heap;
    memory->ranges = 0;
}

char *thrum__explore_memory_stack(unsigned thread, size_t *ret_size)
{
    *ret_size = STACK;
    return memory->stacks + thread * (STACK + GUARD) + GUARD;
}

char *thrum__explore_memory_stack_new(unsigned thread, size_t *ret_size)
{
    char *stack = thrum__explore_memory_stack(thread, ret_size);
    memset(stack + *ret_size - THRUM__EXPLORE_FRESH, 0, THRUM__EXPLORE_FRESH);
    return stack;
}

/* ------------------------------------------------------------------------------------- heap */

void *thrum__explore_allocate(size_t size, size_t alignment, bool immortal)
{
    thrum__explore_machine *m = thrum__explore_machine_;
    if (!m || !m->running)
        return NULL;
    struct block *block = (struct block *)(void *)memory->top;
    uintptr_t start = ((uintptr_t)(block + 1) + alignment - 1) & ~(uintptr_t)(alignment - 1);
    uintptr_t end = (start + size + sizeof block->mark + 15) & ~(uintptr_t)15;
    if (size > HEAP || end > (uintptr_t)memory->heap + HEAP)
        thrum__explore_fail("more than %d MiB of memory are used in one run", HEAP >> 20);
    uintptr_t header = start - sizeof *block;
    memset(memory->top, 0, header - (uintptr_t)memory->top);
    block = (struct block *)header;
    thrum__explore_thread *self = thrum__explore_self();
    *block = (struct block){
        .mark = immortal ? immortal_mark : live_mark,
        .size = size,
        .file = self->file,
        .line = (uint32_t)self->line,
        .all = (uint32_t)(end - header),
    };
    memcpy((char *)start + size, &block->mark, sizeof block->mark);
    memory->top = (char *)end;
    return (void *)start;
}

bool thrum__explore_release(void *address)
{
    if (!memory || (char *)address < memory->heap || (char *)address >= memory->top)
        return false;
    struct block *block = (struct block *)address - 1;
    if (block->mark == dead_mark)
        thrum__explore_fail("memory is freed twice");
    if (block->mark != live_mark)
        thrum__explore_fail("something is freed that was not allocated");
    if (memcmp((char *)address + block->size, &live_mark, sizeof live_mark) != 0)
        thrum__explore_fail("a block of %zu bytes is overrun", block->size);
    block->mark = dead_mark;
    memset(address, POISON, block->size);
    thrum__explore_dead(address, block->size);
    return true;
}

/* The next block at or after `at`; the gaps that alignment leaves are zero. */
static struct block *next_block(char *at)
{
    while (at < memory->top) {
        struct block *block = (struct block *)(void *)at;
        if (block->mark)
            return block;
        at += 16;
    }
    return NULL;
}

uint32_t thrum__explore_memory_left(char *text, size_t size)
{
    uint32_t count = 0;
    struct block *block = next_block(memory->heap);
    for (; block; block = next_block((char *)block + block->all)) {
        if (block->mark != live_mark)
            continue;
        if (count++ == 0)
            snprintf(text, size, "%zu bytes, allocated after %s:%u", block->size,
                     thrum__explore_file(block->file), block->line);
    }
    return count;
}

/* ------------------------------------------------------------------------------ dead ranges */

static void add_range(char *from, char *to)
{
    if (memory->ranges == RANGES)
        thrum__explore_fail("more than %d objects are dead in one run", RANGES);
    memory->range[memory->ranges++] = (struct range){from, to};
}

static void forget(const void *address, size_t size)
{
    thrum__explore_objects_forget(address, size);
    thrum__explore_race_forget(address, size);
}

static void do_dead(void *address, size_t size)
{
    thrum__explore_machine *m = thrum__explore_machine_;
    if (!m || !m->running || !size)
        return;
    if (thrum__explore_active()) {
        thrum__explore_objects_owned(address, size);
        thrum__explore_race_end(address, size);
    }
    forget(address, size); /* a later touch fails for the range alone */
    add_range(address, (char *)address + size);
}

void thrum__explore_dead(void *address, size_t size)
{
    do_dead(address, size);
    thrum__explore_wipe();
}

static void do_live(void *address, size_t size)
{
    thrum__explore_machine *m = thrum__explore_machine_;
    if (!m || !m->running || !size)
        return;
    char *from = address, *to = from + size;
    for (unsigned i = 0; i < memory->ranges; i++) {
        struct range *range = &memory->range[i];
        if (range->to <= from || range->from >= to)
            continue;
        struct range after = {to, range->to};
        if (range->from < from)
            range->to = from;
        else
            *range = memory->range[--memory->ranges], i--;
        if (after.from < after.to)
            add_range(after.from, after.to);
    }
    forget(address, size);
}

void thrum__explore_live(void *address, size_t size)
{
    do_live(address, size);
    thrum__explore_wipe();
}

void thrum__explore_memory_stack_dead(unsigned thread)
{
    size_t size;
    char *stack = thrum__explore_memory_stack(thread, &size);
    forget(stack, size);
    add_range(stack, stack + size);
}

void thrum__explore_memory_check(const void *address, size_t size, const char *what)
{
    const char *from = address, *to = from + size;
    for (unsigned i = 0; i < memory->ranges; i++) {
        if (memory->range[i].to <= from || memory->range[i].from >= to)
            continue;
        char text[128];
        thrum__explore_describe(text, sizeof text, address);
        thrum__explore_fail("%s of dead memory, %s, by %s at %s:%d", what, text,
                            thrum__explore_thread_name(thrum__explore_machine_->current),
                            thrum__explore_file(thrum__explore_self()->file),
                            thrum__explore_self()->line);
    }
}

/* ------------------------------------------------------------------------------------ number */

/* What it all holds but the stacks. The dead ranges are a set; a page that is as it was saved
 * counts as one that was never written. */
uint64_t thrum__explore_memory_number(void)
{
    uint64_t number = 0, dead = 0;
    for (size_t i = 0; i < memory->opened; i++)
        number += page_number(memory->open[i], memory->variables) - memory->saved_number[i];
    for (unsigned i = 0; i < memory->ranges; i++)
        dead += thrum__explore_trace_hash((uint64_t)(uintptr_t)memory->range[i].from,
                                          (uint64_t)(uintptr_t)memory->range[i].to);
    number = thrum__explore_bytes_hash(number ^ dead, memory->heap,
                                       (size_t)(memory->top - memory->heap));
    return number;
}

/* ------------------------------------------------------------------------------------ names */

void thrum__explore_memory_region(char *text, size_t size, const void *address)
{
    const char *at = address;
    if (at >= memory->heap && at < memory->heap + HEAP)
        snprintf(text, size, "heap+0x%zx", (size_t)(at - memory->heap));
    else if (at >= memory->stacks && at < memory->stacks + STACKS)
        snprintf(text, size, "stack of %s-0x%zx",
                 thrum__explore_thread_name((unsigned)((at - memory->stacks) / (STACK + GUARD))),
                 (size_t)((STACK + GUARD) - (at - memory->stacks) % (STACK + GUARD)));
    else if (at >= memory->variables && at < memory->variables + memory->pages * memory->page)
        snprintf(text, size, "variable+0x%zx", (size_t)(at - memory->variables));
    else
        snprintf(text, size, "%p", address);
}
