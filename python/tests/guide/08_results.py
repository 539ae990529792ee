"""Threads leave results in a dict that a lock protects."""
import threading

results = {}
lock = threading.Lock()


def compute(number, value):
    with lock:
        results[number] = value**2


threads = [threading.Thread(target=compute, args=(i, i * 10)) for i in range(5)]
for t in threads:
    t.start()
for t in threads:
    t.join()
assert results == {0: 0, 1: 100, 2: 400, 3: 900, 4: 1600}
