/* SimpleQueue: a queue without a limit and without tasks.
 *
 * It is a Queue that lacks some methods. put() is reentrant: a destructor or a signal handler may call it amid any other
 * method. No method releases the GIL, or runs Python code, while the queue is between two states, and a program cannot
 * ask for a mutex.
 */
#include "queue.h"

PyDoc_STRVAR(
    simple_doc,
    "SimpleQueue()\n--\n\n"
    "A queue without limit. put() never waits, and may be called from destructors and signal\n"
    "handlers, even amid another call for the same queue.");

static int simple_init(PyObject *self, PyObject *arguments, PyObject *keywords)
{
    (void)self;
    static const char *const names[] = {NULL};
    PyObject *none[1];
    return ext_init_arguments("SimpleQueue", names, 0, arguments, keywords, none) ? 0 : -1;
}

static PyMethodDef simple_methods[] = {
    EXT_METHOD("put", ext_queue_put, ext_queue_put_doc),
    EXT_METHOD("get", ext_queue_get, ext_queue_get_doc),
    {"put_nowait", ext_queue_put_nowait, METH_O, ext_queue_put_nowait_doc},
    {"get_nowait", ext_queue_get_nowait, METH_NOARGS, ext_queue_get_nowait_doc},
    {"qsize", ext_queue_qsize, METH_NOARGS, ext_queue_qsize_doc},
    {"empty", ext_queue_empty, METH_NOARGS, ext_queue_empty_doc},
    {"_listen", (PyCFunction)(void (*)(void))ext_queue_listen, METH_FASTCALL,
     "Call a callback once when it is worth trying again."},
    {"__class_getitem__", Py_GenericAlias, METH_O | METH_CLASS,
     "SimpleQueue[int]: for type checkers."},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef simple_members[] = {EXT_WEAK_MEMBER, EXT_DICT_MEMBER, {NULL, 0, 0, 0, NULL}};

static PyType_Slot simple_slots[] = {
    {Py_tp_doc, (void *)simple_doc},
    {Py_tp_new, ext_queue_new},
    {Py_tp_init, simple_init},
    {Py_tp_traverse, ext_queue_traverse},
    {Py_tp_clear, ext_queue_clear},
    {Py_tp_dealloc, ext_queue_dealloc},
    {Py_tp_methods, simple_methods},
    {Py_tp_members, simple_members},
    {0, NULL},
};

PyType_Spec ext_simple_queue_spec = {.name = "queue.SimpleQueue",
                                     .basicsize = sizeof(ext_queue),
                                     .flags = EXT_FLAGS,
                                     .slots = simple_slots};
