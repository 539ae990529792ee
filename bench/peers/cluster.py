"""The peers of thrum's cluster, for bench/cluster.sh: cluster.py dask|celery|mpi

Starts what the peer needs and two workers, each for one task at a time; measures tasks that do nothing and have an
argument of 1 KB; ends all that it started. Prints the median of submit and result of one at a time in milliseconds, and how
many of 1000 end in a second. Status 3: the peer is not here.

mpi is run by `mpiexec -n 3 python3 -m mpi4py.futures cluster.py mpi`, which starts the workers.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ONES, WARM, MANY = 300, 30, 1000
ARG = "x" * 1024

try:  # the module is what a worker of Celery loads, too
    import celery

    app = celery.Celery(
        "cluster", broker=os.environ.get("BENCH_REDIS"), backend=os.environ.get("BENCH_REDIS")
    )
    app.conf.broker_connection_retry_on_startup = True

    @app.task(name="nothing")
    def nothing_for_celery(arg):
        return None

except ImportError:
    celery = None


def nothing(arg):
    return None


def measure(one, many):
    """`one` runs a task and waits for it; `many` does so with a list of arguments."""
    times = []
    for i in range(-WARM, ONES):
        begin = time.perf_counter()
        one(ARG)
        if i >= 0:
            times.append(time.perf_counter() - begin)
    begin = time.perf_counter()
    many([ARG + str(i) for i in range(MANY)])
    rate = MANY / (time.perf_counter() - begin)
    print(f"{statistics.median(times) * 1e3:.4f} {rate:.0f}", flush=True)


def dask(folder, start):
    try:
        from distributed import Client
    except ImportError:
        sys.exit(3)
    file = folder + "/scheduler"
    start(sys.executable, "-m", "distributed.cli.dask_scheduler", "--port", "0", "--no-dashboard", "--scheduler-file", file)
    for _ in range(2):
        start(sys.executable, "-m", "distributed.cli.dask_worker", "--scheduler-file", file, "--nthreads", "1", "--no-nanny", "--no-dashboard")
    with Client(scheduler_file=file) as client:
        client.wait_for_workers(2)
        measure(
            lambda arg: client.submit(nothing, arg, pure=False).result(),
            lambda args: client.gather(client.map(nothing, args, pure=False)),
        )


def run_celery(folder, start):
    if celery is None or not shutil.which("redis-server"):
        sys.exit(3)
    socket = folder + "/redis"
    url = f"redis+socket://{socket}"
    app.conf.update(broker_url=url, result_backend=url)
    os.environ["BENCH_REDIS"] = url
    start("redis-server", "--port", "0", "--unixsocket", socket, "--dir", folder, "--save", "")
    while not os.path.exists(socket):
        time.sleep(0.01)
    for i in range(2):
        start(sys.executable, "-m", "celery", "-A", "cluster", "worker", "--pool", "solo", "-n", f"w{i}@%h", "--loglevel", "ERROR",
              "--without-gossip", "--without-mingle")
    while len(app.control.ping(timeout=0.5)) < 2:
        pass

    def many(args):
        for result in [nothing_for_celery.delay(arg) for arg in args]:
            result.get()

    measure(lambda arg: nothing_for_celery.delay(arg).get(), many)


def mpi():
    try:
        from mpi4py.futures import MPIPoolExecutor
    except ImportError:
        sys.exit(3)
    with MPIPoolExecutor(max_workers=2) as executor:
        measure(
            lambda arg: executor.submit(nothing, arg).result(),
            lambda args: [future.result() for future in [executor.submit(nothing, arg) for arg in args]],
        )


def main(peer):
    if peer == "mpi":
        return mpi()
    started = []

    def start(*words):
        here = os.path.dirname(os.path.abspath(__file__))
        started.append(subprocess.Popen(words, cwd=here, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))

    with tempfile.TemporaryDirectory() as folder:
        try:
            {"dask": dask, "celery": run_celery}[peer](folder, start)
        finally:
            for process in reversed(started):
                process.terminate()
            for process in started:
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


if __name__ == "__main__":
    main(sys.argv[1])
