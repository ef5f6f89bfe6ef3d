"""The page of one mailing: what came of it since it was sent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.http import urlencode

from engagement.admin.dashboards import links
from engagement.admin.dashboards.mailing_tables import conversions, funnel, segments
from engagement.admin.dashboards.pace import paces
from engagement.admin.dashboards.pages import Shown, page, require_permission, said
from engagement.admin.dashboards.tiles import Reached, Tile, counts, rates, reached, single
from engagement.admin.period import CHANNELS
from engagement.admin.tables import NOT_KNOWN, as_file, share
from engagement.figures.counted import Counted
from engagement.figures.deliveries import DeliveryRow, delivered
from engagement.models import Act, Mailing
from preferences.links import Channel

_OF_OPENS = ("Opened", "Open rate", "Click-to-open rate")  # a text message has no picture
_FIRST = datetime(2000, 1, 1, tzinfo=UTC)


def mailing_view(request: HttpRequest, object_id: int) -> HttpResponse:
    """The page, or with `csv` one of its tables as a file."""
    require_permission(request)
    own = admin.site.get_model_admin(Mailing).get_queryset(request).select_related("brand")
    mailing = own.filter(pk=object_id).first()
    if mailing is None:
        raise Http404
    scope = scope_of(mailing)
    shown = build(mailing, scope)
    if "csv" in request.GET:
        return as_file(shown.tables, request.GET["csv"], f"{mailing.slug}-{{}}")
    return page(
        request,
        str(mailing),
        "mailing.html",
        said(request, [mailing.brand], mailing.channel, shown) | {"mailing": mailing},
    )


def scope_of(mailing: Mailing) -> Counted:
    """All of it, whenever it was."""
    return Counted(_FIRST, timezone.now() + timedelta(hours=1), frozenset({mailing.brand_id}), mailing=mailing.slug)


def build(mailing: Mailing, scope: Counted) -> Shown:
    found, sent = reached(scope), delivered(scope)
    has_opens = found.has_opens(is_text=mailing.channel == Channel.SMS)
    soon = paces(scope, has_opens=has_opens)
    tables = (
        *soon,
        funnel(found, sent, has_opens=has_opens),
        links.table(scope),
        segments(scope, has_opens=has_opens),
        conversions(mailing),
    )
    return Shown(
        tables,
        {
            "paces": soon,
            "facts": _facts(mailing, sent),
            "rates": _rates(found, sent, has_opens=has_opens),
            "numbers": _numbers(mailing, found, sent),
        },
        is_empty=found.is_empty,
    )


def _facts(mailing: Mailing, sent: DeliveryRow) -> list[tuple[str, str]]:
    topics = ", ".join(topic.name for topic in mailing.topics.all())
    facts = [
        ("Brand", mailing.brand.name),
        ("Kind", mailing.get_kind_display()),
        ("Automation", mailing.automation),
        ("Channel", CHANNELS[mailing.channel]),
        ("Topics", topics),
        ("Sent", date_format(timezone.localtime(mailing.sent_at), "j M Y H:i") if mailing.sent_at else "not said"),
        ("Sent to", NOT_KNOWN if sent.sent is None else f"{sent.sent:,}"),
        ("Links name it", mailing.slug if mailing.name else ""),
    ]
    return [(name, text) for name, text in facts if text]


def _known(sent: DeliveryRow) -> int | None:
    return None if sent.unknown else sent.delivered


def _rates(found: Reached, sent: DeliveryRow, *, has_opens: bool) -> list[Tile]:
    whole = _known(sent)
    tiles = [
        single(
            "Delivered",
            NOT_KNOWN if whole is None else whole,
            "Nobody has said how many. The rates are shares of it." if whole is None else _of_sent(whole, sent),
        ),
        counts("Opened", Act.OPEN, found, "Messages, once each however often they were opened."),
        rates("Open rate", Act.OPEN, found, whole, "Messages opened, of those delivered."),
        counts("Clicked", Act.CLICK, found, "Messages, once each however often a link was clicked."),
        rates("Click-through rate", Act.CLICK, found, whole, "Messages clicked, of those delivered."),
        rates("Click-to-open rate", Act.CLICK, found, Act.OPEN, "Messages clicked, of those opened."),
    ]
    return tiles if has_opens else [tile for tile in tiles if tile.name not in _OF_OPENS]


def _of_sent(whole: int, sent: DeliveryRow) -> str:
    return f"{share(whole, sent.sent)} of {sent.sent:,} sent." if sent.sent else "As fed, or as said by hand."


def _numbers(mailing: Mailing, found: Reached, sent: DeliveryRow) -> list[Tile]:
    query = urlencode({"period": "90", "brand": str(mailing.brand_id), "mailing": mailing.slug})
    left, converted, whole = found.cleaned[Act.LEFT], found.raw[Act.CONVERSION], _known(sent)
    return [
        single("Left", left, f"Messages that a person ended with an opt-out; {share(left, whole)} of delivered."),
        single(
            "Prevented robot unsubscribes",
            found.by_robots_alone(Act.VISIT),
            "Messages whose unsubscribe page only robots opened.",
            f"{reverse('admin:engagement_interaction_prevented')}?{query}",
            "What robots would have done",
        ),
        single(
            "Converted",
            converted,
            f"Messages with what the brand calls a success; {share(converted, whole)} of delivered.",
        ),
    ]
