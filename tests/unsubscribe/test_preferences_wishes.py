"""The newest wish about each topic holds: stale pages, second tabs, double submits, undo."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from preferences.models import PreferenceChange, Subscription, Topic
from tests.makers import make_cause, make_topic
from tests.unsubscribe.desk import Desk
from tests.unsubscribe.forms import Form, send
from tests.unsubscribe.makers import make_mail

pytestmark = pytest.mark.django_db


# Stale pages, second tabs, double submits


def test_a_second_tab_brings_nothing_back_that_it_did_not_touch(desk: Desk) -> None:
    stale = desk.form()
    desk.switch(desk.news, is_on=False)
    page = desk.switch(desk.offers, is_on=False, form=stale)
    assert desk.gets() == [False, False]
    assert "You get no more: Offers." in page.status()


def test_of_what_a_stale_page_touches_the_newest_wish_wins(desk: Desk) -> None:
    desk.mail.alice.opt_out(desk.news.id, make_cause())
    stale = desk.form()
    desk.switch(desk.news, is_on=True)
    desk.mail.alice.opt_out(desk.news.id, make_cause())
    assert "You get from now on: News." in desk.switch(desk.news, is_on=True, form=stale).status()
    assert desk.gets() == [True, True]


def test_a_stale_page_sent_as_it_was_does_not_undo_that_everything_was_left(desk: Desk) -> None:
    stale = desk.form()
    desk.form().press(desk.client, "Unsubscribe from everything")
    assert "Nothing changed." in desk.save(stale).status()
    assert desk.gets() == [False, False]


def test_a_stale_page_leaves_how_often_and_pauses_of_another_tab_alone(desk: Desk) -> None:
    Topic.objects.filter(id=desk.offers.id).update(frequencies=["every", "weekly"])
    stale = desk.form()
    desk.save(desk.form().set(f"often-{desk.offers.id}", "weekly").set(f"pause-{desk.offers.id}", "1m"))
    desk.switch(desk.news, is_on=False, form=stale)
    row = Subscription.objects.get(topic=desk.offers)
    assert row.frequency == "weekly"
    assert row.paused_until


def test_a_form_sent_twice_is_answered_twice_alike(desk: Desk) -> None:
    form = desk.form().set("pause-all", "14d")
    first, second = desk.switch(desk.news, is_on=False, form=form), desk.save(form)
    assert "You get no more: News." in first.status()
    assert first.status() == second.status()
    assert PreferenceChange.objects.count() == 2
    second.form("Undo").press(desk.client, "Undo")
    assert desk.gets() == [True, True]


def test_who_goes_back_and_changes_their_mind_on_the_same_page_is_heard(desk: Desk) -> None:
    form = desk.form()
    desk.switch(desk.news, is_on=False, form=form)
    page = desk.switch(desk.news, is_on=True, form=form)
    assert desk.gets() == [True, True]
    assert "News" not in page.status()


def test_a_page_that_was_open_for_days_is_heard(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unsubscribe.nonces.time.time", lambda: 1_700_000_000.0)
    form = desk.form()
    monkeypatch.undo()
    desk.switch(desk.news, is_on=False, form=form)
    assert "You get no more: News." in desk.save(form).status()


def test_a_topic_that_the_page_did_not_show_is_left_alone(desk: Desk) -> None:
    form = desk.form()
    surveys = make_topic(desk.mail.brand, "surveys")
    desk.switch(desk.news, is_on=False, form=form)
    assert [row.topic for row in Subscription.objects.all()] == [desk.news]
    desk.save(Form(form.action, [*form.fields, ["on", f"{surveys.id}e", True]], form.buttons))
    assert not Subscription.objects.filter(topic=surveys).exists()


def test_topics_of_another_brand_cannot_be_named(desk: Desk) -> None:
    secret = make_topic(make_mail().brand, "secret")
    form = desk.form()
    fields = [*form.fields, ["shown", f"{secret.id}-e1-", True]]
    page = desk.save(Form(form.action, fields, form.buttons))
    assert "Secret" not in page.words
    assert not PreferenceChange.objects.exists()


# Undo


@pytest.mark.parametrize("button", ["Save", "Unsubscribe from everything"])
def test_an_undo_puts_back_exactly_what_a_save_had_changed(desk: Desk, button: str) -> None:
    Topic.objects.filter(id=desk.offers.id).update(frequencies=["every", "weekly"])
    form = desk.form().tick("on", f"{desk.news.id}e", is_on=False).set(f"often-{desk.offers.id}", "weekly")
    page = form.press(desk.client, button)
    undone = page.form("Undo").press(desk.client, "Undo")
    assert "Undone. You get from now on" in undone.status()
    assert desk.gets() == [True, True]
    assert not [row for row in Subscription.objects.all() if row.frequency]
    assert not [form for form in undone.forms if "Undo" in form.buttons]


def test_an_undo_pressed_twice_says_the_same(desk: Desk) -> None:
    undo = desk.switch(desk.news, is_on=False).form("Undo")
    assert undo.press(desk.client, "Undo").status() == undo.press(desk.client, "Undo").status()


def test_an_undo_leaves_alone_what_was_changed_since(desk: Desk) -> None:
    desk.mail.alice.opt_out(desk.offers.id, make_cause())
    undo = desk.switch(desk.offers, is_on=True).form("Undo")
    desk.mail.alice.opt_out(desk.offers.id, make_cause())
    assert "Nothing changed." in undo.press(desk.client, "Undo").status()
    assert desk.gets() == [True, False]


def test_only_the_page_that_says_saved_can_be_undone(desk: Desk) -> None:
    assert "Undo" not in desk.page().words
    assert "Undo" not in desk.save(desk.form()).words
    page = desk.switch(desk.news, is_on=False)
    nonce = page.form("Save").values("nonce")[0]
    for forged in ("", nonce, "x" * 100):
        answer = send(desk.client, desk.path, urlencode({"undo": "save", "nonce": forged}))
        assert "Nothing changed." in answer.status()
    assert desk.gets() == [False, True]


def test_an_undo_pass_undoes_its_own_save_and_no_other(desk: Desk) -> None:
    first = desk.switch(desk.news, is_on=False).form("Undo")
    desk.switch(desk.offers, is_on=False)
    first.press(desk.client, "Undo")
    assert desk.gets() == [True, False]
