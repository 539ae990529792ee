"""An exception of a task is raised by result()."""
from concurrent.futures import ThreadPoolExecutor, as_completed


def risky(n):
    if n == 3:
        raise ValueError(f"bad input: {n}")
    return n * 10


outcomes = {}
with ThreadPoolExecutor(max_workers=4) as executor:
    futures = {executor.submit(risky, i): i for i in range(5)}
    for future in as_completed(futures):
        try:
            outcomes[futures[future]] = future.result(timeout=5)
        except ValueError as error:
            outcomes[futures[future]] = str(error)
assert outcomes == {0: 0, 1: 10, 2: 20, 3: "bad input: 3", 4: 40}
