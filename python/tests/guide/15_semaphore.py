"""A semaphore lets three threads in at once."""
import threading
import time

connections = threading.Semaphore(3)
lowest = 3
most = active = 0
lock = threading.Lock()


def query():
    global most, active, lowest
    with connections:
        with lock:
            active += 1
            most = max(most, active)
            lowest = min(lowest, connections._value)
        time.sleep(0.05)
        with lock:
            active -= 1


threads = [threading.Thread(target=query) for _ in range(10)]
for t in threads:
    t.start()
for t in threads:
    t.join()
assert most == 3 and lowest == 0 and connections._value == 3
