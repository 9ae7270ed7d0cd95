"""Derived facts (scoring.md section 3)."""

import pytest

from stream_app.engine.derived import DERIVED_FACTS, derived_facts, email_domain, is_free_mail, keyboard_run


@pytest.mark.parametrize(
    ("text", "run"),
    [
        ("asdf", 4),
        ("qwer", 4),
        ("asd", 0),
        ("liberty", 0),
        ("property", 0),
        ("poiu", 4),
        ("ASDFGH", 6),
        ("qwertyuiop", 10),
        ("asdfdsa", 4),
        ("asdfx", 4),
        ("asdfxx", 0),
        ("Acme asdf", 4),
        ("asdf1234", 4),
        ("株式会社", 0),
        ("", 0),
    ],
)
def test_keyboard_runs(text: str, run: int) -> None:
    """S145: four letters in a row of the keyboard, in a word of which they are at least 80 %; "asd" is none."""
    assert keyboard_run(text) == run


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("first_name", "john", True),
        ("first_name", "John", False),
        ("last_name", "smith", True),
        ("last_name", "Ünal", False),
        ("last_name", "élan", True),
        ("company", "acme", True),
        ("company", "株式会社", False),
        ("company", "3m", False),
        ("company", " acme", True),
        ("first_name", "", False),
        ("first_name", 5, False),
        ("first_name", ["bob"], False),
    ],
)
def test_capitals(field: str, value: object, expected: bool) -> None:
    """S142, S143, S144: each name by itself; a letter of a script without case is never "not capitalised"."""
    derived = derived_facts(None, {field: value})
    assert derived[f"{field}_not_capitalised"] is expected
    assert sum(value is True for value in derived.values()) == int(expected)


def test_no_email_no_domain() -> None:
    """`email_domain` and `free_mail` are absent without an e-mail; the others are always there."""
    assert set(derived_facts(None, {})) == set(DERIVED_FACTS) - {"email_domain", "free_mail"}
    assert set(derived_facts("a@b.example", {})) == set(DERIVED_FACTS)
    assert derived_facts("a@b.example", {})["free_mail"] is False
    assert "email_domain" not in derived_facts("no-at", {})


@pytest.mark.parametrize(
    "domain",
    ["gmail.com", "googlemail.com", "yahoo.com", "yahoo.co.uk", "yahoo.com.br", "yahoo.de", "yahoo.co.zz", "ymail.com"],
)
def test_free_mail(domain: str) -> None:
    """S147, S148, S429, S430: Gmail under both names and Yahoo in every country."""
    assert is_free_mail(domain)
    assert derived_facts(f" Ann@{domain.upper()}", {})["free_mail"] is True


@pytest.mark.parametrize("domain", ["acme.example", "yahoo.evil.com", "notyahoo.com", "mail.yahoo.com.acme.example"])
def test_company_mail(domain: str) -> None:
    """A company's own domain is no free mail."""
    assert not is_free_mail(domain)


def test_domains_are_normalised() -> None:
    """Trimmed, lower-cased, what follows the last `@`."""
    assert email_domain(' "a@b"@Mail.ACME.example. ') == "mail.acme.example"
    assert email_domain("a@") is None


def test_hostile_values_cost_little() -> None:
    """A field of a megabyte is looked at only so far."""
    assert keyboard_run("asdf") == 4
    assert derived_facts("@" * 10_000, {"company": "qwerty" * 200_000})["keyboard_run"] == 6
