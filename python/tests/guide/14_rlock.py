"""A reentrant lock is acquired again by the thread that holds it."""
import threading


class Cache:
    def __init__(self):
        self.data = {}
        self.lock = threading.RLock()

    def get(self, key):
        with self.lock:
            return self.data.get(key)

    def set(self, key, value):
        with self.lock:
            self.data[key] = value

    def get_or_set(self, key, default):
        with self.lock:
            if self.get(key) is None:
                self.set(key, default)
            return self.get(key)


cache = Cache()
assert cache.get_or_set("k", 1) == 1 and cache.get_or_set("k", 2) == 1
assert not cache.lock._is_owned()
