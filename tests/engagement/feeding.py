"""What tests of the feed make: rows that were counted, and their revisions."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from engagement.feed.positions import COUNTING, raise_position
from engagement.feed.stream import InteractionFeed
from engagement.models import Interaction, Revision
from preferences.feed import Cursor
from preferences.models import Brand
from preferences.models.ledger import TransactionId
from tests.commands import run
from tests.makers import make_brand

PATIENCE = 300  # seconds; whoever else writes in this cluster, be it one long test, holds revisions back


def only_brand() -> Iterator[Brand]:
    """A brand, and no interactions before and after: pytest-django leaves tables alone that Django does not manage."""
    _forget_interactions()
    yield make_brand(slug="demo")
    _forget_interactions()


def _forget_interactions() -> None:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE engagement_interaction")


def count_up_to(row: Interaction) -> None:
    """Say that counting has passed the row."""
    row.refresh_from_db()
    raise_position(COUNTING, Cursor(row.xid, row.id))


def count_all() -> None:
    """Say that counting has passed all rows that are complete."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT xid, id FROM engagement_interaction"
            " WHERE xid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint ORDER BY xid DESC, id DESC LIMIT 1"
        )
        if row := cursor.fetchone():
            raise_position(COUNTING, Cursor(*row))


def counted_all() -> None:
    """Say that counting has passed all rows, of which none is being written any more."""
    if newest := Interaction.objects.order_by("-xid", "-id").first():
        count_up_to(newest)


def revise(row: Interaction, verdict: str, record: str | None = None) -> Revision:
    """Judge a counted row anew, as a rejudgement does: the revision and the row in one transaction."""
    with transaction.atomic():
        now = Interaction.objects.select_for_update().get(id=row.id)
        record = record or f"{now.kind}{'_machine' if verdict == 'machine' else ''}"
        made = Revision.objects.create(
            **{"interaction_id": row.id, "occurred_at": row.occurred_at, "kind": row.kind},
            **{"brand_id": row.brand_id, "recipient_id": row.recipient_id},
            **{"old_verdict": now.verdict, "new_verdict": verdict, "old_record": now.record, "new_record": record},
            **{"old": {"score": now.score}, "new": {"score": now.score + 1}},
            **{"xid": TransactionId(), "applied_at": timezone.now()},
        )
        Interaction.objects.filter(id=row.id).update(verdict=verdict, record=record, score=now.score + 1)
    return made


def read(feed: InteractionFeed) -> list[dict[str, Any]]:
    return [json.loads(line.as_json()) for page in feed.read() for line in page.lines]


def read_until(feed: InteractionFeed, count: int) -> list[dict[str, Any]]:
    """Read on until there are `count` lines: whoever else writes in this cluster holds revisions back for a moment."""
    lines, deadline = read(feed), time.monotonic() + PATIENCE
    while len(lines) < count:
        assert time.monotonic() < deadline, f"read {lines} in vain"
        lines += read(feed)
    return lines


def told(lines: list[dict[str, Any]]) -> list[tuple[str, str, int, str]]:
    return [(line["type"], line["action"], line["id"], line["verdict"]) for line in lines]


def lines_of(*arguments: object) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run("interactions", *arguments).lines]
