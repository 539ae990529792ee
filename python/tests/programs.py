"""Run programs of Debian that use threads, as they are and under `python3 -m thrum`, and compare what they print.

    programs.py [NAMES]

    pytest    pytest-xdist: its controller has threads and queues for each of its worker processes
    scons     a build by four threads and two queues
    ytdlp     yt-dlp fetches a stream in fragments by a pool of four threads, from a server in this process

What a program prints must be the same but for times and the order of lines that depend on threads.
"""

import functools
import hashlib
import http.server
import os
import re
import subprocess
import sys
import tempfile
import threading

PYTHON = "/usr/bin/python3"
TESTS = """
import pytest, threading

@pytest.mark.parametrize("number", range(60))
def test_number(number):
    assert number != 13

def test_thread():
    thread = threading.Thread(target=print)
    thread.start()
    thread.join()
"""
SCONSTRUCT = """
env = Environment()
parts = [env.Command(f"part{n}", [], f"@echo make {n} && echo {n} > $TARGET") for n in range(40)]
env.Command("whole", parts, "@echo link && cat $SOURCES > $TARGET")
"""
FRAGMENTS = 40


def run(command, folder):
    """Status and output of a command."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600)
    return f"status {done.returncode}\n{done.stdout}{done.stderr}"


def pytest(prefix, folder):
    with open(f"{folder}/test_numbers.py", "w") as file:
        file.write(TESTS)
    output = run([*prefix, "-m", "pytest", "-n", "3", "-q", "-p", "no:cacheprovider"], folder)
    assert "1 failed, 60 passed" in output, output
    # The progress of the processes comes in any order; so does their output.
    lines = re.sub(r"in [\d.]+s", "in a time", output).splitlines()
    return [line for line in lines if re.search("status|passed|FAILED|assert", line)]


def scons(prefix, folder):
    with open(f"{folder}/SConstruct", "w") as file:
        file.write(SCONSTRUCT)
    first = run([*prefix, "/usr/bin/scons", "-Q", "-j", "4"], folder)
    second = run([*prefix, "/usr/bin/scons", "-Q", "-j", "4"], folder)
    with open(f"{folder}/whole") as file:
        made = file.read()
    assert first.splitlines()[-1] == "link" and made.count("\n") == 40, first
    return [*sorted(first.splitlines()), second, made]


class Handler(http.server.BaseHTTPRequestHandler):
    """/stream.m3u8 lists the fragments; /N.ts is one."""

    def do_GET(self):
        name = os.path.basename(self.path)
        if name == "stream.m3u8":
            lines = ["#EXTM3U", "#EXT-X-TARGETDURATION:1"]
            lines += [line for n in range(FRAGMENTS) for line in ("#EXTINF:1,", f"{n}.ts")]
            body = "\n".join([*lines, "#EXT-X-ENDLIST", ""]).encode()
        else:
            body = hashlib.sha256(name.encode()).digest() * 1000
        self.send_response(200)
        self.send_header("Content-Type", "application/vnd.apple.mpegurl" if "m3u8" in name else "video/mp2t")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, *_):
        pass


@functools.cache
def server():
    made = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=made.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{made.server_port}"


def ytdlp(prefix, folder):
    options = ["--no-config", "--no-progress", "--no-cache-dir", "--fixup", "never", "-N", "4", "-o", "stream.ts"]
    output = run([*prefix, "/usr/bin/yt-dlp", *options, f"{server()}/stream.m3u8"], folder)
    with open(f"{folder}/stream.ts", "rb") as file:
        content = file.read()
    assert len(content) == FRAGMENTS * 32 * 1000, output
    output = re.sub(r"in [\d:.]+ at [\d.]+\w+/s", "in a time", output)
    return [*output.splitlines(), hashlib.sha256(content).hexdigest()]


PROGRAMS = (pytest, scons, ytdlp)


def main(names):
    os.environ["no_proxy"] = "127.0.0.1"
    failed = 0
    chosen = [program for program in PROGRAMS if not names or program.__name__ in names]
    for program in chosen:
        outcomes = []
        for prefix in ([PYTHON], [PYTHON, "-m", "thrum"]):
            with tempfile.TemporaryDirectory() as folder:
                outcomes.append(program(prefix, folder))
        if outcomes[0] != outcomes[1]:
            failed += 1
            print(f"{program.__name__}: prints something else", "as it is:", *outcomes[0], "by thrum:", *outcomes[1], sep="\n")
    print(f"{len(chosen) - failed} programs of Debian passed, {failed} failed")
    sys.exit(failed > 0 or not chosen)


if __name__ == "__main__":
    main(sys.argv[1:])
