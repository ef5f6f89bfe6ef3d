"""What is stored of a click's target names nobody."""

from __future__ import annotations

import pytest

from engagement.recording.targets import link_number, stored_url


@pytest.mark.parametrize(
    ("target", "stored"),
    [
        ("https://shop.example.org/sale", "https://shop.example.org/sale"),
        ("HTTPS://Shop.Example.org", "https://shop.example.org/"),
        ("https://shop.example.org/sale?mail=alice@example.org#alice", "https://shop.example.org/sale"),
        ("https://alice:secret@shop.example.org:8443/", "https://shop.example.org:8443/"),
        (f"https://leave.example.org/u/{'aB3_-' * 20}", "https://leave.example.org/u/*"),
        (f"https://leave.example.org/u/{'aB3_-' * 20}/preferences", "https://leave.example.org/u/*/preferences"),
        ("https://blog.example.org/a-long-headline-of-a-story", "https://blog.example.org/a-long-headline-of-a-story"),
    ],
)
def test_a_target_is_stored_without_what_may_name_a_person(target: str, stored: str) -> None:
    assert stored_url(target) == stored


def test_a_links_number_is_the_same_everywhere_and_fits_the_column() -> None:
    assert link_number("https://shop.example.org/sale") == -7_234_302_797_643_738_819
    numbers = {link_number(f"https://shop.example.org/{page}") for page in range(1_000)}
    assert len(numbers) == 1_000
    assert all(-(2**63) <= number < 2**63 for number in numbers)
