#include "park/context.h"
#include "base/os_thread.h"
#include "base/panic.h"
#include "base/unexplored.h"
#include "park/guard.h"
#include "park/thread_park.h"

#include <stdio.h>
#include <string.h>

/* The table: chunks of contexts, found by ident, so that a lock's owner word leads to a name. The
 * first chunk is static: a program with few threads never asks for memory here. Ident 0 is nobody.
 *
 * The guard is held for a few instructions, at a thread's birth and end only. */
enum { CHUNK = 64, CHUNKS = 1 << 14 }; /* a million living threads and fibers */

static uint32_t guard;
static thrum__context first_chunk[CHUNK];
static thrum__context *chunks[CHUNKS] = {first_chunk};
static uint32_t used = 1;
static thrum__context *free_list;

thrum__context *thrum__context_of(uint32_t ident)
{
    return &thrum__load_acquire(&chunks[ident / CHUNK])[ident % CHUNK];
}

const char *thrum__context_name(uint32_t ident)
{
    return ident ? thrum__context_of(ident)->name : "nobody";
}

/* Under the guard. */
static thrum__context *take(void)
{
    thrum__context *context = free_list;
    if (context) {
        free_list = context->next_free;
        return context;
    }
    uint32_t chunk = used / CHUNK;
    if (chunk == CHUNKS)
        return NULL;
    if (!chunks[chunk]) {
        thrum__context *fresh = thrum__alloc_immortal(CHUNK * sizeof *fresh);
        if (!fresh)
            return NULL;
        thrum__store_release(&chunks[chunk], fresh);
    }
    context = &chunks[chunk][used % CHUNK];
    context->ident = used++;
    return context;
}

thrum__context *thrum__context_new(const char *name)
{
    thrum__unexplored_begin();
    thrum__guard_acquire(&guard, 1);
    thrum__context *context = take();
    thrum__guard_release(&guard, 1);
    if (context) {
        context->ops = &thrum__thread_park_ops;
        context->wait_kind = NULL;
        context->wait_object = NULL;
        context->holds_exit = 0;
        context->executor = NULL;
        thrum__store_relaxed(&context->cancelled, 0);
        thrum__store_relaxed(&context->signal, THRUM__SIGNAL_EMPTY);
        if (name)
            snprintf(context->name, sizeof context->name, "%s", name);
        else
            snprintf(context->name, sizeof context->name, "Thread-%u", context->ident);
        context->full_name = name ? name : context->name;
    }
    thrum__unexplored_end();
    return context;
}

void thrum__context_free(thrum__context *context)
{
    thrum__unexplored_begin();
    thrum__guard_acquire(&guard, 1);
    context->full_name = context->name;
    context->next_free = free_list;
    free_list = context;
    thrum__guard_release(&guard, 1);
    thrum__unexplored_end();
}

void thrum__context_enter(thrum__context *context)
{
    thrum__local_assign(context);
}

void thrum__context_leave(thrum__context *context)
{
    thrum__local_assign(NULL);
    thrum__context_free(context);
}

static void end_of_foreign_thread(void *context)
{
    thrum__context_free(context);
}

thrum__context *thrum__self_make(void)
{
    thrum__context *context = thrum__context_new(thrum__os_thread_is_main() ? "MainThread" : NULL);
    if (!context || thrum__local_set(context, end_of_foreign_thread) < 0)
        thrum__panic(NULL, "out of memory: cannot register a thread that thrum did not start");
    return context;
}
