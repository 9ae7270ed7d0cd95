"""What people do in the simulation: each plot is one kind of lead, told as steps in the order of their times.

The rule: a plot draws from its own dice alone, so that nobody's life depends on how many others there are.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Final

from stream_app.local.cast import Company

MINUTE: Final = 60_000
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

Properties = dict[str, str | int | float | bool]


@dataclass(frozen=True, slots=True)
class Step:
    """Something that happens at a time (ms since the story began). `form`: the lead's facts are told with it.

    A `stage_set` carries the `outcome` it follows from; which ladder and stage that means is the model's to say.
    """

    at: int
    channel: str
    type: str
    properties: Properties = field(default_factory=dict)
    form: bool = False


Plot = Callable[[Random, int], Iterator[Step]]
"""Dice and the time at which the person appears."""

_BLOG: Final = ("/", "/blog/what-is-scoring", "/blog/decay", "/product", "/customers", "/docs/start", "/about")
_SOCIAL: Final = ("like", "like", "share", "comment", "mention", "click")
_OWNERS: Final = ("dana", "kim", "robin", "sasha")


def passer_by(rng: Random, at: int) -> Iterator[Step]:
    """Looks round once or twice, and is gone."""
    for _ in range(rng.randint(1, 3)):
        for step in _visit(rng, at, pricing=0.1):
            yield step
        at = step.at + _days(rng, 1, 4)


def shopper(rng: Random, at: int) -> Iterator[Step]:
    """All over the site for a day or two, and never seen again: what decay is for."""
    yield Step(at + 10 * MINUTE, "web", "form_submitted", {"form": "newsletter"}, form=True)
    for _ in range(rng.randint(1, 2)):
        yield from _visit(rng, at + 20 * MINUTE, pricing=1.0)
        yield from _visit(rng, at + 3 * HOUR, pricing=0.5)
        yield _download(rng, at + 4 * HOUR)
        yield from _mail(rng, at + 5 * HOUR, "n1", opens=0.9, clicks=0.8)
        at += DAY


def reader(rng: Random, at: int) -> Iterator[Step]:
    """Downloads a paper, reads the mails that follow, goes quiet; some come back, some have had enough."""
    yield from _visit(rng, at, pricing=0.3)
    at += 20 * MINUTE
    yield Step(at, "web", "form_submitted", {"form": "whitepaper"}, form=True)
    yield _download(rng, at + MINUTE)
    for number in range(1, 6):
        at += _days(rng, 1.5, 3.5)
        yield from _mail(rng, at, f"n{number}", opens=0.75, clicks=0.45)
        at += 6 * HOUR
        if rng.random() < 0.06:
            yield Step(at, "email", "unsubscribe", {"email_id": f"n{number}"})
            return
        if rng.random() < 0.5:
            yield from _visit(rng, at + HOUR, pricing=0.35)
            at += 2 * HOUR
    if rng.random() < 0.4:
        at += _days(rng, 14, 30)
        yield from _visit(rng, at, pricing=0.9)
        yield _download(rng, at + HOUR)
        yield Step(at + 2 * HOUR, "web", "free_trial_requested")


def buyer(rng: Random, at: int) -> Iterator[Step]:
    """Means it: prices, a demo, talks. Half of them buy; the others fall silent."""
    yield from _visit(rng, at, pricing=0.6)
    at += 30 * MINUTE
    yield Step(at, "web", "form_submitted", {"form": "contact"}, form=True)
    yield from _mail(rng, at + 2 * HOUR, "n1", opens=0.9, clicks=0.6)
    for _ in range(rng.randint(1, 3)):
        at += _days(rng, 0.7, 2.5)
        yield from _visit(rng, at, pricing=0.9)
        yield _download(rng, at + HOUR)
    at += _days(rng, 0.5, 2)
    yield Step(at, "web", "demo_requested", {"path": "/demo"})
    at += 3 * HOUR
    yield Step(at, "crm", "owner_set", {"owner": rng.choice(_OWNERS)})
    for _ in range(rng.randint(1, 4)):
        at += _days(rng, 1, 3)
        yield Step(at, "crm", "call", {"minutes": rng.randint(5, 45)})
        yield from _visit(rng, at + 5 * HOUR, pricing=0.5)
        at += 6 * HOUR
    at += _days(rng, 1, 4)
    if rng.random() < 0.5:
        yield from _customer(rng, at)
    elif rng.random() < 0.5:
        yield Step(at, "crm", "outcome", {"outcome": "lost"})
        yield Step(at + MINUTE, "crm", "stage_set", {"outcome": "lost", "reason": "chose another"})


def fan(rng: Random, at: int) -> Iterator[Step]:
    """Likes, shares, comes to webinars, writes reviews, sends friends."""
    yield from _visit(rng, at, pricing=0.2)
    yield Step(at + 30 * MINUTE, "web", "form_submitted", {"form": "community"}, form=True)
    for _ in range(rng.randint(6, 16)):
        at += _days(rng, 0.5, 3)
        yield Step(at, "social", rng.choice(_SOCIAL), {"network": rng.choice(("linkedin", "mastodon", "x"))})
        if rng.random() < 0.25:
            yield Step(at + HOUR, "web", "webinar_attended", {"title": "Scores that fade"})
        if rng.random() < 0.15:
            yield Step(at + 2 * HOUR, "web", "review_posted", {"rating": rng.randint(3, 5)})
        if rng.random() < 0.1:
            yield Step(at + 3 * HOUR, "web", "referral", {"site": "friends"})


def spammer(rng: Random, at: int) -> Iterator[Step]:
    """Fills in every form there is, within minutes, again and again."""
    for _ in range(rng.randint(1, 4)):
        yield Step(at, "web", "page_view", {"path": "/pricing", "dwell_seconds": 1})
        yield Step(at + MINUTE, "web", "form_submitted", {"form": "contact"}, form=True)
        yield Step(at + 2 * MINUTE, "web", "demo_requested", {"path": "/demo"})
        at += _days(rng, 0.5, 3)


CASTING: Final[tuple[tuple[Plot, float], ...]] = (
    (passer_by, 0.2),
    (shopper, 0.2),
    (reader, 0.26),
    (buyer, 0.14),
    (fan, 0.12),
    (spammer, 0.08),
)
"""The plots and how often each is played."""


def company_life(rng: Random, company: Company, at: int) -> Iterator[tuple[int, str, Properties]]:
    """What becomes known of a company, as time, type and properties: `identify` states its facts; some raise money."""
    yield at, "identify", {}
    while rng.random() < 0.35:
        at += _days(rng, 2, 25)
        yield at, "funding", {"round": rng.choice(("seed", "A", "B")), "amount": rng.randint(1, 60) * 1_000_000}


def _customer(rng: Random, at: int) -> Iterator[Step]:
    yield Step(at, "crm", "outcome", {"outcome": "won", "value": rng.randint(2, 60) * 1_000})
    yield Step(at + MINUTE, "crm", "stage_set", {"outcome": "won", "reason": "deal won"})
    for _ in range(rng.randint(2, 6)):
        at += _days(rng, 2, 6)
        yield Step(at, "product", "login")
        yield Step(at + HOUR, "product", "report_viewed", {"report": "pipeline"})
    if rng.random() < 0.5:
        yield Step(at + 2 * HOUR, "web", "review_posted", {"rating": rng.randint(3, 5)})


def _visit(rng: Random, at: int, *, pricing: float) -> Iterator[Step]:
    """A few pages, minutes apart; the prices among them with this probability."""
    paths = [rng.choice(_BLOG) for _ in range(rng.randint(1, 4))]
    if rng.random() < pricing:
        paths.append("/pricing")
    for path in paths:
        dwell = rng.randint(5, 90)
        yield Step(at, "web", "page_view", {"path": path, "dwell_seconds": dwell})
        at += dwell * 1_000


def _mail(rng: Random, at: int, email_id: str, *, opens: float, clicks: float) -> Iterator[Step]:
    yield Step(at, "email", "sent", {"email_id": email_id})
    if rng.random() < opens:
        at += rng.randint(1, 4 * 60) * MINUTE
        yield Step(at, "email", "open", {"email_id": email_id})
        if rng.random() < clicks:
            yield Step(at + MINUTE, "email", "click", {"email_id": email_id, "url": "/pricing"})


def _download(rng: Random, at: int) -> Step:
    kind = rng.choice(("whitepaper", "whitepaper", "checklist"))
    return Step(at, "web", "download", {"content_type": kind, "offer_id": f"o-{rng.randint(1, 6)}"})


def _days(rng: Random, least: float, most: float) -> int:
    return int(rng.uniform(least, most) * DAY)
