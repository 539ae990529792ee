/* The items of a queue: a deque, a list, or a list that is a heap.
 *
 * A deque is used through its own C functions, which module.c takes out of its methods; queue.h calls them. A heap is used
 * through the functions of heapq, which call the comparisons of the items: Python code may run.
 */
#include "queue.h"

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
