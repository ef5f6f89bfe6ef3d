"""What the worker does on a schedule about what people said."""

from __future__ import annotations

from datetime import timedelta

from crontask import cron
from django.conf import settings
from django.tasks import task
from django.utils import timezone

from preferences import leaving


@cron("47 2 * * *")
@task
def cut_answers() -> int:
    """Cut the people from what they answered long enough ago; return how many answers became counts."""
    return leaving.cut_answers(timezone.now() - timedelta(days=settings.FAREWELL_KEEP_ANSWERS_DAYS))
