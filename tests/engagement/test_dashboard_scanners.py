"""Who scans us: every number is what plain Python counts of the stored rows."""

from __future__ import annotations

import re
from collections import Counter
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from engagement.counting.origins import deed_of
from engagement.figures import at_domain
from engagement.figures.scanning import Scanner, cut_agent
from engagement.models import Interaction, Learned
from tests.engagement.dashboard_makers import (
    ROOT,
    cells,
    count_everything,
    files_are_the_same,
    make_event,
    make_member,
    percent,
    queries_of,
    saved,
    shown,
    table,
    tile,
)
from tests.engagement.scanner_crowd import (
    AGENTS,
    DEEDS,
    DOMAINS,
    deeds_of,
    make_crowd,
    network_of,
    robots,
    soon_kind,
    soon_of,
)
from tests.makers import make_brand

pytestmark = pytest.mark.django_db
PAGE, BEHIND = "scanners/", "behind-scanner/"


def test_each_domain_is_a_recount(admin_client: Client) -> None:
    make_crowd()
    count_everything()
    context = shown(admin_client, PAGE)
    found, rows = cells(context, "domains"), list(Interaction.objects.all())
    assert set(found) == {name for name in DOMAINS if name}
    for name, numbers in found.items():
        all_of = [row for row in rows if row.domain == name]
        scanned = {row.recipient_id for row in robots(all_of)}
        assert numbers == (
            *(len(robots(all_of)), percent(len(robots(all_of)), len(all_of)), len(scanned)),
            *(*deeds_of(robots(all_of)), *soon_of(robots(all_of))),
        )
    ordered = [int(numbers[0]) for numbers in found.values()]
    assert ordered == sorted(ordered, reverse=True)


@pytest.mark.parametrize("slug", ["domains", "networks", "programs"])
def test_each_number_stands_under_its_name(admin_client: Client, slug: str) -> None:
    brand = make_brand()
    for number, kind in enumerate(("hidden_visit", "click", "click", "visit")):
        visitor = {"record": DEEDS[kind], "agent": "Bot/1", "network": "192.0.2.0", "send_age": 700}
        make_event(brand, "m0", kind, number, "machine", domain="firm.example", **visitor)
    make_event(brand, "m0", "click", 0, domain="firm.example")
    count_everything()
    head, *rows = saved(admin_client, PAGE, slug)
    [row] = [dict(zip(head, row, strict=True)) for row in rows]
    told = {"Opened the mail": 0, "Clicked": 2, "Unsubscribe page": 1, "Ran its script": 0, "Hidden link": 1}
    told |= {"Robots’ events": 4, "Within a minute": 0, "10 to 60 minutes": 4, "Time not known": 0}
    told |= {"Recipients": 4} if slug == "domains" else {}
    assert {name: int(row[name]) for name in told} == told
    assert [cell for name, cell in row.items() if name.startswith("Of all")] == [
        "80.0%" if slug == "domains" else "100.0%"
    ]


def test_the_bar_of_a_domain_says_how_soon_they_came(admin_client: Client) -> None:
    make_crowd()
    count_everything()
    first = table(shown(admin_client, PAGE), "domains").rows[0]
    rows = [row for row in robots() if row.domain == first.label]
    counts = Counter(soon_kind(row.send_age) for row in rows)
    drawn = {piece.kind: float(piece.width.rstrip("%")) for piece in first.pieces}
    assert drawn == {kind: pytest.approx(100 * count / len(rows), abs=0.01) for kind, count in counts.items()}


@pytest.mark.parametrize("slug", ["networks", "programs"])
def test_each_network_and_program_is_a_recount(admin_client: Client, slug: str) -> None:
    make_crowd()
    count_everything()
    groups: dict[str, list[Interaction]] = {}
    for row in robots():
        name = network_of(row) if slug == "networks" else re.sub(r"(\d+)(?:[._]\d+)+", r"\1", row.agent)[:120]
        groups.setdefault(name, []).append(row)
    if slug == "networks":
        groups.pop("", None)
        assert set(groups) >= {"Proofpoint", "192.0.2.0/24", "2001:db8::/48"}
    found = cells(shown(admin_client, PAGE), slug)
    assert found == {
        name or "(does not say)": (len(rows), percent(len(rows), len(robots())), *deeds_of(rows), *soon_of(rows))
        for name, rows in groups.items()
    }


def test_how_soon_they_come_and_what_they_do_is_a_recount(admin_client: Client) -> None:
    make_crowd()
    count_everything()
    context, rows = shown(admin_client, PAGE), robots()
    named = [row for row in rows if row.mailing]
    classes = {"Within 10 s": (0, 10), "10 s to a minute": (10, 60), "1 to 10 minutes": (60, 600)}
    classes |= {"10 to 60 minutes": (600, 3_600), "1 to 24 hours": (3_600, 86_400), "Later": (86_400, 10**9)}
    found = {label: numbers[0] for label, numbers in cells(context, "soon").items()}
    assert found.pop("Not known") == sum(row.send_age is None for row in named)
    assert found == {
        label: sum(row.send_age is not None and since <= row.send_age < until for row in named)
        for label, (since, until) in classes.items()
    }
    deeds = tuple(numbers[0] for numbers in cells(context, "deeds").values())
    assert deeds == deeds_of(rows)
    signs = Counter(row.record.rpartition("_")[2] for row in rows if "_machine_" in row.record)
    help = table(context, "deeds").help
    assert f"{signs['agent']} were by programs that say what they are, {signs['learned']} by learned ones" in help
    assert f"and {signs['behaviour']} were recognised by what they did" in help


def test_the_numbers_above_are_a_recount(admin_client: Client) -> None:
    make_crowd()
    count_everything()
    context, rows = shown(admin_client, PAGE), robots()
    assert tile(context, "Robots’ events") == {"": f"{len(rows)}"}
    text = admin_client.get(ROOT + PAGE).text
    assert f"{percent(len(rows), Interaction.objects.count())} of all {Interaction.objects.count()} events" in text
    timed = [row for row in rows if row.mailing and row.send_age is not None]
    quick_ones = [row for row in timed if row.send_age is not None and row.send_age < 60]
    assert tile(context, "Within a minute") == {"": percent(len(quick_ones), len(timed))}
    assert tile(context, "Recipients behind a scanner") == {"": f"{len({row.recipient_id for row in rows})}"}


def test_learned_robots_stand_with_their_events(admin_client: Client) -> None:
    make_crowd()
    count_everything()
    for kind, value in (("agent", AGENTS[0]), ("agent", "Idle/1"), ("network", "192.0.2.0")):
        Learned.objects.create(kind=kind, value=value, is_refused=value == "Idle/1")
    found = {label: (numbers[2], numbers[3]) for label, numbers in cells(shown(admin_client, PAGE), "learned").items()}
    versions = sum(row.agent.startswith("AcmeLinkChecker") for row in robots())
    assert found == {
        AGENTS[0]: ("in force", versions),
        "192.0.2.0": ("in force", sum(network_of(row) == "192.0.2.0/24" for row in robots())),
        "Idle/1": ("refused", 0),
    }


def test_learned_robots_are_for_superusers_alone(client: Client) -> None:
    brand = make_crowd()
    count_everything()
    Learned.objects.create(kind="agent", value="AcmeLinkChecker/1.0.3")
    client.force_login(make_member(brand, "view_mailing"))
    assert "learned" not in shown(client, PAGE)["table"]
    assert client.get(ROOT + PAGE, {"csv": "learned"}).status_code == 404


def test_a_page_shows_some_and_the_file_all(admin_client: Client) -> None:
    brand = make_brand()
    for number in range(30):
        make_event(brand, "m0", "click", number, "machine", domain=f"d{number}.example", agent=f"Bot{number}/1")
    count_everything()
    context = shown(admin_client, PAGE)
    for slug in ("domains", "programs"):
        assert len(table(context, slug).rows) == 25
        assert "Shown are the first 25; the file has all." in table(context, slug).help
        assert len(saved(admin_client, PAGE, slug)) == 31
    assert len(saved(admin_client, BEHIND, "domains")) == 31
    assert "Shown are 25 of 30" in table(shown(admin_client, BEHIND), "domains").help


@pytest.mark.parametrize("page", [PAGE, BEHIND])
def test_each_table_is_a_file_with_the_same_numbers(admin_client: Client, page: str) -> None:
    make_crowd()
    count_everything()
    Learned.objects.create(kind="agent", value=AGENTS[0])
    assert files_are_the_same(admin_client, page)


@pytest.mark.parametrize(("page", "words"), [(PAGE, "No robot was seen"), (BEHIND, "Robots were seen at nobody’s")])
def test_nothing_at_all_is_said_to_be_nothing(admin_client: Client, page: str, words: str) -> None:
    make_event(make_brand(), "m0", "open")
    count_everything()
    assert words in admin_client.get(ROOT + page).text


@pytest.mark.parametrize("page", [PAGE, BEHIND])
def test_a_member_sees_the_robots_of_their_brands_alone(client: Client, page: str) -> None:
    own, other = make_crowd(), make_brand(name="Foreign")
    make_event(other, "f1", "click", 1, "machine", domain="foreign.example", agent="ForeignBot/1")
    make_event(other, "f1", "click", 2, "machine", domain="firm.example")
    count_everything()
    client.force_login(make_member(own, "view_mailing"))
    rows = robots([row for row in Interaction.objects.all() if row.brand_id == own.pk])
    of_firm = [row for row in rows if row.domain == "firm.example"]
    firm = cells(shown(client, page), "domains")["firm.example"]
    assert firm[0] == (len(of_firm) if page == PAGE else len({row.recipient_id for row in of_firm}))
    assert "oreign" not in client.get(ROOT + page).text


@pytest.mark.parametrize("page", [PAGE, BEHIND])
def test_the_number_of_queries_does_not_grow_with_the_rows(admin_client: Client, page: str) -> None:
    make_crowd(events=20)
    count_everything()
    before = queries_of(admin_client, page)
    make_crowd(seed=2)
    Learned.objects.create(kind="agent", value=AGENTS[0])
    Learned.objects.create(kind="network", value="192.0.2.0")
    count_everything()
    assert queries_of(admin_client, page) <= before + 2 <= 24


def test_what_is_no_deed_of_ours_is_other() -> None:
    assert deed_of("join_visit_machine_agent") == "other"
    assert Scanner("x").events == 0
    assert cut_agent("Bot/1.2.3 (Linux 5_4)") == "Bot/1 (Linux 5)"


def test_a_domain_leads_to_its_own_networks_and_programs(admin_client: Client) -> None:
    make_crowd()
    count_everything()
    row = next(row for row in table(shown(admin_client, PAGE), "domains").rows if row.label == "firm.example")
    assert "domain=firm.example" in row.url
    context = shown(admin_client, PAGE, domain="Firm.Example")
    of_firm = [row for row in robots() if row.domain == "firm.example"]
    for slug, name_of in (("networks", network_of), ("programs", lambda row: cut_agent(row.agent))):
        found = cells(context, slug)
        assert {name: numbers[0] for name, numbers in found.items()} == Counter(
            name_of(row) or "(does not say)" for row in of_firm
        )
        for name, numbers in found.items():
            own = [row for row in of_firm if (name_of(row) or "(does not say)") == name]
            assert numbers[1:] == (percent(len(own), len(of_firm)), *deeds_of(own), *soon_of(own))
        assert f"{len(of_firm)} events themselves" in table(context, slug).help
    assert sum(int(numbers[0]) for numbers in cells(context, "deeds").values()) == len(of_firm)
    assert [int(numbers[0]) for numbers in cells(context, "soon").values()] == [*soon_of(of_firm)]
    assert list(cells(context, "domains")) == ["firm.example"]


def test_of_a_large_domain_the_newest_are_read_and_that_is_said(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(at_domain, "RECIPIENTS", 2)
    monkeypatch.setattr(at_domain, "EVENTS", 3)
    brand, now = make_brand(), timezone.now()
    for person in range(4):
        for number in range(5):
            at = now - timedelta(hours=person + 1, minutes=number)
            agent = {"agent": f"Bot{person}/{number}"}
            make_event(brand, "m0", "click", person, "machine", domain="firm.example", occurred_at=at, **agent)
    count_everything()
    context = shown(admin_client, PAGE, domain="firm.example")
    assert set(cells(context, "programs")) == {f"Bot{person}/{number}" for person in (0, 1) for number in (0, 1, 2)}
    assert "6 at the 2 recipients met last by robots" in table(context, "programs").help
    assert cells(context, "domains")["firm.example"][0] == 20


def test_another_brands_domain_shows_nothing(client: Client) -> None:
    own, other = make_brand(), make_brand()
    make_event(own, "m0", "click", 1, "machine", domain="firm.example", agent="OwnBot/1")
    make_event(other, "m0", "click", 2, "machine", domain="firm.example", agent="ForeignBot/1")
    make_event(other, "m0", "click", 2, "machine", domain="foreign.example", agent="ForeignBot/1")
    count_everything()
    client.force_login(make_member(own, "view_mailing"))
    assert list(cells(shown(client, PAGE, domain="firm.example"), "programs")) == ["OwnBot/1"]
    assert "No robot was seen" in client.get(ROOT + PAGE, {"domain": "foreign.example"}).text
