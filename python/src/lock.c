/* Lock and RLock.
 *
 * A lock has an owner and a count of acquires; it is free when the count is 0. The two types differ in two points: the
 * owner of an RLock may acquire it again, and nobody but the owner may release it. For a Lock the owner is only what the
 * doctor shows. See park.c for the waiters.
 *
 * A release wakes the first waiter and leaves the lock free, so the releasing thread may take it again. This is how
 * CPython's own locks behave. A lock that was free stays with the thread that has the GIL, and no switch of threads is
 * needed.
 */
#include "extension.h"

typedef struct {
    ext_lock *lock;
    unsigned long count;
} request;

static int try_lock(void *argument)
{
    request *acquire = argument;
    ext_lock *self = acquire->lock;
    EXT_INSIDE(self);
    unsigned long me = PyThread_get_thread_ident();
    if (self->count && !(self->reentrant && self->owner == me))
        return 0;
    if (self->count > ULONG_MAX - acquire->count) {
        PyErr_SetString(PyExc_OverflowError, "Internal lock count overflowed");
        return -1;
    }
    self->owner = me;
    self->count += acquire->count;
    return 1;
}

int ext_lock_acquire(ext_lock *self, ext_deadline deadline, unsigned long count)
{
    request acquire = {self, count};
    return ext_wait((PyObject *)self, &self->waiters, deadline, try_lock, &acquire);
}

void ext_lock_release(ext_lock *self, unsigned long count)
{
    EXT_INSIDE(self);
    self->count -= count;
    if (self->count)
        return;
    self->owner = 0;
    ext_wake(&self->waiters);
}

bool ext_lock_is_owned(const ext_lock *self)
{
    return self->count && (!self->reentrant || self->owner == PyThread_get_thread_ident());
}

/* ---- Methods of both ---- */

PyDoc_STRVAR(
    acquire_doc,
    "acquire($self, /, blocking=True, timeout=-1)\n--\n\n"
    "Acquire the lock. Return True, or False if it was not free in time.\n\n"
    "With blocking=False, do not wait. A timeout is in seconds; -1 waits without a limit.\n"
    "A signal handler that raises ends the wait.");

static PyObject *lock_acquire(PyObject *self, PyObject *const *arguments, Py_ssize_t count,
                              PyObject *keywords)
{
    static const char *const names[] = {"blocking", "timeout", NULL};
    ext_deadline deadline = EXT_FOREVER;
    if (count || keywords) {
        PyObject *values[2];
        if (!ext_arguments("acquire", names, 0, arguments, count, keywords, values) ||
            !ext_deadline_of_lock(values[0], values[1], &deadline))
            return NULL;
    }
    int rc = ext_lock_acquire((ext_lock *)self, deadline, 1);
    return rc < 0 ? NULL : PyBool_FromLong(rc);
}
EXT_GUARD_KEYS(lock_acquire)

static PyObject *lock_enter(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    if (ext_lock_acquire((ext_lock *)self, EXT_FOREVER, 1) < 0)
        return NULL;
    Py_RETURN_TRUE;
}
EXT_GUARD_O(lock_enter)

static bool must_own(const ext_lock *self)
{
    if (ext_lock_is_owned(self))
        return true;
    PyErr_SetString(PyExc_RuntimeError,
                    self->reentrant ? "cannot release un-acquired lock" : "release unlocked lock");
    return false;
}

PyDoc_STRVAR(release_doc, "release($self, /)\n--\n\n"
                          "Undo one acquire. RuntimeError if the lock is free.\n\n"
                          "Any thread may release a Lock, but only its owner an RLock.");

static PyObject *lock_release(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    if (!must_own((ext_lock *)self))
        return NULL;
    ext_lock_release((ext_lock *)self, 1);
    Py_RETURN_NONE;
}
EXT_GUARD_O(lock_release)

static PyObject *lock_exit(PyObject *self, PyObject *const *arguments, Py_ssize_t count)
{
    (void)arguments;
    (void)count;
    return lock_release(self, NULL);
}
EXT_GUARD_FAST(lock_exit)

PyDoc_STRVAR(locked_doc, "locked($self, /)\n--\n\nReturn whether the lock is held.");

static PyObject *lock_locked(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    return PyBool_FromLong(((ext_lock *)self)->count != 0);
}
EXT_GUARD_O(lock_locked)

static PyObject *lock_at_fork_reinit(PyObject *object, PyObject *ignored)
{
    (void)ignored;
    ext_lock *self = (ext_lock *)object;
    self->owner = 0;
    self->count = 0;
    self->waiters = (ext_waiters){0};
    Py_RETURN_NONE;
}
EXT_GUARD_O(lock_at_fork_reinit)

static void lock_dealloc(PyObject *self)
{
    ext_dealloc(self, ext_clear);
}

#define METHODS_OF_BOTH                                                                            \
    EXT_METHOD("acquire", lock_acquire_guarded, acquire_doc),                                      \
        {"release", lock_release_guarded, METH_NOARGS, release_doc},                               \
        {"locked", lock_locked_guarded, METH_NOARGS, locked_doc},                                  \
        {"__enter__", lock_enter_guarded, METH_NOARGS, "Acquire the lock."},                       \
        {"__exit__", (PyCFunction)(void (*)(void))lock_exit_guarded, METH_FASTCALL,                \
         "Release the lock."},                                                                     \
        EXT_DIR,                                                                                   \
    {                                                                                              \
        "_at_fork_reinit", lock_at_fork_reinit_guarded, METH_NOARGS,                               \
            "In the child process of a fork: make it free."                                        \
    }

static PyMemberDef lock_members[] = {EXT_WEAK_MEMBER, {NULL, 0, 0, 0, NULL}};

static PyGetSetDef lock_getset[] = {EXT_CLASS(ext.standard_lock), {0}};

static PyGetSetDef rlock_getset[] = {EXT_CLASS(ext.standard_rlock), {0}};

#define SLOTS_OF_BOTH                                                                              \
    {Py_tp_traverse, ext_traverse}, {Py_tp_clear, ext_clear}, {Py_tp_dealloc, lock_dealloc},       \
    {                                                                                              \
        Py_tp_members, lock_members                                                                \
    }

/* ---- Lock ---- */

static int lock_init(PyObject *self, PyObject *arguments, PyObject *keywords)
{
    static const char *const names[] = {NULL};
    PyObject *none[1];
    return ext_init_arguments(Py_TYPE(self)->tp_name, names, 0, arguments, keywords, none) ? 0 : -1;
}
EXT_GUARD_INIT(lock_init)

PyDoc_STRVAR(
    acquire_in_turn_doc,
    "_acquire_in_turn($self, /)\n--\n\n"
    "Acquire the lock if it is free and no coroutine was woken for it. Return whether it did.");

static PyObject *lock_acquire_in_turn(PyObject *object, PyObject *ignored)
{
    (void)ignored;
    ext_lock *self = (ext_lock *)object;
    if (ext_offers(&self->waiters) > 0)
        Py_RETURN_FALSE;
    return PyBool_FromLong(ext_lock_acquire(self, EXT_NOW, 1));
}
EXT_GUARD_O(lock_acquire_in_turn)

static PyObject *lock_listen(PyObject *self, PyObject *const *arguments, Py_ssize_t count)
{
    return ext_listen_method(self, &((ext_lock *)self)->waiters, arguments, count);
}
EXT_GUARD_FAST(lock_listen)

static PyObject *lock_repr(PyObject *self)
{
    return PyUnicode_FromFormat("<%s %s object at %p>",
                                ((ext_lock *)self)->count ? "locked" : "unlocked",
                                Py_TYPE(self)->tp_name, (void *)self);
}
EXT_GUARD_REPR(lock_repr)

static PyMethodDef lock_methods[] = {
    METHODS_OF_BOTH,
    EXT_METHOD("acquire_lock", lock_acquire_guarded, "An old name of acquire()."),
    {"release_lock", lock_release_guarded, METH_NOARGS, "An old name of release()."},
    {"locked_lock", lock_locked_guarded, METH_NOARGS, "An old name of locked()."},
    {"_acquire_in_turn", lock_acquire_in_turn_guarded, METH_NOARGS, acquire_in_turn_doc},
    EXT_LISTEN(lock_listen_guarded),
    {NULL, NULL, 0, NULL},
};

PyDoc_STRVAR(
    lock_doc,
    "Lock()\n--\n\n"
    "A lock: at most one thread or coroutine holds it.\n\n"
    "Use it as `with lock:`, or in a coroutine as `async with lock:`. It is not reentrant: a\n"
    "thread that acquires it twice waits for itself. Any thread may release it.");

static PyType_Slot lock_slots[] = {
    {Py_tp_doc, (void *)lock_doc},
    {Py_tp_new, PyType_GenericNew},
    {Py_tp_init, lock_init_guarded},
    {Py_tp_repr, lock_repr_guarded},
    {Py_tp_methods, lock_methods},
    {Py_tp_getset, lock_getset},
    SLOTS_OF_BOTH,
    {0, NULL},
};

PyType_Spec ext_lock_spec = {.name = "threading.Lock",
                             .basicsize = sizeof(ext_lock),
                             .flags = EXT_FLAGS,
                             .slots = lock_slots};

/* ---- RLock ---- */

static PyObject *rlock_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords)
{
    PyObject *self = PyType_GenericNew(type, arguments, keywords);
    if (self)
        ((ext_lock *)self)->reentrant = true;
    return self;
}

/* Arguments never had a meaning. The versions of CPython ignore them, then warn, then refuse them. */
static int rlock_init(PyObject *self, PyObject *arguments, PyObject *keywords)
{
#if PY_VERSION_HEX >= 0x030f0000
    return lock_init(self, arguments, keywords);
#else
    (void)self;
    if (PY_VERSION_HEX < 0x030d0000 ||
        (PyTuple_GET_SIZE(arguments) == 0 && (!keywords || PyDict_GET_SIZE(keywords) == 0)))
        return 0;
    return PyErr_WarnEx(PyExc_DeprecationWarning,
                        "Passing arguments to RLock is deprecated and will be removed in 3.15", 1);
#endif
}
EXT_GUARD_INIT(rlock_init)

static PyObject *rlock_is_owned(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    return PyBool_FromLong(ext_lock_is_owned((ext_lock *)self));
}
EXT_GUARD_O(rlock_is_owned)

static PyObject *rlock_recursion_count(PyObject *object, PyObject *ignored)
{
    (void)ignored;
    ext_lock *self = (ext_lock *)object;
    return PyLong_FromUnsignedLong(ext_lock_is_owned(self) ? self->count : 0);
}
EXT_GUARD_O(rlock_recursion_count)

static PyObject *rlock_release_save(PyObject *object, PyObject *ignored)
{
    (void)ignored;
    ext_lock *self = (ext_lock *)object;
    if (!must_own(self))
        return NULL;
    PyObject *saved = Py_BuildValue("(kk)", self->count, self->owner);
    if (saved)
        ext_lock_release(self, self->count);
    return saved;
}
EXT_GUARD_O(rlock_release_save)

static PyObject *rlock_acquire_restore(PyObject *self, PyObject *saved)
{
    unsigned long count, owner;
    if (!PyArg_ParseTuple(saved, "kk:_acquire_restore", &count, &owner) ||
        ext_lock_acquire((ext_lock *)self, EXT_FOREVER, count) < 0)
        return NULL;
    Py_RETURN_NONE;
}
EXT_GUARD_O(rlock_acquire_restore)

static PyObject *rlock_repr(PyObject *object)
{
    ext_lock *self = (ext_lock *)object;
    return PyUnicode_FromFormat("<%s %s object owner=%lu count=%lu at %p>",
                                self->count ? "locked" : "unlocked", Py_TYPE(self)->tp_name,
                                self->owner, self->count, (void *)self);
}
EXT_GUARD_REPR(rlock_repr)

static PyMethodDef rlock_methods[] = {
    METHODS_OF_BOTH,
    {"_is_owned", rlock_is_owned_guarded, METH_NOARGS, "Whether the calling thread holds it."},
    {"_recursion_count", rlock_recursion_count_guarded, METH_NOARGS,
     "How often the calling thread holds it."},
    {"_release_save", rlock_release_save_guarded, METH_NOARGS,
     "For conditions: release it wholly."},
    {"_acquire_restore", rlock_acquire_restore_guarded, METH_O,
     "For conditions: acquire it as often as before."},
    {NULL, NULL, 0, NULL},
};

PyDoc_STRVAR(rlock_doc,
             "RLock()\n--\n\n"
             "A reentrant lock: the thread that holds it may acquire it again.\n\n"
             "It is free when it was released as often as it was acquired, by the same thread.");

static PyType_Slot rlock_slots[] = {
    {Py_tp_doc, (void *)rlock_doc},
    {Py_tp_new, rlock_new},
    {Py_tp_init, rlock_init_guarded},
    {Py_tp_repr, rlock_repr_guarded},
    {Py_tp_methods, rlock_methods},
    {Py_tp_getset, rlock_getset},
    SLOTS_OF_BOTH,
    {0, NULL},
};

PyType_Spec ext_rlock_spec = {.name = "threading.RLock",
                              .basicsize = sizeof(ext_lock),
                              .flags = EXT_FLAGS,
                              .slots = rlock_slots};
