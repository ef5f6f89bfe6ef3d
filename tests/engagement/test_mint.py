from __future__ import annotations

import io
import time
from itertools import islice
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from engagement.models import ShortLink
from engagement.tracking import short_links
from preferences.links import Channel, Claims, Purpose, open_token
from preferences.models import Brand, BrandKey
from preferences.streams import AddressLines
from tests.commands import Result, run, start
from tests.makers import SENT_AT, make_brand, make_key, make_topic

TEN = "".join(f"person{number}@example.org\n" for number in range(10))


@pytest.fixture
def brand(db: None) -> Brand:
    brand = make_brand(slug="demo", base_url="https://leave.example.org/")
    make_topic(brand)
    make_key(brand)
    return brand


def mint(*arguments: object, stdin: bytes | str = TEN) -> Result:
    return run("mint", "--brand", "demo", "--topic", "news", *arguments, stdin=stdin)


def opened(url: str) -> tuple[bytes, Claims]:
    def cipher_of(kid: bytes) -> AESGCM:
        return AESGCM(BrandKey.objects.get(kid=kid.hex()).link_key().secret)

    return open_token(url.rpartition("/")[2].removesuffix(".gif"), cipher_of)


def test_every_address_gets_a_link_of_its_own(brand: Brand) -> None:
    rows = mint("--mailing", "2026-11").rows
    assert [address for address, _ in rows] == TEN.split()
    assert [opened(url)[1].address for _, url in rows] == TEN.split()


def test_a_link_says_what_was_asked_for(brand: Brand) -> None:
    [[_, url]] = mint("--mailing", "2026-11", "--sent-at", "2026-10-29T12:00:00Z", stdin="alice@example.org").rows
    expected = Claims(Purpose.UNSUBSCRIBE, Channel.EMAIL, SENT_AT, "news", "2026-11", "alice@example.org")
    assert opened(url)[1] == expected


def test_a_link_without_a_moment_is_sent_now(brand: Brand) -> None:
    before = int(time.time())
    assert before <= opened(mint().rows[0][1])[1].sent_at <= time.time()


@pytest.mark.parametrize(
    ("purpose", "door"),
    [("unsubscribe", "u"), ("one_click", "o"), ("preferences", "p"), ("hidden", "h"), ("opt_in", "j"), ("open", "i")],
)
def test_each_purpose_has_its_door(brand: Brand, purpose: str, door: str) -> None:
    url = mint("--purpose", purpose).rows[0][1]
    assert url.startswith(f"https://leave.example.org/{door}/")
    assert opened(url)[1].purpose == purpose


def test_a_preference_link_needs_no_topic(brand: Brand) -> None:
    assert run("mint", "--brand", "demo", "--purpose", "preferences", stdin=TEN).status == 0


def test_a_link_that_subscribes_names_its_topic(brand: Brand) -> None:
    result = run("mint", "--brand", "demo", "--purpose", "opt_in", stdin=TEN)
    assert (result.status, result.rows) == (1, [])


def test_a_click_leads_to_its_target_and_names_the_segment(brand: Brand) -> None:
    target = "https://shop.example.org/ü?q={farewell}"
    options = ["--mailing", "2026-11", "--segment", "loyal", "--purpose", "click", "--target", target]
    rows = run("mint", "--brand", "demo", *options, stdin=TEN).rows
    claims = [opened(url)[1] for _, url in rows]
    assert {(claim.target, claim.mailing, claim.segment) for claim in claims} == {(target, "2026-11", "loyal")}
    assert [claim.address for claim in claims] == TEN.split()


@pytest.mark.parametrize("purpose", ["unsubscribe", "preferences", "click"])
def test_short_links_stand_for_a_link_each(brand: Brand, purpose: str) -> None:
    target = ["--target", "https://shop.example.org/"] if purpose == "click" else []
    rows = mint("--short", "--purpose", purpose, *target).rows
    codes = [url.removeprefix("https://leave.example.org/s/") for _, url in rows]
    assert {len(code) for code in codes} == {10}
    resolved = [short_links.resolve(code) for code in codes]
    assert {found for found, _ in resolved} == {Purpose(purpose)}
    assert [opened(token)[1].address for _, token in resolved] == TEN.split()
    assert set(ShortLink.objects.values_list("brand", "purpose")) == {(brand.id, purpose)}


def test_numbers_are_sealed_in_international_form(brand: Brand) -> None:
    [[text, url]] = mint("--channel", "sms", stdin="+1 415-555-0123\n").rows
    assert (text, opened(url)[1].address) == ("+1 415-555-0123", "+14155550123")


def test_a_bad_address_is_told_with_its_line_and_the_others_go_on(brand: Brand) -> None:
    result = mint(stdin=b"alice@example.org\n\nbad\nb\xff@example.org\n" + b"x" * 3000 + b"\nbob@example.org")
    assert [address for address, _ in result.rows] == ["alice@example.org", "bob@example.org"]
    assert [line.split(":")[0] for line in result.err.splitlines()[:3]] == ["line 3", "line 4", "line 5"]
    assert "longer than 1024 bytes" in result.err
    assert (result.status, "3 bad addresses" in result.err) == (1, True)


def test_windows_files_are_read_too(brand: Brand) -> None:
    rows = mint(stdin=b"\xef\xbb\xbfalice@example.org\r\n\r\nbob@example.org\r\n").rows
    assert [address for address, _ in rows] == ["alice@example.org", "bob@example.org"]


def test_the_newest_live_key_seals(brand: Brand) -> None:
    newest = make_key(brand)
    assert opened(mint().rows[0][1])[0] == newest.kid
    brand.keys.get(kid=newest.kid.hex()).retire()
    assert opened(mint().rows[0][1])[0] != newest.kid


def test_another_key_may_be_named(brand: Brand) -> None:
    oldest = brand.keys.get().kid
    make_key(brand)
    assert opened(mint("--key", oldest).rows[0][1])[0].hex() == oldest


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--brand", "acme", "--topic", "news"], "no brand 'acme'. Known: demo"),
        (["--brand", "demo", "--topic", "nws"], "no topic 'nws'. Known: news"),
        (["--brand", "demo"], "no topic ''. Known: news"),
        (["--brand", "demo", "--purpose", "click"], "only a click, has a target"),
        (["--brand", "demo", "--purpose", "click", "--target", "javascript:alert(1)"], "target is a web address"),
        (["--brand", "demo", "--topic", "news", "--target", "https://example.org"], "only a click, has a target"),
        (["--brand", "demo", "--topic", "news", "--mailing", "a#b"], "what follows one is the segment"),
        (["--brand", "demo", "--topic", "news", "--purpose", "leave"], "cannot be minted"),
        (["--brand", "demo", "--topic", "news", "--sent-at", "tomorrow"], "no ISO 8601 moment"),
        (["--brand", "demo", "--topic", "news", "--sent-at", "2026-11-21T18:00:00"], "in which time zone"),
        (["--brand", "demo", "--topic", "news", "--mailing", "m" * 101], "at most 100 characters"),
        (["--brand", "demo", "--topic", "news", "--key", "00000000"], "no live key '00000000'. Known: "),
    ],
)
def test_what_cannot_be_done_is_said_before_a_link_is_written(
    brand: Brand, arguments: list[str], sentence: str
) -> None:
    result = run("mint", *arguments, stdin=TEN)
    assert (result.out, result.status) == ("", 1)
    assert sentence in result.err


def test_without_a_live_key_there_is_no_link(brand: Brand) -> None:
    brand.keys.get().retire()
    assert "Create one in the admin" in mint().err


def test_a_changed_secret_key_is_named_as_the_reason(brand: Brand, settings: Any) -> None:
    settings.FAREWELL_ADDRESS_KEY = settings.SECRET_KEY  # what it is derived from while it is not set
    settings.SECRET_KEY = "another"
    assert "SECRET_KEY_FALLBACKS" in mint().err


def test_an_endless_stream_is_answered_as_it_comes() -> None:
    class Endless(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            line = b"alice@example.org\n"
            buffer[: len(line)] = line
            return len(line)

    batches = AddressLines(io.BufferedReader(Endless()), Channel.EMAIL).batches(100)
    assert [len(batch) for batch in islice(batches, 3)] == [100, 100, 100]


@pytest.mark.django_db(transaction=True)
def test_a_reader_that_has_enough_ends_it_quietly() -> None:
    brand = make_brand(slug="demo")
    make_topic(brand)
    make_key(brand)
    process = start("mint", "--brand", "demo", "--topic", "news")
    assert process.stdin
    assert process.stdout
    assert process.stderr
    process.stdin.write(TEN.encode() * 900)  # more than the pipe to the reader holds, less than would block here
    process.stdin.close()
    assert process.stdout.readline().startswith(b"person0@example.org\thttp")
    process.stdout.close()
    assert process.wait(120) == 141
    assert b"Error" not in process.stderr.read()
    process.stderr.close()
