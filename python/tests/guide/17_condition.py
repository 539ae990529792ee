"""Producer and consumers with a bounded buffer and a condition."""
import threading

buffer, longest, got = [], 0, []
condition = threading.Condition()


def produce():
    global longest
    for item in range(20):
        with condition:
            while len(buffer) >= 5:
                condition.wait()
            buffer.append(item)
            longest = max(longest, len(buffer))
            condition.notify_all()


def consume():
    for _ in range(10):
        with condition:
            while not buffer:
                condition.wait()
            got.append(buffer.pop(0))
            condition.notify_all()


threads = [threading.Thread(target=f) for f in (produce, consume, consume)]
for t in threads:
    t.start()
for t in threads:
    t.join()
assert sorted(got) == list(range(20)) and not buffer and longest <= 5
