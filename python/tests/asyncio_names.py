"""asyncio's Lock, Semaphore, Event and queues, made of the package's objects and their methods for coroutines.

CPython's tests of these classes judge what a coroutine sees of the package: who is woken, in which order, and what a
cancelled coroutine leaves behind. load() gives a module of tests whose `asyncio` has these classes.
"""

import asyncio
import importlib
import queue as standard
import sys
import types

from thrum import queue, threading


class _Waits:
    """The tests count waiters: coroutines that are inside a method."""

    def __init__(self):
        self._waiters = []

    async def _wait(self, coroutine, waiters=None):
        waiters = self._waiters if waiters is None else waiters
        waiter = object()
        waiters.append(waiter)
        try:
            return await coroutine
        finally:
            waiters.remove(waiter)


class _Acquired(_Waits):
    def __init__(self, inner):
        super().__init__()
        self._inner = inner

    async def acquire(self):
        return await self._wait(self._inner.aacquire())

    def release(self):
        self._inner.release()

    async def __aenter__(self):
        await self._inner.__aenter__()

    async def __aexit__(self, *exception):
        await self._inner.__aexit__(*exception)


class Lock(_Acquired):
    def __init__(self):
        super().__init__(threading.Lock())

    def locked(self):
        return self._inner.locked()


class Semaphore(_Acquired):
    def __init__(self, value=1):
        super().__init__(threading.Semaphore(value))

    @property
    def _value(self):
        return self._inner._value

    def locked(self):
        return self._inner._value == 0


class BoundedSemaphore(Semaphore):
    def __init__(self, value=1):
        _Acquired.__init__(self, threading.BoundedSemaphore(value))


class Event(_Waits):
    def __init__(self):
        super().__init__()
        self._inner = threading.Event()
        self.set, self.clear, self.is_set = self._inner.set, self._inner.clear, self._inner.is_set

    async def wait(self):
        return await self._wait(self._inner.await_())


class Queue(_Waits):
    _inner_class = queue.Queue

    def __init__(self, maxsize=0):
        self._getters, self._putters = [], []
        self._inner = self._inner_class(maxsize)
        for name in ("qsize", "empty", "full", "task_done"):
            setattr(self, name, getattr(self._inner, name))
        self.maxsize = maxsize

    async def put(self, item):
        await self._wait(self._inner.aput(item), self._putters)

    async def get(self):
        return await self._wait(self._inner.aget(), self._getters)

    async def join(self):
        await self._inner.ajoin()

    def put_nowait(self, item):
        try:
            self._inner.put_nowait(item)
        except standard.Full:
            raise asyncio.QueueFull from None

    def get_nowait(self):
        try:
            return self._inner.get_nowait()
        except standard.Empty:
            raise asyncio.QueueEmpty from None


class LifoQueue(Queue):
    _inner_class = queue.LifoQueue


class PriorityQueue(Queue):
    _inner_class = queue.PriorityQueue


_CLASSES = (Lock, Semaphore, BoundedSemaphore, Event, Queue, LifoQueue, PriorityQueue)


def load(name):
    """Import a module of tests that sees these classes in place of asyncio's."""
    names = types.ModuleType("asyncio")
    vars(names).update(vars(asyncio))
    vars(names).update({cls.__name__: cls for cls in _CLASSES})
    importlib.import_module(name.rpartition(".")[0])
    sys.modules["asyncio"] = names
    try:
        return importlib.import_module(name)
    finally:
        sys.modules["asyncio"] = asyncio
