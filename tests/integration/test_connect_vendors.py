"""Connectors against stand-ins that enforce what the vendors document, over real HTTP, on bad days too. No Kafka here."""

import asyncio
import base64
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from standardwebhooks import Webhook as Verifier

from stream_app.connectors.contract import Disabled
from stream_app.connectors.webhook import signature
from stream_app.errors import KnownError
from tests.vendors.changes import START, erased, score, transition
from tests.vendors.configs import ENVIRONMENT, hubspot_text, rig, salesforce_text, webhook_text
from tests.vendors.hubspot import HubSpotStandIn
from tests.vendors.salesforce import CLIENT, USER, SalesforceStandIn
from tests.vendors.webhook import OLD_SECRET, Receiver

HOUR = 3_600_000


def story(leads: int, each: int) -> list[dict[str, Any]]:
    """So many transitions of so many leads, interleaved."""
    return [transition(f"email:l{lead}@x.example", seq) for seq in range(1, each + 1) for lead in range(leads)]


def in_order(leads: int, each: int) -> dict[str, list[int]]:
    """What a receiver of the story must have."""
    return {f"email:l{lead}@x.example": list(range(1, each + 1)) for lead in range(leads)}


# -- Standard Webhooks ---------------------------------------------------------------------------------------------------


async def test_each_change_is_a_signed_request_and_each_lead_s_come_in_order() -> None:
    """Verified by `standardwebhooks`; the payload says type, time and the whole document."""
    async with Receiver() as receiver:
        it = rig(webhook_text(receiver.hook, "send: {scores: {every: 15m}}"), [*story(5, 4), score("user:ann", 1, 7)])
        await it.run(it.all_committed)
    assert receiver.unverified == 0
    assert receiver.effects() == in_order(5, 4)
    assert set(receiver.times().values()) == {1}
    kinds = {payload["type"] for _, payload in receiver.deliveries}
    assert kinds == {"lead.transition", "lead.score"}
    identity, payload = next(one for one in receiver.deliveries if one[1]["type"] == "lead.transition")
    assert (identity, payload["timestamp"]) == (payload["data"]["id"], payload["data"]["at"])


async def test_a_secret_is_rotated_without_a_gap() -> None:
    """Signed with the new and the old: a receiver that knows either verifies it."""
    secrets = '["${WEBHOOK_SECRET}", "${WEBHOOK_OLD_SECRET}"]'
    async with Receiver(OLD_SECRET) as old, Receiver() as new:
        for receiver in (old, new):
            it = rig(webhook_text(receiver.hook, secrets=secrets), story(1, 1))
            await it.run(it.all_committed)
            assert (len(receiver.deliveries), receiver.unverified) == (1, 0)


def test_the_signature_is_the_packages_own() -> None:
    """Byte for byte what `standardwebhooks` makes."""
    verifier = Verifier(OLD_SECRET)
    body = b'{"type":"lead.transition"}'
    moment = datetime(2026, 3, 1, tzinfo=UTC)
    key = base64.b64decode(OLD_SECRET.removeprefix("whsec_"))
    assert signature([key], "msg_1", int(moment.timestamp()), body) == verifier.sign("msg_1", moment, body.decode())


async def test_gone_disables_and_commits_what_was_done() -> None:
    """410: nothing more is sent; it is remembered why."""
    async with Receiver() as receiver:
        receiver.status = 410
        it = rig(webhook_text(receiver.hook, "limits: {parallel: 1}"), story(3, 1))
        with pytest.raises(Disabled, match="410"):
            await it.run(lambda: False)
        assert receiver.requests == 1
    assert it.ward.index.disabled is not None


async def test_redirects_are_failures_and_are_not_followed() -> None:
    """3xx: the destination is to be mended; the request goes nowhere else."""
    async with Receiver() as receiver:
        receiver.status = 302
        it = rig(webhook_text(receiver.hook), story(1, 1))
        await it.run(lambda: it.runner.counts["again: endpoint"] >= 2)
        assert receiver.requests == it.runner.counts["requests"]
    assert receiver.deliveries == []


async def test_an_hour_down_a_storm_and_a_slow_day() -> None:
    """
    0 h     down; nothing is lost, nothing is parked, and it is asked seldom
    1 h     back, and says 429 with Retry-After to 40 requests; then slow
    end     each transition once, in order per lead; the one that is always refused is parked, and it alone
    """
    async with Receiver() as receiver:
        receiver.down = True
        receiver.refused = {"email:bad@x.example"}
        documents = [transition("email:bad@x.example", 1), *story(20, 5)]
        it = rig(webhook_text(receiver.hook, "retry: {base: 1, longest: 60, give_up: 3h}"), documents)
        asked = 0

        async def day() -> None:
            nonlocal asked
            while it.clock.now() < START + HOUR:
                await asyncio.sleep(0.001)
            asked = receiver.requests
            receiver.down = False
            receiver.storm(40, "7")
            receiver.slow = 0.02

        await it.run(it.all_committed, day)
    assert asked < 150
    assert receiver.effects() == in_order(20, 5)
    assert set(receiver.times().values()) == {1}
    assert [(one.key, one.times) for one in it.ward.index] == [("lead|email:bad@x.example", 1)]


async def test_a_request_without_an_answer_is_given_up_and_sent_again() -> None:
    """A time-out is the endpoint's failure."""
    async with Receiver() as receiver:
        receiver.hang = True
        it = rig(webhook_text(receiver.hook, "limits: {timeout: 0.2}"), story(2, 1))

        async def wake() -> None:
            while it.runner.counts["again: endpoint"] < 2:
                await asyncio.sleep(0.001)
            receiver.hang = False

        await it.run(it.all_committed, wake)
    assert receiver.effects() == in_order(2, 1)


async def test_what_is_parked_goes_when_it_is_asked_for() -> None:
    """Mended at the receiver, `retry` sends it and forgets it."""
    async with Receiver() as receiver:
        receiver.refused = {"email:l0@x.example"}
        it = rig(webhook_text(receiver.hook, "retry: {give_up: 0m}"), story(2, 1))

        async def mend() -> None:
            while not len(it.ward.index):
                await asyncio.sleep(0.001)
            receiver.refused = set()
            it.ward.ask_again(next(iter(it.ward.index)))

        await it.run(lambda: it.all_committed() and len(receiver.deliveries) == 2, mend)
    assert len(it.ward.index) == 0
    assert receiver.effects() == in_order(2, 1)


async def test_after_parked_park_keeps_a_leads_order_at_any_price() -> None:
    """What follows a parked change of the same lead is parked behind it; other leads go on."""
    async with Receiver() as receiver:
        receiver.refused = {"email:l0@x.example"}
        it = rig(webhook_text(receiver.hook, "after_parked: park\nretry: {give_up: 0m}"), story(2, 3))
        await it.run(it.all_committed)
    assert receiver.effects() == {"email:l1@x.example": [1, 2, 3]}
    assert [one.document["seq"] for one in it.ward.index] == [1, 2, 3]


async def test_an_erasure_is_passed_on_and_empties_the_parked_queue() -> None:
    """An event of its own; what lay parked of the person is gone."""
    lead = "email:l0@x.example"
    async with Receiver() as receiver:
        receiver.refused = {lead}
        documents = [transition(lead, 1)]
        it = rig(webhook_text(receiver.hook, "retry: {give_up: 0m}"), documents)
        await it.run(it.all_committed)
        assert len(it.ward.index) == 1
        receiver.refused = set()
        again = rig(webhook_text(receiver.hook), [*documents, erased(lead)])
        again.ward, again.runner._parking, again.source.committed = it.ward, it.ward, it.source.committed
        await again.run(again.all_committed)
    assert [payload["type"] for _, payload in receiver.deliveries] == ["lead.erased"]
    assert len(it.ward.index) == 0


# -- HubSpot -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("multi_status", [True, False])
async def test_contacts_are_upserted_in_batches_and_the_bad_one_is_parked(multi_status: bool) -> None:
    """150 leads, one without a valid address: whichever way HubSpot says so, 149 are there and one is parked."""
    async with HubSpotStandIn(multi_status) as vendor:
        it = rig(hubspot_text(vendor.url), [*story(149, 1), transition("email:nobody", 1)])
        await it.run(it.all_committed)
    assert len(vendor.contacts) == 149
    assert vendor.contacts["l7@x.example"] == {
        "email": "l7@x.example",
        "lead_score": "51",
        "lead_seq": "1",
        "lifecyclestage": "marketingqualifiedlead",
    }
    assert [one.key for one in it.ward.index] == ["lead|email:nobody"]
    assert vendor.properties["lead_score"] == "number"
    assert multi_status is False or it.runner.counts["requests"] == 2


async def test_a_stage_moves_back_by_way_of_nothing() -> None:
    """HubSpot ignores a move back unless the stage was cleared before; a move forward needs no second request."""
    documents = [
        transition("email:ann@x.example", 1, to="sql"),
        transition("email:ann@x.example", 2, to="awareness", direction="down"),
    ]
    async with HubSpotStandIn() as vendor:
        it = rig(hubspot_text(vendor.url), documents)
        await it.run(it.all_committed)
    assert vendor.contacts["ann@x.example"]["lifecyclestage"] == "lead"
    stages = [properties.get("lifecyclestage") for _, _, properties in vendor.writes]
    assert stages == ["salesqualifiedlead", "", "lead"]
    async with HubSpotStandIn() as vendor:
        it = rig(hubspot_text(vendor.url, settings="backwards: keep"), documents)
        await it.run(it.all_committed)
    assert vendor.contacts["ann@x.example"]["lifecyclestage"] == "salesqualifiedlead"


async def test_leads_without_an_address_and_accounts_are_passed_over() -> None:
    """Counted, not parked: HubSpot could not know them."""
    documents = [transition("user:u-1", 1), transition("anon:x", 1), *story(1, 1)]
    async with HubSpotStandIn() as vendor:
        it = rig(hubspot_text(vendor.url), documents)
        await it.run(it.all_committed)
    assert list(vendor.contacts) == ["l0@x.example"]
    assert it.runner.counts["skipped: no email"] == 2


async def test_hubspots_rate_is_kept_by_itself_and_its_429_obeyed() -> None:
    """A stand-in with a smaller limit than documented says 429; nothing is lost or parked."""
    async with HubSpotStandIn(requests=6, per=0.3) as vendor:
        it = rig(hubspot_text(vendor.url, "limits: {batch: 5}"), story(60, 1))
        await it.run(it.all_committed)
    assert len(vendor.contacts) == 60
    assert len(it.ward.index) == 0
    assert vendor.limited > 0


async def test_a_person_is_deleted_for_good_in_hubspot() -> None:
    """By the GDPR endpoint; the later transition of a new life is a contact again, if HubSpot lets it."""
    async with HubSpotStandIn() as vendor:
        it = rig(hubspot_text(vendor.url), [*story(2, 1), erased("email:l0@x.example")])
        await it.run(it.all_committed)
    assert list(vendor.contacts) == ["l1@x.example"]


async def test_a_wrong_token_is_said_at_once_and_one_that_is_withdrawn_parks_nothing() -> None:
    """At the start it is an operator's mistake; later it counts as a vendor that is down."""
    async with HubSpotStandIn() as vendor:
        it = rig(hubspot_text(vendor.url), story(1, 1), {**ENVIRONMENT, "HUBSPOT_TOKEN": "pat-wrong"})
        with pytest.raises(KnownError, match=r"refuses the token <\$\{HUBSPOT_TOKEN\}>"):
            await it.run(lambda: False)
        it = rig(hubspot_text(vendor.url), story(1, 1))
        vendor.once("/batch/upsert", *(web.Response(status=401) for _ in range(3)))
        await it.run(it.all_committed)
    assert it.runner.counts["again: endpoint"] == 3
    assert (len(vendor.contacts), len(it.ward.index)) == (1, 0)


async def test_a_property_that_may_not_be_made_is_named() -> None:
    """Before anything is sent: else each record would be parked for it."""
    async with HubSpotStandIn() as vendor:
        it = rig(hubspot_text(vendor.url, settings="make_properties: false"), story(1, 1))
        with pytest.raises(KnownError, match="HubSpot has no property lead_score"):
            await it.run(lambda: False)


async def test_a_parked_record_becomes_obsolete_when_a_later_one_is_delivered() -> None:
    """Sending it then would put old values back: `retry` leaves it unless forced."""
    documents = [transition("email:ann@x.example", 1), transition("email:ann@x.example", 2)]
    async with HubSpotStandIn() as vendor:
        vendor.once("/batch/upsert", web.json_response({"message": "no"}, status=400))
        it = rig(hubspot_text(vendor.url), documents)
        await it.run(it.all_committed)
    [parked] = list(it.ward.index)
    assert (parked.document["seq"], parked.obsolete_by) == (1, documents[1]["id"])


# -- Salesforce ------------------------------------------------------------------------------------------------------------


async def test_leads_are_upserted_by_their_external_id_with_tokens_that_expire() -> None:
    """450 leads in requests of at most 200; each token is good for two of them."""
    async with SalesforceStandIn(uses=2) as vendor:
        it = rig(salesforce_text(vendor.url), story(450, 1))
        await it.run(it.all_committed)
    assert len(vendor.leads) == 450
    assert vendor.leads["email:l3@x.example"] == {
        "LeadKey__c": "email:l3@x.example",
        "LastName": "unknown",
        "Company": "acme",
        "Lead_Score__c": 51.0,
        "Stage__c": "mql",
    }
    assert vendor.logins >= 2


async def test_partial_failures_and_locked_rows() -> None:
    """A refused record is parked, a locked one goes later, the others have gone."""
    async with SalesforceStandIn() as vendor:
        vendor.refused = {"email:l1@x.example"}
        vendor.locked = {"email:l2@x.example": 2}
        it = rig(salesforce_text(vendor.url), story(4, 2))
        await it.run(it.all_committed)
    assert sorted(vendor.leads) == [f"email:l{number}@x.example" for number in (0, 2, 3)]
    assert [(one.key, one.document["seq"]) for one in it.ward.index] == [("lead|email:l1@x.example", n) for n in (1, 2)]
    assert "FIELD_CUSTOM_VALIDATION_EXCEPTION" in next(iter(it.ward.index)).reason
    for lead in (0, 2, 3):
        mine = [values["Lead_Score__c"] for key, values in vendor.writes if key == f"email:l{lead}@x.example"]
        assert mine == [51.0, 52.0]


async def test_the_days_limit_is_left_to_others_and_waited_for() -> None:
    """At 95 % of the day's requests one look in 15 minutes; REQUEST_LIMIT_EXCEEDED parks nothing."""
    async with SalesforceStandIn(allowed=3) as vendor:
        it = rig(salesforce_text(vendor.url, "limits: {batch: 10, parallel: 1}"), story(60, 1))

        async def next_day() -> None:
            while it.clock.now() < START + 2 * HOUR:
                await asyncio.sleep(0.001)
            assert vendor.requests <= 3 + 1 + 9
            vendor.allowed = 100_000

        await it.run(it.all_committed, next_day)
    assert len(vendor.leads) == 60
    assert len(it.ward.index) == 0


async def test_it_logs_on_by_a_signed_assertion() -> None:
    """The JWT bearer flow; the stand-in checks signature, issuer, subject, audience and expiry."""
    key = rsa.generate_private_key(65537, 2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    settings = f"username: {USER}\n  private_key: ${{SF_KEY}}"
    async with SalesforceStandIn() as vendor:
        vendor.public_key = key.public_key()
        environment = {"SF_CLIENT": CLIENT, "SF_KEY": private}
        it = rig(salesforce_text(vendor.url, settings=settings), story(2, 1), environment)
        await it.run(it.all_committed)
    assert len(vendor.leads) == 2


@pytest.mark.parametrize(("how", "left"), [("delete", 1), ("anonymise", 2), ("ignore", 2)])
async def test_an_erasure_in_salesforce(how: str, left: int) -> None:
    """Deleted by the external id, or its personal fields overwritten, or left alone: as configured."""
    settings = f"client_secret: ${{SF_SECRET}}\n  erased: {how}"
    if how == "anonymise":
        settings += "\n  anonymise: {LastName: {constant: erased}, Company: {constant: erased}}"
    async with SalesforceStandIn() as vendor:
        it = rig(salesforce_text(vendor.url, settings=settings), [*story(2, 1), erased("email:l0@x.example")])
        await it.run(it.all_committed)
    assert len(vendor.leads) == left
    if how == "anonymise":
        assert vendor.leads["email:l0@x.example"]["LastName"] == "erased"
