"""Threads for waits, threads and processes for computation."""
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
import time


def compute(n=20_000):
    return sum(i * i for i in range(n))


if __name__ == "__main__":
    start = time.monotonic()
    with ThreadPoolExecutor(max_workers=4) as pool:
        list(pool.map(lambda _: time.sleep(0.1), range(20)))
    assert 0.5 <= time.monotonic() - start < 1.9, "20 waits of 0.1 s by four workers take five rounds"
    with ThreadPoolExecutor(max_workers=4) as pool:
        by_threads = list(pool.map(lambda _: compute(), range(20)))
    with ProcessPoolExecutor(max_workers=2) as pool:
        by_processes = list(pool.map(compute, [20_000] * 20))
    assert by_threads == by_processes == [compute()] * 20
