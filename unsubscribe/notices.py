"""Notices: short mails to a recipient after a change that somebody else may have made with their link.

One follows an opt-out by arrival, for brands that want it; others follow when everything was left, paused or brought
back by the preference page's link, which a stranger may have of a forwarded mail. All say how to take it back; the page
there wants a press, because a gateway opens this mail's link as well.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from django.core.mail import EmailMultiAlternatives
from django.db import Error
from django.tasks import Task, task

from preferences import limits
from preferences.languages import spoken_date
from preferences.links import Channel, Purpose
from preferences.models import Pause, PreferenceChange, Recipient, Subscription, Suppression, Topic
from unsubscribe import letters

logger = logging.getLogger(__name__)


def announce(change_id: int) -> None:
    """Let the worker send the notice of a change. The opt-out stands already, so that nothing here may fail it."""
    _enqueue(send_notice, change_id)


def announce_save(changes: Sequence[PreferenceChange], *, is_back: bool, is_all_off: bool) -> None:
    """Let the worker tell the recipient what a save at the preference page did to everything: left or paused it,
    brought it back, or switched off one by one the last that they got. One notice a day at most; none for a phone."""
    for change in changes:
        if _stops_everything(change):
            _enqueue(send_everything_notice, change.id)
    own = [change for change in changes if change.channel == Channel.EMAIL]
    if own and (is_back or is_all_off):
        _enqueue(send_back_notice if is_back else send_everything_notice, own[-1].id)


def _enqueue(notice: Task[..., bool], change_id: int) -> None:
    try:
        notice.enqueue(change_id)
    except Error as error:
        logger.warning("the notice of change %s will not be sent: %s", change_id, type(error).__name__)


def _stops_everything(change: PreferenceChange) -> bool:
    """Whether it is by this change that everything was left or paused, for the first time or longer."""
    is_left = change.has_suppressed and bool(change.suppression) and not change.replaced.get("suppression")
    return is_left or (change.has_paused and change.paused_until is not None)


@task
def send_notice(change_id: int, attempt: int = 1) -> bool:
    """Send the notice, unless the opt-out was taken back meanwhile or only joined another; return whether it was sent.

    A mail server that is away is tried again; raises DeliveryError the last time. So do the other notices.
    """
    change = PreferenceChange.objects.select_related("recipient", "brand", "topic").filter(id=change_id).first()
    if change is None or change.replaced.get("state") == "out" or change.channel != Channel.EMAIL:
        return False
    if not Subscription.objects.filter(recipient_id=change.recipient_id, change_id=change_id).exists():
        return False
    mail = _notice(change)
    return mail is not None and letters.deliver_or_later(mail, send_notice, change_id, attempt)


@task
def send_everything_notice(change_id: int, attempt: int = 1) -> bool:
    """Send the notice, unless what it says was undone meanwhile or one was sent today; return whether it was sent.
    `change_id` is any that the same transaction made for this recipient."""
    named = _named(change_id)
    if named is None:
        return False
    own = PreferenceChange.objects.filter(recipient_id=named.recipient_id, xid=named.xid, topic=None)
    holding = (change for change in own.select_related("recipient", "brand").order_by("-id") if _still_holds(change))
    change = next(holding, named if _gets_nothing(named.recipient) else None)
    if change is None:
        return False
    is_pause = change.paused_until is not None and not change.suppression and change.topic_id is None
    day = spoken_date(change.paused_until, language_of(change)) if is_pause and change.paused_until else ""
    mail = _letter(change, "everything", day=day, is_one_press=change.topic_id is None)
    return _send_one_a_day(mail, send_everything_notice, change_id, attempt)


@task
def send_back_notice(change_id: int, attempt: int = 1) -> bool:
    """Tell that everything is sent again, as `send_everything_notice` tells that nothing is."""
    change = _named(change_id)
    if change is None or change.recipient.is_suppressed() or change.recipient.paused_until():
        return False
    return _send_one_a_day(_letter(change, "again"), send_back_notice, change_id, attempt)


def _named(change_id: int) -> PreferenceChange | None:
    """The change, if it is one that a mail can tell of."""
    changes = PreferenceChange.objects.select_related("recipient", "brand")
    return changes.filter(id=change_id, channel=Channel.EMAIL).exclude(recipient__address="").first()


def _send_one_a_day(mail: EmailMultiAlternatives | None, notice: Task[..., bool], change_id: int, attempt: int) -> bool:
    # What is tried again was counted when it was tried first.
    if mail is None or (attempt == 1 and not limits.may_announce(Channel.EMAIL, mail.to[0])):
        return False
    return letters.deliver_or_later(mail, notice, change_id, attempt)


def language_of(change: PreferenceChange) -> str:
    """The language that the recipient was spoken to when they, or whoever it was, made the change."""
    return str(change.evidence.get("language") or change.brand.language)


def _still_holds(change: PreferenceChange) -> bool:
    """Whether the change stopped everything, and nothing has been said about that since."""
    by_this = {"recipient_id": change.recipient_id, "change_id": change.id}
    return Suppression.objects.filter(**by_this).exists() or Pause.objects.filter(**by_this).exists()


def _gets_nothing(recipient: Recipient) -> bool:
    """Whether every topic is off, each for itself, but what a contract requires."""
    topics = Topic.objects.filter(brand_id=recipient.brand_id, is_required=False)
    offered = [topic for topic in topics if recipient.channel in topic.channels]
    return not recipient.is_suppressed() and not any(one.is_in for one in recipient.choices(offered).values())


def _notice(change: PreferenceChange) -> EmailMultiAlternatives | None:
    topic, address, language = change.topic, change.recipient.address, language_of(change)
    if topic is None or not address:
        return None
    link = letters.fresh_link(change.brand, Purpose.UNSUBSCRIBE, Channel.EMAIL, address, topic.slug, change.mailing)
    if link is None:
        return None
    names = {text.language: text.name for text in topic.texts.all()}
    context = {"topic_name": names.get(language, topic.name), "back_url": f"{link}/undo"}
    return letters.compose(change.brand, language, address, "notice", context)


def _letter(change: PreferenceChange, name: str, **context: Any) -> EmailMultiAlternatives | None:
    address = change.recipient.address
    link = letters.fresh_link(change.brand, Purpose.PREFERENCES, Channel.EMAIL, address, mailing=change.mailing)
    if link is None:
        return None
    return letters.compose(change.brand, language_of(change), address, name, context | {"preferences_url": link})
