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

/* Methods, and their texts. */
PyObject *ext_queue_put(PyObject *, PyObject *const *, Py_ssize_t, PyObject *);
PyObject *ext_queue_put_nowait(PyObject *, PyObject *);
PyObject *ext_queue_get(PyObject *, PyObject *const *, Py_ssize_t, PyObject *);
PyObject *ext_queue_get_nowait(PyObject *, PyObject *);
PyObject *ext_queue_qsize(PyObject *, PyObject *);
PyObject *ext_queue_empty(PyObject *, PyObject *);
PyObject *ext_queue_listen(PyObject *, PyObject *const *, Py_ssize_t);
extern const char ext_queue_put_doc[], ext_queue_put_nowait_doc[], ext_queue_get_doc[],
    ext_queue_get_nowait_doc[], ext_queue_qsize_doc[], ext_queue_empty_doc[];

/* Makes one that is first in, first out. */
PyObject *ext_queue_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords);
int ext_queue_traverse(PyObject *object, visitproc visit, void *arg);
int ext_queue_clear(PyObject *object);
void ext_queue_dealloc(PyObject *self);

#endif
