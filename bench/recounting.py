"""Turning a brand's switch: how fast the last days are judged again and counted otherwise, all at one moment."""

from __future__ import annotations

from typing import Any

from bench import year
from bench.clock import clock
from bench.report import Line, say
from bench.stage import Stage

_WITHIN_AN_HOUR = 10_000_000  # interactions
_YEAR = 100_000_000  # how dense they are: the 30 days of such a year have some ten million
# Some visits and clicks of people were taken for a robot's, as before an update that mattered.
_STALE = """
UPDATE engagement_interaction SET verdict = 'machine', record = kind || '_machine_behaviour'
WHERE id % 4 = 0 AND verdict <> 'machine' AND kind IN ('click', 'visit', 'arrive')
"""


def measure(stage: Stage) -> list[Line]:
    """Judges a fraction of what a big sender gets in 30 days."""
    from django.utils import timezone

    from engagement.counting.counter import count_next
    from engagement.rejudging import runs

    count = 20_000 if stage.is_quick else 300_000
    year.fill(stage, _YEAR, limit=count)
    runs.look_and_apply(_run(stage), lambda rows: say("recounting: what was made up is judged by the rules"))
    stage.database.execute(_STALE)
    while count_next(timezone.now()):
        say("recounting: interactions counted")
    run = _run(stage, is_of_switch=True)
    with clock() as spent:
        runs.look_and_apply(run, lambda rows: say(f"recounting: {run.seen_count:,} of {count:,} judged again"))
    rate = spent.rate(run.seen_count)
    changed = 100 * run.revisions.count() / run.seen_count
    return [
        Line(
            "recounting",
            "Interactions judged again and counted for a switch",
            rate,
            "rows/s",
            aim=_WITHIN_AN_HOUR / 3_600,
            note=f"{changed:.1f} % of them changed; 10 million would take {_WITHIN_AN_HOUR / rate / 60:,.0f} minutes; "
            + spent.words(run.seen_count),
        )
    ]


def _run(stage: Stage, *, is_of_switch: bool = False) -> Any:
    """A run over all that is stored."""
    from engagement.detection import RULES_VERSION
    from engagement.models import CountingSwitch, Interaction, Rejudgement

    moments = Interaction.objects.order_by("occurred_at").values_list("occurred_at", flat=True)
    first, last = moments[0], moments.reverse()[0]
    run = Rejudgement.objects.create(
        since=first, until=last, brand_id=stage.brand_id, rules=RULES_VERSION, state="applying"
    )
    if is_of_switch:
        CountingSwitch.objects.create(brand_id=stage.brand_id, channel="email", leaves_out=True, rejudgement=run)
    return run
