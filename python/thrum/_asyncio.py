"""Waits of coroutines for objects that threads use as well.

A coroutine listens to the object, tries the operation without waiting, and sleeps until the object
calls it. It listens before it tries, so no wake is lost. A wake that it cannot use, because it was
cancelled, goes to the next waiter; one that it used goes on too, as there may be more to take. A
wake that brought nothing ends here: otherwise two coroutines could wake each other for ever.
"""

import asyncio
from functools import partial

__all__ = ["add_async_methods", "until"]


def _wake(waiter):
    if not waiter.done():
        waiter.set_result(None)


async def until(attempt, listen):
    """Call attempt() until it returns (True, value), and return the value.

    listen(callback) must make the callback be called once when it is worth trying again.
    """
    loop = asyncio.get_running_loop()
    while True:
        waiter = loop.create_future()
        listener = listen(partial(loop.call_soon_threadsafe, _wake, waiter))
        pass_on = True
        try:
            done, value = attempt()
            if done:
                return value
            await waiter
            pass_on = False
        finally:
            listener.close(pass_on)


async def _aacquire(self):
    """Acquire it: acquire() for coroutines."""
    if self.acquire(False):
        return True
    return await until(lambda: (self.acquire(False), True), self._listen)


async def _await_event(self):
    """Wait until the event is set: wait() for coroutines."""
    if self.is_set():
        return True
    # What woke the waiter counts, even if the event has been cleared since.
    loop = asyncio.get_running_loop()
    waiter = loop.create_future()
    listener = self._listen(partial(loop.call_soon_threadsafe, _wake, waiter))
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
