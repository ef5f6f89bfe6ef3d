"""The page of a mailing: every number is what plain Python counts of the stored rows."""

from __future__ import annotations

from collections import Counter
from datetime import date
from decimal import Decimal

import pytest
from django.test import Client
from django.utils import timezone

from engagement.admin.dashboards.pace import age_words
from engagement.admin.tables import harmless
from engagement.counting.ages import AGES, UNKNOWN, age_class
from engagement.models import Conversion, Delivery, Interaction, Mailing
from tests.engagement.dashboard_makers import (
    ROOT,
    TARGETS,
    alone,
    by_verdict,
    cells,
    count_everything,
    is_people,
    make_event,
    make_member,
    make_year,
    messages,
    percent,
    queries_of,
    saved,
    shown,
    table,
    tile,
)
from tests.engagement.makers import make_mailing
from tests.makers import make_brand, make_topic

pytestmark = pytest.mark.django_db


def path_of(slug: str = "m0") -> str:
    return f"{Mailing.objects.get(slug=slug).pk}/figures/"


def rows_of(slug: str = "m0") -> list[Interaction]:
    return list(Interaction.objects.filter(mailing=slug))


def test_the_list_and_the_mailings_own_page_lead_there(admin_client: Client) -> None:
    mailing = make_mailing()
    for page in (ROOT, f"{ROOT}{mailing.pk}/change/"):
        assert f'href="{ROOT}{mailing.pk}/figures/"' in admin_client.get(page).text


def test_nothing_at_all_is_said_to_be_nothing(admin_client: Client) -> None:
    make_mailing(slug="m0")
    assert "Nobody has opened it yet." in admin_client.get(ROOT + path_of()).text


@pytest.mark.parametrize("slug", ["m0", "m1", "m2"])
def test_every_number_is_a_recount(admin_client: Client, slug: str) -> None:
    make_year()
    count_everything()
    rows, delivered = rows_of(slug), {"m0": 200, "m1": 100, "m2": 0}[slug]
    context = shown(admin_client, path_of(slug))
    assert tile(context, "Delivered") == {"": f"{delivered}" if delivered else "–"}
    opened, clicked = (
        [messages(rows, act, of_people=of_people) for of_people in (True, False)] for act in ("open", "click")
    )
    assert list(tile(context, "Opened").values()) == list(map(str, opened))
    assert list(tile(context, "Open rate").values()) == [percent(count, delivered) for count in opened]
    assert list(tile(context, "Clicked").values()) == list(map(str, clicked))
    assert list(tile(context, "Click-through rate").values()) == [percent(count, delivered) for count in clicked]
    assert list(tile(context, "Click-to-open rate").values()) == list(map(percent, clicked, opened))
    assert tile(context, "Left") == {"": f"{messages(rows, 'left', of_people=True)}"}
    assert tile(context, "Prevented robot unsubscribes") == {"": f"{alone(rows, 'visit')}"}
    assert tile(context, "Converted") == {"": f"{messages(rows, 'conversion')}"}


def test_the_funnel_has_people_and_robots_apart(admin_client: Client) -> None:
    make_year()
    count_everything()
    rows, found = rows_of(), cells(shown(admin_client, path_of()), "funnel")
    assert found.pop("Delivered") == (200, "", "", "100.0%")
    acts = {"Opened": "open", "Clicked": "click", "Visited": "visit", "Script ran": "script", "Opted out": "left"}
    assert found == {
        name: (
            messages(rows, act),
            messages(rows, act, of_people=True),
            alone(rows, act),
            percent(messages(rows, act, of_people=True), 200),
        )
        for name, act in acts.items()
    }


def test_the_funnels_bars_are_on_one_scale(admin_client: Client) -> None:
    make_year()
    count_everything()
    for row in table(shown(admin_client, path_of()), "funnel").rows:
        assert isinstance(row.count, int)
        assert sum(float(piece.width.rstrip("%")) for piece in row.pieces) == pytest.approx(row.count / 2, abs=0.02)


def test_prefetched_is_explained_where_it_is_shown(admin_client: Client) -> None:
    make_year()
    count_everything()
    context = shown(admin_client, path_of())
    assert "Prefetched" in table(context, "open-pace").help
    assert "Prefetched" not in table(context, "click-pace").help


def test_figures_stand_below_one_another_and_words_do_not(admin_client: Client) -> None:
    make_year()
    count_everything()
    funnel, links = (table(shown(admin_client, path_of()), slug) for slug in ("funnel", "links"))
    assert [head.is_figure for head in funnel.heads] == [False, True, True, True, True]
    assert [head.is_figure for head in links.heads] == [False, True, True, True, True, False]
    text = admin_client.get(ROOT + path_of()).text
    assert '<td class="fw-figure">200</td>' in text
    assert "<td>yes</td>" in text


@pytest.mark.parametrize(
    ("slug", "kinds", "who"),
    [
        ("open-pace", ("open",), ("human", "unsure", "prefetched", "machine")),
        ("click-pace", ("click",), ("human", "unsure", "machine")),
        ("visit-pace", ("visit", "header_visit"), ("human", "unsure", "machine")),
    ],
)
def test_the_time_after_sending_is_told_in_classes(
    admin_client: Client, slug: str, kinds: tuple[str, ...], who: tuple[str, ...]
) -> None:
    make_year()
    count_everything()
    rows = [row for row in rows_of() if row.kind in kinds]
    found = {label: numbers for label, numbers in cells(shown(admin_client, path_of()), slug).items() if numbers[-1]}
    expected = {}
    for age in {age_class(row.send_age) for row in rows}:
        counts = Counter(row.verdict for row in rows if age_class(row.send_age) == age)
        expected[age_words(age)] = (*(counts[verdict] for verdict in who), counts.total())
    assert found == expected
    assert found


def test_what_has_no_age_is_in_the_table(admin_client: Client) -> None:
    brand = make_brand()
    make_mailing(brand, "m0")
    make_event(brand, "m0", "visit", send_age=None)
    make_event(brand, "m0", "visit", person=2, send_age=3)
    count_everything()
    found = cells(shown(admin_client, path_of()), "visit-pace")
    assert found[age_words(UNKNOWN)][-1] == found[age_words(0)][-1] == 1


def test_ages_are_spoken() -> None:
    words = [age_words(age).replace("\N{NO-BREAK SPACE}", " ") for age in range(len(AGES))]
    assert words[:2] == ["0 to 5 s", "5 to 10 s"]
    assert "45 s to 1 min" in words
    assert "45 min to 1 h" in words
    assert "12 h to 1 day" in words
    assert words[-1] == "90 days and later"
    assert len(set(words)) == len(AGES)


def test_each_link_has_its_clicks(admin_client: Client) -> None:
    make_year()
    count_everything()
    clicks = [row for row in rows_of() if row.kind == "click"]
    people = [row for row in clicks if is_people(row)]
    expected = {}
    for number, url in enumerate(TARGETS):
        everybody = [row for row in clicks if row.recipient_id.int % 3 == number]
        own = [row for row in everybody if is_people(row)]
        numbers = len(own), len(everybody), len({row.recipient_id for row in own})
        expected[url] = (*numbers, percent(len(own), len(people)), "yes" if url.startswith("https") else "no")
    assert cells(shown(admin_client, path_of()), "links") == expected


def test_segments_have_rates_of_what_was_delivered_to_them(admin_client: Client) -> None:
    make_year()
    mailing = Mailing.objects.get(slug="m1")
    for segment, delivered in (("new", 40), ("old", 50)):
        fed = {"sent_on": date(2026, 11, 1), "sent_count": 60, "delivered_count": delivered}
        Delivery.objects.create(mailing=mailing, segment=segment, **fed)
    count_everything()
    found = cells(shown(admin_client, path_of("m1")), "segments")
    firsts = _first_segments(rows_of("m1"))
    for segment, delivered in (("new", 40), ("old", 50)):
        opened = [firsts["open", of_people][segment] for of_people in (True, False)]
        assert found[segment][:4] == (delivered, *opened, percent(opened[0], delivered))


def _first_segments(rows: list[Interaction]) -> dict[tuple[str, bool], Counter[str]]:
    """Messages by the segment of the first event, whoever's it was."""
    found: dict[tuple[str, bool], Counter[str]] = {("open", True): Counter(), ("open", False): Counter()}
    for person in {row.recipient_id for row in rows}:
        opens = [row for row in rows if row.kind == "open" and row.recipient_id == person]
        if opens:
            segment = min(opens, key=lambda row: (row.occurred_at, row.topic, row.segment)).segment
            found["open", False][segment] += 1
            found["open", True][segment] += any(map(is_people, opens))
    return found


def test_conversions_are_summed_by_name_and_currency(admin_client: Client) -> None:
    brand = make_brand()
    make_mailing(brand, "m0")
    make_event(brand, "m0", "conversion")
    told = [("order", "12.50", "EUR"), ("order", "7.25", "EUR"), ("order", "3", "USD"), ("signup", None, "")]
    for number, (name, value, currency) in enumerate(told):
        worth = {"value": Decimal(value) if value else None, "currency": currency, "occurred_at": timezone.now()}
        person = {"recipient_id": "00000000-0000-0000-0000-000000000001", "mailing": "m0"}
        Conversion.objects.create(brand=brand, name=name, key=bytes([number]), **worth, **person)
    count_everything()
    rows = [(row.label, *row.cells) for row in table(shown(admin_client, path_of()), "conversions").rows]
    assert rows == [("order", 2, "19.75", "EUR"), ("order", 1, "3.00", "USD"), ("signup", 1, "–", "–")]


def test_the_head_says_what_is_known_of_it(admin_client: Client) -> None:
    brand = make_brand(name="Demo Letters")
    mailing = make_mailing(brand, "m0", name="Spring", kind="automation", automation="welcome", sent_count=1234)
    mailing.topics.add(make_topic(brand))
    facts = dict(shown_facts(admin_client, mailing))
    assert facts["Brand"] == "Demo Letters"
    assert facts["Automation"] == "welcome"
    assert facts["Topics"] == "News"
    assert facts["Sent to"] == "1,234"
    assert facts["Links name it"] == "m0"


def shown_facts(client: Client, mailing: Mailing) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = shown(client, f"{mailing.pk}/figures/")["facts"]
    return found


def test_each_table_is_a_file_with_the_same_numbers(admin_client: Client) -> None:
    make_year()
    count_everything()
    path = path_of("m1")
    for found in shown(admin_client, path)["tables"]:
        assert saved(admin_client, path, found.slug) == [
            list(found.columns),
            *(
                [str(harmless(row.file_label or row.label)), *(str(harmless(cell)) for cell in row.cells)]
                for row in found.rows
            ),
        ]


def test_what_someone_calls_a_mailing_is_no_markup(admin_client: Client) -> None:
    brand = make_brand()
    make_mailing(brand, "m0", name="<b>Spring</b>")
    make_event(brand, "m0", "open")
    count_everything()
    text = admin_client.get(ROOT + path_of()).text
    assert "<b>Spring" not in text
    assert "&lt;b&gt;Spring&lt;/b&gt;" in text


def test_a_mailing_of_another_brand_is_not_there(client: Client) -> None:
    own, other = make_mailing(make_brand(), "m0"), make_mailing(make_brand(), "m0")
    client.force_login(make_member(own.brand, "view_mailing"))
    assert client.get(f"{ROOT}{own.pk}/figures/").status_code == 200
    for query in ({}, {"csv": "funnel"}):
        assert client.get(f"{ROOT}{other.pk}/figures/", query).status_code == 404


def test_mailings_of_the_same_name_count_apart(admin_client: Client) -> None:
    first, second = make_year(make_brand()), make_year(make_brand(), seed=2)
    count_everything()
    for brand in (first, second):
        mailing = Mailing.objects.get(brand=brand, slug="m0")
        rows = list(Interaction.objects.filter(brand=brand, mailing="m0"))
        context = shown(admin_client, f"{mailing.pk}/figures/")
        total = table(context, "open-pace").total
        assert total
        assert total.cells[-1] == by_verdict(rows, "open").total()


def test_the_number_of_queries_does_not_grow_with_the_rows(admin_client: Client) -> None:
    brand = make_year(events=20)
    count_everything()
    path = path_of()
    before = queries_of(admin_client, path)
    for number in range(60):
        make_event(brand, "m0", "click", person=number, link=number, segment=f"s{number}")
    count_everything()
    assert queries_of(admin_client, path) <= before <= 25
