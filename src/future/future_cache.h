/* The memory of futures. */
#ifndef THRUM_FUTURE_FUTURE_CACHE_H
#define THRUM_FUTURE_FUTURE_CACHE_H

#include "future/future.h"

/* Memory for a future, with anything in it; NULL if there is none. */
thrum_future *thrum__future_cache_take(void);

/* Its task has failed, and it is about to be done. For memory that was taken here. May wait. */
void thrum__future_cache_failed(thrum_future *future);

/* Gives it back. By any thread. */
void thrum__future_cache_give(thrum_future *future);

/* For a reader outside of the process (park/layout.h): where the slabs are and which of their places are in use. */
typedef struct thrum__future_slabs {
    void *const *first; /* slab */
    /* Of a slab: its size, offsets of the pointer to the next one and of the number of places that were given out. */
    uint32_t size, next, given;
    /* Of a place: its size, and the offset of its count of references; that of a place in use is from 1 to `likely` - 1. */
    uint32_t place, references, likely;
} thrum__future_slabs;

extern const thrum__future_slabs thrum__future_slabs_layout;

#endif
