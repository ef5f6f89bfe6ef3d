"""Opt-outs that were accepted while the database did not answer, and take effect when it does (docs/recorder.md).

They are kept only where the operator turned it on (FAREWELL_SPOOL_OPT_OUTS). Each is granted by the same verb as any
other, with the evidence and the time of the wish; granting one twice changes nothing, and whoever has said otherwise
since keeps what they said then.
"""

from __future__ import annotations

import logging
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from cryptography.fernet import InvalidToken
from django.conf import settings
from django.db import Error, InterfaceError, OperationalError, connection
from django.utils import timezone

from engagement.spool.wishes import WaitingWish, WishSpool, drain_of, drain_orphans, tallies
from preferences.directory import Link
from preferences.links import Channel
from preferences.models import Brand, Cause, Recipient, Source, State, Subscription
from preferences.pulse import pulse
from preferences.sealing import open_fields, seal_fields
from unsubscribe import notices, settling

logger = logging.getLogger(__name__)

NOT_ANSWERING = (OperationalError, InterfaceError)
_SECONDS_BETWEEN_LOOKS = 1.0


def is_on() -> bool:
    return bool(settings.FAREWELL_SPOOL_OPT_OUTS)


class Waiting:
    """The opt-outs that wait, and the thread of a web process that grants them."""

    def __init__(self) -> None:
        self._spool = WishSpool()
        self._is_any = False
        self._thread: threading.Thread | None = None
        self._start_lock = threading.Lock()

    def keep(self, link: Link, cause: Cause, back_since: datetime | None = None) -> bool:
        """Put an opt-out on the disk; return whether it is there. `cause` is what it would have been granted with."""
        if not is_on() or not self._spool.keep(_wish(link, cause, back_since)):
            return False
        self._is_any = True
        self.wake()
        return True

    def wake(self) -> None:
        """Start the thread when it does not run yet: in a process of its own after a fork, too."""
        if self._thread is None or not self._thread.is_alive():
            with self._start_lock:
                if self._thread is None or not self._thread.is_alive():
                    self._thread = threading.Thread(target=self._run, name="farewell-waiting", daemon=True)
                    self._thread.start()

    def grant_of(self, recipient_id: UUID) -> None:
        """Grant what waits of the recipient, who is about to say something newer. Where nothing waits, nothing is
        asked."""
        if self._is_any and not pulse.is_away:
            with suppress(*NOT_ANSWERING):
                drain_of([recipient_id], grant)

    def grant_all(self) -> int:
        """Grant what waits on this machine, but for other live processes' wishes; return how many. Raises
        `django.db.Error` when the database does not answer."""
        count = self._spool.drain(grant) + drain_orphans(grant)
        if count:
            logger.warning("%s opt-outs that had waited for the database were granted", count)
            settling.sweep(is_late=True)  # what had been provisional, perhaps until a moment that is past
        return count

    def _run(self) -> None:
        while True:
            if not pulse.is_away:
                self._look()
            time.sleep(_SECONDS_BETWEEN_LOOKS)

    def _look(self) -> None:
        try:
            self.grant_all()
            self._is_any = bool(tallies())
        except Error as error:
            logger.warning("opt-outs wait, the database does not answer: %s", type(error).__name__)
        except Exception:
            logger.exception("opt-outs that wait were not looked at")
        finally:
            connection.close()


def grant(wish: WaitingWish) -> bool:
    """Grant the wish; return whether it is settled. Raises OperationalError or InterfaceError when the database does
    not answer; whatever else stands in its way is in the log, and the wish goes on waiting."""
    try:
        return _grant(wish, open_fields(wish.sealed))
    except NOT_ANSWERING:
        raise
    except InvalidToken:
        logger.error("an opt-out that waits cannot be unsealed: SECRET_KEY changed without SECRET_KEY_FALLBACKS")
    except Exception:
        logger.exception("an opt-out that waits could not be granted")
    return False


def _grant(wish: WaitingWish, fields: dict[str, Any]) -> bool:
    brand = Brand.objects.defer("logo").filter(id=wish.brand_id).first()
    if brand is None:
        logger.error("an opt-out waited for a brand that is gone")
        return True
    recipient = Recipient.at(brand.id, Channel(fields["channel"]), fields["address"])
    topic_id, wished_at = brand.topic_for(wish.topic).id, datetime.fromtimestamp(wish.wished_at, UTC)
    if _may_return(recipient, topic_id, wished_at):
        return False
    cause = Cause(
        Source(wish.source),
        fields["mailing"],
        evidence=fields["evidence"] | {"wished_at": wished_at.isoformat()},
        settles_at=_moment(fields["settles_at"]),
    )
    back_since = _moment(fields["back_since"])
    outcome = recipient.opt_out_late(topic_id, cause, wished_at, unless_back_since=back_since)
    if outcome.has_changed and cause.source is Source.ARRIVAL and brand.sends_notice:
        notices.announce(outcome.change_ids[0])
    return True


def _may_return(recipient: Recipient, topic_id: int, wished_at: datetime) -> bool:
    """Whether someone has subscribed them since who may yet turn out to be a robot: that has to settle first."""
    rows = Subscription.objects.filter(recipient_id=recipient.id, topic_id=topic_id, channel=recipient.channel)
    return rows.filter(state=State.IN, changed_at__gte=wished_at, settles_at__gt=timezone.now()).exists()


def _wish(link: Link, cause: Cause, back_since: datetime | None) -> WaitingWish:
    claims, evidence = link.claims, cause.evidence
    standing = "" if cause.settles_at is None else "provisional"
    return WaitingWish(
        wished_at=time.time(),
        brand_id=link.brand.id,
        recipient=link.recipient_id.hex,
        topic=claims.topic,
        source=cause.source.value,
        visitor=f"{evidence.get('visitor')} {evidence.get('program')} {standing}",
        sealed=seal_fields(
            channel=claims.channel.value,
            address=claims.address,
            mailing=cause.mailing,
            evidence=evidence,
            settles_at=cause.settles_at.isoformat() if cause.settles_at else None,
            back_since=back_since.isoformat() if back_since else None,
        ),
    )


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


waiting = Waiting()
