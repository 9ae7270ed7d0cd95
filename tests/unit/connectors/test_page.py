"""docs/connectors.md names every source, every key and every command."""

from pathlib import Path

from stream_app.connectors import config
from stream_app.connectors.config import parse_config
from stream_app.connectors.secrets import Vault
from stream_app.connectors.sources import NAMED, SIMPLE
from tests.vendors.configs import hubspot_text

PAGE = (Path(__file__).parents[3] / "docs" / "connectors.md").read_text(encoding="utf-8")


def test_every_source_is_on_the_page() -> None:
    """Who adds one sees it here."""
    names = [*SIMPLE, *(f"{head}.NAME" for head in NAMED)]
    assert [name for name in names if f"`{name}`" not in PAGE] == []


def test_every_key_is_on_the_page() -> None:
    """The configuration's own and its limits'."""
    keys = {*config._KEYS, "batch", "parallel", "requests", "per", "timeout", "pending", "base", "longest", "give_up"}
    assert sorted(key for key in keys if f"`{key}`" not in PAGE and f"`{key}." not in PAGE) == []


def test_its_example_of_fields_is_valid() -> None:
    """As it stands there."""
    snippet = PAGE.split("```yaml\n")[1].split("```")[0]
    head = hubspot_text("https://a.example").split("fields:")[0]
    assert parse_config(head + snippet, "page", Vault({}, blind=True)).connector == "hubspot"
