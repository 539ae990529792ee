"""Calls of an interface that fails at first."""
from concurrent.futures import ThreadPoolExecutor
import json
import os
import time
import urllib.request


def fetch(endpoint, attempts=3, backoff=0.01):
    for attempt in range(attempts):
        try:
            with urllib.request.urlopen(os.environ["SERVER"] + endpoint, timeout=10) as response:
                return json.loads(response.read()), attempt
        except Exception as error:
            if attempt == attempts - 1:
                return str(error), attempt
            time.sleep(backoff * 2**attempt)


endpoints = [f"/flaky/{i}" for i in range(20)] + ["/missing"]
with ThreadPoolExecutor(max_workers=10) as executor:
    results = [f.result() for f in [executor.submit(fetch, e) for e in endpoints]]
assert [r for r, _ in results[:20]] == [{"path": e} for e in endpoints[:20]]
assert {a for _, a in results[:20]} == {1} and results[20][1] == 2, results
