"""What an operator can do for a recipient: each deed asked for once more, with a reason, and done by a domain verb."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django import forms
from django.http import Http404
from django.urls import reverse
from django.utils.formats import date_format

from preferences.admin.deeds import Question, ReasonForm
from preferences.models import Cause, Outcome, Recipient, Topic, Wish
from preferences.models.subscriptions import SuppressionReason, today
from preferences.models.writing import NOT_PAUSED

LONGEST_PAUSE = timedelta(days=366)
type Act = Callable[[Cause, Mapping[str, Any]], Outcome]


def _month_from_today() -> Any:
    return today() + timedelta(days=30)


class PauseForm(ReasonForm):
    until = forms.DateField(
        label="Until",
        initial=_month_from_today,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text="Mails come again from this day on.",
    )
    field_order = ("until", "reason")

    def clean_until(self) -> Any:
        until = self.cleaned_data["until"]
        if not today() < until <= today() + LONGEST_PAUSE:
            raise forms.ValidationError("Choose a day from tomorrow on, within a year.")
        return until


@dataclass(frozen=True, slots=True)
class Deed:
    """`done` says what holds afterwards, also when it held before."""

    question: Question
    act: Act
    done: str
    form: type[ReasonForm] = ReasonForm


def deed_for(recipient: Recipient, verb: str, topic_id: str) -> Deed:
    """Return the deed that a URL names. Raises Http404 when there is none."""
    if not recipient.address:  # erased: whoever comes back does it by a link, which has the address
        raise Http404
    back_url = reverse("admin:preferences_recipient_change", args=[recipient.pk])
    if verb in _ABOVE and not (topic_id and verb in _OF_TOPIC):
        return _ABOVE[verb](recipient, back_url)
    topic = Topic.objects.filter(brand_id=recipient.brand_id, id=topic_id if topic_id.isdecimal() else 0).first()
    if topic is None or verb not in _OF_TOPIC:
        raise Http404
    return _OF_TOPIC[verb](recipient, topic, back_url)


def _opt_out(recipient: Recipient, topic: Topic, back_url: str) -> Deed:
    question = Question(
        f"Opt out of {topic.name}",
        f"{recipient.address} will receive no more of {topic.name} by {recipient.brand}. This is final at once.",
        "Opt out",
        back_url,
    )
    return Deed(question, lambda cause, _: recipient.opt_out(topic.id, cause), f"out of {topic.name}.")


def _opt_in(recipient: Recipient, topic: Topic, back_url: str) -> Deed:
    question = Question(
        f"Opt in to {topic.name}",
        f"{recipient.address} will receive {topic.name} by {recipient.brand}. A suppression gives way to that; every "
        "other topic stays off. Do this only if the person asked for it: the reason is the record of their consent.",
        "Opt in",
        back_url,
    )
    return Deed(question, lambda cause, _: recipient.opt_in(topic.id, cause), f"in {topic.name}.")


def _pause_topic(recipient: Recipient, topic: Topic, back_url: str) -> Deed:
    question = Question(
        f"Pause {topic.name}",
        f"{recipient.address} will receive nothing of {topic.name} until the day you choose. The pause ends by itself.",
        "Pause",
        back_url,
    )

    def act(cause: Cause, data: Mapping[str, Any]) -> Outcome:
        return recipient.choose({topic.id: Wish(paused_until=data["until"])}, cause)

    return Deed(question, act, f"{topic.name} is paused.", PauseForm)


def _go_on_with_topic(recipient: Recipient, topic: Topic, back_url: str) -> Deed:
    question = Question(
        f"End the pause of {topic.name}",
        f"{recipient.address} will receive {topic.name} again from today on, unless it was left.",
        "End the pause",
        back_url,
    )
    wish = {topic.id: Wish(paused_until=NOT_PAUSED)}
    return Deed(question, lambda cause, _: recipient.choose(wish, cause), f"{topic.name} is not paused.")


def _pause_everything(recipient: Recipient, back_url: str) -> Deed:
    question = Question(
        "Pause everything",
        f"{recipient.brand} will send nothing to {recipient.address} until the day you choose, but what a contract "
        "requires. The pause ends by itself.",
        "Pause",
        back_url,
    )
    return Deed(question, lambda cause, data: recipient.pause(data["until"], cause), "everything is paused.", PauseForm)


def _go_on(recipient: Recipient, back_url: str) -> Deed:
    until = recipient.paused_until()
    question = Question(
        "End the pause",
        f"{recipient.address} will receive again what was chosen, from today on"
        f"{f' and not from {date_format(until, "j F Y")} on' if until else ''}.",
        "End the pause",
        back_url,
    )
    return Deed(question, lambda cause, _: recipient.pause(NOT_PAUSED, cause), "not paused.")


def _suppress(recipient: Recipient, back_url: str) -> Deed:
    question = Question(
        "Suppress this address",
        f"{recipient.brand} will never send to {recipient.address} again: nothing of any topic, also of those that are "
        "added later, and not what a contract requires either.",
        "Suppress",
        back_url,
        is_grave=True,
    )
    return Deed(question, lambda cause, _: recipient.suppress(SuppressionReason.ADMIN, cause), "suppressed.")


def _lift(recipient: Recipient, back_url: str) -> Deed:
    question = Question(
        "Lift the suppression",
        f"The topics speak again for {recipient.address}: what was chosen for each holds, and the default where "
        "nothing was. Do this only if the person asked for it.",
        "Lift",
        back_url,
    )
    return Deed(question, lambda cause, _: recipient.lift_suppression(cause), "not suppressed.")


def _refuse_tracking(recipient: Recipient, back_url: str) -> Deed:
    question = Question(
        "Stop recording opens and clicks",
        f"{recipient.brand} will record neither opens nor clicks of {recipient.address}. Links go on working, and "
        "visits to the unsubscribe pages are recorded: they keep robots from leaving for the person.",
        "Stop recording",
        back_url,
    )
    return Deed(question, lambda cause, _: recipient.refuse_tracking(cause), "opens and clicks are not recorded.")


def _allow_tracking(recipient: Recipient, back_url: str) -> Deed:
    question = Question(
        "Record opens and clicks again",
        f"{recipient.brand} will record opens and clicks of {recipient.address} again. Do this only if the person "
        "asked for it: the reason is the record of their consent.",
        "Record again",
        back_url,
    )
    return Deed(question, lambda cause, _: recipient.allow_tracking(cause), "opens and clicks are recorded.")


_ABOVE = {
    "suppress": _suppress,
    "lift": _lift,
    "pause": _pause_everything,
    "go-on": _go_on,
    "refuse-tracking": _refuse_tracking,
    "allow-tracking": _allow_tracking,
}
_OF_TOPIC = {"opt-in": _opt_in, "opt-out": _opt_out, "pause": _pause_topic, "go-on": _go_on_with_topic}
