/* Open addressing; FNV-1a with 64 bits, of which 0 marks a free slot. */
#include "tally.h"

#include <stdlib.h>

struct tally_slot {
    uint64_t key;
    uint32_t count;
};

enum { ROOM_FIRST = 1024 };

static uint64_t key_of(const char *text)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * UINT64_C(1099511628211);
    return hash ? hash : 1;
}

static struct tally_slot *find(struct tally_slot *slots, size_t room, uint64_t key)
{
    size_t at = (size_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (room - 1);
    while (slots[at].key && slots[at].key != key)
        at = (at + 1) & (room - 1);
    return &slots[at];
}

/* Makes room for one more. */
static bool grow(struct tally *tally)
{
    if (4 * (tally->used + 1) <= 3 * tally->room)
        return true;
    size_t room = tally->room ? 2 * tally->room : ROOM_FIRST;
    struct tally_slot *slots = calloc(room, sizeof *slots);
    if (!slots)
        return false;
    for (size_t i = 0; i < tally->room; i++)
        if (tally->slots[i].key)
            *find(slots, room, tally->slots[i].key) = tally->slots[i];
    free(tally->slots);
    tally->slots = slots;
    tally->room = room;
    return true;
}

uint32_t *tally_of(struct tally *tally, const char *text)
{
    if (!grow(tally))
        return NULL;
    uint64_t key = key_of(text);
    struct tally_slot *slot = find(tally->slots, tally->room, key);
    if (!slot->key) {
        slot->key = key;
        tally->used++;
    }
    return &slot->count;
}

bool tally_take(struct tally *tally, const char *text)
{
    if (!tally->room)
        return false;
    struct tally_slot *slot = find(tally->slots, tally->room, key_of(text));
    if (!slot->key || slot->count == 0)
        return false;
    slot->count--;
    return true;
}

void tally_finish(struct tally *tally)
{
    free(tally->slots);
    *tally = (struct tally){0};
}
