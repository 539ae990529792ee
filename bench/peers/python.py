"""Python, asked line by line as ../external.h says.

queue SIDES ITEMS     million items/s through one queue.Queue
submit WORKERS TASKS  million empty tasks/s of a ThreadPoolExecutor, with a Future of each
one WORKERS TRIPS     microseconds for a submit and its result
process-submit, process-one   the same of a ProcessPoolExecutor
process-life WORKERS TIMES    milliseconds to start such a pool, use each worker, and shut it down
"""

import queue
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

BOUND = 1024


def pass_items(sides, items):
    between = queue.Queue(BOUND)
    each = items // sides

    def put_all():
        for item in range(each):
            between.put(item)

    def get_all():
        for _ in range(each):
            between.get()

    threads = [threading.Thread(target=side) for side in (put_all, get_all) * sides]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return each * sides / (time.perf_counter() - start) / 1e6


def nothing():
    pass


def submit_many(workers, tasks, executor=ThreadPoolExecutor):
    with executor(workers) as pool:
        pool.submit(nothing).result()
        start = time.perf_counter()
        futures = [pool.submit(nothing) for _ in range(tasks)]
        for future in futures:
            future.result()
        return tasks / (time.perf_counter() - start) / 1e6


def submit_one(workers, trips, executor=ThreadPoolExecutor):
    with executor(workers) as pool:
        pool.submit(nothing).result()
        start = time.perf_counter()
        for _ in range(trips):
            pool.submit(nothing).result()
        return (time.perf_counter() - start) / trips * 1e6


def live(workers, times):
    start = time.perf_counter()
    for _ in range(times):
        with ProcessPoolExecutor(workers) as pool:
            for future in [pool.submit(nothing) for _ in range(workers)]:
                future.result()
    return (time.perf_counter() - start) / times * 1e3


WORK = {
    "queue": pass_items,
    "submit": submit_many,
    "one": submit_one,
    "process-submit": lambda workers, tasks: submit_many(workers, tasks, ProcessPoolExecutor),
    "process-one": lambda workers, trips: submit_one(workers, trips, ProcessPoolExecutor),
    "process-life": live,
}

for line in sys.stdin:
    what, count, size = line.split()
    if what in WORK:
        print(WORK[what](int(count), int(size)), flush=True)
    else:
        print("no such work", flush=True)
