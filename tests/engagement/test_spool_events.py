"""Interactions that wait in a file: in order, exactly once, within bounds, whatever the disk does."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.db import Error, connection

from engagement.forgetting import forget
from engagement.models import Interaction, Mailing, RecordingGap, SpoolPosition, TrackedLink
from engagement.recording.batches import Batch, write
from engagement.recording.recorder import Recorder
from engagement.recording.rows import COLUMNS, copy_row
from engagement.recording.spooled import EVENTS
from preferences.models import Brand, BrandKey, Recipient
from tests.engagement.test_recorder import make_event, make_link

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def data(transactional_db: None, settings: Any, tmp_path: Path) -> Iterator[Path]:
    settings.FAREWELL_DATA_DIR = tmp_path
    yield tmp_path
    Interaction.objects.all().delete()  # no managed table, so that nobody else empties it


def make_recorder() -> Recorder:
    """A recorder as each process has one, whose thread is not started: a test flushes."""
    recorder = Recorder()
    recorder._thread = threading.main_thread()
    return recorder


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    made = make_recorder()
    yield made
    made._own_spool().close()


@contextmanager
def table_away() -> Iterator[None]:
    """Nothing can be written: the table is gone."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE engagement_interaction RENAME TO away")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE away RENAME TO engagement_interaction")


def files(data: Path) -> list[Path]:
    return list((data / "spool").glob(f"{EVENTS.name}-*.sqlite3"))


def visits() -> list[int | None]:
    return list(Interaction.objects.order_by("id").values_list("visit", flat=True))


def test_what_could_not_be_written_waits_in_a_file_and_comes_first(recorder: Recorder, data: Path) -> None:
    link = make_link()
    with table_away():
        for number in range(5000):
            recorder.record(make_event(link, visit=number))
        assert recorder._try_flush() is False
    assert recorder.waiting_count == 0
    assert len(files(data)) == 1
    recorder.record(make_event(link, visit=5000))
    recorder.flush()
    assert visits() == list(range(5001))
    assert files(data) == []


def test_what_is_spooled_is_reviewed_when_it_is_written(recorder: Recorder) -> None:
    link = make_link()
    with table_away():
        recorder.record(make_event(link))
        recorder._try_flush()
    assert recorder.take_written() == []
    recorder.flush()
    assert [row.recipient for row in recorder.take_written()] == [link.recipient_id.hex]


def test_a_batch_whose_commit_was_not_heard_of_is_not_written_twice(recorder: Recorder) -> None:
    event = make_event(visit=1)
    batch = Batch(uuid4(), 7, [copy_row(event)])
    write(batch)
    write(Batch.unpack(batch.spool, batch.number, batch.pack()))
    assert visits() == [1]
    assert SpoolPosition.objects.get().position == 7


def test_another_process_writes_what_one_left_behind(recorder: Recorder, data: Path) -> None:
    former = make_recorder()
    with table_away():
        former.record(make_event(visit=1))
        former._flush_at_exit()
    recorder.record(make_event(visit=2))
    recorder.flush()
    recorder.adopt()
    assert sorted(visits(), key=str) == [1, 2]
    assert files(data) == []


def test_a_crash_between_commit_and_delete_doubles_nothing(recorder: Recorder, data: Path) -> None:
    former, link = make_recorder(), make_link()
    with table_away():
        for number in range(3000):
            former.record(make_event(link, visit=number))
        former._try_flush()
    [path] = files(data)
    body = former._own_spool()._file.open().execute("SELECT number, body FROM batch ORDER BY number").fetchone()  # type: ignore[union-attr]
    write(Batch.unpack(former._own_spool().id, *body))  # committed, and the process died before it deleted the entry
    former._own_spool().close()
    recorder.adopt()
    assert visits() == list(range(3000))
    assert not path.exists()


def test_the_rows_of_a_brand_that_is_gone_hold_nobody_up(recorder: Recorder) -> None:
    link = make_link(mailing="spring sale")
    recorder.record(make_event(link, visit=1))
    with table_away():
        recorder._try_flush()
    Mailing.objects.all().delete()
    BrandKey.objects.all().delete()
    Brand.objects.filter(id=link.brand.id).delete()
    recorder.flush()
    assert visits() == [1]
    assert not Mailing.objects.exists()


def test_opens_and_clicks_of_who_refused_tracking_are_not_written(recorder: Recorder) -> None:
    link = make_link()
    Recipient.objects.create(
        id=link.recipient_id, brand_id=link.brand.id, channel="email", address="a@example.org", is_untracked=True
    )
    with table_away():
        for kind in ("open", "click", "conversion", "visit"):
            recorder.record(replace(make_event(link), kind=kind))
        recorder._try_flush()
    recorder.record(replace(make_event(link), kind="click"))
    recorder.record(replace(make_event(make_link()), kind="click"))
    recorder.flush()
    assert sorted(Interaction.objects.values_list("kind", flat=True)) == ["click", "visit"]


def test_what_waited_until_after_an_erasure_is_not_written(recorder: Recorder) -> None:
    link = make_link()
    with table_away():
        recorder.record(make_event(link))
        recorder._try_flush()
    forget(link.recipient)
    recorder.flush()
    assert visits() == []


def test_what_is_mentioned_in_a_file_appears_when_it_is_drained(recorder: Recorder) -> None:
    with table_away():
        recorder.record(make_event(make_link(mailing="spring sale")))
        recorder._try_flush()
    Mailing.objects.all().delete()
    TrackedLink.objects.all().delete()
    drained = make_recorder()
    recorder._own_spool().close()
    drained.adopt()
    assert [row.slug for row in Mailing.objects.all()] == ["spring sale"]


def test_rows_of_an_older_version_are_still_read() -> None:
    row = copy_row(make_event(visit=4))
    columns = ("former", *COLUMNS[:-3])
    line = "\t".join(["x", *row.line.rstrip("\n").split("\t")[:-3]]) + "\n"
    old = Batch(uuid4(), 1, [row._replace(line=line)], columns=columns)
    assert len(write(Batch.unpack(old.spool, 1, old.pack())).written) == 1
    assert visits() == [4]


def test_a_full_spool_leaves_the_rest_in_the_queue_and_says_so(
    recorder: Recorder, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.FAREWELL_SPOOL_MAX_MB = 1
    settings.FAREWELL_RECORDER_QUEUE_SIZE = 10
    link = make_link()
    with table_away(), caplog.at_level(logging.ERROR):
        recorder._own_spool().add(Batch(recorder._own_spool().id, 0, [copy_row(make_event(link))]))
        filling = recorder._own_spool()._file.open()  # type: ignore[union-attr]
        filling.execute("CREATE TABLE filling (room BLOB)")
        filling.execute("INSERT INTO filling VALUES (zeroblob(1100000))")
        for number in range(15):
            recorder.record(make_event(link, visit=number))
        recorder._try_flush()
    assert "spool is full" in caplog.text
    assert recorder.shed_count == 5
    recorder.flush()
    assert Interaction.objects.count() == 11
    assert RecordingGap.objects.get().lost_count == 5


def test_without_a_spool_what_waits_stays_in_memory(recorder: Recorder, settings: Any, data: Path) -> None:
    settings.FAREWELL_SPOOL_MAX_MB = 0
    with table_away():
        recorder.record(make_event(visit=1))
        recorder._try_flush()
    assert not (data / "spool").exists()
    recorder.flush()
    assert visits() == [1]


def test_a_spool_that_cannot_be_made_costs_nothing_but_its_help(
    recorder: Recorder, settings: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings.FAREWELL_DATA_DIR = tmp_path / "file"
    (tmp_path / "file").write_text("in its place")
    with table_away():
        recorder.record(make_event(visit=1))
        recorder._try_flush()
    assert "cannot be made" in caplog.text
    recorder.flush()
    assert visits() == [1]


def test_a_spoiled_batch_is_counted_and_holds_nobody_up(recorder: Recorder) -> None:
    link = make_link()
    with table_away():
        for number in range(4500):
            recorder.record(make_event(link, visit=number))
        recorder._try_flush()
    file = recorder._own_spool()._file
    assert file is not None
    file.open().execute("UPDATE batch SET body = zeroblob(100) WHERE number = 2")
    recorder.flush()
    assert visits() == [*range(2000), *range(4000, 4500)]
    assert RecordingGap.objects.get().lost_count == 2000


def test_nothing_newer_is_written_before_the_file_is_drained(recorder: Recorder) -> None:
    link = make_link()
    with table_away():
        recorder.record(make_event(link, visit=1))
        recorder._try_flush()
        recorder.record(make_event(link, visit=2))
        with pytest.raises(Error):
            recorder.flush()
        assert recorder.waiting_count == 1
    recorder.flush()
    assert visits() == [1, 2]
