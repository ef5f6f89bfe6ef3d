"""Settling while other processes write: whoever comes last finds what the others did."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.test import Client

from engagement.judging.context import program_of
from preferences.addresses import network_hash
from preferences.models import Outcome, Source
from tests.browser.serving import wait_until
from tests.makers import make_cause
from tests.unsubscribe.joining import make_offer
from tests.unsubscribe.makers import Mail, make_mail
from tests.unsubscribe.robots import HOME, hide_and_seek, settled
from unsubscribe.settling import Review

LEFT, BACK = ("out", "arrival"), ("default", "reinstatement")
JOINED, OFF_AGAIN = ("in", "arrival"), ("default", "reinstatement")


@pytest.fixture(autouse=True)
def behind_a_proxy(settings: Any) -> None:
    settings.FAREWELL_TRUSTED_PROXY_COUNT = 1


@pytest.fixture
def emptied(transactional_db: None) -> Iterator[None]:
    """The interactions' table is no model's of Django's making, so that its clearing leaves the table alone."""
    yield
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE engagement_interaction")


@pytest.mark.usefixtures("emptied")
@pytest.mark.django_db(transaction=True)
def test_evidence_that_is_reviewed_before_the_opt_out_is_visible_still_counts(client: Client) -> None:
    """Two processes at once: neither sees what the other has not committed yet, and whoever comes last finds it."""
    mail = make_mail()
    with psycopg.connect(dsn()) as other:
        write(other, mail, "out")
        hide_and_seek(client, mail)
        assert settled() == Review()
        other.commit()
    client.get(f"/u/{mail.token()}", headers=HOME)  # as the opt-out's own row is written, after its commit
    assert settled().reinstated_count == 1
    assert mail.changes() == [LEFT, BACK]


@pytest.mark.usefixtures("emptied")
@pytest.mark.django_db(transaction=True)
def test_an_opt_out_that_is_reviewed_before_the_evidence_is_visible_is_put_back_all_the_same(client: Client) -> None:
    mail = make_mail()
    with psycopg.connect(dsn()) as other:
        write(other, mail, "out")
        other.commit()
    client.get(f"/u/{mail.token()}", headers=HOME)
    assert settled().reinstated_count == 0
    hide_and_seek(client, mail)
    assert settled().reinstated_count == 1
    assert mail.changes() == [LEFT, BACK]


@pytest.mark.usefixtures("emptied")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_visible_first", [True, False])
def test_evidence_and_opt_in_that_race_find_each_other(client: Client, is_visible_first: bool) -> None:
    """Two processes at once: neither sees what the other has not committed yet, and whoever comes last finds it."""
    mail = make_offer()
    with psycopg.connect(dsn()) as other:
        write(other, mail, "in")
        if is_visible_first:
            other.commit()
        else:
            hide_and_seek(client, mail)
            assert settled() == Review()
            other.commit()
    client.get(f"/j/{mail.token('opt_in')}", headers=HOME)  # as the opt-in's own row is written, after its commit
    assert settled().reinstated_count == (0 if is_visible_first else 1)
    if is_visible_first:
        hide_and_seek(client, mail)
        assert settled().reinstated_count == 1
    assert mail.changes() == [JOINED, OFF_AGAIN]


@pytest.mark.usefixtures("emptied")
@pytest.mark.django_db(transaction=True)
def test_who_leaves_while_an_arrival_waits_for_its_turn_is_not_subscribed() -> None:
    """The look at whether they have left stands inside the turn: what was committed while it waited counts."""
    mail = make_offer()
    with ThreadPoolExecutor(1) as pool, psycopg.connect(dsn()) as other:
        other.execute("SELECT pg_advisory_xact_lock(%s)", [int.from_bytes(mail.alice.id.bytes[:8], signed=True)])
        write(other, mail, "out")
        arriving = pool.submit(arrive_late, mail)
        wait_until(lambda: is_waiting_for(other), "the arrival waits")
        other.commit()
        assert not arriving.result(timeout=120).has_changed
    assert mail.state() == "out"


def arrive_late(mail: Mail) -> Outcome:
    try:
        cause = make_cause(Source.ARRIVAL, settles_at=datetime.now(UTC) + timedelta(hours=1))
        sent_at = datetime.fromtimestamp(mail.sent_at, UTC)
        return mail.alice.opt_in(mail.topic.id, cause, unless_left_since=sent_at)
    finally:
        connection.close()


def is_waiting_for(other: psycopg.Connection[Any]) -> bool:
    """Whether someone waits for a lock of this connection's."""
    with connection.cursor() as cursor:
        waiting = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid)))"
        cursor.execute(waiting, [other.info.backend_pid])
        return bool(cursor.fetchone()[0])


def dsn() -> str:
    values = connection.get_connection_params()
    names = {"dbname": "dbname", "host": "host", "port": "port", "user": "user", "password": "password"}
    return " ".join(f"{name}={values[key]}" for key, name in names.items() if values.get(key))


def evidence(link: str) -> dict[str, Any]:
    agent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"
    return {
        "visit": 5,
        "at": time.time(),
        "link": link,
        "network": "203.0.113.0",
        "visitor": network_hash("203.0.113.9").hex(),
        "program": program_of(agent),
        "signals": [],
    }


def write(other: psycopg.Connection[Any], mail: Mail, state: str) -> None:
    """Opt in or out as another process does, before any evidence was there, in a transaction that is left open."""
    own = evidence("unsubscribe news" if mail.topic.is_default_in else "opt_in news")
    other.execute(
        "SELECT preferences_write_change(%s::bigint, %s, 'email', 'alice@example.org', %s::bigint, %s, 'arrival',"
        " '', %s::jsonb, '2026-11', '', %s::timestamptz, NULL::bigint, NULL::timestamptz, 1, 2::bigint)",
        [mail.brand.id, mail.alice.id, mail.topic.id, state, json.dumps(own), datetime.now(UTC) + timedelta(hours=1)],
    )
