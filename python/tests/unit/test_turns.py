"""Waits in which each wake counts, for queues that have a mutex.

A release of the mutex may let others in where sections are suspended: see extension.h. A wake that is lost there ends in Empty.
"""

import unittest

from thrum import queue, threading

FOREVER = 60
ROUNDS = 200


class TurnsTest(unittest.TestCase):
    def test_put_meets_a_getter_that_goes_to_sleep(self):
        here, there = queue.PriorityQueue(), queue.PriorityQueue()

        def answer():
            for _ in range(ROUNDS):
                here.put(there.get(timeout=FOREVER))

        thread = threading.Thread(target=answer)
        thread.start()
        for number in range(ROUNDS):
            there.put(number)
            self.assertEqual(here.get(timeout=FOREVER), number)
        thread.join()

    def test_put_meets_a_getter_that_has_its_item(self):
        items, answers = queue.PriorityQueue(), queue.SimpleQueue()
        both = threading.Barrier(2)

        def answer():
            for _ in range(ROUNDS):
                answers.put(items.get(timeout=FOREVER))
                both.wait(FOREVER)  # each takes one of the two

        threads = [threading.Thread(target=answer) for _ in range(2)]
        for thread in threads:
            thread.start()
        for number in range(ROUNDS):
            items.put(number)
            items.put(number)
            self.assertEqual([answers.get(timeout=FOREVER) for _ in range(2)], [number, number])
        for thread in threads:
            thread.join()


if __name__ == "__main__":
    unittest.main()
