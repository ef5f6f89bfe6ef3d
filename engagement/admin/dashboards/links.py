"""What was clicked: the targets of links, and how many of the clicks went to a page with HTTPS."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from engagement.admin.chart import across
from engagement.admin.dashboards.series import is_of
from engagement.admin.dashboards.tiles import Tile, has_left_out, side_by_side, single
from engagement.admin.tables import NOT_KNOWN, Row, Table, share
from engagement.figures.counted import CLEANED, Counted, TallyRow, Which, reaches, tallies
from engagement.models import Act, Dimension, TrackedLink

_LONGEST = 90


def https_tile(scope: Counted) -> Tile:
    """The share of the clicks that led to an https: target."""
    keys = ("value", "record", "verdict")
    rows = [row for row in tallies(scope, Dimension.LINK, *keys) if is_of(row.record, "click")]
    chosen = rows
    if has_left_out(scope):
        picked = tallies(scope, Dimension.LINK, *keys, which=Which.CHOSEN)
        chosen = [row for row in picked if is_of(row.record, "click")]
    targets = _targets(scope, {row.value for row in rows})
    people = [row for row in rows if row.verdict in CLEANED]
    texts = [_https_share(part, targets) for part in (people, rows, chosen)]
    meaning = "Of the clicks, those that led to a page with HTTPS. Others can be read on the way."
    if not rows:
        return single("Clicks that lead to HTTPS", NOT_KNOWN, "No link was clicked.")
    return Tile("Clicks that lead to HTTPS", side_by_side(texts[0], texts[1], texts[2]), meaning)


def _https_share(rows: Iterable[TallyRow], targets: dict[str, str]) -> str:
    counts: Counter[bool] = Counter()
    for row in rows:
        counts[targets.get(row.value, "").startswith("https:")] += row.events
    return share(counts[True], counts.total())


def _targets(scope: Counted, numbers: Iterable[str]) -> dict[str, str]:
    """The links' targets by their number as text: the same target has the same number in every mailing."""
    links = TrackedLink.objects.filter(brand_id__in=scope.brands, number__in=[int(number) for number in numbers])
    if scope.mailing:
        links = links.filter(mailing=scope.mailing)
    return {str(number): url for number, url in links.values_list("number", "url")}


def table(scope: Counted) -> Table:
    """The links of a mailing, the most clicked by people first."""
    people: Counter[str] = Counter()
    everybody: Counter[str] = Counter()
    for row in tallies(scope, Dimension.LINK, "value", "record", "verdict"):
        if is_of(row.record, "click"):
            everybody[row.value] += row.events
            people[row.value] += row.events if row.verdict in CLEANED else 0
    unique: Counter[str] = Counter()
    for reach in reaches(scope, Dimension.LINK, "value", "act", which=Which.CLEANED):
        if reach.act == Act.CLICK:
            unique[reach.value] += reach.messages
    targets = _targets(scope, everybody)
    ordered = sorted(everybody, key=lambda number: (-people[number], -everybody[number], targets.get(number, "")))
    most = max(everybody.values(), default=0)
    return Table(
        "links",
        "Links",
        ("Target", "Clicks by people", "Clicks, with robots", "Messages", "Share", "HTTPS"),
        tuple(
            Row(
                _short(targets.get(number, "Not known any more")),
                (
                    people[number],
                    everybody[number],
                    unique[number],
                    share(people[number], people.total()),
                    _https(targets.get(number)),
                ),
                across([("human", people[number]), ("machine", everybody[number] - people[number])], most),
                people[number],
                file_label=targets.get(number, number),
            )
            for number in ordered
        ),
        Row("All", (people.total(), everybody.total(), "", share(people.total(), people.total()), "")),
        "“Messages” are those in which a person clicked the link. Targets are kept without what follows “?”, which may "
        "name someone.",
        "No link was clicked yet.",
        legend=(("human", "people"), ("machine", "robots")),
        is_wide=True,
    )


def _short(url: str) -> str:
    return url if len(url) <= _LONGEST else url[: _LONGEST - 1] + "…"


def _https(url: str | None) -> str:
    return NOT_KNOWN if url is None else "yes" if url.startswith("https:") else "no"
