"""The admin of what happened to mailings, and of the page that shows what robots would have done."""

from __future__ import annotations

from engagement.admin.interactions import InteractionAdmin
from engagement.admin.knowledge import MailHostAdmin
from engagement.admin.learned import LearnedAdmin
from engagement.admin.mailings import MailingAdmin, RecordingGapAdmin
from engagement.admin.rejudgements import RejudgementAdmin
from engagement.admin.switches import CountingSwitchAdmin

__all__ = [
    "CountingSwitchAdmin",
    "InteractionAdmin",
    "LearnedAdmin",
    "MailHostAdmin",
    "MailingAdmin",
    "RecordingGapAdmin",
    "RejudgementAdmin",
]
