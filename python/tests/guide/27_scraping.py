"""Pages one after another, and at once."""
from concurrent.futures import ThreadPoolExecutor, as_completed
import os
import time
import urllib.request

server = os.environ["SERVER"]


def fetch(url):
    try:
        with urllib.request.urlopen(url, timeout=10) as response:
            return url, len(response.read()), None
    except Exception as error:
        return url, 0, str(error)


urls = [f"{server}/slow?{i}" for i in range(7)] + [f"{server}/missing"]
start = time.monotonic()
alone = [fetch(url) for url in urls]
sequential = time.monotonic() - start
start = time.monotonic()
with ThreadPoolExecutor(max_workers=8) as executor:
    futures = {executor.submit(fetch, url): url for url in urls}
    at_once = [f.result() for f in as_completed(futures)]
assert sorted(alone) == sorted(at_once)
assert [url for url, size, error in alone if error] == [urls[-1]]
assert time.monotonic() - start < sequential, "the waits did not overlap"
