/* The stacks of a pool of fibers. stack.c has the essay. */
#ifndef THRUM_FIBER_STACK_H
#define THRUM_FIBER_STACK_H

#include <stddef.h>
#include <stdint.h>

typedef struct thrum__stacks {
    size_t size; /* of one, its guard included; fixed */
    uint32_t guard;
    struct thrum__stack_slab *slabs; /* the one that is being used up first; under the guard */
    uintptr_t *cold;                 /* given back; under the guard */
    size_t cold_count, cold_room;
    size_t made; /* never more than there is room for in `cold` */
} thrum__stacks;

/* Makes zeroed memory a supply of stacks of `size` bytes, 0 for the default. Reserves nothing yet. */
void thrum__stacks_init(thrum__stacks *stacks, size_t size);

/* Gives all of them back to the system. None may be in use. */
void thrum__stacks_finish(thrum__stacks *stacks);

/* Gives the lowest address of a stack, which is its guard; NULL if memory is out. */
void *thrum__stack_take(thrum__stacks *stacks);

/* Takes one back, and gives the memory behind it to the system. */
void thrum__stack_give(thrum__stacks *stacks, void *stack);

#endif
