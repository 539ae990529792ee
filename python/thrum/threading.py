"""The names of the standard module threading, with locks and events that are written in C.

Thread, current_thread(), enumerate(), excepthook, settrace() and what else belongs to the life of a
thread are those of the standard module, and not copies. There is one register of threads in an
interpreter: debuggers, asyncio and the end of the interpreter rely on it. So a thread that was
started here is known there, and isinstance() holds both ways.
"""

import os as _os
import threading as _standard
from threading import *  # noqa: F403
from threading import TIMEOUT_MAX, ThreadError  # noqa: F401

from thrum import _thrum
from thrum._asyncio import add_async_methods as _add_async_methods
from thrum._thrum import (
    Barrier,
    BoundedSemaphore,
    Condition,
    Event,
    Lock,
    RLock,
    Semaphore,
)

__all__ = list(_standard.__all__)

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
