"""The collector looks at young objects only, and at all when asked. In a process of its own: its settings are global."""

import subprocess
import sys

PROGRAM = """
import gc, weakref
from stream_app.streaming.garbage import collect_everything, collect_young_only

class Node:
    def __init__(self) -> None:
        self.me = self

def make_young(number: int) -> list[list[int]]:
    return [[index] for index in range(number)]

collect_young_only()
frozen = gc.get_freeze_count()
kept = make_young(300_000)
print("survivors left alone:", gc.get_freeze_count() - frozen > 150_000)
node = Node()
young = weakref.ref(node)
del node
more = make_young(300_000)
print("young cycle gone:", young() is None)
old = Node()
still = make_young(300_000)
gone = weakref.ref(old)
del old
last = make_young(300_000)
print("old cycle there:", gone() is not None)
collect_everything()
print("old cycle gone:", gone() is None)
print("full collections by themselves:", gc.get_stats()[2]["collections"] > 3)
"""


def test_only_young_objects_are_looked_at_until_everything_is() -> None:
    ran = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout.splitlines() == [
        "survivors left alone: True",
        "young cycle gone: True",
        "old cycle there: True",
        "old cycle gone: True",
        "full collections by themselves: False",
    ]
