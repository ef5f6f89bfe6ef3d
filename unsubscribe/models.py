from __future__ import annotations

from engagement.models import Mailing


class ScannedMailing(Mailing):
    """A mailing as the burst alarm sees it: its opt-outs may be a scanner's (bursts.py)."""

    class Meta:
        proxy = True
        verbose_name = "burst of opt-outs"
        verbose_name_plural = "bursts of opt-outs"
