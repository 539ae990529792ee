#include "explorer/objects.h"

#include <stdlib.h>
#include <string.h>

enum { SLOTS = 2 * THRUM__EXPLORE_OBJECTS };

/* A hash table by address; a slot is of this run if its number is. Nothing is ever taken out: an
 * object that is forgotten loses what was known of it, and keeps its place. */
struct table {
    uint32_t run;
    unsigned used;
    struct {
        const void *address;
        uint32_t run;
        uint32_t index;
    } slot[SLOTS];
    thrum__explore_object object[THRUM__EXPLORE_OBJECTS];
};

static struct table *table; /* made before the first run: see memory.c */

void thrum__explore_objects_reset(void)
{
    if (!table)
        table = calloc(1, sizeof *table);
    if (!table)
        abort();
    table->run++;
    table->used = 0;
}

static void clear(thrum__explore_object *object)
{
    object->last_write = object->reads = 0;
    object->count = object->newest = 0;
    memset(object->touched, 0, sizeof object->touched);
    object->size = 0;
}

thrum__explore_object *thrum__explore_object_at(const void *address)
{
    uint64_t number = (uint64_t)(uintptr_t)address;
    unsigned at = (unsigned)((number * UINT64_C(0x9e3779b97f4a7c15)) >> 52) % SLOTS;
    while (table->slot[at].run == table->run) {
        if (table->slot[at].address == address)
            return &table->object[table->slot[at].index];
        at = (at + 1) % SLOTS;
    }
    if (table->used == THRUM__EXPLORE_OBJECTS)
        thrum__explore_fail("more than %d words are used by atomics in one run",
                            THRUM__EXPLORE_OBJECTS);
    table->slot[at].address = address;
    table->slot[at].run = table->run;
    table->slot[at].index = table->used;
    thrum__explore_object *object = &table->object[table->used++];
    object->address = address;
    clear(object);
    return object;
}

const thrum__explore_object *thrum__explore_object_number(unsigned number)
{
    return number < table->used ? &table->object[number] : NULL;
}

void thrum__explore_objects_forget(const void *address, size_t size)
{
    const char *from = address;
    for (unsigned i = 0; i < table->used; i++) {
        const char *place = table->object[i].address;
        if (place >= from && place < from + size)
            clear(&table->object[i]);
    }
}

void thrum__explore_objects_owned(const void *address, size_t size)
{
    const thrum__explore_machine *m = thrum__explore_machine_;
    const thrum__explore_thread *self = thrum__explore_self();
    const char *from = address;
    for (unsigned i = 0; i < table->used; i++) {
        const thrum__explore_object *object = &table->object[i];
        const char *place = object->address;
        if (place < from || place >= from + size)
            continue;
        for (unsigned t = 0; t < m->threads; t++) {
            if (t == m->current || object->touched[t] <= self->clock.at[t])
                continue;
            char text[128];
            thrum__explore_describe(text, sizeof text, place);
            thrum__explore_fail("race on %s: its memory ends in %s after %s:%d, not ordered after "
                                "an atomic access by %s",
                                text, thrum__explore_thread_name(m->current),
                                thrum__explore_file(self->file), self->line,
                                thrum__explore_thread_name(t));
        }
    }
}
