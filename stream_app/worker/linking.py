"""Keys that events link, and leads that merge, within a partition and across them (scoring.md section 7).

The rules: an event is applied to the lead of its strongest key. In the partition of another of its keys that key becomes
an alias, and the lead it was is sent to where it merges, in one transaction; what comes later under the alias is sent
along behind it, in order. So a merge is never half done, and whoever is asked knows what to do. An event that passes the
partition of a weaker key of its own takes that key's lead along, which makes all as it would be in one place; a link
that is learnt at the lead first is asked for by a message.
"""

import logging
from hashlib import blake2b

from stream_app.engine.activity import Activity
from stream_app.engine.encoding import encode
from stream_app.engine.ladders import Cause
from stream_app.engine.merging import MAX_LINKS, link
from stream_app.engine.state import Subject
from stream_app.runtime.lead import Lead
from stream_app.worker.entries import Alias, Erased, Freed, Kept, kept_of
from stream_app.worker.links import (
    Conflict,
    GivenBack,
    Link,
    Merge,
    Merged,
    Message,
    TakenBack,
    Unlink,
    Unlinked,
)
from stream_app.worker.partition import Partition

log = logging.getLogger(__name__)


class Linking:
    """See the module. `hops` is how often the message at hand has been sent along."""

    def __init__(self, partition: Partition) -> None:
        self._partition = partition
        self._register = partition.register

    # -- events ---------------------------------------------------------------------------------------------------------

    def taken_along(self, keys: tuple[str, ...], to: str, activity: Activity) -> list[Merged]:
        """The weaker keys of an event on its way to the lead `to` that belong here: its aliases from now on."""
        if is_unlink(activity):
            return []
        taken = []
        for key in keys[1:]:
            if key == to or not self._partition.is_home(key):
                continue
            found = self._register.find(key)
            if isinstance(found, Alias) or _late(found, activity.time):
                continue
            subject = self._become_alias(key, found, to, activity.event_id)
            taken.append(Merged(key, to, self._carried(subject)))
        return taken

    def known(self, lead: Lead, keys: tuple[str, ...]) -> bool:
        """Whether all weaker keys of an event are known to be the lead's."""
        links = lead.subject.links
        for key in keys[1:]:
            if links.get(key) is not True:
                return False
        return True

    def link(
        self, lead: Lead, keys: tuple[str, ...], activity: Activity, merged: list[Merged], new: bool
    ) -> list[Subject]:
        """Link an accepted event's keys to its lead, before it is applied; the leads that are here to be merged."""
        subject, partition = lead.subject, self._partition
        brought = {one.key: one for one in merged}
        others: list[Subject] = []
        for key in dict.fromkeys((*keys[1:], *brought)):
            one = brought.get(key)
            if one is not None:
                link(subject, key)
                if one.state:
                    others.append(self._register.revived(one.state).subject)
                if one.to != subject.key:
                    self._ask(key, lead, activity, new, was=one.to)
            elif key == subject.key or subject.links.get(key) is True:
                continue
            elif partition.is_home(key):
                others += self._link_here(key, lead, activity, new)
            else:
                link(subject, key)
                self._ask(key, lead, activity, new)
        return others

    def refuse(self, key: str, lead: Lead | None, merged: list[Merged]) -> None:
        """An event to `key` that took leads along is not accepted: they are what they were.

        Until they say so, what is sent along under their keys goes back to them.
        """
        for one in merged:
            if lead is not None and (len(lead.subject.links) < MAX_LINKS or one.key in lead.subject.links):
                lead.subject.links[one.key] = False
                self._register.change(key, lead)
            self._partition.send_link(one.key, GivenBack(one.to, key, one.state))

    def unlink(self, lead: Lead, keys: tuple[str, ...]) -> None:
        """Free the weakest key of an `unlink` that was applied to a lead, whatever lead it belongs to."""
        key, message = keys[-1], Unlink(lead.subject.key)
        lead.subject.links.pop(key, None)
        if self._partition.is_home(key):
            self._unlink(key, message)
        else:
            self._partition.send_link(key, message)

    # -- messages -------------------------------------------------------------------------------------------------------

    def take(self, key: str, message: Message, hops: int) -> None:
        """A message to a key that belongs here."""
        if isinstance(message, Link):
            self._link(key, message, hops)
        elif isinstance(message, Merge):
            self._merge(key, message, hops)
        elif isinstance(message, Conflict):
            self._conflict(key, message, hops)
        elif isinstance(message, GivenBack):
            self._given_back(key, message)
        elif isinstance(message, TakenBack):
            self._taken_back(key, message, hops)
        elif isinstance(message, Unlink):
            self._unlink(key, message)
        elif isinstance(message, Unlinked):
            self._unlinked(key, message, hops)

    def _link(self, key: str, asked: Link, hops: int) -> None:
        if key == asked.lead:
            return  # where its chain leads: all is well
        found = self._register.find(key)
        if isinstance(found, Alias):
            if key == asked.key and found.to == asked.was:
                found.to = asked.lead
                self._register.mark(key, found)
            elif found.to != asked.lead:
                self._partition.send_link(found.to, asked, hops + 1)
        elif key != asked.key:
            self._partition.send_link(asked.lead, Conflict(asked.key, key))
        elif _late(found, asked.time):
            self._partition.counts["erased"] += 1
            self._partition.send_link(asked.lead, Unlinked([key]))
        elif (subject := self._become_alias(key, found, asked.lead, asked.event_id)) is not None:
            self._partition.send_link(asked.lead, Merge(key, asked.event_id, asked.new, self._carried(subject)))

    def _merge(self, key: str, merge: Merge, hops: int) -> None:
        found = self._register.find(key)
        if isinstance(found, Alias):
            self._partition.send_link(found.to, merge, hops + 1)
            return
        if isinstance(found, Erased):
            self._partition.counts["erased"] += 1
            return
        other = self._register.revived(merge.state).subject
        lead, kept = (found, None) if isinstance(found, Lead) else (self._register.new(key), found)
        new = self._partition.advanced(lead, other.clock, kept)
        self._partition.unite(lead, [other], new or merge.new, merge.event_id)
        self._partition.changed(lead, Cause("merge", merge.event_id))

    def _conflict(self, key: str, conflict: Conflict, hops: int) -> None:
        found = self._register.find(key)
        if isinstance(found, Alias):
            self._partition.send_link(found.to, conflict, hops + 1)
        elif isinstance(found, Lead) and key != conflict.found:
            found.subject.links.pop(conflict.key, None)
            found.subject.conflicts += 1
            self._register.change(key, found)
            self._partition.counts["conflict"] += 1
            if found.subject.conflicts == 1:  # a shared device makes one an event
                log.warning("%s is not linked to %s: it belongs to another lead", masked(conflict.key), masked(key))

    def _given_back(self, key: str, given: GivenBack) -> None:
        self._partition.send_link(given.lead, TakenBack(key))
        found = self._register.find(key)
        lead = self._register.revived(given.state) if given.state else None
        if isinstance(found, Erased):
            return
        if isinstance(found, Alias) and found.to not in (given.to, given.lead):
            if lead is not None:  # it has been freed and linked since
                self._partition.send_link(found.to, Merge(key, None, False, given.state))
            return
        if lead is not None and isinstance(found, Lead):
            self._partition.advanced(found, lead.subject.clock, None)
            self._partition.unite(found, [lead.subject], False, None)
            lead = found
        if lead is not None:
            self._partition.changed(lead, Cause("merge"))
        elif isinstance(found, Alias):
            self._free(key, found)

    def _taken_back(self, key: str, taken: TakenBack, hops: int) -> None:
        found = self._register.find(key)
        if isinstance(found, Alias):
            self._partition.send_link(found.to, taken, hops + 1)
        elif isinstance(found, Lead) and found.subject.links.get(taken.key) is False:
            del found.subject.links[taken.key]
            self._register.change(key, found)

    def _unlink(self, key: str, unlink: Unlink) -> None:
        found = self._register.find(key)
        if isinstance(found, Alias):
            # Its own aliases stay with it; who it stood for is to forget them, and it, unless that is who says so.
            gone = [*([key] if found.to != unlink.lead else []), *found.links]
            if gone:
                self._partition.send_link(found.to, Unlinked(gone))
            self._free(key, found)

    def _unlinked(self, key: str, unlinked: Unlinked, hops: int) -> None:
        found = self._register.find(key)
        if found is None or isinstance(found, Erased):
            return
        links = found.subject.links if isinstance(found, Lead) else found.links
        gone = [one for one in unlinked.keys if links.pop(one, None) is not None]
        if isinstance(found, Alias):
            self._partition.send_link(found.to, unlinked, hops + 1)
        if gone and isinstance(found, Lead):
            self._register.change(key, found)
        elif gone and not isinstance(found, Lead):
            self._register.mark(key, found)

    # -- what a key becomes ---------------------------------------------------------------------------------------------

    def _link_here(self, key: str, lead: Lead, activity: Activity, new: bool) -> list[Subject]:
        """Link a key of this partition at once."""
        found = self._register.find(key)
        if isinstance(found, Alias):
            if found.to != lead.subject.key:
                self._ask(key, lead, activity, new)
        elif _late(found, activity.time):
            return []
        else:
            subject = self._become_alias(key, found, lead.subject.key, activity.event_id)
            link(lead.subject, key)
            return [] if subject is None else [subject]
        link(lead.subject, key)
        return []

    def _ask(self, key: str, lead: Lead, activity: Activity, new: bool, was: str | None = None) -> None:
        """Ask a key to become an alias of a lead."""
        message = Link(key, lead.subject.key, activity.event_id, activity.time, new, was)
        self._partition.send_link(key, message)

    def _become_alias(self, key: str, found: Lead | Kept | None, to: str, event_id: str) -> Subject | None:
        """Make a key an alias; the subject of the lead it was, None if it was none."""
        self._partition.counts["linked"] += 1
        if isinstance(found, Lead):
            kept = kept_of(found.subject)
            self._partition.retire(found, Cause("merge", event_id))
        else:
            kept = found if found is not None else Kept()
        self._register.mark(key, Alias(kept.seq, kept.revision, kept.links, kept.erased_at, to))
        return found.subject if isinstance(found, Lead) else None

    def _carried(self, subject: Subject | None) -> bytes:
        return b"" if subject is None else encode(self._partition.plan, subject)

    def _free(self, key: str, alias: Alias) -> None:
        """An alias is free: it keeps what it kept, if that is anything."""
        if alias.seq or alias.revision or alias.links or alias.erased_at >= 0:
            self._register.mark(key, Freed(alias.seq, alias.revision, alias.links, alias.erased_at))
        else:
            self._register.clear(key)


def is_unlink(activity: Activity) -> bool:
    """Whether an event frees a key."""
    return activity.channel == "crm" and activity.type == "unlink"


def masked(key: str) -> str:
    """A key for the log: its kind, and a digest that tells it from others of the same log."""
    return f"{key.partition(':')[0]}:#{blake2b(key.encode('utf-8', 'surrogatepass'), digest_size=4).hexdigest()}"


def _late(found: Lead | Kept | None, time: int) -> bool:
    """Whether a key was erased after an event's time, and must not come back by it."""
    return isinstance(found, Kept) and time <= found.erased_at
