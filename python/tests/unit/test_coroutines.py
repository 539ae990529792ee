"""Coroutines that wait in objects which threads use as well: whose turn it is, and what a wake costs."""

import asyncio
import os
import signal
import threading as standard
import unittest

from thrum import queue, threading

FOREVER = 60


def run(coroutine):
    asyncio.run(asyncio.wait_for(coroutine, FOREVER))


async def waiting(coroutine):
    """A task that waits in an object."""
    task = asyncio.create_task(coroutine)
    await asyncio.sleep(0)
    return task


def with_one_unit():
    return threading.Lock(), threading.Semaphore(1), threading.BoundedSemaphore(1)


class TurnTest(unittest.TestCase):
    def test_coroutines_take_turns(self):
        async def main(shared):
            turns = []

            async def work(name):
                for _ in range(3):
                    async with shared:
                        turns.append(name)
                        await asyncio.sleep(0)

            await asyncio.gather(work("a"), work("b"))
            self.assertEqual(turns, ["a", "b"] * 3)

        for shared in with_one_unit():
            with self.subTest(shared):
                run(main(shared))

    def test_permits_beyond_the_offers_are_free(self):
        async def main():
            semaphore = threading.Semaphore(0)
            waiter = await waiting(semaphore.aacquire())
            semaphore.release(2)
            await semaphore.aacquire()
            self.assertFalse(waiter.done())
            await waiter

        run(main())

    def test_thread_of_the_loop_may_acquire_what_was_offered(self):
        # The coroutine that was woken cannot run before: a wait for it would never end.
        async def main(shared):
            await shared.aacquire()
            waiter = await waiting(shared.aacquire())
            shared.release()
            self.assertTrue(shared.acquire(False))
            shared.release()
            await waiter

        for shared in with_one_unit():
            with self.subTest(shared):
                run(main(shared))

    def test_coroutine_that_a_thread_overtook_stays_first(self):
        async def main(shared):
            turns = []

            async def work(name):
                await shared.aacquire()
                turns.append(name)

            await shared.aacquire()
            first = await waiting(work("first"))
            second = await waiting(work("second"))
            shared.release()
            shared.acquire(False)
            await asyncio.sleep(0)
            self.assertEqual(turns, [])
            shared.release()
            await first
            shared.release()
            await second
            self.assertEqual(turns, ["first", "second"])

        for shared in with_one_unit():
            with self.subTest(shared):
                run(main(shared))

    def test_cancelled_coroutine_does_not_keep_its_turn(self):
        async def main(shared):
            await shared.aacquire()
            waiter = await waiting(shared.aacquire())
            shared.release()
            waiter.cancel()
            other = asyncio.create_task(shared.aacquire())
            self.assertTrue(await other)

        for shared in with_one_unit():
            with self.subTest(shared):
                run(main(shared))

    def test_closed_loop_does_not_keep_its_turn(self):
        for shared in with_one_unit():
            with self.subTest(shared):
                shared.acquire()
                loop = asyncio.new_event_loop()
                task = loop.create_task(shared.aacquire())
                loop.run_until_complete(asyncio.sleep(0))
                loop.close()
                shared.release()
                run(shared.aacquire())
                task._log_destroy_pending = False

    def test_turn_of_the_parent_process_does_not_count_in_a_child(self):
        def child():
            thread = standard.Thread(target=lambda: run(shared.aacquire()))
            thread.start()
            thread.join()
            os._exit(0 if shared.acquire(False) is False else 1)

        async def main():
            await shared.aacquire()
            waiter = await waiting(shared.aacquire())
            shared.release()
            pid = os.fork()
            if pid == 0:
                child()
            self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)
            await waiter

        for shared in with_one_unit():
            with self.subTest(shared):
                run(main())


class WakeTest(unittest.TestCase):
    def test_wake_by_a_task_of_the_loop_takes_one_turn(self):
        async def main():
            loop = asyncio.get_running_loop()
            loop.call_soon_threadsafe = None  # it would write to a pipe
            items, event, semaphore = queue.Queue(), threading.Event(), threading.Semaphore(0)
            for wait, wake in (
                (items.aget, lambda: items.put_nowait(1)),
                (event.await_, event.set),
                (semaphore.aacquire, semaphore.release),
            ):
                waiter = await waiting(wait())
                wake()
                await asyncio.sleep(0)
                self.assertTrue(waiter.done())
                await waiter
            del loop.call_soon_threadsafe

        run(main())

    def test_signal_handler_wakes_a_loop_that_sleeps(self):
        async def main():
            event = threading.Event()
            signal.signal(signal.SIGALRM, lambda *_: event.set())
            signal.setitimer(signal.ITIMER_REAL, 0.02)
            await event.await_()

        old = signal.getsignal(signal.SIGALRM)
        try:
            run(main())
        finally:
            signal.signal(signal.SIGALRM, old)
