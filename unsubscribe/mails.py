"""The demo mails: what a sender's mail with Farewell's links looks like."""

from __future__ import annotations

from dataclasses import dataclass

from django.core.mail import mailers
from django.template.loader import render_to_string

from engagement.tracking import short_links
from preferences.link_urls import short_url_of, url_of
from preferences.links import Channel, Claims, LinkKey, Purpose, seal
from preferences.models import Brand, Topic
from unsubscribe.headers import ListMessage, list_headers

TARGET = "https://example.org/?from={farewell}"


class DemoMail(ListMessage):
    outbox_name: str = ""


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail to be written: `sent_at` is in seconds since 1970."""

    brand: Brand
    topic: Topic
    key: LinkKey
    mailing: str
    address: str
    sent_at: int

    def url(self, purpose: Purpose, target: str = "") -> str:
        return url_of(self.brand.link_base, purpose, self._token(purpose, target))

    def short_url(self, purpose: Purpose) -> str:
        """Store a short link, as a text message would have it, and return its URL."""
        [code] = short_links.shorten(self.brand.id, purpose, [self._token(purpose)])
        return short_url_of(self.brand.link_base, code)

    def _token(self, purpose: Purpose, target: str = "") -> str:
        claims = Claims(purpose, Channel.EMAIL, self.sent_at, self.topic.slug, self.mailing, self.address, target)
        return seal(self.key, claims)

    @property
    def recipient_name(self) -> str:
        return self.address.partition("@")[0]

    def mail(self) -> DemoMail:
        """Compose the mail with a text and an HTML part, both with the links, and the list headers."""
        context = {
            "brand": self.brand,
            "topic": self.topic,
            "mailing": self.mailing,
            "name": self.recipient_name.title(),
            "leave_url": self.url(Purpose.UNSUBSCRIBE),
            "preferences_url": self.url(Purpose.PREFERENCES),
            "hidden_url": self.url(Purpose.HIDDEN),
            "click_url": self.url(Purpose.CLICK, TARGET),
            "pixel_url": self.url(Purpose.OPEN),
            "short_url": self.short_url(Purpose.UNSUBSCRIBE),
        }
        mail = DemoMail(
            subject=f"{self.brand.name}: {self.topic.name}, {self.mailing}",
            body=render_to_string("mail/newsletter.txt", context),
            from_email=self.brand.from_email or None,
            to=[self.address],
            headers=list_headers(self.brand, self.key, self.topic, self.address, self.mailing, self.sent_at),
        )
        mail.attach_alternative(render_to_string("mail/newsletter.html", context), "text/html")
        mail.outbox_name = f"{self.mailing}-{self.topic.slug}-{self.recipient_name}"
        return mail


def send(letters: list[Letter]) -> int:
    """Send through the default mailer. Raises OSError (SMTP errors are that too) when it cannot."""
    return int(mailers.default.send_messages([letter.mail() for letter in letters]) or 0)
