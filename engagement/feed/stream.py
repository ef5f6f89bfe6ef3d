"""The interactions as a feed: each once for every reader, none skipped however late it committed, judged as counted.

Three streams make it one. Rows come in the order (transaction, id), and only those that counting has passed: what is
behind it is complete and has had its second look. Revisions come in the same kind of order, behind the rows they are
about. A row that was revised before its reader came is told as it was before the revisions that the reader has yet to
get, so that whoever applies line after line always stands where the figures stood. Erasures come last: of whoever is
told to be gone, no row from before comes any more.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from django.db import connection

from engagement.feed import erasures
from engagement.feed.lines import Line, interaction_line, revision_line
from engagement.feed.positions import COUNTING, PRUNED_REVISIONS, PRUNED_ROWS, FeedCursor, position
from preferences.feed import Cursor, FeedError

PAGE_SIZE = 2_000
CLEANED = frozenset({"human", "unsure"})
_LAST_ID = 10**18 - 1  # as many digits as a cursor may have


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a reader wants: what the cleaned figures count or everything, of one brand or all, of some kinds or all."""

    is_cleaned: bool = False
    brand_id: int | None = None
    kinds: tuple[str, ...] = ()

    @property
    def values(self) -> dict[str, Any]:
        kinds = list(self.kinds) or None
        return {"brand": self.brand_id, "kinds": kinds, "is_cleaned": self.is_cleaned, "verdicts": sorted(CLEANED)}


@dataclass(frozen=True, slots=True)
class Page:
    """Some lines, none when all were of other brands or kinds, and where to go on after them."""

    lines: list[Line]
    end: FeedCursor
    read_count: int  # with those that are not wanted

    def cut(self, count: int) -> Page:
        """Return its first lines, `count` or as many as there are."""
        if count >= len(self.lines):
            return self
        return Page(self.lines[:count], FeedCursor.parse(self.lines[count - 1].cursor), count)


_ABOUT = """
       brand.slug, i.channel, i.mailing, i.segment, i.topic, i.purpose, i.answer, i.visit, host(i.network), i.agent,
       i.send_age, link.url
"""
# A row from before its person's erasure was written late, by a process that did not know, and will be swept.
# `was` is the first revision that the reader has yet to get: what it replaced is what holds at this place of the feed.
_ROW_AS_IT_WAS = """
SELECT i.xid, i.id, i.id, i.occurred_at, i.kind, i.recipient_id, coalesce(was.old_verdict, i.verdict),
       coalesce(was.old_record, i.record), coalesce((was.old ->> 'score')::int, i.score),
       coalesce((was.old ->> 'is_hard')::bool, i.is_hard), coalesce(was.old -> 'signals', i.signals)::text,
       coalesce((was.old ->> 'rules')::int, i.rules),
"""
_OF_ROWS = """
FROM (
    SELECT * FROM engagement_interaction
    WHERE (xid, id) > (%(xid)s, %(id)s) AND (xid, id) <= (%(end_xid)s, %(end_id)s)
    ORDER BY xid, id LIMIT %(limit)s
) AS i
LEFT JOIN LATERAL (
    SELECT old_verdict, old_record, old FROM engagement_revision
    WHERE interaction_id = i.id AND xid IS NOT NULL AND (xid, id) > (%(revision_xid)s, %(revision_id)s)
    ORDER BY xid, id LIMIT 1
) AS was ON true
LEFT JOIN preferences_brand AS brand ON brand.id = i.brand_id
LEFT JOIN engagement_trackedlink AS link
     ON link.brand_id = i.brand_id AND link.mailing = i.mailing AND link.number = i.link
WHERE (%(brand)s::bigint IS NULL OR i.brand_id = %(brand)s)
  AND (%(kinds)s::text[] IS NULL OR i.kind = ANY(%(kinds)s))
  AND (NOT %(is_cleaned)s OR coalesce(was.old_verdict, i.verdict) = ANY(%(verdicts)s))
  AND NOT EXISTS (
      SELECT FROM preferences_preferencechange AS erasure
      WHERE erasure.recipient_id = i.recipient_id AND erasure.source = 'erasure'
        AND erasure.changed_at >= i.occurred_at
  )
ORDER BY i.xid, i.id
"""
_ROWS = _ROW_AS_IT_WAS + _ABOUT + _OF_ROWS
_ROW_REVISED = """
SELECT r.xid, r.id, r.old_record, r.old_verdict, r.applied_at, r.interaction_id, r.occurred_at, r.kind,
       coalesce(i.recipient_id, r.recipient_id), r.new_verdict, r.new_record,
       coalesce((r.new ->> 'score')::int, i.score), coalesce((r.new ->> 'is_hard')::bool, i.is_hard),
       coalesce(r.new -> 'signals', i.signals)::text, coalesce((r.new ->> 'rules')::int, i.rules),
"""
# A row that the reader has yet to get will come as it is after this revision. One that is gone is not given back.
_OF_REVISIONS = """
FROM (
    SELECT * FROM engagement_revision
    WHERE xid IS NOT NULL AND (xid, id) > (%(xid)s, %(id)s) AND (xid, id) <= (%(end_xid)s, %(end_id)s)
    ORDER BY xid, id LIMIT %(limit)s
) AS r
LEFT JOIN LATERAL (
    SELECT * FROM engagement_interaction
    WHERE occurred_at = r.occurred_at AND kind = r.kind AND id = r.interaction_id LIMIT 1
) AS i ON true
LEFT JOIN preferences_brand AS brand ON brand.id = r.brand_id
LEFT JOIN engagement_trackedlink AS link
     ON link.brand_id = i.brand_id AND link.mailing = i.mailing AND link.number = i.link
WHERE (%(brand)s::bigint IS NULL OR r.brand_id = %(brand)s)
  AND (%(kinds)s::text[] IS NULL OR r.kind = ANY(%(kinds)s))
  AND (NOT %(is_cleaned)s OR r.old_verdict = ANY(%(verdicts)s) OR r.new_verdict = ANY(%(verdicts)s))
  AND CASE WHEN i.id IS NULL THEN NOT %(is_cleaned)s OR r.old_verdict = ANY(%(verdicts)s)
           ELSE (i.xid, i.id) <= (%(row_xid)s, %(row_id)s) END
ORDER BY r.xid, r.id
"""
_REVISIONS = _ROW_REVISED + _ABOUT + _OF_REVISIONS
_LAST_OF_PAGE = """
SELECT xid, id, count(*) OVER () FROM (
    SELECT xid, id FROM {table}
    WHERE xid IS NOT NULL AND (xid, id) > (%(xid)s, %(id)s) AND (xid, id) <= (%(end_xid)s, %(end_id)s)
    ORDER BY xid, id LIMIT %(limit)s
) AS page
ORDER BY xid DESC, id DESC LIMIT 1
"""
_COUNT = """
SELECT count(*) FROM {table}
WHERE xid IS NOT NULL AND (xid, id) > (%(xid)s, %(id)s) AND (xid, id) <= (%(end_xid)s, %(end_id)s)
"""
_INTERACTIONS, _REVISED = "engagement_interaction", "engagement_revision"
_SNAPSHOT = """
SELECT pg_snapshot_xmin(snapshot)::text::bigint, pg_snapshot_xmax(snapshot)::text::bigint
FROM pg_current_snapshot() AS snapshot
"""


class InteractionFeed:
    """A reader of the feed from `after` on. `cursor` is where to go on after the page that was dealt with last."""

    def __init__(self, after: FeedCursor, wanted: Wanted | None = None, *, accepts_loss: bool = False) -> None:
        self.cursor = after
        self._wanted = wanted or Wanted()
        self._accepts_loss = accepts_loss

    def read(self) -> Iterator[Page]:
        """Yield what there is now, in pages. Raises FeedError when it cannot be read on from the cursor."""
        # In this order: whatever is revised by now is about rows that counting had passed before.
        revised = self._horizon()
        counted = position(COUNTING)
        self._check(counted)
        if self.cursor == FeedCursor():  # nothing was told yet that could have to be erased
            self.cursor = replace(self.cursor, erasures=erasures.newest(revised))
        while found := _end_of_page(_INTERACTIONS, self.cursor.rows, counted):
            yield from self._page(self._rows_up_to(*found))
        while found := _end_of_page(_REVISED, self.cursor.revisions, revised):
            yield from self._page(self._revisions_up_to(*found))
        while found := _end_of_page(erasures.LEDGER, self.cursor.erasures, revised):
            yield from self._page(self._erasures_up_to(*found))

    def waiting_count(self) -> int:
        """Return how many rows and revisions there are to go through now, of all brands and kinds."""
        parts = (
            (_INTERACTIONS, self.cursor.rows, position(COUNTING)),
            (_REVISED, self.cursor.revisions, self._horizon()),
        )
        counts = [_fetch(_COUNT.format(table=table), _between(after, end))[0][0] for table, after, end in parts]
        return sum(counts)

    def _page(self, page: Page) -> Iterator[Page]:
        yield page
        self.cursor = page.end

    def _rows_up_to(self, end: Cursor, read_count: int) -> Page:
        after = self.cursor
        revision = {"revision_xid": after.revisions.xid, "revision_id": after.revisions.id}
        rows = _fetch(_ROWS, {**_between(after.rows, end), **revision, **self._wanted.values})
        lines = [interaction_line(str(replace(after, rows=Cursor(xid, id))), tuple(row)) for xid, id, *row in rows]
        return Page(lines, replace(after, rows=end), read_count)

    def _revisions_up_to(self, end: Cursor, read_count: int) -> Page:
        after = self.cursor
        row = {"row_xid": after.rows.xid, "row_id": after.rows.id}
        rows = _fetch(_REVISIONS, {**_between(after.revisions, end), **row, **self._wanted.values})
        lines = []
        for xid, id, *before_and_row in rows:
            before, judged = tuple(before_and_row[:3]), tuple(before_and_row[3:])
            cursor = str(replace(after, revisions=Cursor(xid, id)))
            lines.append(revision_line(cursor, self._action(before[1], judged[4]), before, judged))
        return Page(lines, replace(after, revisions=end), read_count)

    def _erasures_up_to(self, end: Cursor, read_count: int) -> Page:
        lines = erasures.erasures_between(self.cursor, end, self._wanted.brand_id)
        return Page(lines, replace(self.cursor, erasures=end), read_count)

    def _action(self, old_verdict: str, new_verdict: str) -> str:
        """What the reader does: a row that comes into the cleaned figures is new to it, one that goes is taken back."""
        was, is_now = old_verdict in CLEANED, new_verdict in CLEANED
        if not self._wanted.is_cleaned or was == is_now:
            return "change"
        return "add" if is_now else "remove"

    def _horizon(self) -> Cursor:
        """Return the end of the revisions that are complete. Raises FeedError when the cursor is of another cluster."""
        oldest_running, next_id = _fetch(_SNAPSHOT, {})[0]
        if max(self.cursor.rows.xid, self.cursor.revisions.xid, self.cursor.erasures.xid) >= next_id:
            raise FeedError(
                f"The cursor {self.cursor} is ahead of this database: it comes from another one, or from before a"
                " backup was restored. Start over without a cursor, and skip by id what you already have."
            )
        if position(COUNTING).xid >= next_id:
            raise FeedError(
                "The interactions come from another database cluster, as after a restore from a dump: their order is"
                " not this one's. Run `manage.py interactions --after-restore` once, then start over without a cursor."
            )
        erasures.check_cluster(next_id)
        return Cursor(oldest_running - 1, _LAST_ID)

    def _check(self, counted: Cursor) -> None:
        if self.cursor.rows > counted:
            raise FeedError(
                f"The cursor {self.cursor} is ahead of what has been counted: it comes from before a backup was"
                " restored. Start over without a cursor, and skip by id what you already have."
            )
        gaps = ((self.cursor.rows, PRUNED_ROWS), (self.cursor.revisions, PRUNED_REVISIONS))
        if not self._accepts_loss and any(Cursor() < place < position(name) for place, name in gaps):
            raise FeedError(
                f"Behind the cursor {self.cursor} retention has dropped lines that were not read before their time was"
                " over. --accept-loss goes on with those that are left."
            )


def _end_of_page(table: str, after: Cursor, end: Cursor) -> tuple[Cursor, int] | None:
    """Return the last place of the next page up to `end` and the page's size; None when nothing comes before that."""
    found = _fetch(_LAST_OF_PAGE.format(table=table), _between(after, end))
    return (Cursor(*found[0][:2]), found[0][2]) if found else None


def _between(after: Cursor, end: Cursor) -> dict[str, Any]:
    return {"xid": after.xid, "id": after.id, "end_xid": end.xid, "end_id": end.id, "limit": PAGE_SIZE}


def _fetch(statement: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
