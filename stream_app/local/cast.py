"""Who appears in the simulation: invented companies under `.example` (RFC 2606) and the people who work there, or don't."""

from dataclasses import dataclass
from random import Random
from typing import Final


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_COMPANIES: Final = _words(
    "Alderbrook Amberline Anvilworks Basalt Birchway Bluefin Brightpath Cedarpoint Cloudberry Cobaltic Copperleaf "
    "Driftwood Eastgate Emberly Fernhill Flintrock Foxglove Goldcrest Graniteer Harborlight Hazelnut Ironbark Juniper "
    "Kestrel Lakehouse Larkspur Lumenry Maplegrove Marlin Meadowlark Northwind Oakhurst Pinecone Quarrystone Redwood "
    "Silverfin Stonebridge Tidewater Umberfield Willowbank"
)
_FIRST: Final = _words(
    "Ada Alan Amira Ann Anton Beatriz Ben Carla Chen Clara Daniel Diego Elena Emil Fatima Felix Grace Hana Hugo Ida "
    "Ines Ivan Jana Jonas Kai Katya Lars Leila Lena Liam Lucia Marco Maria Mei Milan Mina Nadia Nils Nora Olga Omar "
    "Paul Pia Priya Rafael Rosa Ruth Sam Sara Sven Tara Theo Tom Uma Vera Viktor Wei Yara Yusuf Zoe"
)
_LAST: Final = _words(
    "Adler Ahmed Almeida Bauer Becker Brown Castro Chan Clarke Costa Cruz Dahl Diaz Dubois Ek Evans Falk Ferrari Fischer "
    "Garcia Gupta Haas Hansen Ito Jansen Jones Kaur Keller Khan Kim Kovacs Larsen Lee Lopez Marin Meyer Moreau Nagy "
    "Nielsen Novak Okafor Olsen Park Patel Petrov Quinn Reyes Rossi Santos Sato Schmidt Silva Singh Smith Tanaka Torres "
    "Vogel Wang Weber Young"
)
_MASHED: Final = ("asdf", "qwerty", "zxcvbn", "qwer", "asdfgh", "lkjh", "poiuy")
_JOBS: Final = (
    ("Chief Technology Officer", "Engineering"),
    ("Chief Marketing Officer", "Marketing"),
    ("CIO", "IT"),
    ("VP Sales", "Sales"),
    ("VP Operations", "Operations"),
    ("Head of Growth", "Marketing"),
    ("Marketing Manager", "Marketing"),
    ("Sales Manager", "Sales"),
    ("Data Analyst", "IT"),
    ("Software Engineer", "Engineering"),
    ("Office Manager", "Operations"),
    ("Consultant", "Finance"),
    ("Recruiter", "People"),
    ("Student", "Research"),
)
_INDUSTRIES: Final = ("software", "technology", "software", "retail", "manufacturing", "finance", "logistics", "media")
_COUNTRIES: Final = ("US", "US", "US", "CA", "GB", "GB", "DE", "FR", "IN")


@dataclass(frozen=True, slots=True)
class Company:
    """A company. `account_id` is its domain, so that an address says where somebody works."""

    account_id: str
    name: str
    industry: str
    employees: int
    growth: float

    @property
    def facts(self) -> dict[str, str | int | float]:
        """What is known of it, as account facts."""
        return {"name": self.name, "industry": self.industry, "employees": self.employees, "growth": self.growth}


@dataclass(frozen=True, slots=True)
class Person:
    """A lead. With a `user_id` every event carries it; without, the address is the key. `facts` are told in a form."""

    number: int
    email: str
    user_id: str | None
    company: Company | None
    facts: dict[str, str]


def make_company(rng: Random, number: int) -> Company:
    """The company of a number: the first forty have a name of their own."""
    round_, place = divmod(number, len(_COMPANIES))
    name = _COMPANIES[place] + (f" {round_ + 1}" if round_ else "")
    return Company(
        account_id=f"{name.lower().replace(' ', '')}.example",
        name=name,
        industry=rng.choice(_INDUSTRIES),
        employees=int(8 * 10 ** rng.uniform(0, 2.8)),
        growth=round(rng.uniform(-0.1, 0.5), 2),
    )


def make_person(rng: Random, number: int, company: Company | None) -> Person:
    """Somebody of a company; of none, somebody with an address that anybody can have."""
    first, last = rng.choice(_FIRST), rng.choice(_LAST)
    title, department = rng.choice(_JOBS)
    domain = company.account_id if company is not None else "gmail.com"
    facts = {"first_name": first, "last_name": last, "job_title": title, "department": department}
    facts |= {"country": rng.choice(_COUNTRIES)} | ({"company": company.name} if company is not None else {})
    return Person(
        number=number,
        email=f"{first}.{last}.{number}@{domain}".lower(),
        user_id=f"u-{number}" if rng.random() < 0.3 else None,
        company=company,
        facts=facts,
    )


def make_spammer(rng: Random, number: int) -> Person:
    """Somebody who types what lies under the fingers."""
    first, last = rng.choice(_MASHED), rng.choice(_MASHED)
    facts = {
        "first_name": first,
        "last_name": last,
        "company": rng.choice(_MASHED),
        "job_title": first,
        "country": "US",
    }
    return Person(number, f"{first}{number}@mailinator.com", None, None, facts)
