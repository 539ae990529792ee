/* The values of thrum_local, as the context's end sees them. */
#ifndef THRUM_PARK_LOCAL_H
#define THRUM_PARK_LOCAL_H

#include "park/context.h"

/* Calls the destructors for the values that the calling context, which is ending, has set. */
void thrum__locals_destroy(thrum__context *context);

#endif
