"""The programs in the documents run."""

import glob
import os
import re
import subprocess
import sys
import unittest

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..")


class DocsTest(unittest.TestCase):
    def test_each_block_runs(self):
        count = 0
        for path in glob.glob(os.path.join(TOP, "docs", "*.md")):
            with open(path) as file:
                blocks = re.findall(r"^```python\n(.*?)^```$", file.read(), re.M | re.S)
            for number, block in enumerate(blocks, 1):
                with self.subTest(f"{os.path.basename(path)}:{number}"):
                    count += 1
                    done = subprocess.run([sys.executable, "-c", block], capture_output=True, text=True, timeout=600)
                    self.assertEqual((done.stderr, done.returncode), ("", 0))
                    self.assertNotEqual(done.stdout, "")
        self.assertGreater(count, 4)

    def test_texts_of_help(self):
        from thrum import futures, queue, threading

        for module in (threading, queue, futures):
            self.assertTrue(module.__doc__)
            for name in module.__all__:
                thing = getattr(module, name)
                if isinstance(thing, type) and name not in ("ProcessPoolExecutor", "BrokenBarrierError"):
                    self.assertTrue(thing.__doc__, name)
        for method in ("put", "get", "join", "task_done", "shutdown", "aget", "aput"):
            self.assertTrue(getattr(queue.Queue, method).__doc__, method)


if __name__ == "__main__":
    unittest.main()
