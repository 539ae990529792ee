"""Without a lock a count may be too small; with one it is right."""
import threading

counter = 0
lock = threading.Lock()


def count_unsafely():
    global counter
    for _ in range(20_000):
        counter += 1


def count_safely():
    global counter
    for _ in range(20_000):
        with lock:
            counter += 1


def run(function):
    global counter
    counter = 0
    threads = [threading.Thread(target=function) for _ in range(5)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return counter


assert run(count_unsafely) <= 100_000
assert run(count_safely) == 100_000
