/* The blocks of memory that glibc's malloc has given to a process. */
#ifndef DOCTOR_HEAP_H
#define DOCTOR_HEAP_H

#include "process.h"

struct block {
    uint64_t start, end;
    bool seen; /* for the caller */
};

/* A range of addresses that is cut into blocks, one behind the other. */
struct heap {
    uint64_t start, end;
    uint64_t state,
        state_end; /* what malloc knows of it, which leads to no block; both 0 if that is not known */
    uint8_t *bytes;       /* a copy of it */
    struct block *blocks; /* those in use, in the order of addresses */
    size_t count, room;
};

struct heaps {
    struct heap *list; /* in the order of addresses */
    size_t count, room;
};

/* Finds and copies them. What is not understood is left out. Returns 0 or -ENOMEM. The process must not run. */
int heaps_read(struct heaps *heaps, const struct process *process);
void heaps_free(struct heaps *heaps);

/* The block that contains an address, and the heap that contains the block; NULL if there is none. */
struct block *heaps_block(const struct heaps *heaps, uint64_t address,
                          const struct heap **ret_heap);

/* True for a list of free blocks that a thread keeps: what it leads to is free. */
bool heap_block_is_cache(const struct heap *heap, const struct block *block);

#endif
