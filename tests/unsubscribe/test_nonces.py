from __future__ import annotations

import pytest

from unsubscribe.nonces import MAX_AGE_SECONDS, Nonce, NonceKind, new_visit, open_nonce, seal

NOW = 1_793_275_200.0


def test_a_nonce_tells_its_visit_and_the_servers_time() -> None:
    text = seal(NonceKind.VISIT, 7, "token", at=NOW)
    assert open_nonce(NonceKind.VISIT, text, "token", now=NOW + 5) == Nonce(7, NOW)


@pytest.mark.parametrize("age", [MAX_AGE_SECONDS + 1, 10 * MAX_AGE_SECONDS])
def test_an_old_nonce_is_worth_nothing(age: int) -> None:
    assert open_nonce(NonceKind.VISIT, seal(NonceKind.VISIT, 7, "token", at=NOW), "token", now=NOW + age) is None


def test_it_is_bound_to_its_token_and_its_kind() -> None:
    text = seal(NonceKind.VISIT, 7, "token")
    assert open_nonce(NonceKind.VISIT, text, "other") is None
    assert open_nonce(NonceKind.UNDO, text, "token") is None


@pytest.mark.parametrize("text", [None, 5, "", "x", "é" * 20, "A" * 41, "A" * 42, "A" * 1000, "!" * 42, [], {}])
def test_what_is_no_nonce_is_none(text: object) -> None:
    assert open_nonce(NonceKind.VISIT, text, "token") is None


def test_no_single_character_can_be_changed() -> None:
    text = seal(NonceKind.VISIT, 7, "token", at=NOW)
    for index in range(len(text) - 1):
        changed = text[:index] + ("A" if text[index] != "A" else "B") + text[index + 1 :]
        assert open_nonce(NonceKind.VISIT, changed, "token", now=NOW) is None


def test_visits_are_numbers_that_the_table_holds() -> None:
    assert all(0 <= new_visit() < 2**63 for _ in range(100))
