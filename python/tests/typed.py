"""What a type checker says of programs that use thrum. mypy reads it; nothing runs it."""

import asyncio
import threading as standard

import thrum
from thrum import futures, queue, threading
from thrum.futures import ThreadPoolExecutor, as_completed
from typing import assert_type


def use() -> None:
    with threading.Lock() as locked:
        assert_type(locked, bool)
    numbers: queue.Queue[int] = queue.Queue(maxsize=3)
    numbers.put(1, timeout=2)
    assert_type(numbers.get(), int)
    with ThreadPoolExecutor(2, max_queue=3, when_full="raise", order="lifo") as pool:
        future = pool.submit(print, 2, end="")
        text = pool.submit(str, 5)
        assert_type(text, futures.Future[str])
        assert_type(text.result(), str)
        for done in as_completed([text]):
            assert_type(done, futures.Future[str])
        future.cancel()
    assert_type(threading.Event().wait(1), bool)
    assert_type(threading.current_thread().name, str)
    thrum.select(numbers, threading.Event(), timeout=1)
    of_standard_classes: tuple[standard.Condition, standard.Semaphore, standard.Semaphore, standard.Event, standard.Barrier]
    bounded = threading.BoundedSemaphore()
    of_standard_classes = (threading.Condition(), threading.Semaphore(), bounded, threading.Event(), threading.Barrier(2))
    assert_type(len(of_standard_classes), int)


@thrum.retry(attempts=2, on=OSError)
def flaky(url: str) -> int:
    return len(url)


assert_type(flaky("x"), int)


async def ause() -> None:
    numbers: queue.Queue[int] = queue.Queue()
    await numbers.aput(1)
    assert_type(await numbers.aget(), int)
    async with threading.Lock():
        pass
    with ThreadPoolExecutor() as pool:
        assert_type(await pool.submit(len, "abc"), int)


queue.Queue().put()  # type: ignore[call-arg]
threading.Event(1)  # type: ignore[call-arg]
ThreadPoolExecutor(order="best")  # type: ignore[arg-type]
asyncio.run(ause())
