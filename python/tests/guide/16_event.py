"""An event tells consumers that the data is there."""
import threading
import time

ready = threading.Event()
data, seen = [], []


def produce():
    time.sleep(0.1)
    data.extend([1, 2, 3])
    ready.set()


def consume():
    ready.wait()
    seen.append(list(data))


threads = [threading.Thread(target=f) for f in (produce, consume, consume)]
for t in threads:
    t.start()
for t in threads:
    t.join()
assert seen == [[1, 2, 3], [1, 2, 3]]
