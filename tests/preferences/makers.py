"""What people enter in the admin: forms, and pictures."""

from __future__ import annotations

import random
from io import BytesIO
from typing import Any

from PIL import Image


def make_picture(
    kind: str,
    size: tuple[int, int],
    colour: tuple[int, ...] = (11, 95, 107),
    *,
    noise: bool = False,
    **options: Any,
) -> bytes:
    """A file with a picture of one colour, or of `noise`, which no format packs well."""
    image = Image.new("RGB" if len(colour) == 3 else "RGBA", size, colour)
    if noise:
        image = Image.frombytes("RGB", size, random.Random(7).randbytes(size[0] * size[1] * 3))
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def brand_form(**fields: Any) -> dict[str, Any]:
    """The form of a brand as it is sent, with no text and no topic."""
    inlines = {f"{name}-{count}_FORMS": "0" for name in ("texts", "topics") for count in ("TOTAL", "INITIAL")}
    own = {"name": "Demo", "slug": "demo", "policy": "balanced", "settle_minutes": "60", "language": "en"}
    return {**own, **inlines, **fields}


def topic_form(**fields: Any) -> dict[str, Any]:
    """The form of a topic as it is sent: in by default, on both channels, without texts in other languages."""
    own = {"slug": "news", "name": "News", "position": "1", "channels": ["email", "sms"], "is_default_in": "on"}
    return {**own, "texts-TOTAL_FORMS": "0", "texts-INITIAL_FORMS": "0", **fields}
