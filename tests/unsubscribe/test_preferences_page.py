"""What the preference page shows, saves, and takes of what is sent to it."""

from __future__ import annotations

import pytest

from preferences.models import (
    BrandText,
    Person,
    PreferenceChange,
    Source,
    Subscription,
    Topic,
    TopicGroup,
    TopicGroupText,
    TopicText,
    Wish,
)
from tests.makers import make_cause, make_topic
from tests.unsubscribe.desk import PHONE, Desk, in_days, make_companion
from tests.unsubscribe.forms import Form, Page, open_page, send

pytestmark = pytest.mark.django_db


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


def test_the_title_says_what_came_of_a_press(desk: Desk) -> None:
    assert title(desk.page()) == "Your preferences – Demo Letters"
    assert title(desk.save(desk.form())) == "Nothing changed – Your preferences – Demo Letters"
    saved = desk.switch(desk.news, is_on=False)
    assert title(saved) == "Saved – Your preferences – Demo Letters"
    undo = saved.form("Undo")
    assert title(undo.press(desk.client, "Undo")) == "Undone – Your preferences – Demo Letters"


def title(page: Page) -> str:
    return page.html.partition("<title>")[2].partition("</title>")[0]


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


def test_a_brand_with_hundreds_of_topics_is_chosen_from_and_left(desk: Desk) -> None:
    make_companion(desk)
    topics = [Topic(brand=desk.mail.brand, slug=f"t{n}", name="x", frequencies=["every", "weekly"]) for n in range(398)]
    Topic.objects.bulk_create(topics)
    form = desk.form().tick("on", f"{desk.news.id}e", is_on=False)
    assert len(form.fields) > 2_000
    assert "You get no more: News (E-mail)." in desk.save(form).status()
    assert "You get nothing at present." in form.press(desk.client, "Unsubscribe from everything").status()


@pytest.mark.parametrize(("body", "status"), [("on=" + "x" * 200_000, 413), ("on=&" * 20_000, 400)])
def test_a_form_larger_than_any_page_of_ours_is_refused_whole(desk: Desk, body: str, status: int) -> None:
    response = desk.client.post(desk.path, f"all=off&{body}", content_type="application/x-www-form-urlencoded")
    assert response.status_code == status
    assert response["Cache-Control"] == "no-store"
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
