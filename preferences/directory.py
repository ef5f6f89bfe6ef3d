"""The directory: brands, topics and link keys as each process holds them, so that opening a link costs no query.

A snapshot is replaced as a whole. One that is older than `FAREWELL_KEYRING_REFRESH_SECONDS` keeps answering while
a thread loads the next, and goes on answering when the database is away: the pages stay up, and only what must
be written fails. A key or file that the snapshot does not know is looked for at once, but not more than once a
second.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field, replace
from functools import cached_property
from threading import Lock, Thread
from uuid import UUID

from cryptography.fernet import InvalidToken
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import Error, connection
from django.db.models import QuerySet

from preferences import addresses
from preferences.links import Claims, LinkError, Purpose, open_token
from preferences.looks import BrandFile, LogoDigests, Look, digest_of, files_of, look_of
from preferences.models import Brand, BrandKey, Recipient, Topic

logger = logging.getLogger(__name__)

_SECONDS_BETWEEN_LOOKS = 1.0


@dataclass(frozen=True, slots=True)
class TopicEntry:
    id: int
    slug: str
    name: str
    names: dict[str, str]

    def name_in(self, language: str) -> str:
        return self.names.get(language, self.name)


@dataclass(frozen=True, slots=True)
class BrandEntry:
    """What the doors need to know of a brand."""

    id: int
    slug: str
    name: str
    policy: str
    settle_minutes: int
    sends_notice: bool
    is_double_opt_in: bool
    asks_why: bool
    tracks: bool
    language: str
    link_base: str
    looks: dict[str, Look]
    files: list[BrandFile]
    topics: dict[str, TopicEntry]

    def look(self, language: str) -> Look:
        """The look with the brand's own texts in `language`, or else in the brand's."""
        return self.looks.get(language) or self.looks[self.language]


@dataclass(frozen=True)
class Link:
    """An authentic link: what it claims and the brand whose key sealed it."""

    claims: Claims
    brand: BrandEntry

    @cached_property
    def recipient(self) -> Recipient:
        """The recipient, not read from the database and not necessarily there."""
        return Recipient.at(self.brand.id, self.claims.channel, self.claims.address)

    @property
    def recipient_id(self) -> UUID:
        return addresses.recipient_id(self.brand.id, self.claims.channel, self.claims.address)

    @property
    def domain(self) -> str:
        """The mail domain of the address in lower case, "" for a phone."""
        return addresses.domain(self.claims.channel, self.claims.address)

    def topic_name(self, language: str) -> str:
        entry = self.brand.topics.get(self.claims.topic)
        return entry.name_in(language) if entry else self.claims.topic

    @property
    def masked_address(self) -> str:
        return addresses.mask(self.claims.channel, self.claims.address)

    def topic_id(self) -> int:
        """The id of the link's topic, which is made when nobody has heard of it yet: one or two queries then."""
        if entry := self.brand.topics.get(self.claims.topic):
            return entry.id
        return Brand(id=self.brand.id).topic_for(self.claims.topic).id


@dataclass(frozen=True, slots=True)
class Snapshot:
    loaded_at: float
    ciphers: dict[bytes, AESGCM]
    brands_by_kid: dict[bytes, BrandEntry]
    files: dict[str, BrandFile] = field(default_factory=dict)
    former_files: dict[str, BrandFile] = field(default_factory=dict)

    def file(self, name: str) -> BrandFile | None:
        return self.files.get(name) or self.former_files.get(name)


_NEVER = float("-inf")


class Directory:
    def __init__(self) -> None:
        self._snapshot = Snapshot(_NEVER, {}, {})
        self._lock = Lock()
        self._is_refreshing = False
        self._logo_digests = LogoDigests()

    def open(self, token: str, purpose: Purpose) -> Link:
        """Return the link of `token`, or raise LinkError when no live key sealed it for `purpose`."""
        snapshot = self._current()
        kid, claims = open_token(token, self._cipher_of)
        brand = self._snapshot.brands_by_kid.get(kid) or snapshot.brands_by_kid.get(kid)
        if brand is None or claims.purpose is not purpose:
            raise LinkError("not a link for this door")
        return Link(claims, brand)

    def brand_file(self, name: str) -> BrandFile:
        """Return the file of that name, or raise LinkError when no brand has it, nor had it a moment ago: a page that
        was made just before a change asks for it now. Another process may know of a newer one than this."""
        file = self._current().file(name)
        if file is None and self._may_look_again():
            self._load_or_keep()
            file = self._snapshot.file(name)
        if file is None:
            raise LinkError("not a brand's file")
        return file

    def brands(self) -> list[BrandEntry]:
        """The brands that have a live key."""
        return list({brand.id: brand for brand in self._current().brands_by_kid.values()}.values())

    def brand_of_kid(self, kid: bytes) -> BrandEntry | None:
        """The brand of a live key, as far as this process has heard of it; asks no database."""
        return self._snapshot.brands_by_kid.get(kid)

    def forget(self) -> None:
        """Drop the snapshot; the next link is opened with a fresh one."""
        self._snapshot = Snapshot(_NEVER, {}, {})

    def _cipher_of(self, kid: bytes) -> AESGCM | None:
        cipher = self._snapshot.ciphers.get(kid)
        if cipher is None and self._may_look_again():
            self._load_or_keep()
            cipher = self._snapshot.ciphers.get(kid)
        return cipher

    def _may_look_again(self) -> bool:
        return time.monotonic() - self._snapshot.loaded_at > _SECONDS_BETWEEN_LOOKS

    def _current(self) -> Snapshot:
        snapshot = self._snapshot
        age = time.monotonic() - snapshot.loaded_at
        if snapshot.loaded_at == _NEVER:
            self._load()
        elif age > settings.FAREWELL_KEYRING_REFRESH_SECONDS and not self._is_refreshing:
            self._is_refreshing = True
            Thread(target=self._refresh, name="farewell-directory", daemon=True).start()
        return self._snapshot

    def _refresh(self) -> None:
        try:
            self._load_or_keep()
        finally:
            connection.close()
            self._is_refreshing = False

    def _load_or_keep(self) -> None:
        try:
            self._load()
        except Error as error:
            logger.warning("brands and keys not refreshed, the database does not answer: %s", type(error).__name__)
            self._snapshot = replace(self._snapshot, loaded_at=time.monotonic())

    def _load(self) -> None:
        asked_at = time.monotonic()
        with self._lock:
            if self._snapshot.loaded_at > asked_at:  # another thread loaded while this one waited
                return
            brands = _read_brands(self._logo_digests.load())
            ciphers, brands_by_kid = {}, {}
            for row in BrandKey.objects.live():
                try:
                    key = row.link_key()
                except InvalidToken:
                    logger.error("key %s cannot be unsealed: SECRET_KEY changed without SECRET_KEY_FALLBACKS", row.kid)
                    continue
                ciphers[key.kid] = AESGCM(key.secret)
                brands_by_kid[key.kid] = brands[row.brand_id]
            files = {file.name: file for brand in brands.values() for file in brand.files}
            self._snapshot = Snapshot(time.monotonic(), ciphers, brands_by_kid, files, self._snapshot.files)


def _read_brands(logo_digests: dict[int, str]) -> dict[int, BrandEntry]:
    brands = {}
    for brand in Brand.objects.defer("logo").prefetch_related("texts"):
        if brand.address_key_check != addresses.address_key_check():
            raise ImproperlyConfigured(
                f"FAREWELL_ADDRESS_KEY (or the SECRET_KEY it derives from) is not the one that brand {brand.slug} "
                "was made with; nobody's opt-out would be found. Set FAREWELL_ADDRESS_KEY to the former value."
            )
        brands[brand.id] = _entry(brand, files_of(brand, logo_digests.get(brand.id, "")))
    _add_topics(brands, Topic.objects.all())
    return brands


def entry_of(brand: Brand) -> BrandEntry:
    """Return the brand as it is stored now, for who cannot wait for the next snapshot."""
    entry = _entry(brand, files_of(brand, digest_of(bytes(brand.logo)) if brand.logo else ""))
    _add_topics({entry.id: entry}, Topic.objects.filter(brand=brand))
    return entry


def _add_topics(brands: dict[int, BrandEntry], topics: QuerySet[Topic]) -> None:
    for topic in topics.prefetch_related("texts"):
        names = {text.language: text.name for text in topic.texts.all()}
        brands[topic.brand_id].topics[topic.slug] = TopicEntry(topic.id, topic.slug, topic.name, names)


def _entry(brand: Brand, files: list[BrandFile]) -> BrandEntry:
    texts = {text.language: text for text in brand.texts.all()}
    return BrandEntry(
        id=brand.id,
        slug=brand.slug,
        name=brand.name,
        policy=brand.policy,
        settle_minutes=brand.settle_minutes,
        sends_notice=brand.sends_notice,
        is_double_opt_in=brand.is_double_opt_in,
        asks_why=brand.asks_why,
        tracks=brand.tracks,
        language=brand.language,
        link_base=brand.link_base,
        looks={code: look_of(brand, texts.get(code), files) for code in {brand.language, *texts}},
        files=files,
        topics={},
    )


directory = Directory()
