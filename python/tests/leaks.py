"""Find references that leak, with a debug interpreter: leaks.py [--rounds N] [PATTERN...]

Each class of the unit tests, and the classes of CPython's tests that match a pattern, runs many
times. The interpreter counts all references; the count must not grow from round to round.
"""

import array
import fnmatch
import gc
import importlib
import os
import sys
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "unit"))

UNIT = ("test_waits", "test_futures")
CPYTHON = ("test.test_threading", "test.test_queue")
WARM_UP = 4


def classes(names, patterns):
    for name in names:
        module = importlib.import_module(name)
        for key, value in sorted(vars(module).items()):
            if isinstance(value, type) and issubclass(value, unittest.TestCase) and value.__module__ == name:
                if any(fnmatch.fnmatch(f"{name}.{key}", pattern) for pattern in patterns):
                    yield value


def run_class(cls, excluded=()):
    suite = unittest.TestSuite(
        test
        for test in unittest.defaultTestLoader.loadTestsFromTestCase(cls)
        if not any(word in test.id() for word in excluded)
    )
    with open(os.devnull, "w") as null:
        result = unittest.TextTestRunner(stream=null).run(suite)
    if not result.wasSuccessful():
        print(f"{cls.__qualname__}: fails", *(text for _, text in result.errors + result.failures), sep="\n")
        sys.exit(1)


def references():
    for _ in range(3):
        gc.collect()
    return sys.gettotalrefcount()


def leaks_of(cls, rounds, excluded):
    counts = array.array("q", [0] * rounds)  # a list would hold references itself
    for number in range(rounds):
        run_class(cls, excluded)
        for thread in threading.enumerate():
            if thread is not threading.current_thread() and not thread.daemon:
                thread.join()
        counts[number] = references()
    return [after - before for before, after in zip(counts[WARM_UP:], counts[WARM_UP + 1 :])]


def main(arguments):
    if not hasattr(sys, "gettotalrefcount"):
        sys.exit("leaks.py: this is no debug interpreter")
    rounds = 12
    if "--rounds" in arguments:
        place = arguments.index("--rounds")
        rounds = int(arguments[place + 1])
        del arguments[place : place + 2]
    import thrum

    chosen = list(classes(UNIT, arguments or ["*"]))
    if arguments:
        thrum.install()
        chosen += classes(CPYTHON, arguments)
    bad = 0
    for cls in chosen:
        # Other processes count for themselves.
        deltas = leaks_of(cls, rounds, ("exit_", "subinterpreters", "RunTest", "thread_leak", "fork"))
        # A leak is there in nearly each round; the interpreter's own caches are not.
        leaking = sum(delta > 0 for delta in deltas) > len(deltas) * 0.7 and sum(deltas) >= len(deltas)
        bad += leaking
        print(f"{'LEAK' if leaking else 'ok  '} {cls.__module__}.{cls.__qualname__}: {deltas}", flush=True)
    print(f"{len(chosen) - bad} classes without leaks, {bad} with")
    sys.exit(bad > 0)


if __name__ == "__main__":
    main(sys.argv[1:])
