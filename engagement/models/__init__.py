from __future__ import annotations

from engagement.models.interactions import Interaction, Kind
from engagement.models.learning import Learned, MailHost, Rejudgement
from engagement.models.mailings import Mailing, RecordingGap

__all__ = ["Interaction", "Kind", "Learned", "MailHost", "Mailing", "RecordingGap", "Rejudgement"]
