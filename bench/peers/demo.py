# The rows of thrum demo in Python, with nothing but its standard library: what the guide's table was measured with.
#
#     python3 demo.py FOLDER PORT SCALE
#
# FOLDER has the files file-000 and so on; PORT is that of the server on 127.0.0.1, or 0. It prints "ready", and then reads
# lines "EXECUTOR WORKERS KIND:COUNT:SECONDS..." and answers each by the seconds that it took, from before the executor was
# made until it was shut down, or by "error: " and a reason. Tasks of several kinds are spread evenly.
import asyncio, concurrent.futures, http.client, os, sqlite3, sys, threading, time

folder, port, scale = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
local = threading.local()  # a connection and a database for each thread
inherited = []
steps_per_second = 0.0


# A worker process has its own, too. What it has inherited is its parent's, who may use it still: it is not closed.
def forget_inherited():
    global local
    inherited.append(local)
    local = threading.local()


os.register_at_fork(after_in_child=forget_inherited)


def sum_of_squares(n):
    total = 0
    for i in range(n):
        total += i * i
    return total


def calibrate():
    global steps_per_second
    n, times = 200000, []
    for _ in range(7):
        begin = time.process_time()
        sum_of_squares(n)
        times.append(time.process_time() - begin)
    steps_per_second = n / sorted(times)[3]


def fetch(index, seconds):
    if not hasattr(local, "connection"):
        local.connection = http.client.HTTPConnection("127.0.0.1", port)
    local.connection.request("GET", f"/page?wait_us={seconds * 1e6:.0f}")
    answer = local.connection.getresponse()
    page = answer.read()
    if answer.status != 200 or len(page) != 4096:
        raise RuntimeError(f"the server answered {answer.status} with {len(page)} bytes")


def read_file(index, seconds, pause=True):
    begin = time.monotonic()
    with open(os.path.join(folder, f"file-{index % 100:03d}"), "rb") as file:
        if len(file.read()) != 65536:
            raise RuntimeError("a file is too short")
    left = seconds - (time.monotonic() - begin)
    if pause and left > 0:
        time.sleep(left)
    return left


def compute(index, seconds):
    sum_of_squares(int(steps_per_second * seconds))


def wait_in_query(seconds):
    time.sleep(seconds)
    return 1


def query(index, seconds):
    if not hasattr(local, "database"):
        local.database = sqlite3.connect(":memory:")
        local.database.create_function("wait", 1, wait_in_query)
    if local.database.execute("SELECT wait(?)", (seconds,)).fetchone() != (1,):
        raise RuntimeError("the query gave another result")


tasks = {"http": fetch, "file": read_file, "cpu": compute, "db": query}


async def fetch_async(index, seconds):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET /page?wait_us={seconds * 1e6:.0f} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    if not answer.startswith(b"HTTP/1.1 200") or len(answer) < 4096:
        raise RuntimeError("the server gave no page")


async def run_async(jobs, workers):
    loop, places = asyncio.get_running_loop(), asyncio.Semaphore(workers)
    # sqlite3 has no asynchronous interface: asyncio hands its calls to threads.
    loop.set_default_executor(concurrent.futures.ThreadPoolExecutor(workers))

    async def one(kind, index, seconds):
        async with places:
            if kind == "http":
                await fetch_async(index, seconds)
            elif kind == "file":
                left = read_file(index, seconds, pause=False)
                if left > 0:
                    await asyncio.sleep(left)
            elif kind == "cpu":
                compute(index, seconds)
            else:
                await asyncio.to_thread(query, index, seconds)

    await asyncio.gather(*(one(*job) for job in jobs))


def run(job):
    kind, index, seconds = job
    tasks[kind](index, seconds)


def spread(parts):
    """The tasks of all parts: each next one is of the part that is furthest behind its share."""
    given, jobs = [0] * len(parts), []
    for _ in range(sum(count for _, count, _ in parts)):
        chosen = min((i for i in range(len(parts)) if given[i] < parts[i][1]), key=lambda i: (given[i] / parts[i][1], i))
        jobs.append((parts[chosen][0], given[chosen], parts[chosen][2]))
        given[chosen] += 1
    return jobs


def measure(executor, workers, jobs):
    begin = time.monotonic()
    if executor == "inline":
        for job in jobs:
            run(job)
    elif executor == "fibers":
        asyncio.run(run_async(jobs, workers))
    else:
        kind = concurrent.futures.ThreadPoolExecutor if executor == "threads" else concurrent.futures.ProcessPoolExecutor
        with kind(workers) as pool:
            for _ in pool.map(run, jobs):
                pass
    return time.monotonic() - begin


def main():
    calibrate()
    print("ready", sys.version.split()[0], flush=True)
    for line in sys.stdin:
        executor, workers, *words = line.split()
        parts = [(kind, int(count), float(seconds) * scale) for kind, count, seconds in (word.split(":") for word in words)]
        try:
            print(f"{measure(executor, int(workers), spread(parts)):.9f}", flush=True)
        except Exception as error:
            print("error:", " ".join(f"{type(error).__name__}: {error}".split()), flush=True)


if __name__ == "__main__":
    main()
