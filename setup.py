"""What pyproject.toml cannot say: the contracts go into the wheel, and the engine can be compiled.

`schemas/` goes into the wheel as `stream_app/schemas`. With STREAM_APP_COMPILE=1 the engine's modules, and those of the
worker that take events, are compiled by mypyc (which must be installed), from the same sources that run uncompiled:
several times as fast, the same results.
"""

import os
import shutil
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_py import build_py

# Left out: what only runs when a model is read (engine/model), the messages' structs, and `explain`; of the worker what
# is not on every event's way.
ENGINE = """
    accounts admission calendar conditions decay derived encoding forecast held identity known_scanners ladder_conditions
    ladders live machines merging moment plan published scoring search seen sifted_encoding sifting
    state sweeps times view
    rules/base rules/facts rules/silence rules/sums rules/windows
    trackers/base trackers/data trackers/earliest trackers/latest trackers/series
"""
WORKER = """
    entries leads linking outbox partition register shelf wheel
"""
COMPILED = [f"stream_app/engine/{name}.py" for name in ENGINE.split()] + [
    f"stream_app/runtime/{name}.py" for name in ("account", "documents", "lead")
]
COMPILED += [f"stream_app/worker/{name}.py" for name in WORKER.split()]


class BuildWithContracts(build_py):
    """A working tree and an editable installation read `schemas/` itself (see `stream_app.topics.schemas_folder`)."""

    def run(self) -> None:
        """Build as usual, then add the contracts."""
        super().run()
        if not self.editable_mode:
            target = Path(self.build_lib) / "stream_app" / "schemas"
            target.mkdir(parents=True, exist_ok=True)
            for file in sorted(Path("schemas").glob("*.*")):
                shutil.copy(file, target)


def extensions() -> list[Extension]:
    """The compiled modules, where they are asked for."""
    if os.environ.get("STREAM_APP_COMPILE") != "1":
        return []
    from mypyc.build import mypycify

    return mypycify(["--strict", "--follow-imports=silent", *COMPILED], opt_level="3")


setup(cmdclass={"build_py": BuildWithContracts}, ext_modules=extensions())
