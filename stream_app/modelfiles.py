"""Where models come from: a file, or a ready model by its name."""

from importlib import resources
from pathlib import Path
from typing import Final

from stream_app.engine.model.load import load_model
from stream_app.engine.model.problems import ModelError
from stream_app.engine.model.types import Model
from stream_app.errors import KnownError

DEFAULT_MODEL: Final = "b2b-saas"
MAX_FILE: Final = 4 << 20


def ready_models() -> list[str]:
    """The names of the models that come with the program."""
    found = resources.files("stream_app").joinpath("models").iterdir()
    return sorted(
        entry.name.removesuffix(".yaml")
        for entry in found
        if entry.name.endswith(".yaml") and not entry.name.endswith(".scenarios.yaml")
    )


def model_text(given: str) -> tuple[str, str]:
    """A model's text and its name in messages, from a path, or from the name of a ready model.

    Raises `KnownError` where there is no such file or name, or the file is too large or no UTF-8.
    """
    path = Path(given)
    try:
        if path.is_file():
            if path.stat().st_size > MAX_FILE:
                raise KnownError(f"{given}: larger than {MAX_FILE} bytes: not a model")
            return path.read_text(encoding="utf-8"), given
    except UnicodeDecodeError as error:
        raise KnownError(f"{given}: not UTF-8 at byte {error.start}") from None
    except OSError as error:
        raise KnownError(f"{given}: {error.strerror}") from None
    if given in ready_models():
        entry = resources.files("stream_app").joinpath("models", f"{given}.yaml")
        return entry.read_text(encoding="utf-8"), given
    raise KnownError(f"{given}: no such file, and no ready model of that name; there are {', '.join(ready_models())}")


def read_model(given: str) -> Model:
    """The model at a path or of a ready model's name. Raises `KnownError` with every problem, one a line."""
    text, source = model_text(given)
    try:
        return load_model(text, source)
    except ModelError as error:
        raise KnownError(str(error)) from None
