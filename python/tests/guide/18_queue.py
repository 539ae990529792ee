"""Workers, a queue of tasks, a queue of results, join()."""
import queue
import threading

tasks, results = queue.Queue(), queue.Queue()


def work():
    while (item := tasks.get()) is not None:
        results.put(item**2)
        tasks.task_done()


workers = [threading.Thread(target=work, daemon=True) for _ in range(4)]
for w in workers:
    w.start()
for i in range(20):
    tasks.put(i)
tasks.join()
for _ in workers:
    tasks.put(None)
for w in workers:
    w.join()
found = []
while not results.empty():
    found.append(results.get())
assert sorted(found) == [i**2 for i in range(20)]
lifo, smallest = queue.LifoQueue(), queue.PriorityQueue()
for q in lifo, smallest:
    for item in 2, 3, 1:
        q.put(item)
assert [lifo.get() for _ in range(3)] == [1, 3, 2]
assert [smallest.get() for _ in range(3)] == [1, 2, 3]
