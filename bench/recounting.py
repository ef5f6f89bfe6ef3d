"""Turning a brand's switch: how fast the last days are judged again and counted otherwise, all at one moment."""

from __future__ import annotations

import time

from bench.counting import fill
from bench.report import Line, say
from bench.stage import Stage

_HOUR_FOR = 10_000_000  # interactions that are to be done within an hour


def measure(stage: Stage) -> list[Line]:
    """A fraction of what a big sender gets in 30 days. About a third of the verdicts change, which is much."""
    from django.utils import timezone

    from engagement import rejudging
    from engagement.counting import count_next
    from engagement.detection import RULES_VERSION
    from engagement.models import CountingSwitch, Interaction, Rejudgement

    count = 20_000 if stage.is_quick else 300_000
    fill(stage, count)
    while count_next(timezone.now()):
        say("recounting: interactions counted")
    moments = Interaction.objects.order_by("occurred_at").values_list("occurred_at", flat=True)
    first, last = moments[0], moments[count - 1]
    run = Rejudgement.objects.create(
        since=first, until=last, brand_id=stage.brand_id, channel="", rules=RULES_VERSION, state="applying"
    )
    CountingSwitch.objects.create(brand_id=stage.brand_id, channel="email", leaves_out=True, rejudgement=run)
    start = time.perf_counter()
    rejudging.look_and_apply(run, lambda rows: say(f"recounting: {run.seen_count:,} of {count:,} judged again"))
    rate = run.seen_count / (time.perf_counter() - start)
    changed = 100 * run.revisions.count() / run.seen_count
    hours = _HOUR_FOR / rate / 3_600
    return [
        Line(
            "recounting",
            "Interactions judged again and counted for a switch",
            rate,
            "rows/s",
            aim=_HOUR_FOR / 3_600,
            note=f"{changed:.0f} % of them changed; 10 million would take {hours:.1f} hours",
        )
    ]
