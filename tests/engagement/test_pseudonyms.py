from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from engagement import forgetting
from engagement.feed.positions import COUNTING, raise_position
from engagement.models import Conversion, Interaction, Revision
from engagement.retention.pseudonyms import pseudonymise, pseudonymised_until
from preferences.feed import Cursor
from preferences.models import PreferenceChange
from tests.engagement.makers import make_interaction
from tests.makers import make_brand, make_cause, make_recipient, make_topic

pytestmark = pytest.mark.django_db
OLD = datetime(2026, 1, 10, 12, tzinfo=UTC)
NOW = datetime(2026, 11, 20, tzinfo=UTC)
ALICE, BOB = UUID(int=7), UUID(int=8)


@pytest.fixture(autouse=True)
def period(settings: Any) -> None:
    settings.FAREWELL_PSEUDONYMISE_DAYS = 180


def make_open(recipient: UUID = ALICE, **fields: Any) -> Interaction:
    fields = {"kind": "open", "occurred_at": OLD, "domain": "alice.example.org", "visitor": b"v" * 16, **fields}
    return make_interaction(recipient_id=recipient, **fields)


def count_all() -> None:
    newest = Interaction.objects.order_by("-xid", "-id").first()
    assert newest is not None
    newest.refresh_from_db()
    raise_position(COUNTING, Cursor(newest.xid, newest.id))


def person_of(row: Interaction) -> UUID:
    row.refresh_from_db()
    return row.recipient_id


def test_nobody_is_told_from_an_old_open() -> None:
    request = {"method": "GET", "network": "Alice's Home", "network_class": "consumer", "client_hints": "secret"}
    facts = {"request": request, "context": {"own": {"earlier": 3}}, "page": {"elapsed": 5}}
    row = make_open(facts=facts, agent="Mozilla/5.0", verdict="human", reasons=["A hand"])
    count_all()
    assert pseudonymise(NOW) == 1
    assert person_of(row) not in (ALICE, UUID(int=0))
    assert (bytes(row.visitor), row.network, row.domain, row.visit) == (bytes(16), None, "", None)
    assert row.facts == {"pseudonymised": True, "request": {"method": "GET", "network_class": "consumer"}}
    kept = (row.agent, row.verdict, row.mailing, row.occurred_at, row.signals[0]["reason"])
    assert kept == ("Mozilla/5.0", "human", "2026-11", OLD, "A hand")


@pytest.mark.parametrize("kind", ["visit", "header_visit", "arrive", "confirm", "one_click", "hidden_visit"])
def test_the_evidence_for_an_opt_out_stays_what_it_is(kind: str) -> None:
    row = make_open(kind=kind)
    count_all()
    assert pseudonymise(NOW) == 0
    assert (person_of(row), bytes(row.visitor), row.domain) == (ALICE, b"v" * 16, "alice.example.org")


def test_younger_ones_stay_until_their_time_is_over() -> None:
    row = make_open(occurred_at=NOW - timedelta(days=179))
    count_all()
    assert pseudonymise(NOW) == 0
    assert pseudonymise(NOW + timedelta(days=2)) == 1
    assert person_of(row) != ALICE


def test_within_a_mailing_sequences_can_be_read() -> None:
    opened, clicked = make_open(), make_open(kind="click", occurred_at=OLD + timedelta(days=20))
    other_mailing, other_person = make_open(mailing="2026-12"), make_open(BOB)
    count_all()
    assert pseudonymise(NOW) == 4
    assert person_of(opened) == person_of(clicked)
    assert len({person_of(row) for row in (opened, other_mailing, other_person)}) == 3


def test_the_key_is_another_each_time() -> None:
    first = make_open()
    count_all()
    pseudonymise(NOW)
    later = make_open(occurred_at=NOW - timedelta(days=100))
    count_all()
    pseudonymise(NOW + timedelta(days=100))
    assert person_of(first) != person_of(later)


def test_a_pseudonym_is_not_exchanged_again() -> None:
    row = make_open()
    count_all()
    pseudonymise(NOW)
    pseudonym = person_of(row)
    assert pseudonymise(NOW) == 0
    assert pseudonymise(NOW + timedelta(days=1)) == 0
    assert person_of(row) == pseudonym


def test_what_was_not_counted_stays_and_so_does_all_after_it() -> None:
    first = make_open()
    count_all()
    waiting, last = make_open(occurred_at=OLD + timedelta(days=1)), make_open(occurred_at=OLD + timedelta(days=2))
    assert pseudonymise(NOW) == 1
    assert (person_of(waiting), person_of(last)) == (ALICE, ALICE)
    assert pseudonymised_until() == OLD + timedelta(hours=1)
    count_all()
    assert pseudonymise(NOW) == 2
    assert ALICE not in (person_of(first), person_of(waiting), person_of(last))
    assert pseudonymised_until() == NOW - timedelta(days=180)


def test_a_run_that_was_killed_goes_on_where_it_was() -> None:
    rows = [make_open(occurred_at=OLD + timedelta(days=day)) for day in range(3)]
    count_all()

    def killed(count: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pseudonymise(NOW, killed)
    pseudonym = person_of(rows[0])
    assert (pseudonym != ALICE, person_of(rows[1])) == (True, ALICE)
    assert pseudonymise(NOW) == 2
    assert person_of(rows[0]) == pseudonym


def test_a_second_run_at_the_same_time_leaves() -> None:
    rows = [make_open(occurred_at=OLD + timedelta(days=day)) for day in range(3)]
    count_all()
    others: list[int] = []

    def meanwhile(count: int) -> None:
        if not others:
            others.append(0)
            others.append(pseudonymise(NOW))

    assert pseudonymise(NOW, meanwhile) == 1
    assert others == [0, 2]
    assert ALICE not in {person_of(row) for row in rows}


def test_conversions_and_revisions_follow() -> None:
    row = make_open(kind="click")
    fields = {"name": "order", "key": b"k", "occurred_at": OLD, "mailing": row.mailing}
    conversion = Conversion.objects.create(brand_id=row.brand_id, recipient_id=ALICE, **fields)
    judged = {"old_verdict": "human", "new_verdict": "machine", "old_record": "click", "new_record": "click"}
    about = {"interaction_id": row.id, "occurred_at": OLD, "kind": "click", "brand_id": row.brand_id}
    revision = Revision.objects.create(recipient_id=ALICE, **about, **judged)
    count_all()
    pseudonymise(NOW)
    conversion.refresh_from_db()
    revision.refresh_from_db()
    assert conversion.recipient_id == person_of(row)
    assert revision.recipient_id == UUID(int=0)


def test_the_key_is_kept_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    make_open()
    count_all()
    key = bytes(range(100, 132))
    monkeypatch.setattr("engagement.retention.pseudonyms.secrets.token_bytes", lambda size: key)
    pseudonymise(NOW)
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT to_jsonb(t)::text FROM "{table}" AS t')
            assert not [row for (row,) in cursor.fetchall() if key.hex() in row]


def test_the_ledger_is_not_touched() -> None:
    topic = make_topic(make_brand())
    alice = make_recipient(topic.brand)
    alice.opt_out(topic.id, make_cause())
    make_open(alice.id, brand=topic.brand)
    count_all()
    before = json.dumps(list(PreferenceChange.objects.values()), default=str)
    pseudonymise(NOW)
    assert json.dumps(list(PreferenceChange.objects.values()), default=str) == before


def test_it_can_be_switched_off(settings: Any) -> None:
    settings.FAREWELL_PSEUDONYMISE_DAYS = 0
    row = make_open()
    count_all()
    assert pseudonymise(NOW) == 0
    assert person_of(row) == ALICE


def test_who_is_forgotten_is_forgotten_in_conversions_and_revisions_too() -> None:
    alice = make_recipient(make_brand())
    fields = {"recipient_id": alice.id, "occurred_at": OLD}

    def make_rows() -> None:
        Conversion.objects.create(brand_id=alice.brand_id, name="order", key=b"k", mailing="m", **fields)
        judged = {"old_verdict": "human", "new_verdict": "machine", "old_record": "click", "new_record": "click"}
        Revision.objects.create(interaction_id=1, kind="click", brand_id=alice.brand_id, **fields, **judged)

    make_rows()
    forgetting.forget(alice)
    assert (Conversion.objects.count(), Revision.objects.count()) == (0, 0)
    make_rows()  # as by a counter that had read them before
    forgetting.sweep()
    assert (Conversion.objects.count(), Revision.objects.count()) == (0, 0)
