/* A table with one slot for each hash. A later name replaces an earlier one with the same hash. So
 * the memory is bounded for a list of any length, and names that are near each other in a list are
 * found. If memory ran out, nothing is stored. */
#include "holders.h"

#include <stdlib.h>
#include <string.h>

static uint64_t key_of(const char *name)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * UINT64_C(1099511628211);
    return hash;
}

static struct holder *slot_of(const struct holders *holders, uint64_t key)
{
    return &holders->slots[(key ^ key >> 32) % HOLDERS_MOST];
}

const char *holders_find(const struct holders *holders, const char *name)
{
    uint64_t key = key_of(name);
    const struct holder *slot = holders->slots ? slot_of(holders, key) : NULL;
    return slot && slot->url && slot->key == key ? slot->url : NULL;
}

const char *holders_take(struct holders *holders, const char *name, const char *url)
{
    const char *holder = holders_find(holders, name);
    if (holder)
        return holder;
    if (!holders->slots)
        holders->slots = calloc(HOLDERS_MOST, sizeof *holders->slots);
    char *copy = holders->slots ? strdup(url) : NULL;
    if (!copy)
        return NULL;
    uint64_t key = key_of(name);
    struct holder *slot = slot_of(holders, key);
    free(slot->url);
    *slot = (struct holder){key, copy};
    return NULL;
}

void holders_give(struct holders *holders, const char *name, const char *url)
{
    uint64_t key = key_of(name);
    struct holder *slot = holders->slots ? slot_of(holders, key) : NULL;
    if (!slot || !slot->url || slot->key != key || strcmp(slot->url, url) != 0)
        return;
    free(slot->url);
    slot->url = NULL;
}

void holders_finish(struct holders *holders)
{
    for (size_t i = 0; holders->slots && i < HOLDERS_MOST; i++)
        free(holders->slots[i].url);
    free(holders->slots);
    holders->slots = NULL;
}
