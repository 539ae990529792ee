"""What Python lacks: readers-writer lock, rate limiter, retry, periodic task, group of tasks."""

import asyncio
import functools
import inspect
import random
import sys
import time
from time import monotonic

from thrum.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from thrum.threading import Condition, Event, ExceptHookArgs, Lock, Thread
from thrum import threading as _threading

__all__ = ["PeriodicTask", "RWLock", "RateLimiter", "TaskGroup", "retry"]


class RWLock:
    """A readers-writer lock: many readers or one writer.

        with lock.read(): ...
        with lock.write(): ...

    A writer that waits keeps new readers out, so it is not starved. It is not reentrant.
    """

    def __init__(self):
        self._changed = Condition(Lock())
        self._readers = 0
        self._writing = False
        self._writers = 0  # that wait

    def __repr__(self):
        state = "writing" if self._writing else f"readers={self._readers}"
        return f"<thrum.RWLock at {id(self):#x}: {state}>"

    def acquire_read(self, timeout=None):
        """Become a reader. Return False if the timeout passes first."""
        with self._changed:
            if not self._changed.wait_for(lambda: not (self._writing or self._writers), timeout):
                return False
            self._readers += 1
            return True

    def release_read(self):
        """End being a reader."""
        with self._changed:
            if not self._readers:
                raise RuntimeError("release of a read lock that is not held")
            self._readers -= 1
            if not self._readers:
                self._changed.notify_all()

    def acquire_write(self, timeout=None):
        """Become the writer. Return False if the timeout passes first."""
        with self._changed:
            self._writers += 1
            try:
                if not self._changed.wait_for(
                    lambda: not (self._writing or self._readers), timeout
                ):
                    return False
                self._writing = True
                return True
            finally:
                self._writers -= 1
                if not self._writing:
                    self._changed.notify_all()  # readers that this writer kept out

    def release_write(self):
        """End being the writer."""
        with self._changed:
            if not self._writing:
                raise RuntimeError("release of a write lock that is not held")
            self._writing = False
            self._changed.notify_all()

    def read(self):
        """Be a reader inside a with block."""
        return _Held(self.acquire_read, self.release_read)

    def write(self):
        """Be the writer inside a with block."""
        return _Held(self.acquire_write, self.release_write)


class _Held:
    """Holds one side of a lock inside a with block."""

    __slots__ = ("_acquire", "_release")

    def __init__(self, acquire, release):
        self._acquire = acquire
        self._release = release

    def __enter__(self):
        self._acquire()

    def __exit__(self, *exception):
        self._release()


class RateLimiter:
    """A bound on how often something happens: per_second on average, burst at once.

        limiter = RateLimiter(5)
        with limiter: ...            # or limiter.acquire(); in a coroutine: async with limiter

    Callers are served in the order in which they came. A caller that does not want to wait as long
    as its turn takes leaves at once and uses nothing up.
    """

    def __init__(self, per_second, burst=1):
        if not per_second > 0 or not burst >= 1:
            raise ValueError("per_second must be positive and burst at least 1")
        self.per_second = per_second
        self.burst = burst
        self._lock = Lock()
        self._empty_since = monotonic() - burst / per_second  # when the bucket was last empty

    def _reserve(self, count, timeout):
        """Take count tokens. The seconds until they are there; None if that is too late."""
        if count > self.burst:
            raise ValueError(f"{count} at once are more than the burst of {self.burst}")
        with self._lock:
            now = monotonic()
            since = max(self._empty_since, now - self.burst / self.per_second)
            due = since + count / self.per_second
            if timeout is not None and due - now > max(timeout, 0):
                return None
            self._empty_since = due
            return max(due - now, 0)

    def acquire(self, count=1, timeout=None):
        """Wait for the turn of the caller. Return False at once if it is not within timeout."""
        delay = self._reserve(count, timeout)
        if delay:
            time.sleep(delay)
        return delay is not None

    async def aacquire(self, count=1, timeout=None):
        """acquire() for coroutines."""
        delay = self._reserve(count, timeout)
        if delay:
            await asyncio.sleep(delay)
        return delay is not None

    def __enter__(self):
        self.acquire()
        return self

    def __exit__(self, *exception):
        pass

    async def __aenter__(self):
        await self.aacquire()
        return self

    async def __aexit__(self, *exception):
        pass


def _delays(attempts, delay, backoff, max_delay, jitter):
    """The seconds before the second, third ... attempt."""
    for number in range(attempts - 1):
        seconds = min(delay * backoff**number, max_delay)
        yield seconds * (1 - jitter * random.random())


def retry(fn=None, /, *, attempts=3, delay=0.1, backoff=2, max_delay=60, jitter=0.5, on=Exception):
    """Call a function again when it raises.

        @retry(attempts=5, on=OSError)
        def fetch(url): ...

    There are at most `attempts` calls. Before the n-th repetition it sleeps delay * backoff ** (n-1)
    seconds, at most max_delay, less a random part of up to `jitter` of it. The last exception is
    raised. `on` is an exception class or a tuple. Functions and coroutine functions can be
    decorated.
    """
    if fn is None:
        return functools.partial(
            retry, attempts=attempts, delay=delay, backoff=backoff, max_delay=max_delay,
            jitter=jitter, on=on,
        )
    if attempts < 1:
        raise ValueError("attempts must be at least 1")
    delays = functools.partial(_delays, attempts, delay, backoff, max_delay, jitter)

    @functools.wraps(fn)
    def call(*args, **kwargs):
        for seconds in delays():
            try:
                return fn(*args, **kwargs)
            except on:
                time.sleep(seconds)
        return fn(*args, **kwargs)

    @functools.wraps(fn)
    async def acall(*args, **kwargs):
        for seconds in delays():
            try:
                return await fn(*args, **kwargs)
            except on:
                await asyncio.sleep(seconds)
        return await fn(*args, **kwargs)

    return acall if inspect.iscoroutinefunction(fn) else call


class PeriodicTask:
    """Calls a function every `interval` seconds in a thread of its own.

        with PeriodicTask(2.0, check_health): ...     # or start() and stop()

    The calls do not drift: they are due at multiples of the interval after the start. A call that
    takes longer than the interval makes later ones be left out, not be made up for. An exception
    goes to threading.excepthook, and the calls go on.
    """

    def __init__(self, interval, fn, /, *args, **kwargs):
        if not interval > 0:
            raise ValueError("the interval must be positive")
        self.interval = interval
        self.function = functools.partial(fn, *args, **kwargs)
        self.calls = 0
        self._stop = Event()
        self._thread = None

    def start(self):
        """Start. The first call is made at once."""
        if self._thread is not None:
            raise RuntimeError("a periodic task can be started once")
        self._thread = Thread(target=self._run, name="PeriodicTask", daemon=True)
        self._thread.start()
        return self

    def stop(self):
        """Make no more calls; return when the one that runs has ended."""
        self._stop.set()
        if self._thread is not None and self._thread is not _threading.current_thread():
            self._thread.join()

    def _run(self):
        begin = monotonic()
        while not self._stop.is_set():
            try:
                self.function()
            except Exception:
                _threading.excepthook(ExceptHookArgs((*sys.exc_info(), self._thread)))
            self.calls += 1
            passed = int((monotonic() - begin) / self.interval)
            self._stop.wait(begin + (passed + 1) * self.interval - monotonic())

    __enter__ = start

    def __exit__(self, *exception):
        self.stop()


class TaskGroup:
    """Tasks that end together: asyncio.TaskGroup for threads.

        with TaskGroup() as group:
            pages = [group.submit(fetch, url) for url in urls]

    The end of the block waits for all tasks. If one fails, or the block itself, those that have not
    started are cancelled, and an ExceptionGroup of all failures is raised. Without an executor the
    group has a ThreadPoolExecutor of its own.
    """

    def __init__(self, executor=None, *, max_workers=None):
        self._executor = executor
        self._own = executor is None
        self._max_workers = max_workers
        self._futures = []
        self._entered = False

    def __enter__(self):
        if self._entered:
            raise RuntimeError("a task group can be entered once")
        self._entered = True
        if self._own:
            self._executor = ThreadPoolExecutor(self._max_workers, thread_name_prefix="TaskGroup")
        return self

    def submit(self, fn, /, *args, **kwargs):
        """Have fn(*args, **kwargs) run. Return its Future."""
        if not self._entered:
            raise RuntimeError("submit() is called inside the with block")
        future = self._executor.submit(fn, *args, **kwargs)
        self._futures.append(future)
        return future

    def _wait(self, failed):
        """Wait for all; a task may submit others meanwhile."""
        seen = 0
        while seen < len(self._futures):
            seen = len(self._futures)
            pending = self._futures[:seen]
            if not failed:
                done = wait(pending, return_when=FIRST_EXCEPTION).done
                failed = any(not f.cancelled() and f.exception() for f in done)
            if failed:
                for future in pending:
                    future.cancel()
                wait(pending)

    def __exit__(self, type, error, traceback):
        try:
            self._wait(error is not None)
        finally:
            if self._own:
                self._executor.shutdown(cancel_futures=True)
        failures = [f.exception() for f in self._futures if not f.cancelled() and f.exception()]
        if error is not None and not isinstance(error, Exception):
            return False
        if error is not None:
            failures.insert(0, error)
        if failures:
            raise BaseExceptionGroup("unhandled errors in a TaskGroup", failures) from None
        return False
