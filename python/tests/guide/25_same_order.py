"""Two locks in the same order."""
import threading

lock_a, lock_b = threading.Lock(), threading.Lock()
done = []


def take(name):
    for _ in range(100):
        with lock_a:
            with lock_b:
                done.append(name)


threads = [threading.Thread(target=take, args=(name,)) for name in ("1", "2")]
for t in threads:
    t.start()
for t in threads:
    t.join()
assert len(done) == 200
