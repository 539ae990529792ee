/* Values of one's own: an array in each context, indexed by a number that each thrum_local draws on
 * its first set.
 *
 * The register keeps the destructors by index; it grows under its guard and never shrinks, as a
 * thrum_local is static. A destructor may set values again: rounds are made until none is left,
 * but no more than ROUNDS, as POSIX does with its keys.
 */
#include "park/local.h"
#include "park/guard.h"
#include <thrum/local.h>

#include <errno.h>
#include <string.h>

enum { ROUNDS = 4, FIRST_COUNT = 8, MOST = 1024 };

static uint32_t guard;
static uint32_t drawn; /* indices run from 1 to this */
static void (*destructors[MOST + 1])(void *value);

/* The index of `local`, drawn if it has none; 0 if there are too many. */
static uint32_t index_of(thrum_local *local)
{
    uint32_t index = thrum__load_acquire(&local->index_);
    if (index)
        return index;
    thrum__guard_acquire(&guard, 1);
    index = thrum__load_relaxed(&local->index_);
    if (!index && drawn < MOST) {
        index = ++drawn;
        destructors[index] = local->destructor_;
        thrum__store_release(&local->index_, index);
    }
    thrum__guard_release(&guard, 1);
    return index;
}

/* Makes room for `index` in the context. */
static int grow(thrum__context *self, uint32_t index)
{
    if (index < self->local_count)
        return 0;
    uint32_t count = self->local_count ? self->local_count : FIRST_COUNT;
    while (count <= index)
        count *= 2;
    void **locals = thrum__alloc_array(count, sizeof *locals);
    if (!locals)
        return -ENOMEM;
    if (self->locals)
        memcpy(locals, self->locals, self->local_count * sizeof *locals);
    thrum__free(self->locals);
    self->locals = locals;
    self->local_count = count;
    return 0;
}

void *thrum_local_get(const thrum_local *local)
{
    thrum__context *self = thrum__self();
    uint32_t index = thrum__load_acquire(&local->index_);
    return index && index < self->local_count ? self->locals[index] : NULL;
}

int thrum_local_set(thrum_local *local, void *value)
{
    thrum__context *self = thrum__self();
    uint32_t index = index_of(local);
    int rc = index ? grow(self, index) : -ENOMEM;
    if (rc == 0)
        self->locals[index] = value;
    return rc;
}

/* One round; true if it found a value. */
static bool destroy_values(thrum__context *context)
{
    bool found = false;
    for (uint32_t index = 1; index < context->local_count; index++) {
        void *value = context->locals[index];
        context->locals[index] = NULL;
        if (value && destructors[index]) {
            found = true;
            destructors[index](value);
        }
    }
    return found;
}

void thrum__locals_destroy(thrum__context *context)
{
    for (int round = 0; round < ROUNDS && destroy_values(context); round++)
        ;
    thrum__free(context->locals);
    context->locals = NULL;
    context->local_count = 0;
}
