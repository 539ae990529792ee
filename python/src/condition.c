/* Condition.
 *
 * A waiter of a condition does not try again: a notify is meant for exactly one of those who wait when it is called. A
 * waiter that a notify has chosen and that leaves by an exception passes the notify on.
 *
 * The lock may be any object with acquire and release. A Lock and an RLock of this module are used without a call.
 * After a wait the lock is always held again: an exception of a signal handler is raised after that.
 */
#include "extension.h"

typedef struct {
    EXT_HEAD
    PyObject *lock;
    ext_waiters waiters;
} ext_condition;

/* A condition has a lock from the beginning: a subclass may forget to call __init__. */
static PyObject *condition_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords)
{
    PyObject *self = PyType_GenericNew(type, arguments, keywords);
    PyObject *lock = self ? PyObject_CallNoArgs((PyObject *)ext.rlock) : NULL;
    if (!lock) {
        Py_XDECREF(self);
        return NULL;
    }
    ((ext_condition *)self)->lock = lock;
    return self;
}

static int condition_init(PyObject *object, PyObject *arguments, PyObject *keywords)
{
    static const char *const names[] = {"lock", NULL};
    ext_condition *self = (ext_condition *)object;
    PyObject *lock;
    if (!ext_init_arguments("Condition", names, 0, arguments, keywords, &lock))
        return -1;
    if (lock && lock != Py_None)
        Py_SETREF(self->lock, Py_NewRef(lock));
    return 0;
}
EXT_GUARD_INIT(condition_init)

/* ---- The lock ---- */

/* NULL if it is another's. */
static ext_lock *own_lock(PyObject *lock)
{
    return Py_TYPE(lock) == ext.lock || Py_TYPE(lock) == ext.rlock ? (ext_lock *)lock : NULL;
}

/* The second section of each method. */
static PyObject *lock_or_self(PyObject *self)
{
    PyObject *lock = ((ext_condition *)self)->lock;
    return own_lock(lock) ? lock : self;
}

/* -1 with an exception. A lock without owner is held if it cannot be acquired. */
static int is_owned(PyObject *lock)
{
    if (own_lock(lock))
        return ext_lock_is_owned(own_lock(lock));
    PyObject *method = PyObject_GetAttrString(lock, "_is_owned");
    PyObject *result;
    if (method) {
        result = PyObject_CallNoArgs(method);
        Py_DECREF(method);
        int rc = result ? PyObject_IsTrue(result) : -1;
        Py_XDECREF(result);
        return rc;
    }
    if (!PyErr_ExceptionMatches(PyExc_AttributeError))
        return -1;
    PyErr_Clear();
    result = PyObject_CallMethod(lock, "acquire", "(O)", Py_False);
    int taken = result ? PyObject_IsTrue(result) : -1;
    Py_XDECREF(result);
    if (taken <= 0)
        return taken < 0 ? -1 : 1;
    result = PyObject_CallMethod(lock, "release", NULL);
    Py_XDECREF(result);
    return result ? 0 : -1;
}

/* Releases it wholly. What restores it; NULL with an exception. */
static PyObject *release_save(PyObject *lock)
{
    ext_lock *own = own_lock(lock);
    if (own) {
        PyObject *count = PyLong_FromUnsignedLong(own->count);
        if (count)
            ext_lock_release(own, own->count);
        return count;
    }
    int has = PyObject_HasAttrString(lock, "_release_save");
    return PyObject_CallMethod(lock, has ? "_release_save" : "release", NULL);
}

/* -1 with an exception: then the lock is not held. */
static int try_restore(PyObject *lock, PyObject *saved)
{
    ext_lock *own = own_lock(lock);
    if (own)
        return ext_lock_acquire(own, EXT_FOREVER,
                                own->reentrant ? PyLong_AsUnsignedLong(saved) : 1);
    PyObject *result = PyObject_HasAttrString(lock, "_acquire_restore")
                           ? PyObject_CallMethod(lock, "_acquire_restore", "(O)", saved)
                           : PyObject_CallMethod(lock, "acquire", NULL);
    Py_XDECREF(result);
    return result ? 1 : -1;
}

/* Acquires the lock again. Keeps the exception that is set, or the first that comes: false if there is one. */
static bool restore(PyObject *lock, PyObject *saved)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    while (try_restore(lock, saved) < 0) {
        if (type)
            PyErr_Clear();
        else
            PyErr_Fetch(&type, &value, &traceback);
        if (!own_lock(lock))
            break; /* another's lock: we do not know what its exception means */
    }
    bool good = !type;
    PyErr_Restore(type, value, traceback);
    return good;
}

/* False with a RuntimeError that says what cannot be done. */
static bool must_own(ext_condition *self, const char *what)
{
    int owned = is_owned(self->lock);
    if (owned == 0)
        PyErr_Format(PyExc_RuntimeError, "cannot %s un-acquired lock", what);
    return owned > 0;
}

/* ---- Methods ---- */

PyDoc_STRVAR(
    wait_doc,
    "wait($self, /, timeout=None)\n--\n\n"
    "Release the lock, wait for a notify, and acquire the lock again.\n\n"
    "Return True, or False if the timeout passed first. RuntimeError if the lock is not held.");

/* 1 notified, 0 timed out, -1 with an exception; the lock is held again. */
static int wait_until(ext_condition *self, ext_deadline deadline)
{
    ext_waiter *waiter = ext_waiter_new((PyObject *)self);
    if (!waiter)
        return -1;
    ext_waiter_link(&self->waiters, waiter);
    PyObject *lock = Py_NewRef(self->lock);
    PyObject *saved = release_save(lock);
    int rc = -1;
    if (saved) {
        rc = deadline == EXT_NOW ? ext_waiter_woken(waiter) : ext_sleep(waiter, deadline);
        ext_waiter_unlink(waiter); /* from here on no notify is meant for it */
        if (!restore(lock, saved))
            rc = -1;
    }
    if (rc < 0 && ext_waiter_woken(waiter))
        ext_wake(&self->waiters);
    ext_waiter_free(waiter);
    Py_XDECREF(saved);
    Py_DECREF(lock);
    return rc;
}

static const char *const wait_names[] = {"timeout", NULL};

static PyObject *condition_wait(PyObject *object, PyObject *const *arguments, Py_ssize_t count,
                                PyObject *keywords)
{
    ext_condition *self = (ext_condition *)object;
    PyObject *timeout;
    ext_deadline deadline;
    if (!ext_arguments("wait", wait_names, 0, arguments, count, keywords, &timeout) ||
        !ext_deadline_after(timeout, &deadline) || !must_own(self, "wait on"))
        return NULL;
    int rc = wait_until(self, deadline);
    return rc < 0 ? NULL : PyBool_FromLong(rc);
}
EXT_GUARD_BOTH_KEYS(condition_wait, lock_or_self(self))

PyDoc_STRVAR(wait_for_doc, "wait_for($self, /, predicate, timeout=None)\n--\n\n"
                           "Wait until predicate() is true. Return its last value.");

static PyObject *condition_wait_for(PyObject *object, PyObject *const *arguments, Py_ssize_t count,
                                    PyObject *keywords)
{
    static const char *const names[] = {"predicate", "timeout", NULL};
    ext_condition *self = (ext_condition *)object;
    PyObject *values[2];
    ext_deadline deadline;
    if (!ext_arguments("wait_for", names, 1, arguments, count, keywords, values) ||
        !ext_deadline_after(values[1], &deadline))
        return NULL;
    for (;;) {
        PyObject *result = PyObject_CallNoArgs(values[0]);
        int good = result ? PyObject_IsTrue(result) : -1;
        if (good != 0) {
            if (good < 0)
                Py_CLEAR(result);
            return result;
        }
        if (!must_own(self, "wait on")) {
            Py_DECREF(result);
            return NULL;
        }
        int rc = deadline == EXT_NOW ? 0 : wait_until(self, deadline);
        if (rc == 0 && deadline != EXT_NOW) {
            deadline = EXT_NOW; /* one last look */
            rc = 1;
        }
        if (rc == 0)
            return result;
        Py_DECREF(result);
        if (rc < 0)
            return NULL;
    }
}
EXT_GUARD_BOTH_KEYS(condition_wait_for, lock_or_self(self))

PyDoc_STRVAR(notify_doc,
             "notify($self, /, n=1)\n--\n\n"
             "Wake n of the threads that wait now, or fewer if fewer wait. The lock must be held.");

static PyObject *condition_notify(PyObject *object, PyObject *const *arguments, Py_ssize_t count,
                                  PyObject *keywords)
{
    static const char *const names[] = {"n", NULL};
    ext_condition *self = (ext_condition *)object;
    PyObject *number = NULL;
    if (((count || keywords) &&
         !ext_arguments("notify", names, 0, arguments, count, keywords, &number)) ||
        !must_own(self, "notify on"))
        return NULL;
    Py_ssize_t left = number ? PyNumber_AsSsize_t(number, PyExc_OverflowError) : 1;
    if (left == -1 && PyErr_Occurred())
        return NULL;
    for (; left > 0 && ext_wake(&self->waiters); left--)
        continue;
    Py_RETURN_NONE;
}
EXT_GUARD_BOTH_KEYS(condition_notify, lock_or_self(self))

PyDoc_STRVAR(notify_all_doc,
             "notify_all($self, /)\n--\n\nWake all threads that wait now. The lock must be held.");

static PyObject *condition_notify_all(PyObject *object, PyObject *ignored)
{
    (void)ignored;
    ext_condition *self = (ext_condition *)object;
    if (!must_own(self, "notify on"))
        return NULL;
    ext_wake_all(&self->waiters);
    Py_RETURN_NONE;
}
EXT_GUARD_BOTH_O(condition_notify_all, lock_or_self(self))

static PyObject *condition_notifyAll(PyObject *self, PyObject *ignored)
{
    if (PyErr_WarnEx(PyExc_DeprecationWarning,
                     "notifyAll() is deprecated, use notify_all() instead", 1) < 0)
        return NULL;
    return condition_notify_all_guarded(self, ignored);
}

static PyObject *forward(PyObject *object, const char *method, PyObject *const *arguments,
                         Py_ssize_t count, PyObject *keywords)
{
    PyObject *function = PyObject_GetAttrString(((ext_condition *)object)->lock, method);
    if (!function)
        return NULL;
    PyObject *result = PyObject_Vectorcall(function, arguments, (size_t)count, keywords);
    Py_DECREF(function);
    return result;
}

static PyObject *condition_acquire(PyObject *self, PyObject *const *arguments, Py_ssize_t count,
                                   PyObject *keywords)
{
    return forward(self, "acquire", arguments, count, keywords);
}
EXT_GUARD_BOTH_KEYS(condition_acquire, lock_or_self(self))

static PyObject *condition_release(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    return forward(self, "release", NULL, 0, NULL);
}
EXT_GUARD_BOTH_O(condition_release, lock_or_self(self))

static PyObject *condition_locked(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    return forward(self, "locked", NULL, 0, NULL);
}
EXT_GUARD_BOTH_O(condition_locked, lock_or_self(self))

static PyObject *condition_enter(PyObject *object, PyObject *ignored)
{
    (void)ignored;
    PyObject *lock = ((ext_condition *)object)->lock;
    if (!own_lock(lock))
        return forward(object, "__enter__", NULL, 0, NULL);
    if (ext_lock_acquire(own_lock(lock), EXT_FOREVER, 1) < 0)
        return NULL;
    Py_RETURN_TRUE;
}
EXT_GUARD_BOTH_O(condition_enter, lock_or_self(self))

static PyObject *condition_exit(PyObject *self, PyObject *const *arguments, Py_ssize_t count)
{
    PyObject *lock = ((ext_condition *)self)->lock;
    if (own_lock(lock) && ext_lock_is_owned(own_lock(lock))) {
        ext_lock_release(own_lock(lock), 1);
        Py_RETURN_NONE;
    }
    return forward(self, "__exit__", arguments, count, NULL);
}
EXT_GUARD_BOTH_FAST(condition_exit, lock_or_self(self))

static PyObject *condition_is_owned(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    int owned = is_owned(((ext_condition *)self)->lock);
    return owned < 0 ? NULL : PyBool_FromLong(owned);
}
EXT_GUARD_BOTH_O(condition_is_owned, lock_or_self(self))

static PyObject *condition_release_save(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    return must_own((ext_condition *)self, "release") ? release_save(((ext_condition *)self)->lock)
                                                      : NULL;
}
EXT_GUARD_BOTH_O(condition_release_save, lock_or_self(self))

static PyObject *condition_acquire_restore(PyObject *self, PyObject *saved)
{
    PyObject *lock = ((ext_condition *)self)->lock;
    if (own_lock(lock) && own_lock(lock)->reentrant && PyLong_AsUnsignedLong(saved) == ULONG_MAX) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_OverflowError, "Internal lock count overflowed");
        return NULL;
    }
    if (!restore(lock, saved))
        return NULL;
    Py_RETURN_NONE;
}
EXT_GUARD_BOTH_O(condition_acquire_restore, lock_or_self(self))

static PyObject *condition_at_fork_reinit(PyObject *object, PyObject *ignored)
{
    (void)ignored;
    ((ext_condition *)object)->waiters = (ext_waiters){0};
    return forward(object, "_at_fork_reinit", NULL, 0, NULL);
}
EXT_GUARD_BOTH_O(condition_at_fork_reinit, lock_or_self(self))

static PyObject *condition_repr(PyObject *object)
{
    ext_condition *self = (ext_condition *)object;
    return PyUnicode_FromFormat("<Condition(%R, %zd)>", self->lock,
                                ext_waiter_count(&self->waiters));
}
EXT_GUARD_REPR(condition_repr)

static int condition_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(((ext_condition *)self)->lock);
    return ext_traverse(self, visit, arg);
}

static int condition_clear(PyObject *self)
{
    Py_CLEAR(((ext_condition *)self)->lock);
    return ext_clear(self);
}

static void condition_dealloc(PyObject *self)
{
    ext_dealloc(self, condition_clear);
}

static PyMethodDef condition_methods[] = {
    EXT_METHOD("wait", condition_wait_guarded, wait_doc),
    EXT_METHOD("wait_for", condition_wait_for_guarded, wait_for_doc),
    EXT_METHOD("notify", condition_notify_guarded, notify_doc),
    {"notify_all", condition_notify_all_guarded, METH_NOARGS, notify_all_doc},
    {"notifyAll", condition_notifyAll, METH_NOARGS, "A deprecated name of notify_all()."},
    EXT_METHOD("acquire", condition_acquire_guarded, "Acquire the lock: the method of the lock."),
    {"release", condition_release_guarded, METH_NOARGS,
     "Release the lock: the method of the lock."},
    {"locked", condition_locked_guarded, METH_NOARGS,
     "Whether the lock is held: the method of the lock."},
    {"__enter__", condition_enter_guarded, METH_NOARGS, "Acquire the lock."},
    {"__exit__", (PyCFunction)(void (*)(void))condition_exit_guarded, METH_FASTCALL,
     "Release the lock."},
    {"_is_owned", condition_is_owned_guarded, METH_NOARGS, "Whether the lock is held."},
    {"_release_save", condition_release_save_guarded, METH_NOARGS, "Release the lock wholly."},
    {"_acquire_restore", condition_acquire_restore_guarded, METH_O,
     "Acquire the lock as often as before."},
    {"_at_fork_reinit", condition_at_fork_reinit_guarded, METH_NOARGS,
     "In the child process of a fork: start anew."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef condition_getset[] = {
    EXT_FIELD("_lock", T_OBJECT, ext_condition, lock, READONLY, "The lock."),
    {0},
};

static PyMemberDef condition_members[] = {
    EXT_WEAK_MEMBER,
    EXT_DICT_MEMBER,
    {NULL, 0, 0, 0, NULL},
};

PyDoc_STRVAR(condition_doc,
             "Condition(lock=None)\n--\n\n"
             "A condition: a place to wait for a change of what a lock protects.\n\n"
             "    with condition:\n"
             "        condition.wait_for(lambda: buffer)\n"
             "        item = buffer.pop()\n\n"
             "lock is a Lock or an RLock; without one the condition makes an RLock.");

static PyType_Slot condition_slots[] = {
    {Py_tp_doc, (void *)condition_doc},
    {Py_tp_new, condition_new},
    {Py_tp_init, condition_init_guarded},
    {Py_tp_repr, condition_repr_guarded},
    {Py_tp_traverse, condition_traverse},
    {Py_tp_clear, condition_clear},
    {Py_tp_dealloc, condition_dealloc},
    {Py_tp_methods, condition_methods},
    {Py_tp_getset, condition_getset},
    {Py_tp_members, condition_members},
    {0, NULL},
};

PyType_Spec ext_condition_spec = {.name = "thrum._thrum.Condition",
                                  .basicsize = sizeof(ext_condition),
                                  .flags = EXT_FLAGS,
                                  .slots = condition_slots};
