/* The numbers of threads, locks and pending tasks, sampled as long as the program runs: at first at each look, and each time
 * the room is full, every second sample is dropped and the pause doubled. So the samples always span the whole run.
 *
 * A number grows steadily if, after the first quarter of the run, in which programs set up what they need, it
 * rises in most steps, never falls much, doubles, and rises in the last quarter as well. Shorter runs than
 * SECONDS_LEAST say nothing.
 */
#include "growth.h"

#include "live.h"

static const double PAUSE_FIRST = 0.05, SECONDS_LEAST = 5;

enum { SAMPLES_LEAST = 24, GROWTH_LEAST = 32 };

const char *growth_name(enum growth_kind kind)
{
    static const char *const names[GROWTH_KINDS] = {"threads", "locks", "pending tasks"};
    return names[kind];
}

static uint32_t count_threads(const struct region *region)
{
    uint32_t slots = recording_count(region->slot_count, REGION_SLOTS), count = 0;
    for (uint32_t i = 0; i < slots; i++)
        count += region->slots[i].used && !region->slots[i].task;
    return count;
}

static uint32_t count_locks(const struct region *region)
{
    uint32_t locks = recording_count(region->lock_count, REGION_LOCKS), count = 0;
    for (uint32_t i = 1; i < locks; i++)
        count += region->locks[i].flags & LOCK_ALIVE;
    return count;
}

static uint32_t count_tasks(const struct region *region)
{
    uint64_t over = region->tasks_begun + region->tasks_left, all = region->tasks_submitted;
    return all > over ? (uint32_t)(all - over) : 0;
}

static void make_room(struct growth *growth)
{
    for (int kind = 0; kind < GROWTH_KINDS; kind++)
        for (int i = 0; i < GROWTH_SAMPLES / 2; i++)
            growth->samples[kind][i] = growth->samples[kind][2 * i + 1];
    growth->count /= 2;
    growth->pause *= 2;
}

void growth_sample(struct growth *growth, const struct recording *recording)
{
    double now = live_now();
    if (now < growth->next)
        return;
    if (growth->count == 0) {
        growth->first = now;
        growth->pause = PAUSE_FIRST;
    }
    if (growth->count == GROWTH_SAMPLES)
        make_room(growth);
    growth->samples[GROWTH_THREADS][growth->count] = count_threads(recording->region);
    growth->samples[GROWTH_LOCKS][growth->count] = count_locks(recording->region);
    growth->samples[GROWTH_TASKS][growth->count] = count_tasks(recording->region);
    growth->count++;
    growth->last = now;
    growth->next = now + growth->pause;
}

bool growth_found(const struct growth *growth, enum growth_kind kind, uint32_t *ret_from,
                  uint32_t *ret_to)
{
    const uint32_t *samples = growth->samples[kind];
    int begin = growth->count / 4, end = growth->count, late = end - (end - begin) / 4, rises = 0;
    uint32_t highest = 0;
    if (growth->count < SAMPLES_LEAST || growth->last - growth->first < SECONDS_LEAST)
        return false;
    for (int i = begin; i < end; i++) {
        if (samples[i] + GROWTH_LEAST / 2 < highest)
            return false;
        rises += i > begin && samples[i] > samples[i - 1];
        highest = samples[i] > highest ? samples[i] : highest;
    }
    *ret_from = samples[begin];
    *ret_to = samples[end - 1];
    return *ret_to >= *ret_from * 2 && *ret_to >= *ret_from + GROWTH_LEAST &&
           samples[end - 1] > samples[late] && rises * 2 >= end - begin - 1;
}
