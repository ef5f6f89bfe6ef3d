"""What the worker does on a schedule about opt-outs."""

from __future__ import annotations

import logging

from crontask import cron
from django.tasks import task

from engagement import forgetting
from unsubscribe import bursts, settling

logger = logging.getLogger(__name__)


@cron("* * * * *")
@task
def settle() -> int:
    """Find what a crash kept from being reviewed at once; return how many opt-outs were put back."""
    return settling.sweep().reinstated_count


@cron("41 * * * *")
@task
def settle_late() -> int:
    """The same for windows that closed while nobody looked."""
    return settling.sweep(is_late=True).reinstated_count


@cron("*/10 * * * *")
@task
def watch_bursts() -> int:
    """Say in the log which mailings wait for an operator's decision; return how many."""
    found = bursts.alarms()
    for alarm in found:
        logger.warning("mailing %s has %s opt-outs that look like a scan: see the admin", alarm.mailing, alarm.count)
    return len(found)


@cron("*/10 * * * *")
@task
def sweep_erased() -> int:
    """Delete what was written late about people who were erased in the last day; return how many visits."""
    return forgetting.sweep()
