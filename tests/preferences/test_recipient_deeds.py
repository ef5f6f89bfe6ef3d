"""What operators may do for a person in the admin, and what nobody may."""

from __future__ import annotations

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from preferences.models import PreferenceChange, Recipient, Source, Topic
from preferences.models.subscriptions import SuppressionReason
from preferences.tracking import untracked
from tests.makers import make_brand, make_cause, make_topic
from tests.preferences.admin_pages import RECIPIENTS, left, page, staff

pytestmark = pytest.mark.django_db


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
