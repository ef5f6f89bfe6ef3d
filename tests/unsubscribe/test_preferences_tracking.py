"""Refusing tracking by the preference page."""

from __future__ import annotations

import pytest
from django.test import Client

from preferences.models import PreferenceChange, Topic
from preferences.tracking import untracked
from tests.makers import make_cause
from tests.unsubscribe.desk import Desk, make_companion, make_desk

pytestmark = pytest.mark.django_db


def test_one_checkbox_refuses_tracking_and_says_so(desk: Desk) -> None:
    assert desk.form().values("untracked") == []
    page = desk.save(desk.form().tick("untracked", "1"))
    assert page.status().split("role=status")[-1].startswith(" Saved. From now on it is not recorded whether you open")
    assert desk.mail.alice.id in untracked([desk.mail.alice.id])
    assert page.form("Save").values("untracked") == desk.form().values("untracked") == ["1"]
    assert desk.gets() == [True, True]


def test_tracking_is_allowed_again_by_the_same_checkbox(desk: Desk) -> None:
    desk.mail.alice.refuse_tracking(make_cause())
    page = desk.save(desk.form().tick("untracked", "1", is_on=False))
    assert "It is recorded again whether you open mails or click links." in page.status()
    assert not untracked([desk.mail.alice.id])


def test_the_undo_takes_back_that_tracking_was_refused(desk: Desk) -> None:
    page = desk.switch(desk.news, is_on=False, form=desk.form().tick("untracked", "1"))
    undone = page.form("Undo").press(desk.client, "Undo")
    assert "Undone. You get from now on: News. It is recorded again" in undone.status()
    assert not untracked([desk.mail.alice.id])


def test_a_stale_page_says_nothing_about_tracking_that_it_did_not_touch(desk: Desk) -> None:
    stale = desk.form()
    desk.mail.alice.refuse_tracking(make_cause())
    assert "recorded" not in desk.switch(desk.news, is_on=False, form=stale).status()
    assert untracked([desk.mail.alice.id])


def test_who_changes_their_mind_about_tracking_on_the_same_page_is_heard(desk: Desk) -> None:
    form = desk.form()
    desk.save(form.tick("untracked", "1"))
    assert "recorded" not in desk.save(form.tick("untracked", "1", is_on=False)).status()
    assert not untracked([desk.mail.alice.id])


def test_tracking_is_refused_for_all_of_a_persons_addresses(desk: Desk) -> None:
    phone = make_companion(desk)
    phone.refuse_tracking(make_cause())
    assert desk.form().values("untracked") == []  # e-mail is still recorded
    desk.save(desk.form().tick("untracked", "1"))
    assert untracked([desk.mail.alice.id, phone.id]) == {desk.mail.alice.id, phone.id}


def test_a_brand_that_does_not_track_asks_nothing_about_it(client: Client) -> None:
    desk = make_desk(client, tracks=False)
    page = desk.page()
    assert "untracked" not in page.html
    desk.save(page.form("Save"))
    assert not PreferenceChange.objects.exists()


def test_leaving_everything_says_nothing_about_tracking(desk: Desk) -> None:
    desk.form().press(desk.client, "Unsubscribe from everything")
    assert not untracked([desk.mail.alice.id])
    assert desk.form().values("untracked") == []


def test_tracking_can_be_refused_where_there_is_nothing_to_choose_from(desk: Desk) -> None:
    Topic.objects.all().delete()
    desk.save(desk.form().tick("untracked", "1"))
    assert untracked([desk.mail.alice.id])


def test_a_day_that_cannot_be_keeps_what_was_ticked_about_tracking(desk: Desk) -> None:
    page = desk.save(desk.form().tick("untracked", "1").set("until-all", "2020-02-02"))
    assert not untracked([desk.mail.alice.id])
    assert page.form("Save").values("untracked") == ["1"]
    desk.save(page.form("Save").set("until-all", ""))
    assert untracked([desk.mail.alice.id])
