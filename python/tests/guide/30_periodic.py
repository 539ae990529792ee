"""A periodic task that an event stops."""
import threading
import time


class Periodic:
    def __init__(self, interval, function, *args):
        self.interval, self.function, self.args = interval, function, args
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.stopped.is_set():
            self.function(*self.args)
            self.stopped.wait(self.interval)

    def stop(self):
        self.stopped.set()
        self.thread.join()


calls = []
task = Periodic(0.02, calls.append, 1)
while len(calls) < 3:
    time.sleep(0.01)
task.stop()
count = len(calls)
time.sleep(0.1)
assert len(calls) == count
