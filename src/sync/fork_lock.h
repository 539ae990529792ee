/* Locks of the library itself that are held across a fork, so that the child finds what they
 * protect whole and can go on using it. */
#ifndef THRUM_SYNC_FORK_LOCK_H
#define THRUM_SYNC_FORK_LOCK_H

#include <thrum/lock.h>

/* From now on the forking thread takes `lock` before each fork and gives it back after it, in the
 * parent and in the child. The lock must be static; again for the same lock does nothing. The
 * caller holds none of these locks, and no two of them are ever held at once otherwise. */
void thrum__lock_across_fork(thrum_lock *lock);

#endif
