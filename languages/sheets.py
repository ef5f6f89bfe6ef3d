"""Contact sheets: one picture per page state with all languages side by side, for a quick look at all."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

_COLUMNS = 9
_GAP = 12
_LABEL = 26
_GROUND = "#5b6470"


def write_sheet(path: Path, pictures: Sequence[tuple[str, Path]]) -> None:
    """Paste the pictures, each under its label, into rows; each row is as high as its highest picture."""
    opened = [(label, Image.open(file).convert("RGB")) for label, file in pictures]
    rows = [opened[start : start + _COLUMNS] for start in range(0, len(opened), _COLUMNS)]
    heights = [max(image.height for _, image in row) + _LABEL + _GAP for row in rows]
    width = max(sum(image.width + _GAP for _, image in row) for row in rows) + _GAP
    sheet = Image.new("RGB", (width, sum(heights) + _GAP), _GROUND)
    top = _GAP
    for row, height in zip(rows, heights, strict=True):
        _paste(sheet, row, top)
        top += height
    sheet.save(path)


def _paste(sheet: Image.Image, row: Sequence[tuple[str, Image.Image]], top: int) -> None:
    pen, left = ImageDraw.Draw(sheet), _GAP
    for label, image in row:
        pen.text((left, top), label, fill="#ffffff", font=ImageFont.load_default(18))
        sheet.paste(image, (left, top + _LABEL))
        left += image.width + _GAP
