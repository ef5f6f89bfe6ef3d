"""Who left and who stayed, recounted from the ledger's rows by other means: plain Python that walks through them."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import count, groupby
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from engagement.figures.leaving import Away, Instead, Kept, Left, Outcome, Returned, Span, Statistics, statistics
from preferences.bulk import OptOut, Origin, opt_out_many
from preferences.links import Channel
from preferences.models import Brand, Cause, Person, PreferenceChange, Recipient, Source, Subscription, Topic, Wish
from preferences.models.subscriptions import SuppressionReason, today
from preferences.models.writing import NOT_PAUSED, Setting
from tests.makers import make_brand, make_cause, make_recipient, make_topic
from unsubscribe.refuting import claims_of

pytestmark = pytest.mark.django_db(transaction=True)  # what is written together is known by its transaction

START = datetime(2026, 10, 1, tzinfo=UTC)
MONTH = Span(START, datetime(2026, 11, 1, tzinfo=UTC))
_visits = count(1)


def now() -> Span:
    """The ledger's rows carry the moment at which they were written."""
    return Span(timezone.now() - timedelta(hours=12), timezone.now() + timedelta(hours=12))


# A random history of verbs, by every door and by robots that are put back


@dataclass
class Someone:
    """A recipient, and the page views by which they have saved preferences."""

    recipient: Recipient
    saves: list[int] = field(default_factory=list)

    @property
    def person(self) -> Person:
        return Person((self.recipient,))

    def save(self, topic: Topic, wish: Wish | None = None, **everything: Any) -> None:
        wishes = {Channel(self.recipient.channel): {topic.id: wish}} if wish else {}
        self.person.save(wishes, self.by_page(), **everything)

    def by_page(self) -> Cause:
        self.saves.append(next(_visits))
        return make_cause(Source.PREFERENCE_PAGE, evidence={"visit": self.saves[-1]})

    def undo_save(self) -> None:
        if self.saves:
            visit = self.saves[-1]
            self.person.undo(visit, make_cause(Source.UNDO, evidence={"visit": visit}))

    def arrive(self, topic: Topic) -> None:
        """What looked like a person's arrival."""
        evidence = {"visit": next(_visits), "visitor": "robot", "program": "robot", "at": timezone.now().timestamp()}
        soon = timezone.now() + timedelta(hours=1)
        self.recipient.opt_out(topic.id, make_cause(Source.ARRIVAL, evidence=evidence, settles_at=soon))

    def reinstate(self, topic: Topic) -> None:
        row = Subscription.objects.filter(recipient_id=self.recipient.id, topic=topic).first()
        if row and (claims := claims_of(row.change_id)):
            self.recipient.reinstate(row.change_id, topic.id, make_cause(Source.REINSTATEMENT), claims[-1].restored)

    def arrive_and_be_found_out(self, topic: Topic) -> None:
        self.arrive(topic)
        self.reinstate(topic)

    def be_imported(self, topic: Topic | None) -> None:
        wish = OptOut(self.recipient.id.hex, self.recipient.address, 1, topic.slug if topic else "")
        channel = Channel(self.recipient.channel)
        opt_out_many(self.recipient.brand, channel, [wish], Origin("bob", "list.csv"))


def in_days(days: int) -> date:
    return today() + timedelta(days=days)


WEEKLY, LATER = Setting("weekly"), Setting(paused_until=in_days(14))
DEEDS: list[Callable[[Someone, Topic], object]] = [
    lambda s, t: s.recipient.opt_out(t.id, make_cause(Source.ONE_CLICK)),
    lambda s, t: s.recipient.opt_out(t.id, make_cause(Source.CONFIRM_BUTTON)),
    lambda s, t: s.recipient.opt_out(t.id, make_cause(Source.MAILTO)),
    lambda s, t: s.recipient.opt_out(t.id, make_cause(Source.API)),
    lambda s, t: s.arrive(t),
    lambda s, t: s.arrive(t),
    lambda s, t: s.reinstate(t),
    lambda s, t: s.arrive_and_be_found_out(t),
    lambda s, t: s.be_imported(t),
    lambda s, t: s.be_imported(None),
    lambda s, t: s.recipient.undo_opt_out(t.id, make_cause(Source.UNDO)),
    lambda s, t: s.recipient.undo_opt_out(t.id, make_cause(Source.OFFER), WEEKLY),
    lambda s, t: s.recipient.undo_opt_out(t.id, make_cause(Source.OFFER), LATER),
    lambda s, t: s.recipient.opt_in(t.id, make_cause(Source.CONFIRM_BUTTON)),
    lambda s, t: s.save(t, Wish(is_in=True)),
    lambda s, t: s.save(t, Wish(is_in=False)),
    lambda s, t: s.save(t, Wish(frequency="weekly")),
    lambda s, t: s.save(t, Wish(frequency="every")),
    lambda s, t: s.save(t, Wish(frequency="monthly", paused_until=in_days(30))),
    lambda s, t: s.save(t, Wish(paused_until=NOT_PAUSED)),
    lambda s, t: s.save(t, paused_until=in_days(90)),
    lambda s, t: s.undo_save(),
    lambda s, t: s.undo_save(),
    lambda s, t: s.person.leave_everything(s.by_page()),
    lambda s, t: s.person.come_back(s.by_page()),
    lambda s, t: s.recipient.suppress(SuppressionReason.ADMIN, make_cause(Source.ADMIN)),
    lambda s, t: s.recipient.lift_suppression(make_cause(Source.ADMIN)),
]


def history(rng: random.Random, brands: list[Brand], deeds: int = 500) -> None:
    """Deeds of a dozen people, and their rows moved to moments about the month, in their order."""
    topics = {brand.id: [*make_topics(brand)] for brand in brands}
    people = [
        Someone(make_recipient(rng.choice(brands), address, channel))
        for channel, address in [
            *((Channel.EMAIL, f"person{number}@example.org") for number in range(9)),
            *((Channel.SMS, f"+1415555012{number}") for number in range(3)),
        ]
    ]
    for _ in range(deeds):
        someone = rng.choice(people)
        rng.choice(DEEDS)(someone, rng.choice(topics[someone.recipient.brand_id]))
    at, moved = START - timedelta(days=20), []
    for _, rows in groupby(PreferenceChange.objects.order_by("id"), key=lambda row: row.xid):
        at += timedelta(hours=rng.choice([0, 0, 1, 1, 2, 3, 20]))
        for row in rows:
            at += timedelta(milliseconds=1)
            row.changed_at = at
            moved.append(row)
    PreferenceChange.objects.bulk_update(moved, ["changed_at"])


def make_topics(brand: Brand) -> Iterator[Topic]:
    yield make_topic(brand, "news", frequencies=["every", "weekly", "monthly"])
    yield make_topic(brand, "offers", is_default_in=False)
    yield make_topic(brand, "bills", is_required=True)


# The recount


@dataclass
class Episode:
    """Someone's time out of one topic, or of everything."""

    row: PreferenceChange
    is_leaving: bool
    back: PreferenceChange | None = None


class Walk:
    """One recipient's rows walked through, transaction by transaction."""

    def __init__(self, rows: list[PreferenceChange]) -> None:
        self.rows = rows
        self.episodes: list[Episode] = []
        self.open: dict[int | None, Episode] = {}
        self.returns: dict[int | None, tuple[PreferenceChange, Episode]] = {}
        self.returned: list[tuple[PreferenceChange, Episode]] = []
        self.suppression = ""
        for _, together in groupby(rows, key=lambda row: row.xid):
            self.step(list(together))
        self.returned += self.returns.values()

    def step(self, together: list[PreferenceChange]) -> None:
        moves = [row for row in together if row.state != row.replaced["state"]]
        is_of_everything = any(row.topic_id is None for row in moves)
        for row in moves:
            self.settle_return(row)
            is_own = row.topic_id is None or not is_of_everything
            if row.state != "out":
                self.come_back(row, is_own=is_own)
            elif takes_back(row):
                self.open[row.topic_id].back = None
            else:
                episode = Episode(row, is_own and not self.is_out_anyway(row))
                self.episodes.append(episode)
                self.open[row.topic_id] = episode
        for row in together:
            if row.topic_id is None:
                self.suppression = row.suppression

    def settle_return(self, row: PreferenceChange) -> None:
        """The return before this row counts, unless this row takes it back."""
        before = self.returns.pop(row.topic_id, None)
        if before and not takes_back(row):
            self.returned.append(before)

    def come_back(self, row: PreferenceChange, *, is_own: bool) -> None:
        if row.replaced["state"] != "out":
            return
        self.open[row.topic_id].back = row
        if is_own and row.source != Source.REINSTATEMENT:
            self.returns[row.topic_id] = (row, self.open[row.topic_id])

    def is_out_anyway(self, row: PreferenceChange) -> bool:
        if row.topic is None or not self.suppression:
            return False
        return not (row.topic.is_required and self.suppression == SuppressionReason.EVERYTHING)

    def outcome(self, episode: Episode) -> Outcome:
        if episode.back is None:
            return Outcome.AWAY
        if episode.back.source != Source.OFFER:
            named = {Source.UNDO: Outcome.UNDONE, Source.REINSTATEMENT: Outcome.PUT_BACK}
            return named.get(Source(episode.back.source), Outcome.BACK)
        together = [row for row in self.rows if row.xid == episode.back.xid]
        return Outcome.PAUSED if any(pauses(row) for row in together) else Outcome.FEWER

    def kept(self, scope: Span) -> set[tuple[int | None, Instead, PreferenceChange]]:
        first: dict[tuple[int | None, Instead], PreferenceChange] = {}
        for row in self.rows:
            if not is_in(row, scope) or row.source != Source.PREFERENCE_PAGE or self.is_undone(row):
                continue
            if row.state == "out" or row.state != row.replaced["state"]:
                continue
            rarer = ["every", "daily", "weekly", "monthly"]
            before, after = row.replaced.get("frequency") or "every", row.frequency or "every"
            if pauses(row):
                first.setdefault((row.topic_id, Instead.PAUSED), row)
            if rarer.index(after) > rarer.index(before):
                first.setdefault((row.topic_id, Instead.FEWER), row)
        return {(*key, row) for key, row in first.items()}

    def is_undone(self, row: PreferenceChange) -> bool:
        undos = [undo for undo in self.rows if undo.source == Source.UNDO and undo.id > row.id]
        return any((undo.topic_id, undo.evidence) == (row.topic_id, row.evidence) for undo in undos)


def takes_back(row: PreferenceChange) -> bool:
    if row.topic is None:
        return row.state == "out" and row.source == Source.UNDO
    return row.state == "out" and row.source in (Source.UNDO, Source.REINSTATEMENT) and "restored" in row.replaced


def pauses(row: PreferenceChange) -> bool:
    return row.paused_until is not None and row.paused_until.isoformat() != row.replaced.get("paused_until")


def is_in(row: PreferenceChange, span: Span) -> bool:
    is_brand = span.brand_ids is None or row.brand_id in span.brand_ids
    is_topic = row.topic_id is None if span.is_everything else span.topic_id in (None, row.topic_id)
    return span.start <= row.changed_at < span.end and is_brand and is_topic and span.channel in ("", row.channel)


def piece(row: PreferenceChange, span: Span) -> datetime:
    return max(start for start in span.pieces if start <= row.changed_at)


def away(row: PreferenceChange, episode: Episode) -> Away:
    hours = (row.changed_at - episode.row.changed_at) / timedelta(hours=1)
    steps = {1: Away.HOUR, 24: Away.DAY, 168: Away.WEEK, 720: Away.MONTH}
    return next((name for bound, name in steps.items() if hours < bound), Away.LONGER)


def recount(span: Span) -> Statistics:
    rows = PreferenceChange.objects.select_related("topic").order_by("recipient_id", "id")
    walks = [Walk(list(own)) for _, own in groupby(rows, key=lambda row: row.recipient_id)]
    left: Counter[Any] = Counter()
    kept: Counter[Any] = Counter()
    returned: Counter[Any] = Counter()
    people, put_back = set(), 0
    for walk in walks:
        for episode in walk.episodes:
            row = episode.row
            if not episode.is_leaving or not is_in(row, span):
                continue
            if (outcome := walk.outcome(episode)) is Outcome.PUT_BACK:
                put_back += 1
                continue
            people.add(row.recipient_id)
            left[row.brand_id, row.topic_id, Source(row.source), outcome, piece(row, span)] += 1
        for topic_id, choice, row in walk.kept(span):
            kept[topic_id, choice, piece(row, span)] += 1
        for row, episode in walk.returned:
            if is_in(row, span):
                returned[row.topic_id, Source(row.source), away(row, episode), piece(row, span)] += 1
    return Statistics(
        tuple(Left(*cell) for cell in cells(left)),
        tuple(Kept(*cell) for cell in cells(kept)),
        tuple(Returned(*cell) for cell in cells(returned)),
        len(people),
        put_back,
    )


def cells(found: Counter[Any]) -> list[Any]:
    return [(*key, number) for key, number in found.items()]


def same(told: Statistics, counted: Statistics) -> None:
    assert set(told.left) == set(counted.left)
    assert set(told.kept) == set(counted.kept)
    assert set(told.returned) == set(counted.returned)
    assert (told.person_count, told.put_back_count) == (counted.person_count, counted.put_back_count)
    assert len(told.left) == len(set(told.left))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_figure_is_what_the_ledger_says(seed: int) -> None:
    brands = [make_brand(), make_brand()]
    history(random.Random(seed), brands)
    news = Topic.objects.filter(slug="news", brand=brands[0]).get()
    everything = statistics(MONTH)
    spans = [
        MONTH,
        replace(MONTH, brand_ids=frozenset({brands[1].id})),
        replace(MONTH, brand_ids=frozenset()),
        replace(MONTH, topic_id=news.id),
        replace(MONTH, is_everything=True),
        replace(MONTH, channel="sms"),
        replace(MONTH, start=START - timedelta(days=60)),
        replace(MONTH, start=START - timedelta(days=3), end=START),
        replace(MONTH, start=START - timedelta(days=300)),
    ]
    for span in spans:
        same(statistics(span), recount(span))
    assert {cell.outcome for cell in everything.left} == set(Outcome) - {Outcome.PUT_BACK}
    assert {cell.choice for cell in everything.kept} == set(Instead)
    assert len({cell.away for cell in everything.returned}) >= 3
    assert everything.put_back_count


# What a leaving is, and is not


def opt_out(brand: Brand | None = None, source: Source = Source.ONE_CLICK) -> tuple[Recipient, Topic]:
    topic = make_topic(brand or make_brand())
    alice = make_recipient(topic.brand)
    alice.opt_out(topic.id, make_cause(source))
    return alice, topic


def outcomes(told: Statistics) -> Counter[Outcome]:
    found: Counter[Outcome] = Counter()
    for cell in told.left:
        found[cell.outcome] += cell.count
    return found


def test_nothing_at_all_is_empty() -> None:
    assert statistics(MONTH).is_empty
    assert statistics(MONTH) == Statistics((), (), (), 0, 0)


def test_leaving_everything_is_one_leaving() -> None:
    brand = make_brand()
    for slug in ("news", "offers", "events"):
        make_topic(brand, slug)
    make_recipient(brand).leave_everything(make_cause(Source.PREFERENCE_PAGE))
    [cell] = statistics(now()).left
    assert (cell.topic_id, cell.door, cell.outcome, cell.count) == (None, Source.PREFERENCE_PAGE, Outcome.AWAY, 1)


def test_whom_evidence_put_back_has_not_left() -> None:
    alice = Someone(make_recipient(brand := make_brand()))
    topic = make_topic(brand)
    alice.arrive(topic)
    alice.reinstate(topic)
    told = statistics(now())
    assert (told.left, told.returned, told.person_count, told.put_back_count) == ((), (), 0, 1)


def test_an_opt_out_that_is_settled_by_another_door_is_one_leaving_by_the_first() -> None:
    alice = Someone(make_recipient(brand := make_brand()))
    topic = make_topic(brand)
    alice.arrive(topic)
    alice.recipient.opt_out(topic.id, make_cause(Source.ONE_CLICK))
    [cell] = statistics(now()).left
    assert (cell.door, cell.count) == (Source.ARRIVAL, 1)


@pytest.mark.parametrize(
    ("setting", "outcome"), [(Setting("weekly"), Outcome.FEWER), (LATER, Outcome.PAUSED)], ids=["fewer", "pause"]
)
def test_who_takes_an_offer_after_leaving_is_saved_by_it(setting: Setting, outcome: Outcome) -> None:
    alice, topic = opt_out()
    alice.undo_opt_out(topic.id, make_cause(Source.OFFER), setting)
    told = statistics(now())
    assert outcomes(told) == {outcome: 1}
    assert [(cell.way, cell.away) for cell in told.returned] == [(Source.OFFER, Away.HOUR)]


def test_who_takes_a_pause_after_leaving_everything_is_saved_by_it() -> None:
    topic = make_topic()
    alice = make_recipient(topic.brand)
    alice.leave_everything(make_cause(Source.PREFERENCE_PAGE))
    alice.undo_opt_out(topic.id, make_cause(Source.OFFER), LATER)
    assert outcomes(statistics(now())) == {Outcome.PAUSED: 1}


def test_topics_that_stay_off_when_someone_comes_back_to_one_are_not_left() -> None:
    brand = make_brand()
    topics = [make_topic(brand, slug) for slug in ("news", "offers")]
    alice = make_recipient(brand)
    alice.suppress(SuppressionReason.IMPORT, make_cause(Source.IMPORT))
    alice.opt_in(topics[0].id, make_cause(Source.CONFIRM_BUTTON))
    told = statistics(now())
    assert [(cell.topic_id, cell.outcome) for cell in told.left] == [(None, Outcome.BACK)]
    assert [(cell.topic_id, cell.count) for cell in told.returned] == [(None, 1)]


def test_who_is_out_of_everything_leaves_no_topic_more() -> None:
    topic = make_topic()
    alice = make_recipient(topic.brand)
    alice.suppress(SuppressionReason.IMPORT, make_cause(Source.IMPORT))
    alice.opt_out(topic.id, make_cause(Source.ONE_CLICK))
    assert [(cell.topic_id, cell.count) for cell in statistics(now()).left] == [(None, 1)]


def test_a_required_topic_is_left_for_itself_even_after_everything() -> None:
    topic = make_topic(is_required=True)
    alice = make_recipient(topic.brand)
    alice.leave_everything(make_cause(Source.PREFERENCE_PAGE))
    alice.opt_out(topic.id, make_cause(Source.ONE_CLICK))
    assert {cell.topic_id for cell in statistics(now()).left} == {None, topic.id}


def test_an_undo_that_takes_a_return_back_is_neither_a_return_nor_a_leaving() -> None:
    recipient, topic = opt_out()
    alice = Someone(recipient)
    alice.save(topic, Wish(is_in=True))
    alice.undo_save()
    told = statistics(now())
    assert outcomes(told) == {Outcome.AWAY: 1}
    assert told.returned == ()


def test_a_pause_that_was_undone_saved_nobody() -> None:
    topic = make_topic()
    alice = Someone(make_recipient(topic.brand))
    alice.save(topic, Wish(paused_until=in_days(14)))
    assert [(cell.choice, cell.count) for cell in statistics(now()).kept] == [(Instead.PAUSED, 1)]
    alice.undo_save()
    assert statistics(now()).kept == ()


def test_more_mails_are_not_fewer() -> None:
    topic = make_topic(frequencies=["every", "weekly"])
    alice = Someone(make_recipient(topic.brand))
    alice.save(topic, Wish(frequency="every"))
    assert statistics(now()).kept == ()


# The period


@pytest.mark.parametrize(
    ("days", "unit", "pieces"), [(1, "day", 1), (35, "day", 35), (36, "week", 6), (183, "week", 27), (184, "month", 7)]
)
def test_days_then_weeks_then_months(days: int, unit: str, pieces: int) -> None:
    span = Span(START, START + timedelta(days=days))
    assert (span.unit, len(span.pieces)) == (unit, pieces)
    assert span.pieces[0] == START
    assert all(start.weekday() == 0 for start in span.pieces[1:] if unit == "week")
    assert all(start.day == 1 for start in span.pieces[1:] if unit == "month")


def test_days_begin_at_the_midnight_of_the_current_time_zone() -> None:
    opt_out()
    PreferenceChange.objects.update(changed_at=datetime(2026, 10, 24, 22, 30, tzinfo=UTC))
    zone = ZoneInfo("Europe/Berlin")
    with timezone.override(zone):
        span = Span(datetime(2026, 10, 20, tzinfo=zone), datetime(2026, 10, 30, tzinfo=zone))
        [cell] = statistics(span).left
        assert (cell.start.day, cell.start.hour) == (25, 0)
        assert cell.start in span.pieces
        assert [start.day for start in span.pieces] == list(range(20, 30))  # the 25th has 25 hours


def test_what_begins_before_the_period_is_told_at_its_first_piece() -> None:
    opt_out()
    PreferenceChange.objects.update(changed_at=datetime(2026, 7, 15, tzinfo=UTC))
    span = Span(datetime(2026, 7, 10, tzinfo=UTC), datetime(2027, 7, 1, tzinfo=UTC))
    [cell] = statistics(span).left
    assert cell.start == span.pieces[0] == span.start
