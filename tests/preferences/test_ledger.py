"""The verbs write the ledger and the state together, whatever happens at the same time."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from itertools import pairwise

import pytest
from django.db import connection, transaction
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from preferences.links import Channel
from preferences.models import PreferenceChange, Recipient, Source, State, Subscription, Suppression, Wish
from preferences.models.subscriptions import SuppressionReason
from preferences.models.writing import turn_of
from tests.makers import make_brand, make_cause, make_recipient, make_topic
from tests.searching import examples


@pytest.mark.django_db
def test_opting_out_makes_the_recipient_and_says_what_it_replaced() -> None:
    brand = make_brand()
    topic = make_topic(brand)
    alice = make_recipient(brand)
    outcome = alice.opt_out(topic.id, make_cause(evidence={"visit": 7}))
    row = PreferenceChange.objects.get(id=outcome.change_ids[0])
    assert Recipient.objects.get().address == "alice@example.org"
    nothing: dict[str, object] = {"state": "default", "change": None, "previous": None, "since": None}
    assert row.replaced == {**nothing, "frequency": "", "paused_until": None}
    assert (row.mailing, row.evidence, row.brand) == ("2026-11", {"visit": 7}, brand)
    assert Subscription.objects.get().change_id == row.id


@pytest.mark.django_db
def test_two_spellings_of_an_address_are_one_recipient() -> None:
    brand = make_brand()
    spellings = [" Alice@Example.ORG", "alice@example.org", "ALICE@example.org "]
    assert len({make_recipient(brand, spelling).id for spelling in spellings}) == 1
    umlaut = [
        make_recipient(brand, a).id for a in ("bob@bücher.example", "bob@xn--bcher-kva.example", "bob@BÜCHER.example")
    ]
    assert len(set(umlaut)) == 1
    assert make_recipient(make_brand()).id != make_recipient(brand).id
    assert (
        make_recipient(brand, "+1 415-555 0123", Channel.SMS).id
        == make_recipient(brand, "+14155550123", Channel.SMS).id
    )


@pytest.mark.django_db
def test_an_unchanged_wish_writes_nothing() -> None:
    brand = make_brand()
    topic = make_topic(brand)
    alice = make_recipient(brand)
    assert alice.opt_out(topic.id, make_cause()).has_changed
    assert not alice.opt_out(topic.id, make_cause()).has_changed
    assert not alice.opt_out(topic.id, make_cause(settles_at=timezone.now() + timedelta(hours=1))).has_changed
    assert alice.opt_in(topic.id, make_cause()).has_changed
    assert not alice.opt_in(topic.id, make_cause()).has_changed
    assert not alice.undo_opt_out(topic.id, make_cause()).has_changed


@pytest.mark.django_db
def test_a_provisional_opt_out_is_final_after_its_window_without_anyone_doing_anything() -> None:
    brand = make_brand()
    topic = make_topic(brand)
    alice = make_recipient(brand)
    past = timezone.now() - timedelta(minutes=1)
    alice.opt_out(topic.id, make_cause(Source.ARRIVAL, settles_at=past))
    assert not PreferenceChange.objects.get().is_provisional_at(timezone.now())
    assert not alice.opt_out(topic.id, make_cause(Source.ONE_CLICK)).has_changed


@pytest.mark.django_db
def test_leaving_everything_holds_for_topics_to_come() -> None:
    brand = make_brand()
    news = make_topic(brand, "news")
    alice = make_recipient(brand)
    alice.leave_everything(make_cause())
    later = make_topic(brand, "later")
    assert alice.receives([news, later]) == {news.id: False, later.id: False}
    assert not alice.leave_everything(make_cause()).change_ids[1:]


@pytest.mark.django_db
def test_coming_back_to_one_topic_brings_back_no_other() -> None:
    brand = make_brand()
    news, offers = make_topic(brand, "news"), make_topic(brand, "offers")
    alice = make_recipient(brand)
    alice.suppress(SuppressionReason.IMPORT, make_cause(Source.IMPORT))
    alice.opt_in(news.id, make_cause())
    assert alice.receives([news, offers]) == {news.id: True, offers.id: False}
    assert not Suppression.objects.exists()


@pytest.mark.django_db
def test_undo_after_a_default_that_is_out_subscribes_nobody() -> None:
    brand = make_brand()
    topic = make_topic(brand, is_default_in=False)
    alice = make_recipient(brand)
    alice.opt_out(topic.id, make_cause())
    alice.undo_opt_out(topic.id, make_cause())
    assert alice.receives([topic]) == {topic.id: False}


@pytest.mark.django_db
def test_an_opt_out_is_durable_even_where_the_database_is_set_not_to_be() -> None:
    topic = make_topic()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit = off")
    make_recipient(topic.brand).opt_out(topic.id, make_cause())
    with connection.cursor() as cursor:
        cursor.execute("SHOW synchronous_commit")
        assert cursor.fetchone()[0] == "on"


VERBS: dict[str, Callable[[Recipient, int], object]] = {
    "out": lambda r, t: r.opt_out(t, make_cause()),
    "arrival": lambda r, t: r.opt_out(t, make_cause(Source.ARRIVAL, settles_at=timezone.now() + timedelta(hours=1))),
    "in": lambda r, t: r.opt_in(t, make_cause()),
    "undo": lambda r, t: r.undo_opt_out(t, make_cause(Source.UNDO)),
    "all": lambda r, t: r.leave_everything(make_cause()),
    "suppress": lambda r, t: r.suppress(SuppressionReason.ADMIN, make_cause(Source.ADMIN)),
    "lift": lambda r, t: r.lift_suppression(make_cause(Source.ADMIN)),
    "choose": lambda r, t: r.choose({t: Wish(is_in=True)}, make_cause()),
}


def replayed(recipient: Recipient) -> dict[int | None, str]:
    """The state that the ledger alone tells, by topic id, and under None whether there is a suppression."""
    rows = PreferenceChange.objects.filter(recipient_id=recipient.id).order_by("xid", "id")
    return {row.topic_id: row.state for row in rows}


def stored(recipient: Recipient) -> dict[int | None, str]:
    states: dict[int | None, str] = {
        row.topic_id: row.state for row in Subscription.objects.filter(recipient_id=recipient.id)
    }
    if Suppression.objects.filter(recipient_id=recipient.id).exists():
        states[None] = State.OUT
    return states


def agree(recipient: Recipient) -> bool:
    told = replayed(recipient)
    if told.get(None) == State.DEFAULT:
        del told[None]
    return told == stored(recipient)


@pytest.mark.django_db
@examples(40)
@given(st.lists(st.tuples(st.sampled_from(sorted(VERBS)), st.integers(0, 1)), max_size=12))
def test_any_sequence_of_verbs_keeps_ledger_and_state_in_agreement(steps: list[tuple[str, int]]) -> None:
    brand = make_brand()
    topics = [make_topic(brand, "news"), make_topic(brand, "offers", is_default_in=False)]
    alice = make_recipient(brand)
    for name, index in steps:
        VERBS[name](alice, topics[index].id)
        assert agree(alice)
    each = list(PreferenceChange.objects.filter(recipient_id=alice.id).order_by("id"))
    for topic_id in {row.topic_id for row in each}:
        for one, two in pairwise(row for row in each if row.topic_id == topic_id):
            has_given_way = any(one.id < row.id < two.id and is_lifting(row) for row in each)
            assert told_by(one) != told_by(two) or (two.has_begun_anew and has_given_way), "a row says nothing new"


def told_by(row: PreferenceChange) -> tuple[str, str, bool]:
    return row.state, row.suppression, row.settles_at is None


def is_lifting(row: PreferenceChange) -> bool:
    return row.has_suppressed and row.suppression == ""


@contextmanager
def threads(jobs: list[Callable[[], object]]) -> Iterator[None]:
    """Run each job on a connection of its own, all let go at one moment."""
    barrier = threading.Barrier(len(jobs))
    failures: list[BaseException] = []

    def work(job: Callable[[], object]) -> None:
        try:
            barrier.wait()
            job()
        except BaseException as error:
            failures.append(error)
        finally:
            connection.close()

    workers = [threading.Thread(target=work, args=(job,)) for job in jobs]
    for worker in workers:
        worker.start()
    yield
    for worker in workers:
        worker.join()
    assert not failures


@pytest.mark.django_db(transaction=True)
def test_the_same_wish_a_dozen_times_at_once_writes_one_row() -> None:
    topic = make_topic()
    alice = make_recipient(topic.brand)
    with threads([lambda: make_recipient(topic.brand).opt_out(topic.id, make_cause()) for _ in range(12)]):
        pass
    assert PreferenceChange.objects.count() == 1
    assert Recipient.objects.count() == 1
    assert agree(alice)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("attempt", range(5))
def test_racing_verbs_leave_ledger_and_state_in_agreement(attempt: int) -> None:
    brand = make_brand()
    topics = [make_topic(brand, "news"), make_topic(brand, "offers")]
    alice = make_recipient(brand)
    jobs: list[Callable[[], object]] = [
        partial(verb, make_recipient(brand), topic.id) for topic in topics for verb in VERBS.values()
    ]
    with threads(jobs):
        pass
    assert agree(alice)
    rows = PreferenceChange.objects.filter(recipient_id=alice.id).order_by("xid", "id")
    assert [row.id for row in rows] == sorted(row.id for row in rows), "feed order is the order of effect"
    chain: Counter[int] = Counter(row.replaced["change"] for row in rows if row.replaced["change"])
    assert max(chain.values(), default=1) == 1, "no change replaced what another had replaced"


@pytest.mark.django_db(transaction=True)
def test_two_brands_never_wait_for_each_other() -> None:
    one, two = make_topic(), make_topic()
    done = threading.Event()

    def other() -> None:
        make_recipient(two.brand).opt_out(two.id, make_cause())
        done.set()
        connection.close()

    with turn_of(one.brand_id, make_recipient(one.brand).id):
        worker = threading.Thread(target=other)
        worker.start()
        assert done.wait(120)
        worker.join()


@pytest.mark.django_db(transaction=True)
def test_a_verb_refuses_to_answer_before_it_is_on_disk() -> None:
    topic = make_topic()
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        make_recipient(topic.brand).opt_out(topic.id, make_cause())
    assert not PreferenceChange.objects.exists()
