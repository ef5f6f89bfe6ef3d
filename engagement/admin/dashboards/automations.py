"""The automations: what came of each, of its mails, and over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time
from functools import cached_property
from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils import timezone
from django.utils.http import urlencode

from engagement.admin.dashboards import mailings
from engagement.admin.dashboards.form import DashboardForm
from engagement.admin.dashboards.mailings import MOST_SHOWN, Key, Sent
from engagement.admin.dashboards.pages import Dashboard, Shown
from engagement.admin.dashboards.series import OF_CLICKS, PREFETCHED, Pieces, over_time
from engagement.admin.dashboards.sums import COLUMNS, HELP, LEGEND, bar, cells, grouped, messages, tiles
from engagement.admin.dashboards.tiles import split
from engagement.admin.tables import Row, Table
from engagement.figures.counted import Counted, ReachRow, TallyRow, reaches, tallies
from engagement.figures.deliveries import DeliveryRow, deliveries
from engagement.figures.leaving import Span
from engagement.models import Act, Dimension, Mailing
from preferences.admin.scope import AnyUser, within

_NAMELESS = "Without a name"


class AutomationForm(DashboardForm):
    """What a dashboard counts, of one automation or all."""

    field_order = ("since", "until", "brand", "period", "automation", "channel")

    automation = forms.ChoiceField(required=False)

    def __init__(self, user: AnyUser, *args: Any, **kwargs: Any) -> None:
        super().__init__(user, *args, **kwargs)
        names = self._own(user).exclude(automation="").order_by("automation").values_list("automation", flat=True)
        choices = [("", "All automations"), *((name, name) for name in names.distinct())]
        self.fields["automation"].choices = choices  # type: ignore[attr-defined]

    @staticmethod
    def _own(user: AnyUser) -> Any:
        return within(user, Mailing.objects.filter(kind=Mailing.Kind.AUTOMATION), "brand_id")

    @cached_property
    def names(self) -> dict[Key, str]:
        """The automation that each of the counted mails belongs to."""
        mails = Mailing.objects.filter(kind=Mailing.Kind.AUTOMATION, brand_id__in=self.counted.brands)
        if chosen := self.cleaned_data["automation"]:
            mails = mails.filter(automation=chosen)
        return {(brand, slug): name for brand, slug, name in mails.values_list("brand_id", "slug", "automation")}

    @property
    def own_parameters(self) -> dict[str, str]:
        chosen = self.cleaned_data["automation"]
        return super().own_parameters | ({"automation": chosen} if chosen else {})


@dataclass(frozen=True, slots=True)
class Mails:
    """What is counted of mails of automations: the whole period, and by `start`."""

    sent: list[Sent]
    reached: list[ReachRow]
    events: list[TallyRow]
    delivered: list[DeliveryRow]


def build(request: HttpRequest, form: DashboardForm) -> Shown:
    assert isinstance(form, AutomationForm)
    days = Span(form.counted.start, form.counted.end)
    pieces = Pieces(days.unit, days.pieces)
    found = _read(form.counted, form.names, pieces)
    is_one = bool(form.cleaned_data["automation"])
    automations = () if is_one else (_automations(found.sent, form, has_brands=len(form.brands) > 1),)
    return Shown(
        (
            *automations,
            over_time("opens", "Opens", "open", found.events, pieces, help=PREFETCHED, empty="No open in this period."),
            over_time("clicks", "Clicks", "click", found.events, pieces, OF_CLICKS, empty="No click in this period."),
            _over_time(found, pieces),
            _mails(found.sent, form, is_whole="csv" in request.GET),
        ),
        {
            "rates": tiles(found.sent),
            "chosen": form.cleaned_data["automation"],
            "all_url": f"?{urlencode({k: v for k, v in form.own_parameters.items() if k != 'automation'})}",
        },
        is_empty=not found.sent,
    )


def _read(scope: Counted, names: dict[Key, str], pieces: Pieces) -> Mails:
    """Another brand's mailing may be called the same, so that what is found is looked through once more."""
    if not names:
        return Mails([], [], [], [])
    scope = replace(scope, mailings=frozenset(slug for _, slug in names))
    keys = ("brand_id", "mailing", "start")
    reached = reaches(scope, Dimension.MAILING, *keys, "act", "is_cleaned", unit=pieces.level)
    events = tallies(scope, Dimension.MAILING, *keys, "record", "verdict", unit=pieces.level)
    days = deliveries(scope, "brand_id", "mailing", "sent_on")
    return Mails(
        [one for one in mailings.mailings(scope) if (one.brand_id, one.slug) in names],
        [row for row in reached if (row.brand_id, row.mailing) in names],
        [row for row in events if (row.brand_id, row.mailing) in names],
        [row for row in days if (row.brand_id, row.mailing) in names],
    )


def _automations(sent: list[Sent], form: AutomationForm, *, has_brands: bool) -> Table:
    groups = grouped(sent, lambda one: (one.brand_id, form.names[one.brand_id, one.slug]))
    most = max((messages(group, Act.OPEN, is_raw=True) for group in groups.values()), default=0)
    return Table(
        "automations",
        "Automations",
        ("Automation", "Mails", *COLUMNS),
        tuple(
            Row(
                f"{name or _NAMELESS} ({group[0].brand_name})" if has_brands else name or _NAMELESS,
                (len(group), *cells(group)),
                bar(group, Act.OPEN, most),
                messages(group, Act.OPEN),
                f"?{urlencode(form.own_parameters | {'brand': str(brand_id), 'automation': name})}" if name else "",
            )
            for (brand_id, name), group in groups.items()
        ),
        help=f"{HELP} The bars are messages opened.",
        empty="No mail of an automation was sent, opened or clicked in this period.",
        legend=LEGEND,
        is_wide=True,
    )


def _over_time(found: Mails, pieces: Pieces) -> Table:
    parts = _parts(found, pieces)
    whole = [part for piece in parts.values() for part in piece]
    return Table(
        "time",
        f"Each {pieces.unit}",
        (pieces.unit.capitalize(), *COLUMNS),
        tuple(
            Row(pieces.label(start), cells(parts[start]), file_label=pieces.file_label(start))
            for start in pieces.starts
        )
        if whole
        else (),
        help=f"A message counts in the {pieces.unit} in which it was first opened, clicked or left: with robots that "
        f"may be an earlier one than by people. A rate is of what was delivered in the same {pieces.unit}.",
        empty="Nothing in this period.",
        is_wide=True,
    )


def _parts(found: Mails, pieces: Pieces) -> dict[datetime, list[Sent]]:
    """Each mail in each piece of the period. What is not known of the mail is not known of any of its pieces."""
    reached: dict[tuple[datetime, Key], list[ReachRow]] = {}
    for row in found.reached:
        if row.start:
            reached.setdefault((pieces.start_of(row.start), (row.brand_id, row.mailing)), []).append(row)
    known = {(one.brand_id, one.slug) for one in found.sent if one.delivered is not None}
    texts = {(one.brand_id, one.slug) for one in found.sent if one.is_text}
    days: dict[tuple[datetime, Key], list[DeliveryRow]] = {}
    for day in found.delivered:
        start = timezone.make_aware(datetime.combine(day.sent_on, time.min)) if day.sent_on else pieces.starts[0]
        if start >= pieces.starts[0]:
            days.setdefault((pieces.start_of(start), (day.brand_id, day.mailing)), []).append(day)
    parts: dict[datetime, list[Sent]] = {start: [] for start in pieces.starts}
    for start, key in sorted({*reached, *days}):
        delivery = _sum(days.get((start, key), []), is_known=key in known)
        parts[start].append(Sent(*key, delivery, split(reached.get((start, key), [])), is_text=key in texts))
    return parts


def _sum(days: Sequence[DeliveryRow], *, is_known: bool) -> DeliveryRow:
    """Of a mail whose days are known, a day on which nothing was said had nothing."""
    sent = sum(day.sent or 0 for day in days) if is_known or any(day.sent is not None for day in days) else None
    delivered = sum(day.delivered or 0 for day in days) if is_known else None
    return DeliveryRow(sent=sent, delivered=delivered, parts=len(days), unknown=int(not is_known))


def _mails(sent: list[Sent], form: AutomationForm, *, is_whole: bool) -> Table:
    groups = grouped(sent, lambda one: (one.brand_id, one.slug))
    shown = list(groups.values()) if is_whole else list(groups.values())[:MOST_SHOWN]
    cut = f" Shown are {MOST_SHOWN} of {len(groups):,}; the file has all." if len(shown) < len(groups) else ""
    return Table(
        "mails",
        "Their mails",
        ("Mail", "Automation", *COLUMNS),
        tuple(
            one.row((form.names[one.brand_id, one.slug] or _NAMELESS, *cells([one])), has_brands=len(form.brands) > 1)
            for [one] in shown
        ),
        help=f"{HELP}{cut}",
        empty="No mail of an automation was sent, opened or clicked in this period.",
        is_wide=True,
    )


automations = Dashboard("automations", "Automations", "automations.html", build, AutomationForm)
