/* Stretches that the explorer does not interleave.
 *
 * Bookkeeping that no property depends on (the table of contexts) would multiply the interleavings
 * for nothing. Between begin and end the running thread is not preempted. A lock that is taken
 * there orders nothing that the explorer would know of, unless its holder says handover. Nothing in
 * other builds.
 */
#ifndef THRUM_BASE_UNEXPLORED_H
#define THRUM_BASE_UNEXPLORED_H

#ifdef THRUM_EXPLORE
#include "base/explore.h"
#define thrum__unexplored_begin()    thrum__explore_quiet(true)
#define thrum__unexplored_end()      thrum__explore_quiet(false)
#define thrum__unexplored_handover() thrum__explore_handover()
#else
#define thrum__unexplored_begin()    ((void)0)
#define thrum__unexplored_end()      ((void)0)
#define thrum__unexplored_handover() ((void)0)
#endif

#endif
