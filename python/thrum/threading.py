"""The names of the standard module threading, with locks and events that are written in C.

Thread, current_thread(), enumerate(), excepthook, settrace() and what else belongs to the life of a
thread are those of the standard module, and not copies. There is one register of threads in an
interpreter: debuggers, asyncio and the end of the interpreter rely on it. So a thread that was
started here is known there, and isinstance() holds both ways.

The other classes are subclasses of the standard ones, of which they use nothing. A Lock and an RLock
name the standard class as their __class__. So isinstance() finds all of them in the standard class.
"""

import os as _os
import threading as _standard
from threading import *  # noqa: F403
from threading import TIMEOUT_MAX, ThreadError  # noqa: F401

from thrum import _thrum
from thrum._asyncio import add_async_methods as _add_async_methods
from thrum._thrum import Lock, RLock

__all__ = list(_standard.__all__)


@_thrum.own_methods
class Condition(_thrum.Condition, _standard.Condition):
    __doc__ = _thrum.Condition.__doc__
    __module__ = "threading"  # as it is printed


@_thrum.own_methods
class Semaphore(_thrum.Semaphore, _standard.Semaphore):
    __doc__ = _thrum.Semaphore.__doc__
    __module__ = "threading"


@_thrum.own_methods
class BoundedSemaphore(_thrum.BoundedSemaphore, Semaphore, _standard.BoundedSemaphore):
    __doc__ = _thrum.BoundedSemaphore.__doc__
    __module__ = "threading"


@_thrum.own_methods
class Event(_thrum.Event, _standard.Event):
    __doc__ = _thrum.Event.__doc__
    __module__ = "threading"


@_thrum.own_methods
class Barrier(_thrum.Barrier, _standard.Barrier):
    __doc__ = _thrum.Barrier.__doc__
    __module__ = "threading"


_thrum.set_class(Condition)
_add_async_methods(Lock, "acquire", "release")
_add_async_methods(Semaphore, "acquire", "release")
_add_async_methods(Event, "wait", None)

_os.register_at_fork(after_in_child=_thrum.after_fork)


class Timer(_standard.Timer):
    """A thread that calls a function after some seconds, unless cancel() comes first."""

    def __init__(self, interval, function, args=None, kwargs=None):
        super().__init__(interval, function, args, kwargs)
        self.finished = Event()


def __getattr__(name):
    # excepthook and others may be replaced in the standard module at any time; _shutdown and
    # _register_atexit are called by the interpreter and by libraries.
    return getattr(_standard, name)
