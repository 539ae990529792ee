"""The pool, futures, and what goes beyond the standard library."""

import asyncio
import concurrent.futures
import gc
import os
import subprocess
import sys
import threading as standard
import time
import unittest
import weakref

import thrum
from support import until_waiting
from thrum import queue, threading
from thrum.futures import (
    CancelledError,
    Future,
    ThreadPoolExecutor,
    as_completed,
    wait,
)

FOREVER = 60


class PoolTest(unittest.TestCase):
    def test_nested_submits_do_not_deadlock(self):
        with ThreadPoolExecutor(1) as pool:

            def depth(n):
                return 0 if n == 0 else 1 + pool.submit(depth, n - 1).result()

            self.assertEqual(pool.submit(depth, 20).result(timeout=FOREVER), 20)

    def test_nested_as_completed_does_not_deadlock(self):
        with ThreadPoolExecutor(1) as pool:

            def outer():
                return sum(f.result() for f in as_completed([pool.submit(pow, 2, i) for i in range(5)]))

            self.assertEqual(pool.submit(outer).result(timeout=FOREVER), 31)

    def test_spare_workers_go(self):
        with ThreadPoolExecutor(1) as pool:
            self.assertEqual(pool.submit(lambda: pool.submit(lambda: 1).result()).result(timeout=FOREVER), 1)
            self.assertEqual(pool.submit(lambda: 2).result(timeout=FOREVER), 2)
            self.assertLessEqual(pool._pool.workers - pool._pool.blocked, 2)

    def full_pool(self, **options):
        pool = ThreadPoolExecutor(1, max_queue=1, **options)
        gate, running = threading.Event(), threading.Event()
        pool.submit(lambda: (running.set(), gate.wait()))
        running.wait()
        return pool, gate, pool.submit(lambda: "second")

    def test_when_full_raise(self):
        pool, gate, second = self.full_pool(when_full="raise")
        with pool:
            with self.assertRaises(queue.Full):
                pool.submit(print)
            gate.set()
            self.assertEqual(second.result(FOREVER), "second")

    def test_when_full_run(self):
        pool, gate, second = self.full_pool(when_full="run")
        with pool:
            self.assertIs(pool.submit(standard.current_thread).result(0), standard.current_thread())
            gate.set()

    def test_when_full_wait(self):
        pool, gate, second = self.full_pool()
        with pool:
            third = []
            submitter = standard.Thread(target=lambda: third.append(pool.submit(lambda: "third")))
            submitter.start()
            until_waiting(submitter)
            self.assertEqual(third, [])
            gate.set()
            submitter.join(FOREVER)
            self.assertEqual(third[0].result(FOREVER), "third")

    def order(self, order, priorities):
        ran = []
        with ThreadPoolExecutor(1, order=order) as pool:
            gate, running = threading.Event(), threading.Event()
            pool.submit(lambda: (running.set(), gate.wait()))
            running.wait()
            for number, priority in enumerate(priorities):
                pool.submit_priority(priority, ran.append, number)
            gate.set()
        return ran

    def test_orders(self):
        self.assertEqual(self.order("fifo", [3, 1, 2]), [0, 1, 2])
        self.assertEqual(self.order("lifo", [3, 1, 2]), [2, 1, 0])
        priorities = [5, -1, 3, 3, 9, 0, -1, 2**40, 3]
        expected = sorted(range(len(priorities)), key=lambda i: (priorities[i], i))
        self.assertEqual(self.order("priority", priorities), expected)

    def test_bad_options(self):
        for options in ({"max_queue": 0}, {"when_full": "x"}, {"order": "x"}, {"max_workers": 0}):
            with self.assertRaises(ValueError):
                ThreadPoolExecutor(**options)

    def test_dropped_executor_ends_its_workers(self):
        pool = ThreadPoolExecutor(2)
        pool.submit(pow, 2, 2).result()
        threads = list(pool._threads)
        ref = weakref.ref(pool)
        del pool
        gc.collect()
        self.assertIsNone(ref())
        for thread in threads:
            thread.join(FOREVER)
            self.assertFalse(thread.is_alive())

    def test_pool_in_a_forked_child(self):
        with ThreadPoolExecutor(2) as pool:
            pool.submit(pow, 2, 2).result()
            pid = os.fork()
            if pid == 0:
                os._exit(pool.submit(pow, 2, 3).result(FOREVER) != 8)
            self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)

    def test_failures_and_callbacks(self):
        with ThreadPoolExecutor(2) as pool:
            failed = pool.submit(lambda: 1 / 0)
            self.assertIsInstance(failed.exception(FOREVER), ZeroDivisionError)
            called = queue.Queue()
            failed.add_done_callback(called.put)
            self.assertIs(called.get(), failed)
            with self.assertLogs("concurrent.futures", level="ERROR"):
                failed.add_done_callback(lambda f: 1 / 0)
            exit_future = pool.submit(sys.exit, 3)
            with self.assertRaises(SystemExit):
                exit_future.result(FOREVER)
            self.assertEqual(pool.submit(pow, 2, 2).result(FOREVER), 4)

    def test_exit_waits_for_tasks(self):
        code = (
            "from thrum.futures import *; import time\n"
            "pool = ThreadPoolExecutor(1); pool.submit(time.sleep, 0.1)\n"
            "pool.submit(print, 'done', flush=True)"
        )
        out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=FOREVER)
        self.assertEqual((out.stdout, out.stderr, out.returncode), ("done\n", "", 0))

    def test_exit_with_daemon_threads_that_wait(self):
        code = (
            "from thrum.threading import *; from thrum.queue import *\n"
            "q = Queue(); e = Event(); c = Condition()\n"
            "def poll():\n"
            "    while True:\n"
            "        try: q.get(timeout=0.0001)\n"
            "        except Empty: pass\n"
            "for f in [q.get, e.wait, poll, poll, poll]: Thread(target=f, daemon=True).start()\n"
            "class Late:\n"
            "    def __del__(self, put=q.put, set=e.set): put(1); set()\n"
            "late = Late()\n"
        )
        for _ in range(5):
            out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=FOREVER)
            self.assertEqual((out.stderr, out.returncode), ("", 0))


class InteropTest(unittest.TestCase):
    def test_classes_are_those_of_the_standard_library(self):
        import queue as standard_queue

        self.assertTrue(issubclass(Future, concurrent.futures.Future))
        self.assertTrue(issubclass(ThreadPoolExecutor, concurrent.futures.ThreadPoolExecutor))
        for name in ("Queue", "LifoQueue", "PriorityQueue"):
            self.assertTrue(issubclass(getattr(queue, name), getattr(standard_queue, name)))
        self.assertIs(queue.Empty, standard_queue.Empty)
        self.assertIs(threading.Thread, standard.Thread)

    def test_waits_for_futures_of_both_kinds(self):
        for function in (wait, concurrent.futures.wait):
            ours, theirs = Future(), concurrent.futures.Future()
            thread = standard.Thread(target=lambda: (ours.set_result(1), theirs.set_result(2)))
            standard.Timer(0.02, thread.start).start()
            done, pending = function([ours, theirs], timeout=FOREVER)
            self.assertEqual((done, pending), ({ours, theirs}, set()))
        for function in (as_completed, concurrent.futures.as_completed):
            ours, theirs = Future(), concurrent.futures.Future()
            standard.Timer(0.02, lambda: (ours.set_result(1), theirs.set_exception(OSError()))).start()
            self.assertEqual(list(function([ours, theirs], timeout=FOREVER)), [ours, theirs])

    def test_observers_are_forgotten_after_a_timeout(self):
        ours, theirs = Future(), concurrent.futures.Future()
        wait([ours, theirs], timeout=0)
        with self.assertRaises(TimeoutError):
            list(as_completed([ours, theirs], timeout=0))
        self.assertEqual((ours._waiters, theirs._waiters), ([], []))

    def test_asyncio(self):
        async def main():
            with ThreadPoolExecutor(2) as pool:
                self.assertEqual(await pool.submit(pow, 2, 3), 8)
                self.assertEqual(await asyncio.wrap_future(pool.submit(pow, 2, 4)), 16)
                loop = asyncio.get_running_loop()
                self.assertEqual(await loop.run_in_executor(pool, pow, 2, 5), 32)

        asyncio.run(main())


class QueueTest(unittest.TestCase):
    def test_attributes_that_programs_use(self):
        q = queue.Queue()
        for item in range(3):
            q.put(item)
        with q.mutex:
            self.assertEqual(list(q.queue), [0, 1, 2])
            q.queue.clear()
        self.assertTrue(q.empty())
        self.assertEqual(q.unfinished_tasks, 3)
        q.maxsize = 1
        q.put(1)
        self.assertRaises(queue.Full, q.put_nowait, 2)

    def test_mutex_excludes_put_and_get(self):
        q = queue.Queue()
        with q.mutex:
            thread = standard.Thread(target=q.put, args=(1,))
            thread.start()
            until_waiting(thread)
            self.assertEqual(len(q.queue), 0)
        thread.join(FOREVER)
        self.assertEqual(q.get(timeout=FOREVER), 1)

    def test_join_by_all_tasks_done(self):
        q = queue.Queue()
        q.put(1)

        def consumer():
            q.get()
            q.task_done()

        with q.all_tasks_done:
            standard.Timer(0.01, consumer).start()
            while q.unfinished_tasks:
                self.assertTrue(q.all_tasks_done.wait(FOREVER))

    def test_shutdown(self):
        for cls in (queue.Queue, queue.LifoQueue, queue.PriorityQueue, Hooked):
            with self.subTest(cls.__name__):
                q = cls()
                q.put(1)
                q.shutdown()
                self.assertRaises(queue.ShutDown, q.put, 2)
                self.assertEqual(q.get(), 1)
                self.assertRaises(queue.ShutDown, q.get)
                q = cls()
                q.put(1)
                waiter = standard.Thread(target=q.join)
                waiter.start()
                until_waiting(waiter)
                q.shutdown(immediate=True)
                waiter.join(FOREVER)
                self.assertRaises(queue.ShutDown, q.get)

    def test_shutdown_wakes_waiters(self):
        for cls in (queue.Queue, Hooked):
            q = cls()
            raised = []

            def get():
                try:
                    q.get()
                except queue.ShutDown:
                    raised.append(1)

            threads = [standard.Thread(target=get) for _ in range(3)]
            for thread in threads:
                thread.start()
                until_waiting(thread)
            q.shutdown()
            for thread in threads:
                thread.join(FOREVER)
            self.assertEqual(len(raised), 3)

    def test_hooks_of_a_subclass_are_called(self):
        q = Hooked(2)
        q.put("a")
        q.put("a")
        self.assertEqual(q.qsize(), 1)
        q.put("b")
        self.assertTrue(q.full())
        self.assertRaises(queue.Full, q.put, "c", timeout=0.01)
        self.assertEqual({q.get(), q.get()}, {"a", "b"})
        self.assertRaises(queue.Empty, q.get_nowait)

    def test_comparison_that_runs_python_code(self):
        class Slow:
            def __init__(self, n):
                self.n = n

            def __lt__(self, other):
                time.sleep(0)
                return self.n < other.n

        q = queue.PriorityQueue()
        threads = [
            standard.Thread(target=lambda: [q.put(Slow(n)) for n in range(200)]) for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(FOREVER)
        got = [q.get(timeout=FOREVER).n for _ in range(800)]
        self.assertEqual(got, sorted(got))


class Hooked(queue.Queue):
    """Keeps each item once."""

    def _init(self, maxsize):
        self.items = set()

    def _put(self, item):
        self.items.add(item)

    def _get(self):
        return self.items.pop()

    def _qsize(self):
        return len(self.items)


class AsyncTest(unittest.TestCase):
    def test_queue_between_threads_and_coroutines(self):
        async def main():
            q = queue.Queue(2)
            producer = standard.Thread(target=lambda: [q.put(n) for n in range(500)])
            producer.start()
            self.assertEqual([await q.aget() for _ in range(500)], list(range(500)))
            got = []
            consumer = standard.Thread(target=lambda: [got.append(q.get()) for _ in range(500)])
            consumer.start()
            for n in range(500):
                await q.aput(n)
            while consumer.is_alive():
                await asyncio.sleep(0.001)
            self.assertEqual(got, list(range(500)))

        asyncio.run(asyncio.wait_for(main(), FOREVER))

    def test_cancelled_getter_takes_nothing(self):
        async def main():
            q = queue.Queue()
            first, second = asyncio.create_task(q.aget()), asyncio.create_task(q.aget())
            await asyncio.sleep(0)
            q.put(1)  # wakes the first
            first.cancel()
            self.assertEqual(await asyncio.wait_for(second, FOREVER), 1)

        asyncio.run(main())

    def test_waiters_without_items_are_quiet(self):
        async def main():
            q = queue.Queue()
            tasks = [asyncio.create_task(q.aget()) for _ in range(10)]
            await asyncio.sleep(0)
            q.put(1)
            q.get()
            before = time.process_time()
            await asyncio.sleep(0.1)
            self.assertLess(time.process_time() - before, 0.08)
            for n in range(10):
                q.put(n)
            self.assertEqual(sorted(await asyncio.gather(*tasks)), list(range(10)))

        asyncio.run(main())

    def test_lock_semaphore_event_join(self):
        async def main():
            lock, event, q = threading.Lock(), threading.Event(), queue.Queue()
            count = 0

            async def add():
                nonlocal count
                for _ in range(50):
                    async with lock:
                        before = count
                        await asyncio.sleep(0)
                        count = before + 1

            await asyncio.gather(*(add() for _ in range(4)))
            self.assertEqual(count, 200)
            async with threading.Semaphore(1) as held:
                self.assertTrue(held)
            standard.Timer(0.01, event.set).start()
            self.assertTrue(await event.await_())
            q.put(1)
            standard.Timer(0.01, q.task_done).start()
            await q.ajoin()

        asyncio.run(asyncio.wait_for(main(), FOREVER))

    def test_closed_loop_passes_the_wake_on(self):
        q = queue.Queue()
        loop = asyncio.new_event_loop()
        task = loop.create_task(q.aget())
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
        getter = standard.Thread(target=q.get)
        getter.start()
        until_waiting(getter)
        q.put(1)
        getter.join(FOREVER)
        self.assertFalse(getter.is_alive())
        task._log_destroy_pending = False


class ExtrasTest(unittest.TestCase):
    def test_select(self):
        q, full, event, future = queue.Queue(), queue.Queue(1), threading.Event(), Future()
        full.put(0)
        self.assertIsNone(thrum.select(q, event, (full, 1), future, timeout=0.01))
        standard.Timer(0.01, q.put, (5,)).start()
        self.assertEqual(thrum.select(event, q, (full, 1), timeout=FOREVER), (q, 5))
        standard.Timer(0.01, full.get).start()
        self.assertEqual(thrum.select(event, (full, 1), timeout=FOREVER), (full, None))
        future.set_result(1)
        self.assertEqual(thrum.select(q, future), (future, None))
        semaphore = threading.Semaphore(0)
        standard.Timer(0.01, semaphore.release).start()
        self.assertEqual(thrum.select(q, semaphore, timeout=FOREVER), (semaphore, None))
        self.assertEqual(semaphore._value, 0)
        self.assertRaises(TypeError, thrum.select, 3)

    def test_wake_that_select_does_not_use_goes_on(self):
        lock, jobs = threading.Lock(), queue.Queue()
        lock.acquire()
        found = []
        selecting = standard.Thread(target=lambda: found.append(thrum.select(jobs, lock)))
        acquiring = standard.Thread(target=lock.acquire)
        for thread in selecting, acquiring:
            thread.start()
            until_waiting(thread)
        interval = sys.getswitchinterval()
        sys.setswitchinterval(FOREVER)  # select() sees both wakes
        try:
            jobs.put("job")
            lock.release()
        finally:
            sys.setswitchinterval(interval)
        acquiring.join(FOREVER)
        self.assertFalse(acquiring.is_alive())
        selecting.join()
        self.assertEqual(found, [(jobs, "job")])

    def test_select_loses_no_item(self):
        queues = [queue.Queue() for _ in range(3)]
        got = queue.Queue()

        def taker():
            while (case := thrum.select(*queues))[1] is not None:
                got.put(case[1])

        threads = [standard.Thread(target=taker) for _ in range(4)]
        for thread in threads:
            thread.start()
        for n in range(1, 601):
            queues[n % 3].put(n)
        items = [got.get(timeout=FOREVER) for _ in range(600)]
        for _ in threads:
            queues[0].put(None)
        for thread in threads:
            thread.join(FOREVER)
        self.assertEqual(sorted(items), list(range(1, 601)))

    def test_rwlock(self):
        lock = thrum.RWLock()
        with lock.read(), lock.read():
            self.assertFalse(lock.acquire_write(timeout=0.01))
        with lock.write():
            self.assertFalse(lock.acquire_read(timeout=0.01))
            self.assertFalse(lock.acquire_write(timeout=0))
        self.assertRaises(RuntimeError, lock.release_read)
        self.assertRaises(RuntimeError, lock.release_write)

    def test_writer_is_not_starved(self):
        lock = thrum.RWLock()
        lock.acquire_read()
        writer = standard.Thread(target=lock.acquire_write)
        writer.start()
        until_waiting(writer)
        self.assertFalse(lock.acquire_read(timeout=0.01))
        lock.release_read()
        writer.join(FOREVER)
        lock.release_write()
        self.assertTrue(lock.acquire_read(timeout=0))

    def test_rate_limiter(self):
        limiter = thrum.RateLimiter(100, burst=2)
        begin = time.monotonic()
        for _ in range(7):
            limiter.acquire()
        self.assertGreaterEqual(time.monotonic() - begin, 0.05)
        slow = thrum.RateLimiter(0.001)
        self.assertTrue(slow.acquire(timeout=0))
        self.assertFalse(slow.acquire(timeout=0.01))
        self.assertRaises(ValueError, slow.acquire, 2)

    def test_retry(self):
        calls = []

        @thrum.retry(attempts=3, delay=0, on=OSError)
        def flaky(error):
            calls.append(1)
            if len(calls) < 3:
                raise error
            return "good"

        self.assertEqual(flaky(OSError), "good")
        calls.clear()
        self.assertRaises(ValueError, flaky, ValueError)
        self.assertEqual(len(calls), 1)

        @thrum.retry(attempts=2, delay=0)
        async def never():
            calls.append(1)
            raise KeyError

        calls.clear()
        self.assertRaises(KeyError, asyncio.run, never())
        self.assertEqual(len(calls), 2)

    def test_periodic_task(self):
        enough = threading.Semaphore(0)
        with thrum.PeriodicTask(0.01, enough.release) as task:
            for _ in range(3):
                self.assertTrue(enough.acquire(timeout=FOREVER))
        calls = task.calls
        self.assertGreaterEqual(calls, 3)
        self.assertRaises(RuntimeError, task.start)

    def test_task_group(self):
        with thrum.TaskGroup() as group:
            futures = [group.submit(pow, 2, n) for n in range(5)]
            nested = group.submit(lambda: group.submit(lambda: 7))
        self.assertEqual([f.result() for f in futures], [1, 2, 4, 8, 16])
        self.assertEqual(nested.result().result(), 7)
        with self.assertRaises(ExceptionGroup) as caught:
            with thrum.TaskGroup(max_workers=1) as group:
                group.submit(lambda: 1 / 0)
                gate = threading.Event()
                late = [group.submit(gate.wait, 0.01) for _ in range(100)]
        self.assertIsInstance(caught.exception.exceptions[0], ZeroDivisionError)
        self.assertTrue(late[-1].cancelled())
        self.assertRaises(CancelledError, late[-1].result)


class MapTest(unittest.TestCase):
    """map() with a buffer, which the standard module has since Python 3.14."""

    def test_buffer_bounds_what_is_submitted(self):
        taken = []

        def items():
            for number in range(10):
                taken.append(number)
                yield number

        with ThreadPoolExecutor(2) as pool:
            results = pool.map(abs, items(), buffersize=3)
            self.assertEqual(taken, [0, 1, 2])
            self.assertEqual(next(results), 0)
            self.assertEqual(taken, [0, 1, 2, 3])
            self.assertEqual(list(results), list(range(1, 10)))
            self.assertRaises(TypeError, pool.map, abs, [1], buffersize=1.5)
            self.assertRaises(ValueError, pool.map, abs, [1], buffersize=0)

    def test_failure_cancels_the_rest(self):
        gate, ran = threading.Event(), []

        def task(number):
            ran.append(number)
            if number == 0:
                raise ZeroDivisionError
            gate.wait()

        with ThreadPoolExecutor(1) as pool:
            results = pool.map(task, range(3))
            self.assertRaises(ZeroDivisionError, next, results)
            self.assertRaises(StopIteration, next, results)
            gate.set()
        self.assertNotIn(2, ran)

    @unittest.skipIf(sys.version_info < (3, 14), "Python 3.14 has it")
    def test_pool_of_interpreters_stays_the_standard_one(self):
        code = (
            "from concurrent.futures import InterpreterPoolExecutor, ThreadPoolExecutor\n"
            "import os, thrum\n"
            "assert ThreadPoolExecutor is thrum.futures.ThreadPoolExecutor\n"
            "assert not issubclass(InterpreterPoolExecutor, ThreadPoolExecutor)\n"
            "with InterpreterPoolExecutor(1) as pool:\n"
            "    print(pool.submit(abs, -1).result())\n"
        )
        out = subprocess.run([sys.executable, "-m", "thrum", "-c", code], capture_output=True, text=True)
        self.assertEqual((out.stdout, out.stderr), ("1\n", ""))


class RunTest(unittest.TestCase):
    """python3 -m thrum."""

    def thrum(self, *arguments, **options):
        return subprocess.run(
            [sys.executable, "-m", "thrum", *arguments], capture_output=True, text=True, timeout=FOREVER, **options
        )

    def test_names_are_replaced(self):
        code = (
            "import threading, queue, concurrent.futures, sys\n"
            "print(type(threading.Lock()).acquire.__qualname__, queue.Queue.__module__,\n"
            "      concurrent.futures.ThreadPoolExecutor.__module__, __name__, sys.argv)\n"
            "assert isinstance(threading.current_thread(), threading.Thread)\n"
        )
        out = self.thrum("-c", code, "x")
        self.assertEqual(out.stderr, "")
        self.assertEqual(out.stdout, "Lock.acquire thrum.queue thrum.futures __main__ ['-c', 'x']\n")

    def test_traceback_is_that_of_the_program(self):
        code = "def f():\n    1 / 0\nf()\n"
        plain = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        out = self.thrum("-c", code)
        self.assertEqual((out.stderr, out.returncode), (plain.stderr, plain.returncode))

    def test_exit_status(self):
        self.assertEqual(self.thrum("-c", "import sys; sys.exit(7)").returncode, 7)
        self.assertEqual(self.thrum("-c", "raise KeyboardInterrupt").returncode, -2)
        self.assertEqual(self.thrum("no such file").returncode, 1)
        self.assertEqual(self.thrum().returncode, 2)

    def test_module(self):
        out = self.thrum("-m", "json.tool", input="{}")
        self.assertEqual((out.stdout, out.stderr), ("{}\n", ""))


if __name__ == "__main__":
    unittest.main()
