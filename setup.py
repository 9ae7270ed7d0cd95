"""What pyproject.toml cannot say: the contracts in `schemas/` go into the wheel, as `stream_app/schemas`."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


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


setup(cmdclass={"build_py": BuildWithContracts})
