/* Waits of Python threads and of asyncio's tasks.
 *
 * All state of the extension's objects belongs to the GIL: a method changes it with plain loads and stores. A method
 * that can do its work at once never releases the GIL. This is why the fast paths cost tens of nanoseconds.
 *
 * A method that cannot do its work puts a waiter into the queue of the object, and sleeps without the GIL (sleep.c). The
 * waker unlinks the waiter, marks it woken and ends its sleep. The woken thread takes the GIL and tries again. If
 * another thread was faster, it goes back to the head of the queue. So ownership is never handed to a thread that
 * does not run: with a GIL, that would cost a switch of threads for each operation. Two rules keep every wake:
 *
 *     - A waiter is in the queue when it looks for the last time before it sleeps. What comes later sees it there.
 *     - A waiter that was woken and leaves without its unit, because a signal handler raised or a coroutine was
 *       cancelled, wakes the next one. So does a waiter that was woken while it took a unit.
 *
 * The sleep ends in a POSIX semaphore, and not in a wait of libthrum. sem_clockwait returns EINTR after each signal,
 * and Python must then run its handlers with the GIL; libthrum's waits continue after a signal by design. After EINTR
 * the thread takes the GIL, runs the handlers and sleeps again with the same deadline. If a handler raised, it unlinks
 * itself.
 *
 * Who frees a waiter: the thread that waits. It needs the GIL to return, and its waker wakes it with the GIL. So the
 * waker has left the sleeper before it is destroyed. There is one exception: at the end of the interpreter a daemon thread
 * ends inside taking the GIL, and its waiter stays linked. A waiter is therefore allocated, and not a variable on the
 * stack of its thread: that of a thread that ended so is leaked, and may be posted.
 *
 * fork: the child process has a copy of all queues, but the threads that wait in them are gone. Each waiter has the
 * number of its process in the line of forks (ext_generation). A waker drops waiters of another generation. A thread
 * that forks in a signal handler, amid its own wait, joins the new generation when it continues.
 *
 * Asyncio and select use listeners. A listener is a waiter with a callback in place of the sleeper. The callback is
 * called once with the GIL, usually loop.call_soon_threadsafe, and the coroutine tries again as a thread would. If the
 * callback fails, as it does when its loop is closed or its coroutine was cancelled, the next waiter is woken.
 *
 * Offers: a thread may take a unit for which another waiter was woken, since the switch of threads would cost more. If
 * coroutines did so, those of one loop would starve each other: between a release and the next acquire of one coroutine,
 * no other one runs. So a queue counts the listeners that were woken and have not tried yet, and a coroutine takes a unit
 * only if there are more units than these offers. An offer ends when its listener is closed. It is not a hand-off: a
 * thread of the loop may acquire a lock that was offered to a coroutine of the loop, which cannot run before.
 */
#include "sleep.h"

#include <errno.h>
#include <math.h>
#include <time.h>

struct ext_waiter {
    ext_waiter *next;
    ext_waiter *previous;
    ext_waiters *queue; /* NULL: not linked */
    unsigned generation;
    bool woken;
    int word;           /* of the waker, for the woken thread */
    PyObject *callback; /* a listener's, borrowed; NULL for a thread, which has a sleeper */
    bool offered;       /* a listener's: it was woken and has not been closed */
    bool *
        ret_closed; /* amid its callback: set if it is closed, after which the waiter may be gone */
    ext_sleeper sleeper;
};

unsigned ext_generation;

/* ---- Sections ---- */

#ifdef EXT_CHECK_SECTIONS
static _Thread_local ext_section *innermost;

/* Where a section inside waits or ends, the interpreter may suspend those outside. */
static void let_others_in(void)
{
    if (!innermost)
        return;
    static const struct timespec moment = {.tv_nsec = 10000};
    Py_BEGIN_ALLOW_THREADS nanosleep(&moment, NULL);
    Py_END_ALLOW_THREADS
}

void ext_section_begin(ext_section *self, const void *a, const void *b)
{
    let_others_in();
    *self = (ext_section){innermost, {a, b}};
    innermost = self;
}

void ext_section_end(ext_section *self)
{
    innermost = self->outer;
    let_others_in();
}

void ext_section_check(const void *object, const char *function)
{
    for (const ext_section *one = innermost; one; one = one->outer)
        if (one->objects[0] == object || one->objects[1] == object)
            return;
    fprintf(stderr, "%s: the section of %p was not begun\n", function, object);
    abort();
}
#endif

/* ---- Deadlines ---- */

ext_deadline ext_now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (ext_deadline)time.tv_sec * 1000000000 + time.tv_nsec;
}

/* NaN is -1 with an exception. */
static double seconds_of(PyObject *timeout)
{
    double seconds = PyFloat_AsDouble(timeout);
    if (seconds == -1 && PyErr_Occurred())
        return NAN;
    if (isnan(seconds)) {
        PyErr_SetString(PyExc_ValueError, "Invalid value NaN (not a number)");
        return NAN;
    }
    if (seconds > EXT_TIMEOUT_MAX) {
        PyErr_SetString(PyExc_OverflowError, "timeout value is too large");
        return NAN;
    }
    return seconds;
}

static ext_deadline after(double seconds)
{
    if (seconds <= 0)
        return EXT_NOW;
    double nanoseconds = (double)ext_now() + seconds * 1e9;
    return nanoseconds >= (double)EXT_FOREVER ? EXT_FOREVER : (ext_deadline)nanoseconds;
}

bool ext_deadline_after(PyObject *timeout, ext_deadline *ret_deadline)
{
    *ret_deadline = EXT_FOREVER;
    if (!timeout || timeout == Py_None)
        return true;
    double seconds = seconds_of(timeout);
    if (isnan(seconds))
        return false;
    *ret_deadline = after(seconds);
    return true;
}

/* What `blocking` says; true if it is not given. -1 with an exception. */
static int is_blocking(PyObject *blocking)
{
    return blocking ? PyObject_IsTrue(blocking) : 1;
}

bool ext_deadline_of_lock(PyObject *blocking, PyObject *timeout, ext_deadline *ret_deadline)
{
    int wait = is_blocking(blocking);
    if (wait < 0)
        return false;
    *ret_deadline = wait ? EXT_FOREVER : EXT_NOW;
    if (!timeout)
        return true;
    double seconds = seconds_of(timeout);
    if (isnan(seconds))
        return false;
    if (seconds == -1)
        return true;
    if (!wait) {
        PyErr_SetString(PyExc_ValueError, "can't specify a timeout for a non-blocking call");
        return false;
    }
    if (seconds < 0) {
        PyErr_SetString(PyExc_ValueError, "timeout value must be a non-negative number");
        return false;
    }
    *ret_deadline = after(seconds);
    return true;
}

bool ext_deadline_of_queue(PyObject *block, PyObject *timeout, ext_deadline *ret_deadline)
{
    int wait = is_blocking(block);
    if (wait < 0)
        return false;
    *ret_deadline = wait ? EXT_FOREVER : EXT_NOW;
    if (!wait || !timeout || timeout == Py_None)
        return true;
    double seconds = seconds_of(timeout);
    if (isnan(seconds))
        return false;
    if (seconds < 0) {
        PyErr_SetString(PyExc_ValueError, "'timeout' must be a non-negative number");
        return false;
    }
    *ret_deadline = after(seconds);
    return true;
}

/* ---- The queue ---- */

static void link_between(ext_waiters *queue, ext_waiter *previous, ext_waiter *self,
                         ext_waiter *next)
{
    self->previous = previous;
    self->next = next;
    self->queue = queue;
    *(previous ? &previous->next : &queue->first) = self;
    *(next ? &next->previous : &queue->last) = self;
}

void ext_waiter_link(ext_waiters *waiters, ext_waiter *waiter)
{
    link_between(waiters, waiters->last, waiter, NULL);
}

void ext_waiter_unlink(ext_waiter *waiter)
{
    ext_waiters *queue = waiter->queue;
    if (!queue)
        return;
    *(waiter->previous ? &waiter->previous->next : &queue->first) = waiter->next;
    *(waiter->next ? &waiter->next->previous : &queue->last) = waiter->previous;
    waiter->queue = NULL;
}

Py_ssize_t ext_waiter_count(const ext_waiters *waiters)
{
    Py_ssize_t count = 0;
    for (const ext_waiter *one = waiters->first; one; one = one->next)
        count += one->generation == ext_generation;
    return count;
}

bool ext_waiter_woken(const ext_waiter *waiter)
{
    return waiter->woken;
}

int ext_waiter_word(const ext_waiter *waiter)
{
    return waiter->word;
}

ext_waiter *ext_waiter_new(PyObject *object)
{
    ext_waiter *self = PyMem_RawCalloc(1, sizeof *self);
    if (!self) {
        PyErr_NoMemory();
        return NULL;
    }
    self->generation = ext_generation;
    ext_sleeper_init(&self->sleeper, object);
    return self;
}

void ext_waiter_free(ext_waiter *waiter)
{
    ext_waiter_unlink(waiter);
    ext_sleeper_finish(&waiter->sleeper);
    PyMem_RawFree(waiter);
}

/* ---- Offers ---- */

unsigned ext_offers(const ext_waiters *waiters)
{
    return waiters->generation == ext_generation ? waiters->offers : 0;
}

/* The waiter was just unlinked from `queue`. */
static void begin_offer(ext_waiter *self, ext_waiters *queue)
{
    self->offered = true;
    queue->offers = ext_offers(queue) + 1;
    queue->generation = ext_generation;
}

/* Does nothing if there is no offer. The queue may have been reset since it began. */
static void end_offer(ext_waiter *self, ext_waiters *queue)
{
    if (self->offered && self->generation == ext_generation && ext_offers(queue) > 0)
        queue->offers--;
    self->offered = false;
    if (self->ret_closed)
        *self->ret_closed = true;
    self->ret_closed = NULL;
}

/* ---- Wakes ---- */

/* False if the callback failed: nobody was told. */
static bool call_back(PyObject *callback)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback); /* a wake may come amid the handling of an exception */
    Py_INCREF(callback);
    PyObject *result = PyObject_CallNoArgs(callback);
    Py_DECREF(callback);
    PyErr_Clear();
    Py_XDECREF(result);
    PyErr_Restore(type, value, traceback);
    return result != NULL;
}

/* False if nobody was told. */
static bool wake_listener(ext_waiter *self, ext_waiters *queue)
{
    bool closed = false;
    begin_offer(self, queue);
    self->ret_closed = &closed;
    bool good = call_back(self->callback);
    if (closed)
        return good;
    self->ret_closed = NULL;
    if (!good) {
        end_offer(self, queue);
        self->woken = false;
    }
    return good;
}

static bool wake(ext_waiter *self, int word)
{
    ext_waiters *queue = self->queue;
    ext_waiter_unlink(self);
    if (self->generation != ext_generation)
        return false;
    self->woken = true;
    self->word = word;
    if (self->callback)
        return wake_listener(self, queue);
    ext_sleeper_wake(&self->sleeper);
    return true;
}

bool ext_wake_with(ext_waiters *waiters, int word)
{
    while (waiters->first)
        if (wake(waiters->first, word))
            return true;
    return false;
}

void ext_wake_all(ext_waiters *waiters)
{
    /* A callback may let others run, who wait anew: they are not woken. */
    for (Py_ssize_t left = ext_waiter_count(waiters); left > 0 && ext_wake(waiters); left--)
        continue;
}

/* ---- Sleeps ---- */

/* After a signal handler: if it forked, this is the child process, where a waker may have dropped this waiter. */
static void join_generation(ext_waiter *self, ext_waiters *queue)
{
    if (self->generation == ext_generation)
        return;
    self->generation = ext_generation;
    if (!self->queue)
        ext_waiter_link(queue, self);
}

int ext_sleep(ext_waiter *waiter, ext_deadline deadline)
{
    ext_waiters *queue = waiter->queue;
    for (bool first = true; !waiter->woken; first = false) {
        int error = ext_sleeper_sleep(&waiter->sleeper, deadline, first);
        if (waiter->woken)
            break;
        if (error == ETIMEDOUT)
            return 0;
        if (error == EINTR) {
            if (PyErr_CheckSignals() < 0)
                return -1;
            join_generation(waiter, queue);
        }
        /* Otherwise it found the post of an earlier wake, which it had seen before it slept. */
    }
    return 1;
}

int ext_wait_again(PyObject *object, ext_waiters *waiters, ext_deadline deadline,
                   ext_attempt attempt, void *argument)
{
    ext_waiter *self = ext_waiter_new(object);
    if (!self)
        return -1;
    ext_waiter_link(waiters, self);
    int rc;
    bool owes = false; /* it was woken for this attempt */
    while ((rc = attempt(argument)) == 0) {
        owes = false;
        if ((rc = ext_sleep(self, deadline)) != 1)
            break;
        owes = true;
        self->woken = false;
        link_between(waiters, NULL, self, waiters->first);
    }
    /* A wake that came amid an attempt is for another unit than that of the attempt. */
    if (rc != 0 && (self->woken || (rc < 0 && owes)))
        ext_wake(waiters);
    ext_waiter_free(self);
    return rc;
}

/* ---- Listeners ---- */

typedef struct {
    EXT_HEAD
    ext_waiter waiter;
    ext_waiters *queue;
    PyObject *owner; /* the object that has the queue; NULL: closed */
} ext_listener;

PyObject *ext_listen(PyObject *owner, ext_waiters *waiters, PyObject *callback, bool front)
{
    ext_listener *self = (ext_listener *)ext.listener->tp_alloc(ext.listener, 0);
    if (!self)
        return NULL;
    self->owner = Py_NewRef(owner);
    self->queue = waiters;
    self->waiter.callback = Py_NewRef(callback);
    self->waiter.generation = ext_generation;
    if (front)
        link_between(waiters, NULL, &self->waiter, waiters->first);
    else
        ext_waiter_link(waiters, &self->waiter);
    return (PyObject *)self;
}

PyObject *ext_listen_method(PyObject *owner, ext_waiters *waiters, PyObject *const *arguments,
                            Py_ssize_t count)
{
    if (count < 1 || count > 2) {
        PyErr_SetString(PyExc_TypeError, "_listen() takes a callback and front");
        return NULL;
    }
    int front = count == 2 ? PyObject_IsTrue(arguments[1]) : 0;
    return front < 0 ? NULL : ext_listen(owner, waiters, arguments[0], front);
}

static int listener_traverse(PyObject *object, visitproc visit, void *arg)
{
    ext_listener *self = (ext_listener *)object;
    Py_VISIT(self->owner);
    Py_VISIT(self->waiter.callback);
    return ext_traverse(object, visit, arg);
}

/* The second section: that of the queue. */
static PyObject *owner_or_self(PyObject *object)
{
    ext_listener *self = (ext_listener *)object;
    return self->owner ? self->owner : object;
}

static int listener_clear(PyObject *object)
{
    ext_listener *self = (ext_listener *)object;
    EXT_BEGIN(owner_or_self(object));
    ext_waiter_unlink(&self->waiter);
    if (self->owner)
        end_offer(&self->waiter, self->queue);
    EXT_END();
    Py_CLEAR(self->owner);
    Py_CLEAR(self->waiter.callback);
    return ext_clear(object);
}

static void listener_dealloc(PyObject *self)
{
    ext_dealloc(self, listener_clear);
}

PyDoc_STRVAR(listener_close_doc,
             "close($self, pass_on=True, /)\n--\n\n"
             "End the wait. If it was woken and pass_on is true, wake the next waiter.");

static PyObject *listener_close(PyObject *object, PyObject *const *arguments, Py_ssize_t count)
{
    ext_listener *self = (ext_listener *)object;
    int pass_on = count > 0 ? PyObject_IsTrue(arguments[0]) : 1;
    if (pass_on < 0)
        return NULL;
    ext_waiter_unlink(&self->waiter);
    PyObject *owner = self->owner;
    self->owner = NULL;
    if (owner)
        end_offer(&self->waiter, self->queue);
    if (owner && self->waiter.woken && pass_on)
        ext_wake(self->queue);
    Py_XDECREF(owner);
    Py_RETURN_NONE;
}
EXT_GUARD_BOTH_FAST(listener_close, owner_or_self(self))

static PyMethodDef listener_methods[] = {
    {"close", (PyCFunction)(void (*)(void))listener_close_guarded, METH_FASTCALL,
     listener_close_doc},
    {NULL, NULL, 0, NULL},
};

/* A waker writes it in the section of the queue. */
static PyObject *listener_get_woken(PyObject *object, void *ignored)
{
    (void)ignored;
    PyObject *value;
    EXT_BEGIN(owner_or_self(object));
    value = PyBool_FromLong(((ext_listener *)object)->waiter.woken);
    EXT_END();
    return value;
}

static PyGetSetDef listener_getset[] = {
    {"woken", listener_get_woken, NULL, "Whether the callback was called.", NULL},
    {0},
};

static PyMemberDef listener_members[] = {
    EXT_WEAK_MEMBER,
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot listener_slots[] = {
    {Py_tp_doc, (void *)"A wait of a coroutine or of a select."},
    {Py_tp_traverse, listener_traverse},
    {Py_tp_clear, listener_clear},
    {Py_tp_dealloc, listener_dealloc},
    {Py_tp_methods, listener_methods},
    {Py_tp_getset, listener_getset},
    {Py_tp_members, listener_members},
    {0, NULL},
};

PyType_Spec ext_listener_spec = {
    .name = "thrum._thrum.Listener",
    .basicsize = sizeof(ext_listener),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = listener_slots,
};
