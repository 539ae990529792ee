"""Pending tasks can be cancelled, running ones not."""
from concurrent.futures import CancelledError, ThreadPoolExecutor
import threading

gate = threading.Event()
started = threading.Semaphore(0)


def task(n):
    started.release()
    gate.wait()
    return n


with ThreadPoolExecutor(max_workers=2) as executor:
    futures = [executor.submit(task, i) for i in range(10)]
    started.acquire()
    started.acquire()
    assert all(f.cancel() for f in futures[4:])
    assert not futures[0].cancel() and not futures[1].cancel()
    gate.set()
assert [f.result() for f in futures[:4]] == [0, 1, 2, 3]
try:
    futures[9].result()
except CancelledError:
    pass
else:
    raise AssertionError("a cancelled future has a result")
