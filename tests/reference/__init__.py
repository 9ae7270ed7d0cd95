"""A deliberately naive implementation of the scoring specification: keeps everything, recomputes from nothing.

It shares no code with the engine, so that the two can be compared (see README.md here).
"""

from tests.reference.comparing import compare
from tests.reference.replaying import Result, replay

__all__ = ["Result", "compare", "replay"]
