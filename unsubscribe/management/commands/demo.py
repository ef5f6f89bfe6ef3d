from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from preferences.links import LinkKey, Purpose
from preferences.management import lookups
from preferences.management.example import ExampleCommand
from preferences.models import Brand
from unsubscribe import demo, mails

_EXAMPLE = """\
manage.py demo

Does nothing twice: what is there stays, also what was changed since. The links are made anew for where the server
is now."""


class Command(ExampleCommand):
    help = "Make a brand to try Farewell with, send its mails to the outbox, and tell what to open."
    example = _EXAMPLE

    def handle(self, *args: Any, **options: Any) -> None:
        brand = demo.make_brand()
        lookups.require_address_key(brand)
        key = lookups.link_key_of(brand)
        password = demo.admin_password(settings.FAREWELL_DATA_DIR / "admin_password")
        self.stdout.write("\n".join([*self._mails(brand, key), *self._links(brand, key), *self._admin(password)]))

    def _mails(self, brand: Brand, key: LinkKey) -> list[str]:
        folder = demo.outbox()
        if folder is None:
            return ["Mails are really sent here (EMAIL_URL), so no demo mails were: see manage.py send_demo."]
        if not demo.has_present_mails(folder, brand):
            try:
                mails.send(demo.letters(brand, key))
            except OSError as error:
                raise CommandError(f"The demo mails could not be written: {error}.") from None
        return [
            "Demo mails, to be opened with a mail program:",
            *(f"  {path}" for path in sorted(folder.glob("*.eml"))),
        ]

    def _links(self, brand: Brand, key: LinkKey) -> list[str]:
        alice, bob, _ = demo.letters(brand, key, age=demo.HOUR)
        return [
            "Links as in a mail that was sent an hour ago:",
            f"  alice leaves     {alice.url(Purpose.UNSUBSCRIBE)}",
            f"  alice chooses    {alice.url(Purpose.PREFERENCES)}",
            f"  bob's mailbox    curl -d List-Unsubscribe=One-Click {bob.url(Purpose.ONE_CLICK)}",
        ]

    def _admin(self, password: str) -> list[str]:
        known = f"password {password}" if password else "with the password you gave it"
        return ["Admin:", f"  {settings.FAREWELL_BASE_URL}/admin/  user {demo.ADMIN}, {known}"]
