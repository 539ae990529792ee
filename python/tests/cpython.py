"""Run CPython's own tests, as they are installed, with thrum in place of the standard modules.

    cpython.py [--all] [-v] [PATTERN...]

Without --all, only the classes of SHORT run. What is left out stands in cpython_exclusions.txt, with
a reason; a line there that names no test is an error. Many of these tests sleep and expect that
others have come somewhere meanwhile, which a busy machine breaks. So a test that fails runs again,
alone, as CPython's own runner does it with -w, and is named; one that fails three times has failed.

The versions of CPython differ: a line of cpython_exclusions.txt may begin with the versions that have the test.
"""

import fnmatch
import importlib
import os
import re
import signal
import sys
import time
import unittest

import asyncio_names
import thrum

# The modules, and which of their tests concern what the package replaces.
MODULES = {
    "test.test_threading": ["*"],
    "test.test_threading_local": ["*"],
    "test.test_threadsignals": ["*"],
    "test.test_queue": ["*"],
    "test.test_sched": ["*"],
    "test.test_concurrent_futures": ["*"],
    "test.test_asyncio.test_futures": ["*"],
    "test.test_asyncio.test_threads": ["*"],
    "test.test_asyncio.test_runners": ["*"],
    "test.test_asyncio.test_tasks": ["*RunCoroutineThreadsafe*"],
    "test.test_asyncio.test_events": ["*_executor*", "*threadsafe*", "*thread"],
    "test.test_asyncio.test_base_events": ["*_executor*", "*thread*"],
    "test.test_asyncio.test_unix_events": ["*thread*", "*Thread*"],
}
# The same for the classes that asyncio_names.py replaces in these modules.
COROUTINE_MODULES = {
    "test.test_asyncio.test_locks": ["*"],
    "test.test_asyncio.test_queues": ["*"],
}
SHORT = (
    "test.test_threading.*",
    "test.test_threading_local.*",
    "test.test_threadsignals.*",
    "test.test_queue.*",
    "test.test_sched.*",
    "test.test_concurrent_futures*.FutureTests.*",
    "test.test_concurrent_futures*.ThreadPoolExecutorTest.*",
    "test.test_concurrent_futures*.ThreadPoolInitializerTest.*",
    "test.test_asyncio.*",
)
HERE = os.path.dirname(os.path.abspath(__file__))


def is_this(versions):
    """Whether this interpreter is among `versions`: "<3.13" or ">=3.13"."""
    sign, major, minor = re.fullmatch(r"(<|>=)(\d+)\.(\d+)", versions).groups()
    return (sys.version_info[:2] < (int(major), int(minor))) == (sign == "<")


def read_exclusions():
    """The patterns of tests that are left out."""
    patterns = []
    with open(os.path.join(HERE, "cpython_exclusions.txt")) as file:
        for line in file:
            line = line.strip()
            if line and not line.startswith("#"):
                pattern, _, reason = line.partition(": ")
                if not reason:
                    sys.exit(f"cpython.py: {pattern} is excluded without a reason")
                *versions, pattern = pattern.split()
                if all(map(is_this, versions)):
                    patterns.append(pattern)
    return patterns


def flatten(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from flatten(test)
        else:
            yield test


def failed_tests(result):
    """New objects for the tests that failed: a test case runs once."""
    failed = [test for test, _ in result.failures + result.errors] + result.unexpectedSuccesses
    tests = {test.id(): test for test in (getattr(test, "test_case", test) for test in failed)}  # not the subtests
    return [test if not hasattr(test, "_testMethodName") else type(test)(test._testMethodName) for test in tests.values()]


def choose(wanted):
    """The tests of CPython that match one of the patterns, and how many of them are left out."""
    exclusions = {pattern: 0 for pattern in read_exclusions()}
    chosen, excluded = [], 0
    modules = [(importlib.import_module(name), relevant) for name, relevant in MODULES.items()]
    modules += [(asyncio_names.load(name), relevant) for name, relevant in COROUTINE_MODULES.items()]
    for module, relevant in modules:
        for test in flatten(unittest.defaultTestLoader.loadTestsFromModule(module)):
            if not any(fnmatch.fnmatchcase(test.id(), pattern) for pattern in relevant):
                continue
            matching = [p for p in exclusions if fnmatch.fnmatchcase(test.id(), p)]
            for pattern in matching:
                exclusions[pattern] += 1
            if any(fnmatch.fnmatchcase(test.id(), pattern) for pattern in wanted):
                if matching:
                    excluded += 1
                else:
                    chosen.append(test)
    unused = [pattern for pattern, count in exclusions.items() if count == 0]
    if unused:
        sys.exit(f"cpython.py: excluded, but no test: {', '.join(unused)}")
    return chosen, excluded


def main(arguments):
    everything = "--all" in arguments
    verbose = 2 if "-v" in arguments else 1
    wanted = [a for a in arguments if not a.startswith("-")] or (["*"] if everything else SHORT)
    # In the background of a shell it is ignored; the tests want Python's handler.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    thrum.install()
    chosen, excluded = choose(wanted)
    begin = time.monotonic()
    runner = unittest.TextTestRunner(verbosity=verbose)
    result = runner.run(unittest.TestSuite(chosen))
    failed = failed_tests(result)
    for _ in range(2):
        if failed:
            print("again, because it may be the load:", *[test.id() for test in failed])
            failed = failed_tests(runner.run(unittest.TestSuite(failed)))
    print(
        f"{result.testsRun - len(failed) - len(result.skipped)} tests passed, {len(result.skipped)} skipped, "
        f"{excluded} excluded, {len(failed)} failed, {time.monotonic() - begin:.0f} s"
    )
    sys.exit(len(failed) > 0)


if __name__ == "__main__":
    main(sys.argv[1:])
