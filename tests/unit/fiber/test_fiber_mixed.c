/* Threads and fibers at one lock, one semaphore and one queue, while deadlines pass, tasks are stolen and
 * both are cancelled. Rounds go on until each of these has happened. */
#include "harness.h"
#include "support.h"

#include <errno.h>

enum { THREADS = 4, DEPTH = 6, STEPS = 400, ROUNDS = 5, ROOM = 3, PERMITS = 2 };
enum { FIBERS = (1 << (DEPTH + 1)) - 1 };

static thrum_executor *pool;
static thrum_queue *queue;
static thrum_lock lock;
static thrum_semaphore permits;

static long locked;        /* under the lock */
static uint32_t increased; /* how often it was increased */
static uint32_t inside;    /* of the semaphore */
static uint32_t put, got, late, stopped, ended, stolen;

static thrum_deadline soon(int step)
{
    return thrum_in(1e-6 * (step % 40));
}

static void use_lock(void)
{
    thrum_lock_acquire(&lock);
    long before = locked;
    if (before % 8 == 0)
        thrum_yield(); /* others of the same worker meet a lock that is held */
    locked = before + 1;
    thrum_lock_release(&lock);
    thrum__add_relaxed(&increased, 1);
}

static int use_permit(int step)
{
    int rc = thrum_semaphore_acquire_until(&permits, soon(step));
    if (rc < 0)
        return rc;
    CHECK_INT(thrum__add_relaxed(&inside, 1), <, PERMITS);
    thrum_yield();
    thrum__sub_relaxed(&inside, 1);
    thrum_semaphore_release(&permits, 1);
    return 0;
}

static int use_queue(int step, bool puts)
{
    int item = 1;
    int rc = puts ? thrum_queue_put(queue, &item, soon(step))
                  : thrum_queue_get(queue, &item, soon(step));
    if (rc == 0)
        thrum__add_relaxed(puts ? &put : &got, 1);
    return rc;
}

/* What threads and fibers do alike. */
static int use_all(uint32_t number)
{
    int rc = 0;
    for (int step = 0; step < STEPS && rc != -ECANCELED; step++) {
        uint32_t turn = ((uint32_t)step + number) % 4;
        rc = 0;
        if (turn == 0)
            use_lock();
        else if (turn == 1)
            rc = use_permit(step);
        else
            rc = use_queue(step, turn == 2);
        CHECK(rc == 0 || rc == -ETIMEDOUT || rc == -ECANCELED);
        if (rc == -ETIMEDOUT)
            thrum__add_relaxed(&late, 1);
    }
    return rc == -ECANCELED ? rc : 0;
}

/* Some go on until they are cancelled, so that this meets all kinds of waits. The last of them may find
 * everything free, and not wait any more. */
static int use_all_for_long(thrum_task *self)
{
    uint32_t number = thrum_arg(self, uint32_t);
    while (use_all(number) == 0 && !thrum_cancelled(self))
        ;
    thrum__add_relaxed(&stopped, 1);
    return -ECANCELED;
}

static int use_all_once(thrum_task *self)
{
    return use_all(thrum_arg(self, uint32_t));
}

struct branch {
    int depth;
    int32_t worker; /* whose task has submitted this */
};

static int grow(thrum_task *self)
{
    struct branch branch = thrum_arg(self, struct branch);
    int32_t worker = thrum_thread_current_native_id();
    if (branch.worker && branch.worker != worker)
        thrum__add_relaxed(&stolen, 1);
    thrum_future *children[2] = {NULL, NULL};
    struct branch next = {branch.depth - 1, worker};
    for (int i = 0; branch.depth > 0 && i < 2; i++)
        children[i] = thrum_submit(pool, grow, &next, sizeof next);
    int rc = use_all((uint32_t)branch.depth);
    for (int i = 0; i < 2; i++)
        if (children[i]) {
            CHECK_INT(thrum_future_result(children[i], NULL, 0, THRUM_FOREVER), ==, 0);
            thrum_future_free(children[i]);
        }
    thrum__add_relaxed(&ended, 1);
    return rc;
}

static void run_round(void)
{
    thrum_thread *threads[THREADS];
    thrum_future *fibers[THREADS];
    ended = stopped = 0;
    thrum_future *tree = thrum_submit(pool, grow, thrum_value(struct branch, .depth = DEPTH));
    for (uint32_t i = 0; i < THREADS; i++) {
        bool lasting = i % 2;
        thrum_task_fn *task = lasting ? use_all_for_long : use_all_once;
        threads[i] = thrum_thread_start(task, thrum_value(uint32_t, i));
        fibers[i] = thrum_submit(pool, task, thrum_value(uint32_t, i));
    }
    CHECK_INT(thrum_future_result(tree, NULL, 0, THRUM_FOREVER), ==, 0);
    thrum_future_free(tree);
    CHECK_INT(ended, ==, FIBERS);
    for (uint32_t i = 0; i < THREADS; i++) {
        int code = i % 2 ? -ECANCELED : 0;
        if (i % 2) {
            UNTIL(thrum_future_running(fibers[i]));
            CHECK_INT(thrum_thread_cancel(threads[i]), ==, 0);
            CHECK_INT(thrum_future_cancel(fibers[i]), ==, -EINPROGRESS);
        }
        JOIN(threads[i], code);
        CHECK_OUTCOME(thrum_future_result(fibers[i], NULL, 0, THRUM_FOREVER),
                      thrum_future_error(fibers[i]), code);
        thrum_future_free(fibers[i]);
    }
    CHECK_INT(stopped, ==, THREADS);
    CHECK_INT(inside, ==, 0);
    CHECK_INT(thrum_semaphore_value(&permits), ==, PERMITS);
    CHECK_INT(locked, ==, (long)increased);
    CHECK_INT(thrum_queue_size(queue), ==, put - got);
}

TEST_DEADLINE(threads_and_fibers_share_everything, 120)
{
    queue = thrum_queue_new(sizeof(int), &(thrum_queue_options){.max_size = ROOM});
    thrum_semaphore_init_bounded(&permits, PERMITS);
    pool = thrum_fiber_pool_new(
        &(thrum_fiber_pool_options){.max_workers = 4, .stack_size = 128 << 10});
    for (int round = 0; round < ROUNDS || !stolen || !late || !put || !got; round++)
        run_round();
    thrum_executor_shutdown(pool);
    thrum_queue_free(queue);
    thrum_semaphore_finish(&permits);
    thrum_lock_finish(&lock);
}
