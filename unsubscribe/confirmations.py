"""Double opt-in: a mail to the address itself, whose links switch on what somebody wished for there.

The wish alone changes nothing and stores nothing about anybody. What the ledger keeps as the consent is the opt-in that
a link brings (joining.py), with the moment of the wish, which the link carries as that of its sending.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence

from django.core.mail import EmailMultiAlternatives, mailers
from django.tasks import task
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext

from preferences.directory import Link, directory
from preferences.link_urls import url_of
from preferences.links import Channel, Claims, LinkError, Purpose, seal
from preferences.models import Brand, Recipient, Topic


def ask_to_confirm(recipient: Recipient, topic_ids: Collection[int], language: str, network: str) -> bool:
    """Have one mail sent that asks for a confirmation of these topics, and return whether one will be.

    None is to a phone, because no SMS is sent from here, and none past the limits, by which nobody's inbox is flooded.
    `recipient` need not be stored; `network` is the network address of whoever asks.
    """
    topics = Topic.objects.filter(brand_id=recipient.brand_id, id__in=topic_ids)
    if recipient.channel != Channel.EMAIL or not topics:
        return False
    key = Brand(id=recipient.brand_id).keys.live().order_by("-created_at", "-id").first()
    if key is None:
        return False
    asked_at, seals = int(time.time()), key.link_key()
    tokens = [
        seal(seals, Claims(Purpose.OPT_IN, Channel.EMAIL, asked_at, topic.slug, "", recipient.address))
        for topic in topics
    ]
    send_confirmation.enqueue(tokens, language)
    return True


@task
def send_confirmation(tokens: Sequence[str], language: str) -> bool:
    """Send the mail with these links; return whether it was sent. Raises OSError when the server does not take it."""
    links = [(link, token) for token in tokens if (link := _opened(token)) is not None]
    if not links:
        return False
    with translation.override(language):
        return bool(mailers.default.send_messages([_mail(links, language)]))


def _opened(token: str) -> Link | None:
    """The link, None when its key was retired while the mail waited."""
    try:
        return directory.open(token, Purpose.OPT_IN)
    except LinkError:
        return None


def _mail(links: Sequence[tuple[Link, str]], language: str) -> EmailMultiAlternatives:
    brand = links[0][0].brand
    offers = [
        {"name": link.topic_name(language), "url": url_of(brand.link_base, Purpose.OPT_IN, token)}
        for link, token in links
    ]
    context = {"brand_name": brand.name, "offers": offers, "language": language}
    mail = EmailMultiAlternatives(
        subject=gettext("Please confirm your subscription"),
        body=render_to_string("mail/confirm.txt", context),
        from_email=Brand.objects.values_list("from_email", flat=True).get(id=brand.id) or None,
        to=[links[0][0].claims.address],
        # Not to be answered by an out-of-office program (RFC 3834 section 5).
        headers={"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All"},
    )
    mail.attach_alternative(render_to_string("mail/confirm.html", context), "text/html")
    return mail
