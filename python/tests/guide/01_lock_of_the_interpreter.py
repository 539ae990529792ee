"""Threads that compute take turns; threads that wait overlap."""
import os
import threading
import time
import urllib.request


def compute(n):
    return sum(i * i for i in range(n))


def load():
    return urllib.request.urlopen(os.environ["SERVER"] + "/slow").read()


threads = [threading.Thread(target=compute, args=(100_000,)) for _ in range(4)]
for t in threads:
    t.start()
for t in threads:
    t.join()
start = time.monotonic()
threads = [threading.Thread(target=load) for _ in range(8)]
for t in threads:
    t.start()
for t in threads:
    t.join()
assert time.monotonic() - start < 8 * 0.3, "the waits did not overlap"
