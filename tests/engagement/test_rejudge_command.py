"""The command that judges stored interactions again."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from engagement.detection import RULES_VERSION
from engagement.models import Rejudgement
from preferences.models import Brand
from tests.commands import run
from tests.engagement.rejudging import make_old, table, without_learned
from tests.engagement.test_explain import documented
from tests.makers import make_brand

SINCE = ("--since", "2026-11-01", "--until", "2026-12-01")


@pytest.fixture(autouse=True)
def nothing_learned() -> Iterator[None]:
    yield from without_learned()


@pytest.fixture
def brand(db: None) -> Brand:
    return make_brand(slug="demo")


def test_the_command_tells_what_would_change(brand: Brand) -> None:
    make_old(brand)
    result = run("rejudge", *SINCE)
    assert result.status == 0
    assert f"1 interactions judged again under rules {RULES_VERSION}, 1 would change." in result.out
    assert re.search(r"unsure +machine +1\n", result.out)
    assert "Nothing was written." in result.out
    assert table()[0][0] == "unsure"


def test_the_command_applies(brand: Brand) -> None:
    make_old(brand)
    make_old(make_brand(), 1)
    result = run("rejudge", *SINCE, "--brand", "demo", "--apply", "--json")
    told = json.loads(result.out)
    assert set(told) == documented("## rejudge")
    assert (told["state"], told["brand"], told["seen"], told["changed"]) == ("applied", "demo", 1, 1)
    assert [verdict for verdict, *_ in table()] == ["machine", "unsure"]
    assert Rejudgement.objects.get().actor == "rejudge"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--since", "yesterday"), "no ISO 8601 moment"),
        (("--since", "2026-11-02T00:00:00"), "time zone"),
        (("--since", "2026-11-02", "--until", "2026-11-02"), "not before"),
        (("--since", "2026-11-02", "--brand", "nobody"), "no brand"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: tuple[str, ...], words: str) -> None:
    result = run("rejudge", *arguments)
    assert result.status == 1
    assert words in result.err


def test_an_empty_period_is_no_error(brand: Brand) -> None:
    assert "0 interactions judged again" in run("rejudge", *SINCE).out
