"""Put thrum in the place of the standard modules."""

__all__ = ["install"]


def install():
    """Replace names in threading, queue and concurrent.futures by those of thrum.

    The modules stay what they are; only names in them change. So code that has imported a module
    gets the new classes from then on, and the interpreter finds what it needs at its end. Objects
    that exist already, and names that were imported one by one, stay as they were and work beside
    the new ones.
    """
    import concurrent.futures
    import concurrent.futures._base
    import concurrent.futures.thread
    import contextlib
    import queue
    import threading

    from thrum import futures as our_futures
    from thrum import queue as our_queue
    from thrum import threading as our_threading

    with contextlib.suppress(ImportError):
        import concurrent.futures.interpreter  # Python 3.14; needs the standard ThreadPoolExecutor as its base

    replaced = {
        threading: (
            our_threading,
            ("Lock", "RLock", "Condition", "Semaphore", "BoundedSemaphore", "Event", "Barrier"),
        ),
        queue: (our_queue, ("Queue", "LifoQueue", "PriorityQueue", "SimpleQueue", "ShutDown")),
        concurrent.futures: (
            our_futures,
            ("Future", "ThreadPoolExecutor", "wait", "as_completed"),
        ),
        concurrent.futures._base: (our_futures, ("Future", "wait", "as_completed")),
        concurrent.futures.thread: (our_futures, ("ThreadPoolExecutor",)),
    }
    for module, (ours, names) in replaced.items():
        for name in names:
            setattr(module, name, getattr(ours, name))
