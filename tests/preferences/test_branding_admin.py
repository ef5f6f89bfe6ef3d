"""A brand's look and texts in the admin, and the preview of its pages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from babel.messages import Catalog
from babel.messages.mofile import write_mo
from django.conf import settings as django_settings
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from engagement.recording.recorder import recorder
from preferences.colours import DARK, LIGHT
from preferences.directory import directory
from preferences.languages import available
from preferences.models import Brand, BrandText, PreferenceChange, Recipient, Topic, TopicText
from tests.makers import make_brand, make_key, make_topic
from tests.preferences.makers import brand_form, make_picture

pytestmark = pytest.mark.django_db

BRANDS = "/admin/preferences/brand/"


def save(client: Client, brand: Brand, **fields: Any) -> Any:
    response = client.post(f"{BRANDS}{brand.pk}/change/", brand_form(**fields), follow=True)
    brand.refresh_from_db()
    return response


def change_page(client: Client, brand: Brand) -> str:
    return str(client.get(f"{BRANDS}{brand.pk}/change/").content.decode())


def errors(response: Any) -> dict[str, list[str]]:
    found: dict[str, list[str]] = response.context["adminform"].form.errors
    return found


def upload(content: bytes) -> SimpleUploadedFile:
    return SimpleUploadedFile("logo.png", content)


def staff(client: Client, *codenames: str, brand: Brand | None = None) -> User:
    bob = User.objects.create_user("bob", is_staff=True)
    bob.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    if brand:
        brand.members.add(bob)
    client.force_login(bob)
    return bob


# Colours


@pytest.mark.parametrize("text", ["#0B5F6B", "0b5f6b", " #0b5f6b "])
def test_a_colour_is_taken_however_it_is_written(admin_client: Client, text: str) -> None:
    save(admin_client, brand := make_brand(), accent=text)
    assert brand.accent == "#0b5f6b"


def test_a_short_colour_is_a_colour(admin_client: Client) -> None:
    save(admin_client, brand := make_brand(), accent="#036")
    assert brand.accent == "#003366"


@pytest.mark.parametrize(
    ("field", "text", "told"),
    [
        ("accent", "#e07a5f", "2.6 : 1 on the light page, at least 4.5 : 1 is needed; the nearest that holds is #"),
        ("accent_dark", "#0b5f6b", "2.2 : 1 on the dark page, at least 4.5 : 1 is needed; the nearest that holds is #"),
        ("accent", "petrol", "Use a colour such as #0b5f6b"),
        ("accent", "#12345", "Use a colour such as #0b5f6b"),
        ("accent", "#0b5f6b;}", "Use a colour such as #0b5f6b"),
    ],
)
def test_a_colour_that_cannot_be_read_is_refused(admin_client: Client, field: str, text: str, told: str) -> None:
    response = save(admin_client, brand := make_brand(), **{field: text})
    assert told in errors(response)[field][0]
    assert (brand.accent, brand.accent_dark) == ("", "")


def test_the_colour_that_is_offered_instead_is_taken(admin_client: Client) -> None:
    brand = make_brand()
    for field, text in (("accent", "#999999"), ("accent_dark", "#666666")):
        response = save(admin_client, brand, **{field: text})
        offered = re.findall(r"#\w{6}", errors(response)[field][0])
        assert f"<option>{offered[0]}</option>" in response.content.decode()
        save(admin_client, brand, **{field: offered[0]})
        assert getattr(brand, field) == offered[0]


def test_a_refused_ratio_never_reads_as_enough(admin_client: Client) -> None:
    almost = next(f"#{n:02x}{n:02x}{n:02x}" for n in range(256) if not LIGHT.holds(f"#{n:02x}{n:02x}{n:02x}"))
    assert "4.4 : 1" in errors(save(admin_client, make_brand(), accent=almost))["accent"][0]


def test_the_form_shows_the_contrast_of_what_is_saved(admin_client: Client) -> None:
    html = change_page(admin_client, make_brand(accent="#0b5f6b", accent_dark="#7fd0dc"))
    assert "As a link 6.5 : 1, words on a button 7.3 : 1." in html
    assert "As a link 9.2 : 1, words on a button 10.3 : 1." in html
    assert 'fill="#7fd0dc"' in html


def test_the_form_shows_what_a_missing_colour_is_made_of(admin_client: Client) -> None:
    html = change_page(admin_client, make_brand(accent="#0b5f6b"))
    assert f"made from the other colour, {DARK.nearest('#0b5f6b')}." in html


def test_without_colours_the_form_says_what_holds(admin_client: Client) -> None:
    assert change_page(admin_client, make_brand()).count("Empty: Farewell’s own.") == 2


# Logo


def test_a_logo_is_uploaded_kept_and_removed(admin_client: Client) -> None:
    brand = make_brand()
    save(admin_client, brand, new_logo=upload(make_picture("png", (300, 100))))
    assert brand.logo_type == "image/png"
    kept = bytes(brand.logo or b"")
    assert kept.startswith(b"\x89PNG")
    save(admin_client, brand, name="Other Letters")
    assert bytes(brand.logo or b"") == kept
    save(admin_client, brand, is_logo_removed="on")
    assert (brand.logo, brand.logo_type) == (None, "")


def test_a_new_logo_replaces_the_former_and_is_shown(admin_client: Client) -> None:
    brand = make_brand(slug="demo", logo=make_picture("png", (30, 10)), logo_type="image/png")
    save(admin_client, brand, new_logo=upload(make_picture("jpeg", (60, 10))))
    assert brand.logo_type == "image/jpeg"
    shown = re.findall(r'<img src="(/b/demo-\w+\.jpg)"', change_page(admin_client, brand))
    assert len(shown) == 2
    directory.forget()
    assert admin_client.get(shown[0]).content == bytes(brand.logo or b"")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"<svg/>", "This is no picture in PNG, JPEG or WebP"),
        (b"", "The submitted file is empty."),
        (make_picture("png", (30, 10))[:40], "This is no picture in PNG, JPEG or WebP"),
        (make_picture("png", (5_000, 4_001)), "more than 20 million pixels"),
        (bytes(5_000_001), "5.0 MB; at most 5 MB"),
    ],
    ids=["drawing", "empty", "damaged", "huge", "large"],
)
def test_what_is_no_logo_is_refused_in_words(admin_client: Client, content: bytes, told: str) -> None:
    response = save(admin_client, brand := make_brand(), new_logo=upload(content))
    assert told in errors(response)["new_logo"][0]
    assert brand.logo is None


def test_the_list_of_brands_reads_no_logos(admin_client: Client, django_assert_max_num_queries: Any) -> None:
    make_brand(logo=bytes(90_000), logo_type="image/png")
    with django_assert_max_num_queries(20) as queries:
        assert admin_client.get(BRANDS).status_code == 200
    assert [query["sql"] for query in queries if '"logo"' in query["sql"]] == []


# Texts and the rest


def test_own_texts_stand_on_the_pages_of_their_language(admin_client: Client) -> None:
    brand = make_brand(slug="demo")
    texts = {"texts-TOTAL_FORMS": "1", "texts-0-language": "en", "texts-0-footer": "Demo & Sons, Exampleton"}
    save(admin_client, brand, **texts, imprint_url="https://example.org/imprint")
    assert BrandText.objects.get().footer == "Demo & Sons, Exampleton"
    html = admin_client.get(f"/admin/preview/{brand.pk}/light/landing").content.decode()
    assert '<p class="own" lang="en" dir="auto">Demo &amp; Sons, Exampleton</p>' in html
    assert '<a href="https://example.org/imprint">Imprint</a>' in html


def test_a_language_has_one_set_of_texts(admin_client: Client) -> None:
    texts = {"texts-TOTAL_FORMS": "2", "texts-0-language": "de", "texts-1-language": "de"}
    save(admin_client, make_brand(), **texts)
    assert not BrandText.objects.exists()


def test_all_that_a_brand_can_choose_is_saved(admin_client: Client) -> None:
    fields = {
        "language": "de",
        "reply_to": "reply@example.org",
        "privacy_url": "https://example.org/privacy",
        "base_url": "https://leave.example.org",
    }
    save(admin_client, brand := make_brand(), **fields, is_double_opt_in="on")
    assert {name: getattr(brand, name) for name in fields} == fields
    assert (brand.is_double_opt_in, brand.asks_why, brand.sends_notice) == (True, False, False)


def test_a_script_is_no_imprint(admin_client: Client) -> None:
    response = save(admin_client, make_brand(), imprint_url="javascript:alert(1)")
    assert "imprint_url" in errors(response)


def test_superusers_say_who_sees_a_brand(admin_client: Client) -> None:
    bob = User.objects.create_user("bob")
    save(admin_client, brand := make_brand(), members=[bob.pk])
    assert list(brand.members.all()) == [bob]


def test_nobody_else_says_who_sees_a_brand(client: Client) -> None:
    bob = staff(client, "change_brand", brand=(brand := make_brand()))
    mallory = User.objects.create_user("mallory")
    assert "members" not in client.get(f"{BRANDS}{brand.pk}/change/").context["adminform"].form.fields
    save(client, brand, name="New name", members=[mallory.pk])
    assert brand.name == "New name"
    assert list(brand.members.all()) == [bob]


def test_whoever_may_only_look_sees_the_look(client: Client) -> None:
    brand = make_brand(accent="#0b5f6b", logo=make_picture("png", (30, 10)), logo_type="image/png")
    staff(client, "view_brand", brand=brand)
    html = change_page(client, brand)
    assert "#0b5f6b" in html
    assert "on a dark page" in html
    assert save(client, brand, name="New name").status_code == 403


# The preview


def make_dressed_brand() -> Brand:
    brand = make_brand(accent="#7a1f5c", logo=make_picture("png", (30, 10)), logo_type="image/png")
    make_topic(brand)
    return brand


def frames_of(client: Client, brand: Brand, query: str = "") -> list[str]:
    html = client.get(f"{BRANDS}{brand.pk}/preview/{query}").content.decode()
    return re.findall(r'<iframe sandbox="allow-same-origin" loading="lazy" title="[^"]+" src="([^"]+)"', html)


def test_the_preview_shows_three_pages_on_three_screens(admin_client: Client) -> None:
    brand = make_dressed_brand()
    frames = frames_of(admin_client, brand)
    assert len(set(frames)) == 9
    headings = {
        "landing": "Unsubscribe from News",
        "done": "You are unsubscribed",
        "preferences": "Your preferences",
    }
    for frame in frames:
        response = admin_client.get(frame)
        assert response.status_code == 200
        page = frame.partition("?")[0].rpartition("/")[2]
        assert headings[page] in response.content.decode()
        assert '<img src="/b/' in response.content.decode()


def test_the_preview_shows_what_is_saved_now(admin_client: Client) -> None:
    brand = make_dressed_brand()
    make_key(brand)
    directory._load()
    save(admin_client, brand, name="New Letters")
    for page in ("landing", "done", "preferences"):
        assert "New Letters" in admin_client.get(f"/admin/preview/{brand.pk}/light/{page}").content.decode()


@pytest.fixture
def german(settings: Any, tmp_path: Path) -> Iterator[None]:
    """There is a catalogue of German, whether its translation is made or not."""
    folder = tmp_path / "de" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    with (folder / "django.mo").open("wb") as file:
        write_mo(file, Catalog(locale="de"))
    settings.LOCALE_PATHS = [str(tmp_path)]
    available.cache_clear()
    yield
    available.cache_clear()


@pytest.mark.usefixtures("german")
def test_the_preview_speaks_a_language_that_is_chosen(admin_client: Client) -> None:
    brand = make_dressed_brand()
    TopicText.objects.create(topic=Topic.objects.get(), language="de", name="Neuigkeiten")
    BrandText.objects.create(brand=brand, language="de", footer="Von uns für Sie")
    assert all(frame.endswith("?lang=de") for frame in frames_of(admin_client, brand, "?lang=de"))
    html = admin_client.get(f"/admin/preview/{brand.pk}/light/landing?lang=de").content.decode()
    assert '<html lang="de"' in html
    assert "Neuigkeiten" in html
    assert "Von uns für Sie" in html


def test_links_in_the_preview_lead_to_the_preview(admin_client: Client) -> None:
    brand = make_dressed_brand()
    html = admin_client.get(f"/admin/preview/{brand.pk}/dark/done").content.decode()
    link = re.search(r'<a href="(/admin/preview/[^"]+)"', html)
    assert link
    assert "Your preferences" in admin_client.get(link[1]).content.decode()


def test_a_frame_is_shown_by_the_admin_alone_and_sends_nothing(admin_client: Client) -> None:
    frame = frames_of(admin_client, make_dressed_brand())[0]
    response = admin_client.get(frame)
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "form-action 'none'" in policy
    assert "frame-ancestors 'self'" in policy
    assert "script-src" not in policy
    assert response.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert "no-store" in response.headers["Cache-Control"]
    assert admin_client.post(frame).status_code == 405


def test_only_the_preview_may_frame_pages_of_ours(admin_client: Client) -> None:
    brand = make_dressed_brand()
    policies = [
        admin_client.get(url).headers["Content-Security-Policy"]
        for url in (f"{BRANDS}{brand.pk}/preview/", f"{BRANDS}{brand.pk}/change/")
    ]
    assert ["frame-src 'self'" in policy for policy in policies] == [True, False]
    assert all("frame-ancestors 'none'" in policy for policy in policies)


def test_the_preview_writes_nothing(admin_client: Client) -> None:
    for frame in frames_of(admin_client, make_dressed_brand()):
        admin_client.get(frame)
    assert not Recipient.objects.exists()
    assert not PreferenceChange.objects.exists()
    assert not recorder._queue


@pytest.mark.parametrize("screen", ["light", "dark", "phone"])
def test_a_screens_stylesheet_knows_one_scheme(admin_client: Client, screen: str) -> None:
    brand = make_dressed_brand()
    response = admin_client.get(f"/admin/preview/{brand.pk}/{screen}/style.css")
    css = response.content.decode()
    scheme = "dark" if screen == "dark" else "light"
    assert response.headers["Content-Type"] == "text/css; charset=utf-8"
    assert "prefers-color-scheme" not in css
    assert f"color-scheme: {scheme};" in css
    assert "--accent:#7a1f5c" in css


def test_light_and_dark_differ_in_properties_alone() -> None:
    """A screen's stylesheet comes after the pages' own, and could not take other rules of it back."""
    css = Path(django_settings.BASE_DIR, "static/farewell.css").read_text()
    parts = css.split("@media (prefers-color-scheme: dark)")[1:]
    names = [re.findall(r"^\s*([\w.#:\[][^{};]*?)\s*\{", part.partition("\n}")[0], re.MULTILINE) for part in parts]
    assert names == [[":root"]] * len(parts) != []
    assert "prefers-color-scheme: light" not in css


@pytest.mark.parametrize("path", ["light/other", "sepia/landing", "sepia/style.css", "light/landing/more"])
def test_what_there_is_no_preview_of_is_not_found(admin_client: Client, path: str) -> None:
    assert admin_client.get(f"/admin/preview/{make_dressed_brand().pk}/{path}").status_code == 404


def preview_urls(brand: Brand) -> list[str]:
    own = f"/admin/preview/{brand.pk}/light"
    return [f"{BRANDS}{brand.pk}/preview/", own, f"{own}/landing", f"{own}/preferences", f"{own}/style.css"]


def test_the_preview_is_for_whoever_may_see_the_brand(client: Client) -> None:
    own, other = make_dressed_brand(), make_dressed_brand()
    staff(client, "view_brand", brand=own)
    assert [client.get(url).status_code for url in preview_urls(own)] == [200] * 5
    assert [client.get(url).status_code for url in preview_urls(other)] == [404] * 5
    assert [client.get(url).status_code for url in preview_urls(Brand(pk=0))] == [404] * 5


def test_without_the_permission_there_is_no_preview(client: Client) -> None:
    staff(client, "view_topic", brand=(brand := make_dressed_brand()))
    assert [client.get(url).status_code for url in preview_urls(brand)] == [403] * 5


def test_without_a_login_there_is_no_preview(client: Client) -> None:
    for url in preview_urls(make_dressed_brand()):
        response = client.get(url)
        assert response.status_code == 302
        assert response.headers["Location"].startswith("/admin/login/")
