/* What the files of the queues share.
 */
#ifndef THRUM_PYTHON_QUEUE_H
#define THRUM_PYTHON_QUEUE_H

#include "extension.h"

enum { EXT_FIFO, EXT_LIFO, EXT_PRIORITY };
enum { EXT_NOT_EMPTY, EXT_NOT_FULL, EXT_ALL_DONE, EXT_QUEUE_CONDITIONS };

typedef struct {
    EXT_HEAD
    int order;
    bool shut;
    Py_ssize_t maxsize;
    Py_ssize_t unfinished;
    PyObject *items;
    PyObject *mutex;                            /* NULL: nobody asked for it */
    PyObject *conditions[EXT_QUEUE_CONDITIONS]; /* likewise */
    ext_waiters getters;
    ext_waiters putters;
    ext_waiters joiners;
} ext_queue;

/* A queue that nobody looks into is the common case. What it needs is inline here: a few loads, and no call but those of the
 * deque. */

/* The items: their number, and the two operations. With the mutex, if there is one. */
static inline Py_ssize_t ext_queue_length(const ext_queue *self)
{
    /* A list and a deque are both of variable size, and this is what len() reads. */
    return self->items ? Py_SIZE(self->items) : 0;
}

bool ext_queue_push_ordered(ext_queue *self, PyObject *item); /* not FIFO */
PyObject *ext_queue_pop_ordered(ext_queue *self);

static inline bool ext_queue_push(ext_queue *self, PyObject *item)
{
    if (self->order != EXT_FIFO)
        return ext_queue_push_ordered(self, item);
    PyObject *result = ext.deque_append(self->items, item);
    Py_XDECREF(result);
    return result != NULL;
}

/* Not empty. */
static inline PyObject *ext_queue_pop(ext_queue *self)
{
    return self->order == EXT_FIFO ? ext.deque_popleft(self->items, NULL)
                                   : ext_queue_pop_ordered(self);
}

bool ext_queue_acquire(ext_lock *mutex);
void ext_queue_release(ext_lock *mutex);

/* Acquires the mutex, if there is one. `*ret_held` is what leave has to release: a mutex may be made in between. */
static inline bool ext_queue_enter(ext_queue *self, ext_lock **ret_held)
{
    *ret_held = (ext_lock *)self->mutex;
    return !*ret_held || ext_queue_acquire(*ret_held);
}

static inline void ext_queue_leave(ext_lock *held)
{
    if (held)
        ext_queue_release(held);
}

/* Notifies a condition, if a program asked for it. Called with the mutex. */
bool ext_queue_tell(PyObject *condition, const char *method);

static inline bool ext_queue_notify(ext_queue *self, int which, const char *method)
{
    return !self->conditions[which] || ext_queue_tell(self->conditions[which], method);
}

/* The number of items for `maxsize`. -1 with an exception. */
Py_ssize_t ext_queue_limit(PyObject *maxsize);

/* Getters of attributes. */
PyObject *ext_queue_get_mutex(PyObject *object, void *ignored);
PyObject *ext_queue_get_condition(PyObject *object, void *which);

#endif
