from __future__ import annotations

from engagement.models.counting import (
    Act,
    CountingSwitch,
    Dimension,
    Level,
    PageView,
    Position,
    Ranking,
    Reach,
    Revision,
    Scanned,
    SpoolPosition,
    Tally,
    Touch,
)
from engagement.models.interactions import TRACKED_KINDS, Interaction, Kind
from engagement.models.learning import Learned, MailHost, Rejudgement
from engagement.models.mailings import (
    Conversion,
    Delivery,
    Mailing,
    RecordingGap,
    ShortLink,
    TrackedLink,
)

__all__ = [
    "TRACKED_KINDS",
    "Act",
    "Conversion",
    "CountingSwitch",
    "Delivery",
    "Dimension",
    "Interaction",
    "Kind",
    "Learned",
    "Level",
    "MailHost",
    "Mailing",
    "PageView",
    "Position",
    "Ranking",
    "Reach",
    "RecordingGap",
    "Rejudgement",
    "Revision",
    "Scanned",
    "ShortLink",
    "SpoolPosition",
    "Tally",
    "Touch",
    "TrackedLink",
]
