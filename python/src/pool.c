/* The thread pool: its backlog and its workers.
 *
 * Executor (executor.c) is what a program has; Pool is what the workers have as well. So an executor that is dropped without
 * shutdown() is freed, and its end tells the workers to go when the backlog is empty.
 *
 * A submit makes the future, links it into the backlog and wakes an idle worker. If no worker is idle and there are
 * fewer than max_workers, it calls `start`, a Python function that starts a threading.Thread with work() as its target.
 * A worker is a Python thread for its whole life: it takes tasks and runs them without returning to Python in between.
 *
 * A worker that waits for a future does not count as one of max_workers: while it waits, the pool may start a spare
 * worker. So tasks may wait for tasks of their own pool to any depth. After the wait there may be more workers than
 * max_workers; the first that finishes a task then ends.
 *
 * The backlog is a list, or for order="priority" a heap of the priority and the number of the submit.
 *
 * fork: the child process has none of the workers. A pool of another generation forgets its workers and its backlog,
 * whose tasks belong to the parent process.
 */
#include "future.h"

enum order { FIFO, LIFO, PRIORITY };
enum when_full { WAIT, RAISE, RUN };

typedef struct {
    long long priority;
    unsigned long long number;
    ext_future *future;
} heap_entry;

struct ext_pool {
    EXT_HEAD
    PyObject *start;  /* starts a worker */
    PyObject *broken; /* the exception of all tasks, if the initializer of a worker failed */
    enum order order;
    enum when_full when_full;
    Py_ssize_t max_workers;
    Py_ssize_t max_queue; /* 0: no limit */
    Py_ssize_t workers;
    Py_ssize_t blocked; /* workers that wait for futures */
    bool shut;
    unsigned generation;
    Py_ssize_t count; /* of the backlog */
    ext_future *first, *last;
    heap_entry *heap;
    Py_ssize_t room;
    unsigned long long number;
    ext_waiters idle;
    ext_waiters submitters;
};

/* The pool whose worker the calling thread is. */
static _Thread_local ext_pool *current;

/* ---- The backlog ---- */

static bool is_before(const heap_entry *a, const heap_entry *b)
{
    return a->priority != b->priority ? a->priority < b->priority : a->number < b->number;
}

static bool heap_push(ext_pool *self, ext_future *future)
{
    if (self->count == self->room) {
        Py_ssize_t room = self->room ? self->room * 2 : 64;
        heap_entry *heap = PyMem_Resize(self->heap, heap_entry, room);
        if (!heap) {
            PyErr_NoMemory();
            return false;
        }
        self->heap = heap;
        self->room = room;
    }
    heap_entry entry = {future->priority, self->number++, future};
    Py_ssize_t at = self->count;
    for (; at > 0 && is_before(&entry, &self->heap[(at - 1) / 2]); at = (at - 1) / 2)
        self->heap[at] = self->heap[(at - 1) / 2];
    self->heap[at] = entry;
    return true;
}

static ext_future *heap_pop(ext_pool *self)
{
    ext_future *future = self->heap[0].future;
    Py_ssize_t count = self->count - 1;
    heap_entry entry = self->heap[count];
    Py_ssize_t at = 0;
    for (;;) {
        Py_ssize_t child = 2 * at + 1;
        if (child + 1 < count && is_before(&self->heap[child + 1], &self->heap[child]))
            child++;
        if (child >= count || !is_before(&self->heap[child], &entry))
            break;
        self->heap[at] = self->heap[child];
        at = child;
    }
    self->heap[at] = entry;
    return future;
}

/* Takes a reference. False with an exception. */
static bool push(ext_pool *self, ext_future *future)
{
    EXT_INSIDE(self);
    if (self->order == PRIORITY) {
        if (!heap_push(self, future))
            return false;
    } else if (self->order == LIFO) {
        future->next = self->first;
        self->first = future;
    } else {
        *(self->first ? &self->last->next : &self->first) = future;
        self->last = future;
    }
    Py_INCREF(future);
    self->count++;
    return true;
}

/* The caller owns the reference. NULL if there is none. */
static ext_future *pop(ext_pool *self)
{
    if (self->count == 0)
        return NULL;
    ext_future *future;
    if (self->order == PRIORITY) {
        future = heap_pop(self);
    } else {
        future = self->first;
        self->first = future->next;
        future->next = NULL;
    }
    self->count--;
    ext_wake(&self->submitters);
    return future;
}

/* ---- The workers ---- */

/* After a fork: the child process has neither workers nor tasks. */
static void join_generation(ext_pool *self)
{
    if (self->generation == ext_generation)
        return;
    self->generation = ext_generation;
    self->workers = 0;
    self->blocked = 0;
    ext_future *future;
    while ((future = pop(self)))
        Py_DECREF(future);
}

static bool may_start(const ext_pool *self)
{
    return self->workers - self->blocked < self->max_workers;
}

/* Lets a worker look at the backlog. False with an exception if none could be started and there is none. */
static bool call_worker(ext_pool *self)
{
    EXT_INSIDE(self);
    if (ext_wake(&self->idle) || !may_start(self) || !self->start)
        return true;
    self->workers++;
    PyObject *result = PyObject_CallNoArgs(self->start);
    if (!result)
        self->workers--;
    Py_XDECREF(result);
    if (!result && self->workers > 0) {
        PyErr_Clear(); /* the others run the task */
        return true;
    }
    return result != NULL;
}

ext_pool *ext_pool_block(void)
{
    ext_pool *self = current;
    if (!self)
        return NULL;
    EXT_BEGIN(self);
    self->blocked++;
    if (self->count > 0 && !call_worker(self))
        PyErr_WriteUnraisable((PyObject *)self);
    EXT_END();
    return self;
}

void ext_pool_unblock(ext_pool *pool)
{
    if (!pool)
        return;
    EXT_BEGIN(pool);
    pool->blocked--;
    EXT_END();
}

typedef struct {
    ext_pool *pool;
    ext_future *future; /* NULL: the worker ends */
} taking;

static int try_take(void *argument)
{
    taking *take = argument;
    ext_pool *self = take->pool;
    EXT_INSIDE(self);
    bool surplus = self->workers - self->blocked > self->max_workers;
    take->future = surplus ? NULL : pop(self);
    return take->future || surplus || self->shut || ext.exiting;
}

static int take_task(taking *take)
{
    int rc;
    EXT_BEGIN(take->pool);
    rc = ext_wait((PyObject *)take->pool, &take->pool->idle, EXT_FOREVER, try_take, take);
    EXT_END();
    return rc;
}

PyDoc_STRVAR(work_doc,
             "work($self, /)\n--\n\nRun tasks until the pool is shut down: the life of a worker.");

static PyObject *pool_work(PyObject *object, PyObject *ignored)
{
    (void)ignored;
    ext_pool *self = (ext_pool *)object;
    ext_pool *outer = current;
    current = self;
    taking take = {self, NULL};
    int rc;
    for (unsigned long tasks = 1; (rc = take_task(&take)) > 0 && take.future; tasks++) {
        bool yields = PyFunction_Check(take.future->function);
        ext_future_run(take.future);
        Py_DECREF(take.future);
        if (!yields && tasks % 64 == 0) {
            /* Functions in C do not look whether another thread wants the GIL. */
            Py_BEGIN_ALLOW_THREADS Py_END_ALLOW_THREADS
        }
    }
    current = outer;
    EXT_BEGIN(self);
    self->workers--;
    if (self->count > 0 && self->workers > 0)
        ext_wake(&self->idle); /* it may have been woken for a task, and was surplus */
    EXT_END();
    if (rc < 0)
        return NULL;
    Py_RETURN_NONE;
}

/* ---- submit ---- */

static bool accepts(ext_pool *self)
{
    join_generation(self);
    if (self->broken)
        PyErr_SetObject((PyObject *)Py_TYPE(self->broken), self->broken);
    else if (self->shut)
        PyErr_SetString(PyExc_RuntimeError, "cannot schedule new futures after shutdown");
    else if (ext.exiting)
        PyErr_SetString(PyExc_RuntimeError,
                        "cannot schedule new futures after interpreter shutdown");
    else
        return true;
    return false;
}

static int try_room(void *argument)
{
    ext_pool *self = argument;
    return self->count < self->max_queue || self->shut || self->broken != NULL;
}

static bool is_full(const ext_pool *self)
{
    return self->max_queue > 0 && self->count >= self->max_queue;
}

static void keep_task(ext_future *future, PyObject *function, PyObject *arguments,
                      PyObject *keywords)
{
    future->function = Py_NewRef(function);
    future->arguments = Py_NewRef(arguments);
    future->keywords = Py_XNewRef(keywords);
}

/* Puts the task into the backlog. False with an exception, or if the caller has to run it. */
static bool admit(ext_pool *self, ext_future *future, bool *ret_runs)
{
    *ret_runs = false;
    if (!accepts(self))
        return false;
    if (is_full(self) && self->when_full == RUN) {
        *ret_runs = true;
        return false;
    }
    if (is_full(self) && self->when_full == RAISE) {
        PyErr_SetNone(ext.full);
        return false;
    }
    if (is_full(self)) {
        ext_pool *blocked = ext_pool_block();
        int rc = ext_wait((PyObject *)self, &self->submitters, EXT_FOREVER, try_room, self);
        ext_pool_unblock(blocked);
        if (rc < 0 || !accepts(self))
            return false;
    }
    return push(self, future) && call_worker(self);
}

PyObject *ext_pool_submit(ext_pool *self, long long priority, PyObject *const *arguments,
                          Py_ssize_t count, PyObject *keywords)
{
    if (count < 1) {
        PyErr_SetString(PyExc_TypeError, "submit() needs a function");
        return NULL;
    }
    PyObject *tuple = PyTuple_New(count - 1);
    PyObject *dict = keywords && PyTuple_GET_SIZE(keywords) ? PyDict_New() : NULL;
    bool good = tuple && (dict || !keywords || !PyTuple_GET_SIZE(keywords));
    for (Py_ssize_t i = 1; good && i < count; i++)
        PyTuple_SET_ITEM(tuple, i - 1, Py_NewRef(arguments[i]));
    for (Py_ssize_t i = 0; good && dict && i < PyTuple_GET_SIZE(keywords); i++)
        good = PyDict_SetItem(dict, PyTuple_GET_ITEM(keywords, i), arguments[count + i]) == 0;
    ext_future *future =
        good ? (ext_future *)ext.future_class->tp_alloc(ext.future_class, 0) : NULL;
    if (future) {
        keep_task(future, arguments[0], tuple, dict);
        future->priority = priority;
        bool admitted, runs;
        EXT_BEGIN(self);
        admitted = admit(self, future, &runs);
        EXT_END();
        if (runs)
            ext_future_run(future);
        else if (!admitted)
            Py_CLEAR(future);
    }
    Py_XDECREF(tuple);
    Py_XDECREF(dict);
    return (PyObject *)future;
}

/* ---- Methods of Pool ---- */

static int pool_init(PyObject *object, PyObject *arguments, PyObject *keywords)
{
    static char *names[] = {(char *)"start",     (char *)"max_workers", (char *)"max_queue",
                            (char *)"when_full", (char *)"order",       NULL};
    static const char *const whens[] = {"wait", "raise", "run"};
    static const char *const orders[] = {"fifo", "lifo", "priority"};
    ext_pool *self = (ext_pool *)object;
    PyObject *start;
    const char *when_full, *order;
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "Onnss:Pool", names, &start,
                                     &self->max_workers, &self->max_queue, &when_full, &order))
        return -1;
    int when = -1, kind = -1;
    for (int i = 0; i < 3; i++) {
        when = strcmp(when_full, whens[i]) == 0 ? i : when;
        kind = strcmp(order, orders[i]) == 0 ? i : kind;
    }
    if (when < 0 || kind < 0) {
        PyErr_SetString(PyExc_ValueError, when < 0 ? "when_full must be 'wait', 'raise' or 'run'"
                                                   : "order must be 'fifo', 'lifo' or 'priority'");
        return -1;
    }
    self->when_full = (enum when_full)when;
    self->order = (enum order)kind;
    self->generation = ext_generation;
    Py_XSETREF(self->start, Py_NewRef(start));
    return 0;
}
EXT_GUARD_INIT(pool_init)

void ext_pool_shut(ext_pool *self)
{
    EXT_INSIDE(self);
    self->shut = true;
    ext_wake_all(&self->idle);
    ext_wake_all(&self->submitters);
}

static PyObject *pool_shutdown(PyObject *object, PyObject *cancel)
{
    ext_pool *self = (ext_pool *)object;
    int cancels = PyObject_IsTrue(cancel);
    if (cancels < 0)
        return NULL;
    join_generation(self);
    ext_future *future;
    while (cancels && (future = pop(self))) {
        ext_future_drop(future);
        Py_DECREF(future);
    }
    ext_pool_shut(self);
    Py_RETURN_NONE;
}
EXT_GUARD_O(pool_shutdown)

static PyObject *pool_break(PyObject *object, PyObject *exception)
{
    ext_pool *self = (ext_pool *)object;
    Py_XSETREF(self->broken, Py_NewRef(exception));
    self->workers--; /* the caller, which ends without work() */
    ext_future *future;
    while ((future = pop(self))) {
        if (!ext_future_fail(future, exception) && PyErr_Occurred())
            PyErr_WriteUnraisable(object);
        Py_DECREF(future);
    }
    ext_wake_all(&self->submitters);
    Py_RETURN_NONE;
}
EXT_GUARD_O(pool_break)

/* The interpreter ends: workers end when the backlog is empty. */
static PyObject *pool_exit(PyObject *object, PyObject *ignored)
{
    (void)ignored;
    ext.exiting = true;
    ext_wake_all(&((ext_pool *)object)->idle);
    Py_RETURN_NONE;
}
EXT_GUARD_O(pool_exit)

static int pool_traverse(PyObject *object, visitproc visit, void *arg)
{
    ext_pool *self = (ext_pool *)object;
    Py_VISIT(self->start);
    Py_VISIT(self->broken);
    for (ext_future *one = self->first; one; one = one->next)
        Py_VISIT(one);
    for (Py_ssize_t i = 0; self->heap && i < self->count; i++)
        Py_VISIT(self->heap[i].future);
    return ext_traverse(object, visit, arg);
}

static int pool_clear(PyObject *object)
{
    ext_pool *self = (ext_pool *)object;
    Py_CLEAR(self->start);
    Py_CLEAR(self->broken);
    ext_future *future;
    while ((future = pop(self)))
        Py_DECREF(future);
    return ext_clear(object);
}

static int pool_free(PyObject *object)
{
    pool_clear(object);
    PyMem_Free(((ext_pool *)object)->heap);
    ((ext_pool *)object)->heap = NULL;
    return 0;
}

static void pool_dealloc(PyObject *self)
{
    ext_dealloc(self, pool_free);
}

static PyMethodDef pool_methods[] = {
    {"work", pool_work, METH_NOARGS, work_doc},
    {"shutdown", pool_shutdown_guarded, METH_O,
     "shutdown($self, cancel_futures, /)\n--\n\nAccept no more tasks."},
    {"exit", pool_exit_guarded, METH_NOARGS,
     "exit($self, /)\n--\n\nSay that the interpreter ends."},
    {"fail", pool_break_guarded, METH_O,
     "fail($self, exception, /)\n--\n\nFail all tasks: the initializer has failed."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef pool_getset[] = {
    EXT_FIELD("broken", T_OBJECT, ext_pool, broken, READONLY,
              "The exception of all tasks, or None."),
    EXT_FIELD("shut", T_BOOL, ext_pool, shut, READONLY, "Whether it accepts no more tasks."),
    EXT_FIELD("workers", T_PYSSIZET, ext_pool, workers, READONLY, "The number of workers."),
    EXT_FIELD("blocked", T_PYSSIZET, ext_pool, blocked, READONLY,
              "How many of them wait for futures."),
    EXT_FIELD("pending", T_PYSSIZET, ext_pool, count, READONLY, "The length of the backlog."),
    EXT_FIELD("max_workers", T_PYSSIZET, ext_pool, max_workers, READONLY,
              "The most workers that run tasks."),
    {0},
};

static PyMemberDef pool_members[] = {
    EXT_WEAK_MEMBER,
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot pool_slots[] = {
    {Py_tp_doc, (void *)"The backlog and the workers of a thread pool."},
    {Py_tp_new, PyType_GenericNew},
    {Py_tp_init, pool_init_guarded},
    {Py_tp_traverse, pool_traverse},
    {Py_tp_clear, pool_clear},
    {Py_tp_dealloc, pool_dealloc},
    {Py_tp_methods, pool_methods},
    {Py_tp_getset, pool_getset},
    {Py_tp_members, pool_members},
    {0, NULL},
};

PyType_Spec ext_pool_spec = {.name = "thrum._thrum.Pool",
                             .basicsize = sizeof(ext_pool),
                             .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
                             .slots = pool_slots};
