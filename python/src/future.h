/* What futures and pools know of each other.
 */
#ifndef THRUM_PYTHON_FUTURE_H
#define THRUM_PYTHON_FUTURE_H

#include "extension.h"

typedef struct ext_pool ext_pool;
typedef struct ext_future ext_future;

enum ext_state { EXT_PENDING, EXT_RUNNING, EXT_CANCELLED, EXT_NOTIFIED, EXT_FINISHED };

struct ext_future {
    EXT_HEAD
    enum ext_state state;
    PyObject *result;
    PyObject *exception;
    PyObject *callbacks; /* a list, or NULL */
    PyObject *observers; /* a list, or NULL: `_waiters` of the standard module */
    PyObject *condition; /* or NULL: `_condition` of the standard module */
    ext_waiters waiters;
    /* The task of a pool. */
    ext_pool *pool;
    PyObject *function;
    PyObject *arguments;
    PyObject *keywords;
    long long priority;
    ext_future *next; /* in the backlog of the pool, which has a reference */
};

/* The names of the states in the standard module. */
extern const char *const ext_state_names[];

/* Getters and setters of the attributes that the standard module looks into. */
PyObject *ext_future_get_state(PyObject *object, void *ignored);
int ext_future_set_state(PyObject *object, PyObject *value, void *ignored);
PyObject *ext_future_get_condition(PyObject *object, void *ignored);
PyObject *ext_future_get_observers(PyObject *object, void *ignored);
PyObject *ext_future_get_callbacks(PyObject *object, void *ignored);

/* Runs the task of a pool and ends its future. */
void ext_future_run(ext_future *self);

/* Cancels a task that no worker has taken. */
void ext_future_drop(ext_future *self);

/* Ends a pending or running future with an exception. False if it had ended, or with an exception set. */
bool ext_future_fail(ext_future *self, PyObject *exception);

/* Has a task run. Its future; NULL with an exception. */
PyObject *ext_pool_submit(ext_pool *self, long long priority, PyObject *const *arguments,
                          Py_ssize_t count, PyObject *keywords);

/* Accepts no more tasks. In the section of the pool. */
void ext_pool_shut(ext_pool *self);

/* The calling thread is about to wait for a future; it has waited. Tells the pool, if the thread is a worker. */
ext_pool *ext_pool_block(void);
void ext_pool_unblock(ext_pool *pool);

#endif
