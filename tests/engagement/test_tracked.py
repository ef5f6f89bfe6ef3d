"""The doors of a click and of an open."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from engagement.models import Interaction
from engagement.recording.recorder import recorder
from engagement.tracking.answers import PIXEL, to_uri
from preferences.directory import directory
from preferences.links import LinkError, Purpose
from tests.unsubscribe.makers import Mail, make_mail

pytestmark = pytest.mark.django_db


def recorded() -> list[Interaction]:
    recorder.flush()
    return list(Interaction.objects.order_by("id"))


def sealed(mail: Mail, target: object) -> str:
    """A click's token as somebody else's program seals it, which checks nothing."""
    claims = [1, "click", "email", mail.sent_at, "news", "2026-11", "alice@example.org", target]
    box = AESGCM(mail.key.secret).encrypt(bytes(12), json.dumps(claims).encode(), mail.key.kid)
    return urlsafe_b64encode(mail.key.kid + bytes(12) + box).decode().rstrip("=")


def test_a_click_leads_to_the_sealed_target(client: Client) -> None:
    target = "https://shop.example.org/a/b?c=d&e=%20f#g"
    response = client.get(f"/c/{make_mail().token('click', target=target)}")
    assert (response.status_code, response.headers["Location"], response.content) == (302, target, b"")


@pytest.mark.parametrize("method", ["get", "head"])
def test_whoever_opens_a_link_is_recorded(client: Client, method: str) -> None:
    mail = make_mail()
    getattr(client, method)(f"/c/{mail.token('click', segment='loyal')}")
    getattr(client, method)(f"/i/{mail.token('open', topic='')}.gif")
    click, open_ = recorded()
    assert (click.kind, click.answer, click.purpose, click.segment) == ("click", "redirect", "click", "loyal")
    assert (open_.kind, open_.answer, open_.purpose, open_.topic) == ("open", "pixel", "open", "")
    assert {click.recipient_id, open_.recipient_id} == {mail.alice.id}
    assert (click.mailing, click.link is None, open_.link) == ("2026-11", False, None)


def test_both_doors_are_stateless(client: Client, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    mail = make_mail()
    client.get(f"/u/{mail.token()}")
    with django_assert_num_queries(0):
        assert client.get(f"/c/{mail.token('click')}").status_code == 302
        assert client.get(f"/i/{mail.token('open')}.gif").status_code == 200


def test_the_picture_is_a_gif_of_one_transparent_pixel(client: Client) -> None:
    response = client.get(f"/i/{make_mail().token('open')}.gif")
    assert response.content == PIXEL
    assert PIXEL[:10] == b"GIF89a\x01\x00\x01\x00"
    assert len(PIXEL) <= 43
    assert response.headers["Content-Type"] == "image/gif"
    assert response.headers["Content-Length"] == str(len(PIXEL))


def test_the_picture_may_be_shown_anywhere_and_kept_nowhere(client: Client) -> None:
    headers = client.get(f"/i/{make_mail().token('open')}.gif").headers
    assert headers["Cache-Control"] == "no-store"
    assert headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert "Content-Security-Policy" not in headers


def test_a_redirect_is_kept_nowhere_and_names_no_referrer(client: Client) -> None:
    response = client.get(f"/c/{make_mail().token('click')}")
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert response.headers["X-Robots-Tag"] == "noindex, nofollow"
    assert response.headers["Content-Length"] == "0"
    assert not response.cookies


def test_a_link_that_opens_nothing_shows_no_broken_picture(client: Client) -> None:
    token = make_mail().token("open")
    for bad in (token[:-4], make_mail().token("unsubscribe"), "x"):
        response = client.get(f"/i/{bad}.gif")
        assert (response.status_code, response.content) == (404, PIXEL)
        assert response.headers["Content-Type"] == "image/gif"
    assert recorded() == []


def test_a_picture_without_its_ending_is_found(client: Client) -> None:
    assert client.get(f"/i/{make_mail().token('open')}").status_code == 200


@pytest.mark.parametrize("method", ["post", "put", "delete", "patch"])
@pytest.mark.parametrize("purpose", ["click", "open"])
def test_only_safe_methods_open_the_doors(client: Client, purpose: str, method: str) -> None:
    path = f"/{'c' if purpose == 'click' else 'i'}/{make_mail().token(purpose)}"
    response = getattr(client, method)(path)
    assert (response.status_code, response.headers["Allow"]) == (405, "GET, HEAD")
    assert recorded() == []


def test_a_brand_that_does_not_track_is_served_and_not_recorded(client: Client) -> None:
    mail = make_mail(tracks=False)
    assert client.get(f"/c/{mail.token('click')}").status_code == 302
    assert client.get(f"/i/{mail.token('open')}.gif").status_code == 200
    client.get(f"/h/{mail.token('hidden')}")
    assert [row.kind for row in recorded()] == ["hidden_visit"]


def test_robots_get_the_same_answer_as_people(client: Client) -> None:
    """Promise P6, for the previews of text messages too."""
    mail = make_mail(age=1)
    token, picture = mail.token("click"), mail.token("open")
    answers = set()
    for agent in ("curl/8.0", "WhatsApp/2.23.20.0 A", "TelegramBot (like TwitterBot)", "GoogleMessages/20", ""):
        click = client.get(f"/c/{token}", headers={"user-agent": agent, "sec-purpose": "prefetch"})
        image = client.get(f"/i/{picture}.gif", headers={"user-agent": agent})
        answers.add((click.headers["Location"], str(click.headers), image.content, str(image.headers)))
    assert len(answers) == 1
    assert len(recorded()) == 10


@pytest.mark.parametrize("mark", ["{farewell}", "%7Bfarewell%7D", "%7bfarewell%7d"])
def test_the_target_gets_the_clicks_token_where_it_asks_for_it(client: Client, mark: str) -> None:
    target = "https://shop.example.org/{}?from={}#{}".format(mark, mark, "ü")
    token = make_mail().token("click", target=target)
    location = client.get(f"/c/{token}").headers["Location"]
    assert location == f"https://shop.example.org/{token}?from={token}#%C3%BC"


@pytest.mark.parametrize(
    ("target", "location"),
    [
        ("https://example.org", "https://example.org"),
        ("https://example.org/?", "https://example.org/?"),
        ("HTTP://Example.org/A", "HTTP://Example.org/A"),
        ("https://alice:se%20cret@example.org:8443/x", "https://alice:se%20cret@example.org:8443/x"),
        ("https://münchen.example/straße?q=käse#öl", "https://xn--mnchen-3ya.example/stra%C3%9Fe?q=k%C3%A4se#%C3%B6l"),
        ("https://älice@faß.example:81/", "https://%C3%A4lice@xn--fa-hia.example:81/"),
        ("https://☃.example/", "https://%E2%98%83.example/"),
        ('https://example.org/a b"<>`{}|\\^', "https://example.org/a%20b%22%3C%3E%60%7B%7D%7C%5C%5E"),
        ("https://[2001:db8::1]:81/ü", "https://[2001:db8::1]:81/%C3%BC"),
        ("https://example.org/100%&50%25", "https://example.org/100%&50%25"),
    ],
)
def test_a_target_beyond_ascii_becomes_a_location(client: Client, target: str, location: str) -> None:
    assert client.get(f"/c/{make_mail().token('click', target=target)}").headers["Location"] == location


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=80))
def test_a_location_is_ascii_without_spaces_and_leads_to_the_same_host(rest: str) -> None:
    location = to_uri(f"https://shop.example.org/{rest}")
    assert location.isascii()
    assert location.isprintable()
    assert " " not in location
    assert urlsplit(location).hostname == "shop.example.org"


@pytest.mark.parametrize(
    "target",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "//evil.example",
        "/a",
        "https://shop.example.org/\r\nSet-Cookie: a=b",
        "https://shop.example.org\\@evil.example/",
        "https://",
        "",
        None,
        ["https://shop.example.org"],
    ],
)
def test_what_a_careless_program_sealed_is_no_target(client: Client, target: Any) -> None:
    response = client.get(f"/c/{sealed(make_mail(), target)}")
    assert response.status_code == 404
    assert "Location" not in response.headers
    assert recorded() == []


@pytest.mark.parametrize("address", ["/c/{}?url=https://evil.example", "/c/{}?target=//evil.example&u=x"])
def test_nothing_but_the_sealed_target_decides_where_it_goes(client: Client, address: str) -> None:
    response = client.get(address.format(make_mail().token("click")), headers={"host": "evil.example"})
    assert response.headers["Location"] == "https://shop.example.org/offers"


@pytest.mark.parametrize("path", ["/c/https://evil.example", "/c//evil.example", "/c/", "/c/%2F%2Fevil.example", "/i/"])
def test_a_path_is_no_target(client: Client, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 404
    assert "Location" not in response.headers


def test_no_token_but_a_sealed_one_opens_a_click() -> None:
    mail = make_mail()
    token = mail.token("click")
    assert directory.open(token, Purpose.CLICK).claims.target == "https://shop.example.org/offers"
    for bad in (token + token, token[:-1], token[1:], token + "=", "A" * 100_000, token.swapcase()):
        with pytest.raises(LinkError):
            directory.open(bad, Purpose.CLICK)


def test_a_forged_link_is_the_page_that_other_doors_show(client: Client) -> None:
    token = make_mail().token("click")[:-4]
    pages = {client.get(f"/{door}/{token}").content for door in ("c", "u", "p")}
    assert len(pages) == 1
    assert recorded() == []
