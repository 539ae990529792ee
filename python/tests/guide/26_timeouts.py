"""acquire() with a timeout backs off."""
import threading
import time

lock_a, lock_b = threading.Lock(), threading.Lock()


def take():
    if not lock_a.acquire(timeout=0.1):
        return "no a"
    try:
        if not lock_b.acquire(timeout=0.1):
            return "no b"
        try:
            return "both"
        finally:
            lock_b.release()
    finally:
        lock_a.release()


assert take() == "both"
lock_b.acquire()
start = time.monotonic()
assert take() == "no b" and time.monotonic() - start >= 0.1
lock_a.acquire()
assert take() == "no a"
lock_a.release()
lock_b.release()
assert take() == "both"
