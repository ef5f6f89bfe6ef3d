"""Mails as files."""

from __future__ import annotations

import email.policy
import os
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

from django.core.mail import EmailMessage
from django.core.mail.backends.filebased import EmailBackend
from django.utils import timezone

_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9._-]+")


class OutboxBackend(EmailBackend):
    """Writes each mail as one .eml file that a mail client opens, instead of sending it.

    A mail that has an `outbox_name` replaces the one of that name; others are named after moment and recipient.
    """

    def send_messages(self, messages: Sequence[EmailMessage]) -> int:
        sendable = [message for message in messages if message.recipients()]
        for message in sendable:
            write_whole(Path(self.file_path, _name(message)), message.message(policy=email.policy.SMTP).as_bytes())
        return len(sendable)


def write_whole(path: Path, content: bytes) -> None:
    """Write the file so that nobody ever sees half of it. Readable by its owner alone: it may hold links."""
    handle, aside = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(aside, path)
    except BaseException:
        os.unlink(aside)
        raise


def _name(message: EmailMessage) -> str:
    given = getattr(message, "outbox_name", "")
    if not given:
        local = message.recipients()[0].rpartition("<")[2].partition("@")[0]
        given = f"{timezone.now():%Y%m%dT%H%M%S}-{local}-{uuid4().hex[:6]}"
    return f"{_NOT_IN_A_NAME.sub('-', given).strip('.-')[:120] or 'mail'}.eml"
