/* The stacks of a worker's fibers. stack.c has the essay. */
#ifndef THRUM_FIBER_STACK_H
#define THRUM_FIBER_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct thrum__stack_slab thrum__stack_slab;

/* One stack that was taken. */
typedef struct thrum__stack {
    char *bottom; /* the lowest address: its guard */
    thrum__stack_slab *slab;
} thrum__stack;

typedef struct thrum__stacks {
    size_t size;                     /* of one, its guard included; fixed */
    thrum__stack_slab *first, *last; /* those with a stack to take, the worn ones first */
    size_t empty;                    /* slabs with no stack in use */
} thrum__stacks;

/* Makes zeroed memory a supply of stacks of `size` bytes, 0 for the default. Reserves nothing yet. */
void thrum__stacks_init(thrum__stacks *stacks, size_t size);

/* Gives all of them back to the system. None may be in use. */
void thrum__stacks_finish(thrum__stacks *stacks);

/* Takes one; false if memory is out. */
bool thrum__stack_take(thrum__stacks *stacks, thrum__stack *ret_stack);

/* Takes one back. The memory behind it goes to the system with that of others, at the latest with
 * the next sweep. */
void thrum__stack_give(thrum__stacks *stacks, const thrum__stack *stack);

/* Gives the memory of all stacks that are not in use to the system. */
void thrum__stacks_sweep(thrum__stacks *stacks);

#endif
