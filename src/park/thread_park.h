/* How an OS thread sleeps and is woken: the context's signal word, by futex. */
#ifndef THRUM_PARK_THREAD_PARK_H
#define THRUM_PARK_THREAD_PARK_H

#include "park/context.h"

extern const thrum__context_ops thrum__thread_park_ops;

#endif
