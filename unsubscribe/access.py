"""A person's own data: a link to it comes by mail, and behind it all is shown, can be kept as a file, and be erased."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.tasks import task
from django.views.decorators.http import require_POST, require_safe

from engagement.forgetting import forget
from engagement.models import Interaction
from engagement.visitors import client_address, truncated
from preferences import addresses, limits
from preferences.directory import Link, directory
from preferences.knowing import person_at
from preferences.languages import Language, language_for, spoken_days
from preferences.links import Channel, Purpose
from preferences.models import Brand, Person, Source, State
from preferences.models.subscriptions import SuppressionReason
from preferences.rendering import page_response
from preferences.sealing import open_fields, seal_fields
from unsubscribe import letters, nonces
from unsubscribe.bodies import read_form
from unsubscribe.doors import PURPOSES
from unsubscribe.exporting import export
from unsubscribe.nonces import NonceKind

VALID_SECONDS = 7 * 86_400
SHOWN_VISITS = 100


@require_POST
def ask_for_data(request: HttpRequest, door: str, token: str) -> HttpResponse:
    """Send a link to the data, to the person's own address and nowhere else: whoever has a forwarded mail sees none. A
    form sent blindly sends nothing."""
    link = directory.open(token, PURPOSES.get(door, Purpose.ACCESS))
    language = language_for(request, link.brand.language)
    address = _mail_address(link)
    if not address:
        return _page("by_phone", link, language, token, here=_page_before(door, token))
    if read_form(request).get("choice") != "data":
        return _page("ask", link, language, token, here=_page_before(door, token), ask_url=f"/{door}/{token}/data")
    asked = seal_fields(brand=link.brand.id, address=address, language=language.code)
    with transaction.atomic():
        if limits.may_send(Purpose.ACCESS, Channel.EMAIL, address, truncated(client_address(request))):
            send_data_link.enqueue(asked)
    sent_to = addresses.mask(Channel.EMAIL, address)
    return _page("asked", link, language, token, here=_page_before(door, token), sent_to=sent_to)


@require_safe
def show(request: HttpRequest, token: str) -> HttpResponse:
    """Everything that is known, to be read; of many visits the newest."""
    link, language = _open(request, token)
    return _expired(link, language, token) if _is_expired(link) else _shown(link, language, token)


@require_safe
def download(request: HttpRequest, token: str) -> HttpResponseBase:
    """The same as JSON, with every field and all visits."""
    link, language = _open(request, token)
    if _is_expired(link):
        return _expired(link, language, token)
    return StreamingHttpResponse(
        export(link),
        content_type="application/json; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{link.brand.slug}-data.json"'},
    )


@require_POST
def erase(request: HttpRequest, token: str) -> HttpResponse:
    """Erase, once it was said twice: it cannot be undone. A form sent blindly keeps everything."""
    link, language = _open(request, token)
    if _is_expired(link):
        return _expired(link, language, token)
    fields = read_form(request)
    has_asked = nonces.open_nonce(NonceKind.VISIT, fields.get("nonce"), token) is not None
    if fields.get("choice") == "erase" and has_asked:
        forget(link.recipient)
        return _page("erased", link, language, token, here=f"/d/{token}")
    if fields.get("choice") in {"ask", "erase"}:
        nonce = nonces.seal(NonceKind.VISIT, nonces.new_visit(), token)
        companions = [one.address for one in Person.behind(link.recipient).recipients[1:]]
        return _page("sure", link, language, token, here=f"/d/{token}", nonce=nonce, companions=companions)
    return _shown(link, language, token, is_kept=True)


@task
def send_data_link(asked: str, attempt: int = 1) -> bool:
    """Send the link that was asked for; `asked` is sealed. A mail server that is away is tried again."""
    fields = open_fields(asked)
    brand = Brand.objects.defer("logo").filter(id=fields["brand"]).first()
    url = brand and letters.fresh_link(brand, Purpose.ACCESS, Channel.EMAIL, fields["address"])
    if not url:
        return False
    context = {"url": url, "days": VALID_SECONDS // 86_400}
    mail = letters.compose(brand, fields["language"], fields["address"], "data", context)
    return letters.deliver_or_later(mail, send_data_link, asked, attempt)


def _page_before(door: str, token: str) -> str:
    """Where the switch of languages leads: a page that GET may show without unsubscribing anyone."""
    return f"/{door}/{token}" if door in {"p", "d"} else f"/{door}/{token}/preferences"


def _mail_address(link: Link) -> str:
    """The e-mail address of the person whose link it is; "" where only a phone number is known."""
    if link.claims.channel is Channel.EMAIL:
        return link.claims.address
    others = Person.behind(link.recipient).recipients[1:]
    return next((one.address for one in others if one.channel == Channel.EMAIL), "")


def _open(request: HttpRequest, token: str) -> tuple[Link, Language]:
    link = directory.open(token, Purpose.ACCESS)
    return link, language_for(request, link.brand.language)


def _is_expired(link: Link) -> bool:
    return time.time() - link.claims.sent_at > VALID_SECONDS


def _expired(link: Link, language: Language, token: str) -> HttpResponse:
    response = _page("expired", link, language, token, here=f"/d/{token}")
    response.status_code = 410
    return response


def _shown(link: Link, language: Language, token: str, *, is_kept: bool = False) -> HttpResponse:
    people = person_at(link.recipient)
    ids = [UUID(one["id"]) for one in people]
    rows = Interaction.objects.filter(recipient_id__in=ids)
    visits = list(rows.order_by("-occurred_at", "-id")[:SHOWN_VISITS])
    for one in people:
        for change in one["changes"]:
            change["words"] = _words(change)
    context = {"people": people, "visits": visits, "visit_count": rows.count(), "is_kept": is_kept}
    days = settings.FAREWELL_PSEUDONYMISE_DAYS
    linked_for = spoken_days(days, language.code) if days > 0 else ""
    return _page("shown", link, language, token, here=f"/d/{token}", linked_for=linked_for, **context)


def _words(change: dict[str, Any]) -> str:
    """What a change did and how it came, in the words of the admin: they are not translated."""
    did = SuppressionReason(change["suppression"]).label if change["suppression"] else State(change["state"]).label
    is_untracked = change["is_untracked"]
    if is_untracked != bool(change["replaced"].get("is_untracked")) and change["suppression"] != "erased":
        did = "opens and clicks not recorded" if is_untracked else "opens and clicks recorded again"
    settings = [change["frequency"], change["paused_until"] and f"paused until {change['paused_until']}"]
    return ", ".join(filter(None, [did, *settings, f"by {Source(change['source']).label}"]))


def _page(name: str, link: Link, language: Language, token: str, **context: Any) -> HttpResponse:
    shared = {
        "token": token,
        "address": link.claims.address,
        "masked": link.masked_address,
        "brand_name": link.brand.name,
        "days": VALID_SECONDS // 86_400,
    }
    look = link.brand.look(language.code)
    return page_response(f"unsubscribe/data/{name}.html", language, look, shared | context)
