"""Mailings and targets of links appear by themselves when an authentic link names them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from engagement.models import Mailing, TrackedLink
from engagement.recording.targets import link_number, stored_url
from preferences.directory import Link
from preferences.models import Brand

_MOST_KNOWN = 100_000

type Names = tuple[int, str, str]


class Mentions(NamedTuple):
    """What interactions speak of: mailings as (brand, mailing, channel), targets as (brand, mailing, URL)."""

    mailings: frozenset[Names] = frozenset()
    targets: frozenset[Names] = frozenset()


class Noted:
    """What this process knows to be stored."""

    def __init__(self) -> None:
        self._mailings: set[Names] = set()
        self._targets: set[Names] = set()

    def new_of(self, links: Iterable[Link]) -> Mentions:
        """Return what the links name and is not known to be stored."""
        mailings, targets = set(), set()
        for link in links:
            claims = link.claims
            if claims.mailing:
                mailings.add((link.brand.id, claims.mailing, claims.channel.value))
            if claims.target:
                targets.add((link.brand.id, claims.mailing, stored_url(claims.target)))
        return Mentions(frozenset(mailings - self._mailings), frozenset(targets - self._targets))

    def note(self, mentions: Mentions) -> None:
        """Store what is new, of brands that there are still. Raises `django.db.Error`."""
        mentions = self._new(mentions)
        if mailings := mentions.mailings:
            rows = [Mailing(brand_id=brand, slug=slug, channel=channel) for brand, slug, channel in sorted(mailings)]
            Mailing.objects.bulk_create(rows, ignore_conflicts=True)
            _remember(self._mailings, mailings)
        if targets := mentions.targets:
            links = [
                TrackedLink(brand_id=brand, mailing=mailing, number=link_number(url), url=url)
                for brand, mailing, url in sorted(targets)
            ]
            TrackedLink.objects.bulk_create(links, ignore_conflicts=True)
            _remember(self._targets, targets)

    def _new(self, mentions: Mentions) -> Mentions:
        new = Mentions(mentions.mailings - self._mailings, mentions.targets - self._targets)
        named = {brand for brand, *_ in (*new.mailings, *new.targets)}
        if not named:
            return new
        known = set(Brand.objects.filter(id__in=named).values_list("id", flat=True))
        return Mentions(*(frozenset(names for names in found if names[0] in known) for found in new))


def _remember(known: set[Names], new: Iterable[Names]) -> None:
    if len(known) > _MOST_KNOWN:
        known.clear()
    known.update(new)
