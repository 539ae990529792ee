from concurrent import futures as _standard
from concurrent.futures import (
    ALL_COMPLETED as ALL_COMPLETED,
    FIRST_COMPLETED as FIRST_COMPLETED,
    FIRST_EXCEPTION as FIRST_EXCEPTION,
    BrokenExecutor as BrokenExecutor,
    CancelledError as CancelledError,
    Executor as Executor,
    InvalidStateError as InvalidStateError,
    ProcessPoolExecutor as ProcessPoolExecutor,
    TimeoutError as TimeoutError,
)
from concurrent.futures._base import DoneAndNotDoneFutures
from typing import Any, Callable, Generator, Iterable, Iterator, Literal, ParamSpec, TypeVar

from thrum import _thrum

_T = TypeVar("_T")
_P = ParamSpec("_P")

class Future(_thrum.Future[_T], _standard.Future[_T]):  # type: ignore[misc]
    def __await__(self) -> Generator[Any, None, _T]: ...

class ThreadPoolExecutor(_thrum.Executor, _standard.ThreadPoolExecutor):  # type: ignore[misc]
    def __init__(
        self,
        max_workers: int | None = ...,
        thread_name_prefix: str = ...,
        initializer: Callable[..., object] | None = ...,
        initargs: tuple[Any, ...] = ...,
        *,
        max_queue: int | None = ...,
        when_full: Literal["wait", "raise", "run"] = ...,
        order: Literal["fifo", "lifo", "priority"] = ...,
    ) -> None: ...
    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]: ...
    def submit_priority(
        self, priority: int, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs
    ) -> Future[_T]: ...
    def map(
        self,
        fn: Callable[..., _T],
        *iterables: Iterable[Any],
        timeout: float | None = ...,
        chunksize: int = ...,
        buffersize: int | None = ...,
    ) -> Iterator[_T]: ...

_F = TypeVar("_F", bound=_standard.Future[Any])

def as_completed(fs: Iterable[_F], timeout: float | None = ...) -> Iterator[_F]: ...
def wait(
    fs: Iterable[_standard.Future[_T]], timeout: float | None = ..., return_when: str = ...
) -> DoneAndNotDoneFutures[_T]: ...
