"""What robots did to the lists over time, and what was put back, as it is counted of the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from engagement.figures.counted import Counted, TallyRow
from engagement.figures.opt_outs import OF_PAGE, doors
from engagement.models import Level
from preferences.models import Source


@dataclass(frozen=True, slots=True)
class Ended:
    """Page views of robots that ended with an opt-out, and opt-outs of robots that were put back."""

    views: int = 0
    put_back: int = 0

    def __add__(self, other: Ended) -> Ended:
        return Ended(self.views + other.views, self.put_back + other.put_back)


def ended(scope: Counted, unit: Level) -> list[tuple[datetime, Ended]]:
    """Return what there is of each hour, day or month, as `unit` says; they add up."""
    rows = doors(scope, "start", "value", "record", "verdict", unit=unit)
    return [(row.start, _ended(row)) for row in rows if row.start]


def _ended(row: TallyRow) -> Ended:
    if row.value == Source.REINSTATEMENT and row.record == "opt_out":
        return Ended(put_back=row.events)
    is_view = row.value in OF_PAGE and row.record == "view" and row.verdict == "machine"
    return Ended(views=row.events) if is_view else Ended()
