"""Logos: what may be uploaded, and what is kept of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import IO

from django.core.exceptions import ValidationError
from PIL import Image, ImageOps

from preferences.models.brands import MAX_LOGO_BYTES

MAX_WIDTH, MAX_HEIGHT = 1_200, 600
MAX_UPLOAD_BYTES = 5_000_000
MAX_UPLOAD_PIXELS = 20_000_000  # a small file unfolds to any size; this takes 80 MB of memory, and no logo needs more


@dataclass(frozen=True, slots=True)
class Logo:
    content: bytes
    type: str


def read_logo(file: IO[bytes], size: int) -> Logo:
    """Return the picture in `file`, of `size` bytes, drawn anew: smaller if need be, and without what came with it
    (place, camera, comments, further frames). Raises ValidationError that says what is wrong with the file."""
    if size > MAX_UPLOAD_BYTES:
        raise ValidationError(f"The file has {size / 1e6:.1f} MB; at most {MAX_UPLOAD_BYTES / 1e6:.0f} MB can be read.")
    try:
        image, is_photo = _open(file)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        limit = f"{MAX_UPLOAD_PIXELS // 1_000_000} million"
        raise ValidationError(f"The picture has more than {limit} pixels. Make it smaller and try again.") from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise ValidationError("This is no picture in PNG, JPEG or WebP, or it is damaged.") from error
    return next(logo for logo in _drawings(image, is_photo) if len(logo.content) <= MAX_LOGO_BYTES)


def _open(file: IO[bytes]) -> tuple[Image.Image, bool]:
    """Return the picture upright, in a size to keep, and whether it is a photo rather than a drawing."""
    with Image.open(file, formats=["PNG", "JPEG", "WEBP"]) as opened:
        if opened.width * opened.height > MAX_UPLOAD_PIXELS:  # known from its first bytes, before any is unfolded
            raise Image.DecompressionBombError
        is_photo = opened.format == "JPEG"
        image = ImageOps.exif_transpose(opened)
    image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    image.thumbnail((MAX_WIDTH, MAX_HEIGHT))
    image.info.clear()
    return image, is_photo


def _drawings(image: Image.Image, is_photo: bool) -> Iterator[Logo]:
    """Yield the picture in ever fewer bytes."""
    if not is_photo:
        yield _drawn(image, "png", optimize=True)
    while True:
        yield _drawn(image, "jpeg", quality=88) if is_photo else _drawn(image, "webp", quality=90)
        image = image.resize((max(1, image.width * 3 // 4), max(1, image.height * 3 // 4)))


def _drawn(image: Image.Image, kind: str, **options: object) -> Logo:
    file = BytesIO()
    image.save(file, kind, **options)
    return Logo(file.getvalue(), f"image/{kind}")
