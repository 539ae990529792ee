/* The mutex of a queue and its three conditions, for programs that use them.
 *
 * A program may take `mutex` and then change `queue`, as the standard module allows. So an operation acquires the mutex
 * if there is one. There is none until a program asks for it: the GIL is enough for a deque and a list. A priority queue
 * always has one, because its comparisons may run Python code. `not_empty`, `not_full` and `all_tasks_done` are
 * conditions over the mutex. They too are made when a program asks for them, and are notified from then on. Threads
 * inside put(), get() and join() do not wait in them.
 */
#include "queue.h"

bool ext_queue_acquire(ext_lock *mutex)
{
    bool held;
    EXT_BEGIN(mutex);
    held = ext_lock_acquire(mutex, EXT_FOREVER, 1) >= 0;
    EXT_END();
    return held;
}

void ext_queue_release(ext_lock *mutex)
{
    EXT_BEGIN(mutex);
    if (mutex->count)
        ext_lock_release(mutex, 1);
    EXT_END();
}

bool ext_queue_tell(PyObject *condition, const char *method)
{
    PyObject *result = PyObject_CallMethod(condition, method, NULL);
    Py_XDECREF(result);
    return result != NULL;
}

PyObject *ext_queue_get_mutex(PyObject *object, void *ignored)
{
    (void)ignored;
    ext_queue *self = (ext_queue *)object;
    if (!self->mutex)
        self->mutex = PyObject_CallNoArgs((PyObject *)ext.lock);
    return Py_XNewRef(self->mutex);
}

PyObject *ext_queue_get_condition(PyObject *object, void *which)
{
    ext_queue *self = (ext_queue *)object;
    PyObject **place = &self->conditions[(intptr_t)which];
    if (*place)
        return Py_NewRef(*place);
    PyObject *mutex = ext_queue_get_mutex(object, NULL);
    PyObject *made = mutex ? PyObject_CallOneArg((PyObject *)ext.condition_class, mutex) : NULL;
    Py_XDECREF(mutex);
    if (made && !*place)
        *place = Py_NewRef(made);
    Py_XDECREF(made);
    return Py_XNewRef(*place);
}
