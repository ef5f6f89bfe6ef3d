"""One message on one line of time: what is put on it, how it is drawn, and the page that shows it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from engagement.admin.timeline import SLOT, draw, places
from engagement.explaining.timeline import MARKS, MOST_LANES, Timeline, changes_of, spoken_span, timeline
from engagement.models import Interaction, Kind
from preferences.models import Brand, Source
from tests.engagement.makers import NOON, make_interaction
from tests.engagement.test_admin import assert_strict, page
from tests.makers import make_brand, make_cause, make_recipient, make_topic

SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
URL = "/admin/engagement/interaction/timeline/"


def make_visit(seconds: float = 0, visitor: int = 1, **fields: Any) -> Interaction:
    """An unsaved visit, so many seconds after `NOON`, when the mail was sent."""
    defaults: dict[str, Any] = {
        "id": 1,
        "occurred_at": NOON + timedelta(seconds=seconds),
        "kind": "visit",
        "answer": "page",
        "verdict": "unsure",
        "signals": [],
        "visitor": bytes([visitor]),
        "network": "192.0.2.0",
        "send_age": int(seconds),
        "facts": {},
    }
    return Interaction(**{**defaults, **fields})


def make_change(seconds: float = 0, **fields: Any) -> dict[str, Any]:
    """A change as the feed gives it."""
    defaults: dict[str, Any] = {
        "id": 1,
        "changed_at": (NOON + timedelta(seconds=seconds)).isoformat(),
        "topic": "news",
        "state": "out",
        "source": "arrival",
        "reason": "",
        "mailing": "2026-11",
        "actor": "",
        "replaced": {"state": "default", "change": None},
        "evidence": {},
    }
    return {**defaults, **fields}


def words(line: Timeline) -> list[str]:
    return [f"{line.lanes[mark.lane].letter}:{mark.step.word}" for mark in line.marks]


def test_what_happened_stands_in_order_with_a_lane_for_each_visitor() -> None:
    visits = [make_visit(18_000, 2), make_visit(5, 1, kind="hidden_visit"), make_visit(4, 1)]
    line = timeline(visits, [make_change(18_001), make_change(18_060, id=2, source="reinstatement", state="default")])
    assert words(line) == ["A:opened", "A:hidden link", "B:opened", ":left", ":reinstated"]
    assert [lane.name for lane in line.lanes] == [
        "Visitor A, from 192.0.2.0",
        "Visitor B, from 192.0.2.0",
        "Without a visit",
    ]


def test_a_change_stands_in_the_lane_of_the_visit_that_made_it() -> None:
    evidence = {"visitor": "01", "signals": [{"reason": "Moved."}]}
    line = timeline([make_visit(5)], [make_change(6, evidence=evidence)])
    assert words(line) == ["A:opened", "A:left"]
    assert line.marks[1].step.reasons == ("Moved.",)


def test_a_reinstatement_is_nobodys_visit() -> None:
    change = make_change(6, source="reinstatement", state="default", evidence={"visitor": "01"})
    assert words(timeline([make_visit(5)], [change])) == ["A:opened", ":reinstated"]


@pytest.mark.parametrize(
    ("fields", "word", "told"),
    [
        ({}, "left", "Left news, through arrival at the page"),
        ({"replaced": {"state": "out"}}, "left", "Confirmed leaving news, for good, through arrival at the page"),
        ({"state": "in", "source": "admin", "actor": "carol"}, "joined", "Joined news, through admin, by carol"),
        ({"state": "default", "source": "undo"}, "undone", "Came back to news, through undo"),
        ({"state": "in", "source": "undo"}, "undone", "Came back to news, through undo"),
        (
            {"state": "default", "source": "reinstatement"},
            "reinstated",
            "Put back news, through reinstatement",
        ),
        ({"topic": None}, "suppressed", "Suppressed: nothing is sent, through arrival at the page"),
        ({"topic": None, "state": "default"}, "lifted", "Not suppressed, through arrival at the page"),
        (
            {"topic": None, "state": "default", "untracked": True},
            "no tracking",
            "Refused tracking: opens and clicks are not recorded, through arrival at the page",
        ),
        (
            {"topic": None, "state": "default", "replaced": {"state": "default", "untracked": True}},
            "tracking",
            "Allowed tracking, through arrival at the page",
        ),
        (
            {"topic": None, "untracked": True, "replaced": {"state": "default"}},
            "suppressed",
            "Suppressed: nothing is sent, through arrival at the page",
        ),
    ],
)
def test_each_change_has_a_word_and_a_sentence(fields: dict[str, Any], word: str, told: str) -> None:
    [mark] = timeline([], [make_change(**fields)]).marks
    assert (mark.step.word, mark.step.told) == (word, told)


def test_equal_steps_in_a_row_are_one_mark_with_their_count() -> None:
    visits = [*(make_visit(HOUR.seconds * hour, verdict="machine") for hour in range(1, 9)), make_visit(40_000, 2)]
    first, second = timeline(visits, []).marks
    assert (first.count, first.last_at) == (8, NOON + 8 * HOUR)
    assert (second.number, second.count) == (2, 1)


def test_every_kind_has_a_mark() -> None:
    assert set(MARKS) == set(Kind)


def test_an_unknown_kind_is_drawn_by_its_name() -> None:
    assert words(timeline([make_visit(kind="bounce")], [])) == ["A:bounce"]


@pytest.mark.parametrize(
    ("ages", "sent"),
    [
        ([5, 18_000], [NOON]),
        ([None, None], []),
        ([5, None], [NOON]),
        ([0, 30], [NOON]),  # 0 stands for a link from the future, too
    ],
)
def test_the_moment_of_sending_comes_from_the_links(ages: list[int | None], sent: list[datetime]) -> None:
    visits = [make_visit(age or 7, send_age=age) for age in ages]
    assert list(timeline(visits, []).sent) == sent


def test_two_mails_of_one_name_were_sent_twice() -> None:
    line = timeline([make_visit(5), make_visit(100, send_age=10)], [])
    assert line.sent == (NOON, NOON + 90 * SECOND)


def test_many_visitors_share_the_last_lane() -> None:
    line = timeline([make_visit(number, number) for number in range(20)], [])
    assert [lane.letter for lane in line.lanes] == [*"ABCDEFG", "+"]
    assert line.lanes[MOST_LANES].name == "13 more visitors"
    assert line.marks[-1].lane == MOST_LANES


def test_a_person_has_a_lane_among_many_scanners() -> None:
    scans = [make_visit(number, number) for number in range(20)]
    line = timeline([*scans, make_visit(18_000, 99, verdict="human")], [make_change(50, evidence={"visitor": "13"})])
    assert [line.lanes[mark.lane].letter for mark in line.marks] == [*"ABCDE", "+", "F", "F", "G"]


def test_nobody_and_nothing_is_an_empty_line() -> None:
    assert timeline([], []) == Timeline((), (), ())


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (5.9, "5 s"),
        (60, "1 min"),
        (245, "4 min 5 s"),
        (18_000, "5 h"),
        (18_720, "5 h 12 min"),
        (86_400 + 5, "1 d"),
        (3 * 86_400 + 7_200, "3 d 2 h"),
        (-3, "−3 s"),
    ],
)
def test_spans_are_told_in_their_largest_units(seconds: float, text: str) -> None:
    assert spoken_span(seconds) == text


def test_changes_of_a_message_are_those_by_its_links_and_what_took_them_back() -> None:
    changes = [
        make_change(id=1),
        make_change(id=2, mailing="", source="reinstatement", evidence={"refuted": [1]}),
        make_change(id=3, mailing="", source="admin", replaced={"state": "default", "change": 2}),
        make_change(id=4, mailing="", source="import", replaced={"state": "default", "change": None}),
        make_change(id=5, mailing="2026-10"),
    ]
    assert [change["id"] for change in changes_of(changes, "2026-11")] == [1, 2, 3]


@pytest.mark.parametrize("gap", [0.0, 0.3, 5.0, 18_000.0, 3e7])
def test_marks_never_stand_closer_than_a_slot(gap: float) -> None:
    first, second = places([NOON, NOON + timedelta(seconds=gap)])
    assert first == 0
    assert second >= SLOT


def test_a_longer_pause_takes_more_room_and_not_too_much() -> None:
    widths = [places([NOON, NOON + timedelta(seconds=gap)])[1] for gap in (1, 5, 60, 3_600, 18_000, 2_592_000)]
    assert widths == sorted(set(widths))
    assert widths[-1] < 5 * SLOT


def test_words_of_one_lane_never_meet() -> None:
    visits = [make_visit(second, kind=kind) for second, kind in enumerate([*Kind.values, *Kind.values])]
    drawn = draw(timeline(visits, [])).marks
    for side in {mark.label_y for mark in drawn}:
        xs = [float(mark.x.rstrip("%")) for mark in drawn if mark.label_y == side]
        width = draw(timeline(visits, [])).width
        assert all((after - before) * width / 100 >= 2 * SLOT for before, after in pairwise(xs))


def test_ages_under_the_axis_never_meet_and_the_sending_is_named() -> None:
    ticks = draw(timeline([make_visit(second, second % 3 + 1) for second in range(1, 9)], [])).ticks
    assert [tick.label for tick in ticks][:3] == ["sent", "", "2 s"]


def test_a_long_pause_is_drawn_broken() -> None:
    assert [pause.is_long for pause in draw(timeline([make_visit(5), make_visit(18_000, 2)], [])).pauses] == [
        False,
        True,
    ]


def test_a_single_moment_can_be_drawn() -> None:
    drawing = draw(timeline([make_visit(send_age=None)], []))
    assert (drawing.width, drawing.marks[0].x) == (1, "50.000%")


@pytest.mark.django_db
class TestPage:
    def story(self) -> tuple[Interaction, UUID]:
        """A gateway opens the links, hours later alice arrives and leaves."""
        brand = make_brand()
        alice, news = make_recipient(brand), make_topic(brand)
        mine = {"brand": brand, "recipient_id": alice.id}
        scan = {"visitor": b"\1", "network": None, "verdict": "machine", "reasons": ["Came <b>at once</b>."]}
        make_interaction(**mine, **scan)
        make_interaction(**mine, **scan, kind="hidden_visit", occurred_at=NOON + SECOND, send_age=13)
        row = make_interaction(**mine, kind="arrive", answer="done", occurred_at=NOON + 5 * HOUR, send_age=18_012)
        alice.opt_out(news.id, make_cause(Source.ARRIVAL))
        return row, alice.id

    def test_the_drawing_and_the_list_say_the_same(self, admin_client: Client) -> None:
        _, recipient = self.story()
        html = page(admin_client, f"{URL}?recipient={recipient}&mailing=2026-11")
        assert_strict(html)
        assert len(re.findall(r'<path class="fw-line-mark', html)) == 4
        assert len(re.findall(r"<time datetime", html)) == 4
        for text in ("1 opened", "2 hidden link", "3 script", "4 left", "Visitor A, from an unknown address", "sent"):
            assert text in html
        for text in ("Came &lt;b&gt;at once&lt;/b&gt;.", "12 s after sending", "5 h after sending"):
            assert text in html

    def test_an_interactions_page_shows_the_timeline_of_its_message(self, admin_client: Client) -> None:
        row, _ = self.story()
        html = page(admin_client, f"/admin/engagement/interaction/{row.pk}/change/")
        assert_strict(html)
        assert 'role="img" aria-labelledby="fw-line-title fw-line-desc"' in html
        assert "<strong>Ran the page&#x27;s script, is out</strong> (this one), Visitor B" in html

    def test_the_recipients_page_and_the_ledger_lead_to_it(self, admin_client: Client) -> None:
        _, recipient = self.story()
        link = f"{URL}?recipient={recipient}&amp;mailing=2026-11"
        html = page(admin_client, f"/admin/preferences/recipient/{recipient}/change/")
        assert html.count(link) == 4
        change = re.search(r'href="(/admin/preferences/preferencechange/\d+/change/)"', html)
        assert change is not None
        assert link in page(admin_client, change[1])

    def test_no_address_stands_in_its_links(self, admin_client: Client) -> None:
        _, recipient = self.story()
        html = page(admin_client, f"{URL}?recipient={recipient}&mailing=2026-11")
        assert "a•••@e•••.org" in html
        assert not re.search(r'href="[^"]*(?:@|%40)', html)

    @pytest.mark.parametrize(("query", "status"), [("", 404), ("recipient=x", 404), (f"recipient={UUID(int=7)}", 200)])
    def test_a_message_that_nobody_opened_is_said_to_be_one(
        self, admin_client: Client, query: str, status: int
    ) -> None:
        response = admin_client.get(f"{URL}?{query}&mailing=%00<b>")
        assert response.status_code == status
        assert status == 404 or "Nothing happened yet" in response.content.decode()

    @pytest.mark.parametrize(
        ("codenames", "status", "marks"),
        [
            (["view_interaction"], 200, 3),
            (["view_interaction", "view_preferencechange"], 200, 4),
            (["view_mailing"], 403, 0),
        ],
    )
    def test_each_sees_what_they_may(self, client: Client, codenames: list[str], status: int, marks: int) -> None:
        _, recipient = self.story()
        bob = User.objects.create_user("bob", is_staff=True)
        bob.user_permissions.set(Permission.objects.filter(codename__in=codenames))
        bob.brands.set(Brand.objects.all())
        client.force_login(bob)
        response = client.get(f"{URL}?recipient={recipient}&mailing=2026-11")
        assert response.status_code == status
        assert response.content.decode().count('<path class="fw-line-mark') == marks
        assert "a•••@e•••.org" not in response.content.decode()


def test_the_line_begins_at_the_first_visit_when_sending_is_not_known() -> None:
    line = timeline([make_visit(5, send_age=None), make_visit(65, 2, send_age=None)], [])
    assert line.start == datetime(2026, 11, 3, 12, 0, 5, tzinfo=UTC)
    assert line.age(line.marks[1].step.at) == "1 min"
