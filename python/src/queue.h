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

/* The items: their number, and the two operations. With the mutex, if there is one. */
Py_ssize_t ext_queue_length(const ext_queue *self);
bool ext_queue_push(ext_queue *self, PyObject *item);
PyObject *ext_queue_pop(ext_queue *self); /* not empty */

/* Acquires the mutex, if there is one. `*ret_held` is what leave has to release: a mutex may be made in between. */
bool ext_queue_enter(ext_queue *self, ext_lock **ret_held);
void ext_queue_leave(ext_lock *held);

/* Notifies a condition, if a program asked for it. Called with the mutex. */
bool ext_queue_notify(ext_queue *self, int which, const char *method);

/* Getters of attributes. */
PyObject *ext_queue_get_mutex(PyObject *object, void *ignored);
PyObject *ext_queue_get_condition(PyObject *object, void *which);

#endif
