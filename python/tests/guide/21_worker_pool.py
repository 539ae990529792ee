"""A pool of workers made by hand."""
import queue
import threading


class Pool:
    def __init__(self, count):
        self.tasks, self.results = queue.Queue(), queue.Queue()
        self.workers = [threading.Thread(target=self.work, daemon=True) for _ in range(count)]
        for w in self.workers:
            w.start()

    def work(self):
        while True:
            function, args = self.tasks.get()
            if function is None:
                break
            try:
                self.results.put((function(*args), None))
            except Exception as error:
                self.results.put((None, error))
            finally:
                self.tasks.task_done()

    def shutdown(self):
        for _ in self.workers:
            self.tasks.put((None, None))
        for w in self.workers:
            w.join()


pool = Pool(4)
for i in range(10):
    pool.tasks.put((lambda x: 100 // x, (i,)))
pool.tasks.join()
pool.shutdown()
outcomes = [pool.results.get() for _ in range(10)]
assert sorted(r for r, e in outcomes if e is None) == sorted(100 // i for i in range(1, 10))
assert [type(e) for r, e in outcomes if e] == [ZeroDivisionError]
