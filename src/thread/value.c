/* What values are and who owns them: value.h. */
#include "thread/value.h"
#include "base/memory.h"
#include "base/panic.h"
#include "park/context.h"
#include <thrum/thread.h>

#include <stdalign.h>
#include <string.h>

typedef struct header {
    alignas(16) thrum_destructor *destroy; /* NULL once the value was delivered */
    size_t skip;
} header;

static header *header_of(const void *bytes)
{
    return (header *)(uintptr_t)bytes - 1;
}

thrum__value thrum__value_marked(const void *value, size_t size, const void *place)
{
    const thrum__owned *owned = value;
    if (size == THRUM__OWNED_SIZE)
        return (thrum__value){
            .bytes = owned->value, .size = owned->size, .destroy = owned->destroy};
    if (!value)
        thrum__panic(place, "thrum_text was given NULL by thread \"%s\"", thrum__self()->name);
    return (thrum__value){.bytes = value, .size = strlen(value) + 1};
}

static void destroy(thrum_destructor *function, const void *bytes, size_t skip)
{
    thrum_shield_begin();
    function((char *)(uintptr_t)bytes + skip);
    thrum_shield_end();
}

void thrum__value_drop(thrum__value value)
{
    if (value.destroy)
        destroy(value.destroy, value.bytes, value.skip);
}

void *thrum__value_keep(thrum__value value)
{
    size_t size;
    header *kept = NULL;
    if (!__builtin_add_overflow(value.size, sizeof *kept, &size))
        kept = thrum__alloc(size);
    if (!kept) {
        thrum__value_drop(value);
        return NULL;
    }
    *kept = (header){.destroy = value.destroy, .skip = value.skip};
    if (value.size)
        memcpy(kept + 1, value.bytes, value.size);
    return kept + 1;
}

void thrum__value_delivered(void *bytes)
{
    header_of(bytes)->destroy = NULL;
}

bool thrum__value_undelivered(const void *bytes)
{
    return header_of(bytes)->destroy;
}

void thrum__value_release(void *bytes)
{
    header *kept = header_of(bytes);
    if (kept->destroy)
        destroy(kept->destroy, bytes, kept->skip);
    thrum__free(kept);
}

void thrum_pointer_destroy(void *value)
{
    void *memory;
    memcpy(&memory, value, sizeof memory);
    thrum__free(memory);
}
