/* Objects that processes may share, here used by the threads and fibers of one. A fiber sleeps on them by a
 * proxy, a thread of the library that may stay for a while. */
#include "fuzz.h"

static thrum_shared_lock lock;
static unsigned inside; /* plain: under the lock */
static uint64_t entered;
static uint32_t expected;

static thrum_shared_semaphore permits;
static uint32_t permits_out;

static thrum_shared_event loose;

static void use_lock(struct fuzz_self *self, const struct fuzz_op *op)
{
    FUZZ_CHECK(!thrum_shared_lock_owned(&lock));
    int rc;
    if (op->wait == FUZZ_FOREVER)
        rc = thrum_shared_lock_acquire(&lock);
    else if (op->wait == FUZZ_NOW)
        rc = thrum_shared_lock_try(&lock);
    else
        rc = thrum_shared_lock_acquire_until(&lock, fuzz_deadline(self, op->wait));
    FUZZ_ALLOWED(self, op->wait, rc);
    if (rc < 0)
        return;
    FUZZ_CHECK(++inside == 1);
    entered++;
    if (op->value % 4 == 0)
        fuzz_give_way();
    FUZZ_CHECK(thrum_shared_lock_owned(&lock));
    FUZZ_CHECK(inside-- == 1);
    thrum__add_relaxed(&expected, 1);
    thrum_shared_lock_release(&lock);
}

static void use_permit(struct fuzz_self *self, const struct fuzz_op *op)
{
    int rc = 0;
    if (op->wait == FUZZ_FOREVER)
        thrum_shared_semaphore_acquire(&permits);
    else if (op->wait == FUZZ_NOW)
        rc = thrum_shared_semaphore_try(&permits);
    else
        rc = thrum_shared_semaphore_acquire_until(&permits, fuzz_deadline(self, op->wait));
    FUZZ_ALLOWED(self, op->wait, rc);
    if (rc < 0)
        return;
    FUZZ_CHECK(thrum__add_relaxed(&permits_out, 1) < fuzz_program->permits);
    fuzz_give_way();
    thrum__sub_relaxed(&permits_out, 1);
    thrum_shared_semaphore_release(&permits, 1);
}

static void use_loose(struct fuzz_self *self, const struct fuzz_op *op)
{
    unsigned wait = op->wait == FUZZ_FOREVER ? FUZZ_TINY : op->wait;
    if (op->value % 3 == 0)
        thrum_shared_event_set(&loose);
    else if (op->value % 3 == 1)
        thrum_shared_event_clear(&loose);
    else
        FUZZ_ALLOWED(self, wait, thrum_shared_event_wait(&loose, fuzz_deadline(self, wait)));
}

static void set_up(void)
{
    thrum_shared_lock_init(&lock);
    thrum_shared_semaphore_init(&permits, fuzz_program->permits);
    thrum_shared_event_init(&loose);
    entered = 0;
    expected = 0;
}

static void finish(void)
{
    FUZZ_CHECK(inside == 0 && entered == expected && thrum_shared_lock_holder(&lock) == 0);
    FUZZ_CHECK(thrum_shared_semaphore_value(&permits) == fuzz_program->permits);
}

static const struct fuzz_kind kinds[] = {
    {"shared_lock", FUZZ_ALL, 4, 1, true, use_lock},
    {"shared_permit", FUZZ_ALL, 3, 1, true, use_permit},
    {"shared_event", FUZZ_ALL, 2, 1, true, use_loose},
};

const struct fuzz_concern fuzz_shared = {kinds, sizeof kinds / sizeof *kinds, set_up, finish};
