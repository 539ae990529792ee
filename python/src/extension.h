/* What the files of the extension share. park.c explains the waits, module.c the module.
 *
 * Names that several files use begin with ext_. Every function needs the GIL, unless its comment says otherwise.
 */
#ifndef THRUM_PYTHON_EXTENSION_H
#define THRUM_PYTHON_EXTENSION_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>

#include <stdbool.h>
#include <stdint.h>

/* ---- Sections ---- */

/* The state of an object belongs to its section. With a GIL that is the GIL, and these macros are nothing. A free-threaded
 * interpreter has a lock for each object, and suspends the section of a thread wherever it would release a GIL: while the
 * thread sleeps, and while it waits for the section of another object. So what the files say of the GIL is true of a
 * section, with one difference: to begin a section inside a section may let others in, as a call of Python code may.
 *
 * EXT_CHECK_SECTIONS is for tests: an interpreter with a GIL then releases it wherever a section may be suspended, and
 * EXT_INSIDE stops the program if the section of the object was not begun. */
#ifdef Py_GIL_DISABLED
#define EXT_BEGIN(object)    Py_BEGIN_CRITICAL_SECTION(object)
#define EXT_BEGIN_BOTH(a, b) Py_BEGIN_CRITICAL_SECTION2(a, b)
#define EXT_END()            Py_END_CRITICAL_SECTION()
#define EXT_END_BOTH()       Py_END_CRITICAL_SECTION2()
#define EXT_INSIDE(object)   ((void)0)
#elif defined EXT_CHECK_SECTIONS
typedef struct ext_section {
    struct ext_section *outer;
    const void *objects[2];
} ext_section;
void ext_section_begin(ext_section *self, const void *a, const void *b);
void ext_section_end(ext_section *self);
void ext_section_check(const void *object, const char *function);
#define EXT_BEGIN(object) EXT_BEGIN_BOTH(object, object)
#define EXT_BEGIN_BOTH(a, b)                                                                       \
    {                                                                                              \
        ext_section section;                                                                       \
        ext_section_begin(&section, a, b)
#define EXT_END()                                                                                  \
    ext_section_end(&section);                                                                     \
    }
#define EXT_END_BOTH()     EXT_END()
#define EXT_INSIDE(object) ext_section_check(object, __func__)
#else
#define EXT_BEGIN(object)                                                                          \
    {                                                                                              \
        (void)(object)
#define EXT_BEGIN_BOTH(a, b)                                                                       \
    {                                                                                              \
        (void)(a), (void)(b)
#define EXT_END()          }
#define EXT_END_BOTH()     }
#define EXT_INSIDE(object) ((void)0)
#endif

/* Makes `function_guarded`, for the tables of methods: the same inside the section of the object, or of it and of `other`.
 * O: METH_O and METH_NOARGS; FAST: METH_FASTCALL; KEYS: with METH_KEYWORDS. */
#define EXT_GUARD(type, function, parameters, arguments, other)                                    \
    static type function##_guarded parameters                                                      \
    {                                                                                              \
        type result;                                                                               \
        EXT_BEGIN_BOTH(self, other);                                                               \
        result = function arguments;                                                               \
        EXT_END_BOTH();                                                                            \
        return result;                                                                             \
    }
#define EXT_GUARD_BOTH_O(function, other)                                                          \
    EXT_GUARD(PyObject *, function, (PyObject * self, PyObject * argument), (self, argument), other)
#define EXT_GUARD_BOTH_FAST(function, other)                                                       \
    EXT_GUARD(PyObject *, function,                                                                \
              (PyObject * self, PyObject *const *arguments, Py_ssize_t count),                     \
              (self, arguments, count), other)
#define EXT_GUARD_BOTH_KEYS(function, other)                                                       \
    EXT_GUARD(PyObject *, function,                                                                \
              (PyObject * self, PyObject *const *arguments, Py_ssize_t count, PyObject *keywords), \
              (self, arguments, count, keywords), other)
#define EXT_GUARD_O(function)    EXT_GUARD_BOTH_O(function, self)
#define EXT_GUARD_FAST(function) EXT_GUARD_BOTH_FAST(function, self)
#define EXT_GUARD_KEYS(function) EXT_GUARD_BOTH_KEYS(function, self)
#define EXT_GUARD_REPR(function) EXT_GUARD(PyObject *, function, (PyObject * self), (self), self)
#define EXT_GUARD_INIT(function)                                                                   \
    EXT_GUARD(int, function, (PyObject * self, PyObject * arguments, PyObject * keywords),         \
              (self, arguments, keywords), self)
#define EXT_GUARD_GET(function)                                                                    \
    EXT_GUARD(PyObject *, function, (PyObject * self, void *closure), (self, closure), self)
#define EXT_GUARD_SET(function)                                                                    \
    EXT_GUARD(int, function, (PyObject * self, PyObject * value, void *closure),                   \
              (self, value, closure), self)

/* ---- Deadlines ---- */

/* A moment on the monotonic clock in nanoseconds, or one of these two. */
typedef int64_t ext_deadline;
#define EXT_NOW     ((ext_deadline)0)
#define EXT_FOREVER INT64_MAX

/* The time of that clock. Needs no GIL. */
ext_deadline ext_now(void);

/* The deadline of `timeout`, a number of seconds or None for no deadline. Negative numbers give EXT_NOW.
 * False with an exception if it is no number, NaN or too large. */
bool ext_deadline_after(PyObject *timeout, ext_deadline *ret_deadline);

/* The deadline of acquire(blocking, timeout) of a lock, where -1 is no deadline. Either may be NULL. */
bool ext_deadline_of_lock(PyObject *blocking, PyObject *timeout, ext_deadline *ret_deadline);

/* The deadline of put and get of a queue. Either may be NULL. */
bool ext_deadline_of_queue(PyObject *block, PyObject *timeout, ext_deadline *ret_deadline);

/* The largest timeout in seconds. */
#define EXT_TIMEOUT_MAX 9223372036.0

/* ---- Waits ---- */

typedef struct ext_waiter ext_waiter;

/* A queue of waiters, in the object that they wait for. All-zero is empty. */
typedef struct {
    ext_waiter *first;
    ext_waiter *last;
    unsigned offers;     /* listeners that were woken and have not tried again; see ext_offers */
    unsigned generation; /* of the offers */
} ext_waiters;

/* Tries to perform an operation without waiting: 1 done, 0 not possible now, -1 failed with an exception.
 * When it returns 0, it has not released the GIL after it looked. */
typedef int (*ext_attempt)(void *argument);

/* Waits for `object` until `attempt` returns something other than 0 and returns that; 0 if the deadline passes first. -1 with an
 * exception if a signal handler raised, or if memory ran out. The first attempt is inline: most calls need no other. */
int ext_wait_again(PyObject *object, ext_waiters *waiters, ext_deadline deadline,
                   ext_attempt attempt, void *argument);

static inline int ext_wait(PyObject *object, ext_waiters *waiters, ext_deadline deadline,
                           ext_attempt attempt, void *argument)
{
    EXT_INSIDE(object);
    int rc = attempt(argument);
    if (rc != 0 || deadline == EXT_NOW)
        return rc;
    return ext_wait_again(object, waiters, deadline, attempt, argument);
}

/* Wakes the first waiter; false if there is none. The first also leaves a word for it. */
bool ext_wake_with(ext_waiters *waiters, int word);

static inline bool ext_wake(ext_waiters *waiters)
{
    return waiters->first && ext_wake_with(waiters, 0);
}

/* Wakes all who wait now. */
void ext_wake_all(ext_waiters *waiters);

Py_ssize_t ext_waiter_count(const ext_waiters *waiters);

/* One wait for one wake, for objects whose waiters do not try again: conditions and barriers. */
ext_waiter *ext_waiter_new(PyObject *object);
void ext_waiter_link(ext_waiters *waiters, ext_waiter *waiter);
void ext_waiter_unlink(ext_waiter *waiter);
void ext_waiter_free(ext_waiter *waiter);

/* True if it has been woken; the word that its waker left, or 0. */
bool ext_waiter_woken(const ext_waiter *waiter);
int ext_waiter_word(const ext_waiter *waiter);

/* Sleeps until woken: 1 woken, 0 the deadline has passed, -1 with an exception. A wake may come before a failure: see
 * ext_waiter_woken. The waiter stays linked unless it was woken. */
int ext_sleep(ext_waiter *waiter, ext_deadline deadline);

/* A new Listener: its callback is called once, instead of a wake. For asyncio and select. `front`: it waits before all others. */
PyObject *ext_listen(PyObject *owner, ext_waiters *waiters, PyObject *callback, bool front);

/* The same for a method _listen(callback, front=False). */
PyObject *ext_listen_method(PyObject *owner, ext_waiters *waiters, PyObject *const *arguments,
                            Py_ssize_t count);

/* The units that belong to listeners: they were woken for them. Coroutines leave so many units alone; threads need not. */
unsigned ext_offers(const ext_waiters *waiters);

/* Grows by one in the child process of each fork. */
extern unsigned ext_generation;

/* ---- Objects ---- */

/* The head of each object: weak references and attributes. */
#define EXT_HEAD                                                                                   \
    PyObject_HEAD PyObject *weakrefs;                                                              \
    PyObject *dict;

typedef struct {
    EXT_HEAD
} ext_object;

/* Members of a type with weak references, and of a type with weak references and attributes. */
#define EXT_WEAK_MEMBER                                                                            \
    {                                                                                              \
        "__weaklistoffset__", T_PYSSIZET, offsetof(ext_object, weakrefs), READONLY, NULL           \
    }
#define EXT_DICT_MEMBER                                                                            \
    {                                                                                              \
        "__dictoffset__", T_PYSSIZET, offsetof(ext_object, dict), READONLY, NULL                   \
    }

/* For the tables of getters and setters: a field, as in a table of members, which is read and written inside the section of the
 * object. The interpreter reads members without it. */
#define EXT_FIELD(name, kind, structure, field, flags, doc)                                        \
    {                                                                                              \
        name, ext_field_get, ext_field_set, doc, &(PyMemberDef)                                    \
        {                                                                                          \
            name, kind, offsetof(structure, field), flags, NULL                                    \
        }                                                                                          \
    }

PyObject *ext_field_get(PyObject *self, void *member);
int ext_field_set(PyObject *self, PyObject *value, void *member);

int ext_traverse(PyObject *self, visitproc visit, void *arg);
int ext_clear(PyObject *self);
void ext_dealloc(PyObject *self, inquiry clear);

#define EXT_FLAGS (Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC)

/* A function of the method table; its prototype is that of METH_FASTCALL | METH_KEYWORDS. */
#define EXT_METHOD(name, function, doc)                                                            \
    {                                                                                              \
        name, (PyCFunction)(void (*)(void))(function), METH_FASTCALL | METH_KEYWORDS, doc          \
    }

/* The method _listen of an object, a METH_FASTCALL by ext_listen_method. */
#define EXT_LISTEN(function)                                                                       \
    {                                                                                              \
        "_listen", (PyCFunction)(void (*)(void))(function), METH_FASTCALL,                         \
            "_listen($self, callback, front=False, /)\n--\n\n"                                     \
            "Call callback once when it is worth trying again."                                    \
    }

/* Sorts the arguments of a call by name. `names` ends with NULL; what is not given stays NULL in `ret_values`. The
 * first `required` must be given. False with a TypeError. */
bool ext_arguments(const char *function, const char *const *names, int required,
                   PyObject *const *arguments, Py_ssize_t count, PyObject *keywords,
                   PyObject **ret_values);

/* The same for __init__. */
bool ext_init_arguments(const char *function, const char *const *names, int required,
                        PyObject *arguments, PyObject *keywords, PyObject **ret_values);

/* A new reference to an item of a list that other threads may change; NULL with an IndexError. */
PyObject *ext_list_get(PyObject *list, Py_ssize_t place);

/* "<module.Class at 0x...: " and the rest. */
PyObject *ext_repr(PyObject *self, const char *format, ...);

/* For the tables of a type that cannot be a subclass of the standard class, which is written in C: its objects name that class
 * as their __class__, so isinstance() finds them in it. `standard` is its place in ext. Subclasses name themselves. */
#define EXT_CLASS(standard)                                                                        \
    {                                                                                              \
        "__class__", ext_class_get, ext_class_set, "The class for isinstance().", &(standard)      \
    }
#define EXT_DIR                                                                                    \
    {                                                                                              \
        "__dir__", ext_dir, METH_NOARGS, "The names of attributes, by the type."                   \
    }

PyObject *ext_class_get(PyObject *self, void *standard);
int ext_class_set(PyObject *self, PyObject *value, void *standard);
PyObject *ext_dir(PyObject *self, PyObject *ignored);

/* ---- The types ---- */

/* Lock and RLock. */
typedef struct {
    EXT_HEAD
    unsigned long owner; /* the thread that acquired it; 0 if it is free */
    unsigned long count; /* of acquires; 0: free */
    bool reentrant;      /* an RLock */
    ext_waiters waiters;
} ext_lock;

/* Acquires `count` times. As ext_wait. */
int ext_lock_acquire(ext_lock *self, ext_deadline deadline, unsigned long count);
void ext_lock_release(ext_lock *self, unsigned long count);

/* An RLock: whether the calling thread holds it. A Lock: whether it is held. */
bool ext_lock_is_owned(const ext_lock *self);

extern PyType_Spec ext_lock_spec, ext_rlock_spec, ext_condition_spec, ext_semaphore_spec,
    ext_bounded_semaphore_spec, ext_event_spec, ext_barrier_spec, ext_queue_spec,
    ext_lifo_queue_spec, ext_priority_queue_spec, ext_simple_queue_spec, ext_future_spec,
    ext_pool_spec, ext_executor_spec, ext_listener_spec;

/* ---- The module ---- */

/* Made once; the module works in the main interpreter alone. All references are owned. */
typedef struct {
    PyTypeObject *lock, *rlock, *condition, *semaphore, *bounded_semaphore, *event, *barrier,
        *queue, *lifo_queue, *priority_queue, *simple_queue, *future, *pool, *executor, *listener;
    PyObject *empty, *full, *shut_down;        /* exceptions of queues */
    PyObject *broken_barrier;                  /* of barriers */
    PyObject *cancelled_error, *invalid_state; /* of futures */
    PyObject *logger;                          /* that of concurrent.futures */
    PyObject *heappush, *heappop;              /* functions */
    PyTypeObject *deque; /* and two of its methods, called without a look-up */
    PyCFunction deque_append, deque_popleft;
    PyObject *standard_lock, *standard_rlock, *standard_simple_queue; /* classes in C */
    PyObject *class_descriptor;                                       /* object.__class__ */
    PyTypeObject *future_class;    /* what a pool makes: a subclass of `future` */
    PyTypeObject *condition_class; /* what queues and futures make: `condition` or a subclass */
    bool exiting;                  /* the interpreter ends: no more tasks */
} ext_module;

extern ext_module ext;

#endif
