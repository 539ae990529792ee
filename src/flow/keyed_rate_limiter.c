/* The keyed rate limiter: a table of schedules.
 *
 * The state of a key is the moment of rate_limiter.c. A schedule in the past (next <= now) is that
 * of a full bucket, and an unknown key has a full bucket, too. So forgetting such a key changes
 * nothing, and the table needs to keep only keys whose bucket is not full. When a new key finds the
 * table full, a sweep removes the other keys. A sweep looks at all keys. If it finds none to
 * remove, it knows when the first can be removed, and new keys are refused until then without a
 * sweep. So a flood of keys costs a sweep for each key that falls due, not for each key that is
 * refused.
 *
 * The table is a fixed array of chains, under a lock that is held only for the look-up. A sleeper
 * holds neither the lock nor a pointer to its key. A cancelled sleeper looks up its key again. The
 * key is still there, because a sleeper's moment lies before the key's `next`; its absence would do
 * no harm.
 *
 * The hash takes eight bytes at a time and starts from a random seed, so that an attacker cannot
 * prepare keys that fall into one chain.
 *
 * Rejected: removing the least recently used key, which lets a flood of keys reset the limit of the
 * others; buckets shared by keys of the same hash, which throttle the wrong keys.
 */
#include "base/clock.h"
#include "base/memory.h"
#include "base/panic.h"
#include "flow/rate_limiter.h"
#include <thrum/keyed_rate_limiter.h>
#include <thrum/lock.h>

#include <errno.h>
#include <string.h>

enum { DEFAULT_KEYS = 10000 };

struct key {
    struct key *chain;
    uint64_t hash;
    thrum_time next;
    size_t size;
    char bytes[];
};

struct thrum_keyed_rate_limiter {
    thrum_lock lock;
    double interval, burst;
    size_t count, limit; /* keys: how many there are, and may be */
    size_t mask;         /* one less than there are chains */
    uint64_t seed;
    thrum_time full_until; /* no key can go before, if the table is full */
    struct key *chains[];
};

static uint64_t mix(uint64_t word)
{
    word = (word ^ word >> 32) * UINT64_C(0xd6e8feb86659fd93);
    word = (word ^ word >> 32) * UINT64_C(0xd6e8feb86659fd93);
    return word ^ word >> 32;
}

static uint64_t hash_of(uint64_t seed, const char *bytes, size_t size)
{
    uint64_t hash = seed ^ size;
    for (size_t at = 0; at < size; at += 8) {
        uint64_t word = 0;
        memcpy(&word, bytes + at, size - at < 8 ? size - at : 8);
        hash = mix(hash ^ word) + seed;
    }
    return mix(hash);
}

thrum_keyed_rate_limiter *
thrum_keyed_rate_limiter_new(const thrum_keyed_rate_limiter_options *options)
{
    thrum_keyed_rate_limiter_options o = {0};
    if (options)
        o = *options;
    if (!(o.per_second >= 0) || !(o.burst == 0 || o.burst >= 1))
        thrum__panic(thrum__caller(),
                     "keyed rate limiter made for %g tokens per second and a burst of %g; the rate "
                     "must be above 0, and the burst at least 1",
                     o.per_second, o.burst);
    size_t limit = o.max_keys ? o.max_keys : DEFAULT_KEYS;
    size_t chains = 8;
    while (chains < limit && chains <= SIZE_MAX / 4 / sizeof(struct key *))
        chains *= 2;
    thrum_keyed_rate_limiter *limiter =
        thrum__alloc(sizeof *limiter + chains * sizeof(struct key *));
    if (!limiter)
        return NULL;
    limiter->interval = o.per_second > 0 ? 1e9 / o.per_second : 0;
    limiter->burst = o.burst > 0 ? o.burst : 1;
    limiter->limit = limit;
    limiter->mask = chains - 1;
    limiter->seed = mix((uint64_t)thrum__clock_now() ^ mix((uintptr_t)limiter));
    return limiter;
}

void thrum_keyed_rate_limiter_free(thrum_keyed_rate_limiter *limiter)
{
    for (size_t i = 0; limiter && i <= limiter->mask; i++)
        for (struct key *key = limiter->chains[i], *chain; key; key = chain) {
            chain = key->chain;
            thrum__free(key);
        }
    thrum__free(limiter);
}

/* Under the lock; NULL if it is not there. */
static struct key *find(thrum_keyed_rate_limiter *limiter, uint64_t hash, const void *bytes,
                        size_t size)
{
    struct key *key = limiter->chains[hash & limiter->mask];
    while (key && (key->hash != hash || key->size != size ||
                   (size && memcmp(key->bytes, bytes, size) != 0)))
        key = key->chain;
    return key;
}

/* Forgets the keys whose buckets are full again. Under the lock. */
static void sweep(thrum_keyed_rate_limiter *limiter, thrum_time now)
{
    limiter->full_until = THRUM__NEVER;
    for (size_t i = 0; i <= limiter->mask; i++)
        for (struct key **place = &limiter->chains[i], *key; (key = *place) != NULL;) {
            if (key->next > now) {
                if (key->next < limiter->full_until)
                    limiter->full_until = key->next;
                place = &key->chain;
                continue;
            }
            *place = key->chain;
            thrum__free(key);
            limiter->count--;
        }
}

/* Remembers a new key. Under the lock. */
static int add(thrum_keyed_rate_limiter *limiter, uint64_t hash, const void *bytes, size_t size,
               thrum_time now, struct key **ret_key)
{
    if (limiter->count >= limiter->limit && now >= limiter->full_until)
        sweep(limiter, now);
    if (limiter->count >= limiter->limit)
        return -ENOBUFS;
    struct key *key = size <= SIZE_MAX / 2 ? thrum__alloc(sizeof *key + size) : NULL;
    if (!key)
        return -ENOMEM;
    key->hash = hash;
    key->size = size;
    if (size)
        memcpy(key->bytes, bytes, size);
    key->chain = limiter->chains[hash & limiter->mask];
    limiter->chains[hash & limiter->mask] = key;
    limiter->count++;
    limiter->full_until = 0;
    *ret_key = key;
    return 0;
}

static void give_back(thrum_keyed_rate_limiter *limiter, uint64_t hash, const void *bytes,
                      size_t size, const struct thrum__slot *slot)
{
    thrum_lock_acquire(&limiter->lock);
    struct key *key = find(limiter, hash, bytes, size);
    if (key && key->next == slot->after) {
        key->next = slot->before;
        limiter->full_until = 0;
    }
    thrum_lock_release(&limiter->lock);
}

int thrum_keyed_rate_limiter_acquire(thrum_keyed_rate_limiter *limiter, const void *bytes,
                                     size_t size, uint64_t tokens, thrum_deadline deadline)
{
    if (tokens == 0)
        return 0;
    struct thrum__slot slot;
    uint64_t hash = hash_of(limiter->seed, bytes, size);
    thrum_lock_acquire(&limiter->lock);
    thrum_time now = thrum__clock_now();
    struct key *key = find(limiter, hash, bytes, size);
    int rc = thrum__slot_find(limiter->interval, limiter->burst, key ? key->next : 0, tokens, now,
                              deadline, &slot);
    if (rc == 0 && !key && slot.after > now) /* else there is nothing to remember */
        rc = add(limiter, hash, bytes, size, now, &key);
    if (rc == 0 && key)
        key->next = slot.after;
    thrum_lock_release(&limiter->lock);
    if (rc < 0 || slot.due <= now)
        return rc;
    rc = thrum_sleep(thrum_at(slot.due));
    if (rc < 0)
        give_back(limiter, hash, bytes, size, &slot);
    return rc;
}

size_t thrum_keyed_rate_limiter_keys(thrum_keyed_rate_limiter *limiter)
{
    thrum_lock_acquire(&limiter->lock);
    size_t count = limiter->count;
    thrum_lock_release(&limiter->lock);
    return count;
}
