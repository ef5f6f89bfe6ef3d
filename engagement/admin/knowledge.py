"""The page "What the detector knows": its data and their age, what goes unseen without them, what is switched on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from engagement.detection.catalogue import agents
from engagement.detection.gateways import gateways
from engagement.models import Learned, MailHost
from engagement.networks import DataSource, status
from preferences.admin.lists import LookOnlyAdmin
from preferences.site import SuperusersOnly, is_superuser

_CLASSES = {
    "scanner": "scanners of mail and image proxies",
    "preview": "link previews of chats, phones and offices",
    "headless": "browsers without a window",
    "robot": "other programs",
    "browser": "browsers that a robot list would take for programs",
}


@dataclass(frozen=True, slots=True)
class Source:
    """One row of data: `state` and `effect` in plain words, `state` also where a problem leaves it in use."""

    name: str
    data: DataSource

    @property
    def state(self) -> str:
        if not self.data.is_present:
            return "Absent"
        return "In use, with a problem" if self.data.problem else "In use"

    @property
    def is_alarming(self) -> bool:
        return bool(self.data.problem)

    @property
    def meaning(self) -> str:
        problem = f"{self.data.problem[:1].upper()}{self.data.problem[1:]}. " if self.data.problem else ""
        return problem + ("" if self.data.is_present else self.data.effect)


@dataclass(frozen=True, slots=True)
class Switch:
    """An adaptive part: what it does, whether it is on, the setting that turns it, and what came of it."""

    name: str
    is_on: bool
    setting: str
    meaning: str
    result: str
    url: str

    @property
    def how(self) -> str:
        return f"{self.setting}={0 if self.is_on else 1}"


def knowledge_view(model_admin: admin.ModelAdmin[Any], request: HttpRequest) -> HttpResponse:
    """For whoever may view mail hosts, a superuser or not: what it says of the recipients of all brands is left out
    for all others."""
    if not request.user.has_perm("engagement.view_mailhost"):
        raise PermissionDenied
    is_told = is_superuser(request)
    context = {
        **model_admin.admin_site.each_context(request),
        "title": "What the detector knows",
        "opts": model_admin.opts,
        "sources": [Source(data.name, data) for data in status()],
        "programs": list(_programs()),
        "robot_list": f"is-bot {version('is-bot')}",
        "switches": _switches(is_told=is_told),
        "problems": MailHost.objects.exclude(problem="").order_by("-looked_up_at")[:10] if is_told else [],
        "is_told": is_told,
        "gateway_count": len(set(gateways().values())),
    }
    return TemplateResponse(request, "admin/engagement/knowledge.html", context)


def _programs() -> Iterator[tuple[str, int, int]]:
    """Words for each class of program, and how many entries and samples it has."""
    entries = Counter(entry.agent_class for entry in agents())
    samples = Counter(entry.agent_class for entry in agents() for _ in entry.samples)
    for name, words in _CLASSES.items():
        yield words, entries[name], samples[name]


def _switches(*, is_told: bool) -> list[Switch]:
    learned = reverse("admin:engagement_learned_changelist")
    return [
        Switch(
            "Learned programs",
            settings.FAREWELL_LEARN_AGENTS,
            "FAREWELL_LEARN_AGENTS",
            "A program that opens one link more than ten times within an hour counts as a robot from then on.",
            _learned(Learned.Kind.AGENT) if is_told else "",
            f"{learned}?kind__exact=agent",
        ),
        Switch(
            "Learned networks",
            settings.FAREWELL_LEARN_NETWORKS,
            "FAREWELL_LEARN_NETWORKS",
            "A network from which nearly only robots came counts against its visitors.",
            _learned(Learned.Kind.NETWORK) if is_told else "",
            f"{learned}?kind__exact=network",
        ),
        Switch(
            "Mail gateways of recipients",
            settings.FAREWELL_LOOK_UP_MAIL_HOSTS,
            "FAREWELL_LOOK_UP_MAIL_HOSTS",
            "DNS is asked who takes the mail of a recipient’s domain; a gateway known to open links counts against "
            "a visit. The name server learns which domains you write to.",
            _mail_hosts() if is_told else "",
            reverse("admin:engagement_mailhost_changelist"),
        ),
    ]


def _learned(kind: Learned.Kind) -> str:
    counts = Learned.objects.filter(kind=kind).aggregate(
        used=Count("pk", filter=Q(is_refused=False)), refused=Count("pk", filter=Q(is_refused=True))
    )
    return f"{counts['used']:,} in force, {counts['refused']:,} refused"


def _mail_hosts() -> str:
    counts = MailHost.objects.aggregate(
        known=Count("pk", filter=Q(looked_up_at__isnull=False)),
        behind=Count("pk", filter=~Q(gateway="")),
        waiting=Count("pk", filter=Q(looked_up_at=None)),
        failed=Count("pk", filter=~Q(problem="")),
    )
    return (
        f"{counts['known']:,} domains looked up, {counts['behind']:,} behind a gateway, {counts['waiting']:,} waiting, "
        f"{counts['failed']:,} without an answer"
    )


class GatewayFilter(admin.SimpleListFilter):
    title = "answer"
    parameter_name = "answer"
    _FILTERS = {
        "gateway": ("Behind a gateway", ~Q(gateway="")),
        "waiting": ("Not looked up yet", Q(looked_up_at=None)),
        "problem": ("Without an answer", ~Q(problem="")),
    }

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> list[tuple[str, str]]:
        return [(name, label) for name, (label, _) in self._FILTERS.items()]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        chosen = self._FILTERS.get(self.value() or "")
        return queryset.filter(chosen[1]) if chosen else queryset


@admin.register(MailHost)
class MailHostAdmin(SuperusersOnly, LookOnlyAdmin[MailHost]):
    brand_path = ""
    empty_text = (
        "While FAREWELL_LOOK_UP_MAIL_HOSTS is on, the domain of each recipient who opens a link will appear here, with "
        "who takes its mail."
    )
    list_title = "Mail hosts of recipients’ domains"
    list_display = ["domain", "shown_gateway", "shown_hosts", "looked_up_at", "problem"]
    list_filter = [GatewayFilter]
    search_fields = ["domain"]
    search_help_text = "A domain, or the beginning of one"
    readonly_fields = ["domain", "shown_gateway", "shown_hosts", "asked_at", "looked_up_at", "problem"]

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [path("knowledge/", wrap(self.knowledge_view), name="engagement_knowledge"), *super().get_urls()]

    def knowledge_view(self, request: HttpRequest) -> HttpResponse:
        return knowledge_view(self, request)

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        return ["domain__startswith"]  # by the primary key, and no scan of the table

    @admin.display(description="gateway", ordering="gateway")
    def shown_gateway(self, host: MailHost) -> str:
        return host.gateway or "–"

    @admin.display(description="mail hosts")
    def shown_hosts(self, host: MailHost) -> str:
        return ", ".join(host.hosts) or "–"
