"""What survives when a server dies, when its database goes away, and when everybody presses at once."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException
from threading import Barrier, Event, Lock, Thread

import pytest

from preferences.links import Purpose
from tests.browser.programs import FIREFOX, FORM, Reply, request
from tests.browser.serving import Farewell, new_address, wait_until

ONE_CLICK = "List-Unsubscribe=One-Click"
LEAVE = "choice=leave"
THREADS = 6


# So that nobody is taken for a scanner at work on many recipients.
BEHIND_A_PROXY_THAT_NAMES_NO_CLIENT = {"FAREWELL_TRUSTED_PROXY_COUNT": "1"}


@pytest.fixture
def farewell() -> Iterator[Farewell]:
    server = Farewell(dict(BEHIND_A_PROXY_THAT_NAMES_NO_CLIENT))
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture(scope="module")
def shared() -> Iterator[Farewell]:
    server = Farewell(dict(BEHIND_A_PROXY_THAT_NAMES_NO_CLIENT), threads=8)
    try:
        server.start()
        yield server
        assert server.terminate() == 0
        assert "Traceback" not in server.log.read_text()
    finally:
        server.close()


def at_once(*calls: Callable[[], Reply]) -> list[Reply]:
    """Make all the calls at the same moment, each over a connection of its own."""
    gate = Barrier(len(calls))

    def call(one: Callable[[], Reply]) -> Reply:
        gate.wait(120)
        return one()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(call, calls))


@dataclass(slots=True)
class Load:
    """Several clients that go on until they are stopped, each at a link of its own every time."""

    knock: Callable[[str], Reply]
    acknowledged: list[str] = field(default_factory=list)
    others: list[int] = field(default_factory=list)
    is_over: Event = field(default_factory=Event)
    lock: Lock = field(default_factory=Lock)

    @contextmanager
    def running(self) -> Iterator[None]:
        clients = [Thread(target=self._run) for _ in range(THREADS)]
        for client in clients:
            client.start()
        try:
            yield
        finally:
            self.is_over.set()
            for client in clients:
                client.join()

    def wait_for(self, count: int) -> None:
        wait_until(lambda: len(self.acknowledged) >= count, f"{count} answers", 60)

    def _run(self) -> None:
        while not self.is_over.is_set():
            alice = new_address()
            try:
                status = self.knock(alice).status
            except (OSError, HTTPException):  # the server is gone, or broke off in the middle of an answer
                continue
            with self.lock:
                if status == 200:
                    self.acknowledged.append(alice)
                else:
                    self.others.append(status)


def one_click(farewell: Farewell, address: str) -> Reply:
    return request(farewell.link(address, Purpose.ONE_CLICK), "POST", body=ONE_CLICK, headers=FORM)


def confirm(farewell: Farewell, address: str) -> Reply:
    """A press by a person without JavaScript: a tool's would be put back."""
    return request(f"{farewell.link(address)}/confirm", "POST", body=LEAVE, headers=FORM | FIREFOX)


def those_out(farewell: Farewell) -> set[str]:
    """The addresses whose state is out, once ledger and state are seen to agree."""
    agree(farewell)
    rows = farewell.query(
        "SELECT r.address FROM preferences_subscription s JOIN preferences_recipient r ON r.id = s.recipient_id"
        " WHERE s.state = 'out'"
    )
    return {address for (address,) in rows}


def agree(farewell: Farewell) -> None:
    """Every state is what the newest ledger row says, every ledger row belongs to one, and each follows the last."""
    astray = farewell.query(
        """
        WITH ledger AS (
            SELECT *, lag(id) OVER steps AS former, lag(state, 1, 'default') OVER steps AS former_state,
                   lead(id) OVER steps IS NULL AS is_newest
            FROM preferences_preferencechange WHERE topic_id IS NOT NULL
            WINDOW steps AS (PARTITION BY recipient_id, topic_id, channel ORDER BY id)
        )
        SELECT ledger.id, s.change_id FROM (SELECT * FROM ledger WHERE is_newest) AS ledger
        FULL JOIN preferences_subscription s USING (recipient_id, topic_id, channel)
        WHERE (ledger.id, ledger.state) IS DISTINCT FROM (s.change_id, s.state)
        UNION ALL
        SELECT id, former FROM ledger
        WHERE (replaced->>'change')::bigint IS DISTINCT FROM former OR replaced->>'state' <> former_state
        """
    )
    assert astray == []


def sources(farewell: Farewell, address: str) -> list[str]:
    rows = farewell.query(
        "SELECT c.source FROM preferences_preferencechange c JOIN preferences_recipient r ON r.id = c.recipient_id"
        " WHERE r.address = %s ORDER BY c.id",
        address,
    )
    return [source for (source,) in rows]


# Death


@pytest.mark.parametrize("door", [one_click, confirm], ids=["one-click", "button"])
def test_every_acknowledged_opt_out_survives_a_kill(farewell: Farewell, door: Callable[[Farewell, str], Reply]) -> None:
    load = Load(lambda address: door(farewell, address))
    with load.running():
        load.wait_for(100)
        farewell.kill()
    assert load.others == []
    out = those_out(farewell)
    assert out >= set(load.acknowledged)
    assert len(out) <= len(load.acknowledged) + THREADS  # those that were on their way
    doubled = "SELECT recipient_id FROM preferences_preferencechange GROUP BY 1 HAVING count(*) > 1"
    assert farewell.query(doubled) == []


def test_a_sigterm_under_load_loses_no_visit(farewell: Farewell) -> None:
    farewell.settings["FAREWELL_RECORDER_FLUSH_SECONDS"] = "3"  # so that visits wait when the signal comes
    assert farewell.terminate() == 0
    farewell.start()
    load = Load(lambda address: request(farewell.link(address)))
    with load.running():
        load.wait_for(300)
        assert farewell.terminate() == 0
    assert load.others == []
    ((recorded,),) = farewell.query("SELECT count(*) FROM engagement_interaction WHERE kind = 'visit'")
    assert len(load.acknowledged) <= recorded <= len(load.acknowledged) + THREADS


# The database goes away


def test_without_its_database_every_door_says_503_and_later_works_again(shared: Farewell) -> None:
    alices = [new_address() for _ in range(5)]
    arrived = shared.link(alices[3])
    nonce = re.search(r'data-nonce="([^"]+)"', request(arrived).text)
    assert nonce
    report = json.dumps({"nonce": nonce[1], "page": {"visible": True, "focused": True}})
    calls: list[Callable[[], Reply]] = [
        lambda: one_click(shared, alices[0]),
        lambda: request(shared.link(alices[1]), "POST", body=ONE_CLICK, headers=FORM),
        lambda: confirm(shared, alices[2]),
        lambda: request(f"{arrived}/arrive", "POST", body=report),
        lambda: request(shared.link(alices[4], Purpose.PREFERENCES), "POST", body="sure=off", headers=FORM),
    ]
    assert request(shared.link(alices[0])).status == 200
    shared.close_database()
    try:
        refused = at_once(*calls)
        landing = request(shared.link(alices[0]))
    finally:
        shared.open_database()
    assert [reply.status for reply in refused] == [503] * 5
    assert all(reply.headers["retry-after"].isdecimal() for reply in refused)
    assert landing.status == 200
    assert "Unsubscribe" in landing.text
    assert [sources(shared, alice) for alice in alices] == [[]] * 5
    wait_until(lambda: calls[0]().status == 200, "the server sees that its database is back")
    assert [call().status for call in calls] == [200] * 5
    assert those_out(shared) >= {alices[index] for index in (0, 1, 2, 4)}


def test_a_full_queue_sheds_statistics_and_says_how_many(farewell: Farewell) -> None:
    farewell.settings |= {"FAREWELL_RECORDER_QUEUE_SIZE": "20", "FAREWELL_SPOOL_MAX_MB": "0"}
    assert farewell.terminate() == 0
    farewell.start()
    links = [farewell.link(new_address()) for _ in range(200)]
    assert request(links[0]).status == 200
    wait_until(lambda: recorded(farewell) == 1, "the first visit is recorded")
    farewell.close_database()
    try:
        assert {request(link).status for link in links[1:]} == {200}
    finally:
        farewell.open_database()
    wait_until(lambda: recorded(farewell) + lost(farewell) == len(links), "all are recorded or counted as lost")
    assert lost(farewell) >= 100
    assert farewell.terminate() == 0
    assert recorded(farewell) + lost(farewell) == len(links)


def recorded(farewell: Farewell) -> int:
    return int(farewell.query("SELECT count(*) FROM engagement_interaction")[0][0])


def lost(farewell: Farewell) -> int:
    return int(farewell.query("SELECT coalesce(sum(lost_count), 0) FROM engagement_recordinggap")[0][0])


# Everybody at once


@pytest.mark.parametrize("door", [one_click, confirm], ids=["one-click", "button"])
@pytest.mark.parametrize("count", [2, 20])
def test_the_same_post_at_the_same_moment_writes_one_row(
    shared: Farewell, door: Callable[[Farewell, str], Reply], count: int
) -> None:
    alice = new_address()
    replies = at_once(*[lambda: door(shared, alice)] * count)
    assert {reply.status for reply in replies} == {200}
    assert len(sources(shared, alice)) == 1
    assert alice in those_out(shared)


def test_two_clicks_at_the_same_moment_write_one_row(shared: Farewell) -> None:
    alice = new_address()
    link = shared.link(alice)
    replies = at_once(*[lambda: click(link)] * 2)
    assert ["done" in reply.text for reply in replies] == [True, True]
    assert sources(shared, alice) == ["arrival"]
    assert alice in those_out(shared)


BROWSER = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0",
    "Accept-Language": "en",
    "Sec-Fetch-Site": "same-origin",
    "Sec-Fetch-Mode": "cors",
    "Sec-Fetch-Dest": "empty",
}


def click(link: str) -> Reply:
    """Open the page and make its script's call, as after a click by a person."""
    landing = request(link, headers=BROWSER)
    nonce = nonce_in(landing)
    body = f'{{"nonce": "{nonce}", "page": {{"visible": true, "focused": true, "presence": {{"spots": 5}}}}}}'
    return request(f"{link}/arrive", "POST", body=body, headers=BROWSER)


def nonce_in(reply: Reply) -> str:
    found = re.search(r'data-nonce="([^"]+)"|name="nonce" value="([^"]+)"', reply.text)
    assert found
    return found[1] or found[2]


def test_an_undo_that_races_a_press_leaves_ledger_and_state_agreed(shared: Farewell) -> None:
    alice = new_address()
    link = shared.link(alice)
    passes = [nonce_in(confirm(shared, alice)) for _ in range(5)]

    def undo(nonce: str) -> Callable[[], Reply]:
        return lambda: request(f"{link}/undo", "POST", body=f"nonce={nonce}", headers=FORM)

    for nonce in passes:
        calls = [undo(nonce), lambda: request(f"{link}/confirm", "POST", body=LEAVE, headers=FORM | FIREFOX)]
        replies = at_once(*calls * 4)
        assert {reply.status for reply in replies} == {200}
        agree(shared)
        told = sources(shared, alice)
        assert told == [("confirm_button", "undo")[index % 2] for index in range(len(told))]
