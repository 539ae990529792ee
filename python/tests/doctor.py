"""The doctor shows what threads wait for in objects of the package: doctor.py THRUM, the command."""

import re
import subprocess
import sys
import time

DEADLINE = 600
PROGRAM = """
import queue, threading

first, second, gate = threading.RLock(), threading.RLock(), threading.Barrier(2)

def cross(mine, other):
    with mine:
        gate.wait()
        with other:
            pass

lock = threading.Lock()
lock.acquire()
waits = [lock.acquire, threading.Event().wait, threading.Semaphore(0).acquire]
calls = [(cross, (first, second)), (cross, (second, first)), *((wait, ()) for wait in waits)]
for function, arguments in calls:
    threading.Thread(target=function, args=arguments, daemon=True).start()
print(threading.main_thread().native_id, flush=True)
queue.Queue().get()
"""
EXPECTED = (
    r"DEADLOCK: 2 threads wait for each other",
    r"  waits for thrum RLock 0x[0-9a-f]+, held by thread \d+ \(.*\)\n    python cross  <string>:9\n",
    r"  waits for thrum Lock 0x[0-9a-f]+ \(acquired by thread MAIN\)\n    python Thread.run ",
    r"  waits for thrum Event 0x[0-9a-f]+\n",
    r"  waits for thrum Semaphore 0x[0-9a-f]+\n",
    r"  waits for thrum Queue 0x[0-9a-f]+\n    python <module>  <string>:19\n",
)


def main(thrum):
    program = subprocess.Popen([sys.executable, "-m", "thrum", "-c", PROGRAM], stdout=subprocess.PIPE, text=True)
    try:
        main_thread = program.stdout.readline().strip()
        wanted = [text.replace("MAIN", main_thread) for text in EXPECTED]
        end = time.monotonic() + DEADLINE
        while True:
            command = [thrum, "doctor", "-p", str(program.pid), "--no-lines"]
            shown = subprocess.run(command, capture_output=True, text=True)
            missing = [text for text in wanted if not re.search(text, shown.stdout)]
            if not missing:
                break
            if time.monotonic() > end:
                sys.exit(f"{shown.stdout}{shown.stderr}\nmissing: {missing}")
            time.sleep(0.1)
    finally:
        program.kill()
        program.wait()
    print("the doctor names the objects of the package")


if __name__ == "__main__":
    main(*sys.argv[1:])
