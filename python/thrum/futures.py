"""The names of the standard module concurrent.futures, with a thread pool that is written in C.

Future is a subclass of the standard one, and what is here works with futures of both kinds. The
process pool is that of the standard library.
"""

import functools
import itertools
import os
import weakref
from collections import deque
from concurrent import futures as _standard
from concurrent.futures import (
    ALL_COMPLETED,
    FIRST_COMPLETED,
    FIRST_EXCEPTION,
    BrokenExecutor,
    CancelledError,
    Executor,
    InvalidStateError,
    ProcessPoolExecutor,
    TimeoutError,
)
from concurrent.futures._base import LOGGER, DoneAndNotDoneFutures
from concurrent.futures.thread import BrokenThreadPool
from threading import Thread, _register_atexit
from time import monotonic

from thrum import _thrum
from thrum.queue import Empty, SimpleQueue

__all__ = [
    "ALL_COMPLETED",
    "FIRST_COMPLETED",
    "FIRST_EXCEPTION",
    "BrokenExecutor",
    "CancelledError",
    "Executor",
    "Future",
    "InvalidStateError",
    "ProcessPoolExecutor",
    "ThreadPoolExecutor",
    "TimeoutError",
    "as_completed",
    "wait",
]


@_thrum.own_methods
class Future(_thrum.Future, _standard.Future):
    __doc__ = _thrum.Future.__doc__

    def __await__(self):
        import asyncio

        return asyncio.wrap_future(self).__await__()


_thrum.set_class(Future)


# ---- Waits for several futures ----


def _next_done(done, end):
    """The next future of the queue `done`, or None if the time has passed."""
    try:
        return done.get_nowait()
    except Empty:
        pass
    if end is not None and end <= monotonic():
        return None
    pool = _thrum.block()
    try:
        return done.get(timeout=None if end is None else max(0, end - monotonic()))
    except Empty:
        return None
    finally:
        _thrum.unblock(pool)


class _Observer:
    """Observes futures of the standard module."""

    def __init__(self, put):
        self.add_result = self.add_exception = self.add_cancelled = put


def _observe(futures, put):
    """Have put(future) called when a future is finished."""
    observer = _Observer(put)
    for future in futures:
        if isinstance(future, _thrum.Future):
            future._observe(put)
        else:
            with future._condition:
                if _is_finished(future):
                    put(future)
                else:
                    future._waiters.append(observer)
    return observer


def _forget(futures, put, observer):
    for future in futures:
        if isinstance(future, _thrum.Future):
            future._unobserve(put)
        else:
            with future._condition:
                if observer in future._waiters:
                    future._waiters.remove(observer)


def _is_finished(future):
    return future._state in ("FINISHED", "CANCELLED_AND_NOTIFIED")


def as_completed(fs, timeout=None):
    """Iterate over the futures in the order in which they are done.

    A future that is given twice is returned once. TimeoutError if not all are done within timeout
    seconds after this call.
    """
    end = None if timeout is None else monotonic() + timeout
    pending = set(fs)
    count = len(pending)
    done = SimpleQueue()
    put = done.put
    observer = _observe(pending, put)
    try:
        while pending:
            ready = [_next_done(done, end)]
            if ready[0] is None:
                raise TimeoutError(f"{len(pending)} (of {count}) futures unfinished")
            pending.discard(ready[0])
            yield ready.pop()
    finally:
        _forget(pending, put, observer)


def _has_failed(future):
    return not future.cancelled() and future.exception() is not None


def wait(fs, timeout=None, return_when=ALL_COMPLETED):
    """Wait for futures. Return a named tuple of the sets done and not_done.

    return_when is ALL_COMPLETED, FIRST_COMPLETED, or FIRST_EXCEPTION, which waits for all if none
    fails.
    """
    if return_when not in (ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION):
        raise ValueError(f"Invalid return condition: {return_when!r}")
    end = None if timeout is None else monotonic() + timeout
    pending = set(fs)
    finished = {future for future in pending if _is_finished(future)}
    pending -= finished
    if finished and (
        return_when == FIRST_COMPLETED
        or (return_when == FIRST_EXCEPTION and any(map(_has_failed, finished)))
    ):
        return DoneAndNotDoneFutures(finished, pending)
    done = SimpleQueue()
    put = done.put
    observer = _observe(pending, put)
    try:
        while pending:
            future = _next_done(done, end)
            if future is None:
                break
            pending.discard(future)
            finished.add(future)
            if return_when == FIRST_COMPLETED:
                break
            if return_when == FIRST_EXCEPTION and _has_failed(future):
                break
    finally:
        _forget(pending, put, observer)
    late = {future for future in pending if _is_finished(future)}
    return DoneAndNotDoneFutures(finished | late, pending - late)


# ---- The thread pool ----

_pools = weakref.WeakSet()
_workers = weakref.WeakSet()


def _exit():
    """At the end of the interpreter: let the pools finish their tasks."""
    for pool in list(_pools):
        pool.exit()
    for worker in list(_workers):
        worker.join()


_register_atexit(_exit)
os.register_at_fork(after_in_child=_workers.clear)


class _Starter:
    """Starts the workers of a pool. It must not know the executor, which would then never be freed."""

    def __init__(self, prefix, initializer, initargs):
        self.prefix = prefix
        self.initializer = initializer
        self.initargs = initargs
        self.threads = set()
        self.number = itertools.count()
        self.pool = None  # a weak reference

    def __call__(self):
        name = f"{self.prefix}_{next(self.number)}"
        thread = Thread(name=name, target=self.work, args=(self.pool(),))
        self.threads.add(thread)
        _workers.add(thread)
        try:
            thread.start()
        except BaseException:
            self.threads.discard(thread)
            _workers.discard(thread)
            raise

    def work(self, pool):
        if self.initializer is not None:
            try:
                self.initializer(*self.initargs)
            except BaseException:
                LOGGER.critical("Exception in initializer:", exc_info=True)
                pool.fail(
                    BrokenThreadPool(
                        "A thread initializer failed, the thread pool is not usable anymore"
                    )
                )
                return
        pool.work()


@_thrum.own_methods
class ThreadPoolExecutor(_thrum.Executor, _standard.ThreadPoolExecutor):
    """A pool of threads that run tasks.

    The arguments of the standard module: max_workers, by default min(32, CPUs + 4);
    thread_name_prefix; initializer and initargs, called by each worker before its first task.

    Beyond it:
      max_queue   the most tasks that may be pending; None is no limit
      when_full   what submit() does then: "wait", "raise" (queue.Full), or "run" it in the caller
      order       "fifo", "lifo", or "priority" (see submit_priority)

    A task may wait for tasks of its own pool: while it waits, the pool has another worker.
    """

    _counter = itertools.count().__next__

    def __init__(
        self,
        max_workers=None,
        thread_name_prefix="",
        initializer=None,
        initargs=(),
        *,
        max_queue=None,
        when_full="wait",
        order="fifo",
    ):
        if max_workers is None:
            max_workers = min(32, len(os.sched_getaffinity(0)) + 4)
        if max_workers <= 0:
            raise ValueError("max_workers must be greater than 0")
        if max_queue is not None and max_queue <= 0:
            raise ValueError("max_queue must be greater than 0, or None")
        if initializer is not None and not callable(initializer):
            raise TypeError("initializer must be a callable")
        self._max_workers = max_workers
        self._thread_name_prefix = thread_name_prefix or f"ThreadPoolExecutor-{self._counter()}"
        self._initializer = initializer
        self._initargs = initargs
        starter = _Starter(self._thread_name_prefix, initializer, initargs)
        pool = _thrum.Pool(starter, max_workers, max_queue or 0, when_full, order)
        starter.pool = weakref.ref(pool)
        _pools.add(pool)
        self._threads = starter.threads
        self._pool = pool

    @property
    def _broken(self):
        return self._pool.broken and str(self._pool.broken)

    @property
    def _shutdown(self):
        return self._pool.shut

    def map(self, fn, *iterables, timeout=None, chunksize=1, buffersize=None):
        """Return an iterator over fn(*args) for the items of the iterables, in their order.

        All tasks are submitted by this call; with buffersize, only that many, and another one each
        time a result is taken. TimeoutError if a result is not there within timeout seconds after
        this call. An exception of a task is raised when its result is due.
        """
        if buffersize is not None and not isinstance(buffersize, int):
            raise TypeError("buffersize must be an integer or None")
        if buffersize is not None and buffersize < 1:
            raise ValueError("buffersize must be None or > 0")
        end = None if timeout is None else monotonic() + timeout
        submit = self.submit
        rest = zip(*iterables)
        futures = deque([submit(fn, *arguments) for arguments in itertools.islice(rest, buffersize)])
        # The iterator must not keep the executor alive.
        return _results(futures, end, buffersize and functools.partial(_submit_next, weakref.ref(self), fn, rest))

    def shutdown(self, wait=True, *, cancel_futures=False):
        """Accept no more tasks. With wait, return when the workers have ended.

        With cancel_futures, cancel the tasks that are pending.
        """
        self._pool.shutdown(cancel_futures)
        joined = set()
        while wait and (left := self._threads - joined):
            for thread in left:
                thread.join()
            joined |= left


def _submit_next(executor, fn, rest):
    """Submit the next task of a map. An empty list if there is none."""
    if (pool := executor()) and (arguments := next(rest, None)):
        return [pool.submit(fn, *arguments)]
    return []


def _take_result(futures, end):
    result = futures[0].result() if end is None else futures[0].result(end - monotonic())
    futures.popleft()
    return result


def _results(futures, end, submit_next):
    try:
        while futures:
            if submit_next:
                futures.extend(submit_next())
            yield _take_result(futures, end)
    finally:
        for future in futures:
            future.cancel()


def __getattr__(name):
    # What later versions of the standard module have.
    return getattr(_standard, name)
