"""Models by name or path: the ready ones that ship with the package, and files."""

import sys
from collections.abc import Callable
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from stream_app.engine.model.document import MAX_BYTES, line_of, parse_document
from stream_app.engine.model.load import load_model
from stream_app.engine.model.problems import ModelError, Problem
from stream_app.engine.model.types import Model
from stream_app.errors import KnownError

DEFAULT_MODEL = "b2b-saas"
_SCENARIOS = ".scenarios"
_SUFFIXES = (".yaml", ".yml", ".json")


class InvalidModel(KnownError):
    """A model that can't be used. `problems` holds all that is wrong; the message names the first."""

    def __init__(self, reference: str, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        more = f" (and {len(problems) - 1} more: stream-app model validate {reference})" if len(problems) > 1 else ""
        super().__init__(f"{problems[0]}{more}")


def ready_models() -> list[str]:
    """The names of the models that ship with the package, the default first."""
    names = {entry.name.removesuffix(".yaml") for entry in _ready().iterdir() if entry.name.endswith(".yaml")}
    found = sorted(name for name in names if not name.endswith(_SCENARIOS))
    return sorted(found, key=lambda name: name != DEFAULT_MODEL)


def read_model(reference: str = DEFAULT_MODEL) -> Model:
    """The model of a path, of a ready model's name, or of standard input (`-`).

    Raises `InvalidModel` (with every problem) for a model that can't be used, `KnownError` where there is none.
    """
    text, source = model_text(reference)
    try:
        return load_model(text, source)
    except ModelError as error:
        raise InvalidModel(reference, error.problems) from error


def read_located_model(reference: str) -> tuple[Model, Callable[[str], int]]:
    """The same, and a function from a path such as `rules[3]` to the line it stands on."""
    text, source = model_text(reference)
    try:
        model = load_model(text, source)
        root = parse_document(text, source)
    except ModelError as error:
        raise InvalidModel(reference, error.problems) from error
    return model, lambda path: line_of(root, path)


def is_known(reference: str) -> bool:
    """Whether a reference names a file, standard input or a ready model."""
    return reference == "-" or Path(reference).exists() or reference in ready_models()


def model_text(reference: str) -> tuple[str, str]:
    """The text of a model and the name to give it in messages. Raises `KnownError` where there is none."""
    if reference == "-":
        return _decoded(sys.stdin.buffer.read(MAX_BYTES + 1), "<stdin>"), "<stdin>"
    path = Path(reference)
    if path.is_file():
        return read_text(path), reference
    ready = _ready().joinpath(f"{reference}.yaml")
    if _is_name(reference) and ready.is_file():
        return ready.read_text(encoding="utf-8"), f"{reference}.yaml"
    known = ", ".join(ready_models())
    raise KnownError(f"{reference}: no such file, and no ready model of that name (there are {known})")


def scenarios_text(reference: str) -> tuple[str, str] | None:
    """The text and name of the scenarios that stand beside a model (`M.scenarios.yaml`); None if there are none."""
    path = Path(reference)
    if path.is_file():
        beside = path.with_name(f"{_stem(path)}{_SCENARIOS}.yaml")
        return (read_text(beside), str(beside)) if beside.is_file() else None
    ready = _ready().joinpath(f"{reference}{_SCENARIOS}.yaml")
    if _is_name(reference) and ready.is_file():
        return ready.read_text(encoding="utf-8"), ready.name
    return None


def read_text(path: Path) -> str:
    """A file's text, bounded. Raises `KnownError`."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise KnownError(f"{path}: {error.strerror or error}") from error
    return _decoded(raw, str(path))


def _decoded(raw: bytes, source: str) -> str:
    if len(raw) > MAX_BYTES:
        raise KnownError(f"{source}: larger than {MAX_BYTES} bytes")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise KnownError(f"{source}: not UTF-8 at byte {error.start}") from error


def _stem(path: Path) -> str:
    name = path.name
    return next((name.removesuffix(suffix) for suffix in _SUFFIXES if name.endswith(suffix)), name)


def _is_name(reference: str) -> bool:
    return "/" not in reference and "\\" not in reference and not reference.startswith(".")


def _ready() -> Traversable:
    return files("stream_app").joinpath("models")
