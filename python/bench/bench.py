"""Measures thrum beside the standard library, in turns, in one process.

    bench.py [--rounds N] [--json] [NAMES...]

Each job runs once with the standard library and once with thrum in each round; the order changes
from round to round. The figures are the medians over the rounds, in nanoseconds for one operation,
and the ratio is the median of the ratios of the rounds. NAMES choose jobs by a part of their name.
"""

import asyncio
import concurrent.futures as standard_futures
import json
import queue as standard_queue
import statistics
import sys
import threading as standard_threading
import time

from thrum import futures, queue, threading


class Side:
    """The modules that a job uses."""

    def __init__(self, threading, queue, futures):
        self.threading = threading
        self.queue = queue
        self.futures = futures


STANDARD = Side(standard_threading, standard_queue, standard_futures)
THRUM = Side(threading, queue, futures)
JOBS = {}


def job(name, count):
    """A job does `count` operations. It returns nothing, or the seconds it took."""

    def add(function):
        JOBS[name] = (function, count)
        return function

    return add


def run_together(*functions):
    threads = [standard_threading.Thread(target=function) for function in functions]
    begin = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - begin


def repeat(count, function):
    for _ in range(count):
        function()


def pair(lock, count):
    acquire, release = lock.acquire, lock.release
    for _ in range(count):
        acquire()
        release()


def with_lock(lock, count):
    for _ in range(count):
        with lock:
            pass


@job("Lock, with, alone", 200_000)
def lock_alone(side, count):
    with_lock(side.threading.Lock(), count)


@job("RLock, with, alone", 200_000)
def rlock_alone(side, count):
    with_lock(side.threading.RLock(), count)


@job("Lock, 4 threads", 200_000)
def lock_shared(side, count):
    lock = side.threading.Lock()
    return run_together(*[lambda: with_lock(lock, count // 4)] * 4)


@job("RLock, 4 threads", 200_000)
def rlock_shared(side, count):
    lock = side.threading.RLock()
    return run_together(*[lambda: with_lock(lock, count // 4)] * 4)


@job("Semaphore, alone", 50_000)
def semaphore_alone(side, count):
    pair(side.threading.Semaphore(1), count)


@job("Semaphore(2), 4 threads", 40_000)
def semaphore_shared(side, count):
    semaphore = side.threading.Semaphore(2)
    return run_together(*[lambda: pair(semaphore, count // 4)] * 4)


@job("Condition, ping-pong", 6_000)
def condition_pingpong(side, count):
    condition = side.threading.Condition()
    turn = 0

    def player(me):
        nonlocal turn
        for _ in range(count // 2):
            with condition:
                while turn != me:
                    condition.wait()
                turn = 1 - me
                condition.notify()

    return run_together(lambda: player(0), lambda: player(1))


@job("Condition, notify, alone", 50_000)
def condition_notify(side, count):
    condition = side.threading.Condition()
    for _ in range(count):
        with condition:
            condition.notify()


@job("Event, set, wait, clear, alone", 50_000)
def event_alone(side, count):
    event = side.threading.Event()
    for _ in range(count):
        event.set()
        event.wait()
        event.clear()


@job("Event, ping-pong", 6_000)
def event_pingpong(side, count):
    events = side.threading.Event(), side.threading.Event()

    def player(mine, other):
        for _ in range(count // 2):
            mine.wait()
            mine.clear()
            other.set()

    events[0].set()
    return run_together(lambda: player(*events), lambda: player(events[1], events[0]))


@job("Barrier, 2 threads", 2_000)
def barrier_two(side, count):
    barrier = side.threading.Barrier(2)
    return run_together(*[lambda: repeat(count, barrier.wait)] * 2)


@job("Barrier, 4 threads", 1_000)
def barrier_four(side, count):
    barrier = side.threading.Barrier(4)
    return run_together(*[lambda: repeat(count, barrier.wait)] * 4)


def put_and_get(queue, count):
    put, get = queue.put, queue.get
    for item in range(count):
        put(item)
        get()


def transfer(queue, producers, count):
    def produce():
        put = queue.put
        for item in range(count // producers):
            put(item)

    def consume():
        get = queue.get
        for _ in range(count // producers):
            get()

    return run_together(*[produce] * producers, *[consume] * producers)


@job("Queue, put and get, alone", 50_000)
def queue_alone(side, count):
    put_and_get(side.queue.Queue(), count)


@job("Queue, 1 to 1", 40_000)
def queue_one(side, count):
    return transfer(side.queue.Queue(), 1, count)


@job("Queue, 4 to 4", 40_000)
def queue_four(side, count):
    return transfer(side.queue.Queue(), 4, count)


@job("Queue(10), 1 to 1", 20_000)
def queue_bounded(side, count):
    return transfer(side.queue.Queue(10), 1, count)


@job("PriorityQueue, put and get, alone", 50_000)
def priority_alone(side, count):
    put_and_get(side.queue.PriorityQueue(), count)


@job("SimpleQueue, put and get, alone", 200_000)
def simple_alone(side, count):
    put_and_get(side.queue.SimpleQueue(), count)


@job("SimpleQueue, 1 to 1", 200_000)
def simple_one(side, count):
    return transfer(side.queue.SimpleQueue(), 1, count)


def nothing(*_):
    pass


@job("submit, 4 workers", 20_000)
def submit(side, count):
    with side.futures.ThreadPoolExecutor(4) as pool:
        begin = time.perf_counter()
        for _ in range(count):
            pool.submit(nothing)
        return time.perf_counter() - begin


@job("submit to end, 4 workers", 20_000)
def submit_to_end(side, count):
    begin = time.perf_counter()
    with side.futures.ThreadPoolExecutor(4) as pool:
        for _ in range(count):
            pool.submit(nothing)
    return time.perf_counter() - begin


@job("submit and result of one", 4_000)
def submit_result(side, count):
    with side.futures.ThreadPoolExecutor(4) as pool:
        for _ in range(count):
            pool.submit(nothing).result()


@job("map, 4 workers", 20_000)
def map_all(side, count):
    with side.futures.ThreadPoolExecutor(4) as pool:
        for _ in pool.map(nothing, range(count)):
            pass


@job("as_completed, 4 workers", 10_000)
def as_completed(side, count):
    with side.futures.ThreadPoolExecutor(4) as pool:
        for _ in side.futures.as_completed([pool.submit(nothing) for _ in range(count)]):
            pass


@job("wait, 4 workers", 10_000)
def wait_all(side, count):
    with side.futures.ThreadPoolExecutor(4) as pool:
        side.futures.wait([pool.submit(nothing) for _ in range(count)])


def bridge(make, put, get, count):
    """From a thread to a coroutine."""

    async def main():
        queue = make()
        producer = standard_threading.Thread(target=lambda: [put(queue)(n) for n in range(count)])
        begin = time.perf_counter()
        producer.start()
        take = get(queue)
        for _ in range(count):
            await take()
        seconds = time.perf_counter() - begin
        producer.join()
        if hasattr(queue, "wait_closed"):
            queue.close()
            await queue.wait_closed()
        return seconds

    return asyncio.run(main())


def add_janus():
    try:
        import janus
    except ImportError:
        print("janus is not installed: the queue from a thread to a coroutine is left out", file=sys.stderr)
        return

    @job("thread to coroutine, by janus", 5_000)
    def janus_bridge(side, count):
        if side is STANDARD:
            return bridge(janus.Queue, lambda q: q.sync_q.put, lambda q: q.async_q.get, count)
        return bridge(queue.Queue, lambda q: q.put, lambda q: q.aget, count)


def measure(name, function, side, count):
    # A job of one thread that never waits is measured by its processor time, which others do not disturb.
    clock = time.thread_time if name.endswith("alone") else time.perf_counter
    begin = clock()
    seconds = function(side, count)
    return (seconds or clock() - begin) / count * 1e9


def main(arguments):
    rounds = 7
    if "--rounds" in arguments:
        place = arguments.index("--rounds")
        rounds = int(arguments[place + 1])
        del arguments[place : place + 2]
    as_json = "--json" in arguments
    wanted = [a for a in arguments if not a.startswith("-")]
    add_janus()
    results = {}
    if not as_json:
        print(f"{'ns for one operation':<36} {'standard':>10} {'thrum':>10} {'ratio':>7}")
    for name, (function, count) in JOBS.items():
        if wanted and not any(word.lower() in name.lower() for word in wanted):
            continue
        figures = {STANDARD: [], THRUM: []}
        for number in range(rounds):
            for side in (STANDARD, THRUM) if number % 2 else (THRUM, STANDARD):
                figures[side].append(measure(name, function, side, count))
        ratio = statistics.median(s / t for s, t in zip(figures[STANDARD], figures[THRUM]))
        results[name] = {
            "standard": statistics.median(figures[STANDARD]),
            "thrum": statistics.median(figures[THRUM]),
            "ratio": ratio,
        }
        if not as_json:
            row = results[name]
            print(f"{name:<36} {row['standard']:>10.0f} {row['thrum']:>10.0f} {ratio:>6.1f}×", flush=True)
    if as_json:
        json.dump({"rounds": rounds, "jobs": results}, sys.stdout, indent=2)
        print()


if __name__ == "__main__":
    main(sys.argv[1:])
