"""Why people left: the answers that still belong to a person, together with the counts that are left of older ones."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from engagement.figures.leaving import Span
from preferences.models import LeavingAnswer

KEPT_FOR = timedelta(days=30)  # after that nobody's words are left (preferences/models/answers.py)


@dataclass(frozen=True, slots=True)
class Given:
    """How often a reason was given; "" for free text alone."""

    brand_id: int
    reason: str
    count: int


_OF_SPAN = """
    (%(brands)s::bigint[] IS NULL OR brand_id = ANY (%(brands)s::bigint[]))
    AND CASE WHEN %(everything)s THEN topic_id IS NULL ELSE %(topic)s::bigint IS NULL OR topic_id = %(topic)s END
    AND (%(channel)s = '' OR channel = %(channel)s)"""
# What was said about an opt-out that evidence took back was no person's answer.
_ANSWERS = """
    SELECT * FROM preferences_leavinganswer AS answer
    WHERE answered_at >= %(start)s AND answered_at < %(end)s AND {of_span} AND NOT EXISTS (
        SELECT FROM preferences_preferencechange AS change
        WHERE change.recipient_id = answer.recipient_id AND change.source = 'reinstatement'
          AND change.evidence -> 'refuted' @> to_jsonb(answer.change_id))"""
_GIVEN = """
SELECT brand_id, reason, sum(count)::bigint FROM (
    SELECT brand_id, reason, count(*) AS count FROM ({answers}) AS answer GROUP BY 1, 2
    UNION ALL
    SELECT brand_id, reason, count FROM preferences_leavinganswercount
    WHERE answered_on >= %(first_day)s AND answered_on <= %(last_day)s AND {of_span}
) AS given
GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2
"""
_COMMENTS = """
SELECT id FROM ({answers}) AS answer
WHERE comment <> '' AND answered_at >= %(kept_since)s
ORDER BY answered_at DESC, id DESC LIMIT %(limit)s
"""
_PARTS = {"of_span": _OF_SPAN, "answers": _ANSWERS.format(of_span=_OF_SPAN)}
GIVEN, COMMENTS = _GIVEN.format_map(_PARTS), _COMMENTS.format_map(_PARTS)


def given(span: Span) -> tuple[Given, ...]:
    """Return how often each reason was given in `span`, the most frequent first. What is kept as a count belongs to its
    day by UTC."""
    return tuple(Given(*row) for row in _rows(GIVEN, span))


def comments(span: Span, *, limit: int) -> list[LeavingAnswer]:
    """Return the newest answers of `span` with free text, of the last 30 days."""
    ids = [id for (id,) in _rows(COMMENTS, span, limit=limit, kept_since=timezone.now() - KEPT_FOR)]
    answers = LeavingAnswer.objects.select_related("brand", "topic").in_bulk(ids)
    return [answers[id] for id in ids if id in answers]


def _rows(statement: str, span: Span, **values: Any) -> list[tuple[Any, ...]]:
    values |= span.values | {
        "first_day": timezone.localtime(span.start).date(),
        "last_day": timezone.localtime(span.end - timedelta(microseconds=1)).date(),
    }
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
