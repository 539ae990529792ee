"""A rate limiter in front of a pool."""
import threading
import time
from concurrent.futures import ThreadPoolExecutor


class Limiter:
    def __init__(self, per_second):
        self.interval = 1.0 / per_second
        self.lock = threading.Lock()
        self.last = 0

    def wait(self):
        with self.lock:
            left = self.interval - (time.monotonic() - self.last)
            if left > 0:
                time.sleep(left)
            self.last = time.monotonic()
            return self.last


limiter = Limiter(50)
with ThreadPoolExecutor(max_workers=10) as executor:
    times = sorted(executor.map(lambda _: limiter.wait(), range(10)))
assert all(b - a >= 0.0199 for a, b in zip(times, times[1:]))
