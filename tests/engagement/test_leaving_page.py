"""The page "Who leaves, and who stays": what it shows to whom, and its files."""

from __future__ import annotations

import csv
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from engagement.admin.tables import Table, harmless
from engagement.models import Position
from preferences.leaving import cut_answers, store_answer
from preferences.models import Brand, LeavingReason, PreferenceChange, Recipient, Source, Topic
from preferences.models.writing import Setting
from tests.engagement.counted import count_everything_now
from tests.makers import make_brand, make_cause, make_recipient, make_topic

pytestmark = pytest.mark.django_db
PAGE = "/admin/engagement/interaction/leaving/"


def shown(client: Client, **query: str | int) -> Any:
    count_everything_now()
    response = client.get(PAGE, query)
    assert response.status_code == 200
    return response.context


def table(client: Client, slug: str, **query: str | int) -> dict[str, tuple[int | str, ...]]:
    tables: list[Table] = shown(client, **query)["tables"]
    [found] = [table for table in tables if table.slug == slug]
    return {row.label: row.cells for row in found.rows}


def saved(client: Client, slug: str, **query: str | int) -> list[list[str]]:
    count_everything_now()
    response = client.get(PAGE, {**query, "csv": slug})
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    return list(csv.reader(response.text.splitlines()))


def make_leaver(topic: Topic, name: str = "alice", source: Source = Source.ONE_CLICK) -> Recipient:
    recipient = make_recipient(topic.brand, f"{name}@example.org")
    recipient.opt_out(topic.id, make_cause(source))
    return recipient


def answer(recipient: Recipient, reason: str, comment: str = "") -> None:
    store_answer(PreferenceChange.objects.filter(recipient=recipient).latest("id"), reason, comment)


def test_the_start_of_the_admin_leads_there(admin_client: Client) -> None:
    assert reverse("admin:engagement_leaving") == PAGE
    assert f'href="{PAGE}"' in admin_client.get("/admin/").text


def test_nothing_at_all_is_said_to_be_nothing(admin_client: Client) -> None:
    count_everything_now()
    assert "Nobody left, and nobody came back" in admin_client.get(PAGE).text


def test_what_has_not_been_counted_is_not_said_to_be_nothing(admin_client: Client) -> None:
    make_leaver(make_topic())
    text = admin_client.get(PAGE).text
    assert "The ledger has not been counted yet." in text
    assert "Nobody left" not in text


def test_it_says_up_to_when_it_is_counted(admin_client: Client) -> None:
    count_everything_now()
    Position.objects.update(moved_at=timezone.now())
    text = admin_client.get(PAGE).text
    assert "Figures as of" in text
    assert "is behind" not in text
    Position.objects.update(moved_at=timezone.now() - timedelta(hours=1))
    assert "The worker counts nothing, or is behind." in admin_client.get(PAGE).text


def test_the_ledger_is_not_read(admin_client: Client) -> None:
    make_leaver(make_topic())
    assert table(admin_client, "topics") == {"News": (1, 1, 0, 0)}
    with CaptureQueriesContext(connection) as queries:
        shown = admin_client.get(PAGE)
    assert shown.context["numbers"][0].count == 1
    # But for those of robots among the answers, by an index that has no other rows, and the next one to be counted.
    readers = [query["sql"] for query in queries if "preferences_preferencechange" in query["sql"]]
    assert readers
    assert all("source = 'reinstatement'" in sql or sql.strip().endswith("LIMIT 1") for sql in readers)


def test_a_period_in_the_future_has_not_come(admin_client: Client) -> None:
    make_leaver(make_topic())
    coming = timezone.localdate() + timedelta(days=3)
    text = admin_client.get(PAGE, {"since": f"{coming}", "until": f"{coming + timedelta(days=3)}"}).text
    assert "This period has not come yet." in text


@pytest.mark.parametrize(
    "query",
    [
        {"since": "2026-11-30", "until": "2026-11-01"},
        {"since": "2020-01-01", "until": "2026-01-01"},
        {"until": "2026-01-01"},
        {"since": "soon"},
        {"topic": "999999"},
        {"topic": "news"},
        {"brand": "x"},
        {"channel": "pigeon"},
        {"period": "3"},
    ],
)
def test_a_choice_that_makes_no_sense_is_said_to_be_one(admin_client: Client, query: dict[str, str]) -> None:
    response = admin_client.get(PAGE, query)
    assert response.status_code == 200
    assert response.context["form"].errors
    assert "tables" not in response.context
    assert admin_client.get(PAGE, {**query, "csv": "doors"}).status_code == 404


def test_the_tables_split_by_topic_and_by_door(admin_client: Client) -> None:
    brand = make_brand()
    news, offers = make_topic(brand, "news"), make_topic(brand, "offers")
    make_leaver(news, "alice")
    make_leaver(offers, "alice", Source.CONFIRM_BUTTON)
    make_leaver(news, "bob").undo_opt_out(news.id, make_cause(Source.OFFER), Setting("weekly"))
    make_leaver(news, "mallory").undo_opt_out(news.id, make_cause(Source.UNDO))
    assert table(admin_client, "topics") == {"News": (3, 1, 1, 1), "Offers": (1, 1, 0, 0)}
    doors = table(admin_client, "doors")
    assert list(doors.values()) == [(3, 1, 1, 1), (1, 1, 0, 0)]
    assert next(iter(doors)).startswith("One-click")
    assert table(admin_client, "topics", topic=offers.pk) == {"Offers": (1, 1, 0, 0)}
    assert table(admin_client, "outcomes")["Took fewer mails after leaving"] == (1, "25.0%")
    assert [number.count for number in shown(admin_client)["numbers"]] == [4, 2, 1, 1, 0]


def test_every_table_adds_up_to_the_same(admin_client: Client) -> None:
    brand = make_brand()
    for number in range(7):
        make_leaver(make_topic(brand, f"topic-{number}"), "bob")
    tables = {table.slug: table for table in shown(admin_client)["tables"]}
    totals = [tables[slug].total for slug in ("time", "topics", "doors")]
    assert [total.cells[0] for total in totals if total] == [7, 7, 7]


def test_two_brands_are_told_apart(admin_client: Client) -> None:
    first, second = make_brand(name="First"), make_brand(name="Second")
    make_leaver(make_topic(first))
    make_leaver(make_topic(second))
    assert set(table(admin_client, "topics")) == {"News (First)", "News (Second)"}
    assert set(table(admin_client, "topics", brand=first.pk)) == {"News"}


def test_a_topic_of_another_brand_than_the_chosen_one_is_refused(admin_client: Client) -> None:
    topic = make_topic()
    response = admin_client.get(PAGE, {"brand": make_brand().pk, "topic": topic.pk})
    assert response.context["form"].errors["topic"] == ["This is another brand’s topic."]


def test_a_brand_without_topics_is_fine(admin_client: Client) -> None:
    count_everything_now()
    assert "Nobody left" in admin_client.get(PAGE, {"brand": f"{make_brand().pk}", "topic": "everything"}).text


def test_what_someone_calls_a_topic_is_no_markup(admin_client: Client) -> None:
    make_leaver(make_topic(name="<b>News</b>"))
    count_everything_now()
    text = admin_client.get(PAGE).text
    assert "<b>News" not in text
    assert "&lt;b&gt;News&lt;/b&gt;" in text


# Reasons and words


def test_reasons_that_were_cut_from_people_still_count(admin_client: Client) -> None:
    topic = make_topic()
    LeavingReason.objects.create(brand=topic.brand, slug="moved", text="I moved away")
    for name, reason in (("alice", "too_many"), ("bob", "too_many"), ("mallory", "moved")):
        answer(make_leaver(topic, name), reason)
    assert table(admin_client, "reasons")["Too many messages"] == (2, "66.7%")
    cut_answers(timezone.now() + timedelta(seconds=1))
    assert table(admin_client, "reasons") == {"Too many messages": (2, "66.7%"), "I moved away": (1, "33.3%")}


def test_what_was_said_about_an_opt_out_that_evidence_took_back_is_no_answer(admin_client: Client) -> None:
    topic = make_topic()
    robots, alice = make_leaver(topic, "mallory"), make_leaver(topic)
    answer(robots, "too_many", "Robotic words")
    answer(alice, "too_many")
    refuted = robots.changes.latest("id").id
    robots.undo_change(refuted, topic.id, make_cause(Source.REINSTATEMENT, evidence={"refuted": [refuted]}))
    assert table(admin_client, "reasons") == {"Too many messages": (1, "100.0%")}
    assert "Robotic words" not in admin_client.get(PAGE).text


def test_free_text_is_shown_to_who_may_read_it_and_names_nobody(admin_client: Client) -> None:
    answer(make_leaver(make_topic(), "mallory"), "", "=1+1 <script>")
    response = admin_client.get(PAGE)
    assert "=1+1 &lt;script&gt;" in response.text
    assert "mallory" not in response.text
    assert table(admin_client, "reasons") == {"In their own words alone": (1, "100.0%")}
    assert saved(admin_client, "comments")[1][3] == "'=1+1 <script>"


def test_free_text_takes_its_own_permission(client: Client) -> None:
    topic = make_topic()
    answer(make_leaver(topic), "", "Too loud")
    client.force_login(make_member(topic.brand, "view_preferencechange"))
    assert "Too loud" not in client.get(PAGE).text
    assert client.get(PAGE, {"csv": "comments"}).status_code == 404
    assert client.get(PAGE, {"csv": "reasons"}).status_code == 200


def test_words_older_than_thirty_days_are_not_shown(admin_client: Client) -> None:
    alice = make_leaver(make_topic())
    answer(alice, "", "Too loud")
    alice.leaving_answers.update(answered_at=timezone.now() - timedelta(days=31))
    assert "Too loud" not in admin_client.get(PAGE, {"period": "90"}).text


# Files


def test_each_table_is_a_file_with_the_same_numbers(admin_client: Client) -> None:
    make_leaver(make_topic(name="=News"))
    for found in shown(admin_client)["tables"]:
        lines = saved(admin_client, found.slug)
        assert lines[0] == list(found.columns)
        assert lines[1:] == [
            [str(harmless(row.file_label or row.label)), *(str(harmless(cell)) for cell in row.cells)]
            for row in found.rows
        ]
    assert saved(admin_client, "topics")[1][0] == "'=News"


def test_a_file_of_nothing_that_is_known_is_not_found(admin_client: Client) -> None:
    assert admin_client.get(PAGE, {"csv": "secrets"}).status_code == 404


# Who may see it


def make_member(brand: Brand | None, *permissions: str) -> User:
    user = User.objects.create_user("bob", is_staff=True)
    user.user_permissions.add(*Permission.objects.filter(codename__in=permissions))
    if brand:
        brand.members.add(user)
    return user


def test_it_takes_the_permission_to_see_the_ledger(client: Client) -> None:
    assert client.get(PAGE)["Location"].startswith("/admin/login/")
    client.force_login(make_member(make_brand(), "view_interaction"))
    assert client.get(PAGE).status_code == 403
    assert PAGE not in client.get("/admin/").text


def test_a_member_sees_no_other_brand(client: Client) -> None:
    own, other = make_topic(make_brand(name="Own")), make_topic(make_brand(name="Foreign"), "secret")
    make_leaver(own)
    answer(make_leaver(other), "", "Foreign words")
    client.force_login(make_member(own.brand, "view_preferencechange", "view_leavinganswer"))
    text = client.get(PAGE).text
    assert table(client, "topics") == {"News": (1, 1, 0, 0)}
    assert "Foreign" not in text
    assert "Secret" not in text
    foreign: list[dict[str, str | int]] = [{"brand": other.brand_id}, {"topic": other.pk}]
    for query in foreign:
        assert "tables" not in client.get(PAGE, query).context
        assert client.get(PAGE, {**query, "csv": "topics"}).status_code == 404
    assert "Foreign words" not in str(saved(client, "comments"))


def test_a_member_of_no_brand_sees_nothing(client: Client) -> None:
    make_leaver(make_topic())
    count_everything_now()
    client.force_login(make_member(None, "view_preferencechange"))
    assert "Nobody left" in client.get(PAGE).text
