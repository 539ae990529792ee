"""A daemon thread does not keep the program alive."""
import threading
import time


def monitor():
    while True:
        time.sleep(0.01)


threading.Thread(target=monitor, daemon=True).start()
threading.Thread(target=threading.Event().wait, daemon=True).start()
time.sleep(0.05)
