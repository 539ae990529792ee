/* Memory: every allocation of the library, so that each can be made to fail.
 *
 * Four kinds: ordinary, zeroed and released by thrum__free; aligned to a cache line, for what two
 * cores write (also released by thrum__free); slabs, from which a file cuts small objects of one
 * size; and immortal, never released, for records that a late waker may still touch.
 *
 * What cuts slabs hides its objects from tools that look for leaks and for uses of dead memory. So
 * where THRUM__MEMORY_PLAIN is true, as it is for sanitizers and in the explorer, it does not, and
 * takes each object by thrum__alloc_line. For valgrind build with -DTHRUM_PLAIN_MEMORY.
 */
#ifndef THRUM_BASE_MEMORY_H
#define THRUM_BASE_MEMORY_H

#include "base/fault.h"

#include <stdbool.h>
#include <stddef.h>

#define THRUM__CACHE_LINE 64

#if defined(THRUM_EXPLORE) || defined(THRUM_PLAIN_MEMORY) || defined(__SANITIZE_ADDRESS__) ||      \
    defined(__SANITIZE_THREAD__)
enum { THRUM__MEMORY_PLAIN = true };
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                         \
    __has_feature(memory_sanitizer)
enum { THRUM__MEMORY_PLAIN = true };
#else
enum { THRUM__MEMORY_PLAIN = false };
#endif
#else
enum { THRUM__MEMORY_PLAIN = false };
#endif

/* Zeroed memory, or NULL. */
void *thrum__alloc(size_t size);

/* Memory with any content, or NULL: for buffers, of which often only the beginning is used. */
void *thrum__alloc_unset(size_t size);

/* Zeroed memory for `count` elements of `size` bytes, or NULL, also where the product overflows. */
void *thrum__alloc_array(size_t count, size_t size);

/* Zeroed memory at the start of a cache line, or NULL. */
void *thrum__alloc_line(size_t size);

/* Gives memory of the four functions above back; NULL is accepted. */
void thrum__free(void *memory);

/* A zeroed slab of `size` bytes, a power of two of at least a page, at a multiple of `size`; or NULL.
 * `all` says that all of it will be used soon: the system may then back it by huge pages. */
void *thrum__alloc_slab(size_t size, bool all);
void thrum__free_slab(void *slab, size_t size);

/* Offers a slab to the system, which takes its pages when it runs short of memory, and leaves them else. The slab
 * can be used again: each page then holds what it held, or zeroes. False, with nothing done, where the system
 * knows no such offer. */
bool thrum__offer_slab(void *slab, size_t size);

/* Whether an allocation that is served from memory at hand is to fail, for tests. */
#ifdef THRUM_EXPLORE
bool thrum__alloc_refused(void);
#else
static inline bool thrum__alloc_refused(void)
{
    return thrum__fault(THRUM__FAULT_ALLOC);
}
#endif

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
