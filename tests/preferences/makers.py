"""Pictures as people upload them."""

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
