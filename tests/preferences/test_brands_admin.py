"""Brands and topics in the admin."""

from __future__ import annotations

from typing import Any

import pytest
from django.core import checks
from django.test import Client

from preferences.models import Brand, Topic
from tests.makers import make_brand, make_topic
from tests.preferences.admin_pages import BRANDS, page
from tests.preferences.makers import brand_form, topic_form

pytestmark = pytest.mark.django_db


def test_a_brand_is_made_with_its_first_topic(admin_client: Client) -> None:
    topic = {"topics-TOTAL_FORMS": "1", "topics-0-slug": "news", "topics-0-name": "News", "topics-0-position": "1"}
    admin_client.post(f"{BRANDS}add/", brand_form(base_url="https://leave.example.org", **topic))
    assert list(Topic.objects.values_list("brand__slug", "slug")) == [("demo", "news")]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("settle_minutes", "4"),
        ("settle_minutes", "2821"),
        ("base_url", "ftp://example.org"),
        ("base_url", "example.org"),
        ("base_url", "https://example.org/?u="),
        ("base_url", "https://example.org/#u"),
        ("base_url", "https://mallory@example.org"),
        ("policy", "lenient"),
        ("slug", "No Slug"),
    ],
)
def test_a_brand_that_would_not_work_is_refused(admin_client: Client, name: str, value: str) -> None:
    response = admin_client.post(f"{BRANDS}add/", brand_form(**{name: value}))
    assert name in response.context["adminform"].form.errors
    assert not Brand.objects.exists()


def test_slugs_in_use_stay(admin_client: Client) -> None:
    topic = make_topic(brand := make_brand(slug="demo"))
    admin_client.post(f"{BRANDS}{brand.pk}/change/", brand_form(slug="other", name="New name"))
    admin_client.post(f"/admin/preferences/topic/{topic.pk}/change/", topic_form(slug="other", name="Letters"))
    assert list(Topic.objects.values_list("brand__slug", "brand__name", "slug", "name")) == [
        ("demo", "New name", "news", "Letters")
    ]


def test_brands_and_topics_are_not_deleted(admin_client: Client) -> None:
    topic = make_topic(brand := make_brand())
    for url in (f"{BRANDS}{brand.pk}/delete/", f"/admin/preferences/topic/{topic.pk}/delete/"):
        assert admin_client.post(url, {"post": "yes"}).status_code == 403


def test_another_address_key_is_told_by_check_and_admin(admin_client: Client, settings: Any) -> None:
    brand = make_brand()
    assert checks.run_checks(tags=["database"], databases=["default"]) == []
    settings.FAREWELL_ADDRESS_KEY = "another one"
    errors = checks.run_checks(tags=["database"], databases=["default"])
    assert [error.id for error in errors] == ["farewell.E001"]
    assert brand.slug in errors[0].msg
    assert "Another one than the brand was made with" in page(admin_client, f"{BRANDS}{brand.pk}/change/")


def test_a_brand_stops_tracking_by_its_form(admin_client: Client) -> None:
    brand = make_brand()
    url = f"/admin/preferences/brand/{brand.pk}/change/"
    admin_client.post(url, brand_form(name=brand.name))
    brand.refresh_from_db()
    assert not brand.tracks
    admin_client.post(url, brand_form(name=brand.name, tracks="on"))
    brand.refresh_from_db()
    assert brand.tracks
