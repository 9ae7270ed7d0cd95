"""The offline replay: identity, leads, accounts, in the order of arrival (scoring.md 6-8, formats.md `replay`)."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.reference.ladders import Json, Stages
from tests.reference.machines import counts
from tests.reference.scores import Card, Scorer
from tests.reference.timeline import format_time
from tests.reference.world import Event, Subject, World, normalise

Accounts = list[tuple[Subject, Card]]  # with their results before an event


@dataclass
class Result:
    """What a replay yields: shapes of formats.md; dead letters as (index in the given list, code)."""

    transitions: list[Json] = field(default_factory=list)
    scores: list[Json] = field(default_factory=list)
    dead_letters: list[tuple[int, str]] = field(default_factory=list)
    conflicts: int = 0
    merges: int = 0
    machines: dict[str, dict[str, int]] = field(default_factory=dict)  # by lead: how many activities each rule found
    past_homes: int = 0  # events that tell of a membership of an account that was over by the lead's clock


def replay(
    model_doc: Json, events: list[Json], *, until: int | None, now: int | None = None, order: str = "arrival"
) -> Result:
    """Replay `events` under a model document; `until` and `now` in ms; `order` is `arrival` or `time`."""
    run = Replay(model_doc)
    numbered = []
    for index, raw in enumerate(events):
        try:
            numbered.append((index, normalise(raw)))
        except ValueError as refused:
            run.result.dead_letters.append((index, str(refused)))
    if order == "time":
        numbered.sort(key=lambda pair: pair[1]["at"])
    for index, event in numbered:
        code = run.apply(event, now)
        if code is not None:
            run.result.dead_letters.append((index, code))
    return run.finish(until)


def cause_of(event: Event) -> Json:
    """The cause of an event's own moves."""
    if event.get("channel") == "crm":
        kind = "crm"
    else:
        kind = "fact" if event["type"] == "identify" else "activity"
    return {"kind": kind, "event_id": event["event_id"]}


class Replay:
    """One replay under way."""

    def __init__(self, model: Json) -> None:
        """Nothing known yet."""
        self.world = World(model)
        self.scorer = Scorer(self.world)
        self.stages = Stages(self.world, self.scorer)
        self.result = Result()

    def apply(self, event: Event, now: int | None) -> str | None:
        """One event; the code of its refusal, or None (a duplicate is ignored without a word)."""
        if now is not None and event["at"] > now + self.world.skew:
            return "future"
        if not event["own_keys"]:
            return self._apply_account_event(event)
        key = self.world.resolve(event["own_keys"][0])
        refused = self.world.refusal(self.world.leads.get(key), event)
        if refused is not None:
            return None if refused == "duplicate" else refused
        self._apply_lead_event(key, event)
        return None

    # leads

    def _apply_lead_event(self, key: str, event: Event) -> None:
        world = self.world
        unlink = event.get("channel") == "crm" and event["type"] == "unlink"
        others = [] if unlink else self._links(key, event)
        merged = [world.leads[other] for other in others if other in world.leads]
        lead, is_new = self._advanced(key, event["at"], merged)
        accounts, told = self._accounts_before(lead, merged, event)
        for other in others:
            world.aliases[other] = key
        self.result.merges += len(merged)
        if merged:
            before = self._empty(lead) if is_new else self._card(lead)
            self._merge(lead, merged, is_new)
            self.stages.evaluate(lead, {"kind": "merge", "event_id": event["event_id"]}, before)
        before = self._empty(lead) if is_new and not merged else self._card(lead)
        late = event["at"] < (lead.clock or 0)
        members = self._add(lead, told, accounts, event)
        if unlink:
            self._unlink(event)
        self.result.past_homes += self._tells_of_the_past(lead, event, bool(merged))
        self._evaluate_lead(lead, event, late, before)
        for account, card in accounts:
            self.stages.evaluate(account, cause_of(event), card)
        self._evaluate_members(members, event)

    def _links(self, key: str, event: Event) -> list[str]:
        """The keys that the event newly links to its lead; conflicts are counted."""
        found = []
        for other in event["own_keys"][1:]:
            if other in self.world.aliases:
                if self.world.resolve(other) != key:
                    self.result.conflicts += 1
            elif other != key:
                found.append(other)
        return found

    def _advanced(self, key: str, at: int, merged: list[Subject]) -> tuple[Subject, bool]:
        """The event's lead, advanced to the event's time and the clocks of the leads to be merged."""
        to = max([at, *(other.clock or 0 for other in merged)])
        lead = self.world.leads.get(key)
        if lead is not None:
            self.stages.advance(lead, max(to, lead.clock or 0))
            return lead, False
        lead = self.world.leads[key] = Subject("lead", key)
        if not merged:
            self.stages.start(lead, to)
        lead.clock = to
        return lead, True

    def _merge(self, lead: Subject, merged: list[Subject], is_new: bool) -> None:
        for other in merged:
            lead.events += other.events
            lead.fact_events += other.fact_events
            lead.ids += other.ids
            for ladder, place in other.places.items():
                kept = (other.key, ladder)
                self.world.kept_seq[kept] = max(place.seq, self.world.kept_seq.get(kept, 0))
            del self.world.leads[other.key]
        if is_new:
            lead.places = merged[0].places
            for ladder, place in lead.places.items():
                place.seq = max(place.seq, self.world.kept_seq.get((lead.key, ladder), 0))
        self.world.touch()

    def _tells_of_the_past(self, lead: Subject, event: Event, merged: bool) -> bool:
        """Whether the lead now turns out to have been in another account at a time that its clock is past."""
        assert lead.clock is not None
        times = [e["at"] for e in lead.events if merged or e["at"] >= event["at"]]
        return event["at"] < lead.clock and len({lead.account_id(at) for at in [*times, lead.clock]}) > 1

    def _unlink(self, event: Event) -> None:
        """The weaker key is a lead of its own again."""
        weaker = event["own_keys"][-1]
        if len(event["own_keys"]) > 1:
            self.world.aliases.pop(weaker, None)

    def _evaluate_lead(self, lead: Subject, event: Event, late: bool, before: Card) -> None:
        if event.get("channel") == "crm" and event["type"] == "stage_set":
            if self.stages.obey(lead, event, late, before):
                return
        self.stages.evaluate(lead, cause_of(event), before)

    def _card(self, subject: Subject) -> Card:
        assert subject.clock is not None
        return self.scorer.card(subject, subject.clock)

    def _empty(self, lead: Subject) -> Card:
        assert lead.clock is not None
        return self.scorer.card(Subject("lead", f"empty {lead.key}"), lead.clock)

    # accounts

    def _apply_account_event(self, event: Event) -> str | None:
        name = event["account_id"]
        refused = self.world.refusal(self.world.accounts.get(name), event)
        if refused is not None:
            return None if refused == "duplicate" else refused
        account, before = self._account_at(name, event["at"])
        members = self._add(account, account, [(account, before)], event)
        self.stages.evaluate(account, cause_of(event), before)
        self._evaluate_members(members, event)
        return None

    def _account_at(self, name: str, at: int) -> tuple[Subject, Card]:
        """An account advanced to a time, with its results then."""
        account = self.world.accounts.get(name)
        if account is None:
            account = self.world.accounts[name] = Subject("account", name)
            self.world.touch()
            self.stages.start(account, at)
        else:
            self.stages.advance(account, max(at, account.clock or 0))
        return account, self._card(account)

    def _accounts_before(self, lead: Subject, merged: list[Subject], event: Event) -> tuple[Accounts, Subject | None]:
        """The accounts that take part in a lead's event, advanced to it; and the one its `account_facts` go to.

        They are those of the lead before and after, of the leads to be merged, and the one that is told facts.
        """
        assert lead.clock is not None
        then = Subject("lead", lead.key, events=[*lead.events, *(e for m in merged for e in m.events), event])
        own = then.account_id(lead.clock)
        former = [subject.account_id(lead.clock) for subject in [lead, *merged]]
        told = (event.get("account_id") or own) if event.get("account_facts") else None
        accounts = {
            name: self._account_at(name, lead.clock) for name in dict.fromkeys([own, told, *former]) if name is not None
        }
        return list(accounts.values()), accounts[told][0] if told is not None else None

    def _add(self, subject: Subject, told: Subject | None, accounts: Accounts, event: Event) -> Accounts:
        """The activity and its facts, added together; the other members that must see it, with their results before.

        A member is to see new facts of its account, and a new published score of it that leads use. Whether a score is
        new is found by adding the event; then it is taken out once more, to look at the members before it.
        """
        due: dict[str, int] = {}
        self._put(subject, told, event)
        for account, card in accounts:
            clock = account.clock or 0
            if self._differs(card, self._card(account)):
                due |= {member.key: clock for member in self.world.members(account, clock)}
            elif account is told and event.get("account_facts"):
                due |= {member.key: event["at"] for member in self.world.members(account, clock)}
        self._take_back(subject, told, event)
        members = [self.world.leads[key] for key in due if subject.kind == "account" or key != subject.key]
        for member in members:
            self.stages.advance(member, max(due[member.key], member.clock or 0))
        before = [(member, self._card(member)) for member in members]
        self._put(subject, told, event)
        return before

    def _put(self, subject: Subject, told: Subject | None, event: Event) -> None:
        subject.events.append(event)
        subject.ids.append((event["at"], event["event_id"]))
        if event.get("facts"):
            subject.fact_events.append((event["at"], event["event_id"], event["facts"]))
        if told is not None and event.get("account_facts"):
            told.fact_events.append((event["at"], event["event_id"], event["account_facts"]))
        self.world.touch()

    def _take_back(self, subject: Subject, told: Subject | None, event: Event) -> None:
        subject.events.pop()
        subject.ids.pop()
        if event.get("facts"):
            subject.fact_events.pop()
        if told is not None and event.get("account_facts"):
            told.fact_events.pop()
        self.world.touch()

    def _differs(self, before: Card, after: Card) -> bool:
        """Whether a published account score that leads use is another."""
        return any(before.published.get(name) != after.published.get(name) for name in self.scorer.used_by_leads())

    def _evaluate_members(self, members: Accounts, event: Event) -> None:
        for member, card in members:
            self.stages.evaluate(member, {"kind": "fact", "event_id": event["event_id"]}, card)

    # the end

    def finish(self, until: int | None) -> Result:
        """Tick every lead, then every account, and write their scores down."""
        if until is not None:
            for subject in self.world.subjects():
                self.stages.advance(subject, until)
        self.result.transitions = self.stages.made
        self.result.machines = {
            lead.key: found for lead in self.world.leads.values() if (found := counts(self.world, lead))
        }
        told = self.world.subjects() if self.world.model.get("account") else list(self.world.leads.values())
        self.result.scores = [self._score(subject) for subject in told]
        return self.result

    def _score(self, subject: Subject) -> Json:
        assert subject.clock is not None
        card, clock = self._card(subject), subject.clock
        is_lead = subject.kind == "lead"
        head: Json = {"lead": subject.key} if is_lead else {"subject": "account"}
        return {
            **head,
            "account_id": subject.account_id(clock) if is_lead else subject.key,
            "at": format_time(clock),
            "scores": dict(card.published),
            "raw": dict(card.raw),
            "grades": dict(card.grades),
            "bands": dict(card.bands),
            "stages": {name: place.stage for name, place in subject.places.items()},
            "seq": {name: place.seq for name, place in subject.places.items()},
            "suppressed": is_lead and subject.suppressed(clock),
            "owner": subject.owner(clock) if is_lead else None,
        }
