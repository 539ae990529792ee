/* Memory: every allocation of the library, so that each can be made to fail.
 *
 * Three kinds: ordinary, zeroed and released by thrum__free; aligned to a cache line, for what two
 * cores write (also released by thrum__free); and immortal, never released, for records that a
 * late waker may still touch.
 */
#ifndef THRUM_BASE_MEMORY_H
#define THRUM_BASE_MEMORY_H

#include <stddef.h>

#define THRUM__CACHE_LINE 64

/* Zeroed memory, or NULL. */
void *thrum__alloc(size_t size);

/* Zeroed memory for `count` elements of `size` bytes, or NULL, also where the product overflows. */
void *thrum__alloc_array(size_t count, size_t size);

/* Zeroed memory at the start of a cache line, or NULL. */
void *thrum__alloc_line(size_t size);

/* Gives memory of the three functions above back; NULL is accepted. */
void thrum__free(void *memory);

/* Zeroed, page-aligned memory that is never given back, or NULL. */
void *thrum__alloc_immortal(size_t size);

/* Tells the explorer that stack memory of an object begins or ceases to be that object. Nothing in
 * other builds. */
#ifdef THRUM_EXPLORE
#include "base/explore.h"
#define thrum__memory_live(p) thrum__explore_live((p), sizeof *(p))
#define thrum__memory_dead(p) thrum__explore_dead((p), sizeof *(p))
#else
#define thrum__memory_live(p) ((void)0)
#define thrum__memory_dead(p) ((void)0)
#endif

#endif
