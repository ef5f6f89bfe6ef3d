"""What came of each mailing in a period, and the rates of those of which it is known how many were delivered."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format

from engagement.admin.dashboards.tiles import Reached, has_left_out, split
from engagement.admin.tables import NOT_KNOWN, Row, Table, share
from engagement.figures.counted import Counted, ReachRow, Which, reaches
from engagement.figures.deliveries import DeliveryRow, deliveries
from engagement.models import Act, Dimension, Mailing
from preferences.links import Channel

MOST_SHOWN = 25
SORTS = ("newest", "delivered", "opened", "open_rate", "clicked", "click_rate", "left")

type Key = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Sent:
    """One mailing in the period."""

    brand_id: int
    slug: str
    delivery: DeliveryRow | None
    reached: Reached
    id: int | None = None
    name: str = ""
    brand_name: str = ""
    sent_at: datetime | None = None
    is_automation: bool = False
    is_text: bool = False

    @property
    def has_opens(self) -> bool:
        return self.reached.has_opens(is_text=self.is_text)

    @property
    def delivered(self) -> int | None:
        """None also where it is known of a part only, and for what was delivered before the period."""
        known = self.delivery and not self.delivery.unknown
        return self.delivery.delivered if self.delivery and known else None

    def row(self, cells: tuple[int | str, ...], *, has_brands: bool) -> Row:
        """A row of a table of mailings: its name leads to its page; the brand is named where there are several."""
        url = reverse("admin:engagement_mailing_figures", args=[self.id]) if self.id else ""
        asides = (self.brand_name if has_brands else "", self.slug if self.name else "")
        note = " · ".join(aside for aside in asides if aside)
        return Row(self.name or self.slug, cells, url=url, note=note, file_label=self.slug)


@dataclass(frozen=True, slots=True)
class Rated:
    """The mailings of which delivered is known: the sum, and what their messages got. Of `unknown_count` others, with
    messages in the period, it is not known."""

    delivered: int | None
    sent: int | None
    reached: Reached
    mailing_count: int
    unknown_count: int


def mailings(scope: Counted) -> list[Sent]:
    """Return the mailings that were sent in the period, or whose messages got something in it."""
    keys = ("brand_id", "mailing", "act")
    rows = _by_mailing(reaches(scope, Dimension.MAILING, *keys, "is_cleaned"))
    chosen = _by_mailing(reaches(scope, Dimension.MAILING, *keys, which=Which.CHOSEN)) if has_left_out(scope) else None
    known = {(row.brand_id, row.mailing): row for row in deliveries(scope, "brand_id", "mailing")}
    names = names_of({*rows, *known})
    return [
        Sent(*key, known.get(key), split(rows[key], None if chosen is None else chosen[key]), **names.get(key, {}))
        for key in sorted({*rows, *known})
    ]


def _by_mailing(rows: Iterable[ReachRow]) -> defaultdict[Key, list[ReachRow]]:
    found: defaultdict[Key, list[ReachRow]] = defaultdict(list)
    for row in rows:
        found[row.brand_id, row.mailing].append(row)
    return found


def names_of(keys: set[Key]) -> dict[Key, dict[str, Any]]:
    """What else `Sent` needs to know of them."""
    stored = Mailing.objects.filter(brand_id__in={key[0] for key in keys}, slug__in={key[1] for key in keys})
    rows = stored.values_list(
        "brand_id", "slug", "id", "name", "brand__name", "sent_at", "created_at", "kind", "channel"
    )
    return {
        (brand_id, slug): {
            **{"id": id, "name": name, "brand_name": brand, "sent_at": sent_at or created_at},
            "is_automation": kind == Mailing.Kind.AUTOMATION,
            "is_text": channel == Channel.SMS,
        }
        for brand_id, slug, id, name, brand, sent_at, created_at, kind, channel in rows
    }


def rated(found: Iterable[Sent]) -> Rated:
    known = [one for one in found if one.delivered is not None]
    others = [one for one in found if one.delivered is None]
    sent = [one.delivery.sent for one in found if one.delivery and one.delivery.sent is not None]
    return Rated(
        sum(one.delivered or 0 for one in known) if known else None,
        sum(sent) if sent else None,
        Reached(*(_sum(getattr(one.reached, part) for one in known) for part in ("raw", "cleaned", "chosen"))),
        len(known) + len(others),
        len(others),
    )


def with_opens(found: Iterable[Sent]) -> list[Sent]:
    """Those of which open rates are."""
    return [one for one in found if one.has_opens]


def _sum(parts: Iterable[Any]) -> Any:
    total: Counter[str] = Counter()
    for part in parts:
        total.update(part)
    return total


def table(found: Iterable[Sent], sort: str, urls: dict[str, str], *, is_whole: bool, has_brands: bool) -> Table:
    """The mailings, the first by `sort` on top; all of them, or as many as a page takes. `urls` sort anew."""
    ordered = sorted(found, key=_ORDER[sort], reverse=True)
    columns = {"Mailing": "newest", "Sent on": "", "Delivered": "delivered", "Opened by people": "opened"}
    columns |= {"Opened, with robots": "", "Open rate": "open_rate", "Clicked by people": "clicked"}
    columns |= {"Clicked, with robots": "", "Click-through": "click_rate", "Click-to-open": "", "Left": "left"}
    shown = ordered if is_whole else ordered[:MOST_SHOWN]
    cut = f" Shown are {MOST_SHOWN} of {len(ordered):,}; the file has all." if len(shown) < len(ordered) else ""
    return Table(
        "mailings",
        "Mailings",
        tuple(columns),
        tuple(one.row(_cells(one), has_brands=has_brands) for one in shown),
        help="Rates are people’s, of what was delivered in the period. “Left” are messages that ended with an opt-out "
        f"by a person.{cut}",
        empty="No mailing was sent, opened or clicked in this period.",
        sorts=tuple(urls.get(name, "") for name in columns.values()),
        sorted_by=list(columns.values()).index(sort),
        is_wide=True,
    )


def _rate(one: Sent, act: Act) -> float:
    return one.reached.cleaned[act] / one.delivered if one.delivered else -1


_ORDER: dict[str, Any] = {
    "newest": lambda one: (one.sent_at.timestamp() if one.sent_at else 0, one.slug),
    "delivered": lambda one: (one.delivered or 0, one.slug),
    "opened": lambda one: (one.reached.cleaned[Act.OPEN], one.slug),
    "open_rate": lambda one: (_rate(one, Act.OPEN), one.slug),
    "clicked": lambda one: (one.reached.cleaned[Act.CLICK], one.slug),
    "click_rate": lambda one: (_rate(one, Act.CLICK), one.slug),
    "left": lambda one: (one.reached.cleaned[Act.LEFT], one.slug),
}


def _day(moment: datetime | None) -> str:
    if moment is None:
        return NOT_KNOWN
    return date_format(timezone.localtime(moment), "j M Y").replace(" ", "\N{NO-BREAK SPACE}")


def _cells(one: Sent) -> tuple[int | str, ...]:
    raw, cleaned = one.reached.raw, one.reached.cleaned
    return (
        "day by day" if one.is_automation else _day(one.sent_at),
        NOT_KNOWN if one.delivered is None else one.delivered,
        *(
            (cleaned[Act.OPEN], raw[Act.OPEN], share(cleaned[Act.OPEN], one.delivered))
            if one.has_opens
            else (NOT_KNOWN, NOT_KNOWN, NOT_KNOWN)
        ),
        cleaned[Act.CLICK],
        raw[Act.CLICK],
        share(cleaned[Act.CLICK], one.delivered),
        share(cleaned[Act.CLICK], cleaned[Act.OPEN]),
        cleaned[Act.LEFT],
    )
