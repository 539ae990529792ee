from queue import Empty as Empty, Full as Full
import queue as _standard
from typing import TypeVar

from thrum import _thrum
from thrum._thrum import ShutDown as ShutDown, SimpleQueue as SimpleQueue

_T = TypeVar("_T")

class Queue(_thrum.Queue[_T], _standard.Queue[_T]):  # type: ignore[misc]
    async def aget(self) -> _T: ...
    async def aput(self, item: _T) -> None: ...
    async def ajoin(self) -> None: ...

class LifoQueue(Queue[_T], _standard.LifoQueue[_T]): ...  # type: ignore[misc]
class PriorityQueue(Queue[_T], _standard.PriorityQueue[_T]): ...  # type: ignore[misc]
