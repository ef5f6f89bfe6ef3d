"""How a brand's pages look and speak."""

from __future__ import annotations

from dataclasses import dataclass

from preferences.models import Brand, BrandText


@dataclass(frozen=True, slots=True)
class Look:
    """A brand's pages in one language. Hashable, so that rendered pages can be kept by it. `stylesheet` and `logo` are
    paths on this server, "" where the brand has none."""

    name: str
    stylesheet: str = ""
    logo: str = ""
    imprint_url: str = ""
    privacy_url: str = ""
    introduction: str = ""
    goodbye: str = ""
    footer: str = ""


def look_of(brand: Brand, text: BrandText | None) -> Look:
    """Return the brand's look with its own texts of one language."""
    return Look(
        brand.name,
        imprint_url=brand.imprint_url,
        privacy_url=brand.privacy_url,
        introduction=text.introduction if text else "",
        goodbye=text.goodbye if text else "",
        footer=text.footer if text else "",
    )
