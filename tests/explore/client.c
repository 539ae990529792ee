/* What clients call, beside the library under test. */
#include "explore.h"
#include "search.h"

#include <stdlib.h>
#include <string.h>

static struct explore_client *first_client; /* complete before the first run */

void explore_register(struct explore_client *client)
{
    struct explore_client **at = &first_client;
    while (*at && strcmp((*at)->name, client->name) < 0)
        at = &(*at)->next;
    client->next = *at;
    *at = client;
}

const struct explore_client *explore_clients(void)
{
    return first_client;
}

static unsigned spawned; /* set back before each run, as all variables */

unsigned explore_spawn(const char *name, void (*run)(void *argument), void *argument)
{
    uintptr_t thread;
    if (thrum__explore_thread_start(&thread, run, argument))
        thrum__explore_fail("the client's own thread did not start");
    thrum__explore_name_thread((unsigned)thread, name);
    spawned |= 1u << thread;
    return (unsigned)thread;
}

void explore_join(unsigned thread)
{
    thrum__explore_join(1u << thread);
}

void explore_join_all(void)
{
    thrum__explore_join(spawned);
}

static struct seen {
    char text[256];
} * seen; /* on the heap: it must outlive the runs */

void explore_seen_reset(void)
{
    if (!seen)
        seen = calloc(1, sizeof *seen);
    if (!seen)
        abort();
    seen->text[0] = '\0';
}

void explore_seen(const char *what)
{
    strncpy(seen->text, what, sizeof seen->text - 1);
}

bool explore_was_seen(const char *what)
{
    return strcmp(seen->text, what) == 0;
}
