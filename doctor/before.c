/* A partial order of epochs.
 *
 * An epoch is what a thread does between two events. Epochs of one thread follow each other; the first
 * epoch of a thread follows the epoch in which it was created; and what an event waits for, its
 * sources, comes before the epoch after it:
 *
 *   a join       the whole of the other thread
 *   a barrier    the arrival of all others in the same round
 *   a condition  the first signal during the wait, if all signals during it came from one thread. Strictly,
 *                another run could find the condition true at once; but then, too, what made it true came
 *                first.
 *   a semaphore  the posts without which its value could not have sufficed, in no run: if the
 *                waiter has taken it `need` times more than its first value and its own posts allow,
 *                and all other threads but one have posted `rest` times in all, then that one has
 *                posted need - rest times before.
 *
 * A question is answered by going back from the second epoch through all sources. The answers for the
 * last epochs asked about are kept.
 */
#include "before.h"

#include <stdlib.h>
#include <string.h>

enum { KEPT = 64, POSTERS_MOST = 16 };

struct source {
    uint32_t thread, epoch;
};

struct event {
    uint32_t epoch, kind, object, index;
    uint64_t other;
    uint32_t first_source, source_count;
};

struct answer {
    uint32_t thread, epoch;
    int64_t *known; /* for each thread the last epoch that is over; -1: none */
};

struct before {
    const struct recording *recording;
    uint32_t threads;
    struct event *events; /* by thread, in order */
    uint32_t *first;      /* of each thread, and the end */
    uint32_t event_count;
    struct source *sources;
    uint32_t source_count, source_room;
    struct answer kept[KEPT];
    unsigned next;
};

static bool add_source(struct before *before, struct event *event, uint32_t thread, uint32_t epoch)
{
    if (before->source_count == before->source_room) {
        uint32_t room = before->source_room ? before->source_room * 2 : 256;
        struct source *list = realloc(before->sources, sizeof *list * room);
        if (!list)
            return false;
        before->sources = list;
        before->source_room = room;
    }
    if (event->source_count == 0)
        event->first_source = before->source_count;
    before->sources[before->source_count++] = (struct source){thread, epoch};
    event->source_count++;
    return true;
}

/* An event in the order in which all were recorded. */
struct entry {
    struct event *event;
    uint32_t thread;
};

/* The events of one object, in the order in which they were recorded. */
struct group {
    struct entry *entries;
    uint32_t count;
};

/* True if not all that the thread did is recorded. */
static bool capped(const struct before *before, uint32_t thread)
{
    return before->first[thread + 1] - before->first[thread] >= BUMPS_MOST;
}

/* The threads that posted, and how often. */
struct posters {
    uint32_t threads[POSTERS_MOST];
    int64_t counts[POSTERS_MOST], total;
    int used;
    bool complete; /* all their posts are recorded, and there was room for all of them */
};

static void count_posters(const struct before *before, const struct group *group, uint32_t taker,
                          struct posters *posters)
{
    *posters = (struct posters){.complete = true};
    for (uint32_t i = 0; i < group->count; i++) {
        uint32_t thread = group->entries[i].thread;
        int at = 0;
        if (group->entries[i].event->kind != EVENT_POST || thread == taker)
            continue;
        while (at < posters->used && posters->threads[at] != thread)
            at++;
        posters->total++;
        if (at == posters->used) {
            posters->complete &= at < POSTERS_MOST && !capped(before, thread);
            if (at == POSTERS_MOST)
                continue;
            posters->threads[posters->used++] = thread;
        }
        posters->counts[at]++;
    }
}

/* The epoch in which a thread posted for the `number`th time. */
static uint32_t epoch_of_post(const struct group *group, uint32_t thread, int64_t number)
{
    for (uint32_t i = 0; i < group->count; i++)
        if (group->entries[i].event->kind == EVENT_POST && group->entries[i].thread == thread &&
            --number == 0)
            return group->entries[i].event->epoch;
    return 0;
}

static bool link_take(struct before *before, const struct group *group, uint32_t at)
{
    struct entry *taker = &group->entries[at];
    const struct lock_record *lock = recording_lock(before->recording, taker->event->object);
    int64_t need = -(int64_t)lock->argument;
    struct posters posters;
    if (!lock->site && !(lock->flags & LOCK_VALUED))
        return true;
    for (uint32_t i = 0; i <= at; i++)
        if (group->entries[i].thread == taker->thread)
            need += group->entries[i].event->kind == EVENT_TAKE ? 1 : -1;
    if (need <= 0)
        return true;
    count_posters(before, group, taker->thread, &posters);
    if (!posters.complete && posters.used != 1)
        return true;
    for (int i = 0; i < posters.used; i++) {
        int64_t number = need - (posters.total - posters.counts[i]);
        if (number > 0 && number <= posters.counts[i] &&
            !add_source(before, taker->event, posters.threads[i],
                        epoch_of_post(group, posters.threads[i], number)))
            return false;
    }
    return true;
}

static bool link_woken(struct before *before, const struct group *group, uint32_t at)
{
    struct entry *woken = &group->entries[at];
    const struct entry *first = NULL;
    for (uint32_t i = 0; i < at; i++) {
        const struct entry *entry = &group->entries[i];
        if (entry->event->kind != EVENT_SIGNAL || entry->event->index < woken->event->other ||
            entry->thread == woken->thread)
            continue;
        if (first && first->thread != entry->thread)
            return true;
        if (!first)
            first = entry;
    }
    return !first || add_source(before, woken->event, first->thread, first->event->epoch);
}

static bool link_woken_by_all(struct before *before, const struct group *group, uint32_t at)
{
    const struct entry *woken = &group->entries[at];
    for (uint32_t i = 0; i < at; i++) {
        const struct entry *entry = &group->entries[i];
        if (entry->event->kind == EVENT_SIGNAL && entry->thread != woken->thread &&
            !add_source(before, woken->event, entry->thread, entry->event->epoch))
            return false;
    }
    return true;
}

static bool link_barrier(struct before *before, const struct group *group, uint32_t at)
{
    struct event *event = group->entries[at].event;
    uint64_t size = recording_lock(before->recording, event->object)->argument;
    if (size == 0 || size > group->count)
        return true;
    uint32_t begin = at - (uint32_t)(at % size);
    for (uint32_t i = begin; i < begin + size && i < group->count; i++)
        if (i != at &&
            !add_source(before, event, group->entries[i].thread, group->entries[i].event->epoch))
            return false;
    return true;
}

enum { GROUP_MOST = 4096 };

static bool link_group(struct before *before, const struct group *group)
{
    /* The work grows with the square; of an object that is used so often, little is known anyway. */
    if (group->count > GROUP_MOST)
        return true;
    for (uint32_t i = 0; i < group->count; i++) {
        uint32_t kind = group->entries[i].event->kind;
        if ((kind == EVENT_TAKE && !link_take(before, group, i)) ||
            (kind == EVENT_WOKEN && !link_woken(before, group, i)) ||
            (kind == EVENT_WOKEN_BY_ALL && !link_woken_by_all(before, group, i)) ||
            (kind == EVENT_BARRIER && !link_barrier(before, group, i)))
            return false;
    }
    return true;
}

static int by_object(const void *a, const void *b)
{
    const struct entry *first = a, *second = b;
    if (first->event->object != second->event->object)
        return first->event->object < second->event->object ? -1 : 1;
    return first->event->index < second->event->index ? -1 : 1;
}

static bool link_all(struct before *before)
{
    struct entry *all = calloc(before->event_count + 1, sizeof *all);
    uint32_t count = 0;
    bool done = all != NULL;
    for (uint32_t thread = 0; done && thread < before->threads; thread++)
        for (uint32_t i = before->first[thread]; i < before->first[thread + 1]; i++) {
            struct event *event = &before->events[i];
            if (event->kind == EVENT_JOIN)
                done &= add_source(before, event, (uint32_t)event->other, UINT32_MAX);
            else
                all[count++] = (struct entry){event, thread};
        }
    if (done && count > 0)
        qsort(all, count, sizeof *all, by_object);
    for (uint32_t begin = 0, end; done && begin < count; begin = end) {
        end = begin;
        while (end < count && all[end].event->object == all[begin].event->object)
            end++;
        done = link_group(before, &(struct group){all + begin, end - begin});
    }
    free(all);
    return done;
}

static bool read_events(struct before *before)
{
    const struct region *region = before->recording->region;
    uint32_t count = recording_count(region->event_count, REGION_EVENTS);
    before->threads = recording_count(region->thread_count, REGION_THREADS);
    before->first = calloc(before->threads + 2, sizeof *before->first);
    before->events = calloc(count + 1, sizeof *before->events);
    if (!before->first || !before->events)
        return false;
    /* The events of one thread are recorded in its order. */
    for (uint32_t i = 1; i < count; i++)
        if (region->events[i].kind && region->events[i].thread < before->threads)
            before->first[region->events[i].thread + 1]++;
    for (uint32_t i = 0; i < before->threads; i++)
        before->first[i + 1] += before->first[i];
    uint32_t *fill = calloc(before->threads + 1, sizeof *fill);
    if (!fill)
        return false;
    for (uint32_t i = 1; i < count; i++) {
        const struct event_record *event = &region->events[i];
        uint32_t kind = event->kind, thread = event->thread;
        if (!kind || thread >= before->threads)
            continue;
        uint32_t at = before->first[thread] + fill[thread];
        if (at >= before->first[thread + 1])
            continue; /* it has changed since it was counted */
        fill[thread]++;
        before->events[at] = (struct event){.epoch = event->epoch,
                                            .kind = kind,
                                            .object = event->object,
                                            .index = i,
                                            .other = event->other};
    }
    before->event_count = count;
    free(fill);
    return true;
}

struct before *before_new(const struct recording *recording)
{
    struct before *before = calloc(1, sizeof *before);
    if (!before)
        return NULL;
    before->recording = recording;
    if (!read_events(before) || !link_all(before)) {
        before_free(before);
        return NULL;
    }
    return before;
}

void before_free(struct before *before)
{
    if (!before)
        return;
    for (int i = 0; i < KEPT; i++)
        free(before->kept[i].known);
    free(before->events);
    free(before->first);
    free(before->sources);
    free(before);
}

struct search {
    struct before *before;
    int64_t *known;
    uint32_t *done; /* how many events of each thread are worked off */
    bool changed;
};

static void learn(struct search *search, uint32_t thread, int64_t epoch)
{
    if (thread >= search->before->threads || search->known[thread] >= epoch)
        return;
    search->known[thread] = epoch;
    search->changed = true;
}

static void expand(struct search *search, uint32_t thread)
{
    struct before *before = search->before;
    const struct thread_record *record = recording_thread(before->recording, thread);
    uint32_t begin = before->first[thread], end = before->first[thread + 1];
    /* What a thread that is over has run is over. */
    if (record->flags & THREAD_TASK && record->handle < before->threads &&
        search->known[record->handle] == (int64_t)UINT32_MAX)
        learn(search, thread, UINT32_MAX);
    if (search->known[thread] < 0)
        return;
    if (record->parent && record->parent != thread)
        learn(search, record->parent, record->parent_epoch);
    for (; begin + search->done[thread] < end; search->done[thread]++) {
        const struct event *event = &before->events[begin + search->done[thread]];
        if (event->epoch >= search->known[thread])
            return;
        for (uint32_t i = 0; i < event->source_count; i++)
            learn(search, before->sources[event->first_source + i].thread,
                  before->sources[event->first_source + i].epoch);
    }
}

/* Fills in the known epochs. False if memory ran out. */
static bool go_back(struct before *before, uint32_t thread, uint32_t epoch, int64_t *known)
{
    struct search search = {.before = before, .known = known, .changed = true};
    search.done = calloc(before->threads + 1, sizeof *search.done);
    if (!search.done)
        return false;
    for (uint32_t i = 0; i < before->threads; i++)
        known[i] = -1;
    known[thread] = epoch;
    while (search.changed) {
        search.changed = false;
        for (uint32_t i = 0; i < before->threads; i++)
            expand(&search, i);
    }
    free(search.done);
    return true;
}

bool before_is(struct before *before, uint32_t first, uint32_t first_epoch, uint32_t second,
               uint32_t second_epoch)
{
    if (first >= before->threads || second >= before->threads || first == second)
        return false;
    for (int i = 0; i < KEPT; i++) {
        const struct answer *answer = &before->kept[i];
        if (answer->known && answer->thread == second && answer->epoch == second_epoch)
            return answer->known[first] >= (int64_t)first_epoch;
    }
    struct answer *answer = &before->kept[before->next++ % KEPT];
    if (!answer->known)
        answer->known = calloc(before->threads + 1, sizeof *answer->known);
    if (!answer->known)
        return false;
    answer->thread = second;
    answer->epoch = second_epoch;
    if (!go_back(before, second, second_epoch, answer->known)) {
        free(answer->known);
        answer->known = NULL;
        return false;
    }
    return answer->known[first] >= (int64_t)first_epoch;
}
