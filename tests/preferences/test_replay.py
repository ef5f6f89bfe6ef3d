"""Whatever is wished in whatever order: the ledger alone tells exactly what holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from preferences.links import Channel
from preferences.models import (
    Cause,
    Companions,
    Pause,
    Person,
    PreferenceChange,
    Recipient,
    Source,
    Subscription,
    Topic,
    Wish,
)
from preferences.models.subscriptions import SuppressionReason, today
from preferences.models.writing import NOT_PAUSED, Setting
from preferences.replay import Present, differing, replay, stored
from tests.commands import run
from tests.makers import make_brand, make_cause, make_recipient, make_topic
from tests.searching import examples
from unsubscribe.refuting import claims_of
from unsubscribe.settling import restore

pytestmark = pytest.mark.django_db
_visits = count(1)


@dataclass
class Story:
    """One person with two topics, and what they have done so far."""

    person: Person
    topics: list[Topic]
    saves: list[int] = field(default_factory=list)

    @property
    def alice(self) -> Recipient:
        return self.person.recipients[0]

    def by_page(self, visit: int) -> Cause:
        return make_cause(Source.PREFERENCE_PAGE, evidence={"visit": visit})

    def new_save(self) -> Cause:
        self.saves.append(next(_visits))
        return self.by_page(self.saves[-1])

    def save(self, wish: Wish, topic: Topic, **everything: Any) -> None:
        self.person.save({Channel.EMAIL: {topic.id: wish}}, self.new_save(), **everything)

    def arrive(self, topic: Topic, visitor: str, verb: Callable[..., object]) -> None:
        evidence = {"visit": next(_visits), "visitor": visitor, "program": visitor, "at": timezone.now().timestamp()}
        verb(topic.id, make_cause(Source.ARRIVAL, evidence=evidence, settles_at=timezone.now() + timedelta(hours=1)))

    def reinstate(self, topic: Topic) -> None:
        """Put back what is provisional now, as settling does when all who made it were robots."""
        row = Subscription.objects.filter(recipient_id=self.alice.id, topic=topic, channel=self.alice.channel).first()
        if row and (claims := claims_of(row.change_id)):
            restore(row.change_id, claims, make_cause(Source.REINSTATEMENT))

    def present(self) -> list[Present]:
        return [stored(recipient.id) for recipient in self.person.recipients]

    def replayed(self) -> list[Present]:
        return [
            replay(PreferenceChange.objects.filter(recipient_id=recipient.id).order_by("id"))
            for recipient in self.person.recipients
        ]


def make_story(*, has_phone: bool = False) -> Story:
    brand = make_brand()
    topics = [
        make_topic(brand, "news", frequencies=["every", "weekly"]),
        make_topic(brand, "offers", is_default_in=False),
        make_topic(brand, "bills", is_required=True),
    ]
    alice = make_recipient(brand)
    if has_phone:
        phone = make_recipient(brand, "+14155550123", Channel.SMS)
        alice.save()
        phone.save()
        Companions.objects.create(email=alice, phone=phone, brand=brand)
    return Story(Person.behind(alice), topics)


def in_days(days: int) -> Any:
    return today() + timedelta(days=days)


DEEDS: dict[str, Callable[[Story, Topic], object]] = {
    "out": lambda s, t: s.alice.opt_out(t.id, make_cause()),
    "arrival": lambda s, t: s.arrive(t, "one", s.alice.opt_out),
    "another arrival": lambda s, t: s.arrive(t, "two", s.alice.opt_out),
    "arrival to join": lambda s, t: s.arrive(t, "one", s.alice.opt_in),
    "in": lambda s, t: s.alice.opt_in(t.id, make_cause()),
    "undo": lambda s, t: s.alice.undo_opt_out(t.id, make_cause(Source.UNDO)),
    "fewer instead": lambda s, t: s.alice.undo_opt_out(t.id, make_cause(Source.OFFER), Setting("weekly")),
    "pause instead": lambda s, t: s.alice.undo_opt_out(
        t.id, make_cause(Source.OFFER), Setting(paused_until=in_days(14))
    ),
    "weekly": lambda s, t: s.save(Wish(frequency="weekly"), t),
    "pause": lambda s, t: s.save(Wish(paused_until=in_days(30)), t),
    "go on": lambda s, t: s.save(Wish(paused_until=NOT_PAUSED), t),
    "pause all": lambda s, t: s.save(Wish(), t, paused_until=in_days(90)),
    "go on with all": lambda s, t: s.save(Wish(), t, paused_until=NOT_PAUSED),
    "save in": lambda s, t: s.save(Wish(is_in=True, frequency="every"), t),
    "save out": lambda s, t: s.save(Wish(is_in=False), t),
    "undo save": lambda s, t: s.person.undo(s.saves[-1], make_cause(Source.UNDO)) if s.saves else None,
    "undo first save": lambda s, t: s.person.undo(s.saves[0], make_cause(Source.UNDO)) if s.saves else None,
    "leave all": lambda s, t: s.person.leave_everything(s.new_save()),
    "come back": lambda s, t: s.person.come_back(s.new_save()),
    "reinstate": lambda s, t: s.reinstate(t),
    "suppress": lambda s, t: s.alice.suppress(SuppressionReason.ADMIN, make_cause(Source.ADMIN)),
    "lift": lambda s, t: s.alice.lift_suppression(make_cause(Source.ADMIN)),
    "refuse tracking": lambda s, t: s.alice.refuse_tracking(make_cause(Source.ADMIN)),
    "allow tracking": lambda s, t: s.alice.allow_tracking(make_cause(Source.ADMIN)),
    "save without tracking": lambda s, t: s.save(Wish(), t, is_untracked=True),
    "save with tracking": lambda s, t: s.save(Wish(), t, is_untracked=False),
}
SAVES = ["weekly", "pause", "pause all", "save in", "save out", "leave all", "come back", "save without tracking"]
STEPS = st.lists(st.tuples(st.sampled_from(sorted(DEEDS)), st.integers(0, 2)), max_size=14)
ANY = examples(40)


@ANY
@given(STEPS, st.booleans())
def test_replaying_the_ledger_gives_exactly_the_present_state(steps: list[tuple[str, int]], has_phone: bool) -> None:
    story = make_story(has_phone=has_phone)
    for name, index in steps:
        DEEDS[name](story, story.topics[index])
        assert story.replayed() == story.present(), name
    assert not list(differing(recipient.id for recipient in story.person.recipients))


@ANY
@given(STEPS, st.sampled_from(SAVES))
def test_an_undo_puts_back_exactly_what_the_save_replaced(steps: list[tuple[str, int]], last: str) -> None:
    story = make_story()
    for name, index in steps:
        DEEDS[name](story, story.topics[index])
    before = what_holds(story)
    DEEDS[last](story, story.topics[0])
    story.person.undo(story.saves[-1], make_cause(Source.UNDO))
    assert what_holds(story) == before


@ANY
@given(STEPS)
def test_each_row_says_something_new(steps: list[tuple[str, int]]) -> None:
    story = make_story()
    for name, index in steps:
        before = story.present()
        written = PreferenceChange.objects.count()
        DEEDS[name](story, story.topics[index])
        assert (story.present() == before) == (PreferenceChange.objects.count() == written), name


def what_holds(story: Story) -> Any:
    """All that a person would notice: not which change made it, nor that what was provisional is final now."""
    return [
        (
            {
                key: (held.state, held.previous_state, held.changed_at, held.frequency, held.paused_until)
                for key, held in present.topics.items()
                if held.state != "default" or held.frequency or held.paused_until
            },
            present.suppression[0] if present.suppression else None,
            present.pause[0] if present.pause else None,
            present.is_untracked,
        )
        for present in story.present()
    ]


def test_an_undo_leaves_alone_what_changed_since() -> None:
    story = make_story()
    news, offers, _ = story.topics
    story.person.save({Channel.EMAIL: {news.id: Wish(is_in=False), offers.id: Wish(is_in=True)}}, story.new_save())
    story.alice.opt_in(news.id, make_cause())
    story.person.undo(story.saves[0], make_cause(Source.UNDO))
    assert story.alice.receives([news, offers]) == {news.id: True, offers.id: False}


def test_coming_back_brings_back_what_leaving_everything_ended_and_no_more() -> None:
    story = make_story(has_phone=True)
    news, offers, bills = story.topics
    story.alice.opt_in(offers.id, make_cause())
    story.alice.opt_out(news.id, make_cause())
    story.person.leave_everything(story.new_save())
    assert story.alice.receives(story.topics) == {news.id: False, offers.id: False, bills.id: True}
    story.person.come_back(story.new_save())
    assert story.alice.receives(story.topics) == {news.id: False, offers.id: True, bills.id: True}
    assert story.person.recipients[1].receives([news]) == {news.id: True}


def test_a_pause_ends_by_itself_and_its_day_is_the_first_with_mails() -> None:
    story = make_story()
    news = story.topics[0]
    story.save(Wish(paused_until=in_days(1)), news)
    assert not story.alice.receives([news])[news.id]
    Subscription.objects.update(paused_until=today())
    assert story.alice.receives([news])[news.id]
    story.save(Wish(), news, paused_until=in_days(1))
    assert not story.alice.receives([news])[news.id]
    Pause.objects.update(until=today())
    assert story.alice.receives([news])[news.id]


def test_companions_are_left_and_joined_together() -> None:
    story = make_story(has_phone=True)
    news = story.topics[0]
    wishes = {Channel.EMAIL: {news.id: Wish(is_in=False)}, Channel.SMS: {news.id: Wish(frequency="weekly")}}
    outcome = story.person.save(wishes, story.new_save())
    assert len(outcome.change_ids) == 2
    assert {row.xid for row in PreferenceChange.objects.all()} == {PreferenceChange.objects.all()[0].xid}
    email, phone = story.person.recipients
    assert (email.receives([news])[news.id], phone.receives([news])[news.id]) == (False, True)


def test_the_command_finds_a_state_that_the_ledger_does_not_tell() -> None:
    story = make_story()
    story.alice.opt_out(story.topics[0].id, make_cause())
    assert run("check_ledger").out == "1 recipient, and each one's state is what the ledger tells.\n"
    Subscription.objects.update(state="in")
    result = run("check_ledger")
    assert result.status == 1
    assert str(story.alice.id) in result.err
