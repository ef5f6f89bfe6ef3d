"""Double opt-in: a mail to the address itself, whose links switch on what somebody wished for there.

The wish alone changes nothing and stores nothing about anybody. What the ledger keeps as the consent is the opt-in that
a link brings (joining.py), with the moment of asking, which the link carries as that of its sending.
"""

from __future__ import annotations

from collections.abc import Collection

from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.tasks import task

from engagement.visitors import truncated
from preferences import limits
from preferences.languages import matching
from preferences.links import Channel, Purpose
from preferences.models import Brand, Recipient, Topic
from preferences.sealing import open_fields, seal_fields
from unsubscribe import letters


def ask_to_confirm(recipient: Recipient, topic_ids: Collection[int], language: str, network: str) -> bool:
    """Have one mail sent that asks to confirm these topics, with a link for each; return whether one will be.

    None is sent to a phone, as there is no SMS from here, and none past the limits by which nobody's inbox is flooded.
    `recipient` need not be stored; `network` is the network address of whoever asks, "" when unknown.
    """
    if recipient.channel != Channel.EMAIL or not topic_ids:
        return False
    asked = seal_fields(
        brand=recipient.brand_id, address=recipient.address, topics=sorted(topic_ids), language=language
    )
    with transaction.atomic():
        is_allowed = limits.may_send(Purpose.OPT_IN, Channel.EMAIL, recipient.address, truncated(network))
        if is_allowed:
            send_confirmation.enqueue(asked)
    return is_allowed


@task
def send_confirmation(asked: str, attempt: int = 1) -> bool:
    """Send what was asked for; `asked` is sealed. Return whether it was sent. A mail server that is away is tried
    again; raises DeliveryError the last time."""
    fields = open_fields(asked)
    mail = _letter(fields["brand"], fields["address"], fields["topics"], fields["language"])
    return mail is not None and letters.deliver_or_later(mail, send_confirmation, asked, attempt)


def _letter(brand_id: int, address: str, topic_ids: list[int], language: str) -> EmailMultiAlternatives | None:
    brand = Brand.objects.defer("logo").prefetch_related("texts").get(id=brand_id)
    topics = list(Topic.objects.filter(brand_id=brand_id, id__in=topic_ids).prefetch_related("texts"))
    offers = [
        (_name(topic, language), url) for topic in topics if (url := _link(brand, address, Purpose.OPT_IN, topic))
    ]
    if not offers:
        return None
    context = {"offers": offers, "hidden_url": _link(brand, address, Purpose.HIDDEN, topics[0])}
    return letters.compose(brand, language, address, "confirm", context)


def _link(brand: Brand, address: str, purpose: Purpose, topic: Topic) -> str | None:
    return letters.fresh_link(brand, purpose, Channel.EMAIL, address, topic.slug)


def _name(topic: Topic, language: str) -> str:
    return {text.language: text.name for text in topic.texts.all()}.get(matching(language) or "", topic.name)
