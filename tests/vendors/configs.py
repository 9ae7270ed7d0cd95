"""Configurations of connectors to the stand-ins."""

import time
from pathlib import Path
from typing import Any

from stream_app.connectors.config import Config, parse_config
from stream_app.connectors.main import destination_of
from stream_app.connectors.secrets import Vault
from stream_app.connectors.sources import email_in_key
from tests.vendors import hubspot, salesforce, webhook
from tests.vendors.harness import Rig

ENVIRONMENT = {
    "WEBHOOK_SECRET": webhook.SECRET,
    "WEBHOOK_OLD_SECRET": webhook.OLD_SECRET,
    "HUBSPOT_TOKEN": hubspot.TOKEN,
    "SF_CLIENT": salesforce.CLIENT,
    "SF_SECRET": salesforce.SECRET,
}

LOCAL = "allow_private: true\n  allow_http: true"


def webhook_text(url: str, more: str = "", secrets: str = '["${WEBHOOK_SECRET}"]') -> str:
    """A webhook's configuration."""
    return f"connector: webhook\nwebhook:\n  url: {url}\n  secrets: {secrets}\n  {LOCAL}\n{more}"


def hubspot_text(url: str, more: str = "", settings: str = "") -> str:
    """HubSpot's, with a score property and the lifecycle stage."""
    return f"""connector: hubspot
hubspot:
  url: {url}
  token: ${{HUBSPOT_TOKEN}}
  {LOCAL}
  {settings}
fields:
  lead_score: {{from: scores.total, round: 0}}
  lead_seq: seq
  lifecyclestage:
    from: stages.lifecycle
    values: {{awareness: lead, mql: marketingqualifiedlead, sql: salesqualifiedlead}}
    otherwise: null
{more}"""


def salesforce_text(url: str, more: str = "", settings: str = "client_secret: ${SF_SECRET}") -> str:
    """Salesforce's, by the lead's key."""
    return f"""connector: salesforce
salesforce:
  login_url: {url}
  client_id: ${{SF_CLIENT}}
  {settings}
  {LOCAL}
  id: {{field: LeadKey__c, from: lead}}
fields:
  LastName: {{constant: unknown}}
  Company: account_id
  Lead_Score__c: {{from: scores.total, round: 1}}
  Stage__c: to
{more}"""


def config_of(text: str, environment: dict[str, str] | None = None, folder: Path = Path()) -> Config:
    """The configuration of a text."""
    return parse_config(text, "connector.yaml", Vault(environment if environment is not None else ENVIRONMENT, folder))


def rig(text: str, documents: list[dict[str, Any]], environment: dict[str, str] | None = None) -> Rig:
    """A connector over documents. Signatures and assertions carry the real time: receivers check it against theirs."""
    config = config_of(text, environment)
    return Rig(config, lambda _: destination_of(config, email_in_key, lambda: int(time.time())), documents)
