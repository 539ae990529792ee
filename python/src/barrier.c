/* Barrier.
 *
 * A barrier counts the arrivals of one round. The last party runs the action and wakes the others, whose waiters carry
 * the outcome: passed or broken. The next round begins at once. So there is no state in which a barrier drains: a party
 * that arrives early cannot mix with those that have not left yet.
 *
 * While the action runs, Python code runs, so others may arrive. They wait in a queue of their own until it has ended.
 * abort() and reset() during the action break the round: its last party raises as the others do.
 */
#include "extension.h"

enum { PASSED = 1, BROKEN = 2 }; /* the word of a waiter */

typedef struct {
    EXT_HEAD
    Py_ssize_t parties;
    PyObject *action;
    PyObject *timeout;
    bool broken;
    bool acting;         /* the last party runs the action */
    Py_ssize_t arrived;  /* in this round */
    uint64_t round;      /* grows when a round ends in any way */
    ext_waiters waiters; /* of this round */
    ext_waiters early;   /* arrived while the action runs */
} ext_barrier;

static int barrier_init(PyObject *object, PyObject *arguments, PyObject *keywords)
{
    static const char *const names[] = {"parties", "action", "timeout", NULL};
    ext_barrier *self = (ext_barrier *)object;
    PyObject *values[3];
    if (!ext_init_arguments("Barrier", names, 1, arguments, keywords, values))
        return -1;
    Py_ssize_t parties = PyNumber_AsSsize_t(values[0], PyExc_OverflowError);
    if (parties == -1 && PyErr_Occurred())
        return -1;
    if (parties < 1 && PY_VERSION_HEX >= 0x030d0000) { /* CPython accepted it before 3.13 */
        PyErr_SetString(PyExc_ValueError, "parties must be >= 1");
        return -1;
    }
    self->parties = parties;
    Py_XSETREF(self->action, Py_XNewRef(values[1]));
    Py_XSETREF(self->timeout, Py_XNewRef(values[2]));
    return 0;
}
EXT_GUARD_INIT(barrier_init)

static void end_round(ext_barrier *self, int outcome)
{
    EXT_INSIDE(self);
    self->round++;
    self->arrived = 0;
    while (ext_wake_with(&self->waiters, outcome))
        continue;
}

static PyObject *raise_broken(void)
{
    PyErr_SetNone(ext.broken_barrier);
    return NULL;
}

static int try_enter(void *argument)
{
    return !((ext_barrier *)argument)->acting;
}

/* The last party. False with an exception. */
static bool finish_round(ext_barrier *self)
{
    uint64_t round = self->round;
    PyObject *result = NULL;
    if (self->action && PyObject_IsTrue(self->action)) {
        self->acting = true;
        result = PyObject_CallNoArgs(self->action);
        self->acting = false;
        ext_wake_all(&self->early);
        if (!result) {
            self->broken = true;
            if (round == self->round)
                end_round(self, BROKEN);
            return false;
        }
        Py_DECREF(result);
    }
    if (round != self->round) {
        raise_broken();
        return false;
    }
    end_round(self, PASSED);
    return true;
}

/* Not the last party. 1 passed; -1 with an exception. */
static int await_round(ext_barrier *self, ext_deadline deadline)
{
    ext_waiter *waiter = ext_waiter_new((PyObject *)self);
    if (!waiter)
        return -1;
    uint64_t round = self->round;
    self->arrived++;
    ext_waiter_link(&self->waiters, waiter);
    int rc = deadline == EXT_NOW ? 0 : ext_sleep(waiter, deadline);
    ext_waiter_unlink(waiter);
    if (rc == 0 && round == self->round) {
        self->broken = true;
        end_round(self, BROKEN);
    } else if (rc < 0 && round == self->round) {
        self->arrived--; /* a signal handler raised: the caller may come again */
    }
    int outcome = ext_waiter_word(waiter);
    ext_waiter_free(waiter);
    if (rc < 0)
        return -1;
    if (outcome == PASSED)
        return 1;
    raise_broken();
    return -1;
}

PyDoc_STRVAR(wait_doc,
             "wait($self, /, timeout=None)\n--\n\n"
             "Wait until all parties have called wait(). Return a number from 0 to parties - 1.\n\n"
             "BrokenBarrierError if the timeout passes first or the barrier is broken or reset.");

static PyObject *barrier_wait(PyObject *object, PyObject *const *arguments, Py_ssize_t count,
                              PyObject *keywords)
{
    static const char *const names[] = {"timeout", NULL};
    ext_barrier *self = (ext_barrier *)object;
    PyObject *timeout;
    ext_deadline deadline;
    if (!ext_arguments("wait", names, 0, arguments, count, keywords, &timeout) ||
        !ext_deadline_after(timeout && timeout != Py_None ? timeout : self->timeout, &deadline) ||
        ext_wait((PyObject *)self, &self->early, EXT_FOREVER, try_enter, self) < 0)
        return NULL;
    if (self->broken)
        return raise_broken();
    Py_ssize_t index = self->arrived;
    if (index + 1 == self->parties ? !finish_round(self) : await_round(self, deadline) < 0)
        return NULL;
    return PyLong_FromSsize_t(index);
}
EXT_GUARD_KEYS(barrier_wait)

PyDoc_STRVAR(reset_doc,
             "reset($self, /)\n--\n\n"
             "Make the barrier empty and not broken. Who waits gets a BrokenBarrierError.");

static PyObject *barrier_reset(PyObject *object, PyObject *ignored)
{
    (void)ignored;
    ext_barrier *self = (ext_barrier *)object;
    self->broken = false;
    end_round(self, BROKEN);
    Py_RETURN_NONE;
}
EXT_GUARD_O(barrier_reset)

PyDoc_STRVAR(
    abort_doc,
    "abort($self, /)\n--\n\n"
    "Break the barrier: who waits, and who comes until reset(), gets a BrokenBarrierError.");

static PyObject *barrier_abort(PyObject *object, PyObject *ignored)
{
    (void)ignored;
    ext_barrier *self = (ext_barrier *)object;
    self->broken = true;
    end_round(self, BROKEN);
    Py_RETURN_NONE;
}
EXT_GUARD_O(barrier_abort)

static PyObject *barrier_n_waiting(PyObject *self, void *ignored)
{
    (void)ignored;
    return PyLong_FromSsize_t(((ext_barrier *)self)->arrived);
}
EXT_GUARD_GET(barrier_n_waiting)

static PyObject *barrier_repr(PyObject *object)
{
    ext_barrier *self = (ext_barrier *)object;
    if (self->broken)
        return ext_repr(object, "broken");
    return ext_repr(object, "waiters=%zd/%zd", self->arrived, self->parties);
}
EXT_GUARD_REPR(barrier_repr)

static int barrier_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(((ext_barrier *)self)->action);
    Py_VISIT(((ext_barrier *)self)->timeout);
    return ext_traverse(self, visit, arg);
}

static int barrier_clear(PyObject *self)
{
    Py_CLEAR(((ext_barrier *)self)->action);
    Py_CLEAR(((ext_barrier *)self)->timeout);
    return ext_clear(self);
}

static void barrier_dealloc(PyObject *self)
{
    ext_dealloc(self, barrier_clear);
}

static PyMethodDef barrier_methods[] = {
    EXT_METHOD("wait", barrier_wait_guarded, wait_doc),
    {"reset", barrier_reset_guarded, METH_NOARGS, reset_doc},
    {"abort", barrier_abort_guarded, METH_NOARGS, abort_doc},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef barrier_getset[] = {
    EXT_FIELD("parties", T_PYSSIZET, ext_barrier, parties, READONLY,
              "How many parties pass together."),
    EXT_FIELD("broken", T_BOOL, ext_barrier, broken, READONLY, "Whether the barrier is broken."),
    {"n_waiting", barrier_n_waiting_guarded, NULL, "How many parties wait now.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMemberDef barrier_members[] = {
    EXT_WEAK_MEMBER,
    EXT_DICT_MEMBER,
    {NULL, 0, 0, 0, NULL},
};

PyDoc_STRVAR(
    barrier_doc,
    "Barrier(parties, action=None, timeout=None)\n--\n\n"
    "A place where a fixed number of threads wait for each other.\n\n"
    "The last party calls action before the others pass. timeout is the default of wait().");

static PyType_Slot barrier_slots[] = {
    {Py_tp_doc, (void *)barrier_doc},
    {Py_tp_new, PyType_GenericNew},
    {Py_tp_init, barrier_init_guarded},
    {Py_tp_repr, barrier_repr_guarded},
    {Py_tp_traverse, barrier_traverse},
    {Py_tp_clear, barrier_clear},
    {Py_tp_dealloc, barrier_dealloc},
    {Py_tp_methods, barrier_methods},
    {Py_tp_getset, barrier_getset},
    {Py_tp_members, barrier_members},
    {0, NULL},
};

PyType_Spec ext_barrier_spec = {.name = "thrum._thrum.Barrier",
                                .basicsize = sizeof(ext_barrier),
                                .flags = EXT_FLAGS,
                                .slots = barrier_slots};
