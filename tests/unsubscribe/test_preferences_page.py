from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client

from preferences.links import Channel
from preferences.models import (
    BrandText,
    Companions,
    LeavingAnswer,
    Pause,
    Person,
    PreferenceChange,
    Recipient,
    Source,
    Subscription,
    Topic,
    TopicGroup,
    TopicGroupText,
    TopicText,
    Wish,
)
from preferences.models.subscriptions import SuppressionReason, today
from preferences.tracking import untracked
from tests.makers import make_cause, make_topic
from tests.unsubscribe.forms import Form, Page, open_page, send
from tests.unsubscribe.makers import Mail, make_mail

pytestmark = pytest.mark.django_db

PROGRAM = {"user-agent": "curl/8.0"}
PHONE = "+14155550123"


@dataclass
class Desk:
    """Alice before her preference page, with a browser."""

    client: Client
    mail: Mail
    offers: Topic
    path: str
    headers: dict[str, str] = field(default_factory=dict)

    def page(self) -> Page:
        return open_page(self.client, self.path, **self.headers)

    def form(self) -> Form:
        return self.page().form("Save")

    def save(self, form: Form) -> Page:
        return form.press(self.client, "Save", **self.headers)

    def switch(self, topic: Topic, *, is_on: bool, form: Form | None = None, channel: str = "e") -> Page:
        return self.save((form or self.form()).tick("on", f"{topic.id}{channel}", is_on=is_on))

    def gets(self, *topics: Topic) -> list[bool]:
        return list(self.mail.alice.receives(topics or [self.mail.topic, self.offers]).values())

    @property
    def news(self) -> Topic:
        return self.mail.topic


@pytest.fixture
def desk(client: Client) -> Desk:
    return make_desk(client)


def make_desk(client: Client, **brand: Any) -> Desk:
    mail = make_mail(**brand)
    offers = make_topic(mail.brand, "offers", description="Cheaper things.", rhythm="On Fridays.")
    return Desk(client, mail, offers, f"/p/{mail.token('preferences')}")


def make_companion(desk: Desk) -> Recipient:
    """Alice's phone."""
    phone = Recipient.at(desk.mail.brand.id, Channel.SMS, PHONE)
    alice = desk.mail.alice
    alice.save()
    phone.save()
    Companions.objects.create(email=alice, phone=phone, brand=desk.mail.brand)
    return phone


def in_days(days: int) -> date:
    return today() + timedelta(days=days)


# What it shows


def test_it_shows_each_topic_as_it_is(desk: Desk) -> None:
    desk.mail.alice.opt_out(desk.news.id, make_cause())
    page = desk.page()
    assert page.form("Save").values("on") == [f"{desk.offers.id}e"]
    assert "Cheaper things. On Fridays." in page.words
    assert "alice" not in page.html


def test_topics_stand_under_their_groups_and_those_without_one_first(desk: Desk) -> None:
    brand = desk.mail.brand
    late, soon = (TopicGroup.objects.create(brand=brand, name=n, position=p) for n, p in (("Late", 2), ("Soon", 1)))
    make_topic(brand, "last", group=late, position=1)
    make_topic(brand, "second", group=soon, position=2)
    make_topic(brand, "first", group=soon, position=1)
    words = desk.page().words
    places = [words.index(name) for name in ("Send me", "News", "Soon", "First", "Second", "Late", "Last")]
    assert places == sorted(places)


def test_topics_and_groups_speak_the_pages_language_and_else_the_brands_own(desk: Desk) -> None:
    group = TopicGroup.objects.create(brand=desk.mail.brand, name="Shop")
    TopicGroupText.objects.create(group=group, language="en", name="The shop")
    Topic.objects.filter(id=desk.offers.id).update(group=group)
    TopicText.objects.create(topic=desk.offers, language="en", name="Bargains", rhythm="Weekly.")
    TopicText.objects.create(topic=desk.news, language="de", name="Neues")
    words = desk.page().words
    assert "The shop Bargains Weekly." in words
    assert "News" in words
    assert "Neues" not in words


def test_the_brands_introduction_stands_at_the_top(desk: Desk) -> None:
    BrandText.objects.create(brand=desk.mail.brand, language="en", introduction="We are glad that you look in.")
    words = desk.page().words
    assert words.index("We are glad") < words.index("Send me")


def test_a_topic_of_another_channel_is_shown_to_its_subscribers_alone(desk: Desk) -> None:
    alerts = make_topic(desk.mail.brand, "alerts", channels=["sms"])
    assert "Alerts" not in desk.page().words
    desk.mail.alice.opt_in(alerts.id, make_cause())
    page = desk.switch(alerts, is_on=False)
    assert "You get no more: Alerts." in page.status()
    assert "Alerts" not in desk.page().words


def test_one_page_shows_both_channels_of_a_person_and_no_whole_address(desk: Desk) -> None:
    phone = make_companion(desk)
    make_topic(desk.mail.brand, "alerts", channels=["sms"])
    page = desk.page()
    assert "What a•••@e•••.org and •••23 get from Demo Letters." in page.words
    assert PHONE not in page.html
    done = desk.switch(desk.news, is_on=False, channel="s")
    assert "You get no more: News (SMS)." in done.status()
    assert phone.receives([desk.news]) == {desk.news.id: False}
    assert desk.gets(desk.news) == [True]


def test_a_switch_for_one_channel_is_named_after_its_topic(desk: Desk) -> None:
    make_companion(desk)
    make_topic(desk.mail.brand, "alerts", channels=["sms"])
    html = desk.page().html
    assert html.count("> E-mail</label>") == html.count("> SMS</label>") == 2
    assert html.count("<b>Alerts</b>") == 1


def test_the_unsubscribe_link_leads_there_too(desk: Desk) -> None:
    path = f"/u/{desk.mail.token()}/preferences"
    form = open_page(desk.client, path).form("Save")
    assert form.action == path
    desk.switch(desk.news, is_on=False, form=form)
    assert PreferenceChange.objects.get().source == "preference_page"


def test_a_chosen_language_stays(desk: Desk) -> None:
    assert open_page(desk.client, f"{desk.path}?lang=en").form("Save").action.endswith("?lang=en")
    assert desk.form().action == desk.path


# Saving


def test_saving_changes_what_was_changed_and_says_so(desk: Desk) -> None:
    page = desk.switch(desk.news, is_on=False)
    assert desk.mail.changes() == [("out", "preference_page")]
    assert "Saved. You get no more: News." in page.status()
    assert "Offers" not in page.status()


def test_saving_what_was_shown_changes_nothing(desk: Desk) -> None:
    """A robot that submits the first form of the page sends just this."""
    form = desk.form()
    assert form.first_button == "Save"
    assert "Nothing changed." in desk.save(form).status()
    assert desk.mail.changes() == []


def test_everything_that_was_changed_is_saved_by_one_press_in_one_transaction(desk: Desk) -> None:
    Topic.objects.filter(id=desk.offers.id).update(frequencies=["every", "weekly"])
    form = desk.form().set(f"often-{desk.offers.id}", "weekly").set("pause-all", "14d")
    page = desk.switch(desk.news, is_on=False, form=form)
    assert len(set(PreferenceChange.objects.values_list("xid", flat=True))) == 1
    for sentence in ("You get no more: News.", "How often has changed: Offers: Weekly digest.", "Everything is paused"):
        assert sentence in page.status()


def test_a_choice_that_is_no_longer_offered_is_still_shown_and_kept(desk: Desk) -> None:
    desk.mail.alice.choose({desk.offers.id: Wish(frequency="monthly")}, make_cause())
    Topic.objects.filter(id=desk.offers.id).update(frequencies=["every", "weekly"])
    form = desk.form()
    assert form.values(f"often-{desk.offers.id}") == ["monthly"]
    assert "Monthly digest" in desk.save(form).words
    assert PreferenceChange.objects.count() == 1


def test_where_nothing_was_chosen_and_not_every_one_is_offered_the_page_chooses_nothing(desk: Desk) -> None:
    Topic.objects.filter(id=desk.offers.id).update(frequencies=["daily", "weekly"])
    form = desk.form()
    assert form.values(f"often-{desk.offers.id}") == [""]
    desk.save(form)
    assert not PreferenceChange.objects.exists()


def test_a_topic_that_offers_no_choice_of_rhythm_keeps_what_was_chosen_once(desk: Desk) -> None:
    desk.mail.alice.choose({desk.offers.id: Wish(frequency="monthly")}, make_cause())
    page = desk.page()
    assert "Monthly digest" in page.words
    assert page.form("Save").values(f"often-{desk.offers.id}") == []


def test_a_frequency_that_is_not_offered_cannot_be_named(desk: Desk) -> None:
    desk.save(Form(desk.path, [*desk.form().fields, [f"often-{desk.news.id}", "daily", True]], {"Save": ("save", "")}))
    assert not PreferenceChange.objects.exists()


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


# Tracking


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


# Pauses


@pytest.mark.parametrize("span", ["14d", "1m", "3m"])
def test_a_topic_is_paused_for_a_while_and_ends_by_itself(desk: Desk, span: str) -> None:
    page = desk.save(desk.form().set(f"pause-{desk.news.id}", span))
    assert "Paused until" in page.status()
    assert desk.gets() == [False, True]
    assert "Paused until" in desk.page().words
    Subscription.objects.update(paused_until=today())
    assert desk.gets() == [True, True]
    assert "Paused until" not in desk.page().words


def test_a_paused_topic_goes_on_now(desk: Desk) -> None:
    desk.save(desk.form().set(f"pause-{desk.news.id}", "14d"))
    page = desk.save(desk.form().set(f"pause-{desk.news.id}", "off"))
    assert "No longer paused: News." in page.status()
    assert desk.gets() == [True, True]


def test_everything_is_paused_until_a_day_of_ones_own_and_goes_on_by_one_press(desk: Desk) -> None:
    day = in_days(40)
    page = desk.save(desk.form().set("pause-all", "day").set("until-all", day.isoformat()))
    assert f"Everything is paused until {day.day} " in page.status() or f"{day.day}, {day.year}" in page.status()
    assert Pause.objects.get().until == day
    assert page.form("Save").values("on")
    gone_on = page.form("Go on now").press(desk.client, "Go on now")
    assert "The pause of everything has ended." in gone_on.status()
    assert desk.gets() == [True, True]


def test_a_day_that_was_typed_counts_where_a_browser_shows_the_field_at_once(desk: Desk) -> None:
    desk.save(desk.form().set("until-all", in_days(40).isoformat()))
    assert Pause.objects.get().until == in_days(40)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "Choose a day from"),
        ("2020-02-02", "Choose a day from"),
        ("9999-12-31", "Choose a day from"),
        ("31.02.2027", "“31.02.2027” is not a day that we can read."),
        ("<script>", "“&lt;script&gt;” is not a day"),
    ],
)
def test_a_day_that_cannot_be_is_said_and_nothing_is_half_saved(desk: Desk, text: str, words: str) -> None:
    form = desk.form().set("pause-all", "day").set("until-all", text).set(f"pause-{desk.news.id}", "1m")
    page = desk.switch(desk.offers, is_on=False, form=form)
    assert words in page.html
    assert "Nothing was saved yet." in page.words
    assert not PreferenceChange.objects.exists()
    kept = page.form("Save")
    assert kept.values("on") == [f"{desk.news.id}e"]
    assert kept.values(f"pause-{desk.news.id}") == ["1m"]
    assert kept.values("pause-all") == ["day"]
    desk.save(kept.set("until-all", in_days(2).isoformat()))
    assert desk.gets(desk.offers) == [False]
    assert PreferenceChange.objects.count() == 3


def test_the_field_with_the_wrong_day_has_the_focus_and_names_its_error(desk: Desk) -> None:
    form = desk.form().set(f"pause-{desk.news.id}", "day")
    html = desk.save(form).html
    assert f'aria-describedby="wrong-{desk.news.id}" autofocus' in html
    assert f'id="wrong-{desk.news.id}"' in html
    assert "<details open>" in html


def test_today_is_too_early_and_two_years_are_the_most(desk: Desk) -> None:
    last = today().replace(year=today().year + 2, day=min(today().day, 28))
    desk.save(desk.form().set("until-all", today().isoformat()))
    assert not Pause.objects.exists()
    desk.save(desk.form().set("until-all", last.isoformat()))
    assert Pause.objects.get().until == last


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


# Whatever is sent


NONSENSE = [
    "",
    "all=yes",
    "all=OFF",
    "sure=no",
    "save=&on=1e",
    "save=&shown=%00&on=%ff",
    "save=&shown=99999999999999999999-e1-&shown=1-&shown=-e1-&shown=1-e1-" + "a" * 900,
    "save=&pause-all=forever&often-1=never&until-0=2027-01-01",
    "save=" + "&shown=1-e1-" * 900,
    "save=&nonce=" + "A" * 5_000,
    "undo=&nonce=%00",
    "%" * 9_000,
]


@pytest.mark.parametrize("body", NONSENSE, ids=range(len(NONSENSE)))
def test_a_form_of_no_page_of_ours_changes_nothing(desk: Desk, body: str) -> None:
    assert "Nothing changed." in send(desk.client, desk.path, body).status()
    assert not PreferenceChange.objects.exists()


def test_repeated_fields_count_once_and_the_last_one_holds(desk: Desk) -> None:
    form = desk.form()
    fields = [*form.fields, *form.fields, ["on", f"{desk.news.id}e", True], ["pause-all", "14d", True]]
    desk.save(Form(form.action, fields, form.buttons))
    assert [row.topic_id for row in PreferenceChange.objects.all()] == [None]


def test_a_form_of_a_hundred_topics_on_two_channels_fits(desk: Desk) -> None:
    make_companion(desk)
    frequencies = ["every", "weekly"]
    for number in range(98):
        make_topic(desk.mail.brand, f"{number}-{'x' * 50}", frequencies=frequencies)
    form = desk.form()
    for one in form.fields:
        if one[0].startswith("pause-"):
            one[1] = "day"
        elif one[0].startswith("until-"):
            one[1] = in_days(30).isoformat()
    page = desk.save(form)
    assert "Everything is paused until" in page.status()
    assert Subscription.objects.filter(paused_until=in_days(30)).count() == 200


def test_a_form_larger_than_any_page_of_ours_is_refused_whole(desk: Desk) -> None:
    response = desk.client.post(desk.path, "save=&on=" + "x" * 20_000, content_type="application/x-www-form-urlencoded")
    assert response.status_code == 413
    assert not PreferenceChange.objects.exists()


def test_a_brand_without_topics_has_a_page_and_can_be_left(desk: Desk) -> None:
    Topic.objects.all().delete()
    page = desk.page()
    assert "There is nothing to choose from at Demo Letters at present." in page.words
    left = page.form("Unsubscribe from everything").press(desk.client, "Unsubscribe from everything")
    assert "You get nothing at present." in left.status()
    assert desk.mail.alice.is_suppressed()


def test_the_ledger_says_by_which_page_view_each_change_came(desk: Desk) -> None:
    desk.switch(desk.news, is_on=False)
    row = PreferenceChange.objects.get()
    assert row.evidence["visit"]
    assert [one.id for one in Person.behind(desk.mail.alice).changes_of(row.evidence["visit"])] == [row.id]
    assert row.source == Source.PREFERENCE_PAGE
