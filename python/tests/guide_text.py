"""Run the blocks of Python of an introduction to threads, unmodified, under `python3 -m thrum`.

    guide_text.py FILE

FILE is the plain text of the introduction. The blocks stand between its paragraphs without a mark. Each must print what the text
says of it; OUTCOMES has it, in the order of the blocks. All run at the same time, as most of them sleep. Times are checked
from below only. What only defines something is used by some lines after it. The text's requests, https among them, go to a
server in this process: it is their proxy, and they trust its certificate.
"""

import ast
import functools
import os
import re
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from guide import Handler, Server

HERE = os.path.dirname(os.path.abspath(__file__))
DEADLINE = 900


def blocks(text):
    """The blocks. Lines inside a block are never empty; a block follows a paragraph or an item of a list."""
    for part in re.split(r"\n\n|\n(?=  (?:\d+\.|•) )", text):
        lines = part.split("\n")
        for number, line in enumerate(lines):
            if re.match(r"(import|from|def|class) ", line):
                source = "\n".join(lines[number:]) + "\n"
                try:
                    ast.parse(source)
                except SyntaxError:
                    break  # a sentence that begins with such a word
                yield source
                break


class Outcome:
    """What a block prints: lines in any order, or the text as a whole. Threads that print at the same time may write two
    lines before the end of either."""

    def __init__(self, *lines, whole=None, seconds=0.0, after=False, use=""):
        self.lines = lines
        self.whole = whole
        self.seconds = seconds  # that it takes at least
        self.after = after  # it needs the block before it
        self.use = use

    def accepts(self, output):
        if self.whole is not None:
            return bool(re.fullmatch(self.whole, output))
        for pattern in self.lines:
            output, found = re.subn(pattern, "", output, count=1)
            if not found:
                return False
        return not output.strip()


SITES = ("python.org", "docs.python.org", "pypi.org", "realpython.com")
SITES += ("github.com", "stackoverflow.com", "news.ycombinator.com", "httpbin.org")
TIME = r"\d+\.\d\ds"
PAGES = [f"https://example.com/page{n}" for n in range(1, 6)]
FETCHING = r"Fetching https://api\.example\.com \(timeout=30s, retries={}, verbose={}\)"
HASHES = """
print(sorted(os.path.basename(path) for path in hash_all_files(os.path.dirname(os.__file__) + "/concurrent/futures")))
"""
BOTH = """
threads = [threading.Thread(target=function) for function in (thread_1_fixed, thread_2_fixed)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""
CACHE = """
cache = SafeCache()
print(cache.get_or_set("key", 1), cache.get_or_set("key", 2))
"""
OUTCOMES = (
    Outcome(f"CPU-bound with threads: {TIME}"),
    Outcome(
        *(rf"\[Thread-[12] \(download_file\)\] (Downloading {name}\.\.\.|Finished {name})" for name in ("data.csv", "report.pdf") * 2),
        "All downloads complete",
        seconds=2,
    ),
    Outcome("Thread still running after 3 seconds", seconds=10),
    Outcome("Running in thread: DataProcessor"),
    Outcome(whole=r"(Monitoring system health\.\.\.\n)+Main program exiting\n", seconds=12),
    Outcome(whole="Processing /data/report.csv\nProcessed: /data/report.csv\n", seconds=1),
    Outcome(FETCHING.format(3, False), FETCHING.format(5, True)),
    Outcome(r"\{(?=.*0: 0)(?=.*1: 100)(?=.*2: 400)(?=.*3: 900)(?=.*4: 1600).*\}"),
    Outcome(*(f"{url}: Content from {url}" for url in PAGES), seconds=2),
    Outcome(whole=r"\['APPLE', 'BANANA', 'CHERRY', 'DATE'\]\n"),
    Outcome(*(f"Task {n}: {n}0?" for n in (0, 1, 2, 4)), "Task 3 failed: Bad input: 3"),
    Outcome(*["Cancelled: True"] * 6, seconds=10),
    Outcome("Final balance: 1000"),
    Outcome("1 1", use=CACHE),
    Outcome(
        *(rf"Query {n}: (connected \(active connections: [123]\)|done)" for n in [*range(10)] * 2),
        seconds=8,
    ),
    Outcome(
        r"Producer: preparing data\.\.\.",
        "Producer: data ready, signaling consumers",
        *(rf"Consumer {name}: waiting for data\.\.\." for name in "AB"),
        *(rf"Consumer {name}: got data = \[1, 2, 3, 4, 5\]" for name in "AB"),
        seconds=3,
    ),
    Outcome(
        *[r"Produced: \d+ \(buffer size: [1-5]\)"] * 20,
        *[r"Consumer X consumed: \d+ \(buffer size: [0-4]\)"] * 10,
        *[r"Consumer Y consumed: \d+ \(buffer size: [0-4]\)"] * 10,
        seconds=2,
    ),
    Outcome(re.escape(f"Results: {[n * n for n in range(20)]}")),
    Outcome("Consumed 100 items", seconds=1),
    Outcome(
        *(f"Producer {name}: created {name}-item-{n}" for name in ("P1", "P2") for n in range(10)),
        *(f"Consumer C[123]: processing {name}-item-{n}" for name in ("P1", "P2") for n in range(10)),
        *(f"Producer {name}: done" for name in ("P1", "P2")),
        *(f"Consumer C{n}: shutting down" for n in (1, 2, 3)),
    ),
    Outcome(
        re.escape(f"{[n * n for n in range(10)]}"), use="print(sorted(pool.result_queue.get()[1] for _ in range(10)))\n"
    ),
    Outcome(*(rf"Fetching https://api\.example\.com/item/{n} at \d+\.\d\d" for n in range(20)), seconds=3.8),
    Outcome(r"Expected: 500000, Got: [1-5]?\d{1,5}", "Expected: 500000, Got: 500000"),
    Outcome(),
    Outcome(*(f"Thread {n}: acquired both locks" for n in (1, 2)), after=True, use=BOTH),
    Outcome("Acquired both locks safely", after=True, use="safe_acquire()\n"),
    Outcome(
        *(rf"  OK   https://{re.escape(site)}: \d+ bytes" for site in SITES),
        f"Sequential: {TIME}",
        f"Threaded:   {TIME}",
        r"Speedup:    \d+\.\dx",
        seconds=len(SITES) * 0.1,
    ),
    Outcome(re.escape("['__init__.py', '_base.py', 'process.py', 'thread.py']"), use=HASHES),
    Outcome(f"Fetched 20/20 endpoints in {TIME}", seconds=1),
    Outcome(whole=r"(Health check at \d\d:\d\d:\d\d\n)+Stopped\n", seconds=7),
    Outcome(rf"Threading \(I/O\): {TIME}", rf"Threading \(CPU\): {TIME}", seconds=1),
)


class Proxy(Handler):
    """Answers https requests itself. Each of /posts fails at first; any other path takes a tenth of a second."""

    tls = None

    def do_CONNECT(self):
        self.send_response(200)
        self.end_headers()
        plain = self.rfile, self.wfile
        with self.tls.wrap_socket(self.connection, server_side=True) as connection:
            with connection.makefile("rb") as self.rfile, connection.makefile("wb") as self.wfile:
                self.handle_one_request()
        self.rfile, self.wfile = plain
        self.close_connection = True

    def do_GET(self):
        if self.path.startswith("/posts/"):
            self.path = f"/flaky{self.path}"
        else:
            time.sleep(0.1)
            self.path = "/slow"
        super().do_GET()


def certificate(folder):
    """A key and a certificate for the names in the text."""
    names = ",".join(f"DNS:{site}" for site in (*SITES, "jsonplaceholder.typicode.com"))
    paths = f"{folder}/certificate.pem", f"{folder}/key.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=test"
    command = [*command.split(), "-addext", f"subjectAltName={names}", "-out", paths[0], "-keyout", paths[1]]
    subprocess.run(command, check=True, capture_output=True)
    return paths


def run(folder, number, source):
    path = f"{folder}/block_{number}.py"
    with open(path, "w") as file:
        file.write(source)
    begin = time.monotonic()
    done = subprocess.run([sys.executable, "-m", "thrum", path], capture_output=True, text=True, timeout=DEADLINE)
    return done, time.monotonic() - begin


def fails(folder, number, sources):
    """Why a block fails; None if it does not."""
    outcome = OUTCOMES[number]
    source = sources[number - 1 - (number > 24)] if outcome.after else ""
    done, seconds = run(folder, number + 1, source + sources[number] + outcome.use)
    if done.returncode or done.stderr or not outcome.accepts(done.stdout):
        return f"block {number + 1}: status {done.returncode}\n{done.stdout}{done.stderr}"
    if seconds < outcome.seconds:
        return f"block {number + 1}: took {seconds:.2f} s, and not at least {outcome.seconds}"
    return None


def main(path):
    with open(path, encoding="utf-8") as file:
        sources = list(blocks(file.read()))
    if len(sources) != len(OUTCOMES):
        sys.exit(f"guide_text.py: {path} has {len(sources)} blocks, and not {len(OUTCOMES)}")
    with tempfile.TemporaryDirectory() as folder:
        paths = certificate(folder)
        Proxy.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        Proxy.tls.load_cert_chain(*paths)
        server = Server(("127.0.0.1", 0), Proxy)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        os.environ.update(https_proxy=f"http://127.0.0.1:{server.server_port}", no_proxy="", SSL_CERT_FILE=paths[0])
        check = functools.partial(fails, folder, sources=sources)
        with ThreadPoolExecutor(len(sources)) as pool:
            reasons = list(filter(None, pool.map(check, range(len(sources)))))
        server.shutdown()
    print(*reasons, f"{len(sources) - len(reasons)} blocks of the text passed, {len(reasons)} failed", sep="\n")
    sys.exit(len(reasons) > 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
