"""How a brand's pages look and speak, and the files that they take from the door `/b/`.

A file's name has the digest of its content, so that a browser may keep what it got for good.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from django.db.models import CharField, F, Func

from preferences.colours import stylesheet
from preferences.models import Brand, BrandText

DOOR = "/b/"
_DIGEST_LENGTH = 16
_EXTENSIONS = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}


@dataclass(frozen=True, slots=True)
class Look:
    """A brand's pages in one language. Hashable, so that rendered pages can be kept by it. `stylesheet` and `logo` are
    paths on this server, "" where the brand has none; `language` is that of the brand's own texts, not always the
    page's."""

    name: str
    stylesheet: str = ""
    logo: str = ""
    imprint_url: str = ""
    privacy_url: str = ""
    language: str = ""
    introduction: str = ""
    goodbye: str = ""
    footer: str = ""


@dataclass(frozen=True, slots=True)
class BrandFile:
    """A stylesheet, or a logo, which only the database holds."""

    brand_id: int
    name: str
    stylesheet: str = ""


def look_of(brand: Brand, text: BrandText | None, files: list[BrandFile]) -> Look:
    """Return the brand's look with its own texts of one language."""
    return Look(
        brand.name,
        stylesheet=next((DOOR + file.name for file in files if file.stylesheet), ""),
        logo=next((DOOR + file.name for file in files if not file.stylesheet), ""),
        imprint_url=brand.imprint_url,
        privacy_url=brand.privacy_url,
        language=text.language if text else "",
        introduction=text.introduction if text else "",
        goodbye=text.goodbye if text else "",
        footer=text.footer if text else "",
    )


def files_of(brand: Brand, logo_digest: str) -> list[BrandFile]:
    """Return the brand's files; `logo_digest` is "" when it has no logo."""
    files = []
    if style := stylesheet(brand.accent, brand.accent_dark):
        files.append(BrandFile(brand.pk, f"{brand.slug}-{digest_of(style.encode())}.css", style))
    if logo_digest:
        files.append(BrandFile(brand.pk, logo_name(brand, logo_digest)))
    return files


def logo_name(brand: Brand, digest: str) -> str:
    return f"{brand.slug}-{digest}.{_EXTENSIONS[brand.logo_type]}"


def digest_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:_DIGEST_LENGTH]


class LogoDigests:
    """The digests of all logos by brand, computed where the logos are: the database reads one again only when its row
    was written since, and sends none."""

    def __init__(self) -> None:
        self._seen: dict[int, tuple[str, str]] = {}

    def load(self) -> dict[int, str]:
        with_logo = Brand.objects.exclude(logo=None).exclude(logo_type="").order_by()
        versions = dict(with_logo.values_list("id", _RowVersion()))
        seen = {id: known for id, known in self._seen.items() if known[0] == versions.get(id)}
        if news := versions.keys() - seen.keys():
            digests = with_logo.filter(id__in=news).values_list("id", _Digest(F("logo")))
            seen |= {id: (versions[id], digest) for id, digest in digests}
        self._seen = seen
        return {id: digest for id, (_, digest) in seen.items()}


class _RowVersion(Func):
    """Differs after each write of a brand's row: the transaction that wrote it, and where it lies since."""

    template = '"preferences_brand".xmin::text || "preferences_brand".ctid::text'
    output_field = CharField()


class _Digest(Func):
    template = f"left(encode(sha256(%(expressions)s), 'hex'), {_DIGEST_LENGTH})"
    output_field = CharField()
