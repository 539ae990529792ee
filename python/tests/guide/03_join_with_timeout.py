"""join() with a timeout returns though the thread runs."""
import threading

stop = threading.Event()
t = threading.Thread(target=stop.wait)
t.start()
t.join(timeout=0.1)
assert t.is_alive()
stop.set()
t.join()
assert not t.is_alive()
