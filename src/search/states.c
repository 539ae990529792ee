/* The states that a search has visited: a hash table that grows, up to a limit. Beyond the limit
 * nothing new is noted, which costs time and hides nothing. */
#include "search/search.h"

#include <stdlib.h>

enum { LEAST = 1 << 12, MOST = 1 << 27 };

struct entry {
    uint64_t state; /* 0: free */
    int left;
} __attribute__((packed));

struct states {
    struct entry *entry;
    size_t size, used;
};

struct states *thrum__states_new(void)
{
    struct states *states = calloc(1, sizeof *states);
    if (!states || !(states->entry = calloc(LEAST, sizeof *states->entry)))
        abort();
    states->size = LEAST;
    return states;
}

void thrum__states_free(struct states *states)
{
    if (states)
        free(states->entry);
    free(states);
}

uint64_t thrum__states_count(const struct states *states)
{
    return states->used;
}

static struct entry *find(struct states *states, uint64_t state)
{
    size_t at = (size_t)state & (states->size - 1);
    while (states->entry[at].state && states->entry[at].state != state)
        at = (at + 1) & (states->size - 1);
    return &states->entry[at];
}

static bool grow(struct states *states)
{
    struct states bigger = {.size = 2 * states->size};
    if (bigger.size <= MOST)
        bigger.entry = calloc(bigger.size, sizeof *bigger.entry);
    if (!bigger.entry)
        return false;
    for (size_t i = 0; i < states->size; i++)
        if (states->entry[i].state)
            *find(&bigger, states->entry[i].state) = states->entry[i];
    free(states->entry);
    states->entry = bigger.entry;
    states->size = bigger.size;
    return true;
}

bool thrum__states_visit(struct states *states, uint64_t state, int left)
{
    state |= state == 0;
    struct entry *entry = find(states, state);
    if (entry->state) {
        if (entry->left >= left)
            return true;
        entry->left = left;
        return false;
    }
    if (states->used >= states->size / 4 * 3 && !grow(states))
        return false;
    entry = find(states, state);
    entry->state = state;
    entry->left = left;
    states->used++;
    return false;
}
