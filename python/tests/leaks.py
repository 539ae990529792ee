"""Find references that leak, with a debug interpreter.

    leaks.py [--rounds N] [--cpython] [PATTERN...]

Each class of the unit tests, or with --cpython each class of CPython's own tests that cpython.py runs, runs many
times. The interpreter counts all references; the count must not grow from round to round. Patterns choose tests by
their whole names, such as "test.test_queue.*".

Many of CPython's tests wait for time to pass and fail on a busy machine. A round with a failure does not count, because
a failure keeps references, and runs again; a class with more than MOST_FAILURES such rounds fails.
"""

import array
import collections
import doctest
import fnmatch
import gc
import os
import signal
import sys
import threading
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "unit"))
sys.path.insert(0, HERE)

UNIT = ("test_waits", "test_futures", "test_coroutines")
WARM_UP = 4
MOST_FAILURES = 20
# Parts of names. The first four start other interpreters, which count for themselves. The last is a class of the standard
# library, whose tests take minutes.
EXCLUDED = ("exit_", "subinterpreters", "RunTest", "thread_leak", "fork", "ProcessPool")


def by_class(tests):
    """The names of the methods, by class."""
    classes = collections.defaultdict(list)
    for test in tests:
        if not isinstance(test, doctest.DocTestCase) and not any(word in test.id() for word in EXCLUDED):
            classes[type(test)].append(test._testMethodName)
    return classes


def unit_tests(patterns):
    from cpython import flatten

    for test in flatten(unittest.defaultTestLoader.loadTestsFromNames(UNIT)):
        if any(fnmatch.fnmatchcase(test.id(), pattern) for pattern in patterns):
            yield test


def cpython_tests(patterns):
    import cpython
    import thrum

    signal.signal(signal.SIGINT, signal.default_int_handler)
    thrum.install()
    return cpython.choose(patterns)[0]


def run_class(cls, methods):
    """The text of the failures; empty if there are none."""
    with open(os.devnull, "w") as null:
        result = unittest.TextTestRunner(stream=null).run(unittest.TestSuite(map(cls, methods)))
    return "\n".join(text for _, text in result.errors + result.failures)


def references():
    for _ in range(3):
        gc.collect()
    return sys.gettotalrefcount()


def leaks_of(cls, methods, rounds):
    """The growth from round to round. None if the tests fail."""
    counts = array.array("q", [0] * rounds)  # a list would hold references itself
    failures = number = 0
    while number < rounds:
        text = run_class(cls, methods)
        for thread in threading.enumerate():
            if thread is not threading.current_thread() and not thread.daemon:
                thread.join()
        if text:
            failures += 1
            print(f"{cls.__module__}.{cls.__qualname__}: fails", text, sep="\n", flush=True)
            if failures > MOST_FAILURES:
                return None
            continue
        counts[number] = references()
        number += 1
    return [after - before for before, after in zip(counts[WARM_UP:], counts[WARM_UP + 1 :])]


def is_leak(deltas):
    """A leak is there in nearly each round; the interpreter's own caches are not."""
    return sum(delta > 0 for delta in deltas) > len(deltas) * 0.7 and sum(deltas) >= len(deltas)


def main(arguments):
    if not hasattr(sys, "gettotalrefcount"):
        sys.exit("leaks.py: this is no debug interpreter")
    rounds = 12
    if "--rounds" in arguments:
        place = arguments.index("--rounds")
        rounds = int(arguments[place + 1])
        del arguments[place : place + 2]
    patterns = [a for a in arguments if not a.startswith("-")] or ["*"]
    tests = by_class((cpython_tests if "--cpython" in arguments else unit_tests)(patterns))
    if not tests:
        sys.exit(f"leaks.py: no test matches {' '.join(patterns)}")
    flat = leaking = failing = 0
    for cls, methods in tests.items():
        deltas = leaks_of(cls, methods, rounds)
        failing += deltas is None
        leaking += deltas is not None and is_leak(deltas)
        flat += deltas is not None and not is_leak(deltas)
        if deltas is not None:
            word = "LEAK" if is_leak(deltas) else "ok  "
            print(f"{word} {cls.__module__}.{cls.__qualname__}, {len(methods)} tests: {deltas}", flush=True)
    print(f"{flat} classes without leaks, {leaking} with, {failing} fail")
    sys.exit(leaking + failing > 0)


if __name__ == "__main__":
    main(sys.argv[1:])
