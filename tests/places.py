"""Every URL pattern of the admin, how its arguments are filled, and what else a request to it can name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model
from django.urls import URLPattern, get_resolver

from preferences.models import Brand
from tests.tenants import Tenant

VERBS = ["opt-in", "opt-out", "suppress", "lift", "pause", "go-on", "erase"]


@dataclass(frozen=True)
class Place:
    """One URL pattern of the admin."""

    route: str

    @property
    def model(self) -> type[Model] | None:
        """The one whose pages it belongs to."""
        found = re.match(r"(\w+)/(\w+)/", self.route)
        return apps.all_models.get(found[1], {}).get(found[2]) if found else None

    @property
    def is_list(self) -> bool:
        return bool(self.model) and self.route.count("/") == 2

    @property
    def has_arguments(self) -> bool:
        return "<" in self.route

    def paths(self, tenant: Tenant) -> list[str]:
        """The paths that name the brand's rows. Raises KeyError for an argument of which nobody has said how."""
        paths = [re.sub(r"\(\?P(<\w+>).*?\)", r"\1", self.route).strip("^$").replace(r"\Z", "")]
        for converter, name in re.findall(r"<(?:(\w+):)?(\w+)>", self.route):
            values = ARGUMENTS[name](self.model, tenant)
            argument = f"<{converter}:{name}>" if converter else f"<{name}>"
            paths = [path.replace(argument, str(value)) for path in paths for value in values]
        return [f"/admin/{path}" for path in paths]


# How each argument of a route is filled. One that is not here fails the test: say what it names.
ARGUMENTS: dict[str, Any] = {
    "object_id": lambda model, tenant: [tenant.key(model)],
    "recipient_id": lambda model, tenant: [tenant.recipient_id],
    "brand_id": lambda model, tenant: [tenant.brand_id],
    "key_id": lambda model, tenant: [tenant.key(model)],
    "run_id": lambda model, tenant: [tenant.key(model)],
    "switch_id": lambda model, tenant: [tenant.key(model)],
    "id": lambda model, tenant: [tenant.key(model)],
    "verb": lambda model, tenant: VERBS,
    "content_type_id": lambda model, tenant: [ContentType.objects.get_for_model(Brand).pk],
    "app_label": lambda model, tenant: ["preferences", "engagement", "unsubscribe", "auth"],
    "screen": lambda model, tenant: ["light", "phone"],
    "page": lambda model, tenant: ["landing", "done", "preferences"],
    "url": lambda model, tenant: ["nowhere", f"preferences/brand/{tenant.brand_id}"],
}


# The tables that a page offers as files, by the end of its route.
TABLES = {
    "/leaving/": ("outcomes", "topics", "doors", "time", "comebacks", "reasons", "comments"),
    "/overview/": ("opens", "clicks", "mailings", "doors"),
    "/comparison/": ("ways", "mailings"),
    "/figures/": ("opens", "clicks", "funnel", "links", "segments", "conversions"),
    "/automations/": ("automations", "time", "mails"),
    "/segments/": ("segments", "mailings", "open-rates", "click-rates"),
    "/scanners/": ("soon", "deeds", "domains", "networks", "programs", "learned"),
    "/behind-scanner/": ("domains", "newest", "gateways"),
    "/mailing/prevented/": ("trend",),
}


def tables_of(place: Place) -> tuple[str, ...]:
    return next((tables for end, tables in TABLES.items() if place.route.endswith(end)), ())


def walk(patterns: list[Any], before: str = "") -> Iterator[Place]:
    for pattern in patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            yield Place(route)
        else:
            yield from walk(pattern.url_patterns, route)


ROOT = "admin/"
PLACES = [
    Place(place.route.removeprefix(ROOT)) for place in walk(get_resolver().url_patterns) if place.route.startswith(ROOT)
]


def groups() -> dict[str, list[Place]]:
    """The places by the model they belong to; those of the site itself stand together."""
    found: dict[str, list[Place]] = {}
    for place in PLACES:
        if place.route == "logout/":  # it names nothing, and ends the walk
            continue
        found.setdefault(place.model._meta.label_lower if place.model else "site", []).append(place)
    return found


def queries(place: Place, tenant: Tenant) -> Iterator[dict[str, Any]]:
    """What of the brand a URL can name, each alone for a list, which refuses what it does not know."""
    named = {
        "brand": tenant.brand_id,
        "brand__id__exact": tenant.brand_id,
        "recipient": tenant.recipient_id,
        "mailing": tenant.mailing,
        "topic": tenant.topic_id,
        "topic__id__exact": tenant.topic_id,
        "group__id__exact": tenant.key(apps.get_model("preferences.TopicGroup")),
        "brand__name__startswith": tenant.word,
        "topics__slug": tenant.word,
        "found": tenant.recipient_id,
        "q": tenant.address,
        "period": "90",
    }
    for name, value in named.items():
        if place.is_list:
            yield {name: value}
    yield {"_popup": "1", "_to_field": "id", "brand__id__exact": tenant.brand_id}
    yield {**named, "_changelist_filters": f"brand__id__exact={tenant.brand_id}"}
    if tables := tables_of(place):
        yield {"period": "90", "automation": f"{tenant.word}-welcome", "segment": f"{tenant.word}-loyal"}
        yield {"csv": tables[0], "brand": tenant.brand_id, "topic": tenant.topic_id, "sort": "left"}
    for table in tables:
        yield {"csv": table, "period": "90"}
        yield {"csv": table, "period": "90", "brand": tenant.brand_id}
    if place.route == "autocomplete/":
        for model, field in (
            ("topic", "brand"),
            ("preferencechange", "recipient"),
            ("topic", "group"),
            ("pause", "recipient"),
        ):
            yield {"app_label": "preferences", "model_name": model, "field_name": field, "term": tenant.word}
            yield {"app_label": "preferences", "model_name": model, "field_name": field, "term": ""}


def posts(place: Place, tenant: Tenant) -> Iterator[dict[str, Any]]:
    """Everything a form can name of the brand, sent to a page that may read none of it."""
    key = tenant.key(place.model) if place.model else tenant.brand_id
    changes = [tenant.keys[model] for model in tenant.keys if model.__name__ == "PreferenceChange"]
    named = {
        **{"brand": tenant.brand_id, "topic": tenant.topic_id, "recipient": tenant.recipient_id},
        **{"group": tenant.key(apps.get_model("preferences.TopicGroup")), "q": tenant.address},
        **{"reason": "x", "since": "2026-11-01", "until": "2026-11-05", "post": "yes", "name": "x", "slug": "x"},
        **{"action": "delete_selected", "_selected_action": [key], "change": changes, "note": "x", "position": "1"},
        **{"form-TOTAL_FORMS": "1", "form-INITIAL_FORMS": "1", "form-0-id": key, "form-0-delivered_count": "7"},
        **{f"{name}-TOTAL_FORMS": "1" for name in ("topics", "texts", "deliveries")},
        **{f"{name}-INITIAL_FORMS": "1" for name in ("topics", "texts", "deliveries")},
        **{"topics-0-id": tenant.topic_id, "topics-0-brand": tenant.brand_id, "topics-0-name": "x"},
        **{"policy": "strict", "settle_minutes": "5", "delivered_count": "7", "text": "x", "channels": ["email"]},
        **{"kind": "campaign", "topics": [tenant.topic_id]},
    }
    for deed in ({"deed": "put_back"}, {"deed": "accept", "_save": "1"}, {"action": "refuse", "index": "0"}):
        yield named | deed
