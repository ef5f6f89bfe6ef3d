"""The address form: whoever has no link that works types an address and gets a fresh one by mail.

Everyone gets a mail who types an address that may exist, because Farewell does not know the senders' lists and a person
who wants to leave must be able to (docs/decisions/0009). Whom it knows is looked up by the worker, so that neither the
answer nor its timing tells.
"""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode
from collections.abc import Iterable
from datetime import timedelta
from functools import lru_cache
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.tasks import task
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from engagement.models import Interaction
from engagement.visitors import client_address, truncated
from preferences import addresses, limits
from preferences.addresses import AddressError
from preferences.directory import BrandEntry, directory
from preferences.languages import Language, language_for
from preferences.links import MAX_ADDRESS_LENGTH, Channel, LinkError, Purpose
from preferences.models import Brand, Recipient
from preferences.rendering import page, page_response
from preferences.sealing import open_fields, seal_fields
from unsubscribe import letters
from unsubscribe.bodies import read_form

REMEMBERED = timedelta(days=180)  # for which a visit to one of its links makes a brand one that knows the address


@require_http_methods(["GET", "HEAD", "POST"])
def ask(request: HttpRequest, token: str) -> HttpResponse:
    """The form on GET; on POST one answer for all addresses, and a mail unless too many were asked for. `token` is a
    brand's slug, "" for the brands of this host."""
    brand = _brand(token, _host(request))
    language = language_for(request, brand.language if brand else settings.LANGUAGE_CODE)
    if request.method != "POST":
        return _page("ask_address", language, brand, token)
    typed = read_form(request).get("address", "").strip()
    try:
        address = addresses.validate(Channel.EMAIL, typed)
    except AddressError:
        return _page("ask_address", language, brand, token, typed=typed[:MAX_ADDRESS_LENGTH], problem="yes")
    _take(request, address, language, brand)
    return _page("asked", language, brand, token)


def not_found(request: HttpRequest) -> bytes:
    """The page for a link that opens nothing, with the form for the brand whose key's id stands in it: so much of a
    link is no secret. The same for every such link; no query."""
    brand = directory.brand_of_kid(_kid(request.path_info))
    language = language_for(request, brand.language if brand else settings.LANGUAGE_CODE)
    return _not_found(language, brand.slug if brand else "")


@lru_cache(4_096)
def _not_found(language: Language, slug: str) -> bytes:
    return page("unsubscribe/not_found.html", language, None, {"ask_url": f"/a/{slug}"}).encode()


def _kid(path: str) -> bytes:
    token = path[3:].partition("/")[0][:6]
    try:
        return urlsafe_b64decode(token + "==") if len(token) == 6 else b""
    except (ValueError, binascii.Error):
        return b""


def _brand(slug: str, host: str) -> BrandEntry | None:
    """The one brand that the form is for, None when it may be any of several. Raises LinkError for an unknown slug."""
    brands = directory.brands()
    if slug:
        named = next((brand for brand in brands if brand.slug == slug), None)
        if named is None:
            raise LinkError("no brand of that name")
        return named
    found = _at_host(brands, host)
    return found[0] if len(found) == 1 else None


def _at_host[T: (Brand, BrandEntry)](brands: Iterable[T], host: str) -> list[T]:
    """Those that have the host to themselves, else all."""
    every = list(brands)
    own = [brand for brand in every if _host_of(brand.link_base) == host != _host_of(settings.FAREWELL_BASE_URL)]
    return own or every


def _host(request: HttpRequest) -> str:
    return str(request.META.get("HTTP_HOST", "")).lower()


def _host_of(url: str) -> str:
    return urlsplit(url).netloc.lower()


def _page(template: str, language: Language, brand: BrandEntry | None, slug: str, **context: str) -> HttpResponse:
    look = brand.look(language.code) if brand else None
    return page_response(f"unsubscribe/{template}.html", language, look, {"ask_url": f"/a/{slug}"} | context)


def _take(request: HttpRequest, address: str, language: Language, brand: BrandEntry | None) -> None:
    network = truncated(client_address(request))
    asked = seal_fields(address=address, language=language.code, brand=brand.slug if brand else "", host=_host(request))
    with transaction.atomic():
        if limits.may_send(Purpose.PREFERENCES, Channel.EMAIL, address, network):
            send_links.enqueue(asked)


@task
def send_links(asked: str, attempt: int = 1) -> bool:
    """Send what was asked for through the form; `asked` is sealed. A mail server that is away is tried again."""
    fields = open_fields(asked)
    mail = _letter(fields["address"], fields["language"], fields["brand"], fields["host"])
    return mail is not None and letters.deliver_or_later(mail, send_links, asked, attempt)


def _letter(address: str, language: str, slug: str, host: str) -> EmailMultiAlternatives | None:
    brands = list(Brand.objects.defer("logo").prefetch_related("texts"))
    named = [brand for brand in brands if brand.slug == slug]
    if slug and not named:
        return None
    chosen = named or _knowing(_at_host(brands, host), address)
    links = [(brand.name, link) for brand in chosen if (link := _link(brand, address))]
    sender = chosen[0] if len(chosen) == 1 else None
    return letters.compose(sender, language, address, "links", {"links": links})


def _link(brand: Brand, address: str) -> str | None:
    return letters.fresh_link(brand, Purpose.PREFERENCES, Channel.EMAIL, address)


def _knowing(brands: list[Brand], address: str) -> list[Brand]:
    """Those of the brands that know the address: something was said about it, or it lately visited a link of theirs."""
    ids = [Recipient.at(brand.id, Channel.EMAIL, address).id for brand in brands]
    now = timezone.now()
    visits = Interaction.objects.between(now - REMEMBERED, now).filter(recipient_id__in=ids)
    stored = Recipient.objects.filter(id__in=ids).exclude(address="")
    known = {*visits.values_list("recipient_id", flat=True).distinct(), *stored.values_list("id", flat=True)}
    return [brand for brand, id in zip(brands, ids, strict=True) if id in known]
