/* Machine code around a return address: is it one, and what was called? */
#ifndef DOCTOR_CALL_SITE_H
#define DOCTOR_CALL_SITE_H

#include "module.h"

enum call_kind {
    CALL_NONE,     /* what stands before the address is no call */
    CALL_INDIRECT, /* by a register or a pointer: the function cannot be told */
    CALL_KNOWN,
};

/* Looks at the code before `address`. With CALL_KNOWN, `ret_function` is where the call ends up: a
 * call by the procedure linkage table is followed to the function. */
enum call_kind call_before(const struct modules *modules, uint64_t address, uint64_t *ret_function);

#endif
