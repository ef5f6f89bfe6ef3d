"""Which language a page speaks: the link's hint, then what the browser asks for, then the brand's; and it stays."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Any
from urllib.parse import urlencode

import pytest
from django.conf import settings as django_settings
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from config.languages import LANGUAGES
from languages.messages import collect
from languages.pseudo import write_pseudo
from preferences.languages import _wanted, available, language_for, matching, spoken_date
from preferences.links import Purpose
from tests.unsubscribe.makers import Mail, make_mail, nonce_of

FORM = "application/x-www-form-urlencoded"
CODES = [code for code, _ in LANGUAGES]


@pytest.fixture(scope="module")
def locale(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("locale")
    write_pseudo(folder, collect(), [code for code in CODES if code != "en"])
    return str(folder)


@pytest.fixture(autouse=True)
def every_language(settings: Any, locale: str) -> Iterator[None]:
    """A catalogue for each language, whether its translation is made or not."""
    settings.LOCALE_PATHS = [locale]
    available.cache_clear()
    _wanted.cache_clear()
    yield
    available.cache_clear()
    _wanted.cache_clear()


def language(rf: Any, path: str, header: str, brand: str) -> str:
    return language_for(rf.get(path, headers={"accept-language": header}), brand).code


@pytest.mark.parametrize(
    ("query", "header", "brand", "expected"),
    [
        ("?lang=fr", "de", "it", "fr"),
        ("?utm_source=mail&lang=fr", "de", "it", "fr"),
        ("?lang=tlh", "de", "it", "de"),
        ("?lang=", "de", "it", "de"),
        ("?lang=%FF%00", "de", "it", "de"),
        ("?lang=../../etc/passwd", "de", "it", "de"),
        ("", "de", "it", "de"),
        ("", "tlh, de;q=0.5", "it", "de"),
        ("", "de;q=0.3, fr;q=0.8, en;q=0.1", "it", "fr"),
        ("", "de;q=0", "it", "it"),
        ("", "*", "it", "it"),
        ("", "", "it", "it"),
        ("", "", "tlh", "en"),
        ("", ";;;,q=,=,\x7f", "it", "it"),
        ("", "de;q=x, fr", "it", "it"),
        ("", "tlh," * 40 + "de," + "fr," * 5_000, "it", "de"),
        ("", "x" * 100_000, "it", "it"),
    ],
)
def test_the_hint_goes_over_the_header_and_that_over_the_brand(
    rf: Any, query: str, header: str, brand: str, expected: str
) -> None:
    assert language(rf, f"/u/x{query}", header, brand) == expected


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("de-AT", "de"),
        ("de_CH", "de"),
        ("DE", "de"),
        ("pt-PT", "pt"),
        ("pt-BR", "pt-br"),
        ("zh", "zh-hans"),
        ("zh-CN", "zh-hans"),
        ("zh-Hans-SG", "zh-hans"),
        ("zh-TW", "zh-hant"),
        ("zh-HK", "zh-hant"),
        ("zh-Hant-MO", "zh-hant"),
        ("no", "nb"),
        ("nn-NO", "nb"),
        ("iw", "he"),
        ("iw-IL", "he"),
        ("es-419", "es"),
        ("tlh", None),
        ("d", None),
        ("-", None),
        ("de" * 1_000, None),
    ],
)
def test_a_language_answers_to_the_names_that_browsers_use(asked: str, expected: str | None) -> None:
    assert matching(asked) == expected


def test_every_language_answers_to_its_own_name() -> None:
    assert [matching(code) for code in CODES] == CODES


def test_only_languages_with_a_catalogue_are_offered(settings: Any) -> None:
    settings.LOCALE_PATHS = []
    available.cache_clear()
    assert available() == {"en": "English"}


# Pages


def own_urls(page: str) -> list[str]:
    """The page's links and forms on this server, without its files and its language switch."""
    urls = re.findall(r'(?:href|action|data-arrive)="(/[^"]*|\?[^"]*)"', page)
    is_switch = re.compile(r"[^?]*\?lang=[a-z-]+")
    switch = re.findall(r'href="([^"]*)" hreflang', page)
    assert all(is_switch.fullmatch(url) for url in switch)
    return [url for url in urls if url not in switch and not url.startswith((django_settings.STATIC_URL, "/b/"))]


def pages_of(client: Client, mail: Mail, query: str) -> Iterator[str]:
    """The pages that alice comes through, each reached by what stood on the one before."""
    base = f"/u/{mail.token()}"

    def post(path: str, **fields: str) -> str:
        return client.post(f"{base}/{path}{query}", urlencode(fields), content_type=FORM).content.decode()

    landing = client.get(base + query)
    yield landing.content.decode()
    yield post("confirm", choice="keep", nonce=nonce_of(landing))
    done = post("confirm", choice="leave", nonce=nonce_of(landing))
    yield done
    yield post("undo")
    yield post("undo", nonce=undo_pass_of(done))
    yield client.get(f"{base}/preferences{query}").content.decode()
    yield client.get(f"/p/{mail.token('preferences')}{query}").content.decode()
    yield client.get(f"/h/{mail.token('hidden')}{query}").content.decode()


def undo_pass_of(page: str) -> str:
    found = re.search(r'/undo[^>]*>\s*<input type="hidden" name="nonce" value="([^"]+)"', page)
    assert found
    return found[1]


@pytest.mark.django_db
def test_a_chosen_language_stays_on_every_link_and_form(client: Client) -> None:
    urls = []
    for page in pages_of(client, make_mail(), "?lang=he"):
        assert '<html lang="he" dir="rtl">' in page
        urls += own_urls(page)
    assert len(urls) > 10
    assert [url for url in urls if not url.endswith("?lang=he")] == []


@pytest.mark.django_db
def test_a_language_that_nobody_chose_stays_out_of_the_urls(client: Client) -> None:
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "ar"
    for page in pages_of(client, make_mail(), ""):
        assert '<html lang="ar" dir="rtl">' in page
        assert [url for url in own_urls(page) if "lang=" in url] == []


@pytest.mark.django_db
@pytest.mark.parametrize("code", CODES)
def test_a_page_says_its_language_and_direction(client: Client, code: str) -> None:
    response = client.get(f"/u/{make_mail().token()}", headers={"accept-language": code})
    direction = ' dir="rtl"' if code in ("ar", "he") else ""
    assert f'<html lang="{code}"{direction}>' in response.content.decode()
    assert not response.cookies


@pytest.mark.django_db
def test_the_brand_speaks_to_whoever_asks_for_nothing(client: Client) -> None:
    token = make_mail(language="el").token()
    assert '<html lang="el">' in client.get(f"/u/{token}", headers={"accept-language": ""}).content.decode()


@pytest.mark.django_db
def test_an_address_that_leads_nowhere_is_answered_in_the_language(client: Client) -> None:
    response = client.get("/nothing/here?lang=ar")
    assert response.status_code == 404
    assert '<html lang="ar" dir="rtl">' in response.content.decode()


@pytest.mark.django_db
def test_no_page_sets_a_cookie(client: Client) -> None:
    assert len(list(pages_of(client, make_mail(), "?lang=de"))) == 8
    assert not client.cookies


@pytest.mark.django_db
def test_the_landing_page_asks_the_database_nothing_in_any_language(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    token = make_mail().token(Purpose.UNSUBSCRIBE)
    client.get(f"/u/{token}")
    with django_assert_num_queries(0):
        for code in CODES:
            assert client.get(f"/u/{token}?lang={code}").status_code == 200


@pytest.mark.parametrize(
    ("code", "spoken"),
    [
        ("en", "February 3, 2027"),
        ("de", "3. Februar 2027"),
        ("mt", "3 ta’ Frar 2027"),
        ("ga", "3 Feabhra 2027"),
        ("ar", "3 فبراير 2027"),
        ("he", "3 בפברואר 2027"),
        ("ja", "2027年2月3日"),
        ("ko", "2027년 2월 3일"),
        ("zh-hant", "2027年2月3日"),
        ("pt-br", "3 de fevereiro de 2027"),
        ("uk", "3 лютого 2027\u202fр."),
        ("fi", "3. helmikuuta 2027"),
    ],
)
def test_dates_are_spoken_in_the_language(code: str, spoken: str) -> None:
    assert spoken_date(date(2027, 2, 3), code) == spoken
