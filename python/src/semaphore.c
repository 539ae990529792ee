/* Semaphore, BoundedSemaphore and Event.
 *
 * A semaphore is a count of permits. release(n) adds n and wakes n waiters, which take their permits themselves; see
 * park.c. A bounded semaphore is a semaphore with a limit; a limit of -1 stands for none.
 */
#include "extension.h"

typedef struct {
    EXT_HEAD
    Py_ssize_t value;
    Py_ssize_t limit;
    ext_waiters waiters;
} ext_semaphore;

static int try_permit(void *argument)
{
    ext_semaphore *self = argument;
    EXT_INSIDE(self);
    if (self->value <= 0)
        return 0;
    self->value--;
    return 1;
}

static int init_value(ext_semaphore *self, const char *name, PyObject *arguments,
                      PyObject *keywords)
{
    static const char *const names[] = {"value", NULL};
    PyObject *number;
    if (!ext_init_arguments(name, names, 0, arguments, keywords, &number))
        return -1;
    Py_ssize_t value = number ? PyNumber_AsSsize_t(number, PyExc_OverflowError) : 1;
    if (value == -1 && PyErr_Occurred())
        return -1;
    if (value < 0) {
        PyErr_SetString(PyExc_ValueError, "semaphore initial value must be >= 0");
        return -1;
    }
    self->value = value;
    return 0;
}

static PyObject *semaphore_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords)
{
    PyObject *self = PyType_GenericNew(type, arguments, keywords);
    if (self) {
        ((ext_semaphore *)self)->value = 1;
        ((ext_semaphore *)self)->limit = -1;
    }
    return self;
}

static int semaphore_init(PyObject *self, PyObject *arguments, PyObject *keywords)
{
    return init_value((ext_semaphore *)self, "Semaphore", arguments, keywords);
}
EXT_GUARD_INIT(semaphore_init)

static int bounded_init(PyObject *object, PyObject *arguments, PyObject *keywords)
{
    ext_semaphore *self = (ext_semaphore *)object;
    if (init_value(self, "BoundedSemaphore", arguments, keywords) < 0)
        return -1;
    self->limit = self->value;
    return 0;
}
EXT_GUARD_INIT(bounded_init)

PyDoc_STRVAR(acquire_doc, "acquire($self, /, blocking=True, timeout=None)\n--\n\n"
                          "Take a permit. Return True, or False if there was none in time.\n\n"
                          "With blocking=False, do not wait. A timeout is in seconds.");

static PyObject *semaphore_acquire(PyObject *object, PyObject *const *arguments, Py_ssize_t count,
                                   PyObject *keywords)
{
    static const char *const names[] = {"blocking", "timeout", NULL};
    ext_semaphore *self = (ext_semaphore *)object;
    ext_deadline deadline = EXT_FOREVER;
    if (count || keywords) {
        PyObject *values[2];
        if (!ext_arguments("acquire", names, 0, arguments, count, keywords, values))
            return NULL;
        int blocking = values[0] ? PyObject_IsTrue(values[0]) : 1;
        if (blocking < 0)
            return NULL;
        if (!blocking && values[1] && values[1] != Py_None) {
            PyErr_SetString(PyExc_ValueError, "can't specify timeout for non-blocking acquire");
            return NULL;
        }
        if (!ext_deadline_after(values[1], &deadline))
            return NULL;
        if (!blocking)
            deadline = EXT_NOW;
    }
    int rc = ext_wait((PyObject *)self, &self->waiters, deadline, try_permit, self);
    return rc < 0 ? NULL : PyBool_FromLong(rc);
}
EXT_GUARD_KEYS(semaphore_acquire)

static PyObject *semaphore_enter(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    return semaphore_acquire(self, NULL, 0, NULL);
}
EXT_GUARD_O(semaphore_enter)

static bool release(ext_semaphore *self, Py_ssize_t count)
{
    EXT_INSIDE(self);
    if (count < 1) {
        PyErr_SetString(PyExc_ValueError, "n must be one or more");
        return false;
    }
    if (self->limit >= 0 && (count > self->limit || self->value > self->limit - count)) {
        PyErr_SetString(PyExc_ValueError, "Semaphore released too many times");
        return false;
    }
    if (self->value > PY_SSIZE_T_MAX - count) {
        PyErr_SetString(PyExc_OverflowError, "too many permits");
        return false;
    }
    self->value += count;
    while (count-- > 0 && ext_wake(&self->waiters))
        continue;
    return true;
}

PyDoc_STRVAR(release_doc,
             "release($self, /, n=1)\n--\n\n"
             "Give n permits back and wake as many waiters.\n\n"
             "ValueError if a bounded semaphore would then have more permits than at first.");

static PyObject *semaphore_release(PyObject *object, PyObject *const *arguments, Py_ssize_t count,
                                   PyObject *keywords)
{
    static const char *const names[] = {"n", NULL};
    Py_ssize_t permits = 1;
    if (count || keywords) {
        PyObject *number;
        if (!ext_arguments("release", names, 0, arguments, count, keywords, &number))
            return NULL;
        permits = PyNumber_AsSsize_t(number, PyExc_OverflowError);
        if (permits == -1 && PyErr_Occurred())
            return NULL;
    }
    if (!release((ext_semaphore *)object, permits))
        return NULL;
    Py_RETURN_NONE;
}
EXT_GUARD_KEYS(semaphore_release)

static PyObject *semaphore_exit(PyObject *self, PyObject *const *arguments, Py_ssize_t count)
{
    (void)arguments;
    (void)count;
    return semaphore_release(self, NULL, 0, NULL);
}
EXT_GUARD_FAST(semaphore_exit)

PyDoc_STRVAR(
    acquire_in_turn_doc,
    "_acquire_in_turn($self, /)\n--\n\n"
    "Take a permit if more are there than coroutines were woken for. Return whether it did.");

static PyObject *semaphore_acquire_in_turn(PyObject *object, PyObject *ignored)
{
    (void)ignored;
    ext_semaphore *self = (ext_semaphore *)object;
    if (self->value <= (Py_ssize_t)ext_offers(&self->waiters))
        Py_RETURN_FALSE;
    return PyBool_FromLong(try_permit(self));
}
EXT_GUARD_O(semaphore_acquire_in_turn)

static PyObject *semaphore_listen(PyObject *self, PyObject *const *arguments, Py_ssize_t count)
{
    return ext_listen_method(self, &((ext_semaphore *)self)->waiters, arguments, count);
}
EXT_GUARD_FAST(semaphore_listen)

static PyObject *semaphore_repr(PyObject *object)
{
    ext_semaphore *self = (ext_semaphore *)object;
    if (self->limit >= 0)
        return ext_repr(object, "value=%zd/%zd", self->value, self->limit);
    return ext_repr(object, "value=%zd", self->value);
}
EXT_GUARD_REPR(semaphore_repr)

static void semaphore_dealloc(PyObject *self)
{
    ext_dealloc(self, ext_clear);
}

static PyMethodDef semaphore_methods[] = {
    EXT_METHOD("acquire", semaphore_acquire_guarded, acquire_doc),
    EXT_METHOD("release", semaphore_release_guarded, release_doc),
    {"__enter__", semaphore_enter_guarded, METH_NOARGS, "Take a permit."},
    {"__exit__", (PyCFunction)(void (*)(void))semaphore_exit_guarded, METH_FASTCALL,
     "Give the permit back."},
    {"_acquire_in_turn", semaphore_acquire_in_turn_guarded, METH_NOARGS, acquire_in_turn_doc},
    EXT_LISTEN(semaphore_listen_guarded),
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef semaphore_getset[] = {
    EXT_FIELD("_value", T_PYSSIZET, ext_semaphore, value, 0, "The permits that are there."),
    {0},
};

static PyMemberDef semaphore_members[] = {
    EXT_WEAK_MEMBER,
    EXT_DICT_MEMBER,
    {NULL, 0, 0, 0, NULL},
};

static PyGetSetDef bounded_getset[] = {
    EXT_FIELD("_initial_value", T_PYSSIZET, ext_semaphore, limit, 0, "The most permits."),
    {0},
};

PyDoc_STRVAR(semaphore_doc,
             "Semaphore(value=1)\n--\n\n"
             "A count of permits. acquire() takes one and waits while there is none.\n\n"
             "Use it as `with semaphore:`, or in a coroutine as `async with semaphore:`.");
PyDoc_STRVAR(bounded_doc, "BoundedSemaphore(value=1)\n--\n\n"
                          "A semaphore that never has more permits than at first.\n\n"
                          "One release too many raises ValueError.");

static PyType_Slot semaphore_slots[] = {
    {Py_tp_doc, (void *)semaphore_doc},
    {Py_tp_new, semaphore_new},
    {Py_tp_init, semaphore_init_guarded},
    {Py_tp_repr, semaphore_repr_guarded},
    {Py_tp_traverse, ext_traverse},
    {Py_tp_clear, ext_clear},
    {Py_tp_dealloc, semaphore_dealloc},
    {Py_tp_methods, semaphore_methods},
    {Py_tp_getset, semaphore_getset},
    {Py_tp_members, semaphore_members},
    {0, NULL},
};

PyType_Spec ext_semaphore_spec = {.name = "thrum._thrum.Semaphore",
                                  .basicsize = sizeof(ext_semaphore),
                                  .flags = EXT_FLAGS,
                                  .slots = semaphore_slots};

static PyType_Slot bounded_slots[] = {
    {Py_tp_doc, (void *)bounded_doc},
    {Py_tp_init, bounded_init_guarded},
    {Py_tp_getset, bounded_getset},
    {0, NULL},
};

PyType_Spec ext_bounded_semaphore_spec = {.name = "thrum._thrum.BoundedSemaphore",
                                          .basicsize = sizeof(ext_semaphore),
                                          .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
                                          .slots = bounded_slots};

/* ---- Event ---- */

/* A waiter that was woken has seen the event set, though another thread may have cleared it since: set() means those
 * who wait then. So its waiters do not try again. */
typedef struct {
    EXT_HEAD
    bool set;
    ext_waiters waiters;
} ext_event;

PyDoc_STRVAR(is_set_doc, "is_set($self, /)\n--\n\nReturn whether the event is set.");

static PyObject *event_is_set(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    return PyBool_FromLong(((ext_event *)self)->set);
}
EXT_GUARD_O(event_is_set)

static PyObject *event_isSet(PyObject *self, PyObject *ignored)
{
    if (PyErr_WarnEx(PyExc_DeprecationWarning, "isSet() is deprecated, use is_set() instead", 1) <
        0)
        return NULL;
    return event_is_set(self, ignored);
}
EXT_GUARD_O(event_isSet)

PyDoc_STRVAR(set_doc, "set($self, /)\n--\n\nSet the event and wake all who wait for it.");

static PyObject *event_set(PyObject *object, PyObject *ignored)
{
    (void)ignored;
    ext_event *self = (ext_event *)object;
    self->set = true;
    ext_wake_all(&self->waiters);
    Py_RETURN_NONE;
}
EXT_GUARD_O(event_set)

PyDoc_STRVAR(clear_doc, "clear($self, /)\n--\n\nMake the event not set.");

static PyObject *event_clear(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    ((ext_event *)self)->set = false;
    Py_RETURN_NONE;
}
EXT_GUARD_O(event_clear)

PyDoc_STRVAR(event_wait_doc,
             "wait($self, /, timeout=None)\n--\n\n"
             "Wait until the event is set. Return True, or False if the timeout passed first.");

static PyObject *event_wait(PyObject *object, PyObject *const *arguments, Py_ssize_t count,
                            PyObject *keywords)
{
    static const char *const names[] = {"timeout", NULL};
    ext_event *self = (ext_event *)object;
    PyObject *timeout;
    ext_deadline deadline;
    if (!ext_arguments("wait", names, 0, arguments, count, keywords, &timeout))
        return NULL;
    if (self->set)
        Py_RETURN_TRUE;
    if (!ext_deadline_after(timeout, &deadline))
        return NULL;
    if (self->set) /* a timeout may be an object with methods in Python, which let others in */
        Py_RETURN_TRUE;
    if (deadline == EXT_NOW)
        Py_RETURN_FALSE;
    ext_waiter *waiter = ext_waiter_new((PyObject *)self);
    if (!waiter)
        return NULL;
    ext_waiter_link(&self->waiters, waiter);
    int rc = ext_sleep(waiter, deadline);
    ext_waiter_free(waiter);
    return rc < 0 ? NULL : PyBool_FromLong(rc);
}
EXT_GUARD_KEYS(event_wait)

static PyObject *event_at_fork_reinit(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    ((ext_event *)self)->waiters = (ext_waiters){0};
    Py_RETURN_NONE;
}
EXT_GUARD_O(event_at_fork_reinit)

static PyObject *event_listen(PyObject *self, PyObject *const *arguments, Py_ssize_t count)
{
    return ext_listen_method(self, &((ext_event *)self)->waiters, arguments, count);
}
EXT_GUARD_FAST(event_listen)

static PyObject *event_repr(PyObject *self)
{
    return ext_repr(self, "%s", ((ext_event *)self)->set ? "set" : "unset");
}
EXT_GUARD_REPR(event_repr)

static int event_init(PyObject *self, PyObject *arguments, PyObject *keywords)
{
    (void)self;
    static const char *const names[] = {NULL};
    PyObject *none[1];
    return ext_init_arguments("Event", names, 0, arguments, keywords, none) ? 0 : -1;
}
EXT_GUARD_INIT(event_init)

static PyMethodDef event_methods[] = {
    {"is_set", event_is_set_guarded, METH_NOARGS, is_set_doc},
    {"isSet", event_isSet_guarded, METH_NOARGS, "A deprecated name of is_set()."},
    {"set", event_set_guarded, METH_NOARGS, set_doc},
    {"clear", event_clear_guarded, METH_NOARGS, clear_doc},
    EXT_METHOD("wait", event_wait_guarded, event_wait_doc),
    {"_at_fork_reinit", event_at_fork_reinit_guarded, METH_NOARGS,
     "In the child process of a fork: nobody waits."},
    EXT_LISTEN(event_listen_guarded),
    {NULL, NULL, 0, NULL},
};

static PyMemberDef event_members[] = {EXT_WEAK_MEMBER, EXT_DICT_MEMBER, {NULL, 0, 0, 0, NULL}};

PyDoc_STRVAR(event_doc,
             "Event()\n--\n\n"
             "A flag. Threads wait until it is set; a coroutine waits by `await event.await_()`.");

static PyType_Slot event_slots[] = {
    {Py_tp_doc, (void *)event_doc},     {Py_tp_new, PyType_GenericNew},
    {Py_tp_init, event_init_guarded},   {Py_tp_repr, event_repr_guarded},
    {Py_tp_traverse, ext_traverse},     {Py_tp_clear, ext_clear},
    {Py_tp_dealloc, semaphore_dealloc}, {Py_tp_methods, event_methods},
    {Py_tp_members, event_members},     {0, NULL},
};

PyType_Spec ext_event_spec = {.name = "thrum._thrum.Event",
                              .basicsize = sizeof(ext_event),
                              .flags = EXT_FLAGS,
                              .slots = event_slots};
