/* The room doubles, so n items are copied fewer than n times. */
#include "array.h"

#include <stdlib.h>
#include <string.h>

enum { ROOM_FIRST = 16 };

bool array_has_room(void *array, size_t count, size_t *room, size_t size)
{
    void *items;
    if (count < *room)
        return true;
    size_t wanted = *room ? 2 * *room : ROOM_FIRST, bytes;
    memcpy(&items, array, sizeof items); /* the type of the pointer is the caller's */
    items = __builtin_mul_overflow(wanted, size, &bytes) ? NULL : realloc(items, bytes);
    if (!items)
        return false;
    memcpy(array, &items, sizeof items);
    *room = wanted;
    return true;
}
