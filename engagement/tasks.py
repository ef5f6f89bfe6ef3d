"""What the worker does on a schedule."""

from __future__ import annotations

from crontask import cron
from django.tasks import task
from django.utils import timezone

from engagement import partitions


@cron("17 3 * * *")
@task
def make_partitions() -> list[str]:
    """Keep the interactions table's months ready; the recorder makes a missing one itself if this never ran."""
    return partitions.make_partitions(timezone.now().date())
