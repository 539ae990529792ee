"""The names of the standard module queue, written in C, with shutdown() and methods for coroutines.

The classes are subclasses of the standard ones. A subclass that has its own _init, _put, _get or
_qsize is served by methods in Python that call them with the mutex held, as the standard module
does.
"""

import queue as _standard
from heapq import heappop, heappush  # noqa: F401
from queue import Empty, Full
from time import monotonic

from thrum import _thrum
from thrum._asyncio import until
from thrum._thrum import ShutDown, SimpleQueue

__all__ = ["Empty", "Full", "ShutDown", "Queue", "PriorityQueue", "LifoQueue", "SimpleQueue"]

_HOOKS = ("_init", "_put", "_get", "_qsize")


async def _aget(self):
    """Take an item out of the queue: get() for coroutines."""
    try:
        return self.get_nowait()
    except Empty:
        pass

    def attempt(woken):
        try:
            return True, self.get_nowait()
        except Empty:
            return False, None

    return await until(attempt, lambda callback, woken: self._listen(callback, "get"))


async def _aput(self, item):
    """Put an item into the queue: put() for coroutines."""
    try:
        return self.put_nowait(item)
    except Full:
        pass

    def attempt(woken):
        try:
            return True, self.put_nowait(item)
        except Full:
            return False, None

    return await until(attempt, lambda callback, woken: self._listen(callback, "put"))


async def _ajoin(self):
    """Wait until each item is done: join() for coroutines."""
    await until(
        lambda woken: (self.unfinished_tasks == 0, None),
        lambda callback, woken: self._listen(callback, "join"),
    )


class _Hooked:
    """The methods of a queue whose class has hooks of its own. `self` is a Queue."""

    def put(self, item, block=True, timeout=None):
        with self.not_full:
            if self.is_shutdown:
                raise ShutDown
            if not _hooked_wait(self, self.not_full, self._has_room, block, timeout):
                raise Full
            if self.is_shutdown:
                raise ShutDown
            self._put(item)
            self.unfinished_tasks += 1
            self.not_empty.notify()

    def get(self, block=True, timeout=None):
        with self.not_empty:
            if not _hooked_wait(self, self.not_empty, self._qsize, block, timeout):
                raise Empty
            if self.is_shutdown and not self._qsize():
                raise ShutDown
            item = self._get()
            self.not_full.notify()
            return item

    def put_nowait(self, item):
        return self.put(item, block=False)

    def get_nowait(self):
        return self.get(block=False)

    def qsize(self):
        with self.mutex:
            return self._qsize()

    def empty(self):
        with self.mutex:
            return not self._qsize()

    def full(self):
        with self.mutex:
            return not self._has_room()

    def join(self):
        with self.all_tasks_done:
            while self.unfinished_tasks:
                self.all_tasks_done.wait()

    def shutdown(self, immediate=False):
        with self.mutex:
            self.is_shutdown = True
            if immediate:
                while self._qsize():
                    self._get()
                    if self.unfinished_tasks > 0:
                        self.unfinished_tasks -= 1
                self.all_tasks_done.notify_all()
            self.not_empty.notify_all()
            self.not_full.notify_all()

    async def aget(self):
        raise NotImplementedError("a queue with hooks of its own has no methods for coroutines")

    async def aput(self, item):
        raise NotImplementedError("a queue with hooks of its own has no methods for coroutines")

    ajoin = aget


def _hooked_wait(queue, condition, ready, block, timeout):
    """Wait until ready() or the end of the queue; false if the time passed first."""
    if not block:
        return ready() or queue.is_shutdown
    if timeout is None:
        while not (ready() or queue.is_shutdown):
            condition.wait()
        return True
    if timeout < 0:
        raise ValueError("'timeout' must be a non-negative number")
    end = monotonic() + timeout
    while not (ready() or queue.is_shutdown):
        left = end - monotonic()
        if left <= 0:
            return False
        condition.wait(left)
    return True


def _serve_hooks(cls):
    """Give a class with hooks of its own the methods that call them, where it has not replaced them."""
    for name, method in vars(_Hooked).items():
        if not name.startswith("__") and getattr(cls, name, None) in _FAST[name]:
            setattr(cls, name, method)


@_thrum.own_methods
class Queue(_thrum.Queue, _standard.Queue):
    __doc__ = _thrum.Queue.__doc__

    def __init__(self, maxsize=0):
        _thrum.Queue.__init__(self, maxsize)
        if type(self)._hooked:
            self._init(maxsize)

    _hooked = False
    _init = _standard.Queue._init

    def __init_subclass__(cls, **keywords):
        super().__init_subclass__(**keywords)
        if any(getattr(cls, hook) not in _FAST[hook] for hook in _HOOKS):
            cls._hooked = True
            _serve_hooks(cls)

    def _has_room(self):
        return self.maxsize <= 0 or self._qsize() < self.maxsize

    aget = _aget
    aput = _aput
    ajoin = _ajoin


_FAST = {
    name: {getattr(Queue, name)}
    for name in (*_HOOKS, *(name for name in vars(_Hooked) if not name.startswith("__")))
}
_FAST["_init"] |= {_standard.LifoQueue._init, _standard.PriorityQueue._init}


class LifoQueue(_thrum.LifoQueue, Queue, _standard.LifoQueue):
    __doc__ = _thrum.LifoQueue.__doc__
    _init = _standard.LifoQueue._init


class PriorityQueue(_thrum.PriorityQueue, Queue, _standard.PriorityQueue):
    __doc__ = _thrum.PriorityQueue.__doc__
    _init = _standard.PriorityQueue._init


SimpleQueue.aget = _aget
SimpleQueue.aput = _aput
