from thrum import futures as futures, queue as queue, threading as threading
from thrum._flow import (
    PeriodicTask as PeriodicTask,
    RateLimiter as RateLimiter,
    RWLock as RWLock,
    TaskGroup as TaskGroup,
    retry as retry,
)
from thrum._install import install as install
from thrum._select import select as select

__version__: str
