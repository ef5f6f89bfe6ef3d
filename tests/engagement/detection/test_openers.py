"""The catalogue of what fetches a mail's pictures."""

from __future__ import annotations

import pytest

from engagement.detection.openers import Opener, find_opener, openers
from tests.engagement.detection.test_catalogue import BROWSERS

CLASSES = {"app", "prefetch", "program", "proxy"}
# Mail apps show mails in the systems' web views, whose agents are therefore no browser's in particular.
MAIL = {"Thunderbird", "WebView on iOS", "WebView on Android"}


@pytest.mark.parametrize("opener", openers(), ids=lambda opener: f"{opener.name} {opener.opener_class}")
def test_an_entry_matches_its_samples_and_names_a_source(opener: Opener) -> None:
    assert opener.opener_class in CLASSES
    assert opener.samples
    assert len(opener.source) > 20
    assert [find_opener(sample) for sample in opener.samples] == [opener] * len(opener.samples)


@pytest.mark.parametrize("name", sorted(BROWSERS.keys() - MAIL))
def test_no_browser_is_taken_for_a_mail_program(name: str) -> None:
    assert find_opener(BROWSERS[name]) is None


@pytest.mark.parametrize("agent", ["", " ", "Mozilla/5.0 ", "Mozilla/5.0 (compatible)", "curl/8.5.0", "Mail"])
def test_what_is_no_more_than_alike_is_not_taken_for_one(agent: str) -> None:
    assert find_opener(agent) is None
