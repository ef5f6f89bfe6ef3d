"""Whose brand is it: every URL of the admin, tried by a member of another brand.

Each page is asked for with everything a request can name of the other brand, and of a brand that is not there: the
answers must be the same, nothing of the other brand may be read in any of them, and nothing of it may change.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.core import checks
from django.db.models import Model
from django.test import Client, RequestFactory

from engagement.models import Learned, MailHost
from preferences.admin.lists import FarewellAdmin
from preferences.models import Brand
from preferences.site import FarewellSite, SuperusersOnly
from tests.makers import make_cause, make_recipient
from tests.places import PLACES, groups, posts, queries, tables_of
from tests.remembering import RememberingClient
from tests.tenants import Tenant, make_ghost, make_log, make_tenant, rows_of

pytestmark = pytest.mark.django_db


def sent(tenant: Tenant) -> str:
    """A pattern of whatever a request can name."""
    address = tenant.address.replace("@", "(?:@|%40)")
    person = str(tenant.recipient_id)
    return rf"{address}|{tenant.mailing}|{tenant.word}|{tenant.prefix}\d\d|{person}|{person[:8]}"


def without(data: dict[str, Any], text: str) -> str:
    """A page that says back what was sent tells nothing."""
    for value in data.values():
        for part in value if isinstance(value, list) else [value]:
            text = text.replace(str(part), "")
    return text


def answer(response: Any, tenant: Tenant) -> tuple[int, str, list[str]]:
    """What came back, with what was sent cut out of it."""
    text = re.sub(r'(csrfmiddlewaretoken" value=)"\w+"', r"\1", response.content.decode())
    where = " ".join(url for url, _ in getattr(response, "redirect_chain", []))
    where, text = (re.sub(sent(tenant), "§", part) for part in (where, text))
    return response.status_code, where, text.splitlines()


@pytest.fixture
def zebra(db: None) -> Tenant:
    return make_tenant("zebra", 770000)


@pytest.fixture
def apple(zebra: Tenant) -> Tenant:
    return make_tenant("apple", 110000)


@pytest.fixture
def member(client: Client, apple: Tenant, zebra: Tenant) -> Iterator[Client]:
    """Logged in as bob, a member of the one brand with every permission there is, who has done things to both."""
    bob = User.objects.create_user("bob", is_staff=True)
    bob.user_permissions.set(Permission.objects.all())
    bob.brands.add(apple.brand_id)
    make_log(zebra, bob)
    make_log(apple, bob)
    Learned.objects.create(kind="network", value="198.51.100.0", evidence={})
    MailHost.objects.create(domain="zebra.example.org", problem="no answer")
    own = RememberingClient(**client.defaults)
    own.force_login(bob)
    with own.heeding_writes():
        yield own


GROUPS = groups()  # each with all its pages, because making two brands takes longer than asking for a page


@pytest.mark.parametrize("group", GROUPS)
def test_another_brand_is_as_if_it_were_not_there(member: Client, zebra: Tenant, group: str) -> None:
    ghost, before = make_ghost(), rows_of(zebra)
    for place in GROUPS[group]:
        for theirs, nobodys in zip(place.paths(zebra), place.paths(ghost), strict=True):
            asked = zip([{}, *queries(place, zebra)], [{}, *queries(place, ghost)], strict=True)
            for own, other in asked:
                answered = answer(member.get(theirs, own, follow=True), zebra)
                assert answered == answer(member.get(nobodys, other, follow=True), ghost), (theirs, own)
            for own, other in zip(posts(place, zebra), posts(place, ghost), strict=True):
                answered = answer(member.post(theirs, own, follow=True), zebra)
                assert answered == answer(member.post(nobodys, other, follow=True), ghost), (theirs, own)
    assert rows_of(zebra) == before


@pytest.mark.parametrize("group", GROUPS)
def test_no_page_of_ones_own_shows_or_changes_another_brand(
    member: Client, apple: Tenant, zebra: Tenant, group: str
) -> None:
    before = rows_of(zebra)
    for path, place in [(path, each) for each in GROUPS[group] for path in each.paths(apple)]:
        for query in ({}, *queries(place, apple)):
            text = member.get(path, query, follow=True).content.decode()
            assert not zebra.is_in(text), (path, query)
            assert set(re.findall(r"csv=([\w-]+)", text)) <= {*tables_of(place)}, "Name the table in tests/places.py."
        for data in (*posts(place, zebra), *posts(place, apple)):
            text = member.post(path, data, follow=True).content.decode()
            assert not zebra.is_in(without(data, text)), (path, data)
    assert rows_of(zebra) == before


LISTED = [model for model, own in admin.site._registry.items() if getattr(own, "brand_path", "")]


@pytest.mark.parametrize("model", LISTED, ids=lambda model: model.__name__)
def test_each_sees_the_rows_of_their_brands(
    member: Client, admin_client: Client, apple: Tenant, zebra: Tenant, model: type[Model]
) -> None:
    """So the pages above had something to hide, in every model."""
    url = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
    for tenant, may_see in ((apple, True), (zebra, False)):
        assert model in tenant.keys, "Make a row of this model in tests/tenants.py."
        row = f"{url}{tenant.key(model)}/change/"
        assert tenant.is_in(admin_client.get(url).content.decode())
        assert tenant.is_in(member.get(url).content.decode()) is may_see
        assert admin_client.get(row).status_code == 200
        assert (member.get(row, follow=True).redirect_chain == [] and member.get(row).status_code == 200) is may_see


def test_who_has_no_brand_sees_nothing_and_is_told_whom_to_ask(member: Client, apple: Tenant, zebra: Tenant) -> None:
    User.objects.create_superuser("carol")
    User.objects.get(username="bob").brands.clear()
    for place in PLACES:
        if place.has_arguments or place.route.startswith(("log", "password", "jsi18n", "autocomplete")):
            continue
        response = member.get(f"/admin/{place.route}")
        text = " ".join(response.content.decode().split())
        assert response.status_code in (200, 403, 404, 405), place
        assert (
            "You are a member of no brand" in text and "Ask carol to add you" in text
        ) or response.status_code != 200
        assert not apple.is_in(text), place
        assert not zebra.is_in(text), place


def test_a_membership_takes_effect_with_the_next_request(member: Client, apple: Tenant, zebra: Tenant) -> None:
    brand, bob = Brand.objects.get(pk=zebra.brand_id), User.objects.get(username="bob")
    url = f"/admin/preferences/recipient/{zebra.recipient_id}/change/"
    assert member.get(url).status_code == 404
    brand.members.add(bob)
    assert member.get(url).status_code == 200
    brand.members.remove(bob)
    assert member.get(url).status_code == 404


def test_a_membership_without_the_permission_shows_nothing(member: Client, apple: Tenant) -> None:
    User.objects.get(username="bob").user_permissions.clear()
    for model in LISTED:
        url = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        assert member.get(url).status_code == 403
        assert member.get(f"{url}{apple.key(model)}/change/").status_code == 403


def test_recent_deeds_are_those_on_what_one_may_still_see(member: Client, apple: Tenant, zebra: Tenant) -> None:
    text = member.get("/admin/").content.decode()
    assert "apple row" in text
    assert "zebra row" not in text


def test_an_address_known_to_both_is_found_at_ones_own_brand_alone(
    member: Client, apple: Tenant, zebra: Tenant
) -> None:
    own = make_recipient(Brand.objects.get(pk=apple.brand_id), zebra.address)
    own.opt_out(apple.topic_id, make_cause())
    response = member.post("/admin/preferences/recipient/search/", {"q": zebra.address})
    assert response["Location"] == f"/admin/preferences/recipient/{own.pk}/change/"


def test_every_admin_says_whose_its_rows_are() -> None:
    """Farewell's own declare where a row has its brand, all others are for superusers alone."""
    assert [error for error in checks.run_checks() if error.id == "farewell.E004"] == []
    for model_admin in admin.site._registry.values():
        assert isinstance(model_admin, FarewellAdmin | SuperusersOnly), model_admin


def test_an_admin_that_forgets_to_say_so_fails_the_check_and_shows_nothing(rf: RequestFactory, apple: Tenant) -> None:
    class Forgetful(FarewellAdmin[Brand]):
        pass

    forgetful = Forgetful(Brand, admin.site)
    request = rf.get("/")
    request.user = User.objects.create_superuser("carol")
    assert [error.id for error in forgetful.check()] == ["farewell.E004"]
    assert not forgetful.has_view_permission(request)
    assert not forgetful.get_queryset(request).exists()


def test_an_admin_of_another_app_is_for_superusers_alone(rf: RequestFactory) -> None:
    site = FarewellSite()
    site.register(Brand)
    request = rf.get("/")
    request.user = User.objects.create_user("bob", is_staff=True)
    request.user.user_permissions.set(Permission.objects.all())
    assert not site.get_model_admin(Brand).has_view_permission(request)
    request.user = User.objects.create_superuser("carol")
    assert site.get_model_admin(Brand).has_view_permission(request)
