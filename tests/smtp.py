"""A mail server for tests: it takes what is sent over SMTP and keeps it."""

from __future__ import annotations

import socketserver
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from threading import Thread
from typing import Any


@dataclass(slots=True)
class MailServer:
    """`refuses` makes it refuse every recipient, in words that repeat the address, as servers do."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    refuses: bool = False

    def mailers(self) -> dict[str, Any]:
        """The setting that sends through this server."""
        options = {"host": "127.0.0.1", "port": self.port, "timeout": 10}
        return {"default": {"BACKEND": "django.core.mail.backends.smtp.EmailBackend", "OPTIONS": options}}


@contextmanager
def serving_mail() -> Iterator[MailServer]:
    server = MailServer()

    class Session(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.say("220 test")
            while line := self.rfile.readline():
                self.answer(line.decode("utf-8", "replace").strip())

        def answer(self, line: str) -> None:
            verb = line[:4].upper()
            if verb == "DATA":
                self.say("354 go on")
                server.mails.append(_mail(self.read_data()))
            if verb == "RCPT" and server.refuses:
                self.say(f"550 {line[8:]} is not known here")
            else:
                self.say({"QUIT": "221 bye", "EHLO": "250 SMTPUTF8"}.get(verb, "250 ok"))

        def read_data(self) -> bytes:
            lines = iter(self.rfile.readline, b".\r\n")
            return b"".join(line.removeprefix(b".") if line.startswith(b"..") else line for line in lines)

        def say(self, text: str) -> None:
            self.wfile.write(f"{text}\r\n".encode())

    class Listener(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

    with Listener(("127.0.0.1", 0), Session) as listener:
        server.port = listener.server_address[1]
        thread = Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            listener.shutdown()
            thread.join()


def _mail(content: bytes) -> EmailMessage:
    mail = message_from_bytes(content, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    return mail


def text_of(mail: EmailMessage, kind: str = "plain") -> str:
    body = mail.get_body((kind,))
    assert body
    text = body.get_content()
    assert isinstance(text, str)
    return text
