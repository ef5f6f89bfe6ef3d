from __future__ import annotations

from typing import Any

from django.conf import settings
from django.utils import timezone

from engagement.learning import Finding, learn_agents, learn_networks, sentence
from preferences.management.example import ExampleCommand

_EXAMPLE = """\
manage.py learn

Learns now what the worker learns each week: programs that visited one link more than ten times within an hour, and,
when FAREWELL_LEARN_NETWORKS is set, networks from which only robots come. Says what was learned, and what was not and
why. The admin's list of learned robots has the evidence, and refuses what should not be used."""


class Command(ExampleCommand):
    help = "Learn which programs and networks are robots, from what they did."
    example = _EXAMPLE

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        self._tell("programs", "FAREWELL_LEARN_AGENTS", learn_agents(now))
        self._tell("networks", "FAREWELL_LEARN_NETWORKS", learn_networks(now))

    def _tell(self, noun: str, setting: str, findings: list[Finding]) -> None:
        """One line for each finding: the program or network, and its evidence or why it was not learned."""
        if not getattr(settings, setting):
            self.stdout.write(f"{noun}: switched off by {setting}")
            return
        new_count = sum(not finding.reason for finding in findings)
        self.stdout.write(f"{noun}: {new_count} learned, {len(findings) - new_count} not")
        for finding in findings:
            word = "not learned" if finding.reason else "learned"
            self.stdout.write(f"  {word}  {finding.value}")
            self.stdout.write(f"    {sentence(finding.kind, finding.evidence)}")
            if finding.reason:
                self.stdout.write(f"    {finding.reason}")
