"""Pauses by the preference page."""

from __future__ import annotations

import pytest

from preferences.models import Pause, PreferenceChange, Subscription
from preferences.models.subscriptions import today
from tests.unsubscribe.desk import Desk, in_days

pytestmark = pytest.mark.django_db


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


def test_a_day_without_the_choice_of_one_is_asked_about(desk: Desk) -> None:
    """Who has chosen "No pause" after all does not see the day that their browser still sends."""
    page = desk.save(desk.form().set("until-all", in_days(40).isoformat()))
    assert "choose “Another day” above; else empty this field." in page.words
    assert not Pause.objects.exists()
    assert "Nothing changed." in desk.save(page.form("Save").set("until-all", "")).status()
    desk.save(page.form("Save").set("pause-all", "day").set("until-all", in_days(40).isoformat()))
    assert Pause.objects.get().until == in_days(40)


def test_a_day_beside_a_span_is_not_asked_about(desk: Desk) -> None:
    desk.save(desk.form().set("pause-all", "14d").set("until-all", in_days(40).isoformat()))
    assert Pause.objects.get().until == in_days(14)


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
    desk.save(desk.form().set("pause-all", "day").set("until-all", today().isoformat()))
    assert not Pause.objects.exists()
    desk.save(desk.form().set("pause-all", "day").set("until-all", last.isoformat()))
    assert Pause.objects.get().until == last
