"""A believable handful of mailings with opens, clicks and farewells, and what plain Python counts of their rows."""

from __future__ import annotations

import csv
from collections import Counter
from datetime import timedelta
from itertools import count
from random import Random
from typing import Any
from uuid import UUID

from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from engagement.admin.tables import Table
from engagement.counting.counter import count_all
from engagement.detection import RULES_VERSION
from engagement.models import Interaction, TrackedLink
from engagement.recording.records import record_of
from engagement.recording.targets import link_number
from preferences.models import Brand
from tests.engagement.counted import commit_changes
from tests.engagement.makers import make_interaction, make_mailing
from tests.makers import make_brand

ROOT = "/admin/engagement/mailing/"
TARGETS = ("https://shop.example.org/spring", "https://shop.example.org/news", "http://old.example.org/")
KINDS = (
    "open",
    "open",
    "open",
    "click",
    "click",
    "visit",
    "header_visit",
    "arrive",
    "confirm",
    "one_click",
    "conversion",
)
_CLEANED = ("human", "unsure")
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"
GMAIL = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
BROWSER = {
    **{"method": "GET", "has_accept_language": True, "fetch_site": "none", "fetch_mode": "navigate"},
    **{"fetch_dest": "document", "fetch_user": "?1"},
}
_xids = count(1)


def make_event(
    brand: Brand, mailing: str, kind: str, person: int = 1, verdict: str = "human", **fields: Any
) -> Interaction:
    """A row that an earlier transaction has written: in a test's own nothing is complete yet. Each has a visitor of its
    own, so that no burst is seen in them."""
    number = next(_xids)
    link = link_number(TARGETS[person % len(TARGETS)]) if kind in ("click", "conversion") else None
    fields = {"link": link, "answer": "done", "network": f"198.18.{number % 256}.0", "domain": "example.org"} | fields
    if verdict in _CLEANED:
        by_whom = {"agent": GMAIL, "network": "66.249.84.0"} if kind == "open" else {"agent": CHROME}
        fields |= by_whom | {"facts": {"request": BROWSER}, "rules": RULES_VERSION}
    fields = {"occurred_at": timezone.now() - timedelta(hours=5), "send_age": 40_000} | fields
    return make_interaction(
        brand=brand,
        mailing=mailing,
        kind=kind,
        recipient_id=UUID(int=3_000 * brand.pk + person),
        verdict=verdict,
        **{"xid": number, "visit": number, "visitor": number.to_bytes(16), "record": record_of(kind, verdict, ())}
        | fields,
    )


def make_year(brand: Brand | None = None, seed: int = 1, events: int = 150) -> Brand:
    """Three mailings of a brand, the second with segments, the third with an unknown number delivered."""
    brand, chance = brand or make_brand(), Random(seed)
    for number, delivered in enumerate((200, 100, None)):
        sent_at = timezone.now() - timedelta(days=2 + number)
        make_mailing(
            brand, f"m{number}", delivered_count=delivered, sent_count=delivered and delivered + 5, sent_at=sent_at
        )
        for url in TARGETS:
            TrackedLink.objects.create(brand=brand, mailing=f"m{number}", number=link_number(url), url=url)
    for _ in range(events):
        _make_random(brand, chance)
    return brand


def _make_random(brand: Brand, chance: Random) -> None:
    kind, number = chance.choice(KINDS), chance.randrange(3)
    verdicts = ["human", "unsure", "machine", "machine", *(["prefetched"] if kind == "open" else [])]
    age = chance.choice([3, 50, 400, 4_000, 40_000]) * chance.randint(1, 3)
    make_event(
        brand,
        f"m{number}",
        kind,
        chance.randrange(12),
        "human" if kind in ("one_click", "conversion") else chance.choice(verdicts),
        answer=chance.choice(["done", "ask", "page"]),
        segment=chance.choice(["", "new", "old"]) if number == 1 else "",
        occurred_at=timezone.now() - timedelta(days=2 + number, seconds=-age),
        send_age=age,
        channel=chance.choice(["email", "email", "sms"]),
    )


def count_everything() -> None:
    commit_changes()
    count_all(timezone.now() + timedelta(minutes=5))


def is_people(row: Interaction) -> bool:
    return row.verdict in _CLEANED or row.kind in ("one_click", "conversion")


def acts_of(row: Interaction) -> list[str]:
    named = {"visit": "visit", "header_visit": "visit", "arrive": "script"}
    acts = [named[row.kind]] if row.kind in named else [row.kind] if row.kind in ("open", "click", "conversion") else []
    return acts + (["left"] if row.kind in ("arrive", "confirm", "one_click") and row.answer == "done" else [])


def messages(rows: list[Interaction], act: str, *, of_people: bool = False) -> int:
    """How many messages got the act."""
    return len(
        {(row.recipient_id, row.mailing) for row in rows if act in acts_of(row) and (is_people(row) or not of_people)}
    )


def alone(rows: list[Interaction], act: str) -> int:
    """How many got it of robots alone."""
    return messages(rows, act) - messages(rows, act, of_people=True)


def by_verdict(rows: list[Interaction], *kinds: str) -> Counter[str]:
    return Counter(row.verdict for row in rows if row.kind in kinds)


def percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}%" if whole else "–"


# Pages


def shown(client: Client, path: str, **query: str | int) -> Any:
    response = client.get(ROOT + path, query)
    assert response.status_code == 200
    return response.context


def tile(context: Any, name: str) -> dict[str, str]:
    """The numbers of a tile by their labels."""
    tiles = [*context.get("rates", ()), *context.get("numbers", ())]
    [found] = [tile for tile in tiles if tile.name == name]
    return {value.label: value.text for value in found.values}


def table(context: Any, slug: str) -> Table:
    found: Table = context["table"][slug]
    return found


def cells(context: Any, slug: str) -> dict[str, tuple[int | str, ...]]:
    return {row.label: row.cells for row in table(context, slug).rows}


def saved(client: Client, path: str, slug: str, **query: str | int) -> list[list[str]]:
    response = client.get(ROOT + path, {**query, "csv": slug})
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    return list(csv.reader(response.text.splitlines()))


def files_are_the_same(client: Client, path: str, **query: str | int) -> bool:
    """Whether the file of each of the page's tables has its columns and its numbers."""
    for found in shown(client, path, **query)["tables"]:
        head, *lines = saved(client, path, found.slug, **query)
        if head != list(found.columns) or [line[1:] for line in lines] != [
            [*map(str, row.cells)] for row in found.rows
        ]:
            return False
    return True


def queries_of(client: Client, path: str) -> int:
    """How many the page asks."""
    with CaptureQueriesContext(connection) as queries:
        shown(client, path)
    return len(queries)


def make_member(brand: Brand | None, *permissions: str) -> User:
    user = User.objects.create_user("bob", is_staff=True)
    user.user_permissions.add(*Permission.objects.filter(codename__in=permissions))
    if brand:
        brand.members.add(user)
    return user
