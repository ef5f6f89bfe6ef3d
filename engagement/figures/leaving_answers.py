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
    brand_id = ANY (%(brands)s)
    AND CASE WHEN %(everything)s THEN topic_id IS NULL ELSE %(topic)s::bigint IS NULL OR topic_id = %(topic)s END
    AND (%(channel)s = '' OR channel = %(channel)s)"""
# What was said about an opt-out that evidence took back was no person's answer. A row that takes one back comes after
# it, so only those since the first of these opt-outs are asked, by an index that has no other rows.
_ANSWERS = """
    WITH said AS MATERIALIZED (
        SELECT id, brand_id, reason, comment <> '' AS has_words, answered_at, change_id
        FROM preferences_leavinganswer
        WHERE answered_at >= %(start)s AND answered_at < %(end)s AND {of_span}
    ), refuted AS (
        SELECT DISTINCT jsonb_array_elements(evidence -> 'refuted')::bigint AS change_id
        FROM preferences_preferencechange
        WHERE source = 'reinstatement' AND id > (SELECT min(change_id) FROM said)
          AND jsonb_typeof(evidence -> 'refuted') = 'array'
    )
    SELECT said.* FROM said LEFT JOIN refuted USING (change_id) WHERE refuted.change_id IS NULL"""
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
WHERE has_words AND answered_at >= %(kept_since)s
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
    values |= {
        "start": span.start,
        "end": span.end,
        "brands": span.counted.brands,  # always by number: the indexes begin with the brand
        "topic": span.topic_id,
        "everything": span.is_everything,
        "channel": span.channel,
        "first_day": timezone.localtime(span.start).date(),
        "last_day": timezone.localtime(span.end - timedelta(microseconds=1)).date(),
    }
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
