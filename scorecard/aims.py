"""What `balanced` aims at (docs/scorecard.md), and which cases miss it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from scorecard.networks import Network
from scorecard.visits import AGES, Label, Result

OURS = "ours, balanced"
FIRST_MINUTES = 600  # seconds since sending for which the lower aim holds
AIM_LATER, AIM_FIRST = 95, 80  # per cent of people, of those whose browser runs scripts


@dataclass(frozen=True, slots=True)
class Miss:
    """A case that is not as wished. `is_aim` is False where the visit shows nothing that could tell."""

    result: Result
    what: str
    is_aim: bool


def shows_evidence(result: Result) -> bool:
    """Whether the visit itself, or a network in which nobody browses, speaks against a robot. A data centre does not:
    people come from there by VPN, and so does freshness not, for people click at once, too."""
    return bool(result.shows) or result.case.network == Network.MAIL_FILTER


def misses(results: Iterable[Result]) -> list[Miss]:
    """Every case of ours in which a robot came through or a person did not with one click."""
    return [miss for result in results if result.model == OURS and (miss := _miss(result))]


def _miss(result: Result) -> Miss | None:
    if result.label is Label.ROBOT:
        if result.settled:
            return Miss(result, "robot stands after settling", shows_evidence(result))
        return Miss(result, "robot at once, put back by settling", False) if result.at_once else None
    if result.is_lost:
        return Miss(result, "person lost", True)
    if result.is_asked:
        return Miss(result, "person asked for a press", result.has_hand)
    return None


def verdicts(results: Sequence[Result]) -> list[tuple[str, str, bool]]:
    """The aims in words, what was reached, and whether that is enough."""
    ours = [result for result in results if result.model == OURS]
    people = [result for result in ours if result.label is Label.PERSON and result.has_script]
    first = [person for person in people if AGES[person.case.age] < FIRST_MINUTES]
    later = [person for person in people if AGES[person.case.age] >= FIRST_MINUTES]
    missed = misses(ours)
    standing = sum(miss.is_aim and miss.result.label is Label.ROBOT for miss in missed)
    pressed = sum(miss.is_aim and miss.what == "person asked for a press" for miss in missed)
    lost = sum(result.is_lost for result in ours)
    return [
        ("no robot that shows evidence stands after settling", f"{standing} stand", standing == 0),
        _share(f"at least {AIM_LATER} % served by one click from 20 minutes on", later, AIM_LATER),
        _share(f"at least {AIM_FIRST} % served by one click in the first minutes", first, AIM_FIRST),
        ("nobody is lost", f"{lost} lost", lost == 0),
        ("no press for whoever moves the pointer or touches the page", f"{pressed} pressed", pressed == 0),
    ]


def _share(aim: str, people: Sequence[Result], percent: int) -> tuple[str, str, bool]:
    served = sum(person.is_served for person in people)
    share = 100 * served / len(people) if people else 100.0
    return aim, f"{served} of {len(people)} ({share:.1f} %)", share >= percent
