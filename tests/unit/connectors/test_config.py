"""Configurations: what is read, and that every mistake is named with file, line and field."""

from pathlib import Path

import pytest

from stream_app.connectors.config import InvalidConfig, parse_config, read_config
from stream_app.connectors.contract import Refused
from stream_app.connectors.fields import apply
from stream_app.connectors.hubspot_settings import HubSpotSettings
from stream_app.connectors.secrets import Vault
from stream_app.connectors.sources import email_in_key
from stream_app.connectors.webhook_settings import WebhookSettings
from tests.vendors.changes import change, erased, score, transition
from tests.vendors.configs import ENVIRONMENT, config_of, hubspot_text, salesforce_text, webhook_text

EXAMPLES = sorted((Path(__file__).parents[3] / "examples" / "connectors").glob("*.yaml"))


def problems(text: str, environment: dict[str, str] | None = None) -> list[str]:
    """What is wrong with a text."""
    with pytest.raises(InvalidConfig) as caught:
        config_of(text, environment)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_the_examples_are_valid(path: Path) -> None:
    """As they lie there; their secrets are looked up elsewhere."""
    assert read_config(path, {}, blind=True).connector in path.name


def test_there_is_an_example_of_each_connector() -> None:
    """Three."""
    assert {path.stem.split("-")[0] for path in EXAMPLES} == {"webhook", "hubspot", "salesforce"}


def test_an_unknown_source_is_named_with_its_line_and_what_there_is() -> None:
    """File, line, column, field, the likeliest name, and all names."""
    [problem] = problems(hubspot_text("https://api.example").replace("seq\n", "sequence\n"))
    assert problem.startswith('connector.yaml:10:13: fields.lead_seq: unknown source "sequence"')
    assert "there are id, kind, subject, lead, email" in problem


def test_names_of_the_model_are_checked_where_it_is_given() -> None:
    """Scores, ladders and stages that it lacks; stages that a map forgets."""
    text = """connector: webhook
model: minimal
send: {transitions: {ladders: [lifecycel], to: [mql]}}
webhook: {url: "https://a.example/hook", secrets: ["${WEBHOOK_SECRET}"]}
fields:
  points: scores.totl
  stage: {from: stages.lifecycle, values: {nobody: 1}}
"""
    found = problems(text)
    assert any("send.transitions.ladders[0]: expected one of" in one for one in found)
    assert any(one.startswith("connector.yaml:6:11: fields.points: the model has no scores.totl") for one in found)
    assert any('fields.stage.values.nobody: there is no stage "nobody"' in one for one in found)
    assert any("fields.stage.values: no value for" in one for one in found)


def test_a_secret_never_stands_in_the_file_and_is_never_shown() -> None:
    """The problem names the place, not the text."""
    found = problems(hubspot_text("https://api.example").replace("${HUBSPOT_TOKEN}", "pat-very-secret"))
    words = "expected ${NAME} of an environment variable, or secret_file: a secret does not stand here"
    assert found == [f"connector.yaml:4:10: hubspot.token: {words}"]
    config = config_of(hubspot_text("https://api.example"))
    assert isinstance(config.vendor, HubSpotSettings)
    assert config.vendor.token.value == ENVIRONMENT["HUBSPOT_TOKEN"]
    assert ENVIRONMENT["HUBSPOT_TOKEN"] not in repr(config) + str(config.vendor.token)


def test_a_secret_may_lie_in_a_file(tmp_path: Path) -> None:
    """Relative to the configuration; one that is missing is named."""
    text = hubspot_text("https://api.example").replace("${HUBSPOT_TOKEN}", "{secret_file: token}")
    with pytest.raises(InvalidConfig, match=r"connector.yaml:4:24: hubspot.token.secret_file: .*token can't be read"):
        config_of(text, folder=tmp_path)
    (tmp_path / "token").write_text("pat-1\n")
    vendor = config_of(text, folder=tmp_path).vendor
    assert isinstance(vendor, HubSpotSettings) and vendor.token.value == "pat-1"


def test_a_missing_variable_and_a_short_secret() -> None:
    """Said at start, not at the first request."""
    text = webhook_text("https://a.example/hook")
    assert problems(text, {})[0].endswith("the environment variable WEBHOOK_SECRET is not set")
    assert "24 to 64 bytes" in problems(text, {"WEBHOOK_SECRET": "whsec_c2hvcnQ="})[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the file is empty; expected a connector's configuration"),
        ("connector: hubspt", 'found "hubspt" (did you mean "hubspot"?)'),
        ("connector: webhook", 'the key "webhook" is missing'),
        (webhook_text("https://a.example/h", "hubspot: {}"), "this is a webhook's configuration"),
        (webhook_text("https://a.example/h", "limits: {batch: 2}"), "expected items a request from 1 to 1"),
        (hubspot_text("https://a.example", "limits: {requests: 500}"), "the vendor allows 190 requests in 10 s"),
        (hubspot_text("https://a.example").replace("lead_score:", "Lead Score:"), "can't be a field"),
        (hubspot_text("https://a.example").replace("awareness: lead", "awareness: led"), "led is no lifecycle stage"),
        (
            salesforce_text("https://a.example", settings="client_secret: ${SF_SECRET}\n  erased: anonymise"),
            "anonymise",
        ),
        (webhook_text("https://a.example/h", "retry: {give_up: soon}"), "expected a duration such as 30m"),
        (webhook_text("https://a.example/h", "webhook2: 1"), 'unknown key "webhook2"'),
    ],
)
def test_mistakes(text: str, words: str) -> None:
    """One each."""
    assert any(words in one for one in problems(text)), problems(text)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://a.example/h", "expected https; allow_http would permit it"),
        ("https://10.0.0.1/h", "10.0.0.1 is not public"),
        ("https://[::ffff:127.0.0.1]/h", "not public"),
        ("https://user:word@a.example/h", "does not belong into a URL"),
        ("ftp://a.example/h", "expected https://HOST/..."),
    ],
)
def test_urls_that_are_refused(url: str, words: str) -> None:
    """Before anything is connected to."""
    text = f'connector: webhook\nwebhook: {{url: "{url}", secrets: ["${{WEBHOOK_SECRET}}"]}}\n'
    assert words in problems(text)[0]


def test_fields_take_from_both_kinds_of_document() -> None:
    """The same names in a transition and in a score; what one lacks is left out."""
    text = """connector: webhook
webhook: {url: "https://a.example/h", secrets: ["${WEBHOOK_SECRET}"]}
fields:
  total: {from: scores.total, round: 0}
  before: scores.before.total
  stage: stages.lifecycle
  campaign: actions.campaign
  owner: owner
  who: email
  why: reasons
  level: stages.level
  hot: {from: bands.temperature, values: {hot: true}, otherwise: false}
  source: {constant: stream-app}
"""
    vendor = config_of(text).vendor
    assert isinstance(vendor, WebhookSettings)
    assert apply(vendor.fields, change(transition("email:ann@x", 1)), email_in_key) == {
        "total": 51,
        "before": 34.1,
        "stage": "mql",
        "campaign": "testimonials",
        "who": "ann@x",
        "why": "pricing_page +15 (engagement)",
        "hot": False,
        "source": "stream-app",
    }
    assert apply(vendor.fields, change(score("user:ann", 1, 7)), email_in_key) == {
        "total": 7,
        "stage": "mql",
        "owner": "kim",
        "source": "stream-app",
    }


def test_a_value_that_no_map_names_parks_the_record() -> None:
    """Unless `otherwise` says what to do."""
    text = hubspot_text("https://a.example").replace("    otherwise: null\n", "")
    vendor = config_of(text).vendor
    assert isinstance(vendor, HubSpotSettings)
    found = apply(vendor.fields, change(transition("email:a@x", 1, to="vip")), email_in_key)
    assert found == Refused('field lifecyclestage: stages.lifecycle is "vip", which its values do not name')


def test_filters() -> None:
    """What is not wanted, in a word; erasures are wanted whatever the rest says."""
    text = webhook_text(
        "https://a.example/h",
        "send:\n  transitions: {ladders: [lifecycle], to: [sql], directions: [up], restated: false}",
    )
    unwanted = config_of(text).filters.unwanted
    assert unwanted(change(transition("user:a", 1, to="sql"))) is None
    assert unwanted(change(transition("user:a", 1, to="mql"))) == "to"
    assert unwanted(change(transition("user:a", 1, to="sql", ladder="level"))) == "ladder"
    assert unwanted(change(transition("user:a", 1, to="sql", direction="down"))) == "direction"
    assert unwanted(change(transition("user:a", 1, to="sql", restated=True))) == "restated"
    assert unwanted(change(transition("user:a", 1, to="sql", suppressed=True))) == "suppressed"
    account = {**transition("user:a", 1, to="sql"), "subject": "account", "lead": None}
    assert unwanted(change(account)) == "subject"
    assert unwanted(change(score("user:a", 1, 7))) == "score"
    assert unwanted(change(erased("user:a"))) is None


def test_a_dry_run_needs_no_secrets() -> None:
    """They are not even looked up."""
    assert parse_config(hubspot_text("https://a.example"), "x.yaml", Vault({}, blind=True)).connector == "hubspot"
