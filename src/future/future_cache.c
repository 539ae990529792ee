/* The memory of futures.
 *
 * A program that submits a million tasks takes and gives back a million futures, often in one thread
 * what another has taken. Three floors:
 *
 *     thread    two bundles of up to BUNDLE futures, for the thread alone: taking and giving touch
 *               no word that another thread knows. One bundle in use, and one full or none: a
 *               thread that takes and gives in turns at the edge of a bundle stays with its own.
 *               Fibers use those of their worker's thread (`of_thread` in the context): a million that
 *               end bring their futures by the bundle, too
 *     slabs     all of them, under one lock. A thread comes with a full bundle, or leaves with one: one
 *               visit for BUNDLE futures
 *     system    a slab is offered to the system once all of its futures are back, but for KEEP empty ones
 *
 * A slab is SLAB bytes at a multiple of SLAB, so a future's address leads to it. Its first place is
 * its head: the chain of futures that were given back, how many places were ever given out (those
 * behind have not been touched), and how many are out. A slab with something to give stands in the
 * ring `open`, a full one nowhere. Fullest first would let more slabs run empty, but to keep them in
 * order costs more than it saves: those that were given back to last are served first.
 *
 * Pages. To have a page from the kernel costs more than all that thrum does for the 32 futures in it. So a
 * slab has the size of a huge page, and all slabs but the first ask for one. The first is touched by pages,
 * as most programs never need another.
 *
 * A huge page may cost the kernel milliseconds, where it has to move others to make room: two thirds of the time of
 * a million tasks. So up to OFFERED empty slabs stay mapped (MADV_FREE): the kernel takes their pages when it runs
 * short of memory, and until then they are used again without a fault. Such a slab is in no list but `offered`,
 * and its head says nothing. Until the kernel takes them, they count as the program's resident memory.
 *
 * So the memory in use is what is out, plus two bundles for each thread that uses futures, plus KEEP
 * slabs, plus what is scattered in slabs that are not empty. The end of a thread gives its bundles
 * back; if another has the lock just then, it leaves them to the next one with a bundle.
 *
 * A fiber that waits for the lock lets others of its worker run, who use the same bundles meanwhile.
 * So they are made right before each wait, and looked at anew after it.
 *
 * At the end of the program every place that was given out is looked at for a failure that nobody has
 * read, as its future may never be freed. A place that is not in use has no outcome. Threads that are not
 * waited for may free futures meanwhile, so the look takes a reference; that of a future whose last
 * reference goes at the same moment may come too late, and the failure is then told twice or as it is freed.
 *
 * Fork: the lock is held across it. The bundles of the parent's other threads are lost in the child,
 * two for each.
 *
 * Where memory is to be plain (base/memory.h), none of this is used, and each future is a block of the heap. One that
 * fails is listed until it is given back, so that the end of the program finds it. The others are not listed: a lock
 * for each future would order what threads do with two of them, and hide races from a checker. The report drops the
 * list, as a future that the list leads to would be no leak.
 *
 * Rejected: malloc for each, which costs more than the rest of a submit, and does not align; and to
 * give a future back to the thread that took it, as allocators in general do, which takes an atomic
 * operation for each, where a bundle takes one for all.
 *
 * Source: Bonwick, Adams: Magazines and Vmem, 2001.
 */
#include "future/future_cache.h"
#include "sync/fork_lock.h"
#include "thread/living.h"
#include <thrum/with.h>

#include <stddef.h>
#include <stdio.h>

enum { LIKELY = 1 << 14 }; /* more references than that are none */
enum { BUNDLE = 64, SLAB = 2 << 20, KEEP = 2, OFFERED = 64, PLACES = SLAB / sizeof(thrum_future) };

/* A future that is not in use. */
struct thrum__free_future {
    struct thrum__free_future *next;
};

struct slab {
    struct slab *next, *prev; /* in the ring of those with something to give */
    struct slab *next_of_all, *prev_of_all;
    struct thrum__free_future *back; /* given back */
    uint32_t given;                  /* places ever given out, the head's included */
    uint32_t out;                    /* places that are out */
};

_Static_assert(sizeof(struct slab) <= sizeof(thrum_future), "the head fits into a place");

static thrum_lock lock; /* for all of these */
static struct slab open = {.next = &open, .prev = &open};
static struct slab *all;
static uint32_t empty_count;
static struct slab *offered[OFFERED]; /* to the system */
static uint32_t offered_count;

static struct thrum__free_future
    *left; /* behind, by contexts that ended while another had the lock */

const thrum__future_slabs thrum__future_slabs_layout = {
    .first = (void *const *)&all,
    .size = SLAB,
    .next = offsetof(struct slab, next_of_all),
    .given = offsetof(struct slab, given),
    .place = sizeof(thrum_future),
    .references = offsetof(thrum_future, references),
    .likely = LIKELY,
};

static struct slab *slab_of(void *place)
{
    return (struct slab *)((uintptr_t)place & ~(uintptr_t)(SLAB - 1));
}

static void enter(struct slab *slab)
{
    slab->prev = &open;
    slab->next = open.next;
    slab->next->prev = slab;
    open.next = slab;
}

static void leave(struct slab *slab)
{
    slab->prev->next = slab->next;
    slab->next->prev = slab->prev;
}

/* An empty slab, or NULL. */
static struct slab *take_slab(void)
{
    if (!offered_count)
        return thrum__alloc_slab(SLAB, all != NULL);
    struct slab *slab = offered[--offered_count];
    *slab = (struct slab){0};
    return slab;
}

static void give_slab(struct slab *slab)
{
    if (offered_count < OFFERED && thrum__offer_slab(slab, SLAB))
        offered[offered_count++] = slab;
    else
        thrum__free_slab(slab, SLAB);
}

/* A slab with something to give, or NULL. */
static struct slab *open_slab(void)
{
    if (open.next != &open)
        return open.next;
    struct slab *slab = take_slab();
    if (slab) {
        slab->next_of_all = all;
        if (all)
            all->prev_of_all = slab;
        all = slab;
        slab->given = 1;
        empty_count++;
        enter(slab);
    }
    return slab;
}

/* Takes one place out of an open slab. */
static struct thrum__free_future *cut(struct slab *slab)
{
    struct thrum__free_future *place = slab->back;
    if (place)
        slab->back = place->next;
    else
        place = (struct thrum__free_future *)((thrum_future *)(void *)slab + slab->given++);
    empty_count -= slab->out++ == 0;
    if (!slab->back && slab->given == PLACES)
        leave(slab);
    return place;
}

static void put_back(struct thrum__free_future *place)
{
    struct slab *slab = slab_of(place);
    if (!slab->back && slab->given == PLACES)
        enter(slab);
    place->next = slab->back;
    slab->back = place;
    if (--slab->out > 0)
        return;
    if (empty_count < KEEP) {
        empty_count++;
        return;
    }
    leave(slab);
    if (slab->prev_of_all)
        slab->prev_of_all->next_of_all = slab->next_of_all;
    else
        all = slab->next_of_all;
    if (slab->next_of_all)
        slab->next_of_all->prev_of_all = slab->prev_of_all;
    give_slab(slab);
}

/* Whether a place holds a future. The first eight bytes of a place that is not in use are a pointer, whose
 * upper half is no likely count of references. */
static bool is_in_use(const thrum_future *future)
{
    uint32_t count = thrum__load_acquire(&future->references);
    return count > 0 && count < LIKELY;
}

static bool is_unread(const thrum_future *future)
{
    uint32_t word = thrum__load_acquire(&future->state);
    return thrum__task_error(&future->task) && (word & THRUM__FUTURE_DONE) &&
           !(word & THRUM__FUTURE_SEEN);
}

/* What stands before a future in plain memory. */
struct plain {
    struct plain *next,
        **link;  /* of those that have failed; `link` is what leads here. Under the lock */
    bool listed; /* fixed once the future is done */
} __attribute__((aligned(THRUM__CACHE_LINE)));

static struct plain *failed; /* under the lock */

static struct plain *plain_of(thrum_future *future)
{
    return (struct plain *)(void *)future - 1;
}

static void unlink_plain(struct plain *plain)
{
    if (plain->link)
        *plain->link = plain->next;
    if (plain->link && plain->next)
        plain->next->link = plain->link;
    plain->link = NULL;
}

/* Takes the references with the list, one for each. */
static thrum_future *find_unread_plain(void)
{
    thrum_with (&lock)
        for (struct plain *plain; (plain = failed); unlink_plain(plain)) {
            thrum_future *future = (thrum_future *)(void *)(plain + 1);
            uint32_t count = thrum__load_acquire(&future->references);
            while (count > 0 && is_unread(future))
                if (thrum__cas_acq_rel(&future->references, &count, count + 1)) {
                    unlink_plain(plain);
                    return future;
                }
        }
    return NULL;
}

/* A future whose failure nobody has read, with a reference, or NULL. */
static thrum_future *find_unread(void)
{
    if (THRUM__MEMORY_PLAIN)
        return find_unread_plain();
    thrum_with (&lock)
        for (struct slab *slab = all; slab; slab = slab->next_of_all)
            for (uint32_t i = 1; i < slab->given; i++) {
                thrum_future *future = (thrum_future *)(void *)slab + i;
                uint32_t count = thrum__load_acquire(&future->references);
                if (is_in_use(future) && is_unread(future) &&
                    thrum__cas_acq_rel(&future->references, &count, count + 1))
                    return future;
            }
    return NULL;
}

static uint32_t count_in_use(void)
{
    uint32_t count = 0;
    thrum_with (&lock)
        for (struct slab *slab = all; slab; slab = slab->next_of_all)
            for (uint32_t i = 1; i < slab->given; i++)
                count += is_in_use((thrum_future *)(void *)slab + i);
    return count;
}

/* At the end of the program. */
static void report(bool leaks)
{
    enum { MOST = 100 };
    thrum_future *future;
    for (int told = 0; told < MOST && (future = find_unread()); told++) {
        thrum__failure_report_task("future", &future->task);
        thrum__future_ignore(future);
        thrum__future_unreference(future);
    }
    uint32_t unfreed = leaks ? count_in_use() : 0;
    if (unfreed)
        fprintf(stderr, "thrum: %u future%s not freed\n", unfreed,
                unfreed == 1 ? " was" : "s were");
}

/* A bundle from the slabs, as many as there are. In the order of their addresses, where they are
 * fresh: a walk through futures in order of creation goes forwards. */
static struct thrum__free_future *fetch(uint32_t *ret_count)
{
    struct thrum__free_future *first = NULL, **last = &first;
    uint32_t count = 0;
    thrum__living_report_at_exit(report);
    thrum__lock_across_fork(&lock);
    thrum_with (&lock) {
        struct slab *slab;
        for (; count < BUNDLE && (slab = open_slab()); count++) {
            *last = cut(slab);
            last = &(*last)->next;
        }
    }
    *last = NULL;
    *ret_count = count;
    return first;
}

static void put_all_back(struct thrum__free_future *bundle)
{
    while (bundle) {
        struct thrum__free_future *next = bundle->next;
        put_back(bundle);
        bundle = next;
    }
}

static __attribute__((noinline)) void bring(struct thrum__free_future *bundle)
{
    thrum_with (&lock) {
        put_all_back(bundle);
        put_all_back(thrum__exchange_acquire(&left, NULL));
    }
}

static void leave_behind(struct thrum__free_future *bundle)
{
    struct thrum__free_future *last = bundle;
    while (last->next)
        last = last->next;
    last->next = thrum__load_relaxed(&left);
    while (!thrum__cas_weak_release(&left, &last->next, bundle))
        ;
}

/* The end of a thread, after which nobody may wait for anything. */
static void end(thrum__future_bundles *own)
{
    struct thrum__free_future *bundle[] = {own->first, own->full};
    own->first = own->full = NULL;
    own->count = 0;
    bool mine = thrum_lock_try(&lock) == 0;
    for (int i = 0; i < 2; i++) {
        if (mine)
            put_all_back(bundle[i]);
        else if (bundle[i])
            leave_behind(bundle[i]);
    }
    if (mine)
        thrum_lock_release(&lock);
}

/* Sees to a bundle in use that is not empty; false without memory. */
static __attribute__((noinline)) bool refill(thrum__future_bundles *own)
{
    uint32_t count = BUNDLE;
    struct thrum__free_future *bundle = own->full;
    own->full = NULL;
    own->end = end;
    if (!bundle)
        bundle = fetch(&count); /* may wait */
    if (!own->first) {
        own->first = bundle;
        own->count = bundle ? count : 0;
    } else if (bundle) { /* another fiber has, meanwhile */
        leave_behind(bundle);
    }
    return own->first != NULL;
}

void thrum__future_cache_failed(thrum_future *future)
{
    struct plain *plain = plain_of(future);
    thrum__living_report_at_exit(report);
    thrum__lock_across_fork(&lock);
    thrum_with (&lock) {
        plain->listed = true;
        plain->next = failed;
        plain->link = &failed;
        if (failed)
            failed->link = &plain->next;
        failed = plain;
    }
}

static void give_plain(struct plain *plain)
{
    if (plain->listed)
        thrum_with (&lock)
            unlink_plain(plain);
    thrum__free(plain);
}

thrum_future *thrum__future_cache_take(void)
{
    if (THRUM__MEMORY_PLAIN) {
        struct plain *plain = thrum__alloc_line(sizeof *plain + sizeof(thrum_future));
        return plain ? (thrum_future *)(void *)(plain + 1) : NULL;
    }
    if (thrum__alloc_refused())
        return NULL;
    thrum__future_bundles *own = &thrum__self()->of_thread->futures;
    if (!own->first && !refill(own))
        return NULL;
    struct thrum__free_future *place = own->first;
    own->first = place->next;
    own->count--;
    return (thrum_future *)(void *)place;
}

/* Sees to room in the bundle in use. */
static void unload(thrum__future_bundles *own)
{
    while (own->count == BUNDLE) {
        struct thrum__free_future *full = own->full;
        own->full = own->first;
        own->first = NULL;
        own->count = 0;
        if (full)
            bring(full); /* may wait */
    }
}

void thrum__future_cache_give(thrum_future *future)
{
    if (THRUM__MEMORY_PLAIN) {
        give_plain(plain_of(future));
        return;
    }
    thrum__future_bundles *own = &thrum__self()->of_thread->futures;
    unload(own);
    struct thrum__free_future *place = (struct thrum__free_future *)(void *)future;
    place->next = own->first;
    own->first = place;
    own->count++;
    own->end = end;
}
