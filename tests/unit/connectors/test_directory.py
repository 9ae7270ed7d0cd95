"""Leads' e-mail addresses out of the worker's changelog."""

from stream_app.connectors.directory import Addresses
from stream_app.worker.entries import Alias, Freed, pack, pack_marker


def test_a_lead_is_found_by_the_alias_that_was_linked_first() -> None:
    """An address that is unlinked, erased or linked anew is no longer the lead's."""
    it = Addresses()
    it.apply(b"email:ann@x.example", pack(None, b"\x02a state"))
    assert it.email_of("user:ann") is None
    assert it.email_of("email:kim@x.example") == "kim@x.example"
    to_ann = pack_marker(Alias(to="user:ann"))
    it.apply(b"email:ann@x.example", to_ann)
    it.apply(b"email:ann@y.example", to_ann)
    it.apply(b"anon:d-1", to_ann)
    it.apply(b"email:ann@x.example", to_ann)
    assert it.email_of("user:ann") == "ann@x.example"
    it.apply(b"email:ann@x.example", pack_marker(Freed()))
    assert it.email_of("user:ann") == "ann@y.example"
    it.apply(b"email:ann@y.example", pack_marker(Alias(to="user:eve")))
    assert (it.email_of("user:ann"), it.email_of("user:eve")) == (None, "ann@y.example")
    it.apply(b"email:ann@y.example", None)
    assert it.email_of("user:eve") is None
