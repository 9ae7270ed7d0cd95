"""Facts as conditions look them up (scoring.md section 3): derived ones, then the lead's, then its account's.

Derived facts are computed when one is first asked for, as most events ask for none.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from stream_app.engine.derived import DERIVED_FACTS, derived_facts
from stream_app.engine.state import Cell

_DERIVED = frozenset(DERIVED_FACTS)
_NOTHING: dict[str, Any] = {}


class View(Mapping[str, Any]):
    """The facts of a subject at the time it was made. `account` holds what is seen of the account, already named."""

    def __init__(self, facts: dict[str, Cell], email: str | None, account: Mapping[str, Any] = _NOTHING) -> None:
        self._facts = facts
        self._email = email
        self._account = account
        self._derived: dict[str, Any] | None = None

    def sees(self, account: Mapping[str, Any]) -> bool:
        """Whether this is what it sees of the account."""
        return self._account == account

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a name, `default` where there is none."""
        value = self._derive().get(name) if name in _DERIVED else None
        if value is None:
            cell = self._facts.get(name)
            value = cell[2] if cell is not None else None
            if value is None:
                value = self._account.get(name)
        return default if value is None else value

    def __getitem__(self, name: str) -> Any:
        value = self.get(name)
        if value is None:
            raise KeyError(name)
        return value

    def __iter__(self) -> Iterator[str]:
        return iter({**self._account, **self._facts, **self._derive()})

    def __len__(self) -> int:
        return len({**self._account, **self._facts, **self._derive()})

    def _derive(self) -> dict[str, Any]:
        if self._derived is None:
            own = {name: cell[2] for name, cell in self._facts.items()}
            self._derived = dict(derived_facts(self._email, own))
        return self._derived
