"""Settling: a provisional change that later evidence proves a robot's is put back; any other becomes final by itself.

A provisional change is an opt-out, or an opt-in by its own link. Nothing has to run for one to become final, as
`settles_at` is a moment, and time passes. What runs here only puts back. Whoever writes evidence looks for changes
afterwards, and whoever writes a change looks for evidence afterwards: each web process reviews what its recorder has
just written, its own arrivals among it. So of evidence and change that race, the one that is written later finds the
other, in whichever process. What a crash cut short is found by the worker's sweeps (tasks.py), by `manage.py settle`,
or when a process starts.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import Error, connection
from django.utils import timezone

from engagement.recording.recorder import WRITTEN_KEPT, recorder
from preferences.models import Cause, Outcome, PreferenceChange, Recipient, Source, State
from preferences.prepared import fetch_all
from unsubscribe.refuting import Claim, Refutation, claims_of, refute_all

logger = logging.getLogger(__name__)

# A change is never put back later than this, however late the evidence is found: mailbox providers allow two days.
LATEST = timedelta(hours=48)
_SLACK = timedelta(minutes=5)  # for evidence of the last moments that is reviewed a little later
_NEWEST = timedelta(minutes=10)  # changes that the same visitor's next recipients can speak against
_SECONDS_BETWEEN_REVIEWS = 0.2
_SECONDS_AFTER_TROUBLE = 5.0
_AT_ONCE = 500  # changes looked at by one statement

# Which changes to look at: those of certain recipients, or made lately by certain visitors, or all.
_SOME = """
SELECT change_id FROM preferences_subscription WHERE recipient_id = ANY(%(recipients)s) AND settles_at IS NOT NULL
UNION
SELECT id FROM preferences_preferencechange
WHERE evidence ->> 'visitor' = ANY(%(visitors)s) AND changed_at > %(recently)s AND settles_at IS NOT NULL
"""
_ALL = "SELECT change_id FROM preferences_subscription WHERE settles_at > %(settling_after)s"
# Of these, the provisional ones that hold now and beside which something was recorded that could speak against them.
# This first look is coarse and cheap; only what it finds is looked at closely.
_SUSPECTED = """
SELECT change.id
FROM ({candidates}) AS candidate (id)
JOIN preferences_preferencechange AS change ON change.id = candidate.id
JOIN preferences_subscription AS present
     ON present.recipient_id = change.recipient_id AND present.topic_id = change.topic_id
    AND present.channel = change.channel AND present.change_id = change.id
WHERE present.settles_at > %(settling_after)s AND change.changed_at > %(latest)s
  AND change.id > %(after)s
  AND (
    jsonb_path_exists(change.evidence, '$.signals[*] ? (@.hard == true)')
    OR change.replaced ->> 'state' = change.state
    OR EXISTS (
        SELECT FROM engagement_interaction AS seen
        WHERE seen.recipient_id = change.recipient_id AND seen.mailing = change.mailing
          AND seen.occurred_at BETWEEN to_timestamp((change.evidence ->> 'at')::float) - interval '1 hour'
                                   AND change.settles_at
          AND (seen.is_hard OR seen.purpose || ' ' || seen.topic <> change.evidence ->> 'link')
    )
    OR 3 <= (
        SELECT count(DISTINCT near.recipient_id) FROM (
            SELECT seen.recipient_id FROM engagement_interaction AS seen
            WHERE seen.network = nullif(change.evidence ->> 'network', '')::inet
              AND (seen.brand_id = change.brand_id) IS TRUE
              AND seen.occurred_at BETWEEN to_timestamp((change.evidence ->> 'at')::float) - interval '1 minute'
                                       AND to_timestamp((change.evidence ->> 'at')::float) + interval '1 minute'
            LIMIT 200
        ) AS near
    )
  )
ORDER BY change.id
LIMIT %(at_once)s
"""
_SUSPECTED_SOME, _SUSPECTED_ALL = (_SUSPECTED.format(candidates=candidates) for candidates in (_SOME, _ALL))


@dataclass(frozen=True, slots=True)
class Review:
    """What a review did: how many changes something spoke against, and how many were put back."""

    suspected_count: int = 0
    reinstated_count: int = 0


def review(recipients: Collection[UUID], visitors: Collection[str]) -> Review:
    """Look at the provisional changes of these recipients, and at the newest of these visitors (hexadecimal)."""
    now = timezone.now()
    values = {"recipients": list(recipients), "visitors": list(visitors), "recently": now - _NEWEST}
    return _review(_SUSPECTED_SOME, values | {"settling_after": now - _SLACK})


def sweep(*, is_late: bool = False) -> Review:
    """Look at every provisional change whose window is open; with `is_late`, at those of the last 48 hours whose
    window has closed since, too: for evidence that was recorded in time and has not been looked at."""
    return _review(_SUSPECTED_ALL, {"settling_after": timezone.now() - (LATEST if is_late else _SLACK)})


def _review(statement: str, values: dict[str, Any]) -> Review:
    values |= {"latest": timezone.now() - LATEST, "at_once": _AT_ONCE, "after": 0}
    suspected = reinstated = 0
    while rows := fetch_all(statement, values):
        suspected += len(rows)
        reinstated += sum(settle(change_id) for (change_id,) in rows)
        values["after"] = rows[-1][0]
    return Review(suspected, reinstated)


def settle(change_id: int) -> bool:
    """Put back what the change `change_id` replaced when everyone who made it is refuted; return whether that was done.

    One that several visitors made stands as long as one of them does.
    """
    claims = claims_of(change_id)
    refutations = refute_all(claims)
    if not claims or len(refutations) < len(claims):
        return False
    outcome = restore(change_id, claims, _cause(claims[0], refutations))
    if outcome.has_changed:
        logger.info("change %s was a robot's: reinstated by change %s", change_id, outcome.change_ids[0])
    return outcome.has_changed


def restore(change_id: int, claims: list[Claim], cause: Cause) -> Outcome:
    """Restore what the present change `change_id` replaced, which rests on `claims`. What had been provisional until
    its own window's end is so again: a robot may have subscribed someone before it ended that."""
    newest, oldest = claims[0], claims[-1]
    recipient = Recipient(
        id=newest.recipient_id, brand_id=newest.brand_id, channel=newest.channel, address=newest.address
    )
    below = PreferenceChange.objects.filter(id=oldest.restored_id or 0, settles_at__isnull=False).first()
    if below is not None:
        cause = replace(cause, settles_at=below.settles_at, evidence=cause.evidence | {"restores": below.id})
    state = oldest.restored_state if oldest.state == State.IN else None
    return recipient.reinstate(change_id, newest.topic_id, cause, oldest.restored, state)


def _cause(newest: Claim, refutations: list[Refutation]) -> Cause:
    signals = {signal["name"]: signal for refutation in refutations for signal in refutation.signals}
    return Cause(
        Source.REINSTATEMENT,
        newest.mailing,
        reason="A robot had begun it." if newest.state == State.IN else "A robot had ended it.",
        evidence={
            "refuted": [refutation.claim.change_id for refutation in refutations],
            "signals": list(signals.values()),
            "interactions": sorted({number for refutation in refutations for number in refutation.interactions}),
        },
    )


class Settler:
    """The thread of a web process that reviews what its recorder has written."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._start_lock = threading.Lock()

    def wake(self) -> None:
        """Start the thread when it does not run yet: in a process of its own after a fork, too."""
        if self._thread is None or not self._thread.is_alive():
            self._start()

    def review_written(self) -> Review:
        """Review what was written since the last time, in the caller's thread. Raises `django.db.Error`."""
        rows = recorder.take_written()
        if len(rows) == WRITTEN_KEPT:  # and there were more
            return sweep()
        if not rows:
            return Review()
        return review({UUID(hex=row.recipient) for row in rows}, {row.visitor for row in rows})

    def _start(self) -> None:
        with self._start_lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="farewell-settler", daemon=False)
                self._thread.start()

    def _run(self) -> None:
        main = threading.main_thread()
        seconds, must_sweep = _SECONDS_BETWEEN_REVIEWS, True  # what a process before this one left
        try:
            while main.is_alive():
                main.join(seconds)
                must_sweep = not self._try(must_sweep=must_sweep)
                seconds = _SECONDS_AFTER_TROUBLE if must_sweep else _SECONDS_BETWEEN_REVIEWS
        finally:
            connection.close()

    def _try(self, *, must_sweep: bool) -> bool:
        try:
            if must_sweep:
                sweep()
            self.review_written()
        except Error as error:
            logger.warning("changes are reviewed later, the database does not answer: %s", type(error).__name__)
            connection.close()
            return False
        except Exception:
            logger.exception("a review of changes failed")
        return True


settler = Settler()
