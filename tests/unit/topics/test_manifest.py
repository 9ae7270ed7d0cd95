"""The topic manifest."""

import pytest

from stream_app.topics import load_manifest

FOREVER = str(2**63 - 1)


def test_the_lead_agents_topics_have_one_partition_count_and_a_fixed_order() -> None:
    """Co-partitioned, and merged in the manifest's order, the inbox last (design.md, "The lane")."""
    manifest = load_manifest()
    assert [topic.base for topic in manifest.inputs("lead")] == [
        "web-events",
        "email-events",
        "social-events",
        "crm-events",
        "lead-inbox",
    ]
    assert [topic.base for topic in manifest.inputs("account")] == ["account-events", "account-inbox"]
    assert {topic.partitions for topic in manifest.inputs("lead")} == {manifest.partitions("lead")} == {4}


@pytest.mark.parametrize("kind", ["event", "inbox"])
def test_history_is_accepted_and_kept(kind: str) -> None:
    """Events of 2018 survive: no bound on a record's time, no deletion by it (design.md, "Details that bite")."""
    for topic in load_manifest():
        if topic.kind == kind:
            assert topic.config["retention.ms"] == "-1"
            assert topic.config["message.timestamp.type"] == "CreateTime"
            assert topic.config["message.timestamp.before.max.ms"] == FOREVER
            assert topic.config["message.timestamp.after.max.ms"] == FOREVER


def test_tables_are_compacted_and_remember_deletions_for_a_week() -> None:
    """Scores, models and changelogs keep the last value of a key."""
    for topic in load_manifest():
        compacted = topic.kind in ("scores", "models", "changelog")
        assert (topic.config["cleanup.policy"] == "compact") == compacted
        assert not compacted or int(topic.config["delete.retention.ms"]) == 7 * 86_400_000


@pytest.mark.parametrize(
    ("channel", "about_account", "expected"),
    [
        ("web", False, "web-events"),
        ("email", False, "email-events"),
        ("whatsapp", False, "email-events"),
        ("social", False, "social-events"),
        ("crm", False, "crm-events"),
        ("account", True, "account-events"),
        ("web", True, "account-events"),
        ("account", False, "web-events"),
        ("kiosk", False, "web-events"),
        (None, False, "web-events"),
    ],
)
def test_an_event_goes_to_the_topic_of_its_channel(channel: str | None, about_account: bool, expected: str) -> None:
    """S065, S066: messages of any kind have a topic; a channel nobody listed has one too; accounts theirs."""
    assert load_manifest().topic_of(channel=channel, about_account=about_account).base == expected


def test_a_prefix_lets_several_systems_share_a_broker() -> None:
    """Names on the broker carry it; names in the code do not."""
    manifest = load_manifest(prefix="eu.", partitions=2)
    topic = manifest["transitions"]
    assert (topic.base, topic.name, topic.partitions) == ("transitions", "eu.transitions", 2)
    assert manifest["scoring-models"].partitions == 1
    assert manifest.named("eu.transitions") is topic
    assert manifest.named("transitions") is None
    with pytest.raises(KeyError):
        manifest["eu.transitions"]


@pytest.mark.parametrize(("prefix", "partitions"), [("a/b", None), ("x" * 101, None), ("", 0), ("", 10_001)])
def test_bad_prefixes_and_counts_are_refused(prefix: str, partitions: int | None) -> None:
    """Kafka's own rules for names."""
    with pytest.raises(ValueError, match="prefix|partition"):
        load_manifest(prefix, partitions)


def test_the_manifest_names_each_topic_once() -> None:
    """Fifteen topics: five of events, two inboxes, six outputs with the models and what was replayed, two changelogs."""
    names = [topic.base for topic in load_manifest()]
    assert len(names) == len(set(names)) == 15
