"""The tables of a mailing's page: the funnel, its segments, and its conversions."""

from __future__ import annotations

from collections import defaultdict

from django.db.models import Count, Sum

from engagement.admin.chart import across
from engagement.admin.dashboards.comparison import LEGEND
from engagement.admin.dashboards.tiles import Reached, split
from engagement.admin.tables import NOT_KNOWN, Row, Table, share
from engagement.figures.counted import Counted, ReachRow, reaches
from engagement.figures.deliveries import DeliveryRow, deliveries
from engagement.models import Act, Conversion, Dimension, Mailing

_STAGES = (
    (Act.OPEN, "Opened", "the mail’s picture was loaded"),
    (Act.CLICK, "Clicked", "a link was followed"),
    (Act.VISIT, "Visited", "the unsubscribe page was requested"),
    (Act.SCRIPT, "Script ran", "and the page’s script reported"),
    (Act.LEFT, "Opted out", "on the page, or by one click in the mail program"),
)


def funnel(found: Reached, sent: DeliveryRow, *, has_opens: bool) -> Table:
    """From delivery to leaving, all stages on the scale of the longest; the table has what is too short to be seen."""
    stages = _STAGES if has_opens else [stage for stage in _STAGES if stage[0] != Act.OPEN]
    delivered = None if sent.unknown else sent.delivered
    count = NOT_KNOWN if delivered is None else delivered
    most = max([delivered or 1, *found.raw.values()])
    bar = across([("delivered", delivered)], most) if delivered else ()
    first = Row("Delivered", (count, "", "", share(delivered or 0, delivered)), bar, count)
    return Table(
        "funnel",
        "From delivery to leaving",
        ("Stage", "Messages", "People", "Robots alone", "Of delivered, people"),
        (first, *(_stage(found, act, name, note, delivered, most) for act, name, note in stages)),
        help="Each message counts once in a stage. What only a prefetch opened is drawn with the robots’.",
        legend=LEGEND,
    )


def _stage(found: Reached, act: Act, name: str, note: str, delivered: int | None, most: int) -> Row:
    robots = found.by_robots_alone(act)
    people = found.raw[act] - robots
    pieces = across([("human", people), ("machine", robots)], most)
    cells = (found.raw[act], people, robots, share(people, delivered))
    return Row(name, cells, pieces, found.raw[act], note=note)


def segments(scope: Counted, *, has_opens: bool) -> Table:
    """What each segment did, the largest first; the links and the fed deliveries say which there are."""
    rows: defaultdict[str, list[ReachRow]] = defaultdict(list)
    for reach in reaches(scope, Dimension.SEGMENT, "value", "act", "is_cleaned"):
        rows[reach.value].append(reach)
    fed = {row.segment: row for row in deliveries(scope, "segment")}
    named = {name for name in {*rows, *fed} if name}
    names = sorted({*rows, *fed} if named else named, key=lambda name: (-_size(fed.get(name), rows[name]), name))
    return Table(
        "segments",
        "Segments",
        (
            *("Segment", "Delivered"),
            *(("Opened by people", "Opened, with robots", "Open rate") if has_opens else ()),
            *("Clicked by people", "Clicked, with robots", "Click-through", "Left"),
        ),
        tuple(_segment(name, split(rows[name]), fed.get(name), has_opens=has_opens) for name in names),
        help="Rates are people’s, of what was delivered to the segment.",
        empty="Its links name no segment, and none was fed.",
        is_wide=True,
    )


def _size(fed: DeliveryRow | None, rows: list[ReachRow]) -> int:
    return (fed.delivered if fed else None) or sum(row.messages for row in rows if not row.is_cleaned)


def _segment(name: str, found: Reached, fed: DeliveryRow | None, *, has_opens: bool) -> Row:
    delivered = None if fed is None or fed.unknown else fed.delivered
    raw, people = found.raw, found.cleaned
    opens = (people[Act.OPEN], raw[Act.OPEN], share(people[Act.OPEN], delivered))
    cells = (
        NOT_KNOWN if delivered is None else delivered,
        *(opens if has_opens else ()),
        people[Act.CLICK],
        raw[Act.CLICK],
        share(people[Act.CLICK], delivered),
        people[Act.LEFT],
    )
    return Row(name or "No segment in particular", cells)


def conversions(mailing: Mailing) -> Table:
    """By what the brand calls them, with what they were worth in each currency."""
    told = Conversion.objects.filter(brand_id=mailing.brand_id, mailing=mailing.slug)
    sums = told.values_list("name", "currency").annotate(count=Count("id"), worth=Sum("value"))
    found = sums.order_by("-count", "name", "currency")
    most = max((count for _, _, count, _ in found), default=0)
    return Table(
        "conversions",
        "Conversions",
        ("What", "Times", "Worth", "Currency"),
        tuple(
            Row(
                name,
                (count, f"{worth:,.2f}" if worth is not None else NOT_KNOWN, currency or NOT_KNOWN),
                across([("saved", count)], most),
                count,
            )
            for name, currency, count, worth in found
        ),
        help="As the brand has posted them for a click.",
        empty="No conversion was posted for its clicks.",
    )
