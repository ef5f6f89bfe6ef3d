"""What retention deletes by time it finds without reading all that is kept."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from engagement.retention import people
from tests.engagement.makers import NOON

pytestmark = pytest.mark.django_db

VALUES: dict[str, Any] = {
    **{"nobody": NOON, "opens": NOON, "clicks": NOON, "visits": NOON - timedelta(days=365)},
    **{"tracked": people.TRACKED_ACTS, "open_kinds": ["open"], "click_kinds": ["click"], "visit_kinds": ["visit"]},
}


@pytest.mark.parametrize(
    ("condition", "index"), [(people._TOUCHES, "touch_time"), (people._REVISIONS, "revision_time")]
)
def test_the_night_s_deletion_goes_by_an_index_of_time(condition: str, index: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")  # of a few rows none is worth it
        cursor.execute(f"EXPLAIN DELETE {condition}", VALUES)
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert index in plan
    assert "Seq Scan" not in plan
