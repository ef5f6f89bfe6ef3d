"""Brand keys in the admin: shown once, retired, revived."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from preferences.links import LinkKey
from preferences.models import BrandKey
from tests.makers import make_brand, make_key
from tests.preferences.admin_pages import KEYS, page, staff

pytestmark = pytest.mark.django_db


def test_a_new_key_is_shown_once_and_kept_nowhere_else(admin_client: Client) -> None:
    brand = make_brand()
    response = admin_client.post(f"{KEYS}add/", {"brand": brand.pk, "note": "mail system"})
    match = re.search(r"[0-9a-f]{8}\.[A-Za-z0-9_-]{43}", response.content.decode())
    assert match
    secret = match[0].partition(".")[2]
    stored = BrandKey.objects.get()
    assert stored.link_key() == LinkKey.from_text(match[0])
    assert "no-store" in response["Cache-Control"]
    assert secret not in f"{response.headers} {admin_client.cookies} {dict(admin_client.session)}"
    assert all(secret not in f"{entry.object_repr} {entry.change_message}" for entry in LogEntry.objects.all())
    for url in (f"{KEYS}add/", KEYS, f"{KEYS}{stored.pk}/change/", "/admin/"):
        assert secret not in page(admin_client, url)


def test_looking_at_the_form_makes_no_key(admin_client: Client) -> None:
    brand = make_brand()
    page(admin_client, f"{KEYS}add/?brand={brand.pk}")
    assert "Add a brand first" not in page(admin_client, f"{KEYS}add/")
    assert not BrandKey.objects.exists()


def test_a_key_without_a_brand_is_not_made(admin_client: Client) -> None:
    assert "Add a brand first" in page(admin_client, f"{KEYS}add/")
    assert admin_client.post(f"{KEYS}add/", {"note": "x"}).status_code == 200
    assert not BrandKey.objects.exists()


def test_a_key_is_retired_and_revived_by_post_alone(admin_client: Client) -> None:
    make_key(make_brand())
    key = BrandKey.objects.get()
    page(admin_client, f"{KEYS}{key.pk}/retire/")
    assert BrandKey.objects.live().exists()
    admin_client.post(f"{KEYS}{key.pk}/retire/")
    assert not BrandKey.objects.live().exists()
    page(admin_client, f"{KEYS}{key.pk}/revive/")
    assert not BrandKey.objects.live().exists()
    admin_client.post(f"{KEYS}{key.pk}/revive/")
    assert BrandKey.objects.live().exists()


def test_a_key_is_neither_edited_nor_deleted(admin_client: Client) -> None:
    make_key(make_brand(), "mail system")
    key = BrandKey.objects.get()
    assert admin_client.post(f"{KEYS}{key.pk}/change/", {"note": "other"}).status_code == 403
    assert admin_client.post(f"{KEYS}{key.pk}/delete/", {"post": "yes"}).status_code == 403
    assert BrandKey.objects.get().note == "mail system"


def test_a_key_sealed_under_a_lost_secret_says_what_to_do(admin_client: Client, settings: Any) -> None:
    make_key(make_brand())
    BrandKey.objects.update(sealed_secret=b"sealed by another secret")
    assert "SECRET_KEY_FALLBACKS" in page(admin_client, KEYS)


@pytest.mark.parametrize("codename", ["view_brandkey", "view_brand"])
def test_who_may_only_look_makes_and_retires_no_key(client: Client, codename: str) -> None:
    make_key(brand := make_brand())
    staff(client, codename)
    assert client.post(f"{KEYS}add/", {"brand": brand.pk}).status_code == 403
    assert client.post(f"{KEYS}{BrandKey.objects.get().pk}/retire/").status_code == 403
    assert BrandKey.objects.live().count() == 1
