/* The items of a queue: a deque, a list, or a list that is a heap.
 *
 * A deque is used through its own C functions, which module.c takes out of its methods. A heap is used through those of
 * heapq, which call the comparisons of the items: Python code may run.
 */
#include "queue.h"

Py_ssize_t ext_queue_length(const ext_queue *self)
{
    /* A list and a deque are both of variable size, and this is what len() reads. */
    return self->items ? Py_SIZE(self->items) : 0;
}

static PyObject *pop_last(PyObject *list)
{
    Py_ssize_t last = PyList_GET_SIZE(list) - 1;
    PyObject *item = ext_list_get(list, last);
    if (item && PyList_SetSlice(list, last, last + 1, NULL) < 0)
        Py_CLEAR(item);
    return item;
}

bool ext_queue_push(ext_queue *self, PyObject *item)
{
    PyObject *result;
    if (self->order == EXT_LIFO)
        return PyList_Append(self->items, item) == 0;
    if (self->order == EXT_FIFO) {
        result = ext.deque_append(self->items, item);
    } else {
        PyObject *arguments[] = {self->items, item};
        result = PyObject_Vectorcall(ext.heappush, arguments, 2, NULL);
    }
    Py_XDECREF(result);
    return result != NULL;
}

PyObject *ext_queue_pop(ext_queue *self)
{
    if (self->order == EXT_FIFO)
        return ext.deque_popleft(self->items, NULL);
    if (self->order == EXT_LIFO)
        return pop_last(self->items);
    return PyObject_CallOneArg(ext.heappop, self->items);
}
