"""Promise P1: GET, HEAD and OPTIONS change nothing, on every URL there is."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.resolvers import RoutePattern

from preferences.models import PreferenceChange, Recipient, Subscription, Suppression
from tests.makers import make_cause
from tests.unsubscribe.makers import make_mail

PURPOSE_OF_DOOR = {
    "u": "unsubscribe",
    "o": "one_click",
    "p": "preferences",
    "h": "hidden",
    "j": "opt_in",
    "d": "access",
    "c": "click",
    "i": "open",
}


def routes(patterns: list[URLPattern | URLResolver] | None = None, prefix: str = "") -> Iterator[str]:
    """Every route of the URLconf; `u/<str:token>/undo` reads so."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        route = prefix + (str(pattern.pattern) if isinstance(pattern.pattern, RoutePattern) else "")
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, route)
        else:
            yield route


def public_routes() -> list[str]:
    return sorted({route for route in routes() if "<str:token>" in route})


def test_every_door_of_the_design_is_walked() -> None:
    assert {route.partition("/")[0] for route in public_routes()} >= set(PURPOSE_OF_DOOR)


@pytest.mark.django_db
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
@pytest.mark.parametrize("route", public_routes())
def test_looking_changes_no_preference(client: Client, route: str, method: str) -> None:
    mail = make_mail()
    token = mail.token(PURPOSE_OF_DOOR[route.partition("/")[0]])
    response = client.generic(method, "/" + route.replace("<str:token>", token))
    assert response.status_code in {200, 204, 302, 405}
    assert not PreferenceChange.objects.exists()
    assert not Subscription.objects.exists()
    assert not Suppression.objects.exists()
    assert not Recipient.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
@pytest.mark.parametrize("route", sorted(set(routes()) - set(public_routes())))
def test_looking_anywhere_else_changes_no_preference(admin_client: Client, route: str, method: str) -> None:
    mail = make_mail()
    mail.alice.opt_out(mail.topic.id, make_cause())
    before = list(PreferenceChange.objects.values()), list(Subscription.objects.values())
    url = "/" + re.sub(r"<[^>]+>", "1", route)
    response = admin_client.generic(method, url)
    assert response.status_code < 500
    assert (list(PreferenceChange.objects.values()), list(Subscription.objects.values())) == before


@pytest.mark.django_db
@pytest.mark.parametrize("route", public_routes())
def test_options_names_the_methods_of_the_door(client: Client, route: str) -> None:
    token = make_mail().token(PURPOSE_OF_DOOR[route.partition("/")[0]])
    url = "/" + route.replace("<str:token>", token)
    allowed = client.options(url).headers["Allow"].split(", ")
    assert ("POST" in allowed) == (client.post(url, {}).status_code != 405)
