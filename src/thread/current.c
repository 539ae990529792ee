/* The calling thread and the living threads: what the table of contexts knows of threads. */
#include "thread/thread.h"

#include <stdio.h>
#include <string.h>

thrum_thread *thrum_thread_current(void)
{
    struct thrum__thread *thread = thrum__self()->thread;
    return thread ? thread->owner : NULL;
}

const char *thrum_thread_current_name(void)
{
    return thrum__self()->full_name;
}

uint32_t thrum_thread_current_ident(void)
{
    return thrum__self()->ident;
}

int32_t thrum_thread_current_native_id(void)
{
    return thrum__self()->native_id;
}

/* A list in the making: what fits is described, all are counted. */
struct listing {
    thrum_thread_info *infos;
    size_t capacity, count;
};

static void list(const thrum__context *context, void *argument)
{
    struct listing *listing = argument;
    if (thrum__load_relaxed(&context->fiber))
        return; /* not a thread: there may be a million */
    if (listing->count++ >= listing->capacity)
        return;
    thrum_thread_info *info = &listing->infos[listing->count - 1];
    *info = (thrum_thread_info){
        .ident = context->ident,
        .native_id = thrum__load_relaxed(&context->native_id),
        .daemon = context->daemon,
    };
    memcpy(info->name, context->name, sizeof info->name);
    const char *waits_for = thrum__load_relaxed(&context->wait_kind);
    if (waits_for)
        snprintf(info->waits_for, sizeof info->waits_for, "%s", waits_for);
}

size_t thrum_thread_enumerate(thrum_thread_info *ret_infos, size_t capacity)
{
    struct listing listing = {.infos = ret_infos, .capacity = capacity};
    (void)thrum__self(); /* the calling thread is one of the living from here on */
    thrum__context_each(list, &listing);
    return listing.count;
}

size_t thrum_thread_active_count(void)
{
    return thrum_thread_enumerate(NULL, 0);
}
