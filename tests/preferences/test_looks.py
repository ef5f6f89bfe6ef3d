"""Colours that can be read, logos that are only pictures, and the look that a brand's pages get."""

from __future__ import annotations

import re
import struct
import zlib
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from preferences.colours import DARK, LEAST_CONTRAST, LIGHT, Scheme, contrast, stylesheet
from preferences.directory import BrandEntry, directory
from preferences.logos import MAX_HEIGHT, MAX_WIDTH, Logo, read_logo
from preferences.looks import digest_of
from preferences.models import Brand, BrandText
from preferences.models.brands import MAX_LOGO_BYTES
from tests.makers import make_brand, make_key
from tests.preferences.makers import make_picture

COLOURS = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")
SCHEMES = pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=lambda scheme: scheme.name)


# Colours


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [
        ("#000000", "#ffffff", 21.0),
        ("#ffffff", "#ffffff", 1.0),
        ("#777777", "#ffffff", 4.48),  # the nearest grey that fails on white, as W3C's material has it
        ("#767676", "#ffffff", 4.54),
        ("#ffffff", "#ff0000", 4.0),
    ],
)
def test_contrast_is_that_of_wcag(one: str, other: str, ratio: float) -> None:
    assert contrast(one, other) == pytest.approx(ratio, abs=0.005)


@SCHEMES
def test_a_scheme_knows_what_the_pages_stylesheet_has(scheme: Scheme) -> None:
    text = Path(settings.BASE_DIR, "static/farewell.css").read_text()
    light, _, dark = text.partition("@media (prefers-color-scheme: dark)")
    part = dark if scheme is DARK else light
    found = {name: re.search(rf"--{name}: (#\w+)", part) for name in ("card", "page")}
    written = {name: match[1] for name, match in found.items() if match}
    assert written == {"card": scheme.card.replace("#ffffff", "#fff"), "page": scheme.page}


@SCHEMES
@given(colour=COLOURS)
@example("#000000")
@example("#ffffff")
@example("#ffff00")
@example("#0000ff")
def test_every_colour_has_one_near_it_that_can_be_read(scheme: Scheme, colour: str) -> None:
    nearest = scheme.nearest(colour)
    strong = scheme.strong(nearest)
    assert (nearest == colour) == scheme.holds(colour)
    assert nearest != strong
    for shown in (nearest, strong):
        assert min(scheme.contrast(shown), scheme.contrast_on_button(shown)) >= LEAST_CONTRAST


@SCHEMES
def test_the_nearest_colour_keeps_its_hue(scheme: Scheme) -> None:
    red, green, blue = bytes.fromhex(scheme.nearest("#c08a8a")[1:])
    assert red > green == blue


def test_a_colour_that_is_not_given_comes_from_the_other() -> None:
    css = stylesheet("#0b5f6b", "")
    light, dark = re.findall(r"--accent:(#\w{6})", css)
    assert light == "#0b5f6b"
    assert dark == DARK.nearest("#0b5f6b")
    assert stylesheet("", dark).startswith(f":root{{--accent:{LIGHT.nearest(dark)};")


def test_without_colours_there_is_no_stylesheet() -> None:
    assert stylesheet("", "") == ""


# Logos


def read(content: bytes) -> Logo:
    return read_logo(BytesIO(content), len(content))


def opened(logo: Logo) -> Image.Image:
    return Image.open(BytesIO(logo.content))


@pytest.mark.parametrize(("kind", "kept"), [("png", "png"), ("jpeg", "jpeg"), ("webp", "png")])
def test_a_picture_is_taken(kind: str, kept: str) -> None:
    logo = read(make_picture(kind, (300, 100)))
    assert logo.type == f"image/{kept}"
    assert (opened(logo).format, opened(logo).size) == (kept.upper(), (300, 100))


@pytest.mark.parametrize("content", [b"", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"GIF89a" + bytes(50)])
def test_no_other_file_is_taken(content: bytes) -> None:
    with pytest.raises(ValidationError, match="no picture in PNG, JPEG or WebP"):
        read(content)


def test_a_gif_is_not_taken() -> None:
    with pytest.raises(ValidationError, match="no picture in PNG, JPEG or WebP"):
        read(make_picture("gif", (20, 20)))


@given(cut=st.integers(1, 99), kind=st.sampled_from(["png", "jpeg", "webp"]))
def test_a_damaged_file_is_an_error_and_no_crash(cut: int, kind: str) -> None:
    content = make_picture(kind, (64, 64))
    half = content[: len(content) * cut // 100]
    with suppress(ValidationError):  # what is cut may also be what nobody sees, such as a checksum
        assert opened(read(half)).size == (64, 64)


@pytest.mark.parametrize("side", [5_000, 10_000, 50_000])
def test_a_small_file_that_unfolds_to_a_huge_picture_is_refused(side: int) -> None:
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(1_000_000))), (b"IEND", b"")]
    chunks = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    ]
    with pytest.raises(ValidationError, match="more than 20 million pixels"):
        read(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))


def test_a_large_file_is_refused_unread() -> None:
    with pytest.raises(ValidationError, match=r"6\.0 MB; at most 5 MB"):
        read_logo(BytesIO(), 6_000_000)


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
def test_any_picture_is_made_small_enough_to_keep(kind: str) -> None:
    logo = read(make_picture(kind, (1_400, 1_050), noise=True))
    assert len(logo.content) <= MAX_LOGO_BYTES
    width, height = opened(logo).size
    assert width <= MAX_WIDTH
    assert height <= MAX_HEIGHT
    assert width / height == pytest.approx(4 / 3, rel=0.02)


def test_what_came_with_a_photo_is_cut_off_and_it_stands_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # taken with the camera on its side
    exif[0x010E] = "alice's living room"
    logo = read(make_picture("jpeg", (300, 100), exif=exif))
    assert opened(logo).size == (100, 300)
    assert not opened(logo).getexif()
    assert b"living room" not in logo.content


def test_comments_of_a_drawing_are_cut_off_too() -> None:
    info = PngInfo()
    info.add_text("Author", "mallory")
    assert b"mallory" not in read(make_picture("png", (30, 10), pnginfo=info)).content


def test_a_see_through_logo_stays_so() -> None:
    logo = read(make_picture("png", (30, 10), colour=(200, 0, 0, 0)))
    assert opened(logo).mode == "RGBA"


def test_a_printers_picture_is_turned_into_a_screens() -> None:
    file = BytesIO()
    Image.new("CMYK", (30, 10)).save(file, "jpeg")
    assert opened(read(file.getvalue())).mode == "RGB"


# What the directory knows


def make_entry(**fields: Any) -> BrandEntry:
    """The brand's entry as a process loads it."""
    brand = make_brand(**fields)
    return entry_of(brand)


def entry_of(brand: Brand) -> BrandEntry:
    make_key(brand)
    directory.forget()
    directory._load()
    return next(entry for entry in directory._snapshot.brands_by_kid.values() if entry.id == brand.pk)


@pytest.mark.django_db
def test_a_brand_that_says_nothing_looks_as_farewell_does() -> None:
    look = make_entry(name="Plain Letters").look("en")
    assert (look.name, look.stylesheet, look.logo, look.footer) == ("Plain Letters", "", "", "")


@pytest.mark.django_db
def test_a_look_names_files_by_their_content() -> None:
    picture = make_picture("png", (30, 10))
    look = make_entry(slug="demo", accent="#0b5f6b", logo=picture, logo_type="image/png").look("en")
    style = stylesheet("#0b5f6b", "").encode()
    assert look.stylesheet == f"/b/demo-{digest_of(style)}.css"
    assert look.logo == f"/b/demo-{digest_of(picture)}.png"


@pytest.mark.django_db
def test_a_look_speaks_the_pages_language_or_else_the_brands() -> None:
    brand = make_brand(language="de", imprint_url="https://example.org/imprint")
    BrandText.objects.create(brand=brand, language="de", footer="Von uns für Sie")
    BrandText.objects.create(brand=brand, language="fr", footer="De nous pour vous")
    entry = entry_of(brand)
    assert [entry.look(code).footer for code in ("fr", "de", "en")] == ["De nous pour vous", *["Von uns für Sie"] * 2]
    assert [entry.look(code).language for code in ("fr", "de", "en")] == ["fr", "de", "de"]
    assert entry.look("en").imprint_url == "https://example.org/imprint"


@pytest.mark.django_db
def test_loading_the_directory_reads_no_logo_and_its_digest_once() -> None:
    brand = make_brand(logo=make_picture("png", (30, 10)), logo_type="image/png")
    entry_of(brand)
    with CaptureQueriesContext(connection) as queries:
        directory._load()
    columns = [re.split(r" FROM | WHERE ", query["sql"])[0] for query in queries]
    assert len(columns) == len(queries) > 3
    assert not [text for text in columns if '"logo"' in text]


@pytest.mark.django_db
def test_a_new_logo_is_seen_when_the_directory_is_loaded_again() -> None:
    brand = make_brand(logo=make_picture("png", (30, 10)), logo_type="image/png")
    before = entry_of(brand).look("en").logo
    Brand.objects.filter(pk=brand.pk).update(logo=make_picture("png", (60, 10)))
    after = entry_of(brand).look("en").logo
    Brand.objects.filter(pk=brand.pk).update(logo=None, logo_type="")
    assert before != after
    assert entry_of(brand).look("en").logo == ""
