/* What a condition needs of a reentrant lock beyond the public interface. */
#ifndef THRUM_SYNC_RLOCK_H
#define THRUM_SYNC_RLOCK_H

#include <thrum/rlock.h>

/* Undoes all but one acquire of the lock, which the caller holds, and gives their number, for thrum__rlock_restore. */
uint32_t thrum__rlock_give_up(thrum_rlock *lock);
void thrum__rlock_restore(thrum_rlock *lock, uint32_t extra);

#endif
