from __future__ import annotations

import json
import re
from base64 import urlsafe_b64encode
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from preferences.link_urls import DOORS, url_of
from preferences.links import Channel, Claims, LinkError, LinkKey, Purpose, open_token, seal, seal_many
from tests.makers import make_claims

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
KEY = LinkKey(b"demo", bytes(range(32)))
OTHER = LinkKey(b"else", bytes(32))

BAD_TARGETS = [
    "javascript:alert(1)",
    "JavaScript://example.org/%0aalert(1)",
    "data:text/html,hello",
    "ftp://example.org/",
    "//example.org/",
    "/offers",
    "example.org",
    " https://example.org/",
    "https://",
    "https:///offers",
    "https:example.org",
    "https:\\\\example.org",
    "https://example.org\\@evil.example/",
    "https://@/",
    "https://:443/",
    "https://a@b@example.org/",
    "https://exa mple.org/",
    "https://example.org:99999/",
    "https://example.org:port/",
    "https://[example.org]/",
    "https://{farewell}.example.org/",
    "https://example.org/\r\nSet-Cookie: a=b",
    "https://example.org/\ta",
    "https://example.org/\x7f",
    "https://example.org/\x85",
    "https://example.org\n",
    "https://\u2100.example.org/",  # which some read as a/c
]

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=100)
any_claims = st.builds(
    Claims,
    purpose=st.sampled_from([purpose for purpose in Purpose if purpose is not Purpose.CLICK]),
    channel=st.sampled_from(Channel),
    sent_at=st.integers(0, 2**40 - 1),
    topic=st.from_regex(r"[a-z0-9][a-z0-9_-]{0,63}", fullmatch=True),
    mailing=texts.filter(lambda text: len(text) <= 50 and "#" not in text),
    address=texts,
    segment=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=49),
)
any_click = st.builds(
    replace, any_claims, purpose=st.just(Purpose.CLICK), target=st.builds("https://example.org/{}".format, texts)
).filter(lambda claims: not CONTROL.search(claims.target))


def opened(token: str, *keys: LinkKey) -> Claims:
    ciphers = {key.kid: AESGCM(key.secret) for key in keys or (KEY,)}
    return open_token(token, ciphers.get)[1]


def boxed(text: bytes, key: LinkKey = KEY) -> str:
    """Anything sealed as a token, also what `seal` refuses."""
    nonce = bytes(12)
    return urlsafe_b64encode(key.kid + nonce + AESGCM(key.secret).encrypt(nonce, text, key.kid)).rstrip(b"=").decode()


@given(any_claims | any_click)
def test_what_was_sealed_is_what_opens(claims: Claims) -> None:
    assert opened(seal(KEY, claims)) == claims


@given(any_claims | any_click, st.lists(texts, max_size=5))
def test_sealing_many_says_the_same_as_sealing_each(claims: Claims, addresses: list[str]) -> None:
    tokens = list(seal_many(KEY, claims, addresses))
    assert [opened(token) for token in tokens] == [replace(claims, address=address) for address in addresses]


def test_a_click_carries_its_target() -> None:
    claims = make_claims(purpose="click", target="https://example.org/?a=1")
    assert opened(seal(KEY, claims)).target == "https://example.org/?a=1"


@pytest.mark.parametrize(
    "target",
    [
        "https://example.org",
        "HTTP://example.org?a",
        "https://alice:secret@example.org:8443/ü?q=ä b#part",
        "https://münchen.example/",
        "https://[2001:db8::1]/",
        "https://example.org/\\/..//evil.example",
        "https://example.org/{farewell}",
    ],
)
def test_a_target_is_a_web_address(target: str) -> None:
    assert opened(seal(KEY, make_claims(purpose="click", target=target))).target == target


@pytest.mark.parametrize("target", BAD_TARGETS)
def test_no_other_target_is_sealed_or_opened(target: str) -> None:
    with pytest.raises(ValueError, match="a target is a web address"):
        seal(KEY, make_claims(purpose="click", target=target))
    with pytest.raises(ValueError, match="a target is a web address"):
        list(seal_many(KEY, make_claims(purpose="click", target=target), ["alice@example.org"]))
    with pytest.raises(LinkError):
        opened(boxed(json.dumps([1, "click", "email", 1, "news", "", "alice@example.org", target]).encode()))


@given(st.text(max_size=60))
def test_what_opens_leads_to_a_host_by_http(text: str) -> None:
    box = boxed(json.dumps([1, "click", "email", 1, "news", "", "alice@example.org", text]).encode())
    try:
        target = opened(box).target
    except LinkError:
        return
    assert target.lower().startswith(("http://", "https://"))
    assert not CONTROL.search(target)


def test_a_segment_stands_behind_the_mailing() -> None:
    assert opened(boxed(b'[1,"open","email",1,"","2026-11#loyal#2","alice@example.org"]')) == make_claims(
        purpose="open", sent_at=1, topic="", segment="loyal#2"
    )
    assert opened(boxed(b'[1,"open","email",1,"","2026-11#","alice@example.org"]')).segment == ""


def test_mailing_and_segment_share_their_room() -> None:
    claims = make_claims(mailing="m" * 50, segment="s" * 49)
    assert opened(seal(KEY, claims)) == claims


def test_a_link_longer_than_its_door_takes_is_not_sealed() -> None:
    with pytest.raises(ValueError, match="shorten the target"):
        seal(
            KEY,
            make_claims(
                purpose="click", target="https://example.org/" + "a" * 1980, address="€" * 320, mailing="€" * 90
            ),
        )


def test_no_two_links_are_alike_though_they_say_the_same() -> None:
    assert len({seal(KEY, make_claims()) for _ in range(100)}) == 100
    assert len(set(seal_many(KEY, make_claims(), ["alice@example.org"] * 1100))) == 1100


def test_a_token_names_its_key_and_nobody() -> None:
    token = seal(KEY, make_claims())
    assert open_token(token, {KEY.kid: AESGCM(KEY.secret)}.get)[0] == KEY.kid
    assert b"alice" not in token.encode()


@given(st.data())
def test_a_changed_letter_opens_nothing(data: st.DataObject) -> None:
    token = seal(KEY, make_claims(), nonce=bytes(12))
    place = data.draw(st.integers(0, len(token) - 2))  # the last letter may carry bits that mean nothing
    letter = data.draw(st.sampled_from("abcXYZ019-_").filter(lambda letter: letter != token[place]))
    with pytest.raises(LinkError):
        opened(token[:place] + letter + token[place + 1 :])


@given(st.text(max_size=200))
def test_no_text_is_more_than_an_error(text: str) -> None:
    with pytest.raises(LinkError):
        opened(text)


def test_the_key_of_nobody_opens_nothing() -> None:
    with pytest.raises(LinkError):
        opened(seal(LinkKey(b"none", bytes(32)), make_claims()))


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"null",
        b"{}",
        b"[1]",
        b"\xff",
        b'[2,"unsubscribe","email",1,"news","","alice@example.org"]',
        b'[true,"unsubscribe","email",1,"news","","alice@example.org"]',
        b'[1,"leave","email",1,"news","","alice@example.org"]',
        b'[1,"unsubscribe","fax",1,"news","","alice@example.org"]',
        b'[1,"unsubscribe","email",1.5,"news","","alice@example.org"]',
        b'[1,"unsubscribe","email",-1,"news","","alice@example.org"]',
        b'[1,"unsubscribe","email",1,"News","","alice@example.org"]',
        b'[1,"unsubscribe","email",1,"","","alice@example.org"]',
        b'[1,"unsubscribe","email",1,"news","",""]',
        b'[1,"unsubscribe","email",1,"news","","a\\u0000b"]',
        b'[1,"unsubscribe","email",1,"news","","\\ud800"]',
        b'[1,"unsubscribe","email",1,"news","",["alice@example.org"]]',
        b'[1,"unsubscribe","email",1,"news","","alice@example.org","https://example.org"]',
        b'[1,"click","email",1,"news","","alice@example.org"]',
    ],
)
def test_sealed_nonsense_is_an_error_too(text: bytes) -> None:
    with pytest.raises(LinkError):
        opened(boxed(text))


@pytest.mark.parametrize(
    "fields",
    [
        {"topic": ""},
        {"topic": "News"},
        {"topic": "n" * 65},
        {"topic": "news\n"},
        {"address": ""},
        {"address": "a" * 321},
        {"address": "a\x00b"},
        {"mailing": "m" * 101},
        {"sent_at": -1},
        {"sent_at": 2**40},
        {"sent_at": True},
        {"target": "https://example.org"},
        {"purpose": "click", "target": ""},
        {"purpose": "click", "target": "https://example.org/" + "a" * 1981},
        {"purpose": "click", "target": "https://example.org/" + "ü" * 991},
        {"segment": "s" * 93},
        {"mailing": "a#b"},
        {"segment": "s\x00"},
    ],
)
def test_claims_out_of_bounds_are_not_sealed(fields: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        seal(KEY, make_claims(**fields))


def test_a_key_is_read_back_from_the_form_it_is_shown_in() -> None:
    key = LinkKey.generate()
    assert LinkKey.from_text(f" {key.to_text()}\n") == key


def test_a_key_keeps_its_secret_out_of_a_traceback() -> None:
    assert repr(KEY) == "LinkKey(kid=64656d6f)"


@pytest.mark.parametrize("purpose", DOORS)
def test_every_door_has_its_own_path(purpose: Purpose) -> None:
    url = url_of("https://leave.example.org", purpose, "x")
    assert url.removesuffix(".gif") == f"https://leave.example.org/{DOORS[purpose]}/x"
    assert url.endswith(".gif") == (purpose is Purpose.OPEN)
    assert len(set(DOORS.values())) == len(DOORS)
