"""Mails as files."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

from django.core.mail import EmailMessage
from django.core.mail.backends.filebased import EmailBackend


class OutboxBackend(EmailBackend):
    """Writes each mail as one .eml file that a mail client opens, instead of sending it."""

    def send_messages(self, messages: list[EmailMessage]) -> int:
        for message in messages:
            name = message.extra_headers.get("X-Outbox-Name") or uuid4().hex
            text = message.message()
            del text["X-Outbox-Name"]
            Path(self.file_path, f"{name}.eml").write_bytes(text.as_bytes())
        return len(messages)
