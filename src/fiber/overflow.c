/* Who overflows its stack touches the guard page, and the process dies by SIGSEGV, as with any
 * stack. But a plain SIGSEGV says nothing, and a fiber's stack is smaller than a thread's; so the
 * handler looks whether the address lies in the guard of the fiber that runs here, and names it.
 *
 * The handler runs on the worker's stack for signals, as the fiber's is full. It reads the slot of
 * the running context, the context and the fiber at the top of its stack, all of which are the own
 * of the thread that was interrupted, and writes one line; nothing else. A frame larger than a page
 * that does not touch it on the way can jump over the guard, as everywhere;
 * -fstack-clash-protection, which distributions use, forbids that.
 */
#include "fiber/overflow.h"
#include "base/crash.h"
#include "base/local.h"
#include "base/pages.h"
#include "fiber/scheduler.h"

#include <stdint.h>

/* Decimal digits of a number, at the end of `text`. */
static const char *digits(size_t number, char text[24])
{
    char *at = text + 23;
    *at = '\0';
    do
        *--at = (char)('0' + number % 10);
    while (number /= 10);
    return at;
}

static void look(const void *address)
{
    thrum__context *self = thrum__local();
    thrum__fiber *fiber = self ? self->fiber : NULL;
    if (!fiber)
        return;
    uintptr_t guard = (uintptr_t)fiber->stack.bottom, at = (uintptr_t)address;
    if (at < guard || at - guard >= thrum__pages_size())
        return;
    char text[24];
    const char *const pieces[] = {"thrum: fiber \"",
                                  self->name,
                                  "\" overflowed its stack of ",
                                  digits(fiber->worker->stacks.size >> 10, text),
                                  " KiB",
                                  NULL};
    thrum__crash_say(pieces);
}

void thrum__overflow_watch(void)
{
    thrum__crash_watch(look);
}
