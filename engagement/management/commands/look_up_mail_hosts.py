from __future__ import annotations

from argparse import ArgumentParser
from ipaddress import ip_address
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from engagement import mail_hosts
from preferences.management.example import ExampleCommand
from preferences.streams import progress, quiet_end

_EXAMPLE = """\
manage.py look_up_mail_hosts --limit 1000

Asks DNS who takes the mail of the recipients' domains, and notes which are behind a known mail gateway. The worker
does so by itself every ten minutes while FAREWELL_LOOK_UP_MAIL_HOSTS is on."""
_BATCH = 100


class Command(ExampleCommand):
    help = "Look up which recipients' domains are behind a mail gateway."
    example = _EXAMPLE

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--limit", type=int, default=10_000, metavar="N", help="how many domains at most")
        parser.add_argument("--nameserver", metavar="ADDRESS", help="whom to ask (default: as this machine is set up)")
        parser.add_argument("--port", type=int, default=53, metavar="PORT", help="of --nameserver")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.FAREWELL_LOOK_UP_MAIL_HOSTS:
            raise CommandError("Mail hosts are not looked up: set FAREWELL_LOOK_UP_MAIL_HOSTS=1 first.")
        if options["limit"] < 1:
            raise CommandError("--limit must be at least 1.")
        resolver = self._resolver(options["nameserver"], options["port"])
        total = min(mail_hosts.due().count(), options["limit"])
        gateways = problems = done = 0
        with quiet_end(), progress("domains", total) as bar:
            while done < total and (
                findings := mail_hosts.look_up_pending(min(_BATCH, total - done), resolver=resolver)
            ):
                done += len(findings)
                gateways += sum(bool(finding.gateway) for finding in findings)
                problems += sum(bool(finding.problem) for finding in findings)
                bar.update(len(findings))
        self.stdout.write(f"{done:,} domains looked up: {gateways:,} behind a gateway, {problems:,} without an answer")

    def _resolver(self, nameserver: str | None, port: int) -> Any:
        if not nameserver:
            return None
        try:
            return mail_hosts.make_resolver([str(ip_address(nameserver))], port)
        except ValueError:
            raise CommandError(f"--nameserver: “{nameserver}” is no network address.") from None
