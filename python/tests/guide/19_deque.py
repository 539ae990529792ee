"""A deque between two threads."""
import threading
import time
from collections import deque

buffer = deque(maxlen=1000)
consumed = 0


def produce():
    for i in range(100):
        buffer.append(i)
        time.sleep(0.001)


def consume():
    global consumed
    while consumed < 100:
        if buffer:
            buffer.popleft()
            consumed += 1
        else:
            time.sleep(0.001)


threads = [threading.Thread(target=f) for f in (produce, consume)]
for t in threads:
    t.start()
for t in threads:
    t.join()
assert consumed == 100
