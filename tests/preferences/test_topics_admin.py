"""Topics, groups and reasons for leaving in the admin."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from preferences.models import LeavingReason, LeavingReasonText, Topic, TopicGroup, TopicGroupText, TopicText
from tests.makers import make_brand, make_cause, make_recipient, make_topic
from tests.preferences.makers import topic_form

pytestmark = pytest.mark.django_db

TOPICS = "/admin/preferences/topic/"
GROUPS = "/admin/preferences/topicgroup/"
REASONS = "/admin/preferences/leavingreason/"
NO_TEXTS = {"texts-TOTAL_FORMS": "0", "texts-INITIAL_FORMS": "0"}


def text(**fields: str) -> dict[str, str]:
    """The inline of one text in another language."""
    return {"texts-TOTAL_FORMS": "1", "texts-INITIAL_FORMS": "0", **{f"texts-0-{k}": v for k, v in fields.items()}}


def save(client: Client, topic: Topic, **fields: Any) -> Any:
    return client.post(f"{TOPICS}{topic.pk}/change/", topic_form(**fields), follow=True)


def errors(response: Any) -> dict[str, list[str]]:
    found: dict[str, list[str]] = response.context["adminform"].form.errors
    return found


def staff(client: Client, *codenames: str, **fields: Any) -> Client:
    """A member of the brands given as `brands`, with the permissions named."""
    bob = User.objects.create_user("bob", is_staff=True)
    bob.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    for brand in fields.get("brands", []):
        brand.members.add(bob)
    client.force_login(bob)
    return client


# Topics


def test_a_topic_is_made_with_all_that_it_offers(admin_client: Client) -> None:
    brand = make_brand()
    group = TopicGroup.objects.create(brand=brand, name="Reading")
    fields = {"brand": brand.pk, "group": group.pk, "channels": ["email"], "frequencies": ["monthly", "every"]}
    german = text(language="de", name="Neuigkeiten", description="Was neu ist", rhythm="monatlich")
    admin_client.post(f"{TOPICS}add/", topic_form(**fields, rhythm="now and then", **german))
    topic = Topic.objects.get()
    assert (topic.group, topic.channels, topic.rhythm) == (group, ["email"], "now and then")
    assert topic.frequencies == ["every", "monthly"]
    assert TopicText.objects.values_list("language", "name", "rhythm").get() == ("de", "Neuigkeiten", "monatlich")


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("channels", {"channels": []}),
        ("channels", {"channels": ["pigeon"]}),
        ("frequencies", {"frequencies": ["weekly"]}),
        ("frequencies", {"frequencies": ["hourly", "weekly"]}),
        ("is_default_in", {"is_required": "on", "is_default_in": ""}),
    ],
)
def test_a_topic_that_offers_nonsense_is_refused(admin_client: Client, field: str, fields: dict[str, Any]) -> None:
    topic = make_topic()
    assert field in errors(save(admin_client, topic, **fields))
    topic.refresh_from_db()
    assert (topic.channels, topic.frequencies, topic.is_required) == (["email", "sms"], [], False)


def test_a_group_of_another_brand_is_not_offered_and_not_taken(admin_client: Client) -> None:
    topic = make_topic()
    foreign = TopicGroup.objects.create(brand=make_brand(name="Other Letters"), name="Reading")
    assert "Other Letters: Reading" not in admin_client.get(f"{TOPICS}{topic.pk}/change/").content.decode()
    assert "group" in errors(save(admin_client, topic, group=foreign.pk))


def test_a_new_topic_takes_no_group_of_another_brand(admin_client: Client) -> None:
    foreign = TopicGroup.objects.create(brand=make_brand(name="Other Letters"), name="Reading")
    response = admin_client.post(f"{TOPICS}add/", topic_form(brand=make_brand().pk, group=foreign.pk))
    assert errors(response)["group"] == ["This group is of Other Letters. Choose one of Demo Letters."]
    assert not Topic.objects.exists()


def test_changing_a_default_never_changes_what_people_chose(admin_client: Client) -> None:
    topic = make_topic(brand := make_brand(), is_default_in=True)
    addresses = ("in@example.org", "out@example.org", "silent@example.org")
    stays_in, stays_out, silent = (make_recipient(brand, address) for address in addresses)
    stays_in.opt_in(topic.pk, make_cause())
    stays_out.opt_out(topic.pk, make_cause())
    seen = []
    for default in ("", "on", ""):
        save(admin_client, topic, is_default_in=default)
        topic.refresh_from_db()
        seen.append([person.receives([topic])[topic.pk] for person in (stays_in, stays_out, silent)])
    assert seen == [[True, False, False], [True, False, True], [True, False, False]]
    assert list(stays_in.changes.values_list("state", flat=True)) == ["in"]
    assert not silent.changes.exists()


def test_the_page_says_before_saving_how_many_have_chosen(admin_client: Client) -> None:
    topic = make_topic(brand := make_brand())
    url = f"{TOPICS}{topic.pk}/change/"
    assert "Nobody has chosen yet." in admin_client.get(url).content.decode()
    make_recipient(brand).opt_in(topic.pk, make_cause())
    assert "1 recipient has chosen and keeps that." in admin_client.get(url).content.decode()
    make_recipient(brand, "bob@example.org").opt_out(topic.pk, make_cause())
    assert "2 recipients have chosen and keep that." in admin_client.get(url).content.decode()


def test_saving_another_default_says_whom_it_leaves_alone(admin_client: Client) -> None:
    topic = make_topic(brand := make_brand())
    make_recipient(brand).opt_in(topic.pk, make_cause())
    told = "News is out by default now. 1 recipient has chosen and keeps that."
    assert told in save(admin_client, topic, is_default_in="").content.decode()
    assert told not in save(admin_client, topic, is_default_in="", name="Letters").content.decode()


def test_topics_are_ordered_in_the_list(admin_client: Client) -> None:
    topics = [make_topic(brand := make_brand()), make_topic(brand, "offers")]
    rows = {f"form-{n}-id": topic.pk for n, topic in enumerate(topics)}
    positions = {"form-0-position": "7", "form-1-position": "3"}
    counts = {"form-TOTAL_FORMS": "2", "form-INITIAL_FORMS": "2"}
    admin_client.post(TOPICS, {**rows, **positions, **counts, "_save": "Save"})
    assert list(Topic.objects.values_list("slug", "position")) == [("offers", 3), ("news", 7)]


@pytest.mark.parametrize("query", ["q=offer", "is_default_in__exact=0", "is_required__exact=1"])
def test_topics_are_found_and_filtered(admin_client: Client, query: str) -> None:
    make_topic(brand := make_brand())
    make_topic(brand, "offers", is_default_in=False, is_required=True)
    response = admin_client.get(f"{TOPICS}?{query}")
    assert [topic.slug for topic in response.context["cl"].result_list] == ["offers"]


@pytest.mark.parametrize("url", [TOPICS, GROUPS, REASONS])
def test_an_empty_list_says_what_belongs_there(admin_client: Client, url: str) -> None:
    html = admin_client.get(url).content.decode()
    assert "Nothing here yet." in html


def test_rows_of_lists_come_without_logos(admin_client: Client, django_assert_max_num_queries: Any) -> None:
    brand = make_brand(logo=b"x" * 50_000, logo_type="image/png")
    make_topic(brand)
    TopicGroup.objects.create(brand=brand, name="Reading")
    LeavingReason.objects.create(brand=brand, slug="boring", text="It bored me")
    for url in (TOPICS, GROUPS, REASONS):
        with django_assert_max_num_queries(30) as queries:
            assert admin_client.get(url).status_code == 200
        rows = [query["sql"] for query in queries if 'FROM "preferences_brand"' not in query["sql"]]
        assert [sql for sql in rows if '"logo"' in sql.partition(" FROM ")[0]] == []


# Groups


def test_a_group_is_made_with_its_name_in_other_languages(admin_client: Client) -> None:
    fields = {"brand": make_brand().pk, "name": "Reading", "position": "1"}
    admin_client.post(f"{GROUPS}add/", {**fields, **text(language="de", name="Lesestoff")})
    assert TopicGroup.objects.get().name == "Reading"
    assert TopicGroupText.objects.values_list("language", "name").get() == ("de", "Lesestoff")


def test_a_group_keeps_its_brand_and_counts_its_topics(admin_client: Client) -> None:
    group = TopicGroup.objects.create(brand=(brand := make_brand()), name="Reading")
    make_topic(brand, group=group)
    fields = {"brand": make_brand().pk, "name": "Letters", "position": "1", **NO_TEXTS}
    admin_client.post(f"{GROUPS}{group.pk}/change/", fields)
    group.refresh_from_db()
    assert (group.brand, group.name) == (brand, "Letters")
    assert [row.topic_count for row in admin_client.get(GROUPS).context["cl"].result_list] == [1]


def test_a_text_is_taken_away_again(admin_client: Client) -> None:
    group = TopicGroup.objects.create(brand=make_brand(), name="Reading")
    row = TopicGroupText.objects.create(group=group, language="de", name="Lesestoff")
    inline = {"texts-TOTAL_FORMS": "1", "texts-INITIAL_FORMS": "1", "texts-0-id": row.pk, "texts-0-group": group.pk}
    fields = {"name": "Reading", "position": "1", **inline, "texts-0-language": "de", "texts-0-name": "Lesestoff"}
    admin_client.post(f"{GROUPS}{group.pk}/change/", {**fields, "texts-0-DELETE": "on"})
    assert not TopicGroupText.objects.exists()


# Reasons


def test_a_reason_is_made_with_its_text_in_other_languages(admin_client: Client) -> None:
    fields = {"brand": make_brand().pk, "slug": "boring", "text": "It bored me", "position": "1", "is_offered": "on"}
    admin_client.post(f"{REASONS}add/", {**fields, **text(language="de", text="Zu langweilig")})
    assert LeavingReason.objects.get().text == "It bored me"
    assert LeavingReasonText.objects.values_list("language", "text").get() == ("de", "Zu langweilig")


def test_a_reason_keeps_its_slug_and_goes_by_being_offered_no_more(admin_client: Client) -> None:
    reason = LeavingReason.objects.create(brand=make_brand(), slug="boring", text="It bored me")
    fields = {"slug": "dull", "text": "Too dull", "position": "1", **NO_TEXTS}
    admin_client.post(f"{REASONS}{reason.pk}/change/", fields)
    reason.refresh_from_db()
    assert (reason.slug, reason.text, reason.is_offered) == ("boring", "Too dull", False)
    assert admin_client.post(f"{REASONS}{reason.pk}/delete/", {"post": "yes"}).status_code == 403


# Who may


def test_whoever_may_change_a_topic_may_change_its_texts(client: Client) -> None:
    topic = make_topic(brand := make_brand())
    staff(client, "change_topic", brands=[brand])
    save(client, topic, **text(language="de", name="Neuigkeiten"))
    assert TopicText.objects.get().name == "Neuigkeiten"


def test_whoever_may_only_look_changes_nothing(client: Client) -> None:
    topic = make_topic(brand := make_brand())
    staff(client, "view_topic", brands=[brand])
    assert client.get(f"{TOPICS}{topic.pk}/change/").status_code == 200
    assert save(client, topic, name="Letters", **text(language="de", name="Neuigkeiten")).status_code == 403
    assert not TopicText.objects.exists()


def test_a_member_of_one_brand_sees_and_chooses_nothing_of_another(client: Client) -> None:
    own, other = make_brand(name="Own Letters"), make_brand(name="Other Letters")
    topic = make_topic(other)
    TopicGroup.objects.create(brand=other, name="Reading")
    staff(client, "view_topic", "add_topic", "change_topic", "view_topicgroup", "change_topicgroup", brands=[own])
    assert client.get(f"{TOPICS}{topic.pk}/change/").status_code == 302
    html = client.get(f"{TOPICS}add/").content.decode()
    assert "Own Letters" in html
    assert "Other Letters" not in html
    assert client.get(GROUPS).context["cl"].result_count == 0
