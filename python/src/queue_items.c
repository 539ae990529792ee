/* The items of a queue: a deque, a list, or a list that is a heap; and how many there may be.
 *
 * A deque is used through its own C functions, which module.c takes out of its methods; queue.h calls them. A heap is used
 * through the functions of heapq, which call the comparisons of the items: Python code may run.
 */
#include "queue.h"

#include <math.h>

static PyObject *pop_last(PyObject *list)
{
    Py_ssize_t last = PyList_GET_SIZE(list) - 1;
    PyObject *item = ext_list_get(list, last);
    if (item && PyList_SetSlice(list, last, last + 1, NULL) < 0)
        Py_CLEAR(item);
    return item;
}

bool ext_queue_push_ordered(ext_queue *self, PyObject *item)
{
    if (self->order == EXT_LIFO)
        return PyList_Append(self->items, item) == 0;
    PyObject *arguments[] = {self->items, item};
    PyObject *result = PyObject_Vectorcall(ext.heappush, arguments, 2, NULL);
    Py_XDECREF(result);
    return result != NULL;
}

PyObject *ext_queue_pop_ordered(ext_queue *self)
{
    return self->order == EXT_LIFO ? pop_last(self->items)
                                   : PyObject_CallOneArg(ext.heappop, self->items);
}

/* The standard class compares numbers, so it takes a float. 2.5 is the same limit as 3. */
Py_ssize_t ext_queue_limit(PyObject *number)
{
    if (!PyFloat_Check(number))
        return PyNumber_AsSsize_t(number, PyExc_OverflowError);
    double size = ceil(PyFloat_AS_DOUBLE(number));
    if (!(size > 0)) /* also if it is no number */
        return 0;
    return size < (double)PY_SSIZE_T_MAX ? (Py_ssize_t)size : PY_SSIZE_T_MAX;
}
