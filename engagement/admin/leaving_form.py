"""The form that chooses what the page of leaving counts."""

from __future__ import annotations

from typing import Any

from django import forms

from engagement.admin.period import ChannelForm
from engagement.figures.leaving import Span
from preferences.admin.scope import AnyUser, within
from preferences.models import Topic

EVERYTHING = "everything"


class LeavingForm(ChannelForm):
    """A period, a brand, a topic (by id, or what ends everything) and a channel."""

    field_order = ("since", "until", "brand", "period", "topic", "channel")

    topic = forms.ChoiceField(required=False)

    def __init__(self, user: AnyUser, *args: Any, **kwargs: Any) -> None:
        super().__init__(user, *args, **kwargs)
        self.topics = list(within(user, Topic.objects.select_related("brand"), "brand_id"))
        self.fields["topic"].choices = [  # type: ignore[attr-defined]
            ("", "All topics"),
            (EVERYTHING, "Everything at once"),
            *_by_brand(self.topics),
        ]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if self.errors or not cleaned["brand"] or cleaned["topic"] in ("", EVERYTHING):
            return cleaned
        if not any(
            topic.brand_id == cleaned["brand"].pk and str(topic.pk) == cleaned["topic"] for topic in self.topics
        ):
            self.add_error("topic", "This is another brand’s topic.")
        return cleaned

    @property
    def span(self) -> Span:
        topic, channel = self.cleaned_data["topic"], self.cleaned_data["channel"]
        return Span(
            self.start,
            self.end,
            self.chosen_brand_ids,
            topic_id=int(topic) if topic.isdigit() else None,
            is_everything=topic == EVERYTHING,
            channel=channel,
        )

    @property
    def own_parameters(self) -> dict[str, str]:
        topic = self.cleaned_data["topic"]
        return super().own_parameters | ({"topic": topic} if topic else {})


def _by_brand(topics: list[Topic]) -> list[Any]:
    """The topics as choices, grouped where there is more than one brand."""
    grouped: dict[str, list[tuple[str, str]]] = {}
    for topic in topics:
        grouped.setdefault(f"{topic.brand.name} ({topic.brand.slug})", []).append((str(topic.pk), topic.name))
    if len(grouped) > 1:
        return list(grouped.items())
    return [choice for choices in grouped.values() for choice in choices]
