"""The notice: a short mail after an opt-out by arrival, for brands that want one. It says that the person has left, and
where to come back; the page there wants a press, because a gateway opens this mail's link as well."""

from __future__ import annotations

import logging

from django.core.mail import EmailMultiAlternatives, mailers
from django.db import Error
from django.tasks import task
from django.template.loader import render_to_string
from django.utils import timezone

from preferences.link_urls import url_of
from preferences.links import Channel, Claims, Purpose, seal
from preferences.models import PreferenceChange, Subscription

logger = logging.getLogger(__name__)


def announce(change_id: int) -> None:
    """Let the worker send the notice of a change. The opt-out stands already, so that nothing here may fail it."""
    try:
        send_notice.enqueue(change_id)
    except Error as error:
        logger.warning("the notice of change %s will not be sent: %s", change_id, type(error).__name__)


@task
def send_notice(change_id: int) -> bool:
    """Send the notice, unless the opt-out was taken back meanwhile or only joined another; return whether it was sent.

    Raises OSError when the mail server does not take it.
    """
    change = PreferenceChange.objects.select_related("recipient", "brand", "topic").get(id=change_id)
    still_holds = Subscription.objects.filter(recipient_id=change.recipient_id, change_id=change_id).exists()
    if not still_holds or change.replaced.get("state") == "out" or change.channel != Channel.EMAIL:
        return False
    mail = _notice(change)
    return mail is not None and bool(mailers.default.send_messages([mail]))


def _notice(change: PreferenceChange) -> EmailMultiAlternatives | None:
    key = change.brand.keys.live().order_by("-created_at", "-id").first()
    if key is None or change.topic is None:
        return None
    claims = Claims(
        Purpose.UNSUBSCRIBE,
        Channel.EMAIL,
        int(timezone.now().timestamp()),
        change.topic.slug,
        change.mailing,
        change.recipient.address,
    )
    link = url_of(change.brand.link_base, claims.purpose, seal(key.link_key(), claims))
    context = {"brand": change.brand, "topic": change.topic, "back_url": f"{link}/undo"}
    mail = EmailMultiAlternatives(
        subject=f"You have left {change.topic.name}",
        body=render_to_string("mail/notice.txt", context),
        from_email=change.brand.from_email or None,
        to=[change.recipient.address],
        # Not to be answered by an out-of-office program (RFC 3834 section 5).
        headers={"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All"},
    )
    mail.attach_alternative(render_to_string("mail/notice.html", context), "text/html")
    return mail
