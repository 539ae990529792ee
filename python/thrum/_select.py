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


def _attempt(cases):
    for case in cases:
        done, value = case.attempt()
        if done:
            return case.object, value
    return None


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
    while True:
        found = _attempt(ordered)
        if found or (end is not None and end <= monotonic()):
            return found
        woken = _thrum.Event()
        listeners = []
        pass_on = True
        try:
            for case in ordered:
                listeners.append(case.listen(woken.set))
            found = _attempt(ordered)
            if found:
                return found
            woken.wait(None if end is None else end - monotonic())
            pass_on = False
        finally:
            for listener in listeners:
                listener.close(pass_on)
