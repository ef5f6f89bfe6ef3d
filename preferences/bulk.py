"""Opt-outs by the thousand: what the verbs `opt_out` and `suppress` of a recipient do, for many in one statement.

The statements mean the same as those of preferences/models/ledger.py, and a test compares their results. The
brand's lock is taken alone here and shared by the verbs. It is a statement of its own, and the first: what follows
then sees everything that was committed before, and the rows' transaction id is drawn under the lock.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import batched
from operator import attrgetter

from django.db import connection, transaction

from preferences.links import Channel
from preferences.models import Brand, Source
from preferences.models.writing import BRAND_LOCK
from preferences.streams import ahead

# Doors of the same brand wait while a batch is written, a tenth of a second or two.
BATCH_SIZE = 4000
# Ids are hashes: taken as they come, each batch touches pages all over every index. Sorted in chunks of this many,
# a batch keeps to a small part of them, which measured a third faster.
CHUNK_SIZE = 15 * BATCH_SIZE


@dataclass(frozen=True, slots=True)
class OptOut:
    """One opt-out to write: of the topic of that slug, or of everything (a suppression) when that is "".

    `recipient` is the id as hex digits, `address` canonical; `line` is where in its file the opt-out stands, `date`
    what the file says about when it was made.
    """

    recipient: str
    address: str
    line: int
    topic: str = ""
    reason: str = ""
    date: str = ""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a batch comes from, for the ledger."""

    actor: str
    file: str


# The planner is held to index look-ups, so that a batch costs the same however large the tables are.
BEGIN = """
SELECT pg_advisory_xact_lock(%s, %s),
       CASE current_setting('synchronous_commit') WHEN 'off' THEN set_config('synchronous_commit', 'on', true) END,
       set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true),
       set_config('enable_seqscan', 'off', true)
"""
GIVEN = """
WITH given AS (
    SELECT DISTINCT ON (id, topic_id) id, address, line, topic_id, coalesce(reason, '') AS reason,
           jsonb_strip_nulls(jsonb_build_object('file', %(file)s::text, 'line', line, 'date', date)) AS evidence
    FROM unnest(%(ids)s::uuid[], %(addresses)s::text[], %(lines)s::int[], %(topics)s::bigint[], %(reasons)s::text[],
                %(dates)s::text[]) AS row (id, address, line, topic_id, reason, date)
    ORDER BY id, topic_id, line
)"""
_KNOWN = """, known AS (
    INSERT INTO preferences_recipient (id, brand_id, channel, address)
    SELECT DISTINCT ON (id) id, %(brand)s::bigint, %(channel)s, address FROM given
    ON CONFLICT (id) DO NOTHING
)"""
_LEAVING_TOPICS = """, wanted AS (
    SELECT given.*, coalesce(present.state, 'default') AS state, present.change_id, present.previous_state,
           present.changed_at, coalesce(present.frequency, '') AS frequency, present.paused_until
    FROM given
    LEFT JOIN preferences_subscription present ON present.recipient_id = given.id
         AND present.topic_id = given.topic_id AND present.channel = %(channel)s
    WHERE (present.state IS DISTINCT FROM 'out' OR present.settles_at > now())
      AND NOT EXISTS (SELECT FROM preferences_suppression WHERE recipient_id = given.id AND reason = 'erased')
)"""
_LEAVING_EVERYTHING = """, wanted AS (
    SELECT given.*, present.reason AS why, present.change_id
    FROM given LEFT JOIN preferences_suppression AS present ON present.recipient_id = given.id
    WHERE present.recipient_id IS NULL OR present.reason = 'everything'
)"""
_COUNT = "SELECT count(*) FROM wanted"
_OUT_OF_TOPICS = """, change AS (
    INSERT INTO preferences_preferencechange
        (changed_at, brand_id, recipient_id, topic_id, channel, state, frequency, paused_until, source, reason,
         evidence, mailing, actor, replaced)
    SELECT clock_timestamp(), %(brand)s, id, topic_id, %(channel)s, 'out', frequency, paused_until, %(source)s, reason,
           evidence, '', %(actor)s,
           jsonb_build_object('state', state, 'change', change_id, 'previous', previous_state, 'since', changed_at,
                              'frequency', frequency, 'paused_until', paused_until)
    FROM wanted
    RETURNING id, recipient_id, topic_id, changed_at, frequency, paused_until
), present AS (
    INSERT INTO preferences_subscription
        (recipient_id, topic_id, channel, state, previous_state, change_id, changed_at, settles_at, frequency,
         paused_until)
    SELECT change.recipient_id, change.topic_id, %(channel)s, 'out',
           CASE before.state WHEN 'out' THEN before.previous_state ELSE coalesce(before.state, 'default') END,
           change.id, change.changed_at, NULL, change.frequency, change.paused_until
    FROM change
    LEFT JOIN preferences_subscription before ON before.recipient_id = change.recipient_id
         AND before.topic_id = change.topic_id AND before.channel = %(channel)s
    ON CONFLICT (recipient_id, topic_id, channel) DO UPDATE SET
        state = EXCLUDED.state, previous_state = EXCLUDED.previous_state, change_id = EXCLUDED.change_id,
        changed_at = EXCLUDED.changed_at, settles_at = EXCLUDED.settles_at
)
SELECT count(*) FROM change
"""
_SUPPRESSED = """, change AS (
    INSERT INTO preferences_preferencechange
        (changed_at, brand_id, recipient_id, channel, state, suppression, paused_until, is_untracked, source, reason,
         evidence, mailing, actor, replaced)
    SELECT clock_timestamp(), %(brand)s, wanted.id, %(channel)s, 'out', 'import', pause.until,
           coalesce(recipient.is_untracked, false), %(source)s, reason, evidence, '', %(actor)s,
           jsonb_build_object('state', CASE WHEN why IS NULL THEN 'default' ELSE 'out' END, 'suppression', why,
                              'change', wanted.change_id, 'paused_until', pause.until,
                              'is_untracked', coalesce(recipient.is_untracked, false))
    FROM wanted
    LEFT JOIN preferences_pause AS pause ON pause.recipient_id = wanted.id
    LEFT JOIN preferences_recipient AS recipient ON recipient.id = wanted.id
    RETURNING id, recipient_id, changed_at
), present AS (
    INSERT INTO preferences_suppression (recipient_id, reason, created_at, change_id)
    SELECT recipient_id, 'import', changed_at, id FROM change
    ON CONFLICT (recipient_id) DO UPDATE SET
        reason = EXCLUDED.reason, created_at = EXCLUDED.created_at, change_id = EXCLUDED.change_id
)
SELECT count(*) FROM change
"""
_OPT_OUT = GIVEN + _LEAVING_TOPICS + _KNOWN + _OUT_OF_TOPICS
_SUPPRESS = GIVEN + _LEAVING_EVERYTHING + _KNOWN + _SUPPRESSED


def in_batches(wishes: Iterable[OptOut]) -> Iterator[list[OptOut]]:
    """Yield batches of the wishes in an order that is cheap to write, in constant memory.

    The wishes are taken on another thread, while those before them are written.
    """
    chunks = (sorted(chunk, key=attrgetter("recipient")) for chunk in batched(wishes, CHUNK_SIZE))
    for chunk in ahead(chunks):
        for batch in batched(chunk, BATCH_SIZE):
            yield list(batch)


def opt_out_many(brand: Brand, channel: Channel, wishes: Sequence[OptOut], origin: Origin) -> int:
    """Write the opt-outs and return how many were new. One transaction: all of them or none. Idempotent.

    A topic nobody has heard of is made.
    """
    topic_ids = {slug: brand.topic_for(slug).id for slug in {wish.topic for wish in wishes} if slug}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(BEGIN, [BRAND_LOCK, brand.id])
        return _execute((_OPT_OUT, _SUPPRESS), brand, channel, wishes, topic_ids, origin)


def count_new(brand: Brand, channel: Channel, wishes: Sequence[OptOut]) -> int:
    """Return how many opt-outs `opt_out_many` would write now."""
    statements = (GIVEN + _LEAVING_TOPICS + _COUNT, GIVEN + _LEAVING_EVERYTHING + _COUNT)
    known = dict(brand.topics.values_list("slug", "id"))
    unknown = sorted({wish.topic for wish in wishes} - known.keys())
    topic_ids = known | {slug: -number for number, slug in enumerate(unknown, 1)}
    return _execute(statements, brand, channel, wishes, topic_ids, Origin("", ""))


def _execute(
    statements: tuple[str, str],
    brand: Brand,
    channel: Channel,
    wishes: Sequence[OptOut],
    topic_ids: Mapping[str, int],
    origin: Origin,
) -> int:
    """Run the first statement for those who leave a topic, the second for those who leave everything."""
    count = 0
    common: dict[str, int | str] = {
        "brand": brand.id,
        "channel": channel.value,
        "source": Source.IMPORT.value,
        "actor": origin.actor,
        "file": origin.file,
    }
    parts = [wish for wish in wishes if wish.topic], [wish for wish in wishes if not wish.topic]
    with connection.cursor() as cursor:
        for statement, part in zip(statements, parts, strict=True):
            if part:
                cursor.execute(statement, common | arrays(part, topic_ids))
                count += cursor.fetchone()[0]
    return count


def arrays(wishes: Sequence[OptOut], topic_ids: Mapping[str, int]) -> dict[str, int | str]:
    """Return the values of `GIVEN`, but the file's name."""
    return {
        "ids": _array(wish.recipient for wish in wishes),
        "addresses": _array(_quoted(wish.address) for wish in wishes),
        "lines": _array(str(wish.line) for wish in wishes),
        "topics": _array(str(topic_ids[wish.topic]) for wish in wishes if wish.topic),
        "reasons": _array(_quoted(wish.reason) for wish in wishes),
        "dates": _array(_quoted(wish.date) if wish.date else "NULL" for wish in wishes),
    }


def _array(items: Iterable[str]) -> str:
    """A PostgreSQL array literal, which is cheaper than a list of a thousand parameters."""
    return "{" + ",".join(items) + "}"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
