"""The one place that writes the ledger.

A change is written together with the state it leads to, in one transaction, under a lock on the recipient.
Lock before write matters for readers too: a row's transaction id is drawn after the lock is held, so that the
feed's order (xid, id) is, for each recipient, the order in which the changes took effect.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from preferences.links import Channel
from preferences.models.ledger import Cause, State
from preferences.prepared import fetch_all


@contextmanager
def turn_of(brand_id: int, *recipient_ids: UUID) -> Iterator[None]:
    """Hold the recipients' turn: a transaction in which nobody else changes them. Turns are taken in one order, so that
    two who want the same ones wait for each other and never both.

    It is the outermost one: inside another, the change would not be on disk when the verb returns, and the feed's
    order would be that of the outer transaction's first write.

    The brand's lock is shared here and taken alone by bulk imports. A database set to answer before the disk
    does is overruled: an acknowledged opt-out is on disk (promise P4).
    """
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        for turn in sorted(map(_lock_number, recipient_ids)):
            cursor.execute(_TAKE_TURN, {"brand": brand_id, "brand_lock": BRAND_LOCK, "turn": turn})
        yield


_TAKE_TURN = """
SELECT pg_advisory_xact_lock_shared(%(brand_lock)s, %(brand)s), pg_advisory_xact_lock(%(turn)s),
       CASE current_setting('synchronous_commit') WHEN 'off' THEN set_config('synchronous_commit', 'on', true) END
"""
BRAND_LOCK = 0x0FA2E  # the first half of the two-part advisory lock whose second half is the brand's id


def _lock_number(recipient_id: UUID) -> int:
    """Two recipients that share a number only wait for each other now and then."""
    return int.from_bytes(recipient_id.bytes[:8], signed=True)


@dataclass(frozen=True, slots=True)
class Setting:
    """How often, and not before which day; None leaves as it is. `NOT_PAUSED`, like any day past, ends a pause."""

    frequency: str | None = None
    paused_until: date | None = None


UNCHANGED = Setting()
NOT_PAUSED = date(1, 1, 1)


@dataclass(frozen=True, slots=True)
class Step:
    """One change about to be written. `state` None means back to what the present opt-out replaced. `replacing` may
    name the change that must still be the present one. With `unless_back_since`, nothing is written for a recipient who
    has come back since, or who is suppressed and so out already. `setting` changes how and when, alone (`is_setting`)
    or along with the state.

    Brand and topic are ids, so that a caller with a cached brand needs no query for them. A suppression has
    neither topic nor state.
    """

    recipient_id: UUID
    brand_id: int
    channel: Channel
    address: str
    cause: Cause
    topic_id: int | None = None
    state: State | None = None
    replacing: int | None = None
    unless_back_since: datetime | None = None
    restoring: Restored | None = None
    setting: Setting = UNCHANGED
    is_setting: bool = False


@dataclass(frozen=True, slots=True)
class Restored:
    """What a subscription's row said before it was ended, and says again when that is taken back."""

    previous_state: State
    since: datetime | None


# The function (made by a migration) takes the recipient's turn itself, reads what holds, and writes the recipient, the
# change and the present state. Each of its statements sees what was committed while it waited for its turn.
_WRITE = """
SELECT preferences_write_change(
    %(brand)s::bigint, %(recipient)s, %(channel)s, %(address)s, %(topic)s::bigint, %(state)s, %(source)s, %(reason)s,
    %(evidence)s::jsonb, %(mailing)s, %(actor)s, %(settles_at)s::timestamptz, %(replacing)s::bigint,
    %(back_since)s::timestamptz, %(brand_lock)s::integer, %(turn)s::bigint, %(previous)s, %(since)s::timestamptz,
    %(frequency)s, %(pause)s::date)
"""

# What stands above all topics: the suppression, the pause of everything, and whether opens and clicks go unrecorded.
# Their ledger rows have no topic and say all three. A repeated wish changes nothing.
_ABOVE = """
WITH held AS (
    SELECT suppression.reason, suppression.change_id AS suppression_change,
           pause.until, pause.change_id AS pause_change,
           coalesce(recipient.is_untracked, false) AS is_untracked
    FROM (VALUES (1)) AS one
    LEFT JOIN preferences_recipient AS recipient ON recipient.id = %(recipient)s
    LEFT JOIN preferences_suppression AS suppression ON suppression.recipient_id = %(recipient)s
    LEFT JOIN preferences_pause AS pause ON pause.recipient_id = %(recipient)s
), wanted AS (
    SELECT held.*, {reason} AS new_reason, {until} AS new_until, {untracked} AS new_untracked FROM held WHERE {differs}
), known AS (
    INSERT INTO preferences_recipient AS known (id, brand_id, channel, address, is_untracked)
    SELECT %(recipient)s, %(brand)s, %(channel)s, %(address)s, new_untracked FROM wanted
    ON CONFLICT (id) DO UPDATE SET address = coalesce(nullif(known.address, ''), EXCLUDED.address),
                                   is_untracked = EXCLUDED.is_untracked
    WHERE known.address = '' OR known.is_untracked <> EXCLUDED.is_untracked
), change AS (
    INSERT INTO preferences_preferencechange
        (changed_at, brand_id, recipient_id, channel, state, suppression, paused_until, is_untracked, source, reason,
         evidence, mailing, actor, replaced)
    SELECT clock_timestamp(), %(brand)s, %(recipient)s, %(channel)s,
           CASE WHEN new_reason IS NULL THEN 'default' ELSE 'out' END, coalesce(new_reason, ''), new_until,
           new_untracked, %(source)s, %(reason)s, %(evidence)s::jsonb, %(mailing)s, %(actor)s,
           jsonb_build_object('state', CASE WHEN reason IS NULL THEN 'default' ELSE 'out' END, 'suppression', reason,
                              'change', {replaced}, 'paused_until', until, 'is_untracked', is_untracked)
               || %(more)s::jsonb
    FROM wanted
    RETURNING id, changed_at
){present}
SELECT id FROM change
"""
_SUPPRESS = _ABOVE.format(
    reason="%(why)s",
    until="held.until",
    # Whoever is erased is not recorded either, and comes back that way.
    untracked="held.is_untracked OR %(why)s = 'erased'",
    # A list's or an operator's word stops what a contract requires, too; so it stands above the person's own.
    differs="held.reason IS NULL OR held.reason = 'everything' AND %(why)s <> 'everything'",
    replaced="suppression_change",
    present=""", present AS (
    INSERT INTO preferences_suppression (recipient_id, reason, created_at, change_id)
    SELECT %(recipient)s, %(why)s, changed_at, id FROM change
    ON CONFLICT (recipient_id) DO UPDATE SET
        reason = EXCLUDED.reason, created_at = EXCLUDED.created_at, change_id = EXCLUDED.change_id)""",
)
_LIFT = _ABOVE.format(
    reason="NULL::text",
    until="held.until",
    untracked="held.is_untracked",
    differs="held.reason IS NOT NULL",
    replaced="suppression_change",
    present=", gone AS (DELETE FROM preferences_suppression WHERE recipient_id = %(recipient)s)",
)
_PAUSE = _ABOVE.format(
    reason="held.reason",
    until="%(until)s::date",
    untracked="held.is_untracked",
    # Whoever was erased gets nothing as it is; a pause of theirs would store them again.
    differs="held.until IS DISTINCT FROM %(until)s::date AND held.reason IS DISTINCT FROM 'erased'",
    replaced="pause_change",
    present=""", present AS (
    INSERT INTO preferences_pause (recipient_id, until, change_id) SELECT %(recipient)s, %(until)s, id FROM change
    ON CONFLICT (recipient_id) DO UPDATE SET until = EXCLUDED.until, change_id = EXCLUDED.change_id)""",
)
_GO_ON = _ABOVE.format(
    reason="held.reason",
    until="NULL::date",
    untracked="held.is_untracked",
    differs="held.until IS NOT NULL",
    replaced="pause_change",
    present=", gone AS (DELETE FROM preferences_pause WHERE recipient_id = %(recipient)s)",
)
_TRACK = _ABOVE.format(
    reason="held.reason",
    until="held.until",
    untracked="%(untracked)s::boolean",
    differs="held.is_untracked <> %(untracked)s::boolean AND held.reason IS DISTINCT FROM 'erased'",
    # The recipient's row says it without the change that made it so; the ledger knows.
    replaced="""(
        SELECT max(id) FROM preferences_preferencechange AS earlier
        WHERE recipient_id = %(recipient)s AND topic_id IS NULL
          AND earlier.is_untracked <> coalesce((earlier.replaced ->> 'is_untracked')::boolean, false))""",
    present="",
)


def write(step: Step) -> int | None:
    """Write the change and the state it leads to; return its id, or None if nothing changes.

    Taking the turn is part of it, so that alone it is one round trip to the database, and one transaction.
    """
    return _execute(
        _WRITE,
        step,
        topic=step.topic_id,
        state="keep" if step.is_setting else step.state.value if step.state else None,
        settles_at=step.cause.settles_at,
        replacing=step.replacing,
        back_since=step.unless_back_since,
        brand_lock=BRAND_LOCK,
        turn=_lock_number(step.recipient_id),
        previous=step.restoring.previous_state.value if step.restoring else None,
        since=step.restoring.since if step.restoring else None,
        frequency=step.setting.frequency,
        pause=step.setting.paused_until,
    )


def write_alone(step: Step) -> int | None:
    """Write as `write` does, in a transaction of its own. Raises RuntimeError inside another one."""
    if connection.in_atomic_block and not getattr(connection.atomic_blocks[-1], "_from_testcase", False):
        raise RuntimeError("A verb's change must be durable when it returns: do not nest it in a transaction.")
    return write(step)


def suppress(step: Step, why: str, ended: Sequence[int] = ()) -> int | None:
    """Suppress the recipient for the reason `why`, inside `turn_of`; return as `write` does. `ended` are the changes
    that ended topics along with it, and come back with it."""
    return _execute(_SUPPRESS, step, why=why, more=json.dumps({"ended": list(ended)} if ended else {}))


def lift(step: Step) -> int | None:
    """Lift the recipient's suppression, if there is one, inside `turn_of`; return as `write` does."""
    return _execute(_LIFT, step, more="{}")


def pause(step: Step, until: date) -> int | None:
    """Send nothing before the day `until`, inside `turn_of`; return as `write` does."""
    return _execute(_PAUSE, step, until=until, more="{}")


def go_on(step: Step) -> int | None:
    """End the pause of everything, if there is one, inside `turn_of`; return as `write` does."""
    return _execute(_GO_ON, step, more="{}")


def track(step: Step, *, is_tracked: bool) -> int | None:
    """Record the recipient's opens and clicks, or no longer, inside `turn_of`; return as `write` does."""
    return _execute(_TRACK, step, untracked=not is_tracked, more="{}")


def _execute(statement: str, step: Step, **values: Any) -> int | None:
    cause = step.cause
    rows = fetch_all(
        statement,
        {
            "recipient": step.recipient_id,
            "brand": step.brand_id,
            "channel": step.channel.value,
            "address": step.address,
            "source": cause.source.value,
            "reason": cause.reason,
            "evidence": json.dumps(cause.evidence),
            "mailing": cause.mailing,
            "actor": cause.actor,
            **values,
        },
    )
    return rows[0][0] if rows else None
