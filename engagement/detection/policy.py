"""Whether a visit may opt out without a press, under a brand's policy."""

from __future__ import annotations

from engagement.detection.facts import Facts
from engagement.detection.verdict import MACHINE_SCORE, Verdict


def may_commit(policy: str, facts: Facts, verdict: Verdict) -> bool:
    """Return whether the arrival that `facts` describe is an opt-out. Doubt is False and costs a person one press.

    `instant` is the bare pattern, kept for comparison: whatever runs the script commits. The others want the
    page to have been visible and focused (measured: all of 22 people, 12 of 45 programs), nothing hard against
    it, and then positive evidence; `balanced` does without when the mail is old enough for no point to stand.
    An unknown policy is taken as `strict`.
    """
    if policy == "instant":
        return True
    page = facts.page
    if page is None or verdict.is_hard or not (page.visible and page.focused):
        return False
    if verdict.has("trusted_input"):
        return verdict.score < MACHINE_SCORE
    if policy == "balanced":
        return verdict.score <= 0
    return verdict.score <= 0 and verdict.has("click_in_a_page")
