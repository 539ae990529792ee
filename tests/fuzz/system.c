/* What touches the system: time, threads of its own that come and go, timers, locals, limiters, fork, and
 * requests to stop. */
#include "fuzz.h"
#include "support_sanitizer.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { VISITORS = 4 };

static uint32_t locals_set, locals_ended;
static thrum_rate_limiter limiter;

static void count_end(void *value)
{
    free(value);
    thrum__add_relaxed(&locals_ended, 1);
}

static thrum_local local = THRUM_LOCAL_INIT(count_end);

static void yield(struct fuzz_self *self, const struct fuzz_op *op)
{
    (void)self;
    (void)op;
    thrum_yield();
}

static void rest(struct fuzz_self *self, const struct fuzz_op *op)
{
    unsigned wait = op->wait == FUZZ_FOREVER ? FUZZ_TINY : op->wait;
    int rc = thrum_sleep(fuzz_deadline(self, wait));
    FUZZ_CHECK(rc == 0 || (rc == -ECANCELED && thrum__load_acquire(self->asked)));
}

static void shield(struct fuzz_self *self, const struct fuzz_op *op)
{
    (void)op;
    thrum_shield_begin();
    FUZZ_CHECK(thrum_sleep(fuzz_deadline(self, FUZZ_TINY)) == 0);
    thrum_shield_end();
}

static void limit(struct fuzz_self *self, const struct fuzz_op *op)
{
    unsigned wait = op->wait == FUZZ_FOREVER ? FUZZ_SHORT : op->wait;
    int rc = thrum_rate_limiter_acquire(&limiter, 1 + op->value % 3, fuzz_deadline(self, wait));
    FUZZ_ALLOWED(self, wait, rc);
}

static void use_local(struct fuzz_self *self, const struct fuzz_op *op)
{
    (void)self;
    (void)op;
    uint32_t *value = thrum_local_get(&local);
    if (!value) {
        FUZZ_CHECK((value = malloc(sizeof *value)) != NULL);
        *value = thrum_thread_current_ident();
        FUZZ_CHECK(thrum_local_set(&local, value) == 0);
        thrum__add_relaxed(&locals_set, 1);
    }
    FUZZ_CHECK(*value == thrum_thread_current_ident());
}

/* ------------------------------------------------------------------------------------- threads */

struct visitor {
    struct fuzz_self self;
    uint32_t *left;
    thrum_event *none_left;
};

static void *visit(void *argument)
{
    struct visitor *visitor = argument;
    fuzz_leaf(&visitor->self, visitor->self.random);
    if (thrum__sub_acq_rel(visitor->left, 1) == 1)
        thrum_event_set(visitor->none_left);
    return NULL;
}

/* Threads that the library did not start, which do a little and end: their idents are used again at

 * once, by others that meet the same locks. In a fiber, the wait for them must let other fibers run: one of
 * these may hold what a visitor waits for. */
static void visitors(struct fuzz_self *self, const struct fuzz_op *op)
{
    struct visitor visitor[VISITORS];
    thrum_event none_left = THRUM_EVENT_INIT;
    static uint32_t never;
    pthread_t threads[VISITORS];
    unsigned count = 1 + op->value % VISITORS;
    uint32_t left = count;
    for (unsigned i = 0; i < count; i++) {
        visitor[i] =
            (struct visitor){{FUZZ_ACTORS, fuzz_random(&self->random), &never}, &left, &none_left};
        FUZZ_CHECK(pthread_create(&threads[i], NULL, visit, &visitor[i]) == 0);
    }
    thrum_shield_begin();
    FUZZ_CHECK(thrum_event_wait(&none_left, THRUM_FOREVER) == 0);
    thrum_shield_end();
    for (unsigned i = 0; i < count; i++)
        FUZZ_CHECK(pthread_join(threads[i], NULL) == 0);
}

struct chore {
    uint64_t random;
    uint32_t *ran, *asked;
};

static int run_chore(thrum_task *task)
{
    struct chore chore = thrum_arg(task, struct chore);
    FUZZ_CHECK(thrum__add_relaxed(chore.ran, 1) == 0);
    struct fuzz_self self = {FUZZ_ACTORS, chore.random, chore.asked};
    fuzz_leaf(&self, chore.random);
    return 0;
}

static void thread(struct fuzz_self *self, const struct fuzz_op *op)
{
    uint32_t ran = 0, asked = 0;
    struct chore chore = {fuzz_random(&self->random), &ran, &asked};
    thrum_thread *started = thrum_thread_start(run_chore, &chore, sizeof chore);
    if (op->value % 3 == 0) {
        thrum__store_release(&asked, 1);
        thrum_thread_cancel(started);
    }
    int rc;
    FUZZ_UNTIL_DONE(self, op->wait, rc, thrum_thread_join(started, until));
    FUZZ_CHECK(rc == 0 && ran == 1);
    thrum_thread_free(started);
}

static void timer(struct fuzz_self *self, const struct fuzz_op *op)
{
    uint32_t ran = 0, asked = 0;
    struct chore chore = {fuzz_random(&self->random), &ran, &asked};
    unsigned wait = op->wait == FUZZ_FOREVER ? FUZZ_TINY : op->wait;
    thrum_thread *started =
        thrum_timer_start(fuzz_deadline(self, wait), run_chore, &chore, sizeof chore);
    bool kept = op->value % 2 && thrum_timer_cancel(started) == 0;
    thrum_shield_begin();
    int rc = OUTCOME_CODE(thrum_thread_join(started, THRUM_FOREVER), thrum_thread_error(started));
    thrum_shield_end();
    FUZZ_CHECK(rc == (kept ? -ECANCELED : 0) && ran == !kept);
    thrum_thread_free(started);
}

static int tick(thrum_task *task)
{
    uint32_t *ticks = thrum_arg(task, uint32_t *);
    thrum__add_relaxed(ticks, 1);
    return 0;
}

static void tick_on(struct fuzz_self *self, const struct fuzz_op *op)
{
    uint32_t ticks = 0, *address = &ticks;
    thrum_periodic_options options = {.period = 1e-5 * (1 + op->value % 50),
                                      .beat = (thrum_periodic_beat)(op->value / 64 % 3),
                                      .ticks = op->value / 256 % 8};
    thrum_periodic *periodic;
    FUZZ_CHECK(thrum_periodic_start(&options, tick, &address, sizeof address, &periodic) == 0);
    thrum_shield_begin();
    thrum_sleep(fuzz_deadline(self, FUZZ_TINY));
    if (op->value & 1)
        thrum_periodic_cancel(periodic);
    else if (op->value & 2)
        FUZZ_CHECK(thrum_periodic_stop(periodic, THRUM_FOREVER) == 0);
    else if (options.ticks)
        FUZZ_CHECK(thrum_periodic_join(periodic, THRUM_FOREVER) == 0);
    uint64_t ended = thrum_periodic_ticks(periodic);
    if (!(op->value & 1) && (op->value & 2 || options.ticks))
        FUZZ_CHECK(ended == thrum__load_acquire(&ticks));
    if (!(op->value & 3) && options.ticks)
        FUZZ_CHECK(ended == options.ticks);
    thrum_periodic_free(periodic);
    thrum_shield_end();
}

static void cancel(struct fuzz_self *self, const struct fuzz_op *op)
{
    (void)self;
    if (op->value % 2 == 0)
        fuzz_cancel(op->object);
}

/* ---------------------------------------------------------------------------------------- fork */

static int add_one(thrum_task *task)
{
    uint32_t number = thrum_arg(task, uint32_t) + 1;
    return thrum_return(task, &number, sizeof number);
}

/* Readings by the slots of its thread, and a stream with the buffer that its thread lends. */
static void read_as_child(void)
{
    static thrum_rwlock rwlock;
    thrum_socket *sockets[2];
    thrum_stream *streams[2];
    char bytes[3000] = {1}, got[3000];
    for (int i = 0; i < 40; i++)
        thrum_with (thrum_reading(&rwlock))
            thrum_yield();
    thrum_with (thrum_writing(&rwlock))
        thrum_yield();
    FUZZ_CHECK(thrum_socket_pair(&sockets[0], &sockets[1]) == 0);
    for (int i = 0; i < 2; i++)
        FUZZ_CHECK(thrum_stream_from_socket(sockets[i], NULL, &streams[i]) == 0);
    FUZZ_CHECK(thrum_stream_write(streams[0], bytes, sizeof bytes, THRUM_FOREVER) == 0);
    FUZZ_CHECK(thrum_stream_flush(streams[0], THRUM_FOREVER) == 0);
    for (size_t at = 0; at < sizeof got; at += 1000)
        FUZZ_CHECK(thrum_stream_read_exact(streams[1], got + at, 1000, THRUM_FOREVER) == 1000);
    FUZZ_CHECK(memcmp(bytes, got, sizeof got) == 0);
    for (int i = 0; i < 2; i++)
        thrum_stream_free(streams[i]);
}

/* What a child can do with objects of its own, whatever its parent's threads were at. */
static void live_as_child(void)
{
    static thrum_lock lock;
    thrum_with (&lock)
        thrum_yield();
    uint32_t number = 41, item = 0;
    thrum_queue *queue = thrum_queue_new(sizeof item, NULL);
    FUZZ_CHECK(queue && thrum_queue_put(queue, &number, THRUM_FOREVER) == 0);
    FUZZ_CHECK(thrum_queue_get(queue, &item, THRUM_FOREVER) == 0 && item == 41);
    thrum_queue_free(queue);
    thrum_thread *started = thrum_thread_start(add_one, &number, sizeof number);
    FUZZ_CHECK(thrum_thread_result(started, &item, sizeof item, THRUM_FOREVER) == 0 && item == 42);
    thrum_thread_free(started);
    thrum_executor *pool = thrum_thread_pool_new(NULL);
    thrum_future *future = thrum_submit(pool, add_one, &number, sizeof number);
    FUZZ_CHECK(thrum_future_result(future, &item, sizeof item, THRUM_FOREVER) == 0 && item == 42);
    thrum_future_free(future);
    uint32_t numbers[3] = {41, 41, 41};
    thrum_future_memory memory;
    thrum_future *futures[4];
    thrum_submit_many(pool, add_one, 3, numbers, sizeof numbers[0], futures);
    futures[3] = thrum_submit_into(pool, &memory, add_one, &number, sizeof number);
    for (int i = 0; i < 4; i++) {
        FUZZ_CHECK(thrum_future_result(futures[i], &item, sizeof item, THRUM_FOREVER) == 0);
        FUZZ_CHECK(item == 42);
        thrum_future_free(futures[i]);
    }
    thrum_executor_shutdown(pool);
    read_as_child();
}

static void fork_child(struct fuzz_self *self, const struct fuzz_op *op)
{
    (void)op;
    (void)self;
    if (fuzz_mode.no_fork || SANITIZED)
        return;
    pid_t child = fork();
    FUZZ_CHECK(child >= 0);
    if (child == 0) {
        thrum_shield_begin(); /* its parent's task may have been asked to stop */
        live_as_child();
        _exit(0);
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0)
        FUZZ_CHECK(errno == EINTR);
    FUZZ_CHECK(status == 0);
}

static void set_up(void)
{
    thrum_rate_limiter_init(&limiter, 100000, 5);
}

/* Called when no thread but the main one is left, which has none. */
void fuzz_check_locals(void)
{
    FUZZ_CHECK(thrum__load_acquire(&locals_ended) == thrum__load_acquire(&locals_set));
}

static void finish(void)
{
}

static const struct fuzz_kind kinds[] = {
    {"yield", FUZZ_ALL, 3, 1, true, yield},
    {"rest", FUZZ_ALL, 3, 1, true, rest},
    {"shield", FUZZ_ALL, 1, 1, true, shield},
    {"limit", FUZZ_ALL, 2, 1, true, limit},
    {"local", FUZZ_ALL, 2, 1, true, use_local},
    {"visitors", FUZZ_ALL, 4, 1, false, visitors},
    {"thread", FUZZ_ALL, 3, 1, false, thread},
    {"timer", FUZZ_ALL, 2, 1, false, timer},
    {"periodic", FUZZ_ALL, 2, 1, false, tick_on},
    {"cancel", 1u << FUZZ_WORKER, 4, FUZZ_ACTORS, false, cancel},
    {"fork", 1u << FUZZ_WORKER, 1, 1, false, fork_child},
};

const struct fuzz_concern fuzz_system = {kinds, sizeof kinds / sizeof *kinds, set_up, finish};
