"""The door `/b/`: a brand's stylesheet and logo, kept by browsers for good."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from preferences.colours import stylesheet
from preferences.directory import directory
from preferences.models import Brand
from tests.preferences.makers import make_picture
from tests.unsubscribe.makers import Mail, make_mail
from unsubscribe import brand_files

pytestmark = pytest.mark.django_db
PICTURE = make_picture("png", (30, 10))


@pytest.fixture(autouse=True)
def _nothing_served_yet() -> Iterator[None]:
    brand_files._logo.cache_clear()
    yield
    brand_files._logo.cache_clear()


def make_dressed_mail() -> Mail:
    return make_mail(accent="#7a1f5c", logo=PICTURE, logo_type="image/png")


def files_in_page(client: Client, mail: Mail) -> list[str]:
    """The paths of the stylesheet and the logo in the landing page."""
    html = client.get(f"/u/{mail.token()}").content.decode()
    return re.findall(r'"(/b/[^"]+)"', html)


def test_the_page_leads_to_a_stylesheet_with_the_brands_colours(client: Client) -> None:
    style, _ = files_in_page(client, make_dressed_mail())
    response = client.get(style)
    assert response.status_code == 200
    assert response.content.decode() == stylesheet("#7a1f5c", "")
    assert response.headers["Content-Type"] == "text/css; charset=utf-8"


def test_the_page_shows_the_logo_with_the_brands_name(client: Client) -> None:
    mail = make_dressed_mail()
    _, logo = files_in_page(client, mail)
    response = client.get(logo)
    assert (response.status_code, response.content) == (200, PICTURE)
    assert response.headers["Content-Type"] == "image/png"
    assert f'<img src="{logo}" alt="Demo Letters">' in client.get(f"/u/{mail.token()}").content.decode()


def test_browsers_may_keep_the_files_for_good_and_run_nothing_in_them(client: Client) -> None:
    for path in files_in_page(client, make_dressed_mail()):
        headers = client.get(path).headers
        assert headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "Set-Cookie" not in headers


def test_a_brand_without_a_look_asks_for_no_files(client: Client) -> None:
    assert files_in_page(client, make_mail()) == []


@pytest.mark.parametrize("change", [lambda path: path.replace("-", "-0", 1), lambda path: path + "x"])
def test_a_wrong_name_is_the_page_that_helps_and_is_not_kept(client: Client, change: object) -> None:
    for path in files_in_page(client, make_dressed_mail()):
        response = client.get(change(path))  # type: ignore[operator]
        assert response.status_code == 404
        assert "This link does not work" in response.content.decode()
        assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_nothing_can_be_sent_to_a_file(client: Client, method: str) -> None:
    for path in files_in_page(client, make_dressed_mail()):
        assert client.generic(method, path).status_code == 405


def test_a_stylesheet_needs_no_database_and_a_logo_it_once(client: Client) -> None:
    style, logo = files_in_page(client, make_dressed_mail())
    counts = []
    for path in (style, logo, style, logo):
        with CaptureQueriesContext(connection) as queries:
            client.get(path)
        counts.append(len(queries))
    assert counts == [0, 1, 0, 0]


def test_a_page_made_just_before_a_change_still_gets_its_colours(client: Client) -> None:
    mail = make_dressed_mail()
    style, _ = files_in_page(client, mail)
    Brand.objects.update(accent="#0b5f6b")
    directory._load()
    assert client.get(style).status_code == 200
    directory._load()
    assert client.get(style).status_code == 404


def test_a_replaced_logo_is_not_served_under_the_former_name(client: Client) -> None:
    _, logo = files_in_page(client, make_dressed_mail())
    Brand.objects.update(logo=make_picture("png", (60, 10)))
    assert client.get(logo).status_code == 404


def test_a_file_that_another_process_knows_of_is_looked_for(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    mail = make_dressed_mail()
    style, _ = files_in_page(client, mail)
    known = directory._snapshot
    Brand.objects.update(accent="#0b5f6b")
    directory._load()
    newer = next(name for name in directory._snapshot.files if name.endswith(".css"))
    monkeypatch.setattr("preferences.directory._SECONDS_BETWEEN_LOOKS", 0)
    directory._snapshot = known
    assert f"/b/{newer}" != style
    assert client.get(f"/b/{newer}").status_code == 200
