/* What all objects of the extension share: their life, the arguments of their methods, their repr, their __class__.
 *
 * isinstance() finds an object in a class if its type is a subclass, or else if its __class__ is one. The classes in
 * thrum/threading.py and thrum/queue.py are subclasses of the standard ones where these are written in Python: the fields of
 * an object are those of its type here. Locks and the SimpleQueue of the standard library are written in C. A subclass would
 * hold their fields as well, or is refused. So their __class__ is the standard class. Rejected: a metaclass, because the
 * question is put to the standard class.
 */
#include "extension.h"

int ext_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(((ext_object *)self)->dict);
    return 0;
}

int ext_clear(PyObject *self)
{
    Py_CLEAR(((ext_object *)self)->dict);
    return 0;
}

void ext_dealloc(PyObject *self, inquiry clear)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    if (((ext_object *)self)->weakrefs)
        PyObject_ClearWeakRefs(self);
    clear(self);
    type->tp_free(self);
    Py_DECREF(type);
}

PyObject *ext_field_get(PyObject *self, void *member)
{
    PyObject *value;
    EXT_BEGIN(self);
    value = PyMember_GetOne((const char *)self, member);
    EXT_END();
    return value;
}

int ext_field_set(PyObject *self, PyObject *value, void *member)
{
    int rc;
    EXT_BEGIN(self);
    rc = PyMember_SetOne((char *)self, member, value);
    EXT_END();
    return rc;
}

PyObject *ext_list_get(PyObject *list, Py_ssize_t place)
{
#if PY_VERSION_HEX >= 0x030d0000
    return PyList_GetItemRef(list, place);
#else
    return Py_XNewRef(PyList_GetItem(list, place));
#endif
}

/* The place of `name` in `names`, or -1 with a TypeError. */
static int place_of(const char *function, const char *const *names, PyObject *name)
{
    for (int i = 0; names[i]; i++)
        if (PyUnicode_CompareWithASCIIString(name, names[i]) == 0)
            return i;
    PyErr_Format(PyExc_TypeError, "%s() got an unexpected keyword argument '%U'", function, name);
    return -1;
}

static bool take_keyword(const char *function, const char *const *names, PyObject *name,
                         PyObject *value, PyObject **ret_values)
{
    int place = place_of(function, names, name);
    if (place < 0)
        return false;
    if (ret_values[place]) {
        PyErr_Format(PyExc_TypeError, "%s() got multiple values for argument '%s'", function,
                     names[place]);
        return false;
    }
    ret_values[place] = value;
    return true;
}

static bool take_positional(const char *function, const char *const *names,
                            PyObject *const *arguments, Py_ssize_t count, PyObject **ret_values)
{
    Py_ssize_t most = 0;
    for (; names[most]; most++)
        ret_values[most] = NULL;
    if (count > most) {
        PyErr_Format(PyExc_TypeError, "%s() takes at most %zd argument%s (%zd given)", function,
                     most, most == 1 ? "" : "s", count);
        return false;
    }
    for (Py_ssize_t i = 0; i < count; i++)
        ret_values[i] = arguments[i];
    return true;
}

static bool all_there(const char *function, const char *const *names, int required,
                      PyObject *const *values)
{
    for (int i = 0; i < required; i++)
        if (!values[i]) {
            PyErr_Format(PyExc_TypeError, "%s() missing required argument '%s'", function,
                         names[i]);
            return false;
        }
    return true;
}

bool ext_arguments(const char *function, const char *const *names, int required,
                   PyObject *const *arguments, Py_ssize_t count, PyObject *keywords,
                   PyObject **ret_values)
{
    if (!take_positional(function, names, arguments, count, ret_values))
        return false;
    Py_ssize_t keyword_count = keywords ? PyTuple_GET_SIZE(keywords) : 0;
    for (Py_ssize_t i = 0; i < keyword_count; i++)
        if (!take_keyword(function, names, PyTuple_GET_ITEM(keywords, i), arguments[count + i],
                          ret_values))
            return false;
    return all_there(function, names, required, ret_values);
}

bool ext_init_arguments(const char *function, const char *const *names, int required,
                        PyObject *arguments, PyObject *keywords, PyObject **ret_values)
{
    if (!take_positional(function, names, &PyTuple_GET_ITEM(arguments, 0),
                         PyTuple_GET_SIZE(arguments), ret_values))
        return false;
    PyObject *name, *value;
    Py_ssize_t place = 0;
    while (keywords && PyDict_Next(keywords, &place, &name, &value))
        if (!take_keyword(function, names, name, value, ret_values))
            return false;
    return all_there(function, names, required, ret_values);
}

PyObject *ext_repr(PyObject *self, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    PyObject *state = PyUnicode_FromFormatV(format, arguments);
    va_end(arguments);
    if (!state)
        return NULL;
    PyObject *module = PyObject_GetAttrString((PyObject *)Py_TYPE(self), "__module__");
    PyObject *name = PyType_GetQualName(Py_TYPE(self));
    PyObject *repr = NULL;
    if (module && name)
        repr = PyUnicode_FromFormat("<%U.%U at %p: %U>", module, name, (void *)self, state);
    Py_XDECREF(module);
    Py_XDECREF(name);
    Py_DECREF(state);
    return repr;
}

PyObject *ext_class_get(PyObject *self, void *standard)
{
    PyTypeObject *type = Py_TYPE(self);
    bool is_ours = type == ext.lock || type == ext.rlock || type == ext.simple_queue;
    return Py_NewRef(is_ours ? *(PyObject **)standard : (PyObject *)type);
}

int ext_class_set(PyObject *self, PyObject *value, void *standard)
{
    (void)standard;
    return Py_TYPE(ext.class_descriptor)->tp_descr_set(ext.class_descriptor, self, value);
}

/* That of object looks at __class__. */
PyObject *ext_dir(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    PyObject *names = PyObject_Dir((PyObject *)Py_TYPE(self));
    PyObject *dict = ((ext_object *)self)->dict;
    PyObject *own = dict ? PyDict_Keys(dict) : NULL;
    if (names && own)
        Py_SETREF(names, PySequence_InPlaceConcat(names, own));
    else if (dict)
        Py_CLEAR(names);
    Py_XDECREF(own);
    return names;
}
