"""Leaving and coming back by the preference page: by hand, by program, with double opt-in."""

from __future__ import annotations

import pytest
from django.test import Client

from preferences.models import LeavingAnswer, PreferenceChange, Wish
from preferences.models.subscriptions import SuppressionReason
from tests.makers import make_cause, make_topic
from tests.unsubscribe.desk import PROGRAM, Desk, make_companion, make_desk

pytestmark = pytest.mark.django_db


# Leaving and coming back


def test_leaving_everything_takes_one_press(desk: Desk) -> None:
    page = desk.form().press(desk.client, "Unsubscribe from everything")
    assert "Saved. You get nothing at present." in page.status()
    assert desk.mail.alice.is_suppressed()
    assert page.form("Save").values("on") == []


def test_whoever_has_left_everything_is_asked_why_and_nobody_else(desk: Desk) -> None:
    assert "Why did you leave?" not in desk.switch(desk.news, is_on=False).words
    left = desk.form().press(desk.client, "Unsubscribe from everything")
    thanks = left.form("Send").tick("reason", "too_many").press(desk.client, "Send")
    assert LeavingAnswer.objects.get().reason == "too_many"
    assert desk.gets() == [False, False]
    assert "Why did you leave?" not in thanks.words


def test_everything_comes_back_by_one_press_and_what_was_left_before_does_not(desk: Desk) -> None:
    desk.mail.alice.opt_out(desk.news.id, make_cause())
    desk.form().press(desk.client, "Unsubscribe from everything")
    page = desk.form().press(desk.client, "Get everything again")
    assert "You get from now on: Offers." in page.status()
    assert desk.gets() == [False, True]


def test_one_topic_comes_back_after_all_off_and_no_other(desk: Desk) -> None:
    desk.form().press(desk.client, "Unsubscribe from everything")
    page = desk.switch(desk.offers, is_on=True)
    assert desk.gets() == [False, True]
    assert "Saved. You get from now on: Offers." in page.status()
    assert "News" not in page.status()


def test_one_topic_comes_back_after_an_imported_suppression_and_no_other(desk: Desk) -> None:
    desk.mail.alice.suppress(SuppressionReason.IMPORT, make_cause())
    assert "on a list of those" in desk.page().status()
    desk.switch(desk.news, is_on=True)
    assert desk.gets() == [True, False]


def test_a_person_leaves_and_comes_back_on_both_channels_at_once(desk: Desk) -> None:
    phone = make_companion(desk)
    desk.form().press(desk.client, "Unsubscribe from everything")
    assert desk.mail.alice.is_suppressed()
    assert phone.is_suppressed()
    page = desk.form().press(desk.client, "Get everything again")
    assert "News (E-mail), News (SMS), Offers (E-mail), and Offers (SMS)" in page.status()
    assert phone.receives([desk.news]) == {desk.news.id: True}


def test_a_required_topic_is_explained_and_cannot_be_switched_off(desk: Desk) -> None:
    bills = make_topic(desk.mail.brand, "bills", is_required=True)
    page = desk.page()
    assert "Required by your contract: it cannot be switched off here." in page.words
    form = page.form("Save")
    assert f"{bills.id}e" not in form.values("on")
    desk.save(form)
    left = form.press(desk.client, "Unsubscribe from everything")
    assert "You get only what is required." in left.status()
    assert desk.gets(bills) == [True]


def test_a_required_topic_left_by_its_own_link_can_be_switched_on_again(desk: Desk) -> None:
    bills = make_topic(desk.mail.brand, "bills", is_required=True)
    desk.mail.alice.opt_out(bills.id, make_cause())
    assert "switched off by its own link" in desk.page().words
    assert "You get from now on: Bills." in desk.switch(bills, is_on=True).status()
    assert desk.gets(bills) == [True]


# Programs


def test_a_program_is_asked_once_more_before_everything_goes_or_comes_back(desk: Desk) -> None:
    desk.headers = PROGRAM
    sure = desk.form().press(desk.client, "Unsubscribe from everything", **PROGRAM)
    assert "Unsubscribe from everything?" in sure.words
    assert sure.forms[0].first_button == "Change nothing"
    assert "Nothing changed." in sure.forms[0].press(desk.client, "Change nothing", **PROGRAM).status()
    assert desk.gets() == [True, True]
    sure.forms[0].press(desk.client, "Unsubscribe from everything", **PROGRAM)
    assert desk.gets() == [False, False]
    back = desk.form().press(desk.client, "Get everything again", **PROGRAM)
    assert desk.gets() == [False, False]
    back.forms[0].press(desk.client, "Get everything again", **PROGRAM)
    assert desk.gets() == [True, True]


@pytest.mark.parametrize("is_on", [False, True])
def test_what_a_program_switches_is_provisional_and_what_a_person_does_is_final(desk: Desk, is_on: bool) -> None:
    desk.mail.alice.choose({desk.news.id: Wish(is_in=not is_on)}, make_cause())
    desk.switch(desk.news, is_on=is_on)
    assert PreferenceChange.objects.first().settles_at is None  # type: ignore[union-attr]
    desk.headers = PROGRAM
    desk.switch(desk.news, is_on=not is_on)
    newest = PreferenceChange.objects.newest_first()[0]
    assert newest.settles_at
    assert newest.evidence["verdict"] == "machine"


def test_a_person_who_saves_confirms_what_is_off_provisionally(desk: Desk) -> None:
    desk.headers = PROGRAM
    desk.switch(desk.news, is_on=False)
    desk.save(desk.form())
    assert PreferenceChange.objects.count() == 1
    desk.headers = {}
    desk.save(desk.form())
    assert [row.settles_at is None for row in PreferenceChange.objects.order_by("id")] == [False, True]


# Double opt-in


def test_with_double_opt_in_a_mail_asks_and_nothing_is_switched_on_before(client: Client) -> None:
    desk = make_desk(client, is_double_opt_in=True)
    desk.mail.alice.opt_out(desk.news.id, make_cause())
    page = desk.switch(desk.news, is_on=True)
    assert "We are sending a mail to a•••@e•••.org. Only its link switches on: News." in page.status()
    assert "Not changed yet." in page.status()
    assert "<title>Your preferences –" in page.html
    assert desk.gets() == [False, True]
    assert page.form("Save").values("on") == [f"{desk.offers.id}e"]


def test_with_double_opt_in_what_else_is_wished_is_saved(client: Client) -> None:
    desk = make_desk(client, is_double_opt_in=True)
    desk.mail.alice.opt_out(desk.news.id, make_cause())
    form = desk.form().tick("on", f"{desk.offers.id}e", is_on=False)
    page = desk.switch(desk.news, is_on=True, form=form)
    assert "Saved. You get no more: Offers." in page.status()
    assert "Only its link switches on: News." in page.status()


def test_with_double_opt_in_an_undo_needs_no_mail(client: Client) -> None:
    desk = make_desk(client, is_double_opt_in=True)
    desk.switch(desk.news, is_on=False).form("Undo").press(client, "Undo")
    assert desk.gets() == [True, True]


def test_with_double_opt_in_coming_back_asks_for_what_was_left(client: Client) -> None:
    desk = make_desk(client, is_double_opt_in=True)
    desk.mail.alice.opt_out(desk.news.id, make_cause())
    desk.form().press(client, "Unsubscribe from everything")
    page = desk.form().press(client, "Get everything again")
    assert "Only its link switches on: Offers." in page.status()
    assert desk.gets() == [False, False]


def test_with_double_opt_in_no_mail_is_promised_to_a_phone(client: Client) -> None:
    desk = make_desk(client, is_double_opt_in=True)
    phone = make_companion(desk)
    phone.opt_out(desk.news.id, make_cause())
    page = desk.switch(desk.news, is_on=True, channel="s")
    assert "no mail to confirm it can be sent now: News (SMS)." in page.status()
    assert phone.receives([desk.news]) == {desk.news.id: False}
