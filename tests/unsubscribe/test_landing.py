from __future__ import annotations

import re

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from engagement.detection import RULES_VERSION
from engagement.models import Interaction
from engagement.recording.recorder import recorder
from preferences.addresses import mask
from preferences.links import Channel
from preferences.models import BrandText
from tests.unsubscribe.makers import make_mail, nonce_of

pytestmark = pytest.mark.django_db


def test_a_warm_page_costs_no_query(client: Client, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    mail = make_mail()
    client.get(f"/u/{mail.token()}")
    with django_assert_num_queries(0):
        assert client.get(f"/u/{mail.token(address='bob@example.org')}").status_code == 200


def test_a_warm_page_renders_no_template(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    mail = make_mail()
    client.get(f"/u/{mail.token()}")

    def refuse(*_: object, **__: object) -> str:
        raise AssertionError("a template was rendered")

    monkeypatch.setattr("django.template.base.Template.render", refuse)
    assert client.get(f"/u/{mail.token(address='bob@example.org')}").status_code == 200


def test_the_address_is_shown_masked_and_nowhere_whole(client: Client) -> None:
    mail = make_mail()
    page = client.get(f"/u/{mail.token()}").content.decode()
    assert mask(Channel.EMAIL, "alice@example.org") in page
    assert "alice" not in page
    assert "example.org" not in page


def test_a_hostile_address_stays_text(client: Client) -> None:
    mail = make_mail()
    page = client.get(f"/u/{mail.token(address='<script>@example.org')}").content.decode()
    assert "&lt;•••@e•••.org" in page
    assert page.count("<script") == 1


def test_the_harmless_button_stands_first(client: Client) -> None:
    page = client.get(f"/u/{make_mail().token()}").content.decode()
    assert re.findall(r'name="choice" value="(\w+)"', page) == ["keep", "leave"]


def test_nothing_that_waits_is_on_the_page_yet(client: Client) -> None:
    """Text browsers show what a style hides."""
    page = client.get(f"/u/{make_mail().token()}").content.decode()
    assert page.count("<form") == 1
    assert "Undo" not in page
    assert '<div class="after" data-after></div>' in page


def test_a_chosen_language_stays_on_the_pages_own_urls(client: Client) -> None:
    token = make_mail().token()
    page = client.get(f"/u/{token}?lang=en").content.decode()
    assert set(re.findall(rf'="(/u/{token}[^"]*)"', page)) == {
        f"/u/{token}/{way}?lang=en" for way in ("arrive", "confirm")
    }
    assert "?lang" not in client.get(f"/u/{token}").content.decode().partition("<footer>")[0]


def test_the_brands_goodbye_waits_for_its_state(client: Client) -> None:
    mail = make_mail()
    BrandText.objects.create(brand=mail.brand, language="en", goodbye="Farewell & thanks.")
    page = client.get(f"/u/{mail.token()}").content.decode()
    assert '<p class="own" lang="en" dir="auto" data-say="Farewell &amp; thanks."></p>' in page


def test_every_page_view_has_a_nonce_of_its_own(client: Client) -> None:
    token = make_mail().token()
    assert nonce_of(client.get(f"/u/{token}")) != nonce_of(client.get(f"/u/{token}"))


def test_the_header_url_shows_the_same_page_with_its_own_doors(client: Client) -> None:
    token = make_mail().token("one_click")
    page = client.get(f"/o/{token}").content.decode()
    assert f'action="/o/{token}/confirm"' in page
    assert f'data-arrive="/o/{token}/arrive"' in page
    assert "/u/" not in page


@pytest.mark.parametrize(("door", "purpose"), [("u", "unsubscribe"), ("p", "preferences"), ("h", "hidden")])
def test_public_pages_keep_to_themselves(client: Client, door: str, purpose: str) -> None:
    response = client.get(f"/{door}/{make_mail().token(purpose)}")
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert response.headers["X-Robots-Tag"] == "noindex, nofollow"
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert not response.cookies
    page = response.content.decode()
    assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=|style=|<style|https?://", page)


def test_robots_get_the_same_page_as_people(client: Client) -> None:
    """Promise P6: nothing but the nonce differs."""
    token = make_mail(age=1).token()
    pages = set()
    for agent in ("curl/8.0", "Googlebot/2.1", "", client.defaults["HTTP_USER_AGENT"]):
        response = client.get(f"/u/{token}", headers={"user-agent": agent, "sec-purpose": "prefetch"})
        pages.add(response.content.replace(nonce_of(response).encode(), b""))
    assert len(pages) == 1


def test_a_visit_is_recorded_with_its_verdict_and_reasons(client: Client) -> None:
    mail = make_mail(age=30)
    client.get(f"/u/{mail.token()}", headers={"user-agent": "curl/8.0"})
    recorder.flush()
    row = Interaction.objects.get()
    assert (row.kind, row.answer, row.mailing, row.topic) == ("visit", "page", "2026-11", "news")
    assert (row.verdict, row.is_hard) == ("machine", True)
    assert row.recipient_id == mail.alice.id
    assert {signal["name"] for signal in row.signals} >= {"robot_agent", "send_age"}
    assert all(signal["reason"].endswith(".") for signal in row.signals)
    assert row.rules == RULES_VERSION
    assert 30 <= (row.send_age or 0) < 90
    assert row.network == "127.0.0.0"
    assert "127.0.0.1" not in str(Interaction.objects.values().get())


def test_a_changed_name_shows_when_the_directory_is_refreshed(client: Client) -> None:
    from preferences.directory import directory

    mail = make_mail()
    client.get(f"/u/{mail.token()}")
    mail.topic.name = "Fresh News"
    mail.topic.save()
    directory.forget()
    assert "Unsubscribe from Fresh News" in client.get(f"/u/{mail.token()}").content.decode()
