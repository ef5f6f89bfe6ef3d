from __future__ import annotations

import logging
import threading
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from engagement.models import Interaction, Mailing, RecordingGap
from engagement.recording import partitions
from engagement.recording.recorder import Event, Recorder
from engagement.tasks import make_partitions
from engagement.visitors import Sighting
from preferences.directory import Link, directory
from preferences.links import Purpose
from preferences.models import Brand
from tests.makers import make_brand, make_key, make_token
from tests.searching import examples

MOMENT = datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp()


def make_link(brand: Brand | None = None, **fields: Any) -> Link:
    owner = brand or make_brand()
    token = make_token(make_key(owner), **fields)
    directory.forget()
    return directory.open(token, Purpose.UNSUBSCRIBE)


def make_event(link: Link | None = None, agent: str = "curl/8.0", address: str = "203.0.113.9", **fields: Any) -> Event:
    sighting = Sighting(("GET", agent, *[None] * 11), address)
    fields.setdefault("occurred_at", MOMENT)
    return Event(link or make_link(), "visit", "page", sighting, **fields)


@pytest.fixture
def recorder() -> Recorder:
    """A recorder of its own, whose thread is not started: a test flushes."""
    made = Recorder()
    made._thread = threading.main_thread()
    return made


@pytest.mark.django_db
def test_what_is_recorded_is_written_in_order(recorder: Recorder) -> None:
    link = make_link()
    for number in range(5000):
        recorder.record(make_event(link, visit=number))
    recorder.flush()
    assert list(Interaction.objects.order_by("id").values_list("visit", flat=True)) == list(range(5000))
    assert recorder.waiting_count == 0


@pytest.mark.django_db
def test_the_network_is_stored_cut_and_hashed(recorder: Recorder) -> None:
    link = make_link()
    for address in ("203.0.113.9", "2001:db8:1:2:3::9", "2001:db8:1:2:ffff::1", ""):
        recorder.record(make_event(link, address=address))
    recorder.flush()
    rows = list(Interaction.objects.order_by("id"))
    assert [row.network for row in rows] == ["203.0.113.0", "2001:db8:1::", "2001:db8:1::", None]
    assert bytes(rows[1].visitor) == bytes(rows[2].visitor), "one /64 is one visitor"
    assert len({bytes(row.visitor) for row in rows}) == 3


@pytest.mark.django_db
def test_an_unknown_mailing_appears_by_itself(recorder: Recorder) -> None:
    brand = make_brand()
    for _ in range(2):
        recorder.record(make_event(make_link(brand, mailing="spring sale")))
    recorder.flush()
    assert [(row.brand, row.slug) for row in Mailing.objects.all()] == [(brand, "spring sale")]


@pytest.mark.django_db
@examples(50)
@given(
    agent=st.text(max_size=600),
    mailing=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0#"), max_size=49),
    segment=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=50),
)
def test_any_text_is_stored_as_it_came(recorder: Recorder, agent: str, mailing: str, segment: str) -> None:
    Interaction.objects.all().delete()
    link = make_link(mailing=mailing, segment=segment)
    recorder.record(make_event(link, agent=agent.encode("utf-8", "replace").decode("latin-1")))
    recorder.flush()
    row = Interaction.objects.get()
    assert (row.mailing, row.segment) == (mailing, segment)
    assert len(row.agent) <= 512


@pytest.mark.django_db
def test_a_full_queue_sheds_counts_and_says_so(
    recorder: Recorder, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.FAREWELL_RECORDER_QUEUE_SIZE = 10
    link = make_link()
    for _ in range(15):
        recorder.record(make_event(link))
    assert (recorder.waiting_count, recorder.shed_count) == (10, 5)
    with caplog.at_level(logging.WARNING):
        recorder.flush()
    assert "5 interactions were not recorded" in caplog.text
    assert RecordingGap.objects.get().lost_count == 5
    assert Interaction.objects.count() == 10
    assert recorder.shed_count == 0


@pytest.mark.django_db(transaction=True)
def test_a_missing_month_is_made_and_nothing_is_lost(recorder: Recorder) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS engagement_interaction_2031_05")
    recorder.record(make_event(occurred_at=datetime(2031, 5, 7, tzinfo=UTC).timestamp()))
    recorder.flush()
    assert Interaction.objects.get().occurred_at.year == 2031
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE engagement_interaction_2031_05")


@pytest.mark.django_db(transaction=True)
def test_the_thread_writes_by_itself(settings: Any) -> None:
    settings.FAREWELL_RECORDER_FLUSH_SECONDS = 0.01
    recorder = Recorder()
    recorder.record(make_event())
    try:
        for _ in range(1000):
            if Interaction.objects.exists():
                break
            threading.Event().wait(0.01)
        assert Interaction.objects.count() == 1
    finally:
        recorder.stop()
        Interaction.objects.all().delete()


@pytest.mark.django_db
def test_the_months_ahead_are_made_once() -> None:
    first = datetime(2040, 11, 30, tzinfo=UTC).date()
    made = partitions.make_partitions(first, months=3)
    assert made == [f"engagement_interaction_{month}" for month in ("2040_11", "2040_12", "2041_01")]
    assert partitions.make_partitions(first, months=3) == []


@pytest.mark.django_db
def test_the_worker_keeps_the_months_ready() -> None:
    assert isinstance(make_partitions.call(), list)


@pytest.mark.django_db(transaction=True)
def test_two_processes_may_make_the_same_month() -> None:
    first = datetime(2041, 3, 1, tzinfo=UTC).date()
    made: list[list[str]] = []

    def make() -> None:
        made.append(partitions.make_partitions(first, months=2))
        connection.close()

    workers = [threading.Thread(target=make) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(name for names in made for name in names) == [
        "engagement_interaction_2041_03",
        "engagement_interaction_2041_04",
    ]
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE engagement_interaction_2041_03, engagement_interaction_2041_04")


@pytest.mark.django_db
def test_a_visit_to_the_hidden_link_is_a_machines_beyond_doubt(recorder: Recorder) -> None:
    recorder.record(replace(make_event(), kind="hidden_visit"))
    recorder.flush()
    row = Interaction.objects.get()
    assert (row.verdict, row.is_hard) == ("machine", True)
    assert "hidden_link" in {signal["name"] for signal in row.signals if signal["hard"]}
