/* What a thread and a process need of an event beyond the public interface. */
#ifndef THRUM_SYNC_EVENT_H
#define THRUM_SYNC_EVENT_H

#include "park/deadlock.h"
#include "park/select.h"
#include <thrum/event.h>

/* thrum_event_wait for an event that one context will set. */
int thrum__event_wait_owned(thrum_event *event, thrum_deadline deadline,
                            const thrum__wait_kind *kind, const void *place);

/* Queues the place of a select unless the flag is set, and takes it out. */
bool thrum__event_select_enqueue(thrum_event *event, thrum__select_place *place);
void thrum__event_select_withdraw(thrum_event *event, thrum__select_place *place);

#endif
