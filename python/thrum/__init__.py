"""Threads, queues and executors of Python, made faster by a part in C, and with what Python lacks.

The names and their meaning are those of the standard library:

    thrum.threading   Thread, Lock, RLock, Condition, Semaphore, Event, Barrier, Timer, local ...
    thrum.queue       Queue, LifoQueue, PriorityQueue, SimpleQueue
    thrum.futures     ThreadPoolExecutor, ProcessPoolExecutor, Future, wait, as_completed

Beyond it:

    thrum.select, RWLock, RateLimiter, retry, PeriodicTask, TaskGroup
    await queue.aget(), await queue.aput(item), async with lock: threads and asyncio share one object
    ThreadPoolExecutor(max_queue=N, when_full=..., order=...)

`python3 -m thrum SCRIPT` runs a program that knows nothing of thrum with these in place of the
standard ones. install() does the same from inside a program.
"""

from thrum import futures, queue, threading
from thrum._flow import PeriodicTask, RateLimiter, RWLock, TaskGroup, retry
from thrum._install import install
from thrum._select import select

__version__ = "0.2.0"

__all__ = [
    "PeriodicTask",
    "RWLock",
    "RateLimiter",
    "TaskGroup",
    "futures",
    "install",
    "queue",
    "retry",
    "select",
    "threading",
]
