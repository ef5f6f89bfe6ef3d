"""The page that draws one message on one line of time, and the geometry of the drawing.

Shares of the width across, pixels downwards. Every mark has a place of its own, so nothing lies upon another; a pause
takes room by its logarithm, so that 5 seconds and 5 hours can both be seen. Where that needs more room than the
screen has, the drawing scrolls.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from math import log10
from typing import Any
from uuid import UUID

from django.contrib.admin import ModelAdmin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from engagement.explaining.timeline import Mark, Timeline, changes_of, timeline
from engagement.models import Interaction
from preferences import feed
from preferences.admin.scope import within
from preferences.models import Recipient

SLOT = 42  # pixels that a mark needs beside the next one, its word being written above or below in turn
LANE = 84
_LABEL = 84  # pixels that a word, or an age under the axis, may take
_MOST_ROWS = 300
_LONG_PAUSE = 3600.0  # seconds from which the axis is drawn broken
SHAPES = {
    "circle": "M-8 0A8 8 0 1 1 8 0A8 8 0 1 1 -8 0Z",
    "diamond": "M0 -10L10 0L0 10L-10 0Z",
    "square": "M-8 -8H8V8H-8Z",
    "triangle": "M0 -10L10 8H-10Z",
    "down": "M-8 -9H8V1L0 10L-8 1Z",
    "up": "M-8 9H8V-1L0 -10L-8 -1Z",
}
LEGEND = (
    ("circle", "opened a page"),
    ("diamond", "ran the page’s script"),
    ("triangle", "followed the hidden link"),
    ("square", "pressed a button"),
    ("down", "left"),
    ("up", "came back, or was put back"),
)


@dataclass(frozen=True, slots=True)
class DrawnMark:
    mark: Mark
    path: str
    x: str
    y: int
    label_y: int
    label: str
    title: str


@dataclass(frozen=True, slots=True)
class DrawnLane:
    name: str
    text_y: int
    line_y: int


@dataclass(frozen=True, slots=True)
class Tick:
    x: str
    label: str  # "" where there is no room for one
    is_sending: bool = False


@dataclass(frozen=True, slots=True)
class Pause:
    """A piece of the axis between two moments; a long one is drawn broken."""

    x1: str
    x2: str
    is_long: bool


@dataclass(frozen=True, slots=True)
class Drawing:
    lanes: tuple[DrawnLane, ...]
    marks: tuple[DrawnMark, ...]
    ticks: tuple[Tick, ...]
    pauses: tuple[Pause, ...]
    width: int  # the least, in pixels, at which nothing overlaps
    axis_y: int

    @property
    def height(self) -> int:
        return self.axis_y + 34


def draw(line: Timeline) -> Drawing:
    moments = sorted([(at, 0) for at in line.sent] + [(mark.step.at, mark.number) for mark in line.marks])
    pixels = places([at for at, _ in moments])
    width = pixels[-1]
    x_of = {number: pixel for (_, number), pixel in zip(moments, pixels, strict=True) if number}
    share = [_share(pixel, width) for pixel in pixels]
    return Drawing(
        lanes=tuple(_lane(index, lane.name) for index, lane in enumerate(line.lanes)),
        marks=tuple(_drawn(line, x_of, width)),
        ticks=tuple(_ticks(line, moments, pixels)),
        pauses=tuple(
            Pause(x1, x2, (after - before).total_seconds() >= _LONG_PAUSE)
            for (before, _), (after, _), x1, x2 in zip(moments, moments[1:], share, share[1:], strict=False)
        ),
        width=max(int(width), 1),
        axis_y=LANE * len(line.lanes) + 8,
    )


def places(moments: Sequence[datetime]) -> list[float]:
    """Return where the moments (in order) stand, in pixels at the least width: at `SLOT` or more from each other."""
    places, here = [0.0], 0.0
    for before, after in pairwise(moments):
        here += SLOT * (1 + log10(1 + (after - before).total_seconds()) / 2)
        places.append(here)
    return places


def _share(pixel: float, width: float) -> str:
    return f"{100 * pixel / width if width else 50:.3f}%"


def _lane(index: int, name: str) -> DrawnLane:
    return DrawnLane(name, LANE * index + 14, LANE * index + 52)


def _drawn(line: Timeline, x_of: dict[int, float], width: float) -> Iterator[DrawnMark]:
    """Words stand above and below a lane in turn, so that two on the same side are two slots apart."""
    seen = [0] * len(line.lanes)
    for mark in line.marks:
        y = _lane(mark.lane, "").line_y
        label_y = y + 24 if seen[mark.lane] % 2 else y - 15
        seen[mark.lane] += 1
        count = f" ×{mark.count}" if mark.count > 1 else ""
        yield DrawnMark(
            mark=mark,
            path=SHAPES[mark.step.shape],
            x=_share(x_of[mark.number], width),
            y=y,
            label_y=label_y,
            label=f"{mark.number} {mark.step.word}{count}",
            title=title(line, mark),
        )


def title(line: Timeline, mark: Mark) -> str:
    """Return a mark in words, such as "Opened the page: machine, 12 s"."""
    verdict = f": {mark.step.verdict}" if mark.step.verdict else ""
    return f"{mark.step.told}{verdict}, {when(line, mark)}"


def when(line: Timeline, mark: Mark) -> str:
    since = "after sending" if line.sent else "after the first"
    if mark.count > 1:
        return f"{mark.count} times from {line.age(mark.step.at)} to {line.age(mark.last_at)} {since}"
    return f"{line.age(mark.step.at)} {since}"


def _ticks(line: Timeline, moments: Sequence[tuple[datetime, int]], pixels: Sequence[float]) -> Iterator[Tick]:
    free_from = 0.0
    for (at, number), pixel in zip(moments, pixels, strict=True):
        label = line.age(at) if number else "sent" if at == line.start else f"sent again, {line.age(at)}"
        has_room = pixel >= free_from or not number
        if has_room:
            free_from = pixel + _LABEL
        yield Tick(_share(pixel, pixels[-1]), label if has_room else "", is_sending=not number)


def timeline_view(model_admin: ModelAdmin[Any], request: HttpRequest) -> HttpResponse:
    """The message is named by the ids that the lists use too: no address stands in the URL."""
    if not model_admin.has_view_permission(request):
        raise PermissionDenied
    recipient_id, mailing = _uuid(request.GET.get("recipient", "")), request.GET.get("mailing", "").replace("\x00", "")
    recipient = within(request.user, Recipient.objects.all(), "brand_id").filter(id=recipient_id).first()
    name = mailing or "Mail without a mailing’s name"
    context = {
        **model_admin.admin_site.each_context(request),
        "title": f"Timeline of {name}",
        "opts": model_admin.opts,
        "recipient": recipient if request.user.has_perm("preferences.view_recipient") else None,
        "recipient_id": recipient_id,
        "mailing": mailing,
        **shown(request, recipient_id, mailing),
    }
    return TemplateResponse(request, "admin/engagement/timeline.html", context)


def _may_see_ledger(request: HttpRequest, recipient_id: UUID) -> bool:
    has_permission = any(request.user.has_perm(f"preferences.{verb}_preferencechange") for verb in ("view", "change"))
    own = within(request.user, Recipient.objects.all(), "brand_id")
    return has_permission and own.filter(id=recipient_id).exists()


def shown(request: HttpRequest, recipient_id: UUID, mailing: str) -> dict[str, Any]:
    """What the drawing's templates need; no `drawing` when there is nothing to draw, or nothing the user may see."""
    own = within(request.user, Interaction.objects.of_recipient(recipient_id), "brand_id")
    rows = own.filter(mailing=mailing).order_by("occurred_at", "id")
    visits = list(rows[: _MOST_ROWS + 1])
    is_ledger_shown = _may_see_ledger(request, recipient_id)
    changes = [change.fields for change in feed.of_recipient(recipient_id)] if is_ledger_shown else []
    line = timeline(visits[:_MOST_ROWS], changes_of(changes, mailing))
    if not line.marks:
        return {"line": line}
    return {
        "line": line,
        "drawing": draw(line),
        "entries": [(mark, line.lanes[mark.lane], when(line, mark)) for mark in line.marks],
        "legend": [(SHAPES[shape], words) for shape, words in LEGEND],
        "cut_at": _MOST_ROWS if len(visits) > _MOST_ROWS else None,
    }


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Http404 from None
