#include "fiber/coroutine.h"

#ifdef __has_feature
#if __has_feature(thread_sanitizer)
#define WATCHES_THREADS 1
#endif
#if __has_feature(address_sanitizer)
#define WATCHES_ADDRESSES 1
#endif
#endif

/* Valgrind takes a jump of the stack pointer for a huge frame unless it knows the stacks. A few
 * instructions that do nothing elsewhere, where its header was there when this was built. */
#ifdef __has_include
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#endif
#endif
#ifndef VALGRIND_STACK_REGISTER
#define VALGRIND_STACK_REGISTER(start, end) 0
#define VALGRIND_STACK_DEREGISTER(id)       ((void)(id))
#endif

#if defined(__SANITIZE_THREAD__) || defined(WATCHES_THREADS)
#include <sanitizer/tsan_interface.h>

static void *notes_new(void)
{
    return __tsan_create_fiber(0);
}

static void notes_free(void *notes)
{
    __tsan_destroy_fiber(notes);
}

static void *notes_own(void)
{
    return __tsan_get_current_fiber();
}

#define THREAD_LEAVE(to) __tsan_switch_to_fiber((to)->thread_notes, 0)

/* The sanitizer notes each call and return on the stack that runs; between its switch and the real
 * one there may be neither. */
#define UNWATCHED __attribute__((no_sanitize("thread")))

#else

static void *notes_new(void)
{
    return NULL;
}

static void notes_free(void *notes)
{
    (void)notes;
}

static void *notes_own(void)
{
    return NULL;
}

#define THREAD_LEAVE(to) ((void)0)
#define UNWATCHED
#endif

#if defined(__SANITIZE_ADDRESS__) || defined(WATCHES_ADDRESSES)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>

/* One that leaves for good has its frames on the heap given back. */
#define ADDRESS_LEAVE(from, to, for_good)                                                          \
    __sanitizer_start_switch_fiber((for_good) ? NULL : &(from)->address_notes, (to)->bottom,       \
                                   (to)->size)
#define ADDRESS_ARRIVE(notes, ret_bottom, ret_size)                                                \
    __sanitizer_finish_switch_fiber((notes), (ret_bottom), (ret_size))
/* Frames that were never left stay marked as such. */
#define ADDRESS_FORGET(coroutine)                                                                  \
    __asan_unpoison_memory_region((coroutine)->bottom, (coroutine)->size)

#else
#define ADDRESS_LEAVE(from, to, for_good)           ((void)0)
#define ADDRESS_ARRIVE(notes, ret_bottom, ret_size) ((void)0)
#define ADDRESS_FORGET(coroutine)                   ((void)0)
#endif

void thrum__coroutine_new(thrum__coroutine *fresh, void *bottom, size_t size,
                          void (*begin)(void *argument), void *argument)
{
    fresh->bottom = bottom;
    fresh->size = size;
    fresh->thread_notes = notes_new();
    fresh->address_notes = NULL;
    fresh->valgrind = VALGRIND_STACK_REGISTER(bottom, (char *)bottom + size);
    thrum__switch_new(&fresh->registers, bottom, size, begin, argument);
}

void thrum__coroutine_free(thrum__coroutine *coroutine)
{
    notes_free(coroutine->thread_notes);
    VALGRIND_STACK_DEREGISTER(coroutine->valgrind);
    ADDRESS_FORGET(coroutine);
}

void thrum__coroutine_adopt(thrum__coroutine *home)
{
    home->thread_notes = notes_own();
    home->address_notes = NULL;
    home->bottom = NULL;
    home->size = 0;
}

void thrum__coroutine_arrive(thrum__coroutine *from)
{
    const void *bottom = NULL;
    size_t size = 0;
    ADDRESS_ARRIVE(NULL, &bottom, &size);
    if (from) {
        from->bottom = bottom;
        from->size = size;
    }
}

/* While this is away other code runs and writes to whatever it likes. GCC, when it sees the whole
 * program, would find that nothing in here touches the static variables of others, and keep their
 * values across the switch; the slot of the running context was the first of them. */
#if defined(__GNUC__) && !defined(__clang__)
#define OPAQUE __attribute__((noipa))
#else
#define OPAQUE __attribute__((noinline))
#endif

OPAQUE UNWATCHED void thrum__coroutine_switch(thrum__coroutine *from, thrum__coroutine *to,
                                              bool for_good)
{
    (void)for_good;
    ADDRESS_LEAVE(from, to, for_good);
    THREAD_LEAVE(to);
    thrum__switch_to(&from->registers, &to->registers);
    ADDRESS_ARRIVE(from->address_notes, NULL, NULL);
}
