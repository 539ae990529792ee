"""map() keeps the order of its input."""
from concurrent.futures import ThreadPoolExecutor
import random
import time


def upper(item):
    time.sleep(random.random() / 50)
    return item.upper()


with ThreadPoolExecutor(max_workers=4) as executor:
    assert list(executor.map(upper, ["apple", "banana", "cherry", "date"])) == ["APPLE", "BANANA", "CHERRY", "DATE"]
