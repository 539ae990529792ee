/* Locks, permits, the barrier, once. What they protect is plain memory, so the thread sanitizer sees a
 * lock that lets two in, or that orders nothing, at the first chance.
 *
 * The order in which they may be held together: rlocks, locks, rwlocks, permits; among equals by number. */
#include "fuzz.h"

#include <string.h>

#ifdef THRUM_EXPLORE
enum { LOCKS = 2, ROUNDS = 1 };
#else
enum { LOCKS = 3, ROUNDS = 12 };
#endif

static struct {
    thrum_rlock rlock;
    thrum_lock lock;
    thrum_rwlock rwlock;
    unsigned inside, depth, writing; /* plain: each under its lock */
    uint64_t entered;
    uint32_t expected; /* how often `lock` was taken */
    uint32_t reading;
} at[LOCKS];

static thrum_semaphore permits;
static uint32_t permits_out;
static thrum_barrier barrier;
static uint32_t barrier_rounds[2]; /* that the action has seen; that parties have been through */
static uint32_t barrier_broken, parties;
static uint32_t made[FUZZ_ACTORS]; /* rounds that each party has begun */
static thrum_once once;
static uint32_t once_runs, once_fails;
static thrum_condition loose;
static uint32_t loose_count; /* under its lock */

/* What is done while something is held: often the processor is given away, so that others meet it. */
static void dwell(struct fuzz_self *self)
{
    if (fuzz_random(&self->random) % 4 == 0)
        fuzz_give_way();
}

static int take_lock(struct fuzz_self *self, thrum_lock *lock, unsigned wait)
{
    FUZZ_CHECK(!thrum_lock_owned(lock));
    if (fuzz_fault("lock"))
        return 0;
    int rc = 0;
    if (wait == FUZZ_FOREVER)
        thrum_lock_acquire(lock);
    else if (wait == FUZZ_NOW && fuzz_random(&self->random) & 1)
        rc = thrum_lock_try(lock);
    else
        rc = thrum_lock_acquire_until(lock, fuzz_deadline(self, wait));
    FUZZ_ALLOWED(self, wait, rc);
    return rc;
}

static void use_lock(struct fuzz_self *self, const struct fuzz_op *op)
{
    unsigned i = op->object;
    if (take_lock(self, &at[i].lock, op->wait) < 0)
        return;
    thrum__plain_write(&at[i].inside);
    FUZZ_CHECK(++at[i].inside == 1);
    at[i].entered++;
    dwell(self);
    if (op->value & 1 && i + 1 < LOCKS) { /* hand over hand */
        struct fuzz_op next = {
            .object = (uint8_t)(i + 1), .wait = op->wait, .value = op->value / 2};
        use_lock(self, &next);
    }
    FUZZ_CHECK(at[i].inside-- == 1);
    thrum__add_relaxed(&at[i].expected, 1);
    if (fuzz_fault("lock"))
        return;
    FUZZ_CHECK(thrum_lock_owned(&at[i].lock));
    thrum_lock_release(&at[i].lock);
}

static void use_rlock(struct fuzz_self *self, const struct fuzz_op *op)
{
    thrum_rlock *lock = &at[op->object].rlock;
    unsigned held = 0, wanted = 1 + op->value % 3;
    FUZZ_CHECK(thrum_rlock_depth(lock) == 0);
    for (unsigned i = 0; i < wanted; i++) {
        int rc = 0;
        unsigned wait = i ? FUZZ_NOW : op->wait;
        if (wait == FUZZ_FOREVER)
            thrum_rlock_acquire(lock);
        else if (wait == FUZZ_NOW)
            rc = thrum_rlock_try(lock);
        else
            rc = thrum_rlock_acquire_until(lock, fuzz_deadline(self, wait));
        FUZZ_ALLOWED(self, wait, rc);
        if (rc < 0)
            break;
        thrum__plain_write(&at[op->object].depth);
        FUZZ_CHECK(at[op->object].depth == held); /* plain: 0 if nobody else is in */
        at[op->object].depth = ++held;
        FUZZ_CHECK(thrum_rlock_depth(lock) == held);
        dwell(self);
    }
    FUZZ_CHECK(held == 0 || held == wanted); /* its holder is never refused */
    while (held) {
        FUZZ_CHECK(at[op->object].depth == held);
        at[op->object].depth = --held;
        thrum_rlock_release(lock);
    }
}

static void read_lock(struct fuzz_self *self, const struct fuzz_op *op)
{
    thrum_rwlock *lock = &at[op->object].rwlock;
    int rc = 0;
    if (op->wait == FUZZ_FOREVER)
        thrum_rwlock_acquire_read(lock);
    else if (op->wait == FUZZ_NOW)
        rc = thrum_rwlock_try_read(lock);
    else
        rc = thrum_rwlock_acquire_read_until(lock, fuzz_deadline(self, op->wait));
    FUZZ_ALLOWED(self, op->wait, rc);
    if (rc < 0)
        return;
    thrum__add_relaxed(&at[op->object].reading, 1);
    thrum__plain_read(&at[op->object].writing);
    FUZZ_CHECK(at[op->object].writing == 0);
    dwell(self);
    FUZZ_CHECK(at[op->object].writing == 0);
    thrum__sub_relaxed(&at[op->object].reading, 1);
    thrum_rwlock_release_read(lock);
}

#ifndef THRUM_EXPLORE /* explore_read_slots.c has programs of its own */
/* Reads so often that the readings go by slots of the thread, two at once. */
static void read_often(struct fuzz_self *self, const struct fuzz_op *op)
{
    struct fuzz_op one = *op;
    unsigned count = 20 + op->value % 32, inner = op->object + 1u;
    for (unsigned i = 0; i < count; i++) {
        one.wait = i % 8 ? FUZZ_FOREVER : op->wait;
        bool held = inner < LOCKS && thrum_rwlock_try_read(&at[op->object].rwlock) == 0;
        one.object = (uint8_t)(held ? inner : op->object);
        read_lock(self, &one);
        if (held)
            thrum_rwlock_release_read(&at[op->object].rwlock);
    }
}
#endif

static void write_lock(struct fuzz_self *self, const struct fuzz_op *op)
{
    thrum_rwlock *lock = &at[op->object].rwlock;
    int rc = 0;
    if (op->wait == FUZZ_FOREVER)
        thrum_rwlock_acquire_write(lock);
    else if (op->wait == FUZZ_NOW)
        rc = thrum_rwlock_try_write(lock);
    else
        rc = thrum_rwlock_acquire_write_until(lock, fuzz_deadline(self, op->wait));
    FUZZ_ALLOWED(self, op->wait, rc);
    if (rc < 0)
        return;
    thrum__plain_write(&at[op->object].writing);
    FUZZ_CHECK(++at[op->object].writing == 1);
    dwell(self);
    FUZZ_CHECK(thrum__load_relaxed(&at[op->object].reading) == 0);
    FUZZ_CHECK(at[op->object].writing-- == 1);
    thrum_rwlock_release_write(lock);
}

static void use_permit(struct fuzz_self *self, const struct fuzz_op *op)
{
    int rc = 0;
    if (op->wait == FUZZ_FOREVER)
        thrum_semaphore_acquire(&permits);
    else if (op->wait == FUZZ_NOW)
        rc = thrum_semaphore_try(&permits);
    else
        rc = thrum_semaphore_acquire_until(&permits, fuzz_deadline(self, op->wait));
    FUZZ_ALLOWED(self, op->wait, rc);
    if (rc < 0)
        return;
    FUZZ_CHECK(thrum__add_relaxed(&permits_out, 1) < fuzz_program->permits);
    dwell(self);
    thrum__sub_relaxed(&permits_out, 1);
    thrum_semaphore_release(&permits, fuzz_fault("permit") ? 2 : 1);
}

/* A lock, the next, or a permit, whichever comes first. */
static void use_select(struct fuzz_self *self, const struct fuzz_op *op)
{
    unsigned lock[] = {op->object, (op->object + 1u) % LOCKS};
    thrum_case cases[] = {thrum_case_lock(&at[lock[0]].lock), thrum_case_lock(&at[lock[1]].lock),
                          thrum_case_semaphore(&permits)};
    int index = thrum_select(cases, 3, fuzz_deadline(self, op->wait));
    FUZZ_ALLOWED(self, op->wait, index < 0 ? index : 0);
    if (index < 0)
        return;
    FUZZ_CHECK(cases[index].code == 0);
    if (index == 2) {
        FUZZ_CHECK(thrum__add_relaxed(&permits_out, 1) < fuzz_program->permits);
        dwell(self);
        thrum__sub_relaxed(&permits_out, 1);
        thrum_semaphore_release(&permits, 1);
        return;
    }
    unsigned i = lock[index];
    thrum__plain_write(&at[i].inside);
    FUZZ_CHECK(++at[i].inside == 1);
    at[i].entered++;
    dwell(self);
    FUZZ_CHECK(at[i].inside-- == 1);
    thrum__add_relaxed(&at[i].expected, 1);
    thrum_lock_release(&at[i].lock);
}

static void on_round(void *context)
{
    (void)context;
    barrier_rounds[0]++;
}

/* A wait that ends early breaks the barrier, and then it stays so: all of that round and of later
 * ones get -EPIPE. */
static void meet(struct fuzz_self *self, unsigned wait)
{
    if (thrum__load_acquire(&barrier_broken))
        return;
    int rc = thrum_barrier_wait(&barrier, fuzz_deadline(self, wait));
    if (rc >= 0) {
        FUZZ_CHECK(rc < (int)parties);
        thrum__add_relaxed(&barrier_rounds[1], 1);
        return;
    }
    thrum__store_release(&barrier_broken, 1);
    if (rc != -EPIPE)
        FUZZ_ALLOWED(self, wait, rc);
    if (rc == -EAGAIN)
        thrum_barrier_abort(&barrier); /* such a wait breaks nothing by itself */
    FUZZ_CHECK(thrum_barrier_broken(&barrier));
}

/* Each party goes through the same number of rounds, some among its operations and the rest at its end. */
static void use_barrier(struct fuzz_self *self, const struct fuzz_op *op)
{
    if (made[self->actor] < ROUNDS) {
        made[self->actor]++;
        meet(self, op->value % 32 ? FUZZ_FOREVER : op->wait);
    }
}

void fuzz_leave_barrier(struct fuzz_self *self)
{
    for (; made[self->actor] < ROUNDS; made[self->actor]++)
        meet(self, FUZZ_FOREVER);
}

void fuzz_parties(unsigned count)
{
    parties = count;
    thrum_barrier_init(&barrier, count ? count : 1, on_round, NULL);
}

static int run_once(void *context)
{
    (void)context;
    fuzz_give_way();
    if (once_fails++ < 2)
        return -EIO;
    once_runs++;
    return 0;
}

static void use_once(struct fuzz_self *self, const struct fuzz_op *op)
{
    (void)self;
    (void)op;
    int rc = thrum_once_run(&once, run_once, NULL);
    FUZZ_CHECK(rc == 0 || rc == -EIO);
    FUZZ_CHECK(rc < 0 || (thrum_once_done(&once) && once_runs == 1));
}

static bool is_even(void *context)
{
    return *(uint32_t *)context % 2 == 0;
}

/* Nobody need ever notify: these waits have deadlines. */
static void use_condition(struct fuzz_self *self, const struct fuzz_op *op)
{
    unsigned wait = op->wait == FUZZ_FOREVER ? FUZZ_SHORT : op->wait;
    thrum_condition_acquire(&loose);
    loose_count++;
    if (op->value & 1) {
        thrum_condition_notify_all(&loose);
    } else if (op->value & 2) {
        thrum_condition_notify(&loose, 1);
    } else if (op->value & 4) {
        int rc = thrum_condition_wait_for(&loose, is_even, &loose_count, fuzz_deadline(self, wait));
        FUZZ_ALLOWED(self, wait, rc);
        FUZZ_CHECK(rc < 0 || loose_count % 2 == 0);
    } else {
        FUZZ_ALLOWED(self, wait, thrum_condition_wait(&loose, fuzz_deadline(self, wait)));
    }
    loose_count++;
    thrum_condition_release(&loose);
}

static void set_up(void)
{
    for (unsigned i = 0; i < LOCKS; i++) {
        thrum_rlock_init(&at[i].rlock);
        thrum_lock_init(&at[i].lock);
        thrum_rwlock_init(&at[i].rwlock);
        at[i].entered = 0;
        at[i].expected = 0;
    }
    thrum_semaphore_init(&permits, fuzz_program->permits);
    thrum_condition_init(&loose, NULL);
    barrier_rounds[0] = barrier_rounds[1] = barrier_broken = 0;
    memset(made, 0, sizeof made);
    once = (thrum_once)THRUM_ONCE_INIT;
    once_runs = once_fails = 0;
    loose_count = 0;
}

static void finish(void)
{
    for (unsigned i = 0; i < LOCKS; i++) {
        FUZZ_CHECK(at[i].inside == 0 && at[i].depth == 0 && at[i].writing == 0);
        FUZZ_CHECK(at[i].entered == at[i].expected);
        thrum_rlock_finish(
            &at[i].rlock); /* these stop the program if anything is held or waited for */
        thrum_lock_finish(&at[i].lock);
        thrum_rwlock_finish(&at[i].rwlock);
    }
    FUZZ_CHECK(thrum_semaphore_value(&permits) == fuzz_program->permits);
    thrum_semaphore_finish(&permits);
    FUZZ_CHECK(barrier_broken || barrier_rounds[1] == barrier_rounds[0] * parties);
    FUZZ_CHECK(!parties || barrier_broken || barrier_rounds[0] == ROUNDS);
    thrum_barrier_finish(&barrier);
    FUZZ_CHECK(once_runs <= 1);
    FUZZ_CHECK(loose_count % 2 == 0);
    thrum_condition_finish(&loose);
}

static const struct fuzz_kind kinds[] = {
    {"lock", FUZZ_ALL, 8, LOCKS, true, use_lock},
    {"rlock", FUZZ_ALL, 6, LOCKS, true, use_rlock},
    {"read", FUZZ_ALL, 6, LOCKS, true, read_lock},
#ifndef THRUM_EXPLORE
    {"slots", FUZZ_ALL, 4, LOCKS, true, read_often},
#endif
    {"write", FUZZ_ALL, 4, LOCKS, true, write_lock},
    {"permit", FUZZ_ALL, 6, 1, true, use_permit},
    {"barrier", 1u << FUZZ_PARTY, 10, 1, false, use_barrier},
    {"once", FUZZ_ALL, 2, 1, true, use_once},
    {"condition", FUZZ_ALL, 3, 1, true, use_condition},
    {"select", FUZZ_ALL, 6, LOCKS, true, use_select},
};

const struct fuzz_concern fuzz_sync = {kinds, sizeof kinds / sizeof *kinds, set_up, finish};
