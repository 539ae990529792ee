/* Lock and RLock.
 *
 * A lock is a flag; see park.c for its waiters. A release wakes the first of them and leaves the lock free, so the
 * releasing thread may take it again. This is how CPython's own locks behave. A lock that was free stays with the
 * thread that has the GIL, and no switch of threads is needed.
 */
#include "extension.h"

/* ---- Lock ---- */

static int try_lock(void *argument)
{
    ext_lock *self = argument;
    if (self->locked)
        return 0;
    self->locked = true;
    return 1;
}

int ext_lock_acquire(ext_lock *self, ext_deadline deadline)
{
    return ext_wait(&self->waiters, deadline, try_lock, self);
}

void ext_lock_release(ext_lock *self)
{
    self->locked = false;
    ext_wake(&self->waiters);
}

static int no_arguments(PyObject *self, PyObject *arguments, PyObject *keywords)
{
    static const char *const names[] = {NULL};
    PyObject *none[1];
    return ext_init_arguments(Py_TYPE(self)->tp_name, names, 0, arguments, keywords, none) ? 0 : -1;
}

static const char *const acquire_names[] = {"blocking", "timeout", NULL};

PyDoc_STRVAR(
    acquire_doc,
    "acquire($self, /, blocking=True, timeout=-1)\n--\n\n"
    "Acquire the lock. Return True, or False if it was not free in time.\n\n"
    "With blocking=False, do not wait. A timeout is in seconds; -1 waits without a limit.\n"
    "A signal handler that raises ends the wait.");

static PyObject *lock_acquire(PyObject *object, PyObject *const *arguments, Py_ssize_t count,
                              PyObject *keywords)
{
    ext_lock *self = (ext_lock *)object;
    ext_deadline deadline = EXT_FOREVER;
    if (count || keywords) {
        PyObject *values[2];
        if (!ext_arguments("acquire", acquire_names, 0, arguments, count, keywords, values) ||
            !ext_deadline_of_lock(values[0], values[1], &deadline))
            return NULL;
    }
    int rc = ext_lock_acquire(self, deadline);
    return rc < 0 ? NULL : PyBool_FromLong(rc);
}

static PyObject *lock_enter(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    if (ext_lock_acquire((ext_lock *)self, EXT_FOREVER) < 0)
        return NULL;
    Py_RETURN_TRUE;
}

PyDoc_STRVAR(release_doc,
             "release($self, /)\n--\n\n"
             "Release the lock. Any thread may do so. RuntimeError if it is not locked.");

static PyObject *lock_release(PyObject *object, PyObject *ignored)
{
    (void)ignored;
    ext_lock *self = (ext_lock *)object;
    if (!self->locked) {
        PyErr_SetString(PyExc_RuntimeError, "release unlocked lock");
        return NULL;
    }
    ext_lock_release(self);
    Py_RETURN_NONE;
}

static PyObject *lock_exit(PyObject *self, PyObject *const *arguments, Py_ssize_t count)
{
    (void)arguments;
    (void)count;
    return lock_release(self, NULL);
}

PyDoc_STRVAR(locked_doc, "locked($self, /)\n--\n\nReturn whether the lock is held.");

static PyObject *lock_locked(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    return PyBool_FromLong(((ext_lock *)self)->locked);
}

static PyObject *lock_at_fork_reinit(PyObject *object, PyObject *ignored)
{
    (void)ignored;
    ext_lock *self = (ext_lock *)object;
    self->locked = false;
    self->waiters = (ext_waiters){0};
    Py_RETURN_NONE;
}

PyDoc_STRVAR(
    listen_doc,
    "_listen($self, callback, /)\n--\n\nCall callback once when it is worth trying again.");

static PyObject *lock_listen(PyObject *self, PyObject *callback)
{
    return ext_listen(self, &((ext_lock *)self)->waiters, callback);
}

static PyObject *lock_repr(PyObject *self)
{
    return PyUnicode_FromFormat("<%s %s object at %p>",
                                ((ext_lock *)self)->locked ? "locked" : "unlocked",
                                Py_TYPE(self)->tp_name, (void *)self);
}

static void lock_dealloc(PyObject *self)
{
    ext_dealloc(self, ext_clear);
}

static PyMethodDef lock_methods[] = {
    EXT_METHOD("acquire", lock_acquire, acquire_doc),
    EXT_METHOD("acquire_lock", lock_acquire, "An old name of acquire()."),
    {"release", lock_release, METH_NOARGS, release_doc},
    {"release_lock", lock_release, METH_NOARGS, "An old name of release()."},
    {"locked", lock_locked, METH_NOARGS, locked_doc},
    {"locked_lock", lock_locked, METH_NOARGS, "An old name of locked()."},
    {"__enter__", lock_enter, METH_NOARGS, "Acquire the lock."},
    {"__exit__", (PyCFunction)(void (*)(void))lock_exit, METH_FASTCALL, "Release the lock."},
    {"_at_fork_reinit", lock_at_fork_reinit, METH_NOARGS,
     "In the child process of a fork: make it free."},
    {"_listen", lock_listen, METH_O, listen_doc},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef lock_members[] = {EXT_WEAK_MEMBER, {NULL, 0, 0, 0, NULL}};

PyDoc_STRVAR(
    lock_doc,
    "Lock()\n--\n\n"
    "A lock: at most one thread or coroutine holds it.\n\n"
    "Use it as `with lock:`, or in a coroutine as `async with lock:`. It is not reentrant: a\n"
    "thread that acquires it twice waits for itself. Any thread may release it.");

static PyType_Slot lock_slots[] = {
    {Py_tp_doc, (void *)lock_doc},  {Py_tp_new, PyType_GenericNew},
    {Py_tp_init, no_arguments},     {Py_tp_repr, lock_repr},
    {Py_tp_traverse, ext_traverse}, {Py_tp_clear, ext_clear},
    {Py_tp_dealloc, lock_dealloc},  {Py_tp_methods, lock_methods},
    {Py_tp_members, lock_members},  {0, NULL},
};

PyType_Spec ext_lock_spec = {.name = "threading.Lock",
                             .basicsize = sizeof(ext_lock),
                             .flags = EXT_FLAGS,
                             .slots = lock_slots};

/* ---- RLock ---- */

typedef struct {
    ext_rlock *lock;
    unsigned long count;
} rlock_request;

static int try_rlock(void *argument)
{
    rlock_request *request = argument;
    ext_rlock *self = request->lock;
    unsigned long me = PyThread_get_thread_ident();
    if (self->count && self->owner != me)
        return 0;
    if (self->count > ULONG_MAX - request->count) {
        PyErr_SetString(PyExc_OverflowError, "Internal lock count overflowed");
        return -1;
    }
    self->owner = me;
    self->count += request->count;
    return 1;
}

int ext_rlock_acquire(ext_rlock *self, ext_deadline deadline, unsigned long count)
{
    rlock_request request = {self, count};
    return ext_wait(&self->waiters, deadline, try_rlock, &request);
}

void ext_rlock_release(ext_rlock *self, unsigned long count)
{
    self->count -= count;
    if (self->count)
        return;
    self->owner = 0;
    ext_wake(&self->waiters);
}

PyDoc_STRVAR(
    rlock_acquire_doc,
    "acquire($self, /, blocking=True, timeout=-1)\n--\n\n"
    "Acquire the lock. Return True, or False if another thread held it for the whole timeout.\n\n"
    "The thread that holds it acquires it again at once, and must release it as often.");

static PyObject *rlock_acquire(PyObject *object, PyObject *const *arguments, Py_ssize_t count,
                               PyObject *keywords)
{
    ext_deadline deadline = EXT_FOREVER;
    if (count || keywords) {
        PyObject *values[2];
        if (!ext_arguments("acquire", acquire_names, 0, arguments, count, keywords, values) ||
            !ext_deadline_of_lock(values[0], values[1], &deadline))
            return NULL;
    }
    int rc = ext_rlock_acquire((ext_rlock *)object, deadline, 1);
    return rc < 0 ? NULL : PyBool_FromLong(rc);
}

static PyObject *rlock_enter(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    if (ext_rlock_acquire((ext_rlock *)self, EXT_FOREVER, 1) < 0)
        return NULL;
    Py_RETURN_TRUE;
}

static bool is_mine(const ext_rlock *self)
{
    return self->count && self->owner == PyThread_get_thread_ident();
}

PyDoc_STRVAR(rlock_release_doc,
             "release($self, /)\n--\n\n"
             "Undo one acquire. RuntimeError if the calling thread does not hold the lock.");

static PyObject *rlock_release(PyObject *object, PyObject *ignored)
{
    (void)ignored;
    ext_rlock *self = (ext_rlock *)object;
    if (!is_mine(self)) {
        PyErr_SetString(PyExc_RuntimeError, "cannot release un-acquired lock");
        return NULL;
    }
    ext_rlock_release(self, 1);
    Py_RETURN_NONE;
}

static PyObject *rlock_exit(PyObject *self, PyObject *const *arguments, Py_ssize_t count)
{
    (void)arguments;
    (void)count;
    return rlock_release(self, NULL);
}

static PyObject *rlock_locked(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    return PyBool_FromLong(((ext_rlock *)self)->count != 0);
}

static PyObject *rlock_is_owned(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    return PyBool_FromLong(is_mine((ext_rlock *)self));
}

static PyObject *rlock_recursion_count(PyObject *object, PyObject *ignored)
{
    (void)ignored;
    ext_rlock *self = (ext_rlock *)object;
    return PyLong_FromUnsignedLong(is_mine(self) ? self->count : 0);
}

static PyObject *rlock_release_save(PyObject *object, PyObject *ignored)
{
    (void)ignored;
    ext_rlock *self = (ext_rlock *)object;
    if (!is_mine(self)) {
        PyErr_SetString(PyExc_RuntimeError, "cannot release un-acquired lock");
        return NULL;
    }
    PyObject *saved = Py_BuildValue("(kk)", self->count, self->owner);
    if (saved)
        ext_rlock_release(self, self->count);
    return saved;
}

static PyObject *rlock_acquire_restore(PyObject *object, PyObject *saved)
{
    unsigned long count, owner;
    if (!PyArg_ParseTuple(saved, "kk:_acquire_restore", &count, &owner) ||
        ext_rlock_acquire((ext_rlock *)object, EXT_FOREVER, count) < 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *rlock_at_fork_reinit(PyObject *object, PyObject *ignored)
{
    (void)ignored;
    ext_rlock *self = (ext_rlock *)object;
    self->count = 0;
    self->owner = 0;
    self->waiters = (ext_waiters){0};
    Py_RETURN_NONE;
}

static PyObject *rlock_repr(PyObject *object)
{
    ext_rlock *self = (ext_rlock *)object;
    return PyUnicode_FromFormat("<%s %s object owner=%lu count=%lu at %p>",
                                self->count ? "locked" : "unlocked", Py_TYPE(self)->tp_name,
                                self->owner, self->count, (void *)self);
}

static PyMethodDef rlock_methods[] = {
    EXT_METHOD("acquire", rlock_acquire, rlock_acquire_doc),
    {"release", rlock_release, METH_NOARGS, rlock_release_doc},
    {"locked", rlock_locked, METH_NOARGS, locked_doc},
    {"__enter__", rlock_enter, METH_NOARGS, "Acquire the lock."},
    {"__exit__", (PyCFunction)(void (*)(void))rlock_exit, METH_FASTCALL, "Release the lock."},
    {"_is_owned", rlock_is_owned, METH_NOARGS, "Whether the calling thread holds it."},
    {"_recursion_count", rlock_recursion_count, METH_NOARGS,
     "How often the calling thread holds it."},
    {"_release_save", rlock_release_save, METH_NOARGS, "For conditions: release it wholly."},
    {"_acquire_restore", rlock_acquire_restore, METH_O,
     "For conditions: acquire it as often as before."},
    {"_at_fork_reinit", rlock_at_fork_reinit, METH_NOARGS,
     "In the child process of a fork: make it free."},
    {NULL, NULL, 0, NULL},
};

PyDoc_STRVAR(rlock_doc,
             "RLock()\n--\n\n"
             "A reentrant lock: the thread that holds it may acquire it again.\n\n"
             "It is free when it was released as often as it was acquired, by the same thread.");

static PyType_Slot rlock_slots[] = {
    {Py_tp_doc, (void *)rlock_doc}, {Py_tp_new, PyType_GenericNew},
    {Py_tp_init, no_arguments},     {Py_tp_repr, rlock_repr},
    {Py_tp_traverse, ext_traverse}, {Py_tp_clear, ext_clear},
    {Py_tp_dealloc, lock_dealloc},  {Py_tp_methods, rlock_methods},
    {Py_tp_members, lock_members},  {0, NULL},
};

PyType_Spec ext_rlock_spec = {.name = "threading.RLock",
                              .basicsize = sizeof(ext_rlock),
                              .flags = EXT_FLAGS,
                              .slots = rlock_slots};
