"""What lint finds in a model that is valid but perhaps not what its author means."""

from dataclasses import dataclass
from typing import Final, Literal

Level = Literal["error", "warning", "note"]
LEVELS: Final[tuple[Level, ...]] = ("error", "warning", "note")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing lint has to say. `code` names the check, `path` the place, such as `rules[3]`.

    An `error` makes the model useless in that place, a `warning` is probably not meant, a `note` is good to know.
    """

    level: Level
    code: str
    path: str
    message: str

    def as_json(self) -> dict[str, object]:
        """The same as a JSON object."""
        return {"level": self.level, "code": self.code, "path": self.path, "message": self.message}
