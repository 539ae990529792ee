/* What a thread needs of an event beyond the public interface. */
#ifndef THRUM_SYNC_EVENT_H
#define THRUM_SYNC_EVENT_H

#include "park/deadlock.h"
#include <thrum/event.h>

/* thrum_event_wait for an event that one context will set. */
int thrum__event_wait_owned(thrum_event *event, thrum_time deadline, const thrum__wait_kind *kind,
                            const void *place);

#endif
