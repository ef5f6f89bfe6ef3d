"""What all pages of the admin share."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from tests.preferences.admin_pages import BRANDS, LEDGER, left, page, staff

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("model", ["recipient", "preferencechange", "brandkey", "brand", "topic"])
def test_an_empty_list_says_what_will_appear(admin_client: Client, model: str) -> None:
    assert "Nothing here yet." in page(admin_client, f"/admin/preferences/{model}/")


def test_a_list_that_filters_left_empty_says_that_instead(admin_client: Client) -> None:
    left()
    assert "Nothing matches." in page(admin_client, f"{LEDGER}?source__exact=api")


def test_the_index_leads_on(admin_client: Client) -> None:
    html = page(admin_client, "/admin/")
    assert "Prevented robot unsubscribes" in html
    assert "<title>Overview | Farewell</title>" in html


def test_the_index_offers_what_may_be_seen(client: Client) -> None:
    html = page(staff(client, "view_brand"), "/admin/")
    assert "Prevented robot unsubscribes" not in html
    assert BRANDS in html


def strict_pages() -> list[str]:
    lists = [f"/admin/preferences/{name}/" for name in ("recipient", "preferencechange", "brandkey", "brand", "topic")]
    adds = [f"/admin/preferences/{name}/add/" for name in ("brandkey", "brand", "topic")]
    return ["/admin/", *lists, *adds]


@pytest.mark.parametrize("url", strict_pages())
def test_pages_keep_to_the_strict_policy(admin_client: Client, url: str) -> None:
    left()
    html = page(admin_client, url)
    assert not re.search(r"<[^>]+\s(?:style|on[a-z]+)\s*=", html)
    assert "<style" not in html
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", html))
