"""What is said above the figures: up to when they are complete, what is still being counted, and whether the brands
leave robots out of theirs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Flag, auto

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format

from engagement.admin.period import CHANNELS
from engagement.counting.position import COUNTED_AFTER
from engagement.figures.counted import counted_until
from engagement.figures.counting import Waiting, waiting_changes, waiting_interactions
from engagement.figures.left_out import LeftOut, left_out
from engagement.models import CountingSwitch, Rejudgement
from preferences.models import Brand


class From(Flag):
    """What a page's figures come from."""

    INTERACTIONS = auto()
    LEDGER = auto()


_MISSING = {
    From.INTERACTIONS: "opens, clicks and visits",
    From.LEDGER: "what comes from the ledger (opt-outs by door, who left and who came back)",
}


@dataclass(frozen=True, slots=True)
class State:
    """`notes` tell what is still being counted, so that the figures are partial. What comes `from_ledger` alone waits
    for no second look.

    `is_left_out` is None where some brands or channels leave non-human interactions out and others do not. While a
    switch `is_turning`, the worker recounts, and the figures are as before."""

    until: datetime | None
    is_left_out: bool | None
    words: str
    url: str
    is_turning: bool = False
    notes: tuple[str, ...] = ()
    from_ledger: bool = False

    @property
    def is_old(self) -> bool:
        """Whether the counter is far behind, or stands still."""
        return self.until is None or (timezone.now() - self.until).total_seconds() > 15 * 60


def state(
    request: HttpRequest, brands: Sequence[Brand], channel: str, *, comes_from: From = From.INTERACTIONS
) -> State:
    channels = [channel] if channel else list(CHANNELS)
    now = timezone.now()
    found = [
        one
        for one in left_out([brand.pk for brand in brands], now)
        if one.channel in channels and (one.until is None or one.until > now)
    ]
    is_left_out = False if not found else True if len(found) == len(brands) * len(channels) else None
    words = _words(brands, found, is_left_out)
    from_ledger, until = comes_from is From.LEDGER, counted_until()
    if from_ledger and until:
        until += COUNTED_AFTER
    is_turning, notes = _is_turning(brands, channels), tuple(counting_notes(comes_from))
    return State(until, is_left_out, words, _url(request, brands), is_turning, notes, from_ledger)


def counting_notes(comes_from: From) -> Iterator[str]:
    """Say which of the figures are partial, because they are counted for the first time or anew."""
    now = timezone.now()
    if From.INTERACTIONS in comes_from and (waiting := waiting_interactions(now)):
        yield _note(_MISSING[From.INTERACTIONS], waiting)
    if From.LEDGER in comes_from and (waiting := waiting_changes(now)):
        yield _note(_MISSING[From.LEDGER], waiting)


def _note(what: str, waiting: Waiting) -> str:
    since = date_format(timezone.localtime(waiting.since), "j M Y H:i")
    so_far = f"So far up to {since}; what came later is missing" if waiting.is_begun else "It has not begun"
    return (
        f"Still being counted: {what}. {so_far}. Come back when the worker is done, or run and watch manage.py "
        "count_interactions."
    )


def _is_turning(brands: Sequence[Brand], channels: Sequence[str]) -> bool:
    waiting = CountingSwitch.objects.filter(brand__in=brands, channel__in=channels, since=None)
    return waiting.filter(rejudgement__isnull=False).exclude(rejudgement__state=Rejudgement.State.FAILED).exists()


def _words(brands: Sequence[Brand], found: list[LeftOut], is_left_out: bool | None) -> str:
    if is_left_out is False:
        return "Robots and prefetches count in these figures."
    if is_left_out:
        since = max(one.since for one in found)
        return f"Robots and prefetches are left out of these figures since {_day(since)}."
    if len(brands) == 1:
        named = ", ".join(f"{CHANNELS[one.channel]} since {_day(one.since)}" for one in found)
        return f"Robots and prefetches are left out for {named}; the others count."
    count = len({one.brand_id for one in found})
    return f"{count} of {len(brands)} brands leave robots and prefetches out of their figures; the others count them."


def _day(moment: datetime) -> str:
    return date_format(timezone.localtime(moment), "j M Y")


def _url(request: HttpRequest, brands: Sequence[Brand]) -> str:
    """Where it is changed, for who may see that."""
    if not admin.site.get_model_admin(CountingSwitch).has_view_permission(request):
        return ""
    url = reverse("admin:engagement_countingswitch_changelist")
    return f"{url}?brand__id__exact={brands[0].pk}" if len(brands) == 1 else url
