"""Two threads at once take as long as one."""
import threading
import time

names = []


def download(name):
    names.append(threading.current_thread().name)
    time.sleep(1)


start = time.monotonic()
first = threading.Thread(target=download, args=("a",))
second = threading.Thread(target=download, args=("b",))
first.start()
second.start()
first.join()
second.join()
assert time.monotonic() - start < 1.9
assert sorted(names) == ["Thread-1 (download)", "Thread-2 (download)"], names
