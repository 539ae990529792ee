/* map: a function over many items, results in input order, a bounded number in flight.
 *
 * A ring of `window` futures: as long as there are items, the ring is kept full; the oldest future
 * is waited for, its result copied out, its place used again. So the memory is that of the window,
 * whatever the count. One slow item holds the window's far end back at most by the window.
 *
 * Each future is for a chunk of items. A chunk of one is the caller's function with its argument. A
 * longer one is a task of our own, which gets a copy of the arguments (the caller may give up, and
 * free them, while it runs) and calls the function for one after another, each with a task of its
 * own on the stack. Its result is a `struct outcome` with the results so far behind it, so that
 * those before a failed item are not lost. A task that goes to another process must not carry the address
 * of a function, which may be another one there. So for an executor whose tasks run elsewhere (`far`), a
 * chunk names the caller's function by its module and place, as the executor itself names tasks.
 *
 * On failure, or when the mapping is freed, the rest of the ring is cancelled and let go of: what is
 * pending never runs, what runs is asked to stop and finishes on its own. Those failures are a
 * consequence and not told.
 *
 * An item belongs to the task that maps. A task may run one itself: in place of its wait, or in its
 * submit on the inline executor or to a pool that is full. So the items' futures are marked, and a
 * request to stop that task, and its deadline, end the waits of such an item (park/scope.h).
 */
#include "base/panic.h"
#include "executor/core/executor.h"
#include "process/module.h"

#include <errno.h>
#include <string.h>

enum { WINDOW_PER_WORKER = 4 };

struct thrum_mapping {
    thrum_executor *executor;
    thrum_task_fn *function;
    thrum_map_options items; /* window and chunk at least 1 */
    struct chunk *argument;  /* of the next chunk, if they are longer than 1 */
    void *memory;            /* that this is in */
    struct far_name *name;   /* before it, if it goes to another process; else NULL */
    size_t submitted;        /* items */
    size_t given;            /* items */
    bool failed;
    thrum_error error;
    thrum_future *ring[];
};

/* The argument of a chunk: this, and the items' arguments behind it. */
struct chunk {
    thrum_task_fn *function;
    size_t count, arg_size, result_size;
    char args[] __attribute__((aligned(16)));
};

/* Its result: this, and the results of the first `done` items behind it. */
struct outcome {
    size_t done;
    int rc; /* of the delivery of the item that ended the chunk; 0 if none did */
    thrum_error error;
    char results[] __attribute__((aligned(16)));
};

/* Stands before a chunk that goes to another process. */
struct far_name {
    thrum__module module;
    uint64_t offset;
} __attribute__((aligned(16)));

static const char owned_in_chunk[] =
    "a result with a destructor needs a map without chunks (.chunk = 1)";

/* One item of a chunk. Returns what its delivery returned, with the error in `outcome`. */
static int run_item(const struct chunk *chunk, thrum_task_fn *function, size_t index,
                    struct outcome *outcome)
{
    size_t size = chunk->result_size;
    thrum_task task = {0};
    if (thrum__task_init(&task, function, chunk->args + index * chunk->arg_size, chunk->arg_size) <
        0)
        thrum__task_fail_constant(&task, -ENOMEM);
    else
        thrum__task_run(&task);
    if (thrum__task_result_owned(&task))
        thrum__task_fail(&task, -EINVAL, owned_in_chunk);
    const thrum__request request = {THRUM__FORM_EXACT,
                                    size ? outcome->results + index * size : NULL, size, NULL};
    int rc = thrum__task_deliver(&task, &request, NULL, NULL);
    if (rc != 0)
        outcome->error = *thrum__outcome_error(&task, rc);
    thrum__task_finish(&task);
    return rc;
}

static int run_items(thrum_task *self, const struct chunk *chunk, thrum_task_fn *function)
{
    size_t size = sizeof(struct outcome) + chunk->count * chunk->result_size;
    struct outcome *outcome = thrum__alloc(size);
    if (!outcome)
        return -ENOMEM;
    while (outcome->rc == 0 && outcome->done < chunk->count && !thrum_cancelled(self)) {
        outcome->rc = run_item(chunk, function, outcome->done, outcome);
        outcome->done += outcome->rc == 0;
    }
    thrum__task_give(self, outcome, size);
    return 0;
}

static int run_chunk(thrum_task *self)
{
    const struct chunk *chunk = thrum_task_arg(self, thrum_task_arg_size(self));
    return run_items(self, chunk, chunk->function);
}

static int run_far_chunk(thrum_task *self)
{
    const struct far_name *name = thrum_task_arg(self, thrum_task_arg_size(self));
    thrum__module_place place;
    int rc = thrum__module_find(&name->module, &place);
    if (rc < 0)
        return thrum_fail(self, rc, "the worker process does not have the module of the function");
    uint64_t address = place.base + name->offset;
    if (address < place.code_begin || address >= place.code_end)
        return thrum_fail(self, -EINVAL, "the chunk names a function outside of its module's code");
    thrum_task_fn *function = (thrum_task_fn *)(uintptr_t)address;
    return run_items(self, (const struct chunk *)(const void *)(name + 1), function);
}

/* How many items the chunk that begins with item `first` has. */
static size_t chunk_size(const thrum_mapping *m, size_t first)
{
    size_t left = m->items.count - first;
    return left < m->items.chunk ? left : m->items.chunk;
}

static thrum_future **place_of(thrum_mapping *m, size_t item)
{
    return &m->ring[item / m->items.chunk % m->items.window];
}

/* A request to stop the task that maps reaches the item even if that task runs it itself. */
static thrum_future *submit_item(thrum_executor *executor, thrum_task_fn *function, const void *arg,
                                 size_t size)
{
    thrum_future *future = thrum__future_new(function, thrum__value_of(arg, size, thrum__caller()));
    if (!thrum_future_done(future)) { /* else there was no memory */
        thrum__store_relaxed(&future->state, future->state | THRUM__FUTURE_ITEM);
        thrum__executor_submit(executor, future);
    }
    return future;
}

static void submit_next(thrum_mapping *m)
{
    size_t size = m->items.args ? m->items.arg_size : 0, count = chunk_size(m, m->submitted);
    const char *args = size ? (const char *)m->items.args + m->submitted * size : NULL;
    thrum_future **place = place_of(m, m->submitted);
    if (m->items.chunk == 1) {
        *place = submit_item(m->executor, m->function, args, size);
    } else {
        *m->argument = (struct chunk){m->function, count, size, m->items.result_size};
        if (size)
            memcpy(m->argument->args, args, count * size);
        size_t length = sizeof *m->argument + count * size;
        *place = m->name
                     ? submit_item(m->executor, run_far_chunk, m->name, sizeof *m->name + length)
                     : submit_item(m->executor, run_chunk, m->argument, length);
    }
    m->submitted += count;
}

static void keep_full(thrum_mapping *m)
{
    size_t in_flight = m->submitted - m->given / m->items.chunk * m->items.chunk;
    for (; m->submitted < m->items.count && in_flight < m->items.window * m->items.chunk;
         in_flight = m->submitted - m->given / m->items.chunk * m->items.chunk)
        submit_next(m);
}

static void abandon(thrum_mapping *m)
{
    size_t chunk = m->items.chunk;
    for (size_t first = m->given / chunk * chunk; first < m->submitted; first += chunk) {
        thrum_future *future = *place_of(m, first);
        thrum_future_cancel(future);
        thrum__future_ignore(future);
        thrum_future_free(future);
    }
}

thrum_mapping *thrum_mapping_new(thrum_executor *executor, thrum_task_fn *function,
                                 const thrum_map_options *items)
{
    thrum__executor_check(executor, thrum__caller());
    size_t window = items->window, chunk = items->chunk ? items->chunk : 1, room;
    uint32_t module = 0;
    uint64_t offset = 0;
    if (executor->ops->alone)
        chunk = 1;
    bool far = executor->ops->far && chunk > 1;
    if (far && thrum__module_of(function, &module, &offset) < 0)
        chunk = 1; /* each task fails for this reason, and says so */
    if (window == 0)
        window = executor->ops->width(executor) * WINDOW_PER_WORKER;
    if (chunk > items->count && items->count)
        chunk = items->count;
    if (window > items->count / chunk + 1)
        window = items->count / chunk + 1;
    if (__builtin_mul_overflow(chunk, items->arg_size, &room) ||
        __builtin_add_overflow(room, sizeof(struct far_name) + sizeof(struct chunk), &room))
        return NULL;
    thrum_mapping *m = thrum__alloc(sizeof *m + window * sizeof m->ring[0]);
    struct far_name *name = m && chunk > 1 ? thrum__alloc_line(room) : NULL;
    if (!m || (chunk > 1 && !name)) {
        thrum__free(m);
        return NULL;
    }
    m->executor = executor;
    m->function = function;
    m->items = *items;
    m->items.window = window;
    m->items.chunk = chunk;
    m->memory = name;
    m->argument = name ? (struct chunk *)(void *)(name + 1) : NULL;
    if (name && far) {
        *name = (struct far_name){*thrum__module_at(module), offset};
        m->name = name;
    }
    keep_full(m);
    return m;
}

/* Ends the mapping with the code of a delivery, which it returns, and the error that goes with it. */
static int fail(thrum_mapping *m, int rc, const thrum_error *error)
{
    m->failed = true;
    m->error = *error; /* a copy: the future goes with the rest */
    abandon(m);
    return rc;
}

/* Copies item `m->given` out of its chunk, which is done. */
static int take(thrum_mapping *m, thrum_future *future, void *ret_result)
{
    size_t size = ret_result ? m->items.result_size : 0;
    const thrum_error *error = thrum_future_error(future);
    if (error)
        return fail(m, THRUM_FAILED, error);
    if (m->items.chunk == 1) {
        const thrum__request request = {THRUM__FORM_EXACT, ret_result, size, NULL};
        int rc = thrum__task_deliver(&future->task, &request, NULL, NULL);
        return rc == 0 ? 0 : fail(m, rc, thrum__outcome_error(&future->task, rc));
    }
    const struct outcome *outcome = future->task.outcome;
    size_t index = m->given % m->items.chunk;
    if (index >= outcome->done)
        return outcome->rc ? fail(m, outcome->rc, &outcome->error)
                           : fail(m, THRUM_FAILED, thrum__error_constant(-ECANCELED));
    if (size)
        memcpy(ret_result, outcome->results + index * size, size);
    return 0;
}

int thrum_mapping_next(thrum_mapping *m, void *ret_result, thrum_deadline deadline)
{
    if (m->failed || m->given == m->items.count)
        return -ENODATA;
    thrum_future *future = *place_of(m, m->given);
    int rc = thrum_future_wait(future, deadline);
    if (rc == 0)
        rc = take(m, future, ret_result);
    if (rc != 0)
        return rc;
    m->given++;
    if (m->given % m->items.chunk == 0 || m->given == m->items.count)
        thrum_future_free(future);
    keep_full(m);
    return 0;
}

size_t thrum_mapping_index(const thrum_mapping *m)
{
    return m->given;
}

const thrum_error *thrum_mapping_error(const thrum_mapping *m)
{
    return m->failed ? &m->error : NULL;
}

void thrum_mapping_free(thrum_mapping *m)
{
    if (!m)
        return;
    if (!m->failed && m->given < m->items.count)
        abandon(m);
    thrum__free(m->memory);
    thrum__free(m);
}

/* Where the caller wants to know, says what ended the map. */
static void tell(const thrum_map_options *items, size_t index, const thrum_error *error)
{
    if (items->ret_failed)
        *items->ret_failed = index;
    if (items->ret_error)
        *items->ret_error = *error;
}

int thrum_map(thrum_executor *executor, thrum_task_fn *function, const thrum_map_options *items)
{
    thrum_mapping *m = thrum_mapping_new(executor, function, items);
    if (!m) {
        tell(items, 0, thrum__error_constant(-ENOMEM));
        return -ENOMEM;
    }
    thrum_deadline deadline = items->deadline.ns ? items->deadline : THRUM_FOREVER;
    char *results = items->results;
    int rc = 0;
    while (rc == 0 && m->given < items->count)
        rc = thrum_mapping_next(m, results ? results + m->given * items->result_size : NULL,
                                deadline);
    if (rc != 0)
        tell(items, m->given, m->failed ? &m->error : thrum__error_constant(rc));
    thrum_mapping_free(m);
    return rc;
}
