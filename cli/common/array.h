/* Arrays that grow. */
#ifndef CLI_COMMON_ARRAY_H
#define CLI_COMMON_ARRAY_H

#include <stdbool.h>
#include <stddef.h>

/* Makes room for one more item in a malloced array. `array` is the address of the pointer to it, which may be NULL.
 * `count` items of `size` bytes are used, and `*room` is how many fit. Returns false if memory ran out; the array is then
 * unchanged. */
bool array_has_room(void *array, size_t count, size_t *room, size_t size);

#endif
