"""What the worker does on a schedule about opt-outs."""

from __future__ import annotations

from crontask import cron
from django.tasks import task

from unsubscribe import settling


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
