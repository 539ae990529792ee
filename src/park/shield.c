/* Shields from cancellation: a depth in the context, which a wait reads as it begins. */
#include "base/panic.h"
#include "park/context.h"
#include <thrum/thread.h>

void thrum_shield_begin(void)
{
    thrum__self()->shields++;
}

void thrum_shield_end(void)
{
    thrum__context *self = thrum__self();
    if (self->shields == 0)
        thrum__panic(thrum__caller(), "thrum_shield_end without a begin in thread \"%s\"",
                     self->name);
    self->shields--;
}
