"""Which events concern a person: all that change what becomes of it, and as few others as may be."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stream_app.engine.activity import Activity
from stream_app.engine.model.types import Model
from stream_app.engine.times import format_time, parse_time
from stream_app.history.concerned import Wanted, reads
from stream_app.history.lead_rows import rows_of
from stream_app.runtime.world import World
from tests.pipeline.models import plain_model, small_model
from tests.reference.strategies import generate
from tests.subjects import activities, event, model_of
from tests.unit.history.test_lead_rows import AT, OLD, past_of

few = settings(max_examples=max(40, settings().max_examples // 10), suppress_health_check=list(HealthCheck))
SEEDS = st.integers(0, 2**32 - 1)


def concerned(model: Model, told: list[Activity], keys: set[str], home: str | None) -> list[Activity]:
    """Those of some events that concern a person, looked for until nobody new comes in."""
    sees = reads([model])
    wanted = Wanted(set(keys), {home} if home is not None and sees != "nothing" else set(), sees, -1)
    while True:
        wanted.grown = False
        found = [activity for activity in told if wanted.takes(activity)]
        if not wanted.grown:
            return found


@few
@given(SEEDS, st.booleans())
def test_what_is_left_out_makes_no_difference(seed: int, scores: bool) -> None:
    """Every row of every lead is the same without the others: versions that read nothing, facts or scores of accounts.

    Where facts are read and not scores, who states any has to name the account: whose members do is not looked for.
    """
    document, made, until = generate(seed, account_scores=scores)
    model = model_of(document)
    taken = [one for one in activities(made) if reads([model]) != "facts" or one.account_id or not one.account_facts]
    until = max(until, max(parse_time(one["time"]) for one in made) + 1)
    world = World(model)
    for activity in taken:
        world.apply(activity, until)
    for key, lead in sorted(world.leads.items()):
        keys = {key, *(one for one in world.aliases if world.resolve(one) == key)}
        some = concerned(model, taken, keys, lead.account_id)
        pasts = [past_of(model, model, list(events), key, tuple(keys), format_time(until)) for events in (taken, some)]
        whole, less = ([(row.at, row.what, row.lead, row.sides, row.moves) for row in rows_of(past)] for past in pasts)
        assert less == whole


def takes(wanted: Wanted, **told: object) -> str | None:
    """Whose an event is."""
    (activity,) = activities([event("e", AT.format(2), **told)])  # type: ignore[arg-type]
    return wanted.takes(activity)


def test_what_the_models_read() -> None:
    """Nothing, facts, or scores of accounts."""
    nothing = model_of(
        "model: m\nscores: {s: {}}\nrules: [{id: r, kind: activity, score: s, on: {type: v}, points: 1}]"
    )
    assert [reads([nothing]), reads([nothing, plain_model()]), reads([OLD, small_model()])] == [
        "nothing",
        "facts",
        "scores",
    ]


def test_of_its_account() -> None:
    """Where facts are read, what states any of its account; where scores are, all that its members do."""
    facts, scores = (Wanted({"user:u"}, {"acme.example"}, sees, -1) for sees in ("facts", "scores"))
    stated = {"size": 5}
    assert takes(facts, user_id="v", email="v@acme.example") is None
    assert takes(facts, user_id="v", email="v@acme.example", account_facts=stated) == "other"
    assert takes(facts, account_id="acme.example", account_facts=stated) == "other"
    assert takes(facts, account_id="other.example", account_facts=stated) is None
    assert takes(scores, user_id="w") is None
    assert (takes(scores, user_id="w", email="w@acme.example"), scores.grown) == ("other", True)
    assert takes(scores, user_id="w") == "other"


def test_a_key_that_was_freed_was_the_persons() -> None:
    """What came under it before the `unlink` is in the lead; what was erased is not."""
    wanted = Wanted({"user:u"}, set(), "nothing", -1)
    assert (takes(wanted, anonymous_id="d"), wanted.grown) == (None, False)
    assert takes(wanted, kind="unlink", channel="crm", user_id="u", anonymous_id="d") == "own"
    assert (takes(wanted, anonymous_id="d"), wanted.grown) == ("own", True)
    assert takes(Wanted({"user:u"}, set(), "nothing", parse_time(AT.format(3))), user_id="u") is None
