from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preferences import addresses
from preferences.addresses import AddressError
from preferences.links import Channel

EMAIL, SMS = Channel.EMAIL, Channel.SMS


@pytest.mark.parametrize(
    "text",
    [
        "alice@example.org",
        "  alice@example.org\n",
        "a.l-i_c+e=1@sub.example.org",
        '"alice bob"@example.org',
        "o'neil@example.org",
        "größe@example.org",
        "alice@größe.example.org",
    ],
)
def test_mail_can_be_sent_to_it(text: str) -> None:
    assert addresses.validate(EMAIL, text) == text.strip()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "alice",
        "@example.org",
        "alice@",
        "alice@example",
        "alice@@example.org",
        "alice@example..org",
        ".alice@example.org",
        "alice bob@example.org",
        "alice@exam ple.org",
        "alice@example.org, bob@example.org",
        "Alice <alice@example.org>",
        f"alice@{'b' * 64}.org",
        "a" * 321,
    ],
)
def test_mail_cannot_be_sent_to_it(text: str) -> None:
    with pytest.raises(AddressError) as error:
        addresses.validate(EMAIL, text)
    assert not text or text not in str(error.value)


def test_a_number_is_written_in_many_ways() -> None:
    assert addresses.validate(SMS, " +1 (415) 555-0123 ") == "+14155550123"
    assert addresses.recipient_id(1, SMS, "+1 (415) 555-0123") == addresses.recipient_id(1, SMS, "+14155550123")


@pytest.mark.parametrize("text", ["", "4155550123", "+0155550123", "+1", "+1415555012345678", "+1415555x123"])
def test_a_number_without_its_country_is_refused(text: str) -> None:
    with pytest.raises(AddressError):
        addresses.validate(SMS, text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Alice@Example.ORG", "alice@example.org"),
        (" alice@example.org ", "alice@example.org"),
        ("alice@GRÜN.example", "alice@xn--grn-ioa.example"),
        ("gru\u0308n@example.org", "gr\u00fcn@example.org"),
    ],
)
def test_two_spellings_are_one_recipient(one: str, other: str) -> None:
    assert addresses.recipient_id(1, EMAIL, one) == addresses.recipient_id(1, EMAIL, other)


def test_brands_and_channels_do_not_share_recipients() -> None:
    ids = {addresses.recipient_id(brand, channel, "+14155550123") for brand in (1, 2) for channel in Channel}
    assert len(ids) == 4


def test_the_id_of_a_recipient_depends_on_the_address_key(settings: Any) -> None:
    before, check = addresses.recipient_id(1, EMAIL, "alice@example.org"), addresses.address_key_check()
    settings.FAREWELL_ADDRESS_KEY = "another-key"
    assert addresses.recipient_id(1, EMAIL, "alice@example.org") != before
    assert addresses.address_key_check() != check


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=100), st.sampled_from(Channel))
def test_the_fast_hash_is_the_id(text: str, channel: Channel) -> None:
    assert addresses.recipient_hasher(7, channel)(text) == addresses.recipient_id(7, channel, text).hex


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=100), st.sampled_from(Channel))
def test_the_canonical_form_is_its_own(text: str, channel: Channel) -> None:
    once = addresses.canonical(channel, text)
    assert addresses.canonical(channel, once) == once


@pytest.mark.parametrize(
    ("channel", "address", "masked"),
    [
        (EMAIL, "alice@example.org", "a•••@e•••.org"),
        (EMAIL, "a@b.co.uk", "a•••@b•••.uk"),
        (EMAIL, "nonsense", "•••"),
        (EMAIL, "@example.org", "•••"),
        (SMS, "+14155550123", "•••23"),
        (SMS, "+1", "•••"),
    ],
)
def test_a_mask_shows_a_stranger_too_little(channel: Channel, address: str, masked: str) -> None:
    assert addresses.mask(channel, address) == masked
