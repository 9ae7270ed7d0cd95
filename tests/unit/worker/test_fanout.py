"""How news reach the members of an account: everybody in the end, nobody more often than needed."""

from bisect import insort

from hypothesis import given
from hypothesis import strategies as st

from stream_app.worker.fanout import A_TURN, AT_ONCE, FEW, LEAST, MOST, Fanout, under_way
from tests.pipeline.desk import State

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("news"), st.integers(0, 3)),
        st.tuples(st.just("joins"), st.integers(0, 30)),
        st.tuples(st.just("leaves"), st.integers(0, 30)),
        st.tuples(st.just("run"), st.just(0)),
        st.tuples(st.just("restart"), st.just(0)),
    ),
    max_size=40,
)


class Account:
    """Accounts of some members, and what each member was told last. `news` is what stands."""

    def __init__(self, **counts: int) -> None:
        self.members = {name: [b"%06d" % number for number in range(count)] for name, count in counts.items()}
        self.news = dict.fromkeys(counts, b"")
        self.told: dict[tuple[str, bytes], bytes] = {}
        self.messages = 0
        self.state = State()
        self.restart()

    def restart(self) -> None:
        """Begin anew from what is in the table."""
        self.fanout = Fanout(self.state, lambda name: self.members[name])
        for key, entry in self.state.entries.items():
            self.fanout.restore(key, entry)

    def say(self, name: str, news: int, at: int = 5) -> None:
        """There are news."""
        self.news[name] = b"%d" % news if news else b""
        self.fanout.news(name, self.news[name], b"", at, at, f"e{at}")

    def run(self, allowance: int = 0) -> list[tuple[str, int, int]]:
        """A transaction; how many members of each account it told, of news since when."""
        said = []
        for name, standing, keys in self.fanout.run(allowance):
            said.append((name, len(keys), standing.at))
            self.messages += len(keys)
            for key in keys:
                self.told[name, key] = self.news[name]
        self.state.take(self.fanout.changes())
        return said

    def missed(self) -> list[bytes]:
        """The members that have not been told what stands."""
        return [
            key
            for name, members in self.members.items()
            for key in members
            if self.told.get((name, key), b"") != self.news[name]
        ]


@given(st.integers(0, 260), STEPS)
def test_everybody_knows_in_the_end(count: int, steps: list[tuple[str, int]]) -> None:
    """Whoever comes and goes (who comes is told apart), whatever is new meanwhile, over restarts."""
    account = Account(acme=count)
    members, news = account.members["acme"], 0
    for kind, number in steps:
        key = b"%06d" % (number * 9 + 1) + b"x"
        if kind == "news":
            account.say("acme", number)
            news += 1
        elif kind == "joins" and key not in members:
            insort(members, key)
            account.told["acme", key] = account.news["acme"]
        elif kind == "leaves" and members:
            del members[number % len(members)]
        elif kind == "run":
            account.run()
        elif kind == "restart":
            account.run()
            account.restart()
    for _ in range(20):
        account.run()
    assert not account.fanout.waiting
    assert account.missed() == []
    assert account.messages <= (count + 30) * (news + 1)
    assert not any(under_way(entry) for entry in account.state.entries.values())


def test_a_few_are_told_at_once() -> None:
    """In the transaction of the news, all of them; the same once more is no news."""
    account = Account(acme=FEW, many=FEW + 1)
    account.say("acme", 1)
    account.say("many", 1)
    assert account.run() == [("acme", FEW, 5), ("many", LEAST, 5)]
    account.say("acme", 1)
    assert account.run() == [("many", 1, 5)]
    assert account.run() == []


def test_nothing_new_is_told_to_nobody() -> None:
    """An account that never had anything to say does not say so; one that had, says that it has nothing now."""
    account = Account(acme=2)
    account.say("acme", 0)
    assert account.run() == []
    account.say("acme", 1)
    account.say("acme", 0)
    assert account.run() == [("acme", 2, 5)]


def test_many_are_told_as_many_as_records_came() -> None:
    """However large an account, a transaction has a bound, and others have their turns."""
    account = Account(large=50_000, huge=60_000)
    account.say("large", 1)
    account.say("huge", 1)
    assert account.run(0) == [("large", LEAST, 5)]
    assert sum(count for _, count, _ in account.run(10**9)) == MOST
    assert account.run(600) == [("huge", A_TURN, 5), ("large", A_TURN, 5), ("huge", 100, 5)]
    crowd = Account(**{f"a{number}": FEW for number in range(AT_ONCE // FEW + 30)})
    for name in crowd.members:
        crowd.say(name, 1)
    assert sum(count for _, count, _ in crowd.run(10**9)) == AT_ONCE + MOST


def test_news_on_the_way_go_on_with_what_is_new() -> None:
    """Who was told the old news is told again, who was not is told once; since the later of the two times."""
    account = Account(acme=1_000)
    account.say("acme", 1, at=9)
    account.run(400)
    account.say("acme", 2, at=7)
    while account.fanout.waiting:
        account.run(400)
    assert account.missed() == []
    assert account.messages == 1_400
    assert account.run() == []


def test_an_account_that_always_has_news_costs_no_more_than_its_records() -> None:
    """Fifty thousand members whose every event is news to all."""
    account = Account(acme=50_000)
    for number in range(1, 501):
        account.say("acme", number, at=number)
        account.run(10)
    assert account.messages == 500 * LEAST
    while account.fanout.waiting:
        account.run(MOST)
    assert account.messages <= 500 * LEAST + 50_000
    assert account.missed() == []
