"""What `manage.py explain --json` tells about one address, as the tests read it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Story:
    told: dict[str, Any]

    @classmethod
    def read(cls, text: str) -> Story:
        return cls(json.loads(text))

    def state(self, topic: str = "news") -> str:
        return str(next((row["state"] for row in self.told["topics"] if row["topic"] == topic), "default"))

    @property
    def changes(self) -> list[dict[str, Any]]:
        """The ledger, oldest first."""
        return list(self.told["changes"])

    @property
    def sources(self) -> list[str]:
        return [change["source"] for change in self.changes]

    @property
    def interactions(self) -> list[dict[str, Any]]:
        """The recorded interactions, oldest first."""
        return list(self.told["interactions"])

    def of_kind(self, kind: str) -> list[dict[str, Any]]:
        return [row for row in self.interactions if row["kind"] == kind]

    def answers(self, kind: str) -> list[str]:
        return [row["answer"] for row in self.of_kind(kind)]

    def signals(self, kind: str) -> set[str]:
        return {signal["name"] for row in self.of_kind(kind) for signal in row["signals"]}

    @property
    def is_suppressed(self) -> bool:
        return bool(self.told["suppressed"])

    def is_provisional(self) -> bool:
        """Whether the newest change may still be taken back by evidence."""
        return bool(self.changes[-1]["provisional"])
