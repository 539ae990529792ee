/* Fork-join on the stack: private parts, offers, joins.
 *
 * A fork makes a part, a struct on the stack of its caller, and adds it to the private list of the calling
 * context. The join takes it off again and runs it. Nobody else sees the private list, so the fast path is
 * some plain stores and two loads of `enough`, with no atomic operation and no fence. Only if that word says
 * that a worker may want something is a part shown to others: the oldest one, as it stands for the most work.
 *
 * What there is for each:
 *
 *     context    `forks`, on the stack of the outermost call: the private list. Calls on another executor, and
 *                each part that was taken from another context, begin forks of their own inside of it
 *     executor   `offers`: the list of the parts on offer, how many they are, how many helpers there are
 *     helper     a task of the executor that takes parts, oldest first, until none is left (staff.c)
 *
 * The header has the fast path as inline code, where a program can read the library's thread-local variable by one
 * instruction; so the halves are called directly, and often inlined. What it reads and writes is the interface of
 * binaries: the beginning of a context and of forks (asserted in fork.h), the fields of a part, and that 0 is PRIVATE.
 *
 * A part is in one of these states. `place_` is its owner's alone; `state_` counts once the place is SHOWN:
 *
 *     PRIVATE             in the private list                        the owner's
 *     KEPT                the same, with a copy of the shields       the owner's
 *     SHOWN  ON_OFFER     in the offers                              the guard's
 *            TAKEN        a thief runs it                            the thief's
 *            AWAITED      the same, and the owner sleeps             the thief's
 *            AWAITED_SHIELDED   the same, in a wait that a request to stop cannot end
 *            ENDED        `code_` is there                           the owner's
 *
 *     PRIVATE -> KEPT        the owner, before the shields of its scope change, and before an offer
 *     KEPT -> ON_OFFER       the owner: fork, pop, or a wait
 *     ON_OFFER -> TAKEN      a thief, under the guard of the offers
 *     ON_OFFER -> PRIVATE    the owner at the join, under the guard: it runs the part itself
 *     TAKEN -> AWAITED...    the owner, by compare-and-swap, after it opened a wait and wrote `ticket_`
 *     AWAITED -> TAKEN       the owner, if a request to stop ended that wait
 *     ... -> ENDED           the thief, by compare-and-swap: its last touch of the part
 *
 * The private list is a stack. The oldest are offered first, so a part is shown only after all older ones,
 * and when its join comes no younger one is left. A join that finds its part SHOWN finds the list empty.
 *
 * Memory order. The guard orders what the owner wrote before the offer with the thief's reads. ENDED is a
 * release and the owner's look at it an acquire: `code_`, and all that the part did, comes before the join's
 * return. The thief reads `ticket_` after an acquire of AWAITED, which the owner released after it wrote the
 * ticket. There are two states with a ticket, each entered once, so a thief never claims a wait with the
 * ticket of another. After ENDED the thief touches the owner's context alone, which is immortal: the claim of
 * a wait that ended otherwise fails.
 *
 * How many are offered. At most ENOUGH parts are on offer. A worker that runs dry thus finds one at once, even
 * while every context is inside of a long part, and forks pay nothing while ENOUGH are there. A context may
 * offer a burst of ENOUGH parts, and later one in a microsecond: so a computation of tiny parts, which takes
 * back nearly all of what it offers, loses some per cent by that. Each part that is taken back doubles that
 * time, up to 2^MOST_IN_VAIN microseconds; one that was taken by another makes it one again. After a look at the counter of the clock that
 * came too early the next SKIPS chances pass without one, as the look costs as much as several forks.
 *
 * A wait (park/park.c) calls the hook: all private parts of the context are offered, whatever the bound, and
 * there is a helper for them (staff.c). So a part that waits does not keep its sibling from running. A helper
 * that waits does not count as one meanwhile.
 *
 * A join whose part was taken waits until that has ended. A thread helps meanwhile: it takes parts whose owner
 * is its thief (leapfrogging: they belong to what it waits for, as a rule), HELP_DEPTH one inside the other at
 * the most, so that its stack stays bounded. Then it spins for a moment, and then it sleeps. A fiber parks at
 * once: its worker has other fibers to run. A worker that sleeps lets another worker in, as for a future.
 *
 * Cancellation. A part that was taken runs in a scope of the thief's, with the scope of the fork as its parent
 * (park/scope.h), the deadline of that and the shield. The join's first wait can be ended by a request to
 * stop; then the join passes the request on, under the guard of the offers, to the scope in which the part
 * runs (`runner_`), and waits on, shielded. So a join returns only when both halves have ended.
 *
 * A fork notes only which scope it is in. The deadline of a scope does not change after its task has begun. The
 * shields may, as the first half may begin one. Before they change, each part of the context that is PRIVATE becomes
 * KEPT: it gets a copy of both.
 *
 * Errors. The code of the first half wins. A part that nobody has begun when an earlier one of its fork has
 * failed is left out.
 *
 * Fork (of the process): the child has the private parts and those on offer, as the guard is held in a section.
 * A part that another thread had taken is lost: its join gives -ESRCH.
 *
 * What is misuse and cannot be recognised: to leave a part by longjmp.
 *
 * Rejected, as measured:
 *   - a heartbeat that offers at intervals: a join of two halves of 5 ms took 10 ms;
 *   - the deque of Chase and Lev: its owner needs a fence in each pop (0.88 x rayon's time, against 0.49);
 *   - the same with a membarrier by the thief: a chain of leaves of 1 us became slower than serial;
 *   - to steal any part while a fiber waits: parts nested 853 deep on its stack.
 *
 * Sources: Cilk-5 (Frigo, Leiserson, Randall); lazy task creation (Mohr, Kranz, Halstead); private deques with
 * requests (Acar, Chargueraud, Rainey); leapfrogging (Wagner, Calder).
 *
 * Tests: tests/unit/parallel, tests/explore/explore_fork.c.
 */
#include "parallel/fork.h"
#include "base/clock.h"
#include "base/process.h"
#include "base/spin.h"
#include "park/park.h"
#include "park/scope.h"

#include <errno.h>

enum { ENOUGH = 4, HELP_DEPTH = 8, SKIPS = 3, MOST_IN_VAIN = 4 };

/* How long a helper that finds nothing looks on, and how long a join spins before it sleeps. */
#ifdef THRUM_EXPLORE
enum { LOOK_US = 0 };
#else
enum { LOOK_US = 50 };
#endif

static const uint32_t always = 1;

/* ----------------------------------------------------------------------------------- the offers */

static void guard(thrum__offers *offers)
{
    thrum__guard_acquire(&offers->guard, 1);
}

static void unguard(thrum__offers *offers)
{
    thrum__guard_release(&offers->guard, 1);
}

/* The next four are under the guard. */

static void set_count(thrum__offers *offers, uint32_t count)
{
    uint32_t enough = count >= ENOUGH;
    thrum__store_relaxed(&offers->count, count);
    if (thrum__load_relaxed(&offers->enough) != enough)
        thrum__store_relaxed(&offers->enough, enough);
}

static void append(thrum__offers *offers, thrum_part *part)
{
    part->newer_ = NULL;
    part->older_ = offers->newest;
    if (part->older_)
        part->older_->newer_ = part;
    else
        offers->oldest = part;
    offers->newest = part;
    set_count(offers, offers->count + 1);
}

static void take_out(thrum__offers *offers, thrum_part *part)
{
    if (part->older_)
        part->older_->newer_ = part->newer_;
    else
        offers->oldest = part->newer_;
    if (part->newer_)
        part->newer_->older_ = part->older_;
    else
        offers->newest = part->older_;
    set_count(offers, offers->count - 1);
}

/* Whether a helper is to be called; it is counted then. */
static bool counts_helper(thrum__offers *offers, size_t width)
{
    bool calls = offers->count > 0 && offers->helpers < width;
    offers->helpers += calls;
    offers->called += calls;
    return calls;
}

/* Takes the oldest part, or the oldest of that owner; NULL if there is none. */
static thrum_part *take(thrum__offers *offers, const thrum__context *owner)
{
    if (!thrum__load_relaxed(&offers->count))
        return NULL;
    guard(offers);
    thrum_part *part = offers->oldest;
    while (part && owner && part->context_ != owner)
        part = part->newer_;
    if (part) {
        take_out(offers, part);
        thrum__plain_read(&part->function_);
        part->thief_ = thrum__self_ident();
        thrum__store_relaxed(&part->state_, THRUM__PART_TAKEN);
    }
    unguard(offers);
    return part;
}

/* --------------------------------------------------------------------------------- private parts */

/* Notes the shields and the deadline of the part's scope; they are still those of the fork if the part is PRIVATE. */
static void keep(thrum_part *part)
{
    const thrum__scope *scope = part->scope_;
    part->ends_at_ = scope->ends_at;
    part->shields_ = scope->shields;
    part->place_ = THRUM__PART_KEPT;
}

/* If a part is KEPT, all older ones are, too. */
static void keep_all(thrum__context *self)
{
    for (thrum__forks *forks = (thrum__forks *)self->forks; forks; forks = forks->outer)
        for (thrum_part *part = forks->list.newest;
             part != &forks->end && part->place_ == THRUM__PART_PRIVATE; part = part->older_)
            keep(part);
}

bool thrum__part_drop(thrum__forks *forks, thrum_part *part)
{
    if (part->place_ == THRUM__PART_SHOWN)
        return false;
    forks->list.newest = part->older_;
    return true;
}

/* Moves the oldest private part to the offers. Under the guard. */
static void show_oldest(thrum__forks *forks, thrum__offers *offers)
{
    thrum_part *part = forks->end.newer_;
    if (part == forks->list.newest) {
        forks->list.newest = &forks->end;
    } else {
        forks->end.newer_ = part->newer_;
        part->newer_->older_ = &forks->end;
    }
    thrum__plain_write(&part->function_);
    if (part->place_ == THRUM__PART_PRIVATE)
        keep(part);
    part->place_ = THRUM__PART_SHOWN;
    part->context_ = forks->context;
    part->runner_ = NULL;
    thrum__store_relaxed(&part->ticket_, 0);
    thrum__store_relaxed(&part->state_, THRUM__PART_ON_OFFER);
    append(offers, part);
}

/* Whether the context may offer one more part now. */
static bool has_credit(thrum__forks *forks)
{
    if (forks->credit) {
        forks->credit--;
        return true;
    }
    if (forks->skipped < SKIPS) {
        forks->skipped++; /* the counter costs more than a fork */
        return false;
    }
    forks->skipped = 0;
    uint64_t now = thrum__clock_ticks();
    uint64_t earned = ((now - forks->offered_at) / thrum__clock_ticks_in_us()) >> forks->in_vain;
    if (!earned)
        return false;
    forks->skipped = SKIPS;
    forks->offered_at = now;
    forks->credit = (uint32_t)(earned < ENOUGH ? earned : ENOUGH) - 1;
    return true;
}

void thrum__fork_offer(thrum__fork_list *list)
{
    thrum__forks *forks = (thrum__forks *)list;
    if (forks->list.newest == &forks->end || !has_credit(forks))
        return;
    thrum__offers *offers = &forks->list.executor->offers;
    size_t width = forks->list.executor->ops->width(forks->list.executor);
    guard(offers);
    show_oldest(forks, offers);
    bool calls = counts_helper(offers, width);
    unguard(offers);
    if (calls)
        thrum__staff_call(forks);
}

/* ---------------------------------------------------------------------------------------- waits */

/* Lists the forks of a worker that is about to sleep, unless another is in for it already. Under the guard. */
static void list_blocked(thrum__forks *forks, thrum__offers *offers)
{
    forks->previous_blocked = NULL;
    forks->next_blocked = offers->blocked;
    if (offers->blocked)
        offers->blocked->previous_blocked = forks;
    thrum__store_relaxed(&offers->blocked, forks);
}

static void unlist_blocked(thrum__forks *forks, thrum__offers *offers)
{
    if (forks->previous_blocked)
        forks->previous_blocked->next_blocked = forks->next_blocked;
    else
        thrum__store_relaxed(&offers->blocked, forks->next_blocked);
    if (forks->next_blocked)
        forks->next_blocked->previous_blocked = forks->previous_blocked;
}

static void wait_begins(thrum__context *self)
{
    bool listed = !self->worker || self->stood_in;
    for (thrum__forks *forks = (thrum__forks *)self->forks; forks; forks = forks->outer) {
        if (!thrum__forks_have_helpers(forks->list.executor))
            continue;
        thrum__offers *offers = &forks->list.executor->offers;
        size_t width = forks->list.executor->ops->width(forks->list.executor);
        guard(offers);
        while (forks->list.newest != &forks->end)
            show_oldest(forks, offers);
        forks->blocked = !listed && self->executor == forks->list.executor &&
                         forks->stand_in == THRUM__STAND_IN_NONE;
        if (forks->blocked)
            list_blocked(forks, offers);
        listed = listed || forks->blocked || forks->stand_in != THRUM__STAND_IN_NONE;
        offers->helpers -= forks->helper;
        bool calls = counts_helper(offers, width);
        bool requests = calls || (forks->blocked && offers->called > 0);
        unguard(offers);
        if (requests)
            thrum__staff_request(forks, calls);
    }
}

/* May be called with any lock held, as what ended may be the wait for that: it takes guards alone. */
static void wait_ends(thrum__context *self)
{
    for (thrum__forks *forks = (thrum__forks *)self->forks; forks; forks = forks->outer) {
        if (!thrum__forks_have_helpers(forks->list.executor))
            continue;
        thrum__offers *offers = &forks->list.executor->offers;
        guard(offers);
        if (forks->blocked)
            unlist_blocked(forks, offers);
        forks->blocked = false;
        forks->unsettled |= forks->stand_in != THRUM__STAND_IN_NONE;
        offers->helpers += forks->helper;
        unguard(offers);
    }
}

static const thrum__wait_hook hook = {wait_begins, wait_ends, keep_all};

/* ---------------------------------------------------------------------------------------- forks */

void thrum__forks_begin(thrum__forks *forks, thrum_executor *executor)
{
    thrum__context *self = thrum__self();
    bool inside = self->executor == executor;
    forks->base.hook = &hook;
    forks->list.executor = executor;
    forks->list.enough =
        thrum__forks_have_helpers(executor) && executor->ops->width(executor) > inside
            ? &executor->offers.enough
            : &always;
    forks->context = self;
    forks->list.newest = &forks->end;
    forks->outer = (thrum__forks *)self->forks;
    forks->credit = ENOUGH;
    forks->skipped = SKIPS;
    forks->in_vain = 0;
    forks->depth = forks->outer ? forks->outer->depth : 0;
    forks->offered_at = 0;
    forks->helper = forks->blocked = forks->queued = forks->unsettled = false;
    forks->stand_in = THRUM__STAND_IN_NONE;
    forks->calls = 0;
    self->forks = &forks->base;
}

void thrum__forks_end(thrum__forks *forks)
{
    thrum__staff_settle(forks);
    forks->context->forks = forks->outer ? &forks->outer->base : NULL;
}

/* -------------------------------------------------------------------------------------- thieves */

/* Publishes the end of a part that was taken: the last touch of it. */
static void end_taken(thrum_part *part, int code)
{
    thrum__context *owner = part->context_;
    thrum__plain_write(&part->code_);
    part->code_ = code;
    for (;;) {
        uint32_t state = thrum__load_acquire(&part->state_);
        uint64_t ticket = thrum__load_relaxed(&part->ticket_);
        bool awaited = state != THRUM__PART_TAKEN;
        if (!thrum__cas_acq_rel(&part->state_, &state, THRUM__PART_ENDED))
            continue;
        if (awaited && !thrum__context_lost(owner->ident) &&
            thrum__claim(owner, ticket, THRUM__CLAIM_NOTIFIED))
            thrum__unpark(owner);
        return;
    }
}

static void set_runner(thrum__offers *offers, thrum_part *part, thrum__scope *scope)
{
    guard(offers);
    part->runner_ = scope;
    unguard(offers);
}

/* Runs a part that was taken, in forks and a scope of its own. */
static void run_taken(thrum_executor *executor, thrum_part *part, uint32_t depth)
{
    thrum__forks forks;
    thrum__scope scope;
    thrum__memory_live(&forks);
    thrum__forks_begin(&forks, executor);
    forks.depth = depth;
    thrum__scope_open(&scope, NULL);
    scope.parent = part->scope_;
    scope.ends_at = part->ends_at_;
    scope.shields = part->shields_;
    set_runner(&executor->offers, part, &scope);
    int code = part->function_(part->arg_);
    set_runner(&executor->offers, part, NULL);
    thrum__scope_close(&scope);
    thrum__forks_end(&forks);
    thrum__memory_dead(&forks);
    thrum__memory_dead(&scope);
    end_taken(part, code);
}

/* Looks for LOOK_US whether a part comes on offer. */
static bool comes_soon(thrum__offers *offers)
{
    uint32_t turn = 0;
    uint64_t ticks = LOOK_US * thrum__clock_ticks_in_us(), start = thrum__clock_ticks();
    while (!thrum__load_relaxed(&offers->count)) {
        if (thrum__clock_ticks() - start >= ticks)
            return false;
        thrum__spin(&turn);
    }
    return true;
}

/* Leaves the helpers. False if a part came meanwhile. */
static bool leave(thrum__offers *offers)
{
    guard(offers);
    bool leaves = offers->count == 0;
    offers->helpers -= leaves;
    unguard(offers);
    return leaves;
}

int thrum__fork_help(thrum_task *task)
{
    thrum_executor *executor = thrum_arg(task, thrum_executor *);
    thrum__offers *offers = &executor->offers;
    uint32_t home = thrum__process_generation;
    bool is_fiber = thrum__self()->fiber, looks = false;
    thrum__forks forks;
    thrum__memory_live(&forks);
    thrum__forks_begin(&forks, executor);
    forks.helper = true;
    guard(offers);
    offers->called--;
    unguard(offers);
    do {
        thrum_part *part;
        while (thrum__process_generation == home && (part = take(offers, NULL))) {
            run_taken(executor, part, 0);
            looks = LOOK_US > 0 && !is_fiber;
        }
        if (thrum__process_generation != home)
            break; /* a part has forked, and this is the child */
    } while ((looks && comes_soon(offers)) || !leave(offers));
    thrum__forks_end(&forks);
    thrum__memory_dead(&forks);
    return 0;
}

/* ---------------------------------------------------------------------------------------- joins */

/* Takes a part back that nobody has taken. */
static bool take_back(thrum__offers *offers, thrum_part *part)
{
    guard(offers);
    bool there = thrum__load_relaxed(&part->state_) == THRUM__PART_ON_OFFER;
    if (there)
        take_out(offers, part);
    unguard(offers);
    part->place_ = there ? THRUM__PART_PRIVATE : THRUM__PART_SHOWN;
    return there;
}

static bool has_ended(thrum_part *part)
{
    return thrum__load_acquire(&part->state_) == THRUM__PART_ENDED;
}

/* Runs parts of the thief's until this one has ended, or none comes for a while. */
static void help_thief(thrum__forks *forks, thrum_part *part)
{
    thrum__offers *offers = &forks->list.executor->offers;
    const thrum__context *thief = thrum__context_of(part->thief_);
    uint32_t turn = 0;
    uint64_t ticks = LOOK_US * thrum__clock_ticks_in_us(), start = thrum__clock_ticks();
    while (!has_ended(part)) {
        thrum_part *other = forks->depth < HELP_DEPTH ? take(offers, thief) : NULL;
        if (other) {
            run_taken(forks->list.executor, other, forks->depth + 1);
            turn = 0;
            start = thrum__clock_ticks();
        } else if (thrum__clock_ticks() - start >= ticks) {
            return;
        } else {
            thrum__spin(&turn);
        }
    }
}

/* One sleep until the part has ended. False if a request to stop ended it, which is possible only if it is
 * not `shielded`. */
static bool sleep_once(thrum_part *part, bool shielded)
{
    thrum__waiter waiter;
    thrum__memory_live(&waiter);
    bool ended = false;
    if (thrum__wait_begin(&waiter, !shielded) == 0) {
        uint32_t state = THRUM__PART_TAKEN;
        uint32_t awaited = shielded ? THRUM__PART_AWAITED_SHIELDED : THRUM__PART_AWAITED;
        thrum__store_relaxed(&part->ticket_, waiter.ticket);
        if (!thrum__cas_release(&part->state_, &state, awaited)) {
            thrum__wait_abandon(&waiter);
            ended = true;
        } else {
            ended = thrum__wait(&waiter, THRUM_FOREVER, "part", part) == 0 ||
                    !thrum__cas_relaxed(&part->state_, &awaited, THRUM__PART_TAKEN);
        }
    }
    thrum__memory_dead(&waiter);
    return ended;
}

/* Asks a part that another context runs to stop. */
static void pass_on(thrum__offers *offers, thrum_part *part)
{
    guard(offers);
    thrum__scope *runner = part->runner_;
    thrum__context *owed = runner && thrum__scope_cancel_claim(runner) ? runner->context : NULL;
    unguard(offers);
    if (owed)
        thrum__unpark(owed);
}

/* Waits until a part that was taken has ended. */
static int await(thrum__forks *forks, thrum_part *part)
{
    if (thrum__context_lost(part->thief_))
        return -ESRCH;
    if (!forks->context->fiber)
        help_thief(forks, part);
    if (!has_ended(part)) {
        thrum__context *self = thrum__futures_wait_begin();
        if (!sleep_once(part, false)) {
            pass_on(&forks->list.executor->offers, part);
            (void)sleep_once(part, true);
        }
        thrum__futures_wait_end(self);
    }
    (void)has_ended(part); /* the acquire */
    thrum__plain_read(&part->code_);
    return part->code_;
}

int thrum__part_join(thrum__forks *forks, thrum_part *part, bool skip)
{
    thrum__staff_settle(forks);
    if (!take_back(&forks->list.executor->offers, part)) {
        forks->in_vain = 0;
        return await(forks, part);
    }
    if (forks->in_vain < MOST_IN_VAIN)
        forks->in_vain++;
    return skip ? 0 : part->function_(part->arg_);
}

int thrum__fork_join(thrum__fork_list *list, thrum_part *part, int code)
{
    thrum__forks *forks = (thrum__forks *)list;
    if (!thrum__part_drop(forks, part)) {
        int code_b = thrum__part_join(forks, part, code != 0);
        return code ? code : code_b;
    }
    return code ? code : part->function_(part->arg_);
}
