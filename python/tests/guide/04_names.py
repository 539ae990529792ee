"""A thread has the name that it was given."""
import threading

seen = []
t = threading.Thread(target=lambda: seen.append(threading.current_thread().name), name="DataProcessor")
t.start()
t.join()
assert seen == ["DataProcessor"]
assert threading.current_thread().name == "MainThread"
