"""What rules rest on: data, what sales or customers say, or judgement alone."""

from collections.abc import Iterator

from stream_app.engine.model.finding import Finding
from stream_app.engine.model.types import Model

MAX_NAMED = 20


def lint_evidence(model: Model) -> Iterator[Finding]:
    """Rules that state no evidence, rules that rest on judgement alone, and models of one source."""
    cards = ((model.lead, ""), (model.account, "account."))
    rules = [(f"{prefix}rules[{at}]", rule) for card, prefix in cards for at, rule in enumerate(card.rules)]
    for path, rule in rules:
        if rule.evidence is None:
            message = f'"{rule.id}" states no `evidence`: data, sales, customer or judgement'
            yield Finding("warning", "no-evidence", path, message)
    judged = [rule.id for _, rule in rules if rule.evidence == "judgement"]
    if judged:
        named = ", ".join(judged[:MAX_NAMED]) + (
            f" and {len(judged) - MAX_NAMED} more" if len(judged) > MAX_NAMED else ""
        )
        message = f"only `judgement` stands behind {named}; check against outcomes, or ask sales and customers"
        yield Finding("note", "judgement-only", "rules", message)
    sources = {rule.evidence for _, rule in rules if rule.evidence not in (None, "judgement")}
    if len(sources) == 1:
        message = f"all evidence comes from one source, {next(iter(sources))}; a mixture is safer"
        yield Finding("note", "one-source", "rules", message)
