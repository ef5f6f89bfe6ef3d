"""The form that chooses what a dashboard counts."""

from __future__ import annotations

from engagement.admin.period import ChannelForm
from engagement.figures import Counted
from engagement.opt_outs import Scope


class DashboardForm(ChannelForm):
    """A period, a brand and a channel."""

    @property
    def counted(self) -> Counted:
        return Counted(self.start, self.end, self.chosen_brand_ids, self.cleaned_data["channel"])

    @property
    def scope(self) -> Scope:
        """The same for what is read from the ledger."""
        return Scope(self.start, self.end, self.chosen_brand_ids, channel=self.cleaned_data["channel"])
