from __future__ import annotations

from preferences.models.answers import LeavingAnswer, LeavingAnswerCount, LeavingReason, LeavingReasonText
from preferences.models.asking import LinkRequest
from preferences.models.brands import Brand, BrandKey, BrandText, Policy
from preferences.models.ledger import Cause, PreferenceChange, Source, State
from preferences.models.people import Companions, Person
from preferences.models.recipients import Recipient
from preferences.models.standing import Choice, Outcome, Wish
from preferences.models.subscriptions import Pause, Subscription, Suppression
from preferences.models.topics import Frequency, Topic, TopicGroup, TopicGroupText, TopicText

__all__ = [
    "Brand",
    "BrandKey",
    "BrandText",
    "Cause",
    "Choice",
    "Companions",
    "Frequency",
    "LeavingAnswer",
    "LeavingAnswerCount",
    "LeavingReason",
    "LeavingReasonText",
    "LinkRequest",
    "Outcome",
    "Pause",
    "Person",
    "Policy",
    "PreferenceChange",
    "Recipient",
    "Source",
    "State",
    "Subscription",
    "Suppression",
    "Topic",
    "TopicGroup",
    "TopicGroupText",
    "TopicText",
    "Wish",
]
