"""Which sums are kept of each origin of events, such as a domain: what machines did there, what gave them away, how
soon they came. Said here once, for the statement that adds up and for Python."""

from __future__ import annotations

from collections.abc import Iterable

from engagement.counting.ages import AGES, COARSE, UNKNOWN
from engagement.recording.records import RECORDS

DEEDS = ("opened", "clicked", "visited", "script", "hidden")  # what is none of these is other
OTHER = "other"
SIGNS = ("agent", "learned", "behaviour")
COARSE_PACES = tuple(AGES[number] for number in COARSE)  # since when after sending, in seconds, each class begins
PACES = tuple(sorted({*COARSE_PACES, 10}))  # the finer classes, of all events at mailings together
_KINDS = {"open": "opened", "click": "clicked", "visit": "visited", "header_visit": "visited", "arrive": "script"}


def _deed(record: str) -> str:
    kind, machine, _ = record.partition("_machine")
    return "hidden" if record == "hidden_link" else _KINDS.get(kind, OTHER) if machine else OTHER


_DEED_OF = {record: _deed(record) for record in RECORDS}
_SIGN_OF = {record: sign for record in RECORDS for sign in SIGNS if record.endswith(f"_machine_{sign}")}
_PACE_OF = {UNKNOWN: ""} | {age: str(max(since for since in PACES if since <= begin)) for age, begin in enumerate(AGES)}


def deed_of(record: str) -> str:
    """Return which of `DEEDS` a machine's record type is, or `OTHER`."""
    return _DEED_OF.get(record, OTHER)


def sign_of(record: str) -> str:
    """Return which of `SIGNS` gave a machine with this record type away; "" where the type does not say it."""
    return _SIGN_OF.get(record, "")


def pace_of(age: int) -> str:
    """Return which of `PACES` a class of ages belongs to, as a text; "" for what has no time of sending."""
    return _PACE_OF[age]


def _one_of(found: Iterable[str]) -> str:
    return f"record IN ({', '.join(f"'{record}'" for record in found)})"


def _from(number: int) -> str:
    return f"age BETWEEN {COARSE[number]} AND {(*COARSE, len(AGES))[number + 1] - 1}"


# The ranking's columns, and of which rows of `counting_change` each is the number: but for the first one, of machines'.
SUMS = {
    "everybody": "true",
    "events": "is_machine",
    **{deed: f"is_machine AND {_one_of(r for r in RECORDS if deed_of(r) == deed)}" for deed in DEEDS},
    **{f"by_{sign}": f"is_machine AND {_one_of(r for r in RECORDS if sign_of(r) == sign)}" for sign in SIGNS},
    **{f"soon_{since}": f"is_machine AND {_from(number)}" for number, since in enumerate(COARSE_PACES)},
}
# The value of a row's class in the ranking by pace.
PACE = f"(ARRAY[{', '.join(f"'{pace_of(age)}'" for age in range(UNKNOWN, len(AGES)))}])[age + 2]"
