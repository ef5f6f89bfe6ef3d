"""Leaving non-human interactions out of a brand's figures for a channel, or counting them again."""

from __future__ import annotations

from datetime import datetime, time, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from engagement.detection import RULES_VERSION
from engagement.models import CountingSwitch, Rejudgement
from preferences.models import Brand

State = Rejudgement.State


class SwitchError(Exception):
    """It cannot be turned now; the message says why."""


def is_on(brand: Brand, channel: str) -> bool:
    """Whether non-human interactions are left out today."""
    row = _in_force(brand, channel)
    return row is not None and row.leaves_out


def pending(brand: Brand, channel: str) -> CountingSwitch | None:
    """The switch that was turned and is not in force yet, if there is one."""
    rows = CountingSwitch.objects.filter(brand=brand, channel=channel, since=None)
    return rows.select_related("rejudgement").first()


def turn(
    brand: Brand, channel: str, user: User | None, *, leaves_out: bool, is_backward: bool = False
) -> CountingSwitch:
    """Turn the switch: the run that it comes with judges FAREWELL_RECOUNT_DAYS again, and when that is applied the
    switch holds from its first day on. `is_backward`: with robots that were learned since.

    The run is to be given to the worker (engagement.tasks.apply_rejudgement). Raises SwitchError.
    """
    with transaction.atomic():
        Brand.objects.select_for_update().get(pk=brand.pk)
        if waiting := pending(brand, channel):
            raise SwitchError(_busy(waiting))
        if is_on(brand, channel) == leaves_out:
            raise SwitchError(f"They are {'left out' if leaves_out else 'counted'} already.")
        run = Rejudgement.objects.create(
            state=State.APPLYING,
            since=_first_day(),
            until=timezone.now(),
            brand=brand,
            channel=channel,
            is_backward=is_backward,
            rules=RULES_VERSION,
            actor=user.get_username() if user else "",
        )
        return CountingSwitch.objects.create(
            brand=brand, channel=channel, leaves_out=leaves_out, decided_by=user, rejudgement=run
        )


def give_up(switch: CountingSwitch) -> None:
    """Forget a switch that is not in force yet. Raises SwitchError while its run is working, or when it holds."""
    with transaction.atomic():
        row = CountingSwitch.objects.select_for_update().get(pk=switch.pk)
        if row.since is not None:
            raise SwitchError("It holds already. Turn it back instead.")
        run = row.rejudgement
        if run is not None and run.state != State.FAILED:
            raise SwitchError("It is being worked on.")
        row.delete()


def _first_day() -> datetime:
    """The beginning of a day of the server's time zone: figures are kept by the day."""
    day = timezone.localdate() - timedelta(days=settings.FAREWELL_RECOUNT_DAYS)
    return timezone.make_aware(datetime.combine(day, time()))


def _in_force(brand: Brand, channel: str) -> CountingSwitch | None:
    """The row that was decided last and is in force: it reaches up to now."""
    return CountingSwitch.objects.filter(brand=brand, channel=channel, since__isnull=False).first()


def _busy(switch: CountingSwitch) -> str:
    run = switch.rejudgement
    if run is not None and run.state == State.FAILED:
        return "It was turned before, and judging again failed. Try that again, or give it up."
    return "It was turned before, and the worker is still judging again. Wait until it has finished."
