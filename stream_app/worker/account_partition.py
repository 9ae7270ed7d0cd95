"""The accounts of one partition and what is sent for them: scores, transitions, news to their members.

The rule: what is published of an account is told once a drain, whatever happened to it in between; its transitions are told as
they are made. An account under another version of the model, or from another generation of tables, is carried over when it
is next looked at.
"""

from collections.abc import Sequence

from stream_app.engine.activity import Activity
from stream_app.engine.encoding import decode, encode, tag_of
from stream_app.engine.forecast import next_change
from stream_app.engine.plan import Plan
from stream_app.engine.published import Standing
from stream_app.engine.state import NEVER, Subject
from stream_app.runtime.account import Account
from stream_app.runtime.documents import score_record, transitions
from stream_app.streaming.processor import Effects, Output, StateReader
from stream_app.streaming.settings import ACCOUNT
from stream_app.worker.account_table import ACCOUNTS, AccountTable
from stream_app.worker.before import Before, before_key, go_on_from
from stream_app.worker.composition import Scoring
from stream_app.worker.contributions import MEMBERS, Rollups
from stream_app.worker.entries import due_of, pack, state_of
from stream_app.worker.outbox import score_output, transition_output
from stream_app.worker.publications import Mode
from stream_app.worker.restating import Entries, Restating, is_version
from stream_app.worker.restating_accounts import RestatedAccounts
from stream_app.worker.revealing import Revealing
from stream_app.worker.shelf import Shelf
from stream_app.worker.succession import QUARANTINED, Succession
from stream_app.worker.telling import TELLS, Telling
from stream_app.worker.versions import Versions, public_moves
from stream_app.worker.wheel import Wheel

AT_HAND = 20_000  # decoded accounts kept by a partition


class AccountPartition:
    """See the module. `reached` is the greatest clock of an account; `quiet` are those that a timer has carried on."""

    def __init__(self, scoring: Scoring, partition: int, state: StateReader) -> None:
        self.scoring = scoring
        self.plan: Plan = scoring.accounts
        self.table = AccountTable(Rollups(self.plan), state)
        self.shelf: Shelf[Account] = Shelf(AT_HAND, self._load)
        self.wheel = Wheel()
        self.reached = NEVER
        self.quiet: set[str] = set()
        self._anew: set[str] = set()  # carried over since the last drain
        self._outputs: list[Output] = []
        self.telling = Telling(scoring, state, self._account, lambda name: self.table.contributions(name).members)
        self.versions = Versions(scoring, ACCOUNT, partition, state)
        self.restating = Restating(self.versions, self, state)
        self._restated = RestatedAccounts(self.versions, self.table.under, self.tell_caused)
        self.succession = Succession(scoring, ACCOUNT, partition, state, self.send)
        self.revealing = Revealing(self.succession, self.table.entry, self._look_at, self._report)
        self.switch(self.versions.current.scoring)

    def restore(self, entries: Sequence[tuple[bytes, bytes]]) -> None:
        """Set the timers of recovered accounts, and take in their members."""
        due: list[tuple[int, bytes]] = []
        for key, entry in entries:
            if key.startswith(MEMBERS):
                self.table.restore(key, entry)
            elif key.startswith(TELLS):
                self.telling.restore(key, entry)
            elif not is_version(key) and (at := due_of(entry)) is not None:
                due.append((at, key))
        self.wheel.fill(due)
        self.restating.restore(entries)
        self.revealing.restore(entries)

    def carry_on(self, budget: int) -> None:
        """What is done beside the records: accounts under another version of the model, or from another generation."""
        if self.restating.waiting:
            self.restating.run(budget)
        if self.revealing.waiting:
            self.revealing.run(budget)

    def bounded(self) -> bool:
        """See `Processor`."""
        some = self.succession.stand(not (self.telling.waiting or self.shelf.changed or self._outputs))
        if some and self.succession.revealing:
            self.switch(self.scoring)
            self.revealing.begin()
        return some

    def drain(self) -> Effects:
        """What came of the records and timers since the last drain."""
        self.wheel.thin(self.due_now)
        self.settle()
        changes = self.table.take_changes()
        changes.update(self.telling.changes())
        changes.update(self.versions.changes())
        changes.update(self.succession.changes())
        outputs, self._outputs = self._outputs, []
        return Effects(list(changes.items()), self.succession.outputs(outputs))

    def changed(self, name: str, account: Account, at: int, event_id: str | None, cause: str = "fact") -> None:
        """An account has changed, by what happened at a time; `cause` is that of what members make of it."""
        self.reached = max(self.reached, account.subject.clock)
        self.telling.changed(name, at, event_id, cause)
        self.shelf.change(name, account)
        self.tell_moves(name, account)

    def tell_moves(self, name: str, account: Account, restated: bool = False) -> None:
        """Send the transitions made since the last look, as they are seen from now."""
        if account.moves and self.hides(name):
            account.moves = []
        for document in transitions(account, "account", name, restated):
            self._outputs.append(transition_output(self.scoring.names.transitions, document, name.encode()))

    def tell_caused(self, name: str, account: Account, mode: Mode) -> None:
        """The same for those that a version of the model has caused."""
        if public_moves(account, mode):
            self.tell_moves(name, account, mode == "restated")

    def send(self, output: Output) -> None:
        """Send a record along with what else comes of the records."""
        self._outputs.append(output)

    def settle(self) -> None:
        """Tell what has changed, and pack it."""
        if self.restating.waiting:
            for name in self.telling.under_way():
                self.shelf.get(name)  # what was carried over may be news
        self._outputs += list(self.telling.outputs(self.shelf.changed))  # while those are surely at hand
        for name, account in self.shelf.take_changed().items():
            self._publish(name, account)
            due = next_change(account) if name in self.quiet else account.next_look()
            raw = ACCOUNTS + name.encode()
            if due is not None:
                self.wheel.add(due, raw)
            self.table.changes[raw] = pack(due, encode(self.plan, account.subject))
        self.quiet.clear()
        self._anew.clear()

    def due_now(self, raw: bytes) -> int | None:
        """When the account of a key in the table is due, as of the last drain; None: never."""
        entry = self.table.entry(raw)
        return None if entry is None else due_of(entry)

    def _publish(self, name: str, account: Account) -> None:
        subject, standing = account.subject, Standing(account)
        said = standing.said()
        if self.hides(name):
            return
        if subject.published != said or name in self._anew:
            subject.published = said
            if self.scoring.has_accounts:
                subject.revision += 1
                document = score_record(account, "account", name, subject.revision, standing)
                self._outputs.append(score_output(self.scoring.names.account_scores, document, name.encode()))

    def _account(self, name: str) -> Account:
        return self.shelf.get(name)

    def _load(self, name: str) -> Account:
        account = self._loaded(name)
        if self.revealing.waiting and (before := self.revealing.of(ACCOUNTS + name.encode())) is not None:
            self._reveal(name, account, before)
        return account

    def _loaded(self, name: str) -> Account:
        entry = self.table.entry(ACCOUNTS + name.encode())
        if entry is None:
            return Account(self.plan, Subject(name, len(self.plan.trackers)), self.table.contributions(name))
        state = state_of(entry)
        if self.versions.stands(tag_of(state)):
            return Account(self.plan, decode(self.plan, state), self.table.contributions(name))
        account = self._restated.account(name, state)
        self._anew.add(name)
        self.changed(name, account, account.subject.clock, None, "model")
        return account

    def _reveal(self, name: str, account: Account, before: Before) -> None:
        """Make an account public that was taken over from another generation."""
        self.table.changes[before_key(ACCOUNTS + name.encode())] = None
        succession = self.succession
        go_on_from(account, before, succession.since, succession.reason, succession.touched(account.subject))
        account.subject.published = before.published
        self.tell_caused(name, account, self.succession.publication.mode)
        self._anew.add(name)
        self.quiet.add(name)
        self.changed(name, account, account.subject.clock, None, "model")

    def hides(self, name: str) -> bool:
        """Whether what happens to an account is not public now."""
        return self.revealing.hides(ACCOUNTS + name.encode())

    def mark(self, name: str, activity: Activity) -> None:
        """Note that a condemned source has told of an account."""
        account = self.shelf.get(name)
        if QUARANTINED not in account.subject.marks:
            account.advance(activity.time)
            account.subject.marks[QUARANTINED] = (activity.time, activity.event_id, True)
            self.changed(name, account, activity.time, activity.event_id)

    def _look_at(self, raw: bytes) -> None:
        self.shelf.get(raw[1:].decode())

    def _report(self, left: int, of: int) -> None:
        self._outputs.append(self.versions.report(left, of))

    def switch(self, scoring: Scoring) -> None:
        """Score under another version from now on; what has happened so far is told under the present one."""
        self.settle()
        self.scoring, self.plan = scoring, scoring.accounts
        self.shelf = Shelf(AT_HAND, self._load)
        self.telling.switch(scoring)
        self.table.switch(Rollups(self.plan))

    def entries(self, state: Entries) -> Entries:
        """The accounts among a table's entries."""
        return self.table.accounts(state)

    def staged(self) -> Entries:
        """The accounts that are not in the table yet."""
        return self.table.accounts(self.table.changes.items())

    def entry(self, raw: bytes) -> bytes | None:
        """An account's entry; None where it is at hand."""
        return None if self.shelf.at_hand(raw[1:].decode()) is not None else self.table.entry(raw)

    def look(self, raw: bytes) -> None:
        """Look at an account, which carries it over."""
        name = raw[1:].decode()
        self.shelf.get(name)
        self.quiet.add(name)
