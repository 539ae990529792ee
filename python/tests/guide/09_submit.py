"""submit() and as_completed()."""
from concurrent.futures import ThreadPoolExecutor, as_completed
import time


def fetch(url):
    time.sleep(0.5)
    return f"content of {url}"


urls = [f"page{i}" for i in range(5)]
start = time.monotonic()
with ThreadPoolExecutor(max_workers=3) as executor:
    future_to_url = {executor.submit(fetch, url): url for url in urls}
    got = {future_to_url[f]: f.result() for f in as_completed(future_to_url)}
assert got == {url: f"content of {url}" for url in urls}
assert 0.99 < time.monotonic() - start < 2.5, "five tasks by three workers take two rounds"
