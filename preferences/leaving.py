"""What is offered to whoever has left, what they answer to the question why, and how answers are cut from people."""

from __future__ import annotations

import logging
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import Error, connection
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from preferences.directory import BrandEntry
from preferences.models import Frequency, PreferenceChange, Recipient, State, Topic
from preferences.models.answers import MAX_COMMENT_LENGTH, LeavingAnswer, LeavingReason

logger = logging.getLogger(__name__)

# What a brand without reasons of its own offers to choose from. The slugs stand in answers and counts: none may change.
BUILT_IN_REASONS: dict[str, Promise] = {
    "too_many": gettext_lazy("Too many messages"),
    "not_relevant": gettext_lazy("Not relevant for me"),
    "no_longer_needed": gettext_lazy("I no longer need it"),
    "never_signed_up": gettext_lazy("I never signed up"),
    "other_address": gettext_lazy("I get it at another address, too"),
}
_TRANSACTION = timedelta(seconds=2)  # longer than one that leaves everything takes
# Rather than each as it is written.
_FEWER = [Frequency.DAILY, Frequency.WEEKLY, Frequency.MONTHLY]


@dataclass(frozen=True, slots=True)
class Reason:
    """A brand's own answer to choose, in the brand's language and, by code, in others."""

    slug: str
    text: str
    texts: tuple[tuple[str, str], ...] = ()

    def in_language(self, code: str) -> tuple[str, str]:
        return self.slug, dict(self.texts).get(code, self.text)


@dataclass(frozen=True, slots=True)
class AfterLeaving:
    """What can be offered below "you have left" a topic. Hashable, so that rendered pages can be kept by it."""

    frequencies: tuple[str, ...] = ()
    can_pause: bool = True
    asks_why: bool = False
    own_reasons: tuple[Reason, ...] = ()

    def reasons(self, language: str) -> list[tuple[str, str | Promise]]:
        """The answers to choose from, as slug and text; none when the question is not asked."""
        if not self.asks_why:
            return []
        return [reason.in_language(language) for reason in self.own_reasons] or list(BUILT_IN_REASONS.items())


@dataclass(frozen=True, slots=True)
class _Known:
    """What was read for a brand. It holds as long as the directory's entry does that it was read for."""

    entry: BrandEntry
    topics: dict[str, AfterLeaving]
    otherwise: AfterLeaving


_known: dict[int, _Known] = {}


def after_leaving(brand: BrandEntry, topic: str) -> AfterLeaving:
    """Return what to offer to who has left the topic; no query once warm. An offer is a courtesy: when the database
    has gone away just after the leaving was saved, there is none."""
    known = _known.get(brand.id)
    if known is None or known.entry is not brand:
        try:
            known = _known[brand.id] = _read(brand)
        except Error as error:
            logger.warning("nothing is offered to who leaves, the database does not answer: %s", type(error).__name__)
            return AfterLeaving()
    return known.topics.get(topic, known.otherwise)


def _read(brand: BrandEntry) -> _Known:
    rows = LeavingReason.objects.filter(brand_id=brand.id, is_offered=True).prefetch_related("texts")
    reasons = tuple(
        Reason(row.slug, row.text, tuple((text.language, text.text) for text in row.texts.all())) for row in rows
    )
    topics = {}
    for slug, offered, is_required in Topic.objects.filter(brand_id=brand.id).values_list(
        "slug", "frequencies", "is_required"
    ):
        fewer = tuple(frequency.value for frequency in _FEWER if frequency in offered)
        # A pause does not hold for what a contract requires, so none is offered there.
        topics[slug] = AfterLeaving(fewer, not is_required, brand.asks_why, reasons)
    return _Known(brand, topics, AfterLeaving(asks_why=brand.asks_why, own_reasons=reasons))


def tidy(comment: str) -> str:
    """Return free text without what is around it and without control characters, lines apart."""
    lines = "\n".join(comment.splitlines())
    return "".join(char for char in lines if char == "\n" or unicodedata.category(char) != "Cc").strip()


def known_reason(brand_id: int, slug: str) -> str:
    """Return the slug of a reason that is, or was, offered; "" for any other."""
    if slug in BUILT_IN_REASONS or LeavingReason.objects.filter(brand_id=brand_id, slug=slug).exists():
        return slug
    return ""


def leaving_of(recipient: Recipient, topic_id: int | None) -> PreferenceChange | None:
    """Return the change by which the recipient last left the topic, or everything when that is how the topic ended or
    `topic_id` is None. Not a later one that only settled it."""
    began = recipient.changes.filter(state=State.OUT).exclude(replaced__state=State.OUT).order_by("-id")
    everything = began.filter(topic=None).first()
    one = began.filter(topic_id=topic_id, channel=recipient.channel).first() if topic_id is not None else None
    return one if one and not (everything and _are_together(one, everything)) else everything


def _are_together(one: PreferenceChange, other: PreferenceChange) -> bool:
    """Whether one transaction wrote both. After a restore from a dump the numbers of those before it are all alike."""
    return one.xid == other.xid and abs(one.changed_at - other.changed_at) < _TRANSACTION


def store_answer(change: PreferenceChange, reason: str, comment: str) -> LeavingAnswer:
    """Store what the person said about `change`, in place of an earlier answer. Raises ValueError when the comment is
    too long or nothing was said."""
    if len(comment) > MAX_COMMENT_LENGTH or not (reason or comment):
        raise ValueError("an answer is a reason, or a comment of at most 500 characters, or both")
    answer = LeavingAnswer(
        brand_id=change.brand_id,
        recipient_id=change.recipient_id,
        topic_id=change.topic_id,
        channel=change.channel,
        change_id=change.id,
        reason=reason,
        comment=comment,
        answered_at=timezone.now(),
    )
    said = ["reason", "comment", "answered_at"]
    return LeavingAnswer.objects.bulk_create(
        [answer], update_conflicts=True, unique_fields=["change_id"], update_fields=said
    )[0]


# One statement, and so one transaction: an answer is counted if and only if it is gone. What was said about an opt-out
# that evidence took back was no person's answer, and is not counted.
_CUT = """
WITH cut AS (
    DELETE FROM preferences_leavinganswer WHERE id IN (
        SELECT id FROM preferences_leavinganswer WHERE answered_at < %(before)s
        ORDER BY answered_at LIMIT %(at_once)s FOR UPDATE SKIP LOCKED)
    RETURNING brand_id, recipient_id, topic_id, channel, change_id, reason,
              (answered_at AT TIME ZONE 'UTC')::date AS answered_on
), counted AS (
    INSERT INTO preferences_leavinganswercount AS known (brand_id, topic_id, channel, reason, answered_on, count)
    SELECT brand_id, topic_id, channel, reason, answered_on, count(*) FROM cut
    WHERE NOT EXISTS (
        SELECT FROM preferences_preferencechange AS change
        WHERE change.recipient_id = cut.recipient_id AND change.source = 'reinstatement'
          AND change.evidence -> 'refuted' @> to_jsonb(cut.change_id))
    GROUP BY brand_id, topic_id, channel, reason, answered_on
    ORDER BY brand_id, topic_id, channel, reason, answered_on
    ON CONFLICT (brand_id, topic_id, channel, reason, answered_on) DO UPDATE SET count = known.count + EXCLUDED.count
)
SELECT count(*) FROM cut
"""


def cut_answers(before: datetime, *, at_once: int = 1_000) -> int:
    """Leave of the answers given before that moment a count, without person and free text; return how many were cut.
    Whoever runs it twice, or twice at a time, counts nothing twice."""
    total, cut = 0, at_once
    while cut == at_once:
        with connection.cursor() as cursor:
            cursor.execute(_CUT, {"before": before, "at_once": at_once})
            (cut,) = cursor.fetchone()
        total += cut
    return total
