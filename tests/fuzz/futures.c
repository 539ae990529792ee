/* Events, and futures made by hand: one side ends them, many wait.
 *
 * Each future is ended by exactly one: the first worker that has such an operation, or the main thread
 * before the start where none has. Whoever waits, cancels, adds callbacks or chains tasks may come before
 * or after. Each callback must be called once, and all who wait must go on. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

enum { CHAINED = 64 };

static thrum_event events[FUZZ_EVENTS];
static thrum_event loose; /* set and cleared at random */

static struct future {
    thrum_future *future;
    uint32_t taken;  /* by its maker */
    uint32_t called; /* callbacks that were called, and that were added */
    uint32_t added;
    uint32_t first; /* how often the callback of the beginning was called */
    uint32_t cancelled;
} futures[FUZZ_FUTURES];

static thrum_executor *runner; /* of chained tasks */
static thrum_future *chained[CHAINED];
static uint32_t chained_count, chained_ran;

/* -------------------------------------------------------------------------------------- events */

static void set_event(struct fuzz_self *self, const struct fuzz_op *op)
{
    (void)self;
    if (!fuzz_fault("hang"))
        thrum_event_set(&events[op->object]);
}

static void wait_for_event(struct fuzz_self *self, const struct fuzz_op *op)
{
    bool worker = fuzz_program->actor[self->actor].role == FUZZ_WORKER;
    unsigned wait = worker && op->wait == FUZZ_FOREVER ? FUZZ_SHORT : op->wait;
    thrum_case of_event = thrum_case_event(&events[op->object]);
    thrum_deadline until = fuzz_deadline(self, wait);
    int rc = op->value & 1 ? thrum_event_wait(&events[op->object], until)
                           : thrum_select(&of_event, 1, until);
    FUZZ_ALLOWED(self, wait, rc);
    FUZZ_CHECK(rc < 0 || thrum_event_is_set(&events[op->object])); /* it is never cleared */
}

static void use_loose(struct fuzz_self *self, const struct fuzz_op *op)
{
    if (op->value % 3 == 0)
        thrum_event_set(&loose);
    else if (op->value % 3 == 1)
        thrum_event_clear(&loose);
    else {
        unsigned wait = op->wait == FUZZ_FOREVER ? FUZZ_TINY : op->wait;
        FUZZ_ALLOWED(self, wait, thrum_event_wait(&loose, fuzz_deadline(self, wait)));
    }
}

/* ------------------------------------------------------------------------------------- futures */

static int on_first(thrum_future *future, void *context)
{
    struct future *mine = context;
    FUZZ_CHECK(future == mine->future && thrum_future_done(future));
    thrum__add_relaxed(&mine->first, fuzz_fault("twice") ? 2 : 1);
    return 0;
}

static int on_done(thrum_future *future, void *context)
{
    struct future *mine = context;
    FUZZ_CHECK(future == mine->future && thrum_future_done(future));
    thrum__add_relaxed(&mine->called, 1);
    return 0;
}

static void end(struct future *mine, unsigned value)
{
    if (thrum__exchange_acq_rel(&mine->taken, 1))
        return;
    int rc;
    if (value & 1 && (rc = thrum_future_set_running(mine->future)) < 0) {
        FUZZ_CHECK(rc == -ECANCELED && thrum__load_acquire(&mine->cancelled));
        return;
    }
    if (value & 1)
        fuzz_give_way();
    if (value & 2)
        rc = thrum_future_set_error(mine->future, -EIO, "planned");
    else
        rc = thrum_future_set_result(mine->future, &value, sizeof value);
    FUZZ_CHECK(rc == 0 ||
               (rc == -ECANCELED && !(value & 1) && thrum__load_acquire(&mine->cancelled)));
}

static void end_future(struct fuzz_self *self, const struct fuzz_op *op)
{
    (void)self;
    end(&futures[op->object], op->value);
}

static void check_outcome(struct future *mine, int rc, unsigned value)
{
    if (rc == -ECANCELED)
        FUZZ_CHECK(thrum__load_acquire(&mine->cancelled));
    else
        FUZZ_CHECK(rc == -EIO || (rc == 0 && !(value & 2)));
}

static void wait_for_future(struct fuzz_self *self, const struct fuzz_op *op)
{
    struct future *mine = &futures[op->object];
    bool worker = fuzz_program->actor[self->actor].role == FUZZ_WORKER;
    unsigned wait = worker && op->wait == FUZZ_FOREVER ? FUZZ_TINY : op->wait;
    thrum_deadline until = fuzz_deadline(self, wait);
    thrum_future *all[FUZZ_FUTURES];
    for (unsigned i = 0; i < FUZZ_FUTURES; i++)
        all[i] = futures[i].future;
    unsigned value = 0;
    int rc;
    switch (op->value % 4) {
    case 0:
        rc = OUTCOME_CODE(thrum_future_result(mine->future, &value, sizeof value, until),
                          thrum_future_error(mine->future));
        if (rc == 0 || (thrum_future_done(mine->future) && rc == -EIO))
            check_outcome(mine, rc, value);
        else if (!thrum__load_acquire(&mine->cancelled))
            FUZZ_ALLOWED(self, wait, rc);
        break;
    case 1:
        rc = thrum_future_wait(mine->future, until);
        FUZZ_ALLOWED(self, wait, rc);
        FUZZ_CHECK(rc < 0 || thrum_future_done(mine->future));
        break;
    case 2:
        rc = thrum_wait(all, FUZZ_FUTURES, (thrum_wait_condition)(op->value / 4 % 3), until);
        FUZZ_ALLOWED(self, wait, rc);
        break;
    default: {
        thrum_as_completed *done = thrum_as_completed_new(all, FUZZ_FUTURES);
        size_t index, count = 0;
        FUZZ_CHECK(done != NULL);
        while ((rc = thrum_as_completed_next(done, &index, until)) == 0) {
            FUZZ_CHECK(index < FUZZ_FUTURES && thrum_future_done(all[index]));
            count++;
        }
        if (rc == -ENODATA)
            FUZZ_CHECK(count == FUZZ_FUTURES);
        else
            FUZZ_ALLOWED(self, wait, rc);
        thrum_as_completed_free(done);
    }
    }
}

static void cancel_future(struct fuzz_self *self, const struct fuzz_op *op)
{
    (void)self;
    struct future *mine = &futures[op->object];
    if (op->value % 4)
        return;
    thrum__store_release(&mine->cancelled, 1);
    int rc = thrum_future_cancel(mine->future);
    FUZZ_CHECK(rc == 0 || rc == -EINPROGRESS || rc == -EALREADY);
}

static void add_callback(struct fuzz_self *self, const struct fuzz_op *op)
{
    (void)self;
    struct future *mine = &futures[op->object];
    thrum__add_relaxed(&mine->added, 1);
    FUZZ_CHECK(thrum_future_add_done_callback(mine->future, on_done, mine) == 0);
}

static int continued(thrum_task *task)
{
    unsigned value = thrum_arg(task, unsigned);
    FUZZ_CHECK(!(value & 2)); /* the result of one that succeeded */
    thrum__add_relaxed(&chained_ran, 1);
    return thrum_return(task, &value, sizeof value);
}

static void chain(struct fuzz_self *self, const struct fuzz_op *op)
{
    uint32_t at = thrum__add_relaxed(&chained_count, 1);
    if (at >= CHAINED)
        return;
    thrum_future *next = thrum_future_then(futures[op->object].future, runner, continued);
    FUZZ_CHECK(next != NULL);
    thrum__store_release(&chained[at], next);
    if (op->value % 8 == 0)
        thrum_future_cancel(next);
    else if (op->value % 8 == 1)
        FUZZ_ALLOWED(self, FUZZ_TINY, thrum_future_wait(next, fuzz_deadline(self, FUZZ_TINY)));
}

static void set_up(void)
{
    thrum_event_init(&loose);
    chained_count = chained_ran = 0;
    memset(chained, 0, sizeof chained);
    thrum_thread_pool_options options = {.max_workers = 2};
#ifdef THRUM_EXPLORE
    bool simple = true;
#else
    bool simple = fuzz_program->seed % 3 == 2;
#endif
    runner = simple                        ? thrum_inline_new()
             : fuzz_program->seed % 3 == 1 ? thrum_fiber_pool_new(NULL)
                                           : thrum_thread_pool_new(&options);
    FUZZ_CHECK(runner != NULL);
    for (unsigned i = 0; i < FUZZ_EVENTS; i++) {
        thrum_event_init(&events[i]);
        if (!fuzz_program_uses(set_event, i))
            thrum_event_set(&events[i]);
    }
    for (unsigned i = 0; i < FUZZ_FUTURES; i++) {
        futures[i] = (struct future){.future = thrum_future_new()};
        FUZZ_CHECK(futures[i].future != NULL);
        FUZZ_CHECK(thrum_future_add_done_callback(futures[i].future, on_first, &futures[i]) == 0);
        if (!fuzz_program_uses(end_future, i))
            end(&futures[i], i);
    }
}

static void finish(void)
{
    for (unsigned i = 0; i < FUZZ_EVENTS; i++)
        thrum_event_finish(&events[i]);
    thrum_event_finish(&loose);
    for (unsigned i = 0; i < FUZZ_FUTURES; i++)
        FUZZ_CHECK(thrum_future_wait(futures[i].future, THRUM_FOREVER) == 0);
    uint32_t count = chained_count < CHAINED ? chained_count : CHAINED, succeeded = 0;
    for (uint32_t i = 0; i < count; i++) {
        unsigned value;
        succeeded += thrum_future_result(chained[i], &value, sizeof value, THRUM_FOREVER) == 0;
        thrum_future_free(chained[i]);
    }
    thrum_executor_shutdown(runner);
    FUZZ_CHECK(succeeded <= chained_ran);
    for (unsigned i = 0; i < FUZZ_FUTURES; i++) {
        FUZZ_CHECK(thrum__load_acquire(&futures[i].first) == 1);
        FUZZ_CHECK(thrum__load_acquire(&futures[i].called) == futures[i].added);
        thrum_future_error(futures[i].future);
        thrum_future_free(futures[i].future);
    }
}

#define WAITS ((1u << FUZZ_PRODUCER) | (1u << FUZZ_CONSUMER) | (1u << FUZZ_WORKER))

static const struct fuzz_kind kinds[] = {
    {"set_event", 1u << FUZZ_WORKER, 6, FUZZ_EVENTS, false, set_event},
    {"wait_event", WAITS, 6, FUZZ_EVENTS, false, wait_for_event},
    {"loose_event", FUZZ_ALL, 3, 1, true, use_loose},
    {"end_future", 1u << FUZZ_WORKER, 6, FUZZ_FUTURES, false, end_future},
    {"wait_future", WAITS, 6, FUZZ_FUTURES, false, wait_for_future},
    {"cancel_future", FUZZ_ALL, 2, FUZZ_FUTURES, false, cancel_future},
    {"callback", FUZZ_ALL, 3, FUZZ_FUTURES, false, add_callback},
    {"chain", FUZZ_ALL, 2, FUZZ_FUTURES, false, chain},
};

const struct fuzz_concern fuzz_futures = {kinds, sizeof kinds / sizeof *kinds, set_up, finish};
