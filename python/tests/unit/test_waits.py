"""Waits end for one reason: a wake, the deadline, or a signal handler that raises."""

import gc
import os
import signal
import sys
import threading as standard
import time
import unittest
import weakref

from support import run_threads, until_waiting
from thrum import _thrum, queue, threading
from thrum.futures import Future

FOREVER = 60


class Interrupt(Exception):
    pass


def raise_interrupt(*_):
    raise Interrupt


class SignalTest(unittest.TestCase):
    """A handler runs amid a wait; if it raises, the wait ends and leaves nothing behind."""

    def setUp(self):
        self.old = signal.signal(signal.SIGUSR1, raise_interrupt)

    def tearDown(self):
        signal.signal(signal.SIGUSR1, self.old)

    def waits(self):
        lock, full = threading.Lock(), queue.Queue(1)
        lock.acquire()
        full.put(1)
        full_join = queue.Queue()
        full_join.put(1)
        condition = threading.Condition()
        condition.acquire()
        held = threading.RLock()
        run_threads(1, held.acquire)
        return {
            "lock": lock.acquire,
            "rlock": held.acquire,
            "semaphore": threading.Semaphore(0).acquire,
            "event": threading.Event().wait,
            "condition": condition.wait,
            "barrier": threading.Barrier(2).wait,
            "get": queue.Queue().get,
            "priority get": queue.PriorityQueue().get,
            "simple get": queue.SimpleQueue().get,
            "put": lambda: full.put(2),
            "join": full_join.join,
            "result": Future().result,
        }

    def test_handler_that_raises_ends_the_wait(self):
        for name, wait in self.waits().items():
            with self.subTest(name):
                old = signal.signal(signal.SIGALRM, raise_interrupt)
                signal.setitimer(signal.ITIMER_REAL, 0.02)
                with self.assertRaises(Interrupt):
                    wait()
                signal.signal(signal.SIGALRM, old)

    def test_handler_that_returns_does_not_end_the_wait(self):
        calls = []
        old = signal.signal(signal.SIGALRM, lambda *_: calls.append(1))
        signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
        try:
            event = threading.Event()
            while len(calls) < 3:
                begin = time.monotonic()
                self.assertFalse(event.wait(0.05))
                self.assertGreaterEqual(time.monotonic() - begin, 0.05)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, old)

    def test_signal_at_the_beginning_of_a_wait_is_not_lost(self):
        # It may come before the thread sleeps in the kernel, where nothing interrupts it.
        event = threading.Event()
        old = signal.signal(signal.SIGALRM, raise_interrupt)
        try:
            for microseconds in range(1, 101):
                with self.assertRaises(Interrupt):
                    signal.setitimer(signal.ITIMER_REAL, microseconds * 1e-6)
                    event.wait()
        finally:
            signal.signal(signal.SIGALRM, old)

    def test_handler_may_complete_the_wait(self):
        event = threading.Event()
        old = signal.signal(signal.SIGALRM, lambda *_: event.set())
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        try:
            self.assertTrue(event.wait(FOREVER))
        finally:
            signal.signal(signal.SIGALRM, old)

    def test_interrupted_condition_holds_its_lock_again(self):
        condition = threading.Condition(threading.Lock())
        old = signal.signal(signal.SIGALRM, raise_interrupt)
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        try:
            with condition:
                with self.assertRaises(Interrupt):
                    condition.wait()
                self.assertTrue(condition._is_owned())
        finally:
            signal.signal(signal.SIGALRM, old)
        self.assertEqual(repr(condition), f"<Condition({condition._lock!r}, 0)>")

    def test_interrupted_waiter_gets_no_item(self):
        items = queue.Queue()
        old = signal.signal(signal.SIGALRM, raise_interrupt)
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        try:
            with self.assertRaises(Interrupt):
                items.get()
        finally:
            signal.signal(signal.SIGALRM, old)
        items.put(1)
        self.assertEqual(items.get(timeout=FOREVER), 1)

    def test_woken_waiter_that_is_interrupted_passes_the_wake_on(self):
        # The handler releases the permit that its own wait would have got, then raises: another gets it.
        semaphore = threading.Semaphore(0)
        got = threading.Event()

        def other():
            semaphore.acquire()
            got.set()

        def handler(*_):
            self.thread = standard.Thread(target=other, daemon=True)
            self.thread.start()
            until_waiting(self.thread)
            semaphore.release()
            raise Interrupt

        old = signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        try:
            with self.assertRaises(Interrupt):
                semaphore.acquire()
        finally:
            signal.signal(signal.SIGALRM, old)
        self.assertTrue(got.wait(FOREVER))


class DeadlineTest(unittest.TestCase):
    def test_waits_are_not_shorter_than_their_timeout(self):
        for wait in (
            threading.Semaphore(0).acquire,
            threading.Event().wait,
            lambda timeout: self.assertRaises(queue.Empty, queue.Queue().get, True, timeout),
            lambda timeout: self.assertRaises(TimeoutError, Future().result, timeout),
        ):
            begin = time.monotonic()
            self.assertFalse(wait(timeout=0.05))
            self.assertGreaterEqual(time.monotonic() - begin, 0.05)

    def test_bad_timeouts(self):
        for wait in (threading.Event().wait, threading.Semaphore(0).acquire, Future().result):
            with self.assertRaises(OverflowError):
                wait(timeout=1e100)
            with self.assertRaises(ValueError):
                wait(timeout=float("nan"))
            with self.assertRaises(TypeError):
                wait(timeout="1")
        with self.assertRaises(ValueError):
            queue.Queue().get(timeout=-1)
        with self.assertRaises(ValueError):
            threading.Lock().acquire(False, 1)


class ForkTest(unittest.TestCase):
    def in_child(self, function):
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                function()
                status = 0
            except BaseException:
                sys.excepthook(*sys.exc_info())
            finally:
                sys.stderr.flush()
                os._exit(status)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)

    def test_waiters_of_the_parent_take_nothing_in_the_child(self):
        items, semaphore = queue.Queue(), threading.Semaphore(0)
        getter = standard.Thread(target=items.get)
        acquirer = standard.Thread(target=semaphore.acquire)
        for thread in getter, acquirer:
            thread.start()
            until_waiting(thread)

        def child():
            assert len(standard.enumerate()) == 1
            # A thread of the child stands behind that of the parent, and gets the wake.
            for wait, wake in ((items.get, lambda: items.put("again")), (semaphore.acquire, semaphore.release)):
                thread = standard.Thread(target=wait, daemon=True)
                thread.start()
                until_waiting(thread)
                wake()
                thread.join(10)
                assert not thread.is_alive(), "the wake went to a thread of the parent"
            items.put("child")
            assert items.get(timeout=FOREVER) == "child"

        self.in_child(child)
        items.put("parent")
        semaphore.release()
        getter.join(FOREVER)
        acquirer.join(FOREVER)
        self.assertFalse(getter.is_alive() or acquirer.is_alive())

    def test_handler_that_forks_amid_a_wait(self):
        read, write = os.pipe()
        event = threading.Event()

        def handler(*_):
            if os.fork() == 0:
                os.write(write, b"f")
            event.set_in = os.getpid()
            standard.Timer(0.05, event.set).start()

        old = signal.signal(signal.SIGALRM, handler)
        parent = os.getpid()
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        good = event.wait(FOREVER)
        if os.getpid() != parent:
            os.write(write, b"w" if good else b"x")
            os._exit(0)
        signal.signal(signal.SIGALRM, old)
        self.assertTrue(good)
        os.wait()
        self.assertEqual(os.read(read, 9), b"fw")

    def test_fork_reinit_frees_a_lock(self):
        for lock in threading.Lock(), threading.RLock():
            lock.acquire()
            self.in_child(lambda: (lock._at_fork_reinit(), lock.acquire(timeout=FOREVER)))
            lock.release()


class LockTest(unittest.TestCase):
    def test_condition_refuses_a_count_that_is_none(self):
        condition = threading.Condition()
        for count, error in (("x", TypeError), (-1, OverflowError), (1 << 70, OverflowError)):
            with self.assertRaises(error):
                condition._acquire_restore(count)
        self.assertFalse(condition._is_owned())

    def test_only_the_owner_releases_an_rlock_but_any_thread_a_lock(self):
        lock, rlock = threading.Lock(), threading.RLock()
        lock.acquire()
        rlock.acquire()
        errors = []

        def release():
            lock.release()
            try:
                rlock.release()
            except RuntimeError as error:
                errors.append(str(error))

        run_threads(1, release)
        self.assertEqual(errors, ["cannot release un-acquired lock"])
        self.assertFalse(lock.locked())
        with self.assertRaisesRegex(RuntimeError, "release unlocked lock"):
            lock.release()
        rlock.release()


class LifeTest(unittest.TestCase):
    def test_cycles_through_objects_are_collected(self):
        class Canary:
            pass

        def queue_cycle(canary):
            q = queue.Queue()
            q.put((q, canary))

        def future_cycle(canary):
            f = Future()
            f.set_result([f, canary])

        def callback_cycle(canary):
            f = Future()
            f.add_done_callback(lambda _: (f, canary))

        def event_cycle(canary):
            e = threading.Event()
            e.self, e.canary = e, canary

        def condition_cycle(canary):
            c = threading.Condition()
            c.self, c.canary = c, canary

        for cycle in (queue_cycle, future_cycle, callback_cycle, event_cycle, condition_cycle):
            with self.subTest(cycle.__name__):
                canary = Canary()
                ref = weakref.ref(canary)
                cycle(canary)
                del canary
                gc.collect()
                self.assertIsNone(ref())

    def test_weak_references(self):
        for cls in (
            threading.Lock, threading.RLock, threading.Condition, threading.Event, threading.Semaphore,
            queue.Queue, queue.SimpleQueue, Future,
        ):
            thing = cls()
            ref = weakref.ref(thing)
            self.assertIs(ref(), thing)
            del thing
            self.assertIsNone(ref())

    def test_subclass_without_init(self):
        class Bare(threading.Condition):
            def __init__(self):
                pass

        with Bare() as condition:
            self.assertTrue(condition is True)
        self.assertFalse(Bare()._is_owned())

    def test_reentrant_put_from_a_destructor(self):
        q = queue.SimpleQueue()

        class Putter:
            def __del__(self):
                q.put("deleted")

        for _ in range(100):
            q.put(Putter())
            q.get()
            self.assertEqual(q.get(timeout=FOREVER), "deleted")

    def test_subinterpreters_are_refused(self):
        try:
            import _interpreters as interpreters
        except ImportError:
            import _xxsubinterpreters as interpreters
        # The interpreter itself refuses the module since Python 3.12. What run_string does with an exception differs.
        code = f"""
import sys
sys.path[:] = {sys.path!r}
try:
    import thrum
except ImportError as error:
    assert "main interpreter" in str(error) or "does not support loading in subinterpreters" in str(error), error
else:
    raise AssertionError("a subinterpreter has imported it")
"""
        other = interpreters.create()
        try:
            self.assertIsNone(interpreters.run_string(other, code))
        finally:
            interpreters.destroy(other)


if __name__ == "__main__":
    unittest.main()
