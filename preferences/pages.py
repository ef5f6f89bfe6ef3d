"""The preference page: topics on and off, and everything off."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from django.http import HttpResponse, QueryDict

from preferences.directory import Link
from preferences.languages import Language
from preferences.models import Cause, Topic, Wish
from preferences.rendering import page_response


@dataclass(frozen=True, slots=True)
class Choice:
    """A topic as the page shows it."""

    slug: str
    name: str
    description: str
    is_in: bool


def answer_preferences(
    link: Link, language: Language, action: str, fields: QueryDict | None, cause: Cause, *, is_by_hand: bool = False
) -> HttpResponse:
    """Show the recipient's topics; with `fields`, the form's, save them first in one transaction.

    Only topics that the page had shown are touched, so that a page from before a topic was added says nothing
    about it. A form sent as it was shown changes nothing, and neither does one that no button was pressed for; but
    `is_by_hand`, it confirms what it shows as off: an opt-out that evidence might still have put back is final then.
    """
    topics = list(Topic.objects.filter(brand_id=link.brand.id))
    before = link.recipient.receives(topics)
    if fields is not None:
        if fields.get("all") == "off":
            link.recipient.leave_everything(cause)
        elif "save" in fields:
            provisional = link.recipient.provisional_topics() if is_by_hand else frozenset()
            if wishes := _wishes(topics, before, fields, provisional):
                link.recipient.choose({id: Wish(is_in=wish) for id, wish in wishes.items()}, cause)
    after = link.recipient.receives(topics) if fields is not None else before
    choices = [Choice(topic.slug, topic.name, topic.description, after[topic.id]) for topic in topics]
    changed = [choice for topic, choice in zip(topics, choices, strict=True) if before[topic.id] != after[topic.id]]
    context = {
        "brand_name": link.brand.name,
        "masked": link.masked_address,
        "action": action,
        "topics": choices,
        "saved": changed if fields is not None else None,
        "all_off": not any(after.values()) and (bool(changed) or link.recipient.is_suppressed()),
    }
    return page_response("preferences/page.html", language, link.brand.look(language.code), context)


def _wishes(
    topics: list[Topic], before: dict[int, bool], fields: QueryDict, provisional: Collection[int]
) -> dict[int, bool]:
    """What was changed on the page, and what was left off there though it is off only provisionally."""
    shown, ticked = set(fields.getlist("shown")), set(fields.getlist("topic"))
    wishes = {topic.id: topic.slug in ticked for topic in topics if topic.slug in shown}
    return {id: wish for id, wish in wishes.items() if wish != before[id] or (not wish and id in provisional)}
