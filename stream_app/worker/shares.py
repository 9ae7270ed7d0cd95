"""What a lead brings to its account, as contributions (scoring.md section 8)."""

from stream_app.engine.published import rounded
from stream_app.engine.trackers.latest import distinct_value
from stream_app.runtime.lead import Lead
from stream_app.worker.composition import Scoring
from stream_app.worker.messages import Contribution


def shares_of(scoring: Scoring, lead: Lead) -> list[Contribution]:
    """The lead's contribution to each score of the account that has a roll-up, at its clock."""
    shares = []
    card = lead.card
    for position, score in scoring.rollups:
        value = card.scores[position]
        if value is None:
            shares.append(Contribution(None, None, False))
            continue
        breadth = score.breadth
        named = None if breadth is None else distinct_value(lead.view.get(breadth.fact))
        counts = breadth is not None and round(value, 9) >= breadth.min_score
        shares.append(Contribution(rounded(value, lead.plan.precisions[position]), named, counts))
    return shares
