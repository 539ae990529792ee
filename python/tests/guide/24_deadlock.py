"""Two locks in opposite order: each thread waits for the other."""
import threading

lock_a, lock_b = threading.Lock(), threading.Lock()
both = threading.Barrier(2)


def take(first, second):
    with first:
        both.wait()
        with second:
            raise AssertionError("this cannot be reached")


threads = [
    threading.Thread(target=take, args=pair, daemon=True) for pair in ((lock_a, lock_b), (lock_b, lock_a))
]
for t in threads:
    t.start()
for t in threads:
    t.join(timeout=0.2)
assert all(t.is_alive() for t in threads) and lock_a.locked() and lock_b.locked()
