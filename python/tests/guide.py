"""Run programs that know nothing of thrum under `python3 -m thrum`, and some of their like.

There is one program for each example of a typical introduction to threads in Python. Each checks
its own outcome by assertions. Requests go to a server in this process.
"""

import http.server
import json
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "guide")
COUNT = 31
seen = set()


class Handler(http.server.BaseHTTPRequestHandler):
    """/slow answers after 0.3 s, /flaky/N fails at first, /missing is not there."""

    def do_GET(self):
        status = 200
        if self.path.startswith("/slow"):
            time.sleep(0.3)
        elif self.path.startswith("/flaky/"):
            status = 200 if self.path in seen else 503
            seen.add(self.path)
        else:
            status = 404
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps({"path": self.path}).encode())

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 100


def run(name):
    return name, subprocess.run(
        [sys.executable, "-m", "thrum", os.path.join(FOLDER, name)],
        capture_output=True,
        text=True,
        timeout=600,
    )


def main():
    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    os.environ["SERVER"] = f"http://127.0.0.1:{server.server_port}"
    os.environ["no_proxy"] = "127.0.0.1"
    names = sorted(name for name in os.listdir(FOLDER) if name.endswith(".py"))
    failed = 0
    with ThreadPoolExecutor(3) as pool:
        for name, done in pool.map(run, names):
            if done.returncode or done.stderr:
                failed += 1
                print(f"{name}: status {done.returncode}\n{done.stdout}{done.stderr}")
    server.shutdown()
    print(f"{len(names) - failed} programs of the guide passed, {failed} failed")
    sys.exit(failed > 0 or len(names) != COUNT)


if __name__ == "__main__":
    main()
