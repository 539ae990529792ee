"""Arguments by position and by name."""
import threading

calls = []


def fetch(url, timeout, retries=3, verbose=False):
    calls.append((url, timeout, retries, verbose))


for t in (
    threading.Thread(target=fetch, args=("u", 30)),
    threading.Thread(target=fetch, args=("u",), kwargs={"timeout": 30, "retries": 5, "verbose": True}),
):
    t.start()
    t.join()
assert calls == [("u", 30, 3, False), ("u", 30, 5, True)]
