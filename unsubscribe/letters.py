"""Composing Farewell's own mails: a text and an HTML part in the recipient's language and the brand's name."""

from __future__ import annotations

import logging
import re
from datetime import timedelta
from smtplib import SMTPException
from typing import Any

from cryptography.fernet import InvalidToken
from django.conf import settings
from django.core.mail import EmailMultiAlternatives, mailers
from django.tasks import Task
from django.template.loader import render_to_string
from django.utils import timezone, translation

from preferences.languages import matching
from preferences.link_urls import url_of
from preferences.links import Channel, Claims, Purpose, seal
from preferences.models import Brand

logger = logging.getLogger(__name__)

# Not to be answered by an out-of-office program (RFC 3834 section 5).
HEADERS = {"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All"}

_BLANK_LINES = re.compile(r"\n{3,}")


_TRIES = 3
_SECONDS_BETWEEN_TRIES = 300


class DeliveryError(OSError):
    """The mail server did not take the mail. What it said is left out: it often repeats the address."""


def compose(brand: Brand | None, language: str, to: str, name: str, context: dict[str, Any]) -> EmailMultiAlternatives:
    """Return the mail `name`: the templates mail/<name>.txt, whose partial `subject` is the subject, and .html.

    Without a brand it comes from this Farewell itself. Templates get `brand`, `brand_name`, `footer`, `language` and
    `subject` beside the `context`.
    """
    code = matching(language) or settings.LANGUAGE_CODE
    footer = _footer(brand, code) if brand else ""
    shared = {"brand": brand, "brand_name": brand.name if brand else "", "footer": footer, "language": code}
    with translation.override(code):
        subject = " ".join(render_to_string(f"mail/{name}.txt#subject", shared | context).split())
        shared["subject"] = subject
        text = _BLANK_LINES.sub("\n\n", render_to_string(f"mail/{name}.txt", shared | context)).strip() + "\n"
        html = render_to_string(f"mail/{name}.html", shared | context)
    mail = EmailMultiAlternatives(
        subject=subject,
        body=text,
        from_email=(brand.from_email if brand else "") or None,
        to=[to],
        reply_to=[brand.reply_to] if brand and brand.reply_to else None,
        headers=HEADERS,
    )
    mail.attach_alternative(html, "text/html")
    return mail


def deliver(mail: EmailMultiAlternatives) -> bool:
    """Send through the default mailer; return whether it went. Raises DeliveryError, which names nobody: a task's
    traceback is kept."""
    try:
        return bool(mailers.default.send_messages([mail]))
    except (OSError, SMTPException) as error:
        raise DeliveryError(type(error).__name__) from None


def deliver_or_later(mail: EmailMultiAlternatives, task: Task[..., bool], asked: str | int, attempt: int) -> bool:
    """Send as `deliver` does; where the mail server is away, have `task` try again later with what was `asked`. Raises
    DeliveryError the last time."""
    try:
        return deliver(mail)
    except DeliveryError:
        if attempt == _TRIES:
            raise
        later = timezone.now() + timedelta(seconds=_SECONDS_BETWEEN_TRIES * attempt)
        task.using(run_after=later).enqueue(asked, attempt + 1)
        return False


def fresh_link(
    brand: Brand, purpose: Purpose, channel: Channel, address: str, topic: str = "", mailing: str = ""
) -> str | None:
    """Return the URL of a link sealed now with the brand's newest live key, None when it has none that can be used."""
    key = brand.keys.live().order_by("-created_at", "-id").first()
    if key is None:
        return None
    claims = Claims(purpose, channel, int(timezone.now().timestamp()), topic, mailing, address)
    try:
        return url_of(brand.link_base, purpose, seal(key.link_key(), claims))
    except InvalidToken:
        logger.error("key %s cannot be unsealed: SECRET_KEY changed without SECRET_KEY_FALLBACKS", key.kid)
        return None


def _footer(brand: Brand, language: str) -> str:
    """The brand's own text at the foot, in the mail's language or else in the brand's."""
    footers = {text.language: text.footer for text in brand.texts.all()}
    return footers.get(language, footers.get(brand.language, ""))
