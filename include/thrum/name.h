/* Names for objects, in messages.
 *
 *     int rc = thrum_name_set(account, sizeof *account, "savings");
 *     ...
 *     thrum_name_set(account, sizeof *account, NULL);      // before its memory is given back
 *     free(account);
 *
 * The report of a deadlock, and a message that stops the program, show the name of an object behind
 * its address: `lock 0x55d0c80452a0 "savings"`. It is the name that the program gave to the object,
 * or to the struct that the object is in, as `account` here. An object without such a name has the
 * name of the variable that it lies in, if the program was not stripped. Names cost the objects
 * nothing. They are read for messages alone.
 */
#ifndef THRUM_NAME_H
#define THRUM_NAME_H

#include <stddef.h>
#include <thrum/export.h>

THRUM_BEGIN

/* Gives a name to the `size` bytes at `object`, and so to each object in them. The name is copied,
 * and cut to 63 bytes. A second call for the same `object` replaces the name; NULL takes it away,
 * and never fails. A name that is not taken away outlives its object. Does not block.
 *
 * Returns:
 *     0
 *     -EINVAL  `object` is NULL, or `size` is 0 and `name` is not NULL
 *     -ENOMEM  memory ran out; the object keeps the name that it had */
THRUM_API int thrum_name_set(const void *object, size_t size, const char *name);

THRUM_END

#endif
