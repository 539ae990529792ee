/* What the standard module looks into of a future: its state, its condition, its observers and its callbacks. They are made
 * when they are asked for.
 */
#include "future.h"

const char *const ext_state_names[] = {"PENDING", "RUNNING", "CANCELLED", "CANCELLED_AND_NOTIFIED",
                                       "FINISHED"};

PyObject *ext_future_get_state(PyObject *self, void *ignored)
{
    (void)ignored;
    return PyUnicode_InternFromString(ext_state_names[((ext_future *)self)->state]);
}

int ext_future_set_state(PyObject *self, PyObject *value, void *ignored)
{
    (void)ignored;
    for (int i = EXT_PENDING; value && PyUnicode_Check(value) && i <= EXT_FINISHED; i++)
        if (PyUnicode_CompareWithASCIIString(value, ext_state_names[i]) == 0) {
            ((ext_future *)self)->state = (enum ext_state)i;
            if (((ext_future *)self)->state >= EXT_CANCELLED)
                ext_wake_all(&((ext_future *)self)->waiters);
            return 0;
        }
    PyErr_SetString(PyExc_ValueError, "not a state of a future");
    return -1;
}

PyObject *ext_future_get_condition(PyObject *object, void *ignored)
{
    (void)ignored;
    ext_future *self = (ext_future *)object;
    if (!self->condition)
        self->condition = PyObject_CallNoArgs((PyObject *)ext.condition_class);
    return Py_XNewRef(self->condition);
}

static PyObject *made_list(PyObject **place)
{
    if (!*place)
        *place = PyList_New(0);
    return Py_XNewRef(*place);
}

PyObject *ext_future_get_observers(PyObject *self, void *ignored)
{
    (void)ignored;
    return made_list(&((ext_future *)self)->observers);
}

PyObject *ext_future_get_callbacks(PyObject *self, void *ignored)
{
    (void)ignored;
    return made_list(&((ext_future *)self)->callbacks);
}
