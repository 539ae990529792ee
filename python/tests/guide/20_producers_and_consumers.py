"""Two producers, three consumers, a bounded queue, and an event that ends them."""
import queue
import threading

tasks = queue.Queue(maxsize=10)
stop = threading.Event()
processed = []


def produce(name, count):
    for i in range(count):
        tasks.put(f"{name}-{i}")
        assert tasks.qsize() <= 10


def consume():
    while not stop.is_set() or not tasks.empty():
        try:
            item = tasks.get(timeout=0.05)
        except queue.Empty:
            continue
        processed.append(item)
        tasks.task_done()


producers = [threading.Thread(target=produce, args=(name, 50)) for name in ("P1", "P2")]
consumers = [threading.Thread(target=consume) for _ in range(3)]
for t in consumers + producers:
    t.start()
for t in producers:
    t.join()
tasks.join()
stop.set()
for t in consumers:
    t.join()
assert sorted(processed) == sorted(f"{p}-{i}" for p in ("P1", "P2") for i in range(50))
