"""select(): wait for the first of several things."""

from time import monotonic

from thrum import _thrum
from thrum.queue import Empty, Full

__all__ = ["select"]


class _Get:
    def __init__(self, queue):
        self.object = queue

    def attempt(self):
        try:
            return True, self.object.get_nowait()
        except Empty:
            return False, None

    def listen(self, callback):
        return self.object._listen(callback, "get")


class _Put(_Get):
    def __init__(self, queue, item):
        self.object = queue
        self.item = item

    def attempt(self):
        try:
            return True, self.object.put_nowait(self.item)
        except Full:
            return False, None

    def listen(self, callback):
        return self.object._listen(callback, "put")


class _Flag(_Get):
    """An object with a method that tells at once: Event.is_set, Future.done, Lock.acquire(False)."""

    def __init__(self, object, look):
        self.object = object
        self.look = look

    def attempt(self):
        return self.look(), None

    def listen(self, callback):
        return self.object._listen(callback)


def _case(case):
    if isinstance(case, (_thrum.Queue, _thrum.SimpleQueue)):
        return _Get(case)
    if isinstance(case, tuple) and len(case) == 2 and isinstance(case[0], (_thrum.Queue, _thrum.SimpleQueue)):
        return _Put(*case)
    if isinstance(case, _thrum.Event):
        return _Flag(case, case.is_set)
    if isinstance(case, _thrum.Future):
        return _Flag(case, case.done)
    if isinstance(case, (_thrum.Lock, _thrum.Semaphore)):
        return _Flag(case, lambda: case.acquire(False))
    raise TypeError(f"select() cannot wait for {type(case).__name__}")


def _attempt(cases, listeners=(), vain=None):
    """Perform the first case that is ready: (object, value), or None.

    `vain` gets the listeners whose wake came before an attempt that failed.
    """
    for number, case in enumerate(cases):
        woken = listeners and listeners[number].woken
        done, value = case.attempt()
        if done:
            return case.object, value
        if woken:
            vain.append(listeners[number])
    return None


def _wait(cases, end):
    """Sleep until a case may be ready, or until `end`, and try all."""
    woken = _thrum.Event()
    listeners = []
    vain = []
    try:
        for case in cases:
            listeners.append(case.listen(woken.set))
        found = _attempt(cases, listeners, vain)
        if not found and woken.wait(None if end is None else max(end - monotonic(), 0)):
            found = _attempt(cases, listeners, vain)
        return found
    finally:
        # A wake for another case than that which was performed is for another waiter of its object.
        for listener in listeners:
            listener.close(listener not in vain)


def select(*cases, timeout=None):
    """Wait for the first of several things, perform it, and return (object, value).

    A case is a queue (take an item), a tuple (queue, item) (put it), an Event (it is set), a Future
    (it is done), a Lock or a Semaphore (acquire it). The value is the item of a get, else None.
    Exactly one case is performed: the first in the order of the arguments that is ready. None if
    the timeout passes first. A queue that is shut down raises ShutDown.

        match select(jobs, stop, timeout=5):
            case (thrum.queue.Queue(), job): ...
    """
    ordered = [_case(case) for case in cases]
    end = None if timeout is None else monotonic() + timeout
    found = _attempt(ordered)
    while not found and (end is None or monotonic() < end):
        found = _wait(ordered, end)
    return found
