#include "park/context.h"
#include "base/clock.h"
#include "base/os_thread.h"
#include "base/panic.h"
#include "base/process.h"
#include "base/unexplored.h"
#include "park/guard.h"
#include "park/layout.h"
#include "park/local.h"
#include "park/thread_park.h"

#include <stdio.h>
#include <string.h>

/* The table: chunks of contexts, found by ident, so that a lock's owner word leads to a name. The
 * first chunk is static: a program with few threads never asks for memory here. Further ones come
 * several at a time, as many as there are, up to REGION: a million fibers are to cost some hundred
 * system calls and not 16 000. Behind them lies what few contexts use. Ident 0 is nobody.
 *
 * The guard is held for a few instructions, when a thread begins or ends, and while the living are
 * listed. */
enum { CHUNK = THRUM__CONTEXT_CHUNK, CHUNKS = 1 << 14 }; /* a million living threads and fibers */
enum { REGION = 128 };                                   /* chunks at once */

_Static_assert(sizeof(thrum__context) == 4 * THRUM__CACHE_LINE, "as the table says");

static uint32_t guard;
static thrum__context first_chunk[CHUNK];
static thrum__context_rest first_rest[CHUNK];
static thrum__context *chunks[CHUNKS] = {first_chunk};
static thrum__context_rest *rest = first_rest; /* of the context that is made next */
static uint32_t used = 1;
static thrum__context *free_list;

/* For a reader outside of the process; the last makes a linker keep the layout. */
thrum__context *const *const thrum__context_chunks = chunks;
const uint32_t *const thrum__context_used = &used;
__attribute__((used)) static const thrum__layout *const layout = &thrum__doctor_layout;

thrum__context *thrum__context_of(uint32_t ident)
{
    return &thrum__load_acquire(&chunks[ident / CHUNK])[ident % CHUNK];
}

const char *thrum__context_name(uint32_t ident)
{
    return ident ? thrum__context_of(ident)->name : "nobody";
}

bool thrum__context_lost(uint32_t ident)
{
    if (thrum__process_generation == 1)
        return false;
    uint32_t process = thrum__load_relaxed(&thrum__context_of(ident)->process);
    return process && process != thrum__process_generation;
}

#ifndef THRUM_EXPLORE
/* The forking thread lives on here; all others are lost, and their contexts with them. A fiber that
 * forked has no scheduler any more: it waits as the thread that it runs on. A worker of a pool is
 * one no more: its pool is lost, and nobody steps in for it while it waits. */
static void begin_child(void)
{
    thrum__context *self = thrum__local();
    if (self) {
        self->process = thrum__process_generation;
        self->ops = &thrum__thread_park_ops;
        self->signal = THRUM__SIGNAL_EMPTY;
        self->worker = NULL;
        self->stop = 0;
    }
}

__attribute__((constructor)) static void watch_forks(void)
{
    if (thrum__process_on_fork(NULL, NULL, begin_child) < 0)
        thrum__panic(NULL, "out of memory: cannot register what a fork has to do");
}
#endif

/* Makes the chunk with that number, and some that follow. */
static bool grow(uint32_t chunk)
{
    uint32_t count = chunk < REGION ? chunk : REGION;
    count = count < CHUNKS - chunk ? count : CHUNKS - chunk;
    size_t contexts = count * CHUNK * sizeof(thrum__context);
    char *fresh = thrum__alloc_immortal(contexts + count * CHUNK * sizeof(thrum__context_rest));
    if (!fresh)
        return false;
    for (uint32_t i = 0; i < count; i++)
        thrum__store_release(&chunks[chunk + i], (thrum__context *)(void *)fresh + i * CHUNK);
    rest = (thrum__context_rest *)(void *)(fresh + contexts);
    return true;
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
    if (!chunks[chunk] && !grow(chunk))
        return NULL;
    context = &chunks[chunk][used % CHUNK];
    context->ident = used++;
    thrum__store_release(&context->rest, rest++); /* a search for deadlocks may look at any time */
    return context;
}

/* Makes a context as new, but for its ident and the generations of its claim. Under the guard. */
static void begin(thrum__context *context, const char *name, thrum__scope *base)
{
    if (!base)
        base = &context->rest->base;
    *base = (thrum__scope){.context = context};
    thrum__store_relaxed(&context->scope, base);
    thrum__store_relaxed(&context->stop, 0);
    context->ops = &thrum__thread_park_ops;
    context->daemon = false;
    context->thread = NULL;
    thrum__store_relaxed(&context->fiber, NULL);
    context->look_at = THRUM__NO_DEADLINE;
    context->forks = NULL;
    context->stood_in = 0;
    context->executor = NULL;
    context->worker = NULL;
    thrum__store_relaxed(&context->native_id, 0);
    thrum__store_relaxed(&context->wait_kind, NULL);
    thrum__store_relaxed(&context->wait_object, NULL);
    thrum__store_relaxed(&context->signal, THRUM__SIGNAL_EMPTY);
    context->of_thread = &context->rest->of_thread;
    if (name)
        *(char *)mempcpy(context->name, name, strnlen(name, sizeof context->name - 1)) = '\0';
    else
        snprintf(context->name, sizeof context->name, "Thread-%u", context->ident);
    context->full_name = name ? name : context->name;
    thrum__store_relaxed(&context->process, thrum__process_generation);
}

thrum__context *thrum__context_new(const char *name, thrum__scope *base)
{
    thrum__unexplored_begin();
    thrum__guard_acquire(&guard, 1);
    thrum__unexplored_handover();
    thrum__context *context = take();
    if (context)
        begin(context, name, base);
    thrum__guard_release(&guard, 1);
    thrum__unexplored_end();
    return context;
}

static void give_memory_back(thrum__context *context)
{
    thrum__of_thread *own = &context->rest->of_thread;
    if (own->futures.end)
        own->futures.end(&own->futures);
    own->futures.end = NULL;
    thrum__free(own->buffer);
    own->buffer = NULL;
}

void thrum__context_free(thrum__context *context)
{
    thrum__unexplored_begin();
    thrum__guard_acquire(&guard, 1);
    thrum__unexplored_handover();
    thrum__store_relaxed(&context->process, 0);
    context->full_name = context->name;
    context->next_free = free_list;
    free_list = context;
    thrum__guard_release(&guard, 1);
    thrum__unexplored_end();
}

void thrum__context_each(void (*visit)(const thrum__context *context, void *argument),
                         void *argument)
{
    thrum__guard_acquire(&guard, 1);
    for (uint32_t ident = 1; ident < used; ident++) {
        const thrum__context *context = thrum__context_of(ident);
        if (thrum__load_relaxed(&context->process) == thrum__process_generation)
            visit(context, argument);
    }
    thrum__guard_release(&guard, 1);
}

void thrum__context_enter(thrum__context *context)
{
    thrum__unexplored_begin();
    thrum__local_assign(context, context->ident);
    thrum__store_relaxed(&context->native_id, thrum__os_thread_number());
    thrum__unexplored_end();
}

/* What a thread does last of all that needs to know who it is. */
static void clear(thrum__context *context)
{
    thrum__locals_destroy(context);
    give_memory_back(context);
}

void thrum__context_leave(thrum__context *context)
{
    clear(context);
    thrum__local_assign(NULL, 0);
    thrum__context_free(context);
}

/* One that ends amid a wait stands in a queue, with a waiter on a stack that is going. */
static void end_of_foreign_thread(void *memory)
{
    thrum__context *context = memory;
    uint64_t state = thrum__load_relaxed(&context->claim) % THRUM__CLAIM_STATES;
    if (state == THRUM__CLAIM_WAITING || state == THRUM__CLAIM_SHIELDED)
        thrum__panic(
            NULL,
            "thread \"%s\" ended by pthread_cancel or pthread_exit while it waits for %s %p; "
            "disable its cancellation around calls of thrum",
            context->name, context->wait_kind ? context->wait_kind : "nothing",
            context->wait_object);
    clear(context);
    thrum__context_free(context);
}

thrum__context *thrum__self_make(void)
{
    thrum__unexplored_begin();
    thrum__context *context =
        thrum__context_new(thrum__os_thread_is_main() ? "MainThread" : NULL, NULL);
    if (!context || thrum__local_set(context, context->ident, end_of_foreign_thread) < 0)
        thrum__panic(NULL, "out of memory: cannot register a thread that thrum did not start");
    context->daemon = !thrum__os_thread_is_main();
    thrum__store_relaxed(&context->native_id, thrum__os_thread_number());
    thrum__unexplored_end();
    return context;
}
