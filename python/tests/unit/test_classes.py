"""The objects belong to the classes of the standard library, and are made by nothing of these."""

import _thread
import concurrent.futures as standard_futures
import copy
import inspect
import pickle
import queue as standard_queue
import subprocess
import sys
import threading as standard
import types
import unittest
import weakref

from thrum import _thrum, futures, queue, threading

MAKERS = {
    "Barrier": lambda cls: cls(2),
    "Thread": lambda cls: cls(),
    "Timer": lambda cls: cls(1, print),
}
# Standard classes that are written in Python: those of thrum are subclasses.
SUBCLASSES = {
    standard: ("Condition", "Semaphore", "BoundedSemaphore", "Event", "Barrier", "Thread", "Timer"),
    standard_queue: ("Queue", "LifoQueue", "PriorityQueue"),
    standard_futures: ("Future", "ThreadPoolExecutor", "ProcessPoolExecutor"),
}
OURS = {standard: threading, standard_queue: queue, standard_futures: futures}
# Those that are written in C: objects of thrum name them as their __class__.
IN_C = (
    (threading.Lock, type(standard.Lock())),
    (threading.RLock, type(standard.RLock())),
    (queue.SimpleQueue, standard_queue.SimpleQueue),
)

# thrum takes these classes from the standard library, or only adds to them.
STANDARD = (threading.Thread, threading.Timer, futures.ProcessPoolExecutor)


def pairs():
    """Each class of thrum and the standard class of the same name."""
    for module, names in SUBCLASSES.items():
        for name in names:
            yield getattr(OURS[module], name), getattr(module, name)
    yield from IN_C


def make(ours, cls=None):
    """An object of a class of thrum, or of a subclass."""
    return MAKERS.get(ours.__name__, lambda cls: cls())(cls or ours)


def each(case, but=()):
    """Call case(ours, theirs) as a subtest of its own for each class."""
    for ours, theirs in pairs():
        if ours not in but:
            with case.__self__.subTest(ours.__name__):
                case(ours, theirs)


class ClassTest(unittest.TestCase):
    def test_object_belongs_to_the_standard_class(self):
        each(self.belongs)

    def belongs(self, ours, theirs):
        thing = make(ours)
        self.assertIsInstance(thing, theirs)
        self.assertIsInstance(thing, ours)
        self.assertIs(type(thing), ours)

    def test_object_belongs_to_no_other_class(self):
        each(self.belongs_to_no_other)

    def belongs_to_no_other(self, ours, theirs):
        thing = make(ours)
        for _, other in pairs():
            self.assertEqual(isinstance(thing, other), issubclass(theirs, other), other)

    def test_standard_object_is_none_of_thrum(self):
        for thing in (_thread.allocate_lock(), _thread.RLock(), standard_queue.SimpleQueue(), standard.Event()):
            for ours, _ in pairs():
                self.assertNotIsInstance(thing, ours)

    def test_object_of_a_subclass_names_its_own_class(self):
        each(self.subclass_names_itself)

    def subclass_names_itself(self, ours, theirs):
        mine = type("Mine", (ours,), {})
        thing = make(ours, mine)
        self.assertIs(thing.__class__, mine)
        self.assertIsInstance(thing, ours)
        self.assertEqual(isinstance(thing, theirs), issubclass(ours, theirs))

    def test_class_of_an_object_can_be_set(self):
        class First(threading.RLock):
            pass

        class Second(threading.RLock):
            pass

        lock = First()
        lock.__class__ = Second
        self.assertIs(type(lock), Second)
        self.assertIs(lock.__class__, Second)
        with self.assertRaises(TypeError):
            lock.__class__ = int
        with self.assertRaises(TypeError):
            del lock.__class__

    def test_parts_of_other_objects_belong_too(self):
        items = queue.Queue()
        for condition in (items.not_empty, items.not_full, items.all_tasks_done, futures.Future()._condition):
            self.assertIsInstance(condition, standard.Condition)
            self.assertIs(type(condition), threading.Condition)
        self.assertIsInstance(items.mutex, type(standard.Lock()))

    def test_fields_are_read_inside_the_section_of_their_object(self):
        # The interpreter reads a member without it: another thread may drop the value amid that.
        for cls in filter(lambda thing: isinstance(thing, type), vars(_thrum).values()):
            for name, attribute in vars(cls).items():
                if name not in ("__weaklistoffset__", "__dictoffset__"):
                    self.assertNotIsInstance(attribute, types.MemberDescriptorType, (cls, name))

    def test_limit_of_a_queue_may_be_a_float(self):
        for size, items in (1.3, 2), (2.0, 2), (float("inf"), 5), (float("nan"), 5), (-0.5, 5):
            for module in standard_queue, queue:
                full = module.Queue(size)
                for number in range(items):
                    full.put_nowait(number)
                self.assertEqual(full.full(), items < 5, (module, size))

    def test_no_public_method_of_the_standard_class_is_used(self):
        # It would look for fields of the standard class, which are not there.
        each(self.uses_no_public_method, but=STANDARD)

    def uses_no_public_method(self, ours, theirs):
        own = {name for cls in ours.__mro__ if cls not in theirs.__mro__ for name in vars(cls)}
        public = {name for cls in theirs.__mro__[:-1] for name in vars(cls) if not name.startswith("_")}
        self.assertEqual(public - own, set())


    def test_methods_in_c_belong_to_the_exact_class(self):
        # The interpreter calls these faster than inherited ones.
        for ours, name in (
            (threading.Condition, "notify"), (threading.Semaphore, "acquire"), (threading.BoundedSemaphore, "acquire"),
            (threading.Event, "wait"), (threading.Barrier, "wait"), (queue.Queue, "put"), (futures.Future, "result"),
            (futures.ThreadPoolExecutor, "submit"),
        ):
            self.assertIs(vars(ours)[name].__objclass__, ours)


class EffectTest(unittest.TestCase):
    """What a __class__ of its own, and a base that is not used, must not change."""

    def test_no_object_is_pickled_or_copied(self):
        each(self.refuses_copies, but=STANDARD)

    def refuses_copies(self, ours, _):
        thing = make(ours)
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            with self.assertRaises((TypeError, pickle.PicklingError)):
                pickle.dumps(thing, protocol)
        for duplicate in (copy.copy, copy.deepcopy):
            with self.assertRaises(TypeError):
                duplicate(thing)

    def test_objects_have_weak_references(self):
        each(self.has_weak_references)

    def has_weak_references(self, ours, _):
        thing = make(ours)
        reference = weakref.ref(thing)
        self.assertIs(reference(), thing)
        del thing
        self.assertIsNone(reference())

    def test_repr_is_that_of_the_standard_module(self):
        for thing in (threading.Semaphore(), threading.BoundedSemaphore(), threading.Event(), threading.Barrier(2)):
            self.assertRegex(repr(thing), rf"^<threading\.{type(thing).__name__} at 0x")
        self.assertRegex(repr(threading.Condition()), r"^<Condition\(<unlocked .*RLock object .*>, 0\)>$")

    def test_attributes_are_those_of_the_type(self):
        each(self.has_attributes_of_type)
        items = queue.SimpleQueue()
        items.note = 1
        self.assertIn("note", dir(items))

    def has_attributes_of_type(self, ours, _):
        self.assertLessEqual(set(dir(ours)), set(dir(make(ours))))

    def test_arguments_can_be_inspected(self):
        for name in ("Condition", "Semaphore", "BoundedSemaphore", "Barrier"):
            parameters = [list(inspect.signature(getattr(module, name)).parameters) for module in (threading, standard)]
            self.assertEqual(*parameters)


PROGRAM = """
import threading, queue, concurrent.futures as futures

def names():
    of_threading = (threading.Condition, threading.Semaphore, threading.BoundedSemaphore, threading.Event, threading.Barrier)
    of_queue = (queue.Queue, queue.LifoQueue, queue.PriorityQueue, queue.SimpleQueue)
    in_c = (type(threading.Lock()), type(threading.RLock()))
    return (*of_threading, *of_queue, *in_c, futures.Future, futures.ThreadPoolExecutor)

old = names()
INSTALL
for before, after in zip(old, names()):
    thing = after(2) if after is threading.Barrier else after()
    assert isinstance(thing, before) and isinstance(thing, after), after
    print(before is after)
"""


class ProgramTest(unittest.TestCase):
    def output(self, *arguments):
        done = subprocess.run([sys.executable, *arguments], stdout=subprocess.PIPE, text=True, check=True, timeout=60)
        return done.stdout.split()

    def test_program_that_imported_the_standard_classes(self):
        program = PROGRAM.replace("INSTALL", "import thrum; thrum.install()")
        self.assertEqual(self.output("-c", program), ["False"] * 13)

    def test_program_under_thrum(self):
        self.assertEqual(self.output("-m", "thrum", "-c", PROGRAM.replace("INSTALL", "")), ["True"] * 13)


if __name__ == "__main__":
    unittest.main()
