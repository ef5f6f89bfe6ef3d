"""PostgreSQL is away, refusing or frozen, while everybody clicks: who needs it not is served, and nothing is lost."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from http.client import HTTPException
from itertools import count
from threading import Event, Thread

import pytest

from preferences.links import Purpose
from tests.away import TARGET, Lonely
from tests.browser.programs import FIREFOX, FORM, Reply, request
from tests.browser.serving import new_address, wait_until

CLIENTS = 4
_runs = count(1)


@pytest.fixture(scope="module")
def lonely() -> Iterator[Lonely]:
    server = Lonely(settings={"FAREWELL_TRUSTED_PROXY_COUNT": "1"})
    try:
        yield server
    finally:
        server.close()


@pytest.fixture(autouse=True)
def started(lonely: Lonely) -> Iterator[None]:
    """A server that has written what it and those before it had: what lies in a file later is the test's own."""
    lonely.farewell.start()
    ready = f"ready-{next(_runs)}"
    assert request(lonely.link(new_address(), mailing=ready)).status == 200
    stored = "SELECT count(*) FROM engagement_interaction WHERE mailing = %s"
    wait_until(lambda: lonely.query(stored, ready) == [(1,)], "the first visit is stored", 90)
    wait_until(lambda: spooled(lonely) == 0, "what servers before had left is stored", 90)
    yield
    if lonely.farewell.process is not None:
        lonely.farewell.terminate()


class Clicks:
    """Clients that click, each one link after another: client 3's second click is that of segment 2 of `run-3`."""

    def __init__(self, lonely: Lonely) -> None:
        self.lonely = lonely
        self.run = f"run-{next(_runs)}"
        self.done: dict[str, list[int]] = defaultdict(list)
        self.others: list[object] = []
        self.is_over = Event()

    @contextmanager
    def running(self) -> Iterator[None]:
        clients = [Thread(target=self._run, args=(f"{self.run}-{number}",)) for number in range(CLIENTS)]
        for client in clients:
            client.start()
        try:
            yield
        finally:
            self.is_over.set()
            for client in clients:
                client.join()

    @property
    def count(self) -> int:
        return sum(map(len, self.done.values()))

    def wait_for_more(self, more: int = 200) -> None:
        wanted = self.count + more
        wait_until(lambda: self.count >= wanted, f"{wanted} clicks are answered", 90)

    def _run(self, mailing: str) -> None:
        for number in count(1):
            link = self.lonely.link(new_address("bob"), Purpose.CLICK, f"{mailing}#{number}")
            if self.is_over.is_set():
                return
            try:
                reply = request(link)
            except (OSError, HTTPException) as error:
                self.others.append(error)
                continue
            if (reply.status, reply.headers.get("location")) == (302, TARGET):
                self.done[mailing].append(number)
            else:
                self.others.append(reply.status)

    def stored(self) -> dict[str, list[int]]:
        """By client, the numbers of the clicks in the order in which they came into the database."""
        found: dict[str, list[int]] = defaultdict(list)
        rows = self.lonely.query(
            "SELECT mailing, segment FROM engagement_interaction WHERE kind = 'click' AND mailing LIKE %s"
            " ORDER BY xid, id",
            f"{self.run}-%",
        )
        for mailing, segment in rows:
            found[mailing].append(int(segment))
        return found

    def are_stored(self) -> bool:
        return sum(map(len, self.stored().values())) >= self.count


@pytest.mark.parametrize("fault", [Lonely.refusing, Lonely.frozen], ids=["refusing", "frozen"])
def test_every_click_is_answered_and_stored_once_and_in_order(
    lonely: Lonely, fault: Callable[[Lonely], AbstractContextManager[None]]
) -> None:
    clicks = Clicks(lonely)
    with clicks.running():
        clicks.wait_for_more()
        with fault(lonely):
            clicks.wait_for_more(3000)
            wait_until(lambda: spooled(lonely) > 0, "clicks wait in the file", 90)
        clicks.wait_for_more()
    assert clicks.others == []
    wait_until(clicks.are_stored, "every click is stored", 90)
    assert clicks.stored() == clicks.done
    wait_until(lambda: list((lonely.data / "spool").glob("*.sqlite3")) == [], "the file is gone", 90)
    assert lonely.query("SELECT count(*) FROM engagement_recordinggap") == [(0,)]


@pytest.mark.parametrize("fault", [Lonely.refusing, Lonely.frozen], ids=["refusing", "frozen"])
def test_doors_that_need_the_database_hold_up_none_that_do_not(
    lonely: Lonely, fault: Callable[[Lonely], AbstractContextManager[None]]
) -> None:
    """More of the former at a time than the server has threads; among them a key that nobody has heard of."""
    knocks = Knocks(lonely)
    clicks = Clicks(lonely)
    with fault(lonely), knocks.running(), clicks.running():
        clicks.wait_for_more(300)
        wait_until(lambda: len(knocks.statuses) >= 100, "the others are answered too", 90)
        clicks.wait_for_more(300)
    assert clicks.others == []
    assert set(knocks.statuses) <= {503, 404}
    assert 503 in knocks.statuses
    wait_until(lambda: one_click(lonely, new_address()).status == 200, "opt-outs are taken again", 90)


def test_a_killed_server_leaves_what_was_spooled_to_the_next(lonely: Lonely) -> None:
    clicks = Clicks(lonely)
    with lonely.refusing():
        with clicks.running():
            clicks.wait_for_more(500)
        assert clicks.others == []
        wait_until(lambda: spooled(lonely) == clicks.count, "all clicks are in the file", 90)
        lonely.farewell.kill()
    lonely.farewell.start()
    assert request(lonely.link(new_address())).status == 200
    wait_until(clicks.are_stored, "every click is stored", 90)
    assert clicks.stored() == clicks.done


def test_a_stopped_server_loses_nothing_though_the_database_is_away(lonely: Lonely) -> None:
    clicks = Clicks(lonely)
    with lonely.refusing():
        with clicks.running():
            clicks.wait_for_more(500)
        assert clicks.others == []
        assert lonely.farewell.terminate() == 0
    lonely.farewell.start()
    assert request(lonely.link(new_address())).status == 200
    wait_until(clicks.are_stored, "every click is stored", 90)
    assert clicks.stored() == clicks.done


class Knocks:
    """Clients at doors that need the database."""

    def __init__(self, lonely: Lonely) -> None:
        self.lonely = lonely
        self.statuses: list[int] = []
        self.is_over = Event()

    @contextmanager
    def running(self) -> Iterator[None]:
        knockers = [Thread(target=self._run, args=(knock,)) for knock in (one_click, preferences, forged) * 3]
        for knocker in knockers:
            knocker.start()
        try:
            yield
        finally:
            self.is_over.set()
            for knocker in knockers:
                knocker.join()

    def _run(self, knock: Callable[[Lonely, str], Reply]) -> None:
        while not self.is_over.is_set():
            self.statuses.append(knock(self.lonely, new_address()).status)


def one_click(lonely: Lonely, address: str) -> Reply:
    return request(lonely.link(address, Purpose.ONE_CLICK), "POST", body="List-Unsubscribe=One-Click", headers=FORM)


def preferences(lonely: Lonely, address: str) -> Reply:
    return request(lonely.link(address, Purpose.PREFERENCES))


def forged(lonely: Lonely, address: str) -> Reply:
    return request(f"{lonely.farewell.url}/u/{'A' * 80}")


def spooled(lonely: Lonely) -> int:
    """How many interactions are in the server's files."""
    total = 0
    for path in (lonely.data / "spool").glob("events-*.sqlite3"):
        database = sqlite3.connect(path)
        try:
            total += database.execute("SELECT coalesce(sum(row_count), 0) FROM batch").fetchone()[0]
        except sqlite3.OperationalError:  # it is just being made, or was just drained
            pass
        finally:
            database.close()
    return total


# Opt-outs that are accepted meanwhile


@pytest.fixture
def accepting(lonely: Lonely) -> Iterator[Lonely]:
    lonely.farewell.terminate()
    lonely.farewell.settings["FAREWELL_SPOOL_OPT_OUTS"] = "true"
    lonely.farewell.start()
    assert request(lonely.link(new_address())).status == 200
    yield lonely
    del lonely.farewell.settings["FAREWELL_SPOOL_OPT_OUTS"]


def out(lonely: Lonely) -> list[str]:
    """The addresses that are out, each once for each change that made it so."""
    rows = lonely.query(
        "SELECT r.address FROM preferences_preferencechange c JOIN preferences_recipient r ON r.id = c.recipient_id"
        " JOIN preferences_subscription s ON s.recipient_id = r.id AND s.state = 'out' WHERE c.state = 'out'"
    )
    return sorted(address for (address,) in rows)


def press(lonely: Lonely, address: str) -> Reply:
    return request(f"{lonely.link(address)}/confirm", "POST", body="choice=leave", headers=FORM | FIREFOX)


@pytest.mark.parametrize("fault", [Lonely.refusing, Lonely.frozen], ids=["refusing", "frozen"])
def test_an_accepted_opt_out_survives_a_kill_and_takes_effect_once(
    accepting: Lonely, fault: Callable[[Lonely], AbstractContextManager[None]]
) -> None:
    alices = [new_address() for _ in range(20)]
    with fault(accepting):
        replies = [door(accepting, alice) for alice in alices for door in (one_click, press)]
        accepting.farewell.kill()  # right after the last answer
    assert [reply.status for reply in replies] == [200] * 40
    accepting.farewell.start()
    assert request(accepting.link(new_address())).status == 200
    wait_until(lambda: set(out(accepting)) >= set(alices), "every opt-out took effect", 90)
    assert [address for address in out(accepting) if address in alices] == sorted(alices)


def test_accepted_opt_outs_take_effect_when_the_database_is_back(accepting: Lonely) -> None:
    alice = new_address()
    with accepting.refusing():
        assert press(accepting, alice).status == 200
    wait_until(lambda: alice in out(accepting), "the opt-out took effect", 90)
    wait_until(lambda: list((accepting.data / "spool").glob("optouts-*.sqlite3")) == [], "the file is gone", 90)
