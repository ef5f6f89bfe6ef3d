"""Opt-ins and opt-outs of robots and people in any order: the ledger tells the state, and settling restores it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import example, given
from hypothesis import strategies as st

from preferences.models import Source, Subscription, Topic
from tests.makers import make_cause
from tests.preferences import test_replay as replaying
from tests.preferences.test_replay import Story
from unsubscribe.refuting import claims_of
from unsubscribe.settling import restore

pytestmark = pytest.mark.django_db


def arrived(story: Story, topic: Topic, visitor: str, verb: Any, unless: str) -> None:
    """As at a link that was sent a moment ago."""
    since = timezone.now()
    story.arrive(topic, visitor, lambda topic_id, cause: verb(topic_id, cause, **{unless: since}))


def pressed_by_program(story: Story, topic: Topic) -> None:
    soon = timezone.now() + timedelta(hours=1)
    evidence = {"visit": next(_visits), "visitor": "three", "program": "three", "at": timezone.now().timestamp()}
    story.alice.opt_in(topic.id, make_cause(evidence=evidence, settles_at=soon))


def settled_as_a_robots(story: Story, topic: Topic) -> bool:
    """Restore what is provisional now, as when all who made it are refuted; return whether anything was."""
    row = Subscription.objects.filter(recipient_id=story.alice.id, topic=topic, channel="email").first()
    claims = claims_of(row.change_id) if row else []
    return bool(row and claims and restore(row.change_id, claims, make_cause(Source.REINSTATEMENT)).has_changed)


_visits = count(10_000)
FINAL = (
    "in",
    "out",
    "weekly",
    "pause",
    "save in",
    "save out",
    "leave all",
    "come back",
    "suppress",
    "lift",
    "pause all",
)
OWN: dict[str, Any] = {
    "left by arriving": lambda story, topic: arrived(story, topic, "one", story.alice.opt_out, "unless_back_since"),
    "left by arriving too": lambda story, topic: arrived(story, topic, "two", story.alice.opt_out, "unless_back_since"),
    "joined by arriving": lambda story, topic: arrived(story, topic, "one", story.alice.opt_in, "unless_left_since"),
    "joined by arriving too": lambda story, topic: arrived(
        story, topic, "two", story.alice.opt_in, "unless_left_since"
    ),
    "pressed by a program": pressed_by_program,
}
DEEDS = (
    replaying.DEEDS
    | OWN
    | {
        "undo opt-in": lambda story, topic: story.alice.undo_opt_in(topic.id, make_cause(Source.UNDO)),
        "settle": settled_as_a_robots,
    }
)


def steps(names: Iterable[str]) -> st.SearchStrategy[list[tuple[str, int]]]:
    return st.lists(st.tuples(st.sampled_from(sorted(names)), st.integers(0, 2)), max_size=8)


@replaying.ANY
@given(steps(DEEDS))
def test_replaying_the_ledger_gives_exactly_the_present_state(deeds: list[tuple[str, int]]) -> None:
    story = replaying.make_story()
    for name, index in deeds:
        DEEDS[name](story, story.topics[index])
        assert story.replayed() == story.present(), name


@replaying.ANY
@given(steps(FINAL), steps(OWN))
@example([("in", 2), ("leave all", 0)], [("pressed by a program", 2)])  # at a topic that a contract requires
@example([("in", 0), ("suppress", 0)], [("pressed by a program", 0)])  # what is on beneath a suppression
def test_what_robots_did_in_any_order_is_all_taken_back(
    before: list[tuple[str, int]], by_robots: list[tuple[str, int]]
) -> None:
    story = replaying.make_story()
    for name, index in before:
        DEEDS[name](story, story.topics[index])
    was = replaying.what_holds(story)
    for name, index in by_robots:
        OWN[name](story, story.topics[index])
    while sum(settled_as_a_robots(story, topic) for topic in story.topics):
        continue
    assert replaying.what_holds(story) == was
