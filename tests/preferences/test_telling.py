"""The ledger's rows as sentences."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.utils import timezone

from preferences.models import Person, PreferenceChange, Recipient, Source, State, Topic, Wish
from preferences.models.subscriptions import SuppressionReason
from preferences.models.writing import NOT_PAUSED, Restored, Setting
from preferences.telling import sentence
from tests.makers import make_brand, make_cause, make_recipient, make_topic

pytestmark = pytest.mark.django_db
FEBRUARY = date(2027, 2, 3)
PAGE = make_cause(Source.PREFERENCE_PAGE)


@pytest.fixture
def news(db: None) -> Topic:
    return make_topic(make_brand())


@pytest.fixture
def alice(news: Topic) -> Recipient:
    return make_recipient(news.brand)


def told() -> list[str]:
    """All that the ledger says, oldest first."""
    return [sentence(row) for row in PreferenceChange.objects.select_related("topic").order_by("id")]


def test_leaving_and_joining(alice: Recipient, news: Topic) -> None:
    alice.opt_out(news.pk, make_cause())
    alice.opt_in(news.pk, make_cause())
    alice.opt_out(news.pk, make_cause())
    alice.undo_opt_out(news.pk, make_cause(Source.UNDO))
    assert told() == ["Left News", "Joined News", "Left News", "Joined News"]


def test_an_undo_of_the_first_word_leads_back_to_the_default(alice: Recipient, news: Topic) -> None:
    alice.opt_out(news.pk, make_cause())
    alice.undo_opt_out(news.pk, make_cause(Source.UNDO))
    assert told()[-1] == "Went back to the default of News"


@pytest.mark.parametrize(
    ("frequency", "words"),
    [("every", "every mail of News"), ("daily", "News daily"), ("weekly", "News weekly"), ("monthly", "News monthly")],
)
def test_how_often(alice: Recipient, news: Topic, frequency: str, words: str) -> None:
    alice.choose({news.pk: Wish(frequency=frequency)}, PAGE)
    assert told() == [f"Wants {words}"]


def test_no_frequency_any_more(alice: Recipient, news: Topic) -> None:
    alice.choose({news.pk: Wish(frequency="weekly")}, PAGE)
    alice.choose({news.pk: Wish(frequency="")}, PAGE)
    assert told()[-1] == "Wants News as it comes"


def test_a_pause_of_a_topic_and_its_end(alice: Recipient, news: Topic) -> None:
    alice.choose({news.pk: Wish(paused_until=FEBRUARY)}, PAGE)
    alice.choose({news.pk: Wish(paused_until=NOT_PAUSED)}, PAGE)
    assert told() == ["Paused News until 3 February 2027", "Ended the pause of News"]


def test_a_pause_that_had_ended_by_itself_is_not_ended(alice: Recipient, news: Topic) -> None:
    alice.choose({news.pk: Wish(paused_until=FEBRUARY)}, PAGE)
    alice.choose({news.pk: Wish(frequency="weekly", paused_until=NOT_PAUSED)}, PAGE)
    PreferenceChange.objects.filter(frequency="weekly").update(changed_at=timezone.now() + timedelta(days=900))
    assert told()[-1] == "Wants News weekly"


def test_a_pause_of_everything_and_its_end(alice: Recipient) -> None:
    alice.pause(FEBRUARY, PAGE)
    alice.pause(NOT_PAUSED, PAGE)
    assert told() == ["Paused everything until 3 February 2027", "Ended the pause of everything"]


def test_several_things_at_once(alice: Recipient, news: Topic) -> None:
    alice.opt_out(news.pk, make_cause())
    alice.choose({news.pk: Wish(is_in=True, frequency="weekly", paused_until=FEBRUARY)}, PAGE)
    assert told()[-1] == "Joined News; wants News weekly; paused News until 3 February 2027"


@pytest.mark.parametrize(
    ("reason", "suppressed", "lifted"),
    [
        ("everything", "Left everything", "Came back after leaving everything"),
        ("import", "Suppressed by an imported list", "Suppression lifted"),
        ("admin", "Suppressed by an operator", "Suppression lifted"),
        ("erased", "Erased: only what it takes", "Came back after the erasure"),
    ],
)
def test_a_suppression_with_its_reason_and_its_end(alice: Recipient, reason: str, suppressed: str, lifted: str) -> None:
    alice.pause(FEBRUARY, PAGE)
    alice.suppress(SuppressionReason(reason), make_cause())
    alice.lift_suppression(make_cause())
    assert [line.startswith(words) for line, words in zip(told()[1:], (suppressed, lifted), strict=True)] == [True] * 2
    assert "Paused" not in told()[1]
    assert "tracking" not in told()[1]


def test_tracking_that_is_refused_and_allowed_again(alice: Recipient) -> None:
    alice.refuse_tracking(PAGE)
    alice.pause(FEBRUARY, PAGE)
    alice.suppress(SuppressionReason.EVERYTHING, make_cause())
    alice.allow_tracking(PAGE)
    assert told()[0] == "Refused tracking: opens and clicks are not recorded"
    assert [" tracking" in line for line in told()] == [True, False, False, True]
    assert told()[-1] == "Allowed tracking: opens and clicks are recorded again"


def test_a_pause_of_whoever_left_everything_is_only_that(alice: Recipient) -> None:
    alice.suppress(SuppressionReason.EVERYTHING, make_cause())
    alice.pause(FEBRUARY, PAGE)
    assert told()[-1] == "Paused everything until 3 February 2027"


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        (Setting(frequency="weekly"), "wants News weekly"),
        (Setting(paused_until=FEBRUARY), "paused News until 3 February 2027"),
    ],
)
def test_an_offer_taken_after_leaving(alice: Recipient, news: Topic, setting: Setting, words: str) -> None:
    alice.opt_out(news.pk, make_cause())
    alice.undo_opt_out(news.pk, make_cause(Source.OFFER), setting)
    assert told()[-1] == f"Stayed with News by an offer, after leaving; {words}"


def test_what_another_visitor_says_too_and_what_becomes_final(alice: Recipient, news: Topic) -> None:
    settles_at = timezone.now() + timedelta(hours=1)
    for visitor in "ab":
        cause = make_cause(Source.ARRIVAL, evidence={"visitor": visitor, "program": "x"}, settles_at=settles_at)
        alice.opt_out(news.pk, cause)
    alice.opt_out(news.pk, make_cause())
    assert told()[1:] == [
        "Left News too, by another visitor while the first opt-out is provisional",
        "Confirmed leaving News, for good",
    ]


def test_what_a_robot_had_ended_or_begun(alice: Recipient, news: Topic) -> None:
    robot = make_cause(Source.REINSTATEMENT)
    [change] = alice.opt_out(news.pk, make_cause(Source.ARRIVAL)).change_ids
    alice.reinstate(change, news.pk, robot, Restored(State.DEFAULT, None))
    [change] = alice.opt_in(news.pk, make_cause(Source.ARRIVAL)).change_ids
    alice.reinstate(change, news.pk, robot, Restored(State.DEFAULT, None), State.DEFAULT)
    assert told()[1] == "Put back on News, which a robot had ended"
    assert told()[3] == "Put back to the default of News, which a robot had begun"


def test_an_opt_in_that_a_robot_had_begun_for_somebody_who_had_left(alice: Recipient, news: Topic) -> None:
    alice.opt_out(news.pk, make_cause())
    [change] = alice.opt_in(news.pk, make_cause(Source.ARRIVAL)).change_ids
    alice.reinstate(change, news.pk, make_cause(Source.REINSTATEMENT), Restored(State.DEFAULT, None), State.OUT)
    assert told()[-1] == "Taken off News, which a robot had begun"


def test_a_suppression_that_a_robot_had_ended(alice: Recipient, news: Topic) -> None:
    alice.suppress(SuppressionReason.EVERYTHING, make_cause())
    shown = {"visit": 7}
    _, change = alice.opt_in(news.pk, make_cause(Source.ARRIVAL, evidence=shown)).change_ids
    alice.reinstate(change, news.pk, make_cause(Source.REINSTATEMENT), Restored(State.DEFAULT, None), State.DEFAULT)
    assert told()[-1] == "Off everything again, which a robot had ended"


def test_what_rows_of_former_versions_say(alice: Recipient, news: Topic) -> None:
    """They knew neither pauses nor frequencies, and said of a suppression only the state."""
    alice.suppress(SuppressionReason.ADMIN, make_cause())
    alice.lift_suppression(make_cause())
    alice.opt_in(news.pk, make_cause())
    PreferenceChange.objects.filter(topic=None, state="default").update(replaced={"state": "out", "change": 1})
    PreferenceChange.objects.exclude(topic=None).update(replaced={"state": "default", "change": None})
    assert told() == [
        "Suppressed by an operator: no mail of any topic",
        "Suppression lifted: the topics hold again",
        "Joined News",
    ]


def test_everything_left_on_the_preference_page_reads_topic_by_topic(alice: Recipient, news: Topic) -> None:
    Person.behind(alice).leave_everything(PAGE)
    assert told() == ["Left News", "Left everything: no mail of any topic, but what a contract requires"]
