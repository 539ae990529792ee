"""A subclass of Thread with run() and a result."""
import threading


class Processor(threading.Thread):
    def __init__(self, path):
        super().__init__()
        self.path = path
        self.result = None

    def run(self):
        self.result = f"processed {self.path}"


processor = Processor("report.csv")
assert not processor.is_alive() and processor.ident is None
processor.start()
processor.join()
assert processor.result == "processed report.csv" and processor.ident
