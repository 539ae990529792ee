/* Future: the outcome of a task.
 *
 *     PENDING -> RUNNING -> FINISHED        a result or an exception
 *     PENDING -> CANCELLED -> CANCELLED_AND_NOTIFIED
 *
 * The states and their order are those of the standard module. The second step of a cancel is made by the worker that
 * finds the cancelled task.
 *
 * The task of a pool is in the future itself: its function and arguments, and the link of the backlog. So a submit
 * allocates one object and one tuple.
 *
 * The functions wait() and as_completed() of the standard module look into `_state`, `_condition` and `_waiters` of a
 * future. They are made when they are asked for, and work from then on: a change of state then holds the condition and
 * tells the observers. So futures of this module and of the standard module can be waited for together.
 */
#include "future.h"

static bool is_done(const ext_future *self)
{
    return self->state >= EXT_CANCELLED;
}

/* ---- The end ---- */

/* Logs the exception that is set. A BaseException stays set: false. */
static bool log_exception(ext_future *self)
{
    if (!PyErr_ExceptionMatches(PyExc_Exception))
        return false;
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    if (traceback)
        PyException_SetTraceback(value, traceback);
    PyObject *error = PyObject_GetAttrString(ext.logger, "error");
    PyObject *arguments =
        error ? Py_BuildValue("(sO)", "exception calling callback for %r", self) : NULL;
    PyObject *keywords = arguments ? Py_BuildValue("{sO}", "exc_info", value) : NULL;
    PyObject *result = keywords ? PyObject_Call(error, arguments, keywords) : NULL;
    if (!result)
        PyErr_WriteUnraisable((PyObject *)self);
    Py_XDECREF(result);
    Py_XDECREF(keywords);
    Py_XDECREF(arguments);
    Py_XDECREF(error);
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(traceback);
    return true;
}

static bool call_back(ext_future *self, PyObject *callback)
{
    PyObject *result = PyObject_CallOneArg(callback, (PyObject *)self);
    Py_XDECREF(result);
    return result || log_exception(self);
}

static bool call_callbacks(ext_future *self)
{
    PyObject *callbacks = self->callbacks;
    if (!callbacks)
        return true;
    self->callbacks = NULL;
    bool good = true;
    for (Py_ssize_t i = 0; good && i < PyList_GET_SIZE(callbacks); i++) {
        PyObject *callback = ext_list_get(callbacks, i);
        good = callback && call_back(self, callback);
        Py_XDECREF(callback);
    }
    Py_DECREF(callbacks);
    return good;
}

/* Calls a method of the condition, if there is one. False with an exception. */
static bool call_condition(ext_future *self, const char *method)
{
    if (!self->condition)
        return true;
    PyObject *result = PyObject_CallMethod(self->condition, method, NULL);
    Py_XDECREF(result);
    return result != NULL;
}

/* Calls an observer, or its method of this name if it is one of the standard module. */
static bool tell_observer(ext_future *self, PyObject *observer, const char *method)
{
    PyObject *result = PyCallable_Check(observer)
                           ? PyObject_CallOneArg(observer, (PyObject *)self)
                           : PyObject_CallMethod(observer, method, "(O)", self);
    Py_XDECREF(result);
    return result != NULL;
}

static bool tell_observers(ext_future *self, const char *method)
{
    bool good = true;
    for (Py_ssize_t i = 0; good && self->observers && i < PyList_GET_SIZE(self->observers); i++) {
        PyObject *observer = ext_list_get(self->observers, i);
        good = observer && tell_observer(self, observer, method);
        Py_XDECREF(observer);
    }
    return good;
}

static PyObject *raise_invalid_state(ext_future *self)
{
    PyErr_Format(ext.invalid_state, "%s: %R", ext_state_names[self->state], self);
    return NULL;
}

/* Moves the future to a state in which it is done. False with an exception. */
static bool enter_state(ext_future *self, enum ext_state state, const char *observers,
                        PyObject *result, PyObject *exception)
{
    EXT_INSIDE(self);
    if (!call_condition(self, "acquire"))
        return false;
    bool good = !is_done(self);
    if (!good) {
        raise_invalid_state(self);
    } else {
        self->state = state;
        Py_XSETREF(self->result, Py_XNewRef(result));
        Py_XSETREF(self->exception, Py_XNewRef(exception));
        good = !observers || tell_observers(self, observers);
        ext_wake_all(&self->waiters);
        good = good && call_condition(self, "notify_all");
    }
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    bool released = call_condition(self, "release");
    if (type) {
        PyErr_Clear();
        PyErr_Restore(type, value, traceback);
    }
    return good && released;
}

static bool finish(ext_future *self, PyObject *result, PyObject *exception)
{
    return enter_state(self, EXT_FINISHED, exception ? "add_exception" : "add_result", result,
                       exception) &&
           call_callbacks(self);
}

bool ext_future_fail(ext_future *self, PyObject *exception)
{
    bool good;
    EXT_BEGIN(self);
    good = !is_done(self) && finish(self, NULL, exception);
    EXT_END();
    return good;
}

/* ---- The task ---- */

/* 1: runs now; 0: it was cancelled; -1 with an exception. */
static int begin(ext_future *self)
{
    EXT_INSIDE(self);
    switch (self->state) {
    case EXT_PENDING:
        self->state = EXT_RUNNING;
        return 1;
    case EXT_CANCELLED:
        if (!call_condition(self, "acquire"))
            return -1;
        self->state = EXT_NOTIFIED;
        bool good = tell_observers(self, "add_cancelled");
        return call_condition(self, "release") && good ? 0 : -1;
    default:
        PyErr_Format(PyExc_RuntimeError, "Future in unexpected state: %s",
                     ext_state_names[self->state]);
        return -1;
    }
}

/* The exception that is set, with its traceback; it is set no longer. */
static PyObject *take_exception(void)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    if (traceback)
        PyException_SetTraceback(value, traceback);
    Py_XDECREF(type);
    Py_XDECREF(traceback);
    return value;
}

void ext_future_run(ext_future *self)
{
    PyObject *result = NULL, *exception = NULL;
    int runs;
    EXT_BEGIN(self);
    runs = begin(self);
    EXT_END();
    if (runs > 0) {
        result = PyObject_Call(self->function, self->arguments, self->keywords);
        if (!result)
            exception = take_exception();
    }
    Py_CLEAR(self->function); /* of its worker alone */
    Py_CLEAR(self->arguments);
    Py_CLEAR(self->keywords);
    bool good = runs >= 0;
    EXT_BEGIN(self);
    good = good && (runs == 0 || finish(self, result, exception));
    EXT_END();
    if (!good)
        PyErr_WriteUnraisable((PyObject *)self);
    Py_XDECREF(result);
    Py_XDECREF(exception);
}

static bool cancel(ext_future *self)
{
    return enter_state(self, EXT_CANCELLED, NULL, NULL, NULL) && call_callbacks(self);
}

void ext_future_drop(ext_future *self)
{
    EXT_BEGIN(self);
    if (self->state == EXT_PENDING && !cancel(self))
        PyErr_WriteUnraisable((PyObject *)self);
    EXT_END();
}

/* ---- Methods ---- */

PyDoc_STRVAR(cancel_doc, "cancel($self, /)\n--\n\n"
                         "Cancel the task if it has not started. Return whether it is cancelled.");

static PyObject *future_cancel(PyObject *object, PyObject *ignored)
{
    (void)ignored;
    ext_future *self = (ext_future *)object;
    if (self->state == EXT_RUNNING || self->state == EXT_FINISHED)
        Py_RETURN_FALSE;
    if (self->state == EXT_PENDING && !cancel(self))
        return NULL;
    Py_RETURN_TRUE;
}
EXT_GUARD_O(future_cancel)

static PyObject *future_cancelled(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    enum ext_state state = ((ext_future *)self)->state;
    return PyBool_FromLong(state == EXT_CANCELLED || state == EXT_NOTIFIED);
}
EXT_GUARD_O(future_cancelled)

static PyObject *future_running(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    return PyBool_FromLong(((ext_future *)self)->state == EXT_RUNNING);
}
EXT_GUARD_O(future_running)

static PyObject *future_done(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    return PyBool_FromLong(is_done((ext_future *)self));
}
EXT_GUARD_O(future_done)

PyDoc_STRVAR(callback_doc,
             "add_done_callback($self, fn, /)\n--\n\n"
             "Call fn(future) when the future is done, or now if it is.\n\n"
             "Callbacks run in the order in which they were added, in the thread that ends the\n"
             "future. An exception of a callback is logged.");

static PyObject *future_add_done_callback(PyObject *object, PyObject *callback)
{
    ext_future *self = (ext_future *)object;
    if (is_done(self)) {
        if (!call_back(self, callback))
            return NULL;
        Py_RETURN_NONE;
    }
    if (!self->callbacks && !(self->callbacks = PyList_New(0)))
        return NULL;
    if (PyList_Append(self->callbacks, callback) < 0)
        return NULL;
    Py_RETURN_NONE;
}
EXT_GUARD_O(future_add_done_callback)

/* For wait() and as_completed(). To them a cancelled future counts when its executor has noticed, as in the standard
 * module. Calls the observer now or then. */
static PyObject *future_observe(PyObject *object, PyObject *observer)
{
    ext_future *self = (ext_future *)object;
    if (self->state == EXT_FINISHED || self->state == EXT_NOTIFIED)
        return PyObject_CallOneArg(observer, object);
    if (!self->observers && !(self->observers = PyList_New(0)))
        return NULL;
    if (PyList_Append(self->observers, observer) < 0)
        return NULL;
    Py_RETURN_NONE;
}
EXT_GUARD_O(future_observe)

static PyObject *future_unobserve(PyObject *object, PyObject *observer)
{
    ext_future *self = (ext_future *)object;
    for (Py_ssize_t i = 0; self->observers && i < PyList_GET_SIZE(self->observers); i++) {
        PyObject *one = ext_list_get(self->observers, i);
        Py_XDECREF(one); /* only its address counts */
        if (!one || (one == observer && PySequence_DelItem(self->observers, i) < 0))
            return NULL;
        if (one == observer)
            break;
    }
    Py_RETURN_NONE;
}
EXT_GUARD_O(future_unobserve)

static int try_done(void *argument)
{
    return is_done(argument);
}

/* Waits until it is done. False with an exception, TimeoutError among them. */
static bool await_end(ext_future *self, const char *function, PyObject *const *arguments,
                      Py_ssize_t count, PyObject *keywords)
{
    static const char *const names[] = {"timeout", NULL};
    PyObject *timeout = NULL;
    ext_deadline deadline = EXT_FOREVER;
    if ((count || keywords) &&
        !(ext_arguments(function, names, 0, arguments, count, keywords, &timeout) &&
          ext_deadline_after(timeout, &deadline)))
        return false;
    if (!is_done(self)) {
        ext_pool *blocked = deadline == EXT_NOW ? NULL : ext_pool_block();
        int rc = ext_wait((PyObject *)self, &self->waiters, deadline, try_done, self);
        ext_pool_unblock(blocked);
        if (rc == 0)
            PyErr_SetNone(PyExc_TimeoutError);
        if (rc <= 0)
            return false;
    }
    if (self->state != EXT_FINISHED)
        PyErr_SetNone(ext.cancelled_error);
    return self->state == EXT_FINISHED;
}

PyDoc_STRVAR(result_doc,
             "result($self, /, timeout=None)\n--\n\n"
             "Wait for the outcome. Return the result, or raise the exception of the task.\n\n"
             "TimeoutError if it is not done in time; CancelledError if it was cancelled.");

static PyObject *future_result(PyObject *object, PyObject *const *arguments, Py_ssize_t count,
                               PyObject *keywords)
{
    ext_future *self = (ext_future *)object;
    if (!await_end(self, "result", arguments, count, keywords))
        return NULL;
    if (self->exception && self->exception != Py_None) {
        PyObject *exception = Py_NewRef(self->exception);
        PyErr_SetObject((PyObject *)Py_TYPE(exception), exception);
        Py_DECREF(exception);
        return NULL;
    }
    return Py_NewRef(self->result ? self->result : Py_None);
}
EXT_GUARD_KEYS(future_result)

PyDoc_STRVAR(exception_doc, "exception($self, /, timeout=None)\n--\n\n"
                            "Wait for the outcome. Return the exception of the task, or None.");

static PyObject *future_exception(PyObject *object, PyObject *const *arguments, Py_ssize_t count,
                                  PyObject *keywords)
{
    ext_future *self = (ext_future *)object;
    if (!await_end(self, "exception", arguments, count, keywords))
        return NULL;
    return Py_NewRef(self->exception ? self->exception : Py_None);
}
EXT_GUARD_KEYS(future_exception)

PyDoc_STRVAR(begin_doc,
             "set_running_or_notify_cancel($self, /)\n--\n\n"
             "For executors: mark the task as running. Return False if it was cancelled.");

static PyObject *future_begin(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    int rc = begin((ext_future *)self);
    return rc < 0 ? NULL : PyBool_FromLong(rc);
}
EXT_GUARD_O(future_begin)

static PyObject *future_set_result(PyObject *self, PyObject *result)
{
    if (!finish((ext_future *)self, result, NULL))
        return NULL;
    Py_RETURN_NONE;
}
EXT_GUARD_O(future_set_result)

static PyObject *future_set_exception(PyObject *self, PyObject *exception)
{
    if (!finish((ext_future *)self, NULL, exception))
        return NULL;
    Py_RETURN_NONE;
}
EXT_GUARD_O(future_set_exception)

static PyObject *future_invoke_callbacks(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    if (!call_callbacks((ext_future *)self))
        return NULL;
    Py_RETURN_NONE;
}
EXT_GUARD_O(future_invoke_callbacks)

static PyObject *future_listen(PyObject *self, PyObject *callback)
{
    return ext_listen(self, &((ext_future *)self)->waiters, callback, false);
}
EXT_GUARD_O(future_listen)

static PyObject *future_repr(PyObject *object)
{
    ext_future *self = (ext_future *)object;
    const char *name = strrchr(Py_TYPE(self)->tp_name, '.');
    name = name ? name + 1 : Py_TYPE(self)->tp_name;
    static const char *const lower[] = {"pending", "running", "cancelled", "cancelled", "finished"};
    if (self->state != EXT_FINISHED)
        return PyUnicode_FromFormat("<%s at %p state=%s>", name, (void *)self, lower[self->state]);
    if (self->exception && self->exception != Py_None)
        return PyUnicode_FromFormat("<%s at %p state=finished raised %s>", name, (void *)self,
                                    _PyType_Name(Py_TYPE(self->exception)));
    return PyUnicode_FromFormat("<%s at %p state=finished returned %s>", name, (void *)self,
                                self->result ? _PyType_Name(Py_TYPE(self->result)) : "NoneType");
}
EXT_GUARD_REPR(future_repr)

/* ---- The type ---- */

static int future_init(PyObject *self, PyObject *arguments, PyObject *keywords)
{
    (void)self;
    static const char *const names[] = {NULL};
    PyObject *none[1];
    return ext_init_arguments("Future", names, 0, arguments, keywords, none) ? 0 : -1;
}
EXT_GUARD_INIT(future_init)

static int future_traverse(PyObject *object, visitproc visit, void *arg)
{
    ext_future *self = (ext_future *)object;
    Py_VISIT(self->result);
    Py_VISIT(self->exception);
    Py_VISIT(self->callbacks);
    Py_VISIT(self->observers);
    Py_VISIT(self->condition);
    Py_VISIT(self->function);
    Py_VISIT(self->arguments);
    Py_VISIT(self->keywords);
    return ext_traverse(object, visit, arg);
}

static int future_clear(PyObject *object)
{
    ext_future *self = (ext_future *)object;
    Py_CLEAR(self->result);
    Py_CLEAR(self->exception);
    Py_CLEAR(self->callbacks);
    Py_CLEAR(self->observers);
    Py_CLEAR(self->condition);
    Py_CLEAR(self->function);
    Py_CLEAR(self->arguments);
    Py_CLEAR(self->keywords);
    return ext_clear(object);
}

static void future_dealloc(PyObject *self)
{
    ext_dealloc(self, future_clear);
}

static PyMethodDef future_methods[] = {
    {"cancel", future_cancel_guarded, METH_NOARGS, cancel_doc},
    {"cancelled", future_cancelled_guarded, METH_NOARGS,
     "cancelled($self, /)\n--\n\nReturn whether it was cancelled."},
    {"running", future_running_guarded, METH_NOARGS,
     "running($self, /)\n--\n\nReturn whether the task runs now."},
    {"done", future_done_guarded, METH_NOARGS,
     "done($self, /)\n--\n\nReturn whether it is finished or cancelled."},
    {"add_done_callback", future_add_done_callback_guarded, METH_O, callback_doc},
    {"_observe", future_observe_guarded, METH_O, "Call an observer once when it is finished."},
    {"_unobserve", future_unobserve_guarded, METH_O, "Forget an observer."},
    EXT_METHOD("result", future_result_guarded, result_doc),
    EXT_METHOD("exception", future_exception_guarded, exception_doc),
    {"set_running_or_notify_cancel", future_begin_guarded, METH_NOARGS, begin_doc},
    {"set_result", future_set_result_guarded, METH_O,
     "set_result($self, result, /)\n--\n\nFor executors: end the future with a result."},
    {"set_exception", future_set_exception_guarded, METH_O,
     "set_exception($self, exception, /)\n--\n\nFor executors: end the future with an exception."},
    {"_invoke_callbacks", future_invoke_callbacks_guarded, METH_NOARGS,
     "Call and forget the callbacks."},
    {"_listen", future_listen_guarded, METH_O, "Call a callback once when it is done."},
    {"__class_getitem__", Py_GenericAlias, METH_O | METH_CLASS, "Future[int]: for type checkers."},
    {NULL, NULL, 0, NULL},
};

EXT_GUARD_GET(ext_future_get_state)
EXT_GUARD_SET(ext_future_set_state)
EXT_GUARD_GET(ext_future_get_condition)
EXT_GUARD_GET(ext_future_get_observers)
EXT_GUARD_GET(ext_future_get_callbacks)

static PyGetSetDef future_getset[] = {
    EXT_FIELD("_result", T_OBJECT, ext_future, result, 0, "The result, or None."),
    EXT_FIELD("_exception", T_OBJECT, ext_future, exception, 0, "The exception, or None."),
    {"_state", ext_future_get_state_guarded, ext_future_set_state_guarded, "The name of the state.",
     NULL},
    {"_condition", ext_future_get_condition_guarded, NULL,
     "A condition that is notified when it is done.", NULL},
    {"_waiters", ext_future_get_observers_guarded, NULL, "Observers of the standard module.", NULL},
    {"_done_callbacks", ext_future_get_callbacks_guarded, NULL,
     "The callbacks that were not called.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMemberDef future_members[] = {
    EXT_WEAK_MEMBER,
    EXT_DICT_MEMBER,
    {NULL, 0, 0, 0, NULL},
};

PyDoc_STRVAR(future_doc,
             "Future()\n--\n\n"
             "The outcome of a task, which may still be pending.\n\n"
             "Executors make futures; a program makes one only for its own executor or a test.\n"
             "A thread waits by result(), a coroutine by `await future`.");

static PyType_Slot future_slots[] = {
    {Py_tp_doc, (void *)future_doc},
    {Py_tp_new, PyType_GenericNew},
    {Py_tp_init, future_init_guarded},
    {Py_tp_repr, future_repr_guarded},
    {Py_tp_traverse, future_traverse},
    {Py_tp_clear, future_clear},
    {Py_tp_dealloc, future_dealloc},
    {Py_tp_methods, future_methods},
    {Py_tp_getset, future_getset},
    {Py_tp_members, future_members},
    {0, NULL},
};

PyType_Spec ext_future_spec = {.name = "thrum._thrum.Future",
                               .basicsize = sizeof(ext_future),
                               .flags = EXT_FLAGS,
                               .slots = future_slots};
