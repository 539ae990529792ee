/* Which words of memory threads share without a lock.
 *
 * Only such words are worth a point: where all accesses hold the same lock, the calls that take it
 * are points already. A word of eight bytes is shared once two threads have accessed it, one of
 * them wrote, and no lock was held at all of the accesses (Savage and others, "Eraser", 1997). That is a
 * guess which depends on the schedule. It decides where threads may switch, never what is a failure.
 *
 * The first runs of a search make each access a point, and add what they find to the region, where
 * later runs take it from. These first runs are the same for each server, so a seed means the same
 * schedule everywhere. What a later run finds itself counts for the rest of that run only.
 *
 * A table that is full forgets nothing, and notes no more words.
 */
#include "sharing.h"

#include "turns.h"

#include <string.h>

enum { WORDS = 1 << 13, PROBES = 16, LOCKS_KEPT = 4 };

struct word {
    uint64_t granule; /* the address / 8; 0 for none */
    uint64_t locks[LOCKS_KEPT];
    uint8_t lock_count, thread;
    bool used, several, written, shared;
};

static struct word words[WORDS];

static struct word *word_of(uint64_t granule)
{
    uint32_t at = (uint32_t)(granule * 0x9e3779b97f4a7c15 >> 40);
    for (uint32_t i = 0; i < PROBES; i++) {
        struct word *word = &words[(at + i) % WORDS];
        if (word->granule == 0)
            word->granule = granule;
        if (word->granule == granule)
            return word;
    }
    return NULL;
}

void thrum__sharing_begin(void)
{
    const struct schedule_region *region = thrum__turn_region;
    for (uint32_t i = 0; i < region->shared_count && i < SCHEDULE_SHARED; i++) {
        struct word *word = word_of(region->shared[i] / 8);
        if (word)
            word->shared = true;
    }
}

static bool holds(const struct schedule_thread *thread, uint64_t lock)
{
    for (uint32_t i = 0; i < thread->held_count && i < SCHEDULE_HELD; i++)
        if (thread->held[i].object == lock)
            return true;
    return false;
}

static void note_locks(struct word *word, const struct schedule_thread *thread)
{
    uint8_t kept = 0;
    if (!word->used)
        for (uint32_t i = 0; i < thread->held_count && i < LOCKS_KEPT; i++)
            word->locks[word->lock_count++] = thread->held[i].object;
    for (uint8_t i = 0; i < word->lock_count; i++)
        if (holds(thread, word->locks[i]))
            word->locks[kept++] = word->locks[i];
    word->lock_count = kept;
}

static void learn(const struct word *word)
{
    struct schedule_region *region = thrum__turn_region;
    if (region->plan.learn && region->shared_count < SCHEDULE_SHARED)
        region->shared[region->shared_count++] = word->granule * 8;
}

bool thrum__sharing_note(uint64_t address, bool write)
{
    const struct turn_thread *self = thrum__turn_self;
    bool all = thrum__turn_region->plan.memory == MEMORY_ALL;
    struct word *word = word_of(address / 8);
    if (!word)
        return all;
    note_locks(word, self->shown);
    if (!word->used)
        word->thread = (uint8_t)self->index;
    word->used = true;
    word->several |= word->thread != self->index;
    word->written |= write;
    if (!word->shared && word->several && word->written && word->lock_count == 0) {
        word->shared = true;
        learn(word);
    }
    return all || word->shared;
}
