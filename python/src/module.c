/* The module thrum._thrum: it makes the types once and gathers what they need of the standard library.
 *
 * The state is static. So the module works in the main interpreter alone and refuses others with an ImportError.
 *
 * A free-threaded interpreter turns its GIL on when it imports the module, unless it is told otherwise by PYTHON_GIL=0. The
 * tests pass without a GIL in 3.13, but a few runs are no proof, and no thread sanitizer has seen it.
 */
#include "future.h"
#include "sleep.h"

ext_module ext;

/* A new reference to an attribute of a module; NULL with an exception. */
static PyObject *imported(const char *module, const char *name)
{
    PyObject *object = PyImport_ImportModule(module);
    PyObject *value = object ? PyObject_GetAttrString(object, name) : NULL;
    Py_XDECREF(object);
    return value;
}

static bool import_to(PyObject **place, const char *module, const char *name)
{
    *place = imported(module, name);
    return *place != NULL;
}

/* queue.ShutDown came with Python 3.13. */
static bool import_shut_down(void)
{
    if (import_to(&ext.shut_down, "queue", "ShutDown"))
        return true;
    if (!PyErr_ExceptionMatches(PyExc_AttributeError))
        return false;
    PyErr_Clear();
    ext.shut_down =
        PyErr_NewExceptionWithDoc("thrum.queue.ShutDown", "The queue is shut down.", NULL, NULL);
    return ext.shut_down != NULL;
}

/* The C function of a method of deque. It takes the deque and one argument, or none. */
static PyCFunction deque_function(const char *name, int flags)
{
    PyObject *descriptor = PyObject_GetAttrString((PyObject *)ext.deque, name);
    PyCFunction function = NULL;
    if (descriptor && Py_IS_TYPE(descriptor, &PyMethodDescr_Type)) {
        PyMethodDef *method = ((PyMethodDescrObject *)descriptor)->d_method;
        if (method->ml_flags == flags)
            function = method->ml_meth;
    }
    if (!function && !PyErr_Occurred())
        PyErr_Format(PyExc_ImportError,
                     "thrum: deque.%s is not what this version of thrum was written for", name);
    Py_XDECREF(descriptor);
    return function;
}

static bool import_class_descriptor(void)
{
    PyObject *names = PyObject_GetAttrString((PyObject *)&PyBaseObject_Type, "__dict__");
    ext.class_descriptor = names ? PyMapping_GetItemString(names, "__class__") : NULL;
    Py_XDECREF(names);
    return ext.class_descriptor != NULL;
}

static bool import_all(void)
{
    return import_to(&ext.empty, "queue", "Empty") && import_to(&ext.full, "queue", "Full") &&
           import_shut_down() &&
           import_to(&ext.broken_barrier, "threading", "BrokenBarrierError") &&
           import_to(&ext.cancelled_error, "concurrent.futures", "CancelledError") &&
           import_to(&ext.invalid_state, "concurrent.futures", "InvalidStateError") &&
           import_to(&ext.logger, "concurrent.futures._base", "LOGGER") &&
           import_to(&ext.standard_lock, "_thread", "LockType") &&
           import_to(&ext.standard_rlock, "_thread", "RLock") &&
           import_to(&ext.standard_simple_queue, "_queue", "SimpleQueue") &&
           import_class_descriptor() && import_to(&ext.heappush, "heapq", "heappush") &&
           import_to(&ext.heappop, "heapq", "heappop") &&
           import_to((PyObject **)&ext.deque, "collections", "deque") &&
           (ext.deque_append = deque_function("append", METH_O)) != NULL &&
           (ext.deque_popleft = deque_function("popleft", METH_NOARGS)) != NULL;
}

static bool make(PyTypeObject **place, PyObject *module, PyType_Spec *spec, PyTypeObject *base)
{
    *place = (PyTypeObject *)PyType_FromModuleAndSpec(module, spec, (PyObject *)base);
    return *place != NULL;
}

static bool make_types(PyObject *module)
{
    return make(&ext.listener, module, &ext_listener_spec, NULL) &&
           make(&ext.lock, module, &ext_lock_spec, NULL) &&
           make(&ext.rlock, module, &ext_rlock_spec, NULL) &&
           make(&ext.condition, module, &ext_condition_spec, NULL) &&
           (ext.condition_class = (PyTypeObject *)Py_NewRef(ext.condition)) != NULL &&
           make(&ext.semaphore, module, &ext_semaphore_spec, NULL) &&
           make(&ext.bounded_semaphore, module, &ext_bounded_semaphore_spec, ext.semaphore) &&
           make(&ext.event, module, &ext_event_spec, NULL) &&
           make(&ext.barrier, module, &ext_barrier_spec, NULL) &&
           make(&ext.queue, module, &ext_queue_spec, NULL) &&
           make(&ext.lifo_queue, module, &ext_lifo_queue_spec, ext.queue) &&
           make(&ext.priority_queue, module, &ext_priority_queue_spec, ext.queue) &&
           make(&ext.simple_queue, module, &ext_simple_queue_spec, NULL) &&
           make(&ext.future, module, &ext_future_spec, NULL) &&
           make(&ext.pool, module, &ext_pool_spec, NULL) &&
           make(&ext.executor, module, &ext_executor_spec, NULL);
}

static bool add_types(PyObject *module)
{
    PyTypeObject *types[] = {
        ext.lock,   ext.rlock,   ext.condition, ext.semaphore,    ext.bounded_semaphore,
        ext.event,  ext.barrier, ext.queue,     ext.lifo_queue,   ext.priority_queue,
        ext.future, ext.pool,    ext.executor,  ext.simple_queue, ext.listener};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (PyModule_AddType(module, types[i]) < 0)
            return false;
    return PyModule_AddObjectRef(module, "ShutDown", ext.shut_down) == 0;
}

/* The module may be imported by any thread; the main thread runs the handlers of signals. */
static bool find_main_thread(void)
{
    PyObject *function = imported("threading", "main_thread");
    PyObject *thread = function ? PyObject_CallNoArgs(function) : NULL;
    PyObject *ident = thread ? PyObject_GetAttrString(thread, "ident") : NULL;
    unsigned long number = ident ? PyLong_AsUnsignedLong(ident) : 0;
    Py_XDECREF(ident);
    Py_XDECREF(thread);
    Py_XDECREF(function);
    if (PyErr_Occurred())
        return false;
    ext_sleepers_begin(number);
    return true;
}

static int module_exec(PyObject *module)
{
    if (PyInterpreterState_Get() != PyInterpreterState_Main()) {
        PyErr_SetString(PyExc_ImportError, "thrum works in the main interpreter only");
        return -1;
    }
    if (!ext.executor && !(find_main_thread() && import_all() && make_types(module)))
        return -1;
    return add_types(module) ? 0 : -1;
}

PyDoc_STRVAR(set_class_doc, "set_class($module, cls, /)\n--\n\n"
                            "Set the subclass of Future that pools make, or that of Condition.");

static PyObject *set_class(PyObject *module, PyObject *value)
{
    (void)module;
    PyTypeObject *type = PyType_Check(value) ? (PyTypeObject *)value : NULL;
    if (type && PyType_IsSubtype(type, ext.future))
        Py_XSETREF(ext.future_class, (PyTypeObject *)Py_NewRef(type));
    else if (type && PyType_IsSubtype(type, ext.condition))
        Py_SETREF(ext.condition_class, (PyTypeObject *)Py_NewRef(type));
    else
        return PyErr_Format(PyExc_TypeError, "a subclass of Future or Condition is needed");
    Py_RETURN_NONE;
}

PyDoc_STRVAR(
    own_methods_doc,
    "own_methods($module, cls, /)\n--\n\n"
    "Give a class the methods in C of its bases as methods of its own. Return the class.\n\n"
    "The interpreter has a shorter way to call a method of the very type of the object.");

static PyObject *own_methods(PyObject *module, PyObject *value)
{
    (void)module;
    if (!PyType_Check(value))
        return PyErr_Format(PyExc_TypeError, "a class is needed");
    PyTypeObject *type = (PyTypeObject *)value;
    PyObject *names = PyObject_GetAttrString(value, "__dict__"); /* a view */
    bool good = names != NULL;
    for (PyTypeObject *base = type->tp_base; base != &PyBaseObject_Type; base = base->tp_base)
        for (PyMethodDef *method = base->tp_methods; method && method->ml_name; method++) {
            if (!good || method->ml_flags & (METH_CLASS | METH_STATIC) ||
                PyMapping_HasKeyString(names, method->ml_name))
                continue;
            PyObject *descriptor = PyDescr_NewMethod(type, method);
            good = descriptor && PyObject_SetAttrString(value, method->ml_name, descriptor) == 0;
            Py_XDECREF(descriptor);
        }
    Py_XDECREF(names);
    return good ? Py_NewRef(value) : NULL;
}

static PyObject *after_fork(PyObject *module, PyObject *ignored)
{
    (void)module;
    (void)ignored;
    ext_generation++;
    ext_sleepers_begin(PyThread_get_thread_ident());
    Py_RETURN_NONE;
}

static PyObject *block(PyObject *module, PyObject *ignored)
{
    (void)module;
    (void)ignored;
    ext_pool *pool = ext_pool_block();
    return Py_NewRef(pool ? (PyObject *)pool : Py_None);
}

static PyObject *unblock(PyObject *module, PyObject *pool)
{
    (void)module;
    ext_pool_unblock(Py_TYPE(pool) == ext.pool ? (ext_pool *)pool : NULL);
    Py_RETURN_NONE;
}

static PyMethodDef module_methods[] = {
    {"block", block, METH_NOARGS,
     "block($module, /)\n--\n\nSay that the calling thread waits for a task."},
    {"unblock", unblock, METH_O, "unblock($module, pool, /)\n--\n\nThe wait has ended."},
    {"set_class", set_class, METH_O, set_class_doc},
    {"own_methods", own_methods, METH_O, own_methods_doc},
    {"after_fork", after_fork, METH_NOARGS,
     "after_fork($module, /)\n--\n\nForget the waits of the parent process."},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, module_exec},
#ifdef Py_mod_multiple_interpreters /* Python 3.12 */
    {Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_NOT_SUPPORTED},
#endif
#ifdef Py_mod_gil /* Python 3.13 */
    {Py_mod_gil, Py_MOD_GIL_USED},
#endif
    {0, NULL}};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "thrum._thrum",
    .m_doc = "The part of thrum that is written in C.",
    .m_methods = module_methods,
    .m_slots = module_slots,
};

PyMODINIT_FUNC PyInit__thrum(void);

PyMODINIT_FUNC PyInit__thrum(void)
{
    return PyModuleDef_Init(&definition);
}
