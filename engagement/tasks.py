"""What the worker does, on a schedule or when the admin asks for it."""

from __future__ import annotations

import logging

from crontask import cron
from django.conf import settings
from django.tasks import task
from django.utils import timezone

from engagement import learning, mail_hosts
from engagement.counting import counter, zones
from engagement.models import Rejudgement
from engagement.recording import partitions
from engagement.rejudging import runs
from engagement.retention import expiry, people, pseudonyms

logger = logging.getLogger(__name__)


@cron("17 3 * * *")
@task
def make_partitions() -> list[str]:
    """Keep the interactions table's months ready; the recorder makes a missing one itself if this never ran."""
    return partitions.make_partitions(timezone.now().date())


@cron("27 3 * * *")
@task
def keep() -> int:
    """Drop what is past its time, and forget whose the older opens and clicks were; return how many those were."""
    now = timezone.now()
    for step in (*expiry.drop_past(now), *people.delete_past(now)):
        if step.problem:
            logger.warning("%s is past its time and stays until tomorrow: it %s", step.table, step.problem)
    return pseudonyms.pseudonymise(now)


@cron("* * * * *")
@task
def count_interactions() -> int | None:
    """Count what waits into the figures; return how many, None if somebody else does. Raises ZoneError."""
    zones.check_zone()
    count = counter.count_all()
    if count:
        logger.info("%d interactions counted", count)
    return count


@cron("23 4 * * Mon")
@task
def learn() -> list[str]:
    """Learn the week's robots; return what is new. A week that was missed is looked at by `manage.py learn` only."""
    now = timezone.now()
    findings = [*learning.learn_agents(now), *learning.learn_networks(now)]
    return [finding.value for finding in findings if not finding.reason]


@task
def look_up_mail_hosts() -> None:
    """Ask name servers about the domains that are due, where that is switched on."""
    mail_hosts.look_up_pending()


if settings.FAREWELL_LOOK_UP_MAIL_HOSTS:
    cron("*/10 * * * *")(look_up_mail_hosts)


@task
def look_again(rejudgement_id: int) -> None:
    """Count what judging again would change; its progress stands in the row."""
    runs.look(Rejudgement.objects.get(pk=rejudgement_id))


@task
def apply_rejudgement(rejudgement_id: int) -> None:
    runs.apply(Rejudgement.objects.get(pk=rejudgement_id))


@task
def recount(rejudgement_id: int) -> None:
    """Judge a brand's last days again for a switch, which holds when that is done. Once it holds, nothing more: the
    worker may be given it twice."""
    run = Rejudgement.objects.get(pk=rejudgement_id)
    if run.state != Rejudgement.State.APPLIED:
        runs.look_and_apply(run)
