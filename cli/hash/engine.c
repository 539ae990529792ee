/* The pipeline.
 *
 *     source --- work (bounded queue) ---> workers --- done (queue) ---> sink, in order
 *        ^                                                                  |
 *        +------------------------- window (semaphore) ---------------------+
 *
 * Order. The source numbers the batches. The caller's thread puts the batches that are done into a
 * ring by number, and gives each to the sink in its turn. A slow batch, such as one large file,
 * delays only the output: the workers continue with later batches until the window is full. The
 * window bounds the memory for any number of files. The source takes a permit of the window for
 * each batch; the permit returns when the sink has had the batch.
 *
 * No cycle of waits. The sink waits for workers only. A worker waits for no other part: `done` has
 * room for the whole window, a batch is offered only if `work` has room, and a hard link waits only
 * for a worker that reads (links.c). The source waits for both. Before it waits for permits to open
 * folders, it sends on all items that hold such permits.
 *
 * Large files. Before a worker reads one, it puts its batch into `work` once more, so that another
 * worker takes the items that are left (batch.c).
 *
 * The end. `work` is closed when the source has ended and all batches are done. A worker that finds
 * it closed and empty ends, and the last worker closes `done`. On Ctrl-C the source stops, and each
 * worker finishes its present file. It leaves the other items of its batch untouched
 * (ITEM_WAITING), and the sink skips them.
 *
 * If the system refuses some workers, the others do the work. One is enough.
 */
#include "engine.h"

#include "interrupt.h"
#include "progress.h"
#include "read.h"
#include "trouble.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>

/* Batches between source and sink; of them, batches that wait for a worker; open folders. */
enum { WINDOW = 256, WORK_MOST = 64, PERMITS_MOST = 512, PERMITS_LEAST = 8 };

static const double flush_seconds = 0.1; /* lines stay in the buffer for so long */

struct engine {
    const struct engine_options *options;
    thrum_queue *work, *done; /* of struct batch * */
    thrum_semaphore window, budget;
    int permits;
    thrum_event stop;      /* the sink has ended the run */
    struct batch *current; /* being filled; the source's */
    uint64_t next_number;  /* the source's */

    thrum_lock lock; /* over what follows */
    int workers;     /* that have not ended */
    int pending;     /* batches that are not done */
    bool ended;      /* the source has */
    uint64_t found, found_bytes, read_bytes;
};

/* A worker: its reader, and the batch that it has. */
struct worker {
    struct engine *engine;
    struct reader reader;
    struct batch *batch;
};

/* Permits for folders: a third of the descriptors that the limit allows, after raising it. */
static int count_permits(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return PERMITS_LEAST;
    rlim_t wanted = limit.rlim_max < 4096 ? limit.rlim_max : 4096;
    if (limit.rlim_cur < wanted &&
        setrlimit(RLIMIT_NOFILE, &(struct rlimit){wanted, limit.rlim_max}) == 0)
        limit.rlim_cur = wanted;
    rlim_t permits = limit.rlim_cur / 3;
    return permits > PERMITS_MOST    ? PERMITS_MOST
           : permits < PERMITS_LEAST ? PERMITS_LEAST
                                     : (int)permits;
}

bool engine_stopping(struct engine *engine)
{
    return interrupt_asked() || thrum_event_is_set(&engine->stop);
}

thrum_semaphore *engine_budget(struct engine *engine)
{
    return &engine->budget;
}

int engine_permits(const struct engine *engine)
{
    return engine->permits;
}

void engine_take_permit(struct engine *engine)
{
    if (thrum_semaphore_try(&engine->budget) == 0)
        return;
    engine_flush(engine);
    thrum_semaphore_acquire(&engine->budget);
}

void engine_flush(struct engine *engine)
{
    struct batch *batch = engine->current;
    if (!batch)
        return;
    engine->current = NULL;
    batch->number = engine->next_number++;
    thrum_semaphore_acquire(&engine->window);
    thrum_with (&engine->lock) {
        engine->pending++;
        engine->found += batch->count;
        engine->found_bytes += batch->bytes;
    }
    if (thrum_queue_put(engine->work, &batch, THRUM_FOREVER) < 0)
        abort(); /* it has room for the window, and is open because this batch is not done */
}

struct item *engine_add(struct engine *engine, struct folder *folder, const char *name)
{
    if (!engine->current)
        engine->current = batch_new();
    return engine->current ? batch_add(engine->current, folder, name) : NULL;
}

void engine_added(struct engine *engine, struct item *item)
{
    struct batch *batch = engine->current;
    if (!item->kind)
        item->kind = engine->options->digest;
    if (engine->options->names_only && item->state == ITEM_WAITING)
        item->state = ITEM_DONE;
    batch->bytes += item->bytes;
    if (batch->count == BATCH_ITEMS)
        engine_flush(engine);
}

/* Closes `work` if nothing can come any more. `done` batches have been done; `ended`: the source
 * has ended. */
static void note_end(struct engine *engine, int done, bool ended)
{
    bool over = false;
    thrum_with (&engine->lock) {
        engine->pending -= done;
        engine->ended |= ended;
        over = engine->ended && engine->pending == 0;
    }
    if (over)
        thrum_queue_close(engine->work);
}

static int run_source(thrum_task *self)
{
    struct engine *engine = thrum_arg(self, struct engine *);
    int rc = engine->options->source(engine, engine->options->source_context);
    engine_flush(engine);
    note_end(engine, 0, true);
    return rc;
}

static bool note_bytes(void *context, size_t bytes)
{
    struct engine *engine = ((struct worker *)context)->engine;
    thrum_with (&engine->lock)
        engine->read_bytes += bytes;
    return !engine_stopping(engine);
}

/* Offers the rest of the batch to another worker. If `work` is full, the others have enough to
 * do. */
static void offer_rest(void *context)
{
    const struct worker *worker = context;
    struct batch *batch = worker->batch;
    if (batch_offer(batch) && thrum_queue_put(worker->engine->work, &batch, THRUM_NOW) < 0)
        batch_take_back(batch);
}

/* Does the items of a batch until none is left, and leaves the folder of each at once. `rc` is
 * below 0 if there is no reader. */
static void work_on(struct worker *worker, int rc)
{
    struct engine *engine = worker->engine;
    struct reader *reader = &worker->reader;
    struct item *item;
    uint64_t bytes = 0;
    while ((item = batch_take(worker->batch))) {
        uint64_t told = reader->told;
        item->bytes = 0;
        if (rc < 0 && item->state == ITEM_WAITING) {
            item->state = ITEM_FAILED;
            item->error = rc;
        } else if (!engine_stopping(engine)) {
            read_item(reader, worker->batch, item);
        }
        bytes += item->bytes - (reader->told - told);
        folder_leave(item->folder);
    }
    thrum_with (&engine->lock)
        engine->read_bytes += bytes;
}

static void worker_ends(struct engine *engine)
{
    bool last = false;
    thrum_with (&engine->lock)
        last = --engine->workers == 0;
    if (last)
        thrum_queue_close(engine->done);
}

static int run_worker(thrum_task *self)
{
    struct engine *engine = thrum_arg(self, struct engine *);
    struct worker worker = {.engine = engine,
                            .reader = {.cache = engine->options->cache,
                                       .links = engine->options->links,
                                       .progress = note_bytes,
                                       .begin_long = offer_rest,
                                       .context = &worker}};
    int rc = reader_init(&worker.reader, &engine->stop);
    while (thrum_queue_get(engine->work, &worker.batch, THRUM_FOREVER) == 0) {
        batch_begin(worker.batch);
        work_on(&worker, rc);
        if (!batch_leave(worker.batch))
            continue;
        if (thrum_queue_put(engine->done, &worker.batch, THRUM_FOREVER) < 0)
            abort(); /* it has room for the window */
        note_end(engine, 1, false);
    }
    if (rc == 0)
        reader_finish(&worker.reader);
    worker_ends(engine);
    return 0;
}

static void show_progress(struct engine *engine, uint64_t shown)
{
    uint64_t found, found_bytes, read_bytes;
    thrum_with (&engine->lock) {
        found = engine->found;
        found_bytes = engine->found_bytes;
        read_bytes = engine->read_bytes;
    }
    progress_expect(found, found_bytes);
    progress_show(shown, read_bytes);
}

/* Gives a batch to the sink and frees it. */
static void give(struct engine *engine, struct batch *batch)
{
    for (size_t i = 0; i < batch->count && !thrum_event_is_set(&engine->stop); i++)
        if (batch->items[i].state != ITEM_WAITING &&
            !engine->options->sink(batch, &batch->items[i], engine->options->sink_context))
            thrum_event_set(&engine->stop);
    batch_free(batch);
    thrum_semaphore_release(&engine->window, 1);
}

/* Takes a batch that is done. Returns 0; -ETIMEDOUT if something else is due first: the next bar,
 * rows for the cache, or at `flush_at` the lines in the buffer; -EPIPE once all batches have been
 * taken. */
static int next_done(struct engine *engine, struct batch **ret_batch, thrum_deadline flush_at)
{
    struct cache *cache = engine->options->cache;
    thrum_case cases[] = {thrum_case_get(engine->done, ret_batch),
                          {0},
                          thrum_case_deadline(progress_due()),
                          thrum_case_deadline(flush_at)};
    if (cache) {
        thrum_deadline due = cache_due(cache);
        cases[1] = !thrum_deadline_is_forever(due) ? thrum_case_deadline(due)
                                                   : thrum_case_event(cache_noted(cache));
    }
    int index = thrum_select(cases, sizeof cases / sizeof *cases, THRUM_FOREVER);
    return index > 0 ? -ETIMEDOUT : index < 0 ? index : cases[0].code;
}

/* Takes the batches that are done until the last, and gives them to the sink in order. */
static void collect(struct engine *engine)
{
    struct batch *ring[WINDOW] = {0}, *batch;
    uint64_t turn = 0, shown = 0;
    thrum_deadline flush_at = THRUM_FOREVER;
    int rc;
    do {
        rc = next_done(engine, &batch, flush_at);
        if (rc == 0) {
            flush_at = engine->options->idle ? thrum_in(flush_seconds) : THRUM_FOREVER;
            shown += batch->count;
            if (engine->options->unordered)
                give(engine, batch);
            else
                ring[batch->number % WINDOW] = batch;
        }
        for (; ring[turn % WINDOW]; turn++) {
            batch = ring[turn % WINDOW];
            ring[turn % WINDOW] = NULL;
            give(engine, batch);
        }
        show_progress(engine, shown);
        if (engine->options->cache)
            cache_tick(engine->options->cache);
        if (thrum_now() >= flush_at.ns) {
            engine->options->idle(engine->options->sink_context);
            flush_at = THRUM_FOREVER;
        }
    } while (rc == 0 || rc == -ETIMEDOUT);
}

/* Starts the workers. Returns 0 if at least one has started, else why the last one was refused. */
static int start_workers(struct engine *engine, thrum_executor *pool)
{
    int rc = 0, refused = 0;
    engine->workers = engine->options->workers;
    for (int i = 0; i < engine->options->workers; i++) {
        thrum_future *worker = thrum_submit(pool, run_worker, thrum_value(struct engine *, engine));
        const thrum_error *refusal = thrum_future_error(worker); /* a worker that runs has none */
        if (refusal) {
            rc = refusal->code;
            refused++;
            worker_ends(engine);
        }
        thrum_future_free(worker);
    }
    return refused == engine->options->workers ? rc : 0;
}

static int run(struct engine *engine, thrum_error *ret_error)
{
    thrum_executor *pool = thrum_thread_pool_new(&(thrum_thread_pool_options){
        .max_workers = engine->options->workers, .name_prefix = "hash"});
    int rc = pool ? start_workers(engine, pool) : -ENOMEM;
    if (rc == 0) {
        thrum_thread *source =
            thrum_thread_start_with(&(thrum_thread_options){.name = "walk"}, run_source,
                                    thrum_value(struct engine *, engine));
        /* A source that could not be started has not noted its end. */
        if (!thrum_thread_is_alive(source))
            note_end(engine, 0, true);
        collect(engine);
        rc = trouble_join(source);
        thrum_thread_free(source);
    }
    thrum_queue_close(engine->work);
    thrum_executor_shutdown(pool);
    return rc < 0 ? trouble(ret_error, rc, "cannot go on: %s", thrum_strerror(rc)) : 0;
}

int engine_run(const struct engine_options *options, thrum_error *ret_error)
{
    struct engine engine = {.options = options, .permits = count_permits()};
    thrum_semaphore_init(&engine.window, WINDOW);
    thrum_semaphore_init(&engine.budget, (uint32_t)engine.permits);
    engine.work =
        thrum_queue_new(sizeof(struct batch *), &(thrum_queue_options){.max_size = WORK_MOST});
    engine.done =
        thrum_queue_new(sizeof(struct batch *), &(thrum_queue_options){.max_size = WINDOW});
    int rc = engine.work && engine.done
                 ? run(&engine, ret_error)
                 : trouble(ret_error, -ENOMEM, "%s", thrum_strerror(-ENOMEM));
    thrum_queue_free(engine.work);
    thrum_queue_free(engine.done);
    thrum_semaphore_finish(&engine.window);
    thrum_semaphore_finish(&engine.budget);
    thrum_event_finish(&engine.stop);
    return rc;
}
