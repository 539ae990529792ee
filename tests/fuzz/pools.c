/* Executors: tasks of every kind, on pools that all actors share and on pools that come and go.
 *
 * A job is a task with a number. It runs leaf operations and returns its number changed; whoever
 * submitted it waits for it, cancels it, or lets go of its future. In the end each job has run once or
 * was refused, and never both. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

enum { SHARED = 4, JOBS = 8, DEPTH = 4 };
enum { ASKED = 1, DUE = 2 }; /* of `asked`: by a cancel; by a deadline */

static thrum_executor
    *shared[SHARED]; /* a thread pool, fiber pools with one and several workers, inline */
static thrum_executor *processes;

/* Jobs whose futures were let go of: they are known to be over when the pools are. */
static uint32_t detached, detached_ran, detached_refused;

struct job {
    uint64_t random;
    uint32_t *ran;   /* how often it ran */
    uint32_t *asked; /* whether somebody has asked it to stop */
    uint32_t number;
};

/* What one operation has submitted; freed by the last of its jobs, as they may outlive it. */
struct batch {
    uint32_t ran[JOBS], asked[JOBS];
};

static int run_job(thrum_task *task)
{
    struct job job = thrum_arg(task, struct job);
    FUZZ_CHECK(thrum__add_relaxed(job.ran, 1) == 0);
    struct fuzz_self self = {FUZZ_ACTORS, job.random, job.asked};
    fuzz_leaf(&self, job.random);
    FUZZ_CHECK(!thrum_cancelled(task) || thrum__load_acquire(job.asked));
    if (job.number % 8 == 7)
        return thrum_fail(task, -EIO, "planned");
    uint32_t result = job.number * 3;
    return thrum_return(task, &result, sizeof result);
}

static int run_detached(thrum_task *task)
{
    (void)task;
    thrum__add_relaxed(&detached_ran, 1);
    return 0;
}

static thrum_executor *pool_of(const struct fuzz_op *op)
{
    return shared[op->object % SHARED];
}

static void ask(struct batch *batch, unsigned i, thrum_future *future)
{
    thrum__store_release(&batch->asked[i], batch->asked[i] | ASKED);
    int rc = thrum_future_cancel(future);
    FUZZ_CHECK(rc == 0 || rc == -EINPROGRESS || rc == -EALREADY);
    if (rc == 0) { /* it will never run */
        FUZZ_CHECK(thrum_future_cancelled(future));
        FUZZ_CHECK(thrum__load_acquire(&batch->ran[i]) == 0);
    }
}

/* While an actor that was asked to stop waits for room, its submit is refused with -ECANCELED. */
static bool may_be_refused(const struct fuzz_self *self)
{
    return thrum__load_acquire(self->asked) != 0;
}

/* Waits for a job and checks what became of it. `refusals`: the pool may refuse it. */
static void settle(struct fuzz_self *self, struct batch *batch, unsigned i, thrum_future *future,
                   unsigned wait, bool refusals)
{
    uint32_t result = 0;
    int rc;
    FUZZ_UNTIL_DONE(self, wait, rc, thrum_future_wait(future, until));
    FUZZ_CHECK(rc == 0 && thrum_future_done(future));
    rc = OUTCOME_CODE(thrum_future_result(future, &result, sizeof result, THRUM_FOREVER),
                      thrum_future_error(future));
    if (rc == -ECANCELED && !thrum_future_error(future)) { /* the wait itself was cancelled */
        FUZZ_ALLOWED(self, FUZZ_FOREVER, rc);
        return;
    }
    uint32_t ran = thrum__load_acquire(&batch->ran[i]);
    if (rc == 0)
        FUZZ_CHECK(ran == 1 && result == i * 3);
    else if (rc == -EIO)
        FUZZ_CHECK(ran == 1 && i % 8 == 7);
    else if (rc == -ECANCELED)
        FUZZ_CHECK(thrum__load_acquire(&batch->asked[i]) || (ran == 0 && may_be_refused(self)));
    else if (rc == -ETIMEDOUT)
        FUZZ_CHECK(thrum__load_acquire(&batch->asked[i]) & DUE);
    else
        FUZZ_CHECK(refusals && ran == 0 && (rc == -EAGAIN || rc == -EPIPE));
}

static thrum_future *submit(struct fuzz_self *self, thrum_executor *pool, struct batch *batch,
                            unsigned i, const thrum_submit_options *options)
{
    struct job job = {fuzz_random(&self->random), &batch->ran[i], &batch->asked[i], i};
    if (options && options->deadline.ns)
        batch->asked[i] |= DUE;
    thrum_future *future = thrum_submit_with(pool, options, run_job, &job, sizeof job);
    FUZZ_CHECK(future != NULL);
    return future;
}

static void submit_and_wait(struct fuzz_self *self, const struct fuzz_op *op)
{
    struct batch batch = {{0}, {0}};
    thrum_future *futures[JOBS];
    unsigned count = 1 + op->value % JOBS;
    for (unsigned i = 0; i < count; i++) {
        thrum_submit_options options = {.priority = (thrum_priority)((int)(op->value / 8 % 3) - 1)};
        if ((op->value + i) % 11 == 0)
            options.deadline = fuzz_deadline(self, FUZZ_TINY);
        futures[i] = submit(self, pool_of(op), &batch, i, &options);
        if ((op->value >> 4) % 3 == 0 && i % 2)
            ask(&batch, i, futures[i]);
    }
    for (unsigned i = 0; i < count; i++) {
        settle(self, &batch, i, futures[i], op->wait, true);
        thrum_future_free(futures[i]);
    }
}

/* All by one call. Of the two workers that run them, one may stand still. */
static void submit_many(struct fuzz_self *self, const struct fuzz_op *op)
{
    struct batch batch = {{0}, {0}};
    struct job jobs[JOBS] = {{0}};
    thrum_future *futures[JOBS];
    unsigned count = op->value % (JOBS + 1);
    for (unsigned i = 0; i < count; i++)
        jobs[i] = (struct job){fuzz_random(&self->random), &batch.ran[i], &batch.asked[i], i};
    thrum_submit_many(pool_of(op), run_job, count, jobs, sizeof jobs[0], futures);
    for (unsigned i = 0; i < count; i++)
        if ((op->value >> 4) % 3 == 0 && i % 2)
            ask(&batch, i, futures[i]);
    for (unsigned i = 0; i < count; i++) {
        settle(self, &batch, i, futures[i], op->wait, true);
        thrum_future_free(futures[i]);
    }
}

/* Futures in memory of the caller, which nobody may touch once they are freed. */
static void submit_into(struct fuzz_self *self, const struct fuzz_op *op)
{
    struct batch batch = {{0}, {0}};
    thrum_future_memory memory[JOBS], freed;
    thrum_future *futures[JOBS];
    unsigned count = 1 + op->value % JOBS;
    memset(&freed, 0x5a, sizeof freed);
    for (unsigned i = 0; i < count; i++) {
        struct job job = {fuzz_random(&self->random), &batch.ran[i], &batch.asked[i], i};
        futures[i] = thrum_submit_into(pool_of(op), &memory[i], run_job, &job, sizeof job);
        if ((op->value >> 4) % 3 == 0 && i % 2)
            ask(&batch, i, futures[i]);
    }
    for (unsigned i = 0; i < count; i++) {
        settle(self, &batch, i, futures[i], op->wait, true);
        thrum_future_free(futures[i]);
        memory[i] = freed;
    }
    fuzz_give_way();
    for (unsigned i = 0; i < count; i++)
        FUZZ_CHECK(memcmp(&memory[i], &freed, sizeof freed) == 0);
}

static void submit_and_forget(struct fuzz_self *self, const struct fuzz_op *op)
{
    (void)self;
    thrum__add_relaxed(&detached, 1);
    thrum_future *future = thrum_submit(pool_of(op), run_detached, THRUM_NOTHING);
    if (op->value % 4 == 0 && thrum_future_cancel(future) == 0)
        thrum__add_relaxed(&detached_refused, 1);
    else if (thrum_future_done(future) && thrum_future_error(future))
        thrum__add_relaxed(&detached_refused, 1); /* it waited for room, and was cancelled */
    thrum_future_free(future);
}

/* Forks and joins within its pool. */
struct tree {
    thrum_executor *pool;
    uint64_t random;
    uint32_t depth;
};

static int grow(thrum_task *task)
{
    struct tree tree = thrum_arg(task, struct tree);
    uint32_t sum = 1, part = 0;
    thrum_future *half[2];
    if (tree.depth) {
        for (int i = 0; i < 2; i++) {
            struct tree next = {tree.pool, fuzz_random(&tree.random), tree.depth - 1};
            half[i] = thrum_submit(tree.pool, grow, &next, sizeof next);
        }
        for (int i = 0; i < 2; i++) {
            FUZZ_CHECK(thrum_future_result(half[i], &part, sizeof part, THRUM_FOREVER) == 0);
            sum += part;
            thrum_future_free(half[i]);
        }
    }
    return thrum_return(task, &sum, sizeof sum);
}

static void fork_and_join(struct fuzz_self *self, const struct fuzz_op *op)
{
    struct tree tree = {pool_of(op), fuzz_random(&self->random), op->value % DEPTH};
    thrum_future *future = thrum_submit(tree.pool, grow, &tree, sizeof tree);
    uint32_t sum = 0;
    int rc;
    FUZZ_UNTIL_DONE(self, op->wait, rc, thrum_future_result(future, &sum, sizeof sum, until));
    FUZZ_CHECK((rc == 0 && sum == (2u << tree.depth) - 1) || may_be_refused(self));
    thrum_future_free(future);
}

/* Parts of forks: leaves, and one half that waits for the other. They run wherever a worker is free. */
struct twig {
    thrum_executor *pool;
    struct fuzz_self *self;
    uint64_t random;
    uint32_t depth, sum;
    thrum_event *set, *wait;
};

static int grow_twig(void *arg)
{
    struct twig *twig = arg;
    struct fuzz_self self = {FUZZ_ACTORS, twig->random, twig->self->asked};
    if (twig->set)
        thrum_event_set(twig->set);
    thrum_shield_begin(); /* the sibling comes, whatever the actor is asked */
    if (twig->wait)
        FUZZ_CHECK(thrum_event_wait(twig->wait, THRUM_FOREVER) == 0);
    thrum_shield_end();
    twig->sum = 1;
    if (!twig->depth) {
        fuzz_leaf(&self, twig->random);
        return 0;
    }
    thrum_event met = THRUM_EVENT_INIT;
    bool meets = twig->depth % 2 && twig->pool != shared[3]; /* inline, the first half runs alone */
    struct twig half[2];
    for (int i = 0; i < 2; i++)
        half[i] = (struct twig){
            twig->pool, twig->self, fuzz_random(&twig->random), twig->depth - 1, 0, NULL, NULL};
    if (meets) {
        half[0].wait = &met;
        half[1].set = &met;
    }
    int rc = thrum_both(twig->pool, grow_twig, &half[0], grow_twig, &half[1]);
    twig->sum += half[0].sum + half[1].sum;
    return rc;
}

static int add_indices(void *arg, size_t first, size_t end)
{
    uint32_t sum = 0;
    for (size_t i = first; i < end; i++)
        sum += (uint32_t)i;
    thrum__add_relaxed((uint32_t *)arg, sum);
    return 0;
}

static void fork_parts(struct fuzz_self *self, const struct fuzz_op *op)
{
    struct twig twig = {.pool = pool_of(op),
                        .self = self,
                        .random = fuzz_random(&self->random),
                        .depth = op->value % DEPTH};
    FUZZ_CHECK(grow_twig(&twig) == 0);
    FUZZ_CHECK(twig.sum == (2u << twig.depth) - 1);
    uint32_t sum = 0, count = op->value / 8 % 20000;
    FUZZ_CHECK(thrum_for(twig.pool, 0, count, add_indices, &sum) == 0);
    FUZZ_CHECK(count == 0 || sum == (uint32_t)((uint64_t)count * (count - 1) / 2));
}

static int triple(thrum_task *task)
{
    uint32_t number = thrum_arg(task, uint32_t) * 3;
    return thrum_return(task, &number, sizeof number);
}

static void map(struct fuzz_self *self, const struct fuzz_op *op)
{
    uint32_t args[24], results[24];
    size_t count = op->value % 25;
    for (uint32_t i = 0; i < 24; i++)
        args[i] = i;
    thrum_executor *pool = processes && op->value % 3 == 0 ? processes : pool_of(op);
    thrum_error error = {0};
    thrum_map_options options = {.count = count,
                                 .ret_error = &error,
                                 .args = args,
                                 .arg_size = sizeof *args,
                                 .results = results,
                                 .result_size = sizeof *results,
                                 .window = op->value / 32 % 4,
                                 .chunk = op->value / 128 % 4};
    int rc = OUTCOME_CODE(thrum_map(pool, triple, &options), &error);
    if (rc < 0 && rc != -ECANCELED)
        fuzz_fail(__FILE__, __LINE__, "a map fails: %s", error.message);
    FUZZ_ALLOWED(self, FUZZ_FOREVER, rc);
    for (uint32_t i = 0; rc == 0 && i < count; i++)
        FUZZ_CHECK(results[i] == i * 3);
}

static void use_process(struct fuzz_self *self, const struct fuzz_op *op)
{
    if (!processes)
        return;
    uint32_t number = op->value, result = 0;
    thrum_future *future = thrum_submit(processes, triple, &number, sizeof number);
    int rc;
    FUZZ_UNTIL_DONE(self, op->wait, rc, thrum_future_wait(future, until));
    rc = OUTCOME_CODE(thrum_future_result(future, &result, sizeof result, THRUM_FOREVER),
                      thrum_future_error(future));
    FUZZ_CHECK((rc == 0 && result == number * 3) || (rc == -ECANCELED && may_be_refused(self)));
    thrum_future_free(future);
}

static void use_group(struct fuzz_self *self, const struct fuzz_op *op)
{
    struct batch batch = {{0}, {0}};
    thrum_group *group = thrum_group_new();
    FUZZ_CHECK(group != NULL);
    unsigned count = op->value % (JOBS + 1);
    bool stopped = false;
    for (unsigned i = 0; i < count; i++) {
        batch.asked[i] = ASKED; /* a failure or a deadline stops the others */
        struct job job = {fuzz_random(&self->random), &batch.ran[i], &batch.asked[i], i};
        thrum_future_free(thrum_group_submit(group, pool_of(op), run_job, &job, sizeof job));
        if (i == 3 && op->value & 64) {
            thrum_group_cancel(group);
            stopped = true;
        }
    }
    if (!(op->value & 128)) {
        int rc = OUTCOME_CODE(thrum_group_join(group, fuzz_deadline(self, op->wait)),
                              thrum_group_error(group));
        uint32_t ran = 0;
        for (unsigned i = 0; i < count; i++)
            ran += thrum__load_acquire(&batch.ran[i]);
        if (rc == 0)
            FUZZ_CHECK(!stopped && count < 8 && (ran == count || may_be_refused(self)));
        else if (rc != -EIO && !(stopped && rc == -ECANCELED) && !(rc == -ETIMEDOUT && op->wait))
            FUZZ_ALLOWED(self, op->wait, rc);
    }
    thrum_group_free(group);
}

static thrum_executor *new_pool(const struct fuzz_op *op)
{
    if (op->value & 1)
        return thrum_fiber_pool_new(
            &(thrum_fiber_pool_options){.max_workers = 1 + op->value / 2 % 3});
    thrum_thread_pool_options options = {.max_workers = 1 + op->value / 2 % 3,
                                         .max_pending = op->value / 8 % 3,
                                         .when_full = (thrum_when_full)(op->value / 32 % 3)};
    return thrum_thread_pool_new(&options);
}

/* A pool that comes and goes. After its shutdown each of its jobs is over, or will be. */
static void own_pool(struct fuzz_self *self, const struct fuzz_op *op)
{
    struct batch batch = {{0}, {0}};
    thrum_executor *pool = new_pool(op);
    FUZZ_CHECK(pool != NULL);
    unsigned count = op->value / 128 % (JOBS + 1);
    thrum_shutdown_options end = {.cancel_pending = op->value / 1024 % 2,
                                  .cancel_running = op->value / 2048 % 2,
                                  .no_wait = op->value / 4096 % 2};
    thrum_future *futures[JOBS];
    for (unsigned i = 0; i < count; i++) {
        batch.asked[i] = end.cancel_pending || end.cancel_running;
        futures[i] = submit(self, pool, &batch, i, NULL);
        if (i == 2 && !(op->value & 1))
            FUZZ_CHECK(thrum_thread_pool_resize(pool, 1 + op->value / 8192 % 4) == 0);
    }
    thrum_executor_stats stats;
    thrum_executor_stats_get(pool, &stats);
    FUZZ_CHECK(stats.done <= count && stats.running <= count && stats.idle <= stats.workers);
    thrum_executor_shutdown_with(pool, &end);
    for (unsigned i = 0; i < count; i++) {
        FUZZ_CHECK(end.no_wait || thrum_future_done(futures[i]));
        settle(self, &batch, i, futures[i], FUZZ_FOREVER, true);
        thrum_future_free(futures[i]);
    }
}

static void resize(struct fuzz_self *self, const struct fuzz_op *op)
{
    (void)self;
    FUZZ_CHECK(thrum_thread_pool_resize(shared[0], 1 + op->value % 5) == 0);
    thrum_executor_stats stats;
    thrum_executor_stats_get(shared[0], &stats);
    FUZZ_CHECK(stats.idle <= stats.workers);
}

bool fuzz_uses_processes(void)
{
    return fuzz_program->seed % 16 == 5 && fuzz_program_uses(use_process, 0);
}

static void set_up(void)
{
    detached = detached_ran = detached_refused = 0;
    uint64_t state = fuzz_program->seed ^ 0x706f6f6c;
    thrum_thread_pool_options threads = {.max_workers = (int)fuzz_program->workers,
                                         .max_pending = fuzz_random(&state) % 4};
    if (fuzz_random(&state) & 1) /* else it waits for room */
        threads.when_full = THRUM_WHEN_FULL_RUN;
    shared[0] = thrum_thread_pool_new(&threads);
    thrum_fiber_pool_options fibers = {.max_workers = 1, .stack_size = fuzz_program->fiber_stack};
    shared[1] = thrum_fiber_pool_new(&fibers);
    fibers.max_workers = 1 + (int)fuzz_program->workers;
    shared[2] = thrum_fiber_pool_new(&fibers);
    shared[3] = thrum_inline_new();
    processes = NULL;
    if (fuzz_uses_processes())
        processes = thrum_process_pool_new(&(thrum_process_pool_options){.max_workers = 2});
    for (unsigned i = 0; i < SHARED; i++)
        FUZZ_CHECK(shared[i] != NULL);
}

static void finish(void)
{
    for (unsigned i = 0; i < SHARED; i++)
        thrum_executor_shutdown(shared[i]);
    thrum_executor_shutdown(processes);
    FUZZ_CHECK(detached == detached_ran + detached_refused);
}

static const struct fuzz_kind kinds[] = {
    {"submit", FUZZ_ALL, 8, SHARED, false, submit_and_wait},
    {"many", FUZZ_ALL, 4, SHARED, false, submit_many},
    {"into", FUZZ_ALL, 4, SHARED, false, submit_into},
    {"forget", FUZZ_ALL, 3, SHARED, false, submit_and_forget},
    {"join", FUZZ_ALL, 4, SHARED, false, fork_and_join},
    {"parts", FUZZ_ALL, 4, SHARED, false, fork_parts},
    {"map", FUZZ_ALL, 3, SHARED, false, map},
    {"process", FUZZ_ALL, 2, 1, false, use_process},
    {"group", FUZZ_ALL, 4, SHARED, false, use_group},
    {"pool", FUZZ_ALL, 4, 1, false, own_pool},
    {"resize", FUZZ_ALL, 2, 3, false, resize},
};

const struct fuzz_concern fuzz_pools = {kinds, sizeof kinds / sizeof *kinds, set_up, finish};
