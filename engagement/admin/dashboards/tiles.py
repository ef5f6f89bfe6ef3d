"""Numbers that matter, people's and all side by side, and what they mean in a marketer's words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from engagement.admin.tables import share
from engagement.figures.counted import Counted, ReachRow, Which, reaches
from engagement.figures.left_out import left_out
from engagement.models import Act, Dimension

PEOPLE, ALL, COUNTED = "people", "with robots", "as counted"


@dataclass(frozen=True, slots=True)
class Value:
    """One number of a tile. `is_main` is the one that the brand's switch has chosen for its figures."""

    label: str
    text: str
    is_main: bool = True


@dataclass(frozen=True, slots=True)
class Tile:
    """`url` leads to more about it, `link` says to what."""

    name: str
    values: tuple[Value, ...]
    meaning: str
    url: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True)
class Reached:
    """How many messages got each act: all, those by people, and what the brands' switches choose."""

    raw: Mapping[str, int] = field(default_factory=Counter)
    cleaned: Mapping[str, int] = field(default_factory=Counter)
    chosen: Mapping[str, int] = field(default_factory=Counter)

    @property
    def is_empty(self) -> bool:
        return not any(self.raw.values())

    def has_opens(self, *, is_text: bool) -> bool:
        """Whether it can be known who opened them: a text message has no picture, unless somebody gave it one."""
        return not is_text or self.raw[Act.OPEN] > 0

    def without(self, others: Iterable[Reached]) -> Reached:
        """The rest of the messages."""
        parts = Counter(self.raw), Counter(self.cleaned), Counter(self.chosen)
        for one in others:
            for part, other in zip(parts, (one.raw, one.cleaned, one.chosen), strict=True):
                part.subtract(other)
        return Reached(*parts)

    def by_robots_alone(self, act: Act) -> int:
        """Messages of which no person did it. Not below zero where robots came before the period and people in it."""
        return max(self.raw[act] - self.cleaned[act], 0)


def reached(scope: Counted, dimension: Dimension = Dimension.BRAND) -> Reached:
    """Return the sums over the whole scope."""
    rows = reaches(scope, dimension, "act", "is_cleaned")
    return split(rows, reaches(scope, dimension, "act", which=Which.CHOSEN) if has_left_out(scope) else None)


def has_left_out(scope: Counted) -> bool:
    """Whether a brand's switch leaves anything out; else what it chooses is all there is."""
    return bool(left_out(scope.brands, scope.end))


def split(rows: Iterable[ReachRow], chosen: Iterable[ReachRow] | None = None) -> Reached:
    """`chosen` is what the switches choose; None is all."""
    raw: Counter[str] = Counter()
    cleaned: Counter[str] = Counter()
    picked: Counter[str] = Counter()
    for row in rows:
        (cleaned if row.is_cleaned else raw)[row.act] += row.messages
    for row in chosen or ():
        picked[row.act] += row.messages
    return Reached(raw, cleaned, raw if chosen is None else picked)


def single(name: str, value: int | str, meaning: str, url: str = "", link: str = "") -> Tile:
    """A number that robots have no part in."""
    return Tile(name, (Value("", _text(value)),), meaning, url, link)


def counts(name: str, act: Act, found: Reached, meaning: str, url: str = "", link: str = "") -> Tile:
    """How many messages got the act."""
    texts = [_text(part[act]) for part in (found.cleaned, found.raw, found.chosen)]
    return Tile(name, side_by_side(texts[0], texts[1], texts[2]), meaning, url, link)


def rates(name: str, act: Act, found: Reached, whole: int | Act | None, meaning: str) -> Tile:
    """The act as a share of a number, or of another act; None is a number that is not known."""
    texts = [
        share(part[act], part[whole] if isinstance(whole, Act) else whole)
        for part in (found.cleaned, found.raw, found.chosen)
    ]
    return Tile(name, side_by_side(texts[0], texts[1], texts[2]), meaning)


def side_by_side(cleaned: str, raw: str, chosen: str) -> tuple[Value, ...]:
    """People's and all; where the switches choose neither (some of the brands, or of the days), that as well."""
    if chosen not in (cleaned, raw):
        return Value(COUNTED, chosen), Value(PEOPLE, cleaned, False), Value(ALL, raw, False)
    return Value(PEOPLE, cleaned, chosen == cleaned), Value(ALL, raw, chosen == raw)


def _text(value: int | str) -> str:
    return value if isinstance(value, str) else f"{value:,}"
