"""The stage: the real server with a brand for each policy, another site with mails, and a page that judges nobody."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count

from preferences.link_urls import url_of
from preferences.links import Channel, Claims, LinkKey, Purpose, seal
from scorecard.networks import Addresses
from scorecard.plain import PlainSite, serving
from scorecard.visits import Mail, Sighting
from tests.browser.serving import Farewell
from tests.browser.webmail import Webmail, serving_webmail

POLICIES = ("instant", "balanced", "strict")
_MAKE_BRANDS = f"""
from preferences.models import Brand, Topic
for policy in {POLICIES}:
    brand = Brand.objects.create(slug=policy, name="Demo Letters", policy=policy)
    Topic.objects.create(brand=brand, slug="news", name="News")
    print(brand.add_key("scorecard")[1].to_text())
"""
_LEFT_AT_ONCE = """
SELECT DISTINCT recipient.address FROM preferences_preferencechange AS change
JOIN preferences_recipient AS recipient ON recipient.id = change.recipient_id
WHERE change.state = 'out'
"""
_OUT = """
SELECT recipient.address FROM preferences_subscription AS subscription
JOIN preferences_recipient AS recipient ON recipient.id = subscription.recipient_id
WHERE subscription.state = 'out'
"""
_SEEN = """
SELECT mailing, kind, answer, verdict, score, array(SELECT item->>'name' FROM jsonb_array_elements(signals) AS item)
FROM engagement_interaction ORDER BY occurred_at, id
"""


@dataclass(slots=True)
class World:
    """`keys` are the brands' own, by policy; each brand is at the same server."""

    farewell: Farewell
    plain: PlainSite
    webmail: Webmail
    keys: dict[str, LinkKey]
    addresses: Addresses = field(default_factory=Addresses)
    numbers: Iterator[int] = field(default_factory=count)

    def mails(self, policy: str, age: int, recipients: int) -> tuple[str, list[Mail]]:
        """Mint the mails of one mailing, sent `age` seconds ago to recipients of one domain, and name the mailing."""
        mailing = f"scorecard-{next(self.numbers)}"
        addresses = [f"alice-{number}@{mailing}.example.org" for number in range(recipients)]
        return mailing, [self._mail(policy, age, mailing, address) for address in addresses]

    def _mail(self, policy: str, age: int, mailing: str, address: str) -> Mail:
        def link(purpose: Purpose) -> str:
            claims = Claims(purpose, Channel.EMAIL, int(time.time()) - age, "news", mailing, address)
            return url_of(self.farewell.url, purpose, seal(self.keys[policy], claims))

        purposes = (Purpose.UNSUBSCRIBE, Purpose.ONE_CLICK, Purpose.PREFERENCES, Purpose.HIDDEN)
        return Mail(address, *(link(purpose) for purpose in purposes))

    def rest(self) -> None:
        """Stop the server, which writes down all that it still holds."""
        if self.farewell.process is not None:
            status = self.farewell.terminate()
            if status or "Traceback" in self.farewell.log.read_text():
                raise RuntimeError(f"the server failed:\n{self.farewell.log.read_text()}")

    def settle(self) -> None:
        """Review every provisional opt-out against all that was recorded, as the worker does time and again."""
        self.farewell.manage("settle")

    def left_at_once(self) -> set[str]:
        """The addresses that were taken off, whatever came later."""
        return {address for (address,) in self.farewell.query(_LEFT_AT_ONCE)}

    def are_out(self) -> set[str]:
        return {address for (address,) in self.farewell.query(_OUT)}

    def seen(self) -> dict[str, list[Sighting]]:
        """What the server recorded about each mailing's visits, once for those that are alike."""
        visits: dict[str, list[Sighting]] = defaultdict(list)
        for mailing, kind, answer, verdict, score, signals in self.farewell.query(_SEEN):
            sighting = Sighting(kind, answer, verdict, score, tuple(signals))
            if sighting not in visits[mailing]:
                visits[mailing].append(sighting)
        return visits


@contextmanager
def set_up() -> Iterator[World]:
    """Start all of it. Visitors give their address in X-Forwarded-For: the server believes one proxy."""
    with ExitStack() as stack:
        farewell = Farewell({"FAREWELL_TRUSTED_PROXY_COUNT": "1"})
        stack.callback(farewell.close)
        printed = farewell.manage("shell", "--verbosity", "0", "-c", _MAKE_BRANDS)
        keys = [LinkKey.from_text(line) for line in printed.split()]
        farewell.start()
        yield World(
            farewell,
            stack.enter_context(serving()),
            stack.enter_context(serving_webmail()),
            dict(zip(POLICIES, keys, strict=True)),
        )
