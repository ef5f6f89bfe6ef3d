"""Who left and who stayed, recounted from the ledger's rows."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

import pytest

from engagement.figures.leaving import Instead, Outcome, Statistics, statistics
from preferences.models import Topic
from tests.engagement.leaving_walk import recount
from tests.engagement.leavings import MONTH, START, history
from tests.makers import make_brand

pytestmark = pytest.mark.django_db(transaction=True)  # what is written together is known by its transaction


def same(told: Statistics, counted: Statistics) -> None:
    assert set(told.left) == set(counted.left)
    assert set(told.kept) == set(counted.kept)
    assert set(told.returned) == set(counted.returned)
    assert (told.person_count, told.put_back_count) == (counted.person_count, counted.put_back_count)
    assert len(told.left) == len(set(told.left))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_figure_is_what_the_ledger_says(seed: int) -> None:
    brands = [make_brand(), make_brand()]
    history(random.Random(seed), brands)
    news = Topic.objects.filter(slug="news", brand=brands[0]).get()
    everything = statistics(MONTH)
    spans = [
        MONTH,
        replace(MONTH, brand_ids=frozenset({brands[1].id})),
        replace(MONTH, brand_ids=frozenset()),
        replace(MONTH, topic_id=news.id),
        replace(MONTH, is_everything=True),
        replace(MONTH, channel="sms"),
        replace(MONTH, start=START - timedelta(days=60)),
        replace(MONTH, start=START - timedelta(days=3), end=START),
        replace(MONTH, start=START - timedelta(days=300)),
    ]
    for span in spans:
        same(statistics(span), recount(span))
    assert {cell.outcome for cell in everything.left} == set(Outcome) - {Outcome.PUT_BACK}
    assert {cell.choice for cell in everything.kept} == set(Instead)
    assert len({cell.away for cell in everything.returned}) >= 3
    assert everything.put_back_count
