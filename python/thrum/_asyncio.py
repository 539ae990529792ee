"""Waits of coroutines for objects that threads use as well.

A coroutine listens to the object, tries the operation without waiting, and sleeps until the object
calls it. It listens before it tries, so no wake is lost. A wake that it cannot use, because it was
cancelled, goes to the next waiter; one that it used goes on too, as there may be more to take. A
wake that brought nothing ends here: otherwise two coroutines could wake each other for ever.

Coroutines get locks and permits in the order in which they asked for them, as from asyncio's own
objects. python/src/park.c has the rule (offers).
"""

import asyncio
from functools import partial

__all__ = ["add_async_methods", "until"]


def _wake(waiter):
    if not waiter.done():
        waiter.set_result(None)


def _notify(loop, waiter):
    """Wake a coroutine of `loop`.

    A task of the same loop does it directly. The loop looks for what is ready after each task, so it
    needs no write to its pipe. What interrupts the loop itself, such as a signal handler or a
    destructor, runs in no task: then the loop may be about to sleep. An exception makes the caller
    wake the next waiter: the loop is closed, or the coroutine was cancelled.
    """
    if asyncio._get_running_loop() is loop and asyncio.current_task(loop) is not None:
        waiter.set_result(None)
    else:
        loop.call_soon_threadsafe(_wake, waiter)


async def until(attempt, listen):
    """Call attempt(woken) until it returns (True, value), and return the value.

    listen(callback, woken) must make the callback be called once when it is worth trying again.
    `woken` is false at first, and true when the coroutine was woken, so that its turn has come.
    """
    loop = asyncio.get_running_loop()
    woken = False
    while True:
        waiter = loop.create_future()
        listener = listen(partial(_notify, loop, waiter), woken)
        pass_on = True
        try:
            done, value = attempt(woken)
            if done:
                return value
            await waiter
            pass_on = False
        finally:
            listener.close(pass_on)
        woken = True


async def _aacquire(self):
    """Acquire it: acquire() for coroutines."""
    if self._acquire_in_turn():
        return True

    def attempt(woken):
        return (self.acquire(False) if woken else self._acquire_in_turn()), True

    return await until(attempt, self._listen)


async def _await_event(self):
    """Wait until the event is set: wait() for coroutines."""
    if self.is_set():
        return True
    # What woke the waiter counts, even if the event has been cleared since.
    loop = asyncio.get_running_loop()
    waiter = loop.create_future()
    listener = self._listen(partial(_notify, loop, waiter))
    try:
        await waiter
    finally:
        listener.close(False)
    return True


async def _aenter(self):
    await self.aacquire()
    return True


async def _aexit(self, *exception):
    self.release()


def add_async_methods(cls, wait, release):
    """Give a type of the extension its methods for coroutines."""
    if release is None:
        cls.await_ = _await_event
    else:
        cls.aacquire = _aacquire
        cls.__aenter__ = _aenter
        cls.__aexit__ = _aexit
