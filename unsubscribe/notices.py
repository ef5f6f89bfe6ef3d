"""Notices: short mails to a recipient after a change that somebody else may have made with their link.

One follows an opt-out by arrival, for brands that want it; one follows when everything was left or paused by the
preference page's link, which a stranger may have of a forwarded mail. Both say how to come back; the page there wants
a press, because a gateway opens this mail's link as well.
"""

from __future__ import annotations

import logging

from django.core.mail import EmailMultiAlternatives
from django.db import Error
from django.tasks import task

from preferences import limits
from preferences.languages import spoken_date
from preferences.links import Channel, Purpose
from preferences.models import Pause, PreferenceChange, Subscription, Suppression
from unsubscribe import letters

logger = logging.getLogger(__name__)


def announce(change_id: int) -> None:
    """Let the worker send the notice of a change. The opt-out stands already, so that nothing here may fail it."""
    try:
        send_notice.enqueue(change_id)
    except Error as error:
        logger.warning("the notice of change %s will not be sent: %s", change_id, type(error).__name__)


def announce_everything(change_id: int) -> None:
    """Let the worker tell the recipient that everything was left or paused. `change_id` is the change's without a
    topic, or any that the same transaction made for this recipient. One a day at most; none for a phone."""
    try:
        send_everything_notice.enqueue(change_id)
    except Error as error:
        logger.warning("the notice of change %s will not be sent: %s", change_id, type(error).__name__)


@task
def send_notice(change_id: int) -> bool:
    """Send the notice, unless the opt-out was taken back meanwhile or only joined another; return whether it was sent.

    Raises DeliveryError when the mail server does not take it.
    """
    change = PreferenceChange.objects.select_related("recipient", "brand", "topic").filter(id=change_id).first()
    if change is None or change.replaced.get("state") == "out" or change.channel != Channel.EMAIL:
        return False
    if not Subscription.objects.filter(recipient_id=change.recipient_id, change_id=change_id).exists():
        return False
    mail = _notice(change)
    return mail is not None and letters.deliver(mail)


@task
def send_everything_notice(change_id: int) -> bool:
    """Send the notice, unless what it says was undone meanwhile or one was sent today; return whether it was sent.

    Raises DeliveryError when the mail server does not take it.
    """
    named = PreferenceChange.objects.filter(id=change_id).first()
    if named is None or named.channel != Channel.EMAIL:
        return False
    own = PreferenceChange.objects.filter(recipient_id=named.recipient_id, xid=named.xid, topic=None)
    for change in own.select_related("recipient", "brand").order_by("-id"):
        if _still_holds(change) and (mail := _everything_notice(change)):
            allowed = limits.may_announce(Channel.EMAIL, change.recipient.address)
            return allowed and letters.deliver(mail)
    return False


def language_of(change: PreferenceChange) -> str:
    """The language that the recipient was spoken to when they, or whoever it was, made the change."""
    return str(change.evidence.get("language") or change.brand.language)


def _still_holds(change: PreferenceChange) -> bool:
    """Whether the change stopped everything, and nothing has been said about that since."""
    by_this = {"recipient_id": change.recipient_id, "change_id": change.id}
    return Suppression.objects.filter(**by_this).exists() or Pause.objects.filter(**by_this).exists()


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


def _everything_notice(change: PreferenceChange) -> EmailMultiAlternatives | None:
    address, language = change.recipient.address, language_of(change)
    if not address:
        return None
    link = letters.fresh_link(change.brand, Purpose.PREFERENCES, Channel.EMAIL, address, mailing=change.mailing)
    if link is None:
        return None
    is_pause = change.paused_until is not None and not change.suppression
    day = spoken_date(change.paused_until, language) if is_pause and change.paused_until else ""
    return letters.compose(change.brand, language, address, "everything", {"day": day, "preferences_url": link})
