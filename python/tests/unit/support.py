"""What the tests share. They wait for states, not for time."""

import threading
import time


def run_threads(count, function, *args):
    """Run a function in threads, and wait for all."""
    threads = [threading.Thread(target=function, args=args) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def state_of(thread):
    """The kernel's letter for the state of a thread: S is asleep."""
    with open(f"/proc/self/task/{thread.native_id}/stat") as file:
        return file.read().rpartition(")")[2].split()[0]


def until_waiting(thread):
    """Wait until a thread has been asleep, and has used no processor time, for a while."""
    calm = 0
    used = None
    while calm < 5:
        time.sleep(0.004)
        with open(f"/proc/self/task/{thread.native_id}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
        with open(f"/proc/self/task/{thread.native_id}/status") as file:
            switches = [line for line in file if "ctxt_switches" in line]
        calm = calm + 1 if fields[0] == "S" and switches == used else 0
        used = switches
