/* Queue, LifoQueue, PriorityQueue and SimpleQueue.
 *
 * The items are in a Python object that programs may see as `queue`: a deque, or a list for the other two. It is used
 * through its C functions, without a call. put() appends and wakes one getter; get() takes and wakes one putter.
 *
 * queue_mutex.c has the mutex and the conditions for programs that change the items themselves.
 *
 * A subclass that has its own _put, _get, _qsize or _init is served by Python code: see queue.py.
 *
 * An attempt that finds the queue empty goes to sleep. Nothing releases the GIL between that look and the sleep, except
 * the release of the mutex without a GIL; the waiter is in the queue of waiters by then.
 */
#include "queue.h"

/* ---- put ---- */

typedef struct {
    ext_queue *queue;
    PyObject *item; /* given, or taken */
} request;

static PyObject *raise_shut_down(void)
{
    PyErr_SetNone(ext.shut_down);
    return NULL;
}

static bool is_full(const ext_queue *self)
{
    return self->maxsize > 0 && ext_queue_length(self) >= self->maxsize;
}

/* The same as try_put, with the mutex. */
static int put_inside(ext_queue *self, PyObject *item)
{
    EXT_INSIDE(self);
    if (self->shut) {
        raise_shut_down();
        return -1;
    }
    if (is_full(self))
        return 0;
    if (!ext_queue_push(self, item))
        return -1;
    self->unfinished++;
    ext_wake(&self->getters);
    return ext_queue_notify(self, EXT_NOT_EMPTY, "notify") ? 1 : -1;
}

static int try_put(void *argument)
{
    request *put = argument;
    ext_queue *self = put->queue;
    ext_lock *held;
    if (!ext_queue_enter(self, &held))
        return -1;
    int rc = put_inside(self, put->item);
    ext_queue_leave(held);
    return rc;
}

static PyObject *put_until(ext_queue *self, PyObject *item, ext_deadline deadline)
{
    request put = {self, item};
    int rc = ext_wait((PyObject *)self, &self->putters, deadline, try_put, &put);
    if (rc == 1)
        Py_RETURN_NONE;
    if (rc == 0)
        PyErr_SetNone(ext.full);
    return NULL;
}

static const char queue_put_doc[] = PyDoc_STR(
    "put($self, /, item, block=True, timeout=None)\n--\n\n"
    "Put an item into the queue.\n\n"
    "If the queue is full, wait for room, at most timeout seconds if a timeout is given. With\n"
    "block=False, do not wait. Full if there was no room in time; ShutDown if the queue is shut\n"
    "down. ValueError if the timeout is negative.");

static PyObject *queue_put(PyObject *self, PyObject *const *arguments, Py_ssize_t count,
                           PyObject *keywords)
{
    static const char *const names[] = {"item", "block", "timeout", NULL};
    if (count == 1 && !keywords)
        return put_until((ext_queue *)self, arguments[0], EXT_FOREVER);
    PyObject *values[3];
    ext_deadline deadline;
    if (!ext_arguments("put", names, 1, arguments, count, keywords, values) ||
        !ext_deadline_of_queue(values[1], values[2], &deadline))
        return NULL;
    return put_until((ext_queue *)self, values[0], deadline);
}
EXT_GUARD_KEYS(queue_put)

static const char queue_put_nowait_doc[] =
    PyDoc_STR("put_nowait($self, item, /)\n--\n\nPut an item, or raise Full at once.");

static PyObject *queue_put_nowait(PyObject *self, PyObject *item)
{
    return put_until((ext_queue *)self, item, EXT_NOW);
}
EXT_GUARD_O(queue_put_nowait)

/* ---- get ---- */

static int get_inside(ext_queue *self, PyObject **ret_item)
{
    EXT_INSIDE(self);
    if (ext_queue_length(self) == 0) {
        if (!self->shut)
            return 0;
        raise_shut_down();
        return -1;
    }
    PyObject *item = ext_queue_pop(self);
    if (!item)
        return -1;
    if (self->maxsize > 0)
        ext_wake(&self->putters);
    if (!ext_queue_notify(self, EXT_NOT_FULL, "notify")) {
        Py_DECREF(item);
        return -1;
    }
    *ret_item = item;
    return 1;
}

static int try_get(void *argument)
{
    request *get = argument;
    ext_queue *self = get->queue;
    ext_lock *held;
    if (!ext_queue_enter(self, &held))
        return -1;
    int rc = get_inside(self, &get->item);
    ext_queue_leave(held);
    return rc;
}

static PyObject *get_until(ext_queue *self, ext_deadline deadline)
{
    request get = {self, NULL};
    int rc = ext_wait((PyObject *)self, &self->getters, deadline, try_get, &get);
    if (rc == 0)
        PyErr_SetNone(ext.empty);
    return get.item;
}

static const char queue_get_doc[] = PyDoc_STR(
    "get($self, /, block=True, timeout=None)\n--\n\n"
    "Take an item out of the queue and return it.\n\n"
    "If the queue is empty, wait for an item, at most timeout seconds if a timeout is given. With\n"
    "block=False, do not wait. Empty if there was no item in time; ShutDown if the queue is shut\n"
    "down and empty. ValueError if the timeout is negative.");

static PyObject *queue_get(PyObject *self, PyObject *const *arguments, Py_ssize_t count,
                           PyObject *keywords)
{
    static const char *const names[] = {"block", "timeout", NULL};
    if (count == 0 && !keywords)
        return get_until((ext_queue *)self, EXT_FOREVER);
    PyObject *values[2];
    ext_deadline deadline;
    if (!ext_arguments("get", names, 0, arguments, count, keywords, values) ||
        !ext_deadline_of_queue(values[0], values[1], &deadline))
        return NULL;
    return get_until((ext_queue *)self, deadline);
}
EXT_GUARD_KEYS(queue_get)

static const char queue_get_nowait_doc[] =
    PyDoc_STR("get_nowait($self, /)\n--\n\nTake an item, or raise Empty at once.");

static PyObject *queue_get_nowait(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    return get_until((ext_queue *)self, EXT_NOW);
}
EXT_GUARD_O(queue_get_nowait)

/* ---- Tasks ---- */

static bool all_done(ext_queue *self)
{
    ext_wake_all(&self->joiners);
    return ext_queue_notify(self, EXT_ALL_DONE, "notify_all");
}

PyDoc_STRVAR(task_done_doc, "task_done($self, /)\n--\n\n"
                            "Say that an item that get() returned has been worked on.\n\n"
                            "ValueError if it is called more often than items were put.");

static PyObject *queue_task_done(PyObject *object, PyObject *ignored)
{
    (void)ignored;
    ext_queue *self = (ext_queue *)object;
    ext_lock *held;
    if (!ext_queue_enter(self, &held))
        return NULL;
    bool good = self->unfinished > 0;
    if (!good)
        PyErr_SetString(PyExc_ValueError, "task_done() called too many times");
    else if (--self->unfinished == 0)
        good = all_done(self);
    ext_queue_leave(held);
    if (!good)
        return NULL;
    Py_RETURN_NONE;
}
EXT_GUARD_O(queue_task_done)

static int try_join(void *argument)
{
    return ((ext_queue *)argument)->unfinished == 0;
}

PyDoc_STRVAR(join_doc,
             "join($self, /)\n--\n\nWait until task_done() was called for each item that was put.");

static PyObject *queue_join(PyObject *object, PyObject *ignored)
{
    (void)ignored;
    ext_queue *self = (ext_queue *)object;
    if (ext_wait((PyObject *)self, &self->joiners, EXT_FOREVER, try_join, self) < 0)
        return NULL;
    Py_RETURN_NONE;
}
EXT_GUARD_O(queue_join)

/* ---- Looks, and the end ---- */

static const char queue_qsize_doc[] =
    PyDoc_STR("qsize($self, /)\n--\n\nReturn the number of items in the queue.");

static PyObject *queue_qsize(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    return PyLong_FromSsize_t(ext_queue_length((ext_queue *)self));
}
EXT_GUARD_O(queue_qsize)

static const char queue_empty_doc[] = PyDoc_STR(
    "empty($self, /)\n--\n\nReturn whether the queue is empty now. It may change at once.");

static PyObject *queue_empty(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    return PyBool_FromLong(ext_queue_length((ext_queue *)self) == 0);
}
EXT_GUARD_O(queue_empty)

PyDoc_STRVAR(full_doc,
             "full($self, /)\n--\n\nReturn whether the queue is full now. It may change at once.");

static PyObject *queue_full(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    return PyBool_FromLong(is_full((ext_queue *)self));
}
EXT_GUARD_O(queue_full)

/* Drops the items, each of which then counts as done. */
static bool drop_items(ext_queue *self)
{
    Py_ssize_t count = ext_queue_length(self);
    PyObject *result = PyObject_CallMethod(self->items, "clear", NULL);
    if (!result)
        return false;
    Py_DECREF(result);
    self->unfinished = count < self->unfinished ? self->unfinished - count : 0;
    return all_done(self);
}

PyDoc_STRVAR(shutdown_doc,
             "shutdown($self, /, immediate=False)\n--\n\n"
             "End the queue: put() raises ShutDown from now on, get() when the queue is empty.\n\n"
             "With immediate=True, drop the items as well and let join() return.");

static PyObject *queue_shutdown(PyObject *object, PyObject *const *arguments, Py_ssize_t count,
                                PyObject *keywords)
{
    static const char *const names[] = {"immediate", NULL};
    ext_queue *self = (ext_queue *)object;
    PyObject *value;
    if (!ext_arguments("shutdown", names, 0, arguments, count, keywords, &value))
        return NULL;
    int immediate = value ? PyObject_IsTrue(value) : 0;
    ext_lock *held;
    if (immediate < 0 || !ext_queue_enter(self, &held))
        return NULL;
    self->shut = true;
    bool good = !immediate || drop_items(self);
    ext_wake_all(&self->getters);
    ext_wake_all(&self->putters);
    good = good && ext_queue_notify(self, EXT_NOT_EMPTY, "notify_all") &&
           ext_queue_notify(self, EXT_NOT_FULL, "notify_all");
    ext_queue_leave(held);
    if (!good)
        return NULL;
    Py_RETURN_NONE;
}
EXT_GUARD_KEYS(queue_shutdown)

/* ---- For subclasses, coroutines and select ---- */

static PyObject *queue_hook_put(PyObject *self, PyObject *item)
{
    if (!ext_queue_push((ext_queue *)self, item))
        return NULL;
    Py_RETURN_NONE;
}
EXT_GUARD_O(queue_hook_put)

static PyObject *queue_hook_get(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    if (ext_queue_length((ext_queue *)self) == 0) {
        PyErr_SetString(PyExc_IndexError, "the queue is empty");
        return NULL;
    }
    return ext_queue_pop((ext_queue *)self);
}
EXT_GUARD_O(queue_hook_get)

static PyObject *queue_listen(PyObject *object, PyObject *const *arguments, Py_ssize_t count)
{
    ext_queue *self = (ext_queue *)object;
    if (count < 1 || count > 2) {
        PyErr_SetString(PyExc_TypeError, "_listen() takes a callback and a side");
        return NULL;
    }
    ext_waiters *side = &self->getters;
    if (count == 2 && PyUnicode_CompareWithASCIIString(arguments[1], "put") == 0)
        side = &self->putters;
    else if (count == 2 && PyUnicode_CompareWithASCIIString(arguments[1], "join") == 0)
        side = &self->joiners;
    return ext_listen(object, side, arguments[0], false);
}
EXT_GUARD_FAST(queue_listen)

/* ---- The types ---- */

static bool make_items(ext_queue *self)
{
    PyObject *items =
        self->order == EXT_FIFO ? PyObject_CallNoArgs((PyObject *)ext.deque) : PyList_New(0);
    if (items)
        Py_XSETREF(self->items, items);
    return items != NULL;
}

static PyObject *new_queue(PyTypeObject *type, PyObject *arguments, PyObject *keywords, int order)
{
    PyObject *object = PyType_GenericNew(type, arguments, keywords);
    if (!object)
        return NULL;
    ext_queue *self = (ext_queue *)object;
    self->order = order;
    if (order == EXT_PRIORITY)
        self->mutex = PyObject_CallNoArgs((PyObject *)ext.lock);
    if (!make_items(self) || (order == EXT_PRIORITY && !self->mutex))
        Py_CLEAR(object);
    return object;
}

static PyObject *queue_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords)
{
    return new_queue(type, arguments, keywords, EXT_FIFO);
}

static PyObject *lifo_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords)
{
    return new_queue(type, arguments, keywords, EXT_LIFO);
}

static PyObject *priority_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords)
{
    return new_queue(type, arguments, keywords, EXT_PRIORITY);
}

static int queue_init(PyObject *object, PyObject *arguments, PyObject *keywords)
{
    static const char *const names[] = {"maxsize", NULL};
    ext_queue *self = (ext_queue *)object;
    PyObject *number;
    if (!ext_init_arguments("Queue", names, 0, arguments, keywords, &number))
        return -1;
    Py_ssize_t maxsize = number ? ext_queue_limit(number) : 0;
    if (maxsize == -1 && PyErr_Occurred())
        return -1;
    self->maxsize = maxsize;
    self->unfinished = 0;
    return 0;
}
EXT_GUARD_INIT(queue_init)

static PyObject *get_items(PyObject *self, void *ignored)
{
    (void)ignored;
    return Py_NewRef(((ext_queue *)self)->items);
}
EXT_GUARD_GET(get_items)

static int set_items(PyObject *object, PyObject *value, void *ignored)
{
    (void)ignored;
    ext_queue *self = (ext_queue *)object;
    PyTypeObject *type = self->order == EXT_FIFO ? ext.deque : &PyList_Type;
    if (!value || !PyObject_TypeCheck(value, type)) {
        PyErr_Format(PyExc_TypeError, "the items of this queue must be a %s", type->tp_name);
        return -1;
    }
    Py_SETREF(self->items, Py_NewRef(value));
    return 0;
}
EXT_GUARD_SET(set_items)

static int queue_traverse(PyObject *object, visitproc visit, void *arg)
{
    ext_queue *self = (ext_queue *)object;
    Py_VISIT(self->items);
    Py_VISIT(self->mutex);
    for (int i = 0; i < EXT_QUEUE_CONDITIONS; i++)
        Py_VISIT(self->conditions[i]);
    return ext_traverse(object, visit, arg);
}

static void clear_conditions(ext_queue *self)
{
    for (int i = 0; i < EXT_QUEUE_CONDITIONS; i++)
        Py_CLEAR(self->conditions[i]);
}

/* For the collector. The container of the items stays: a destructor of an item may still use the queue. */
static int queue_clear(PyObject *object)
{
    ext_queue *self = (ext_queue *)object;
    clear_conditions(self);
    PyObject *result = self->items ? PyObject_CallMethod(self->items, "clear", NULL) : NULL;
    if (self->items && !result)
        PyErr_WriteUnraisable(object);
    Py_XDECREF(result);
    return ext_clear(object);
}

/* At the end of its life. An exception may be set, so nothing is called. */
static int drop_all(PyObject *object)
{
    ext_queue *self = (ext_queue *)object;
    clear_conditions(self);
    Py_CLEAR(self->items);
    Py_CLEAR(self->mutex);
    return ext_clear(object);
}

static void queue_dealloc(PyObject *self)
{
    ext_dealloc(self, drop_all);
}

#define METHODS_OF_ALL                                                                             \
    EXT_METHOD("put", queue_put_guarded, queue_put_doc),                                           \
        EXT_METHOD("get", queue_get_guarded, queue_get_doc),                                       \
        {"put_nowait", queue_put_nowait_guarded, METH_O, queue_put_nowait_doc},                    \
        {"get_nowait", queue_get_nowait_guarded, METH_NOARGS, queue_get_nowait_doc},               \
        {"qsize", queue_qsize_guarded, METH_NOARGS, queue_qsize_doc},                              \
        {"empty", queue_empty_guarded, METH_NOARGS, queue_empty_doc},                              \
        {"_listen", (PyCFunction)(void (*)(void))queue_listen_guarded, METH_FASTCALL,              \
         "Call a callback once when it is worth trying again: 'get', 'put' or 'join'."},           \
    {                                                                                              \
        "__class_getitem__", Py_GenericAlias, METH_O | METH_CLASS,                                 \
            "Queue[int]: for type checkers."                                                       \
    }

#define SLOTS_OF_ALL                                                                               \
    {Py_tp_new, queue_new}, {Py_tp_traverse, queue_traverse}, {Py_tp_clear, queue_clear},          \
    {                                                                                              \
        Py_tp_dealloc, queue_dealloc                                                               \
    }

static PyMethodDef queue_methods[] = {
    METHODS_OF_ALL,
    {"task_done", queue_task_done_guarded, METH_NOARGS, task_done_doc},
    {"join", queue_join_guarded, METH_NOARGS, join_doc},
    {"full", queue_full_guarded, METH_NOARGS, full_doc},
    EXT_METHOD("shutdown", queue_shutdown_guarded, shutdown_doc),
    {"_put", queue_hook_put_guarded, METH_O, "For subclasses: append an item."},
    {"_get", queue_hook_get_guarded, METH_NOARGS, "For subclasses: take an item."},
    {"_qsize", queue_qsize_guarded, METH_NOARGS, "For subclasses: the number of items."},
    {NULL, NULL, 0, NULL},
};

EXT_GUARD_GET(ext_queue_get_mutex)
EXT_GUARD_GET(ext_queue_get_condition)

static PyGetSetDef queue_getset[] = {
    EXT_FIELD("maxsize", T_PYSSIZET, ext_queue, maxsize, 0, "The most items; 0 is no limit."),
    EXT_FIELD("unfinished_tasks", T_PYSSIZET, ext_queue, unfinished, 0,
              "Items for which task_done() is due."),
    EXT_FIELD("is_shutdown", T_BOOL, ext_queue, shut, 0, "Whether shutdown() was called."),
    {"queue", get_items_guarded, set_items_guarded, "The items. Hold the mutex to change them.",
     NULL},
    {"mutex", ext_queue_get_mutex_guarded, NULL, "A lock that excludes all other methods.", NULL},
    {"not_empty", ext_queue_get_condition_guarded, NULL, "A condition: an item was put.",
     (void *)(intptr_t)EXT_NOT_EMPTY},
    {"not_full", ext_queue_get_condition_guarded, NULL, "A condition: an item was taken.",
     (void *)(intptr_t)EXT_NOT_FULL},
    {"all_tasks_done", ext_queue_get_condition_guarded, NULL, "A condition: no task is unfinished.",
     (void *)(intptr_t)EXT_ALL_DONE},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMemberDef queue_members[] = {
    EXT_WEAK_MEMBER,
    EXT_DICT_MEMBER,
    {NULL, 0, 0, 0, NULL},
};

PyDoc_STRVAR(
    queue_doc,
    "Queue(maxsize=0)\n--\n\n"
    "A queue between threads and coroutines: first in, first out.\n\n"
    "put() waits while maxsize items are in it; 0 is no limit. get() waits while it is empty.\n"
    "Coroutines use `await queue.aput(item)` and `await queue.aget()`.");
PyDoc_STRVAR(lifo_doc,
             "LifoQueue(maxsize=0)\n--\n\nA queue that returns the item that was put last.");
PyDoc_STRVAR(priority_doc,
             "PriorityQueue(maxsize=0)\n--\n\n"
             "A queue that returns the smallest item. Items are often tuples (priority, data).");

static PyType_Slot queue_slots[] = {
    {Py_tp_doc, (void *)queue_doc},
    {Py_tp_init, queue_init_guarded},
    {Py_tp_methods, queue_methods},
    {Py_tp_getset, queue_getset},
    {Py_tp_members, queue_members},
    SLOTS_OF_ALL,
    {0, NULL},
};

PyType_Spec ext_queue_spec = {.name = "thrum._thrum.Queue",
                              .basicsize = sizeof(ext_queue),
                              .flags = EXT_FLAGS,
                              .slots = queue_slots};

static PyType_Slot lifo_slots[] = {{Py_tp_doc, (void *)lifo_doc}, {Py_tp_new, lifo_new}, {0, NULL}};

PyType_Spec ext_lifo_queue_spec = {.name = "thrum._thrum.LifoQueue",
                                   .basicsize = sizeof(ext_queue),
                                   .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
                                   .slots = lifo_slots};

static PyType_Slot priority_slots[] = {
    {Py_tp_doc, (void *)priority_doc}, {Py_tp_new, priority_new}, {0, NULL}};

PyType_Spec ext_priority_queue_spec = {.name = "thrum._thrum.PriorityQueue",
                                       .basicsize = sizeof(ext_queue),
                                       .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
                                       .slots = priority_slots};

/* ---- SimpleQueue ---- */

/* It is a Queue without limit and tasks. put() is reentrant: a destructor or a signal handler may call it amid any other
 * method. No method releases the GIL, or runs Python code, while the queue is between two states, and a program cannot
 * ask for a mutex. */

PyDoc_STRVAR(simple_doc,
             "SimpleQueue()\n--\n\n"
             "A queue without limit. put() never waits. Destructors and signal handlers may\n"
             "call it, even amid another call for the same queue.");

static int simple_init(PyObject *self, PyObject *arguments, PyObject *keywords)
{
    (void)self;
    static const char *const names[] = {NULL};
    PyObject *none[1];
    return ext_init_arguments("SimpleQueue", names, 0, arguments, keywords, none) ? 0 : -1;
}
EXT_GUARD_INIT(simple_init)

static PyMethodDef simple_methods[] = {METHODS_OF_ALL, EXT_DIR, {NULL, NULL, 0, NULL}};

static PyGetSetDef simple_getset[] = {EXT_CLASS(ext.standard_simple_queue), {0}};

static PyMemberDef simple_members[] = {EXT_WEAK_MEMBER, EXT_DICT_MEMBER, {NULL, 0, 0, 0, NULL}};

static PyType_Slot simple_slots[] = {
    {Py_tp_doc, (void *)simple_doc},
    {Py_tp_init, simple_init_guarded},
    {Py_tp_methods, simple_methods},
    {Py_tp_getset, simple_getset},
    {Py_tp_members, simple_members},
    SLOTS_OF_ALL,
    {0, NULL},
};

PyType_Spec ext_simple_queue_spec = {.name = "queue.SimpleQueue",
                                     .basicsize = sizeof(ext_queue),
                                     .flags = EXT_FLAGS,
                                     .slots = simple_slots};
