/* Executor: what a program has of a thread pool. Its end tells the workers to go.
 */
#include "future.h"

typedef struct {
    EXT_HEAD
    ext_pool *pool;
} ext_executor;

static ext_pool *pool_of(PyObject *executor)
{
    ext_pool *pool = ((ext_executor *)executor)->pool;
    if (!pool)
        PyErr_SetString(PyExc_RuntimeError,
                        "the executor was not initialised: call super().__init__()");
    return pool;
}

PyDoc_STRVAR(submit_doc,
             "submit($self, fn, /, *args, **kwargs)\n--\n\n"
             "Have fn(*args, **kwargs) run by a worker. Return its Future.\n\n"
             "RuntimeError after shutdown(). If max_queue tasks are pending, when_full decides.");

static PyObject *executor_submit(PyObject *self, PyObject *const *arguments, Py_ssize_t count,
                                 PyObject *keywords)
{
    ext_pool *pool = pool_of(self);
    return pool ? ext_pool_submit(pool, 0, arguments, count, keywords) : NULL;
}

PyDoc_STRVAR(priority_doc,
             "submit_priority($self, priority, fn, /, *args, **kwargs)\n--\n\n"
             "Submit with a priority: with order='priority', the smallest number runs first.");

static PyObject *executor_submit_priority(PyObject *self, PyObject *const *arguments,
                                          Py_ssize_t count, PyObject *keywords)
{
    ext_pool *pool = pool_of(self);
    if (!pool)
        return NULL;
    if (count < 1) {
        PyErr_SetString(PyExc_TypeError, "submit_priority() needs a priority and a function");
        return NULL;
    }
    long long priority = PyLong_AsLongLong(arguments[0]);
    if (priority == -1 && PyErr_Occurred())
        return NULL;
    return ext_pool_submit(pool, priority, arguments + 1, count - 1, keywords);
}

static PyObject *get_pool(PyObject *self, void *ignored)
{
    (void)ignored;
    return Py_XNewRef(pool_of(self));
}
EXT_GUARD_GET(get_pool)

static int set_pool(PyObject *self, PyObject *value, void *ignored)
{
    (void)ignored;
    if (!value || Py_TYPE(value) != ext.pool) {
        PyErr_SetString(PyExc_TypeError, "a Pool is needed");
        return -1;
    }
    ext_pool *old = ((ext_executor *)self)->pool;
    ((ext_executor *)self)->pool = (ext_pool *)Py_NewRef(value);
    Py_XDECREF(old);
    return 0;
}
EXT_GUARD_SET(set_pool)

static int executor_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(((ext_executor *)self)->pool);
    return ext_traverse(self, visit, arg);
}

static int executor_clear(PyObject *object)
{
    ext_executor *self = (ext_executor *)object;
    if (self->pool) {
        EXT_BEGIN(self->pool);
        ext_pool_shut(self->pool);
        EXT_END();
    }
    Py_CLEAR(self->pool);
    return ext_clear(object);
}

static void executor_dealloc(PyObject *self)
{
    ext_dealloc(self, executor_clear);
}

static PyMethodDef executor_methods[] = {
    EXT_METHOD("submit", executor_submit, submit_doc),
    EXT_METHOD("submit_priority", executor_submit_priority, priority_doc),
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef executor_getset[] = {
    {"_pool", get_pool_guarded, set_pool_guarded, "The backlog and the workers.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMemberDef executor_members[] = {EXT_WEAK_MEMBER, EXT_DICT_MEMBER, {NULL, 0, 0, 0, NULL}};

static PyType_Slot executor_slots[] = {
    {Py_tp_doc, (void *)"The base of ThreadPoolExecutor."},
    {Py_tp_new, PyType_GenericNew},
    {Py_tp_traverse, executor_traverse},
    {Py_tp_clear, executor_clear},
    {Py_tp_dealloc, executor_dealloc},
    {Py_tp_methods, executor_methods},
    {Py_tp_getset, executor_getset},
    {Py_tp_members, executor_members},
    {0, NULL},
};

PyType_Spec ext_executor_spec = {.name = "thrum._thrum.Executor",
                                 .basicsize = sizeof(ext_executor),
                                 .flags = EXT_FLAGS,
                                 .slots = executor_slots};
