/* map: a function over many items, results in input order, a bounded number in flight.
 *
 * A ring of `window` futures: as long as there are items, the ring is kept full; the oldest future
 * is waited for, its result copied out, its place used again. So the memory is that of the window,
 * whatever the count. One slow item holds the window's far end back at most by the window.
 *
 * On failure the rest of the ring is cancelled and let go of: what is pending never runs, what
 * runs is asked to stop and finishes on its own. Those failures are a consequence and not told.
 */
#include "executor/executor.h"

#include <errno.h>

enum { WINDOW_PER_WORKER = 4 };

struct mapping {
    thrum_executor *executor;
    thrum_task_fn *function;
    const thrum_map_options *items;
    thrum_time deadline;
    thrum_future **ring;
    size_t window;
    size_t submitted, taken; /* items */
};

static void submit_next(struct mapping *m)
{
    const char *args = m->items->args;
    size_t size = m->items->arg_size;
    m->ring[m->submitted % m->window] = thrum_submit(
        m->executor, m->function, args ? args + m->submitted * size : NULL, args ? size : 0);
    m->submitted++;
}

/* Waits for the oldest item, and copies its result. */
static int take_next(struct mapping *m)
{
    size_t size = m->items->ret_results ? m->items->result_size : 0;
    char *results = m->items->ret_results;
    thrum_future *future = m->ring[m->taken % m->window];
    int rc =
        thrum_future_result(future, results ? results + m->taken * size : NULL, size, m->deadline);
    if (rc < 0) {
        const thrum_error *error = thrum_future_error(future);
        if (m->items->ret_failed)
            *m->items->ret_failed = m->taken;
        if (m->items->ret_error)
            *m->items->ret_error = error && error->code == rc ? *error : *thrum__error_constant(rc);
        return rc;
    }
    thrum_future_free(future);
    m->taken++;
    return 0;
}

static void abandon(struct mapping *m)
{
    for (; m->taken < m->submitted; m->taken++) {
        thrum_future *future = m->ring[m->taken % m->window];
        thrum_future_cancel(future);
        thrum__future_ignore(future);
        thrum_future_free(future);
    }
}

int thrum_map(thrum_executor *executor, thrum_task_fn *function, const thrum_map_options *items)
{
    if (items->count == 0)
        return 0;
    struct mapping m = {
        .executor = executor,
        .function = function,
        .items = items,
        .deadline = items->deadline ? items->deadline : THRUM_FOREVER,
        .window = items->window,
    };
    if (m.window == 0)
        m.window = executor->ops->width(executor) * WINDOW_PER_WORKER;
    if (m.window > items->count)
        m.window = items->count;
    m.ring = thrum__alloc_array(m.window, sizeof(thrum_future *));
    if (!m.ring) {
        if (items->ret_error)
            *items->ret_error = *thrum__error_constant(-ENOMEM);
        return -ENOMEM;
    }
    int rc = 0;
    while (rc == 0 && m.taken < items->count) {
        while (m.submitted < items->count && m.submitted - m.taken < m.window)
            submit_next(&m);
        rc = take_next(&m);
    }
    abandon(&m);
    thrum__free(m.ring);
    return rc;
}
