"""What the worker does on a schedule about what people said."""

from __future__ import annotations

from datetime import timedelta

from crontask import cron
from django.conf import settings
from django.core.management import call_command
from django.tasks import task
from django.utils import timezone

from preferences import leaving, limits

KEEP_TASKS_DAYS = 7


@cron("47 2 * * *")
@task
def cut_answers() -> int:
    """Cut the people from what they answered long enough ago; return how many answers became counts."""
    return leaving.cut_answers(timezone.now() - timedelta(days=settings.FAREWELL_KEEP_ANSWERS_DAYS))


@cron("57 2 * * *")
@task
def prune() -> int:
    """Drop what is kept for days only: requests for links, counted for one, and finished tasks with what was sealed
    for them; return how many requests."""
    call_command("prune_db_task_results", queue_name="*", min_age_days=KEEP_TASKS_DAYS, verbosity=0)
    return limits.prune()
