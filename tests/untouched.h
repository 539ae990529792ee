/* Outputs are untouched by a call that fails: what a `ret_` parameter points to is compared with what was there before.
 * tools/check_untouched.sh finds here, after the preprocessor, which functions have a case.
 *
 * What is also set by a failure has no `ret_` (`needed_size`, `added`), but for `ret_error`, which a success leaves
 * untouched. */
#ifndef TESTS_UNTOUCHED_H
#define TESTS_UNTOUCHED_H

#include "base/fault.h"
#include "harness.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

enum { POISON = 0xA5, ROOM = 256 };

/* Where outputs point to. */
static _Alignas(16) unsigned char room[2][ROOM];

#define FIRST  ((void *)room[0])
#define SECOND ((void *)room[1])

static const char *poisoned_for; /* the call whose outputs are in the room */

static inline void poison(const char *call)
{
    poisoned_for = call;
    memset(room, POISON, sizeof room);
}

static inline void check_poisoned(void)
{
    for (size_t i = 0; i < sizeof room; i++)
        if (room[i / ROOM][i % ROOM] != POISON)
            test_fail(__FILE__, __LINE__, poisoned_for, "changed byte %zu of its outputs", i);
}

/* Makes a call whose outputs are in the room, and that fails. */
#define FAILS(call, code)                                                                          \
    do {                                                                                           \
        poison(#call);                                                                             \
        CHECK_INT(call, ==, code);                                                                 \
        check_poisoned();                                                                          \
    } while (0)

/* The same with the n-th allocation failing, for n = 1, 2, ... until the call succeeds. */
#define FAILS_WITHOUT_MEMORY(call, undo)                                                           \
    do {                                                                                           \
        int rc_ = -ENOMEM;                                                                         \
        for (uint32_t n_ = 1; rc_ != 0; n_++) {                                                    \
            poison(#call);                                                                         \
            thrum__fault_arm(THRUM__FAULT_ALLOC, n_, 1);                                           \
            rc_ = (call);                                                                          \
            thrum__fault_disarm(THRUM__FAULT_ALLOC);                                               \
            CHECK(rc_ == 0 || rc_ == -ENOMEM);                                                     \
            if (rc_ != 0)                                                                          \
                check_poisoned();                                                                  \
        }                                                                                          \
        undo;                                                                                      \
    } while (0)

#define AT_FIRST(type) (*(type *)FIRST)

#endif
