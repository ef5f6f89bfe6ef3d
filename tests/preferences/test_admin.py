"""The admin of who gets what."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.core import checks
from django.db import connection
from django.test import Client
from django.utils import timezone

from preferences.admin import finding
from preferences.links import Channel, LinkKey
from preferences.models import Brand, BrandKey, PreferenceChange, Recipient, Source, Topic
from preferences.models.subscriptions import SuppressionReason
from preferences.tracking import untracked
from tests.makers import make_brand, make_cause, make_key, make_recipient, make_topic
from tests.preferences.makers import brand_form, topic_form

pytestmark = pytest.mark.django_db

RECIPIENTS = "/admin/preferences/recipient/"
LEDGER = "/admin/preferences/preferencechange/"
KEYS = "/admin/preferences/brandkey/"
BRANDS = "/admin/preferences/brand/"


def page(client: Client, url: str) -> str:
    response = client.get(url)
    assert response.status_code == 200, url
    return str(response.content.decode())


def left(brand: Brand | None = None, address: str = "alice@example.org", **fields: Any) -> tuple[Recipient, Topic]:
    """A stored recipient who left the news."""
    brand = brand or make_brand()
    topic = Topic.objects.filter(brand=brand, slug="news").first() or make_topic(brand)
    recipient = make_recipient(brand, address)
    recipient.opt_out(topic.pk, make_cause(**fields))
    return recipient, topic


def staff(client: Client, *codenames: str) -> Client:
    """Logged in as bob, a member of every brand there is, with these permissions."""
    bob = User.objects.create_user("bob", is_staff=True)
    bob.brands.set(Brand.objects.all())
    bob.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client.force_login(bob)
    return client


def found(client: Client, text: str) -> str:
    response = client.post(f"{RECIPIENTS}search/", {"q": text})
    assert response.status_code == 302
    return str(response["Location"])


@pytest.mark.parametrize("text", ["alice@example.org", " Alice@Example.ORG ", "alice@", "LICE"])
def test_a_search_leads_to_the_person_without_the_address_in_a_url(admin_client: Client, text: str) -> None:
    recipient, _ = left()
    assert found(admin_client, text) == f"{RECIPIENTS}{recipient.pk}/change/"


def test_a_phone_number_is_found_however_it_is_written(admin_client: Client) -> None:
    recipient = make_recipient(brand := make_brand(), "+14155550123", Channel.SMS)
    recipient.opt_out(make_topic(brand).pk, make_cause())
    assert found(admin_client, "+1 (415) 555-0123") == f"{RECIPIENTS}{recipient.pk}/change/"


def test_a_search_finds_a_person_at_every_brand(admin_client: Client) -> None:
    people = {left()[0].pk, left()[0].pk}
    left(address="bob@example.org")
    response = admin_client.get(found(admin_client, "alice@example.org"))
    assert {row.pk for row in response.context["cl"].result_list} == people


@pytest.mark.parametrize("text", ["bob@example.org", "xx", "", "100%", "\x00", "al\x00nobody"])
def test_a_search_that_finds_nobody_says_so(admin_client: Client, text: str) -> None:
    left()
    location = found(admin_client, text)
    assert location == RECIPIENTS
    assert "Nobody found" in page(admin_client, location)


def test_a_search_that_would_take_long_is_given_up(admin_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    brand = make_brand()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO preferences_recipient (id, brand_id, channel, address)"
            " SELECT gen_random_uuid(), %s, 'email', n || '@example.org' FROM generate_series(1, 60000) AS n",
            [brand.pk],
        )
    monkeypatch.setattr(finding, "_SECONDS", 0.001)
    assert "takes too long" in page(admin_client, found(admin_client, "nowhere"))


def test_a_typed_query_is_understood_too(admin_client: Client) -> None:
    recipient, _ = left()
    response = admin_client.get(f"{RECIPIENTS}?q=alice@example.org")
    assert [row.pk for row in response.context["cl"].result_list] == [recipient.pk]


def test_a_recipients_page_tells_state_ledger_and_reasons(admin_client: Client) -> None:
    settles_at = timezone.now() + timedelta(minutes=30)
    evidence = {"signals": [{"name": "x", "points": 1, "hard": False, "reason": "Came <b>soon</b>."}]}
    recipient, topic = left(source=Source.ARRIVAL, settles_at=settles_at, evidence=evidence)
    make_topic(topic.brand, "offers")
    recipient.suppress(SuppressionReason.ADMIN, make_cause(Source.ADMIN, actor="carol", reason="Asked by letter."))
    html = page(admin_client, f"{RECIPIENTS}{recipient.pk}/change/")
    for words in (
        "alice@example.org",
        "Left News",
        "arrival at the page",
        "provisional until",
        "Came &lt;b&gt;soon&lt;/b&gt;.",
        "Suppressed",
        "Asked by letter.",
        "carol",
        "Lift the suppression",
        "Nobody has opened a link of this person yet.",
    ):
        assert words in html
    assert re.findall(r"<strong>(yes|no)</strong>", html) == ["no", "no"]


def test_a_person_of_whom_nothing_is_stored_has_no_page(admin_client: Client) -> None:
    assert admin_client.get(f"{RECIPIENTS}{UUID(int=5)}/change/").status_code == 404


VERBS = [("opt-out", False), ("opt-in", True), ("suppress", False), ("lift", True)]


def prepared(verb: str) -> tuple[Recipient, Topic, str]:
    recipient, topic = left()
    if verb == "opt-out":
        recipient.opt_in(topic.pk, make_cause())
    if verb == "suppress":
        recipient.opt_in(topic.pk, make_cause())
    if verb == "lift":
        recipient.opt_in(topic.pk, make_cause())
        recipient.suppress(SuppressionReason.ADMIN, make_cause())
    return recipient, topic, f"{RECIPIENTS}{recipient.pk}/deed/{verb}/?topic={topic.pk}"


@pytest.mark.parametrize(("verb", "receives"), VERBS)
def test_the_admin_changes_through_the_verbs_and_the_ledger_names_who(
    admin_client: Client, verb: str, receives: bool
) -> None:
    recipient, topic, url = prepared(verb)
    response = admin_client.post(url, {"reason": "Asked by phone."}, follow=True)
    change = PreferenceChange.objects.newest_first()[0]
    assert recipient.receives([topic]) == {topic.pk: receives}
    assert (change.source, change.actor, change.reason) == (Source.ADMIN, "admin", "Asked by phone.")
    assert change.settles_at is None
    assert "written to the ledger" in response.content.decode()


@pytest.mark.parametrize(("verb", "receives"), VERBS)
def test_looking_at_the_question_changes_nothing(admin_client: Client, verb: str, receives: bool) -> None:
    recipient, topic, url = prepared(verb)
    count = PreferenceChange.objects.count()
    page(admin_client, url)
    admin_client.head(url)
    admin_client.options(url)
    assert PreferenceChange.objects.count() == count
    assert recipient.receives([topic]) == {topic.pk: not receives}


def test_tracking_is_refused_and_allowed_on_somebodys_behalf(admin_client: Client) -> None:
    recipient, _ = left()
    for verb, sentence in (("refuse-tracking", "Refused tracking"), ("allow-tracking", "Allowed tracking")):
        url = f"{RECIPIENTS}{recipient.pk}/deed/{verb}/"
        assert url in page(admin_client, f"{RECIPIENTS}{recipient.pk}/change/")
        page(admin_client, url)
        response = admin_client.post(url, {"reason": "Asked by phone."}, follow=True)
        assert sentence in response.content.decode()
        assert bool(untracked([recipient.pk])) is (verb == "refuse-tracking")
    change = PreferenceChange.objects.newest_first()[0]
    assert (change.source, change.actor, change.reason) == (Source.ADMIN, "admin", "Asked by phone.")


def test_the_list_shows_those_who_refused_tracking(admin_client: Client) -> None:
    brand = make_brand()
    left(brand, "alice@example.org")[0].refuse_tracking(make_cause())
    left(brand, "bob@example.org")
    assert "bob@example.org" in page(admin_client, RECIPIENTS)
    html = page(admin_client, f"{RECIPIENTS}?tracking=no")
    assert "alice@example.org" in html
    assert "bob@example.org" not in html


def test_a_brand_stops_tracking_by_its_form(admin_client: Client) -> None:
    brand = make_brand()
    url = f"/admin/preferences/brand/{brand.pk}/change/"
    admin_client.post(url, brand_form(name=brand.name))
    brand.refresh_from_db()
    assert not brand.tracks
    admin_client.post(url, brand_form(name=brand.name, tracks="on"))
    brand.refresh_from_db()
    assert brand.tracks


def test_a_change_needs_a_reason(admin_client: Client) -> None:
    recipient, topic, url = prepared("opt-out")
    assert "This field is required" in admin_client.post(url, {"reason": " "}).content.decode()
    assert recipient.receives([topic]) == {topic.pk: True}


def test_a_change_that_was_so_already_is_no_change(admin_client: Client) -> None:
    recipient, topic = left()
    url = f"{RECIPIENTS}{recipient.pk}/deed/opt-out/?topic={topic.pk}"
    response = admin_client.post(url, {"reason": "Asked twice."}, follow=True)
    assert "Nothing to change" in response.content.decode()
    assert PreferenceChange.objects.count() == 1


@pytest.mark.parametrize("verb", ["opt-out/?topic=0", "opt-out/", "opt-in/?topic=x", "erase/", "opt-out/?topic=²"])
def test_an_unknown_deed_is_a_404(admin_client: Client, verb: str) -> None:
    recipient, _ = left()
    assert admin_client.post(f"{RECIPIENTS}{recipient.pk}/deed/{verb}", {"reason": "x"}).status_code == 404


def test_the_topic_of_another_brand_cannot_be_changed(admin_client: Client) -> None:
    recipient, _ = left()
    other = make_topic(make_brand())
    url = f"{RECIPIENTS}{recipient.pk}/deed/opt-out/?topic={other.pk}"
    assert admin_client.post(url, {"reason": "x"}).status_code == 404


def test_who_may_only_look_is_offered_no_change_and_makes_none(client: Client) -> None:
    recipient, _, url = prepared("opt-out")
    staff(client, "view_recipient")
    html = page(client, f"{RECIPIENTS}{recipient.pk}/change/")
    assert "/deed/" not in html
    assert "Latest interactions" not in html
    assert client.post(url, {"reason": "x"}).status_code == 403
    assert client.get(url).status_code == 403


def test_who_may_not_look_finds_nobody(client: Client) -> None:
    recipient, _ = left()
    staff(client, "view_brand")
    assert client.post(f"{RECIPIENTS}search/", {"q": "alice@example.org"}).status_code == 403
    assert client.get(f"{RECIPIENTS}{recipient.pk}/change/").status_code == 403


@pytest.mark.parametrize("model", ["recipient", "preferencechange"])
def test_rows_are_neither_added_nor_edited_nor_deleted(admin_client: Client, model: str) -> None:
    recipient, _ = left()
    pk = recipient.pk if model == "recipient" else PreferenceChange.objects.get().pk
    base = f"/admin/preferences/{model}/"
    assert admin_client.get(f"{base}add/").status_code == 403
    assert admin_client.post(f"{base}{pk}/delete/", {"post": "yes"}).status_code == 403
    admin_client.post(f"{base}{pk}/change/", {"address": "mallory@example.org", "state": "in"})
    assert Recipient.objects.get().address == "alice@example.org"
    assert PreferenceChange.objects.get().state == "out"


def test_the_admins_own_history_names_nobody(admin_client: Client) -> None:
    _, _, url = prepared("opt-out")
    admin_client.post(url, {"reason": "Asked by phone."})
    entry = LogEntry.objects.get()
    assert "alice@" not in f"{entry.object_repr} {entry.change_message}"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", {"one_click", "arrival", "admin"}),
        ("source__exact=admin", {"admin"}),
        ("mailing=2026-10", {"one_click"}),
        ("standing=provisional", {"arrival"}),
        ("standing=final", {"one_click", "admin"}),
        ("period=all", {"one_click", "arrival", "admin", "import"}),
        ("since=2026-01-01&until=2026-01-01", {"import"}),
        ("since=garbled", {"one_click", "arrival", "admin"}),
    ],
)
def test_the_ledger_is_filtered(admin_client: Client, query: str, expected: set[str]) -> None:
    brand = make_brand()
    left(brand, "a@example.org", source=Source.ONE_CLICK, mailing="2026-10")
    left(brand, "b@example.org", source=Source.ARRIVAL, settles_at=timezone.now() + timedelta(minutes=5))
    left(brand, "c@example.org", source=Source.ADMIN)
    left(brand, "d@example.org", source=Source.IMPORT)
    old = datetime(2026, 1, 1, 12, tzinfo=UTC)
    PreferenceChange.objects.filter(source=Source.IMPORT).update(changed_at=old)
    response = admin_client.get(f"{LEDGER}?{query}")
    assert {row.source for row in response.context["cl"].result_list} == expected


def test_the_ledger_is_filtered_by_brand_and_person(admin_client: Client) -> None:
    (alice, _), (bob, _) = left(), left(address="bob@example.org")
    by_brand = admin_client.get(f"{LEDGER}?brand__id__exact={bob.brand_id}")
    by_person = admin_client.get(f"{LEDGER}?recipient={alice.pk}")
    assert [row.recipient_id for row in by_brand.context["cl"].result_list] == [bob.pk]
    assert [row.recipient_id for row in by_person.context["cl"].result_list] == [alice.pk]


def test_a_ledger_row_reads_as_a_sentence(admin_client: Client) -> None:
    left(source=Source.ADMIN, actor="carol", reason="Asked by letter.")
    html = page(admin_client, LEDGER)
    assert re.search(r"a•••@e•••\.org</a>: <strong>Left News</strong> through admin, carol\.", html)
    assert "Asked by letter." in html
    assert "Left News" in page(admin_client, f"{LEDGER}{PreferenceChange.objects.get().pk}/change/")


def test_what_evidence_put_back_reads_so_with_its_reasons(admin_client: Client) -> None:
    alice, topic = left(source=Source.ARRIVAL)
    change_id = PreferenceChange.objects.get().pk
    shown = {"refuted": [change_id], "signals": [{"name": "hidden_link", "reason": "Followed the hidden link."}]}
    alice.undo_change(change_id, topic.pk, make_cause(Source.REINSTATEMENT, evidence=shown))
    html = page(admin_client, LEDGER)
    assert "Put back on News, which a robot had ended" in html
    assert "Followed the hidden link." in html
    assert "Put back on News" in page(admin_client, f"{RECIPIENTS}{alice.pk}/change/")


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
