"""Random calls on shared objects by threads and coroutines, under signals, with forks.

    fuzz.py [--seconds N] [--seed N] [--forks 0]

All operations have timeouts or a partner that comes, so a wake that is lost ends the program with
the stacks of all threads. At the end each object is checked: no item lost or doubled, no permit
lost. A child process checks its own copies.

While the main thread forks, no thread starts or ends: a thread that is done waits at a gate, and a round begins when the
threads of the last have left the process. So no other thread is inside malloc() amid a fork, as whatever else allocates
has the interpreter's lock. The allocator of gcc's address sanitizer needs that: in a child process its own lock would
stay taken for ever.
"""

import asyncio
import faulthandler
import os
import random
import signal
import sys
import time

import thrum
from thrum import futures, queue, threading

DEADLINE = 600  # after the time that the rounds are given


class Interrupt(Exception):
    pass


class Shared:
    def __init__(self):
        self.lock = threading.Lock()
        self.rlock = threading.RLock()
        self.semaphore = threading.BoundedSemaphore(2)
        self.condition = threading.Condition()
        self.event = threading.Event()
        self.queue = queue.Queue(3)
        self.priority = queue.PriorityQueue()
        self.simple = queue.SimpleQueue()
        self.rwlock = thrum.RWLock()
        self.promised = queue.SimpleQueue()
        self.gate = threading.Event()
        self.inside = 0
        self.sent = 0
        self.received = []


def hold_lock(shared, choose):
    if shared.lock.acquire(timeout=choose.random() / 100):
        try:
            shared.inside += 1
            assert shared.inside == 1, "two threads hold a lock"
            time.sleep(0)
            shared.inside -= 1
        finally:
            shared.lock.release()


def hold_rlock(shared, choose):
    with shared.rlock, shared.rlock:
        time.sleep(0)


def take_permit(shared, choose):
    if shared.semaphore.acquire(timeout=choose.random() / 100):
        try:
            time.sleep(0)
        finally:
            shared.semaphore.release()


def wait_condition(shared, choose):
    with shared.condition:
        if choose.random() < 0.5:
            shared.condition.notify(choose.randrange(1, 3))
        else:
            shared.condition.wait(choose.random() / 200)


def wait_event(shared, choose):
    choose.choice((shared.event.set, shared.event.clear, lambda: shared.event.wait(choose.random() / 200)))()


def use_future(shared, choose):
    future = futures.Future()
    shared.promised.put((choose.random() / 1000, future))
    try:
        assert future.result(choose.random() / 50) == 1
    except TimeoutError:
        pass


def select(shared, choose):
    event = threading.Event()
    thrum.select(event, shared.event, timeout=choose.random() / 200)


def read_write(shared, choose):
    with choose.choice((shared.rwlock.read, shared.rwlock.write))():
        time.sleep(0)


def wait_future(shared, choose):
    try:
        futures.Future().result(choose.random() / 200)
    except TimeoutError:
        pass


def wait_queue(shared, choose):
    try:
        queue.Queue().get(timeout=choose.random() / 200)
    except queue.Empty:
        pass


# `with` is safe for what is written in C if a signal handler raises between two bytecodes. Since Python 3.14 it is not: an
# exception may come between __enter__ and the body, and the standard RLock, too, then stays held.
WITH = (hold_rlock, wait_condition) if sys.version_info < (3, 14) else ()
INTERRUPTED = (*WITH, wait_event, wait_future, wait_queue, select)
OPERATIONS = (hold_lock, hold_rlock, take_permit, wait_condition, wait_event, use_future, select, read_write)


def worker(shared, seed, count):
    choose = random.Random(seed)
    for _ in range(count):
        choose.choice(OPERATIONS)(shared, choose)
    shared.gate.wait()


def promiser(shared):
    for seconds, future in iter(shared.promised.get, None):
        time.sleep(seconds)
        future.set_result(1)


def producer(shared, count):
    for number in range(count):
        (shared.queue, shared.priority, shared.simple)[number % 3].put(number)
    shared.gate.wait()


def consumer(shared, number, count, got):
    source = (shared.queue, shared.priority, shared.simple)[number]
    for _ in range(count):
        got.append(source.get())
    shared.gate.wait()


async def coroutine(shared, seed, count):
    choose = random.Random(seed)
    for _ in range(count):
        kind = choose.randrange(3)
        if kind == 0:
            async with shared.lock:
                shared.inside += 1
                assert shared.inside == 1, "two hold a lock"
                await asyncio.sleep(0)
                shared.inside -= 1
        elif kind == 1:
            async with shared.semaphore:
                await asyncio.sleep(0)
        else:
            try:
                await asyncio.wait_for(shared.event.await_(), choose.random() / 100)
            except TimeoutError:
                pass


async def coroutines(shared, choose):
    await asyncio.gather(*(coroutine(shared, choose.random(), 10) for _ in range(5)))


def check_child(shared):
    """In the child process of a fork, whose only thread this is."""
    shared.event.clear()
    shared.simple.put("child")
    while shared.simple.get(timeout=DEADLINE) != "child":
        pass
    shared.event.set()
    assert shared.event.wait(DEADLINE)
    with futures.ThreadPoolExecutor(2) as pool:
        assert list(pool.map(abs, (-1, -2))) == [1, 2]


def fork(shared):
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(DEADLINE)  # the thread of faulthandler is not in this process
            check_child(shared)
            status = 0
        finally:
            os._exit(status)
    _, status = os.waitpid(pid, 0)
    assert status == 0, f"the child process ended with {status}"


armed = False


def on_alarm(*_):
    """Raises at most once for each call of interrupted()."""
    global armed
    if armed and random.random() < 0.5:
        armed = False
        raise Interrupt


def interrupted(operation, *arguments):
    """Call an operation; a signal may end it."""
    global armed
    try:
        try:
            armed = True
            operation(*arguments)
        finally:
            armed = False
    except Interrupt:
        armed = False


def round_of(seed, forks):
    choose = random.Random(seed)
    shared = Shared()
    count = choose.randrange(2, 30) * 6
    got = []
    threads = [threading.Thread(target=worker, args=(shared, choose.random(), 20)) for _ in range(4)]
    threads += [threading.Thread(target=producer, args=(shared, count))]
    threads += [threading.Thread(target=consumer, args=(shared, n % 3, count // 6, got)) for n in range(6)]
    promises = threading.Thread(target=promiser, args=(shared,))
    for thread in (promises, *threads):
        thread.start()
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.0007)
    try:
        for _ in range(30):
            if forks and choose.random() < 0.1:
                fork(shared)
            interrupted(choose.choice(INTERRUPTED), shared, choose)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    asyncio.run(coroutines(shared, choose))
    shared.gate.set()
    for thread in threads:
        thread.join()
    shared.promised.put(None)
    promises.join()
    assert sorted(got) == list(range(count)), "items were lost or doubled"
    assert shared.semaphore._value == 2 and not shared.lock.locked(), "a permit or a lock was lost"
    assert repr(shared.condition).endswith(", 0)>"), "a waiter was left behind"


def main(arguments):
    options = dict(zip(arguments[::2], arguments[1::2]))
    seconds = float(options.get("--seconds", 10))
    seed = int(options.get("--seed", time.time_ns() % 2**32))
    forks = options.get("--forks") != "0"
    signal.signal(signal.SIGALRM, on_alarm)
    sys.setswitchinterval(1e-4)
    begin, rounds = time.monotonic(), 0
    faulthandler.dump_traceback_later(seconds + DEADLINE, exit=True)
    threads = len(os.listdir("/proc/self/task"))
    while time.monotonic() - begin < seconds:
        while len(os.listdir("/proc/self/task")) > threads:
            time.sleep(0.001)  # Python has joined them, but not the kernel
        try:
            round_of(seed + rounds, forks)
        except BaseException:
            print(f"fuzz.py: seed {seed + rounds}", file=sys.stderr, flush=True)
            raise
        rounds += 1
    faulthandler.cancel_dump_traceback_later()
    print(f"{rounds} rounds from seed {seed}")


if __name__ == "__main__":
    main(sys.argv[1:])
