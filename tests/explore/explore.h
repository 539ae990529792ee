/* What the clients of the explorer in this folder use: the interface for tests of programs (thrum/explore.h),
 * by short names, and the inside of the library.
 *
 *     EXPLORE(lock_counter, .preemptions = 3, .spurious = 1)
 *     {
 *         struct counter counter = {THRUM_LOCK_INIT, 0};
 *         explore_spawn("one", increment, &counter);
 *         explore_spawn("two", increment, &counter);
 *         explore_join_all();
 *         EXPLORE_CHECK(counter.value == 2);
 *     }
 *
 * Shared memory is touched through the gate (base/atomic.h) or by EXPLORE_READ and EXPLORE_WRITE. Memory comes from
 * thrum__alloc. docs/explorer.md has the rules.
 */
#ifndef EXPLORE_H
#define EXPLORE_H

#include "../outcome.h"
#include "base/atomic.h"
#include "base/memory.h"
#include "explorer/machine.h"
#include "search/spawn.h"

#include <stdbool.h>
#include <stdint.h>
#include <thrum/explore.h>

enum { EXPLORE_ALL = THRUM_EXPLORE_ALL, EXPLORE_NONE = THRUM_EXPLORE_NONE };

#define EXPLORE               THRUM_EXPLORE_TEST
#define EXPLORE_CHECK         thrum_explore_check
#define EXPLORE_NAME          thrum_explore_name
#define EXPLORE_READ          thrum_explore_read
#define EXPLORE_WRITE         thrum_explore_write
#define explore_spawn         thrum_explore_spawn
#define explore_spawn_foreign thrum__explore_spawn_foreign
#define explore_join          thrum_explore_join
#define explore_join_all      thrum_explore_join_all
#define explore_any           thrum_explore_any
#define explore_seen          thrum_explore_seen
#define explore_timeouts      thrum_explore_timeouts

#endif
