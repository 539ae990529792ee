# The names of the standard module, but for what is written in C.
from threading import (
    TIMEOUT_MAX as TIMEOUT_MAX,
    BrokenBarrierError as BrokenBarrierError,
    ExceptHookArgs as ExceptHookArgs,
    Thread as Thread,
    ThreadError as ThreadError,
    active_count as active_count,
    current_thread as current_thread,
    enumerate as enumerate,
    excepthook as excepthook,
    get_ident as get_ident,
    get_native_id as get_native_id,
    getprofile as getprofile,
    gettrace as gettrace,
    local as local,
    main_thread as main_thread,
    setprofile as setprofile,
    settrace as settrace,
    stack_size as stack_size,
)
import threading as _standard
from types import TracebackType
from typing import Any, Callable, Iterable, Mapping

from thrum import _thrum
from thrum._thrum import Lock as Lock, RLock as RLock

class Condition(_thrum.Condition, _standard.Condition): ...  # type: ignore[misc]

class Semaphore(_thrum.Semaphore, _standard.Semaphore):  # type: ignore[misc]
    async def aacquire(self) -> bool: ...
    async def __aenter__(self) -> bool: ...
    async def __aexit__(
        self, type: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

class BoundedSemaphore(_thrum.BoundedSemaphore, Semaphore, _standard.BoundedSemaphore): ...  # type: ignore[misc]

class Event(_thrum.Event, _standard.Event):
    async def await_(self) -> bool: ...

class Barrier(_thrum.Barrier, _standard.Barrier): ...

class Timer(_standard.Timer):
    finished: Event  # type: ignore[assignment]
    def __init__(
        self,
        interval: float,
        function: Callable[..., object],
        args: Iterable[Any] | None = ...,
        kwargs: Mapping[str, Any] | None = ...,
    ) -> None: ...
