from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from engagement.models import Delivery, Mailing
from preferences.models import Brand
from tests.commands import Result, run
from tests.engagement.makers import make_mailing
from tests.makers import make_brand, make_topic

pytestmark = pytest.mark.django_db

LIST = """\
brand,mailing,name,kind,automation,channel,topics,sent_at,segment,sent_on,sent,delivered
demo,2026-11,November news,campaign,,E-mail,news;offers,2026-11-03T09:00:00+01:00,loyal,2026-11-03,12000,11890
demo,2026-11,,,,,,,new,2026-11-03,800,790
demo,welcome-1,Welcome,automation,welcome,SMS,news,,,2026-11-04,10,10
demo,welcome-1,,,,,,,,2026-11-05,20,19
"""


@pytest.fixture
def brand() -> Brand:
    brand = make_brand(slug="demo")
    make_topic(brand, "news")
    make_topic(brand, "offers")
    return brand


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "mailings.csv"


def bring_in(file: Path, content: str | bytes, *arguments: object) -> Result:
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return run("import_mailings", file, *arguments)


def rows(*lines: str, columns: str = "mailing,segment,sent_on,sent,delivered") -> str:
    return "\n".join([columns, *lines, ""])


def picture() -> list[Any]:
    """All there is of mailings and counts."""
    fields = ("slug", "name", "kind", "automation", "channel", "sent_at", "sent_count", "delivered_count")
    counts = ("mailing__slug", "segment", "sent_on", "sent_count", "delivered_count")
    topics = Mailing.objects.order_by("slug", "topics__slug").values_list("slug", "topics__slug")
    mailings = Mailing.objects.order_by("slug").values_list(*fields)
    return [list(mailings), list(Delivery.objects.order_by(*counts).values_list(*counts)), list(topics)]


def test_mailings_come_in_with_their_counts_and_sums(brand: Brand, file: Path) -> None:
    result = bring_in(file, LIST)
    sent_at = datetime(2026, 11, 3, 8, tzinfo=UTC)
    assert picture() == [
        [
            ("2026-11", "November news", "campaign", "", "email", sent_at, 12800, 12680),
            ("welcome-1", "Welcome", "automation", "welcome", "sms", None, 30, 29),
        ],
        [
            ("2026-11", "loyal", date(2026, 11, 3), 12000, 11890),
            ("2026-11", "new", date(2026, 11, 3), 800, 790),
            ("welcome-1", "", date(2026, 11, 4), 10, 10),
            ("welcome-1", "", date(2026, 11, 5), 20, 19),
        ],
        [("2026-11", "news"), ("2026-11", "offers"), ("welcome-1", "news")],
    ]
    assert result.out == "4 rows read, 2 new and 0 changed mailings, 4 new or changed counts, 0 rejected\n"
    assert (result.err, result.status) == ("", 0)


def test_the_same_file_twice_changes_nothing(brand: Brand, file: Path) -> None:
    bring_in(file, LIST)
    before = picture()
    result = bring_in(file, LIST)
    assert result.out == "4 rows read, 0 new and 0 changed mailings, 0 new or changed counts, 0 rejected\n"
    assert picture() == before


def test_a_mailing_that_a_link_has_named_is_completed(brand: Brand, file: Path) -> None:
    seen = make_mailing(brand, "2026-11")
    assert "1 new and 1 changed mailings" in bring_in(file, LIST).out
    seen.refresh_from_db()
    assert (seen.name, seen.sent_count) == ("November news", 12800)


def test_delivered_counts_can_come_later(brand: Brand, file: Path) -> None:
    bring_in(file, rows("m,loyal,2026-11-03,100,", "m,new,2026-11-03,50,"), "--brand", "demo")
    assert Mailing.objects.get().delivered_count is None
    bring_in(file, rows("m,loyal,2026-11-03,90", columns="mailing,segment,sent_on,delivered"), "--brand", "demo")
    assert Mailing.objects.get().delivered_count is None  # of the other segment it is not known yet
    bring_in(file, rows("m,new,2026-11-03,,50"), "--brand", "demo")
    assert (Mailing.objects.get().sent_count, Mailing.objects.get().delivered_count) == (150, 140)


def test_what_was_written_by_hand_stays_until_counts_are_known(brand: Brand, file: Path) -> None:
    make_mailing(brand, "m", delivered_count=95, name="By hand")
    bring_in(file, rows("m,,2026-11-03,100,"), "--brand", "demo")
    mailing = Mailing.objects.get()
    assert (mailing.name, mailing.sent_count, mailing.delivered_count) == ("By hand", 100, 95)


def test_the_day_of_sending_is_that_of_the_moment(brand: Brand, file: Path, settings: Any) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    lines = ("m,2026-11-03T23:30:00Z,10", "m,,12", "n,2026-11-03 23:30,5")
    bring_in(file, rows(*lines, columns="mailing,sent_at,sent"), "--brand", "demo")
    days = dict(Delivery.objects.values_list("mailing__slug", "sent_on"))
    assert days == {"m": date(2026, 11, 4), "n": date(2026, 11, 3)}
    assert Mailing.objects.get(slug="m").sent_count == 12
    assert Mailing.objects.get(slug="n").sent_at == datetime(2026, 11, 3, 22, 30, tzinfo=UTC)


def test_topics_that_are_named_are_the_topics_there_are(brand: Brand, file: Path) -> None:
    for topics in ("news;offers", "offers", ""):
        bring_in(file, rows(f"m,{topics}", columns="mailing,topics"), "--brand", "demo")
    assert [topic.slug for topic in Mailing.objects.get().topics.all()] == ["offers"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (",,2026-11-03,1,1", "no mailing"),
        ("m#loyal,,2026-11-03,1,1", "a mailing has no # in its name"),
        (f"{'m' * 101},,2026-11-03,1,1", "mailing is longer than 100 characters"),
        ("m,a\x07b,2026-11-03,1,1", "segment has characters that do not print"),
        ("m,,2026-11-03,10,11", "more were delivered (11) than sent (10)"),
        ("m,,2026-11-03,-1,", "sent is a number such as 12500, not '-1'"),
        ("m,,2026-11-03,1.5,", "sent is a number such as 12500, not '1.5'"),
        ("m,,2026-11-03,9999999999999,", "sent is a number such as 12500, not '9999999999999'"),
        ("m,,2026-11-03,,1", "delivered, but nothing is known to have been sent on 2026-11-03: give sent"),
        ("m,new,2026-11-03,,1", "to the segment 'new' on 2026-11-03"),
        ("m,,03.11.2026,1,1", "sent_on is a day such as 2026-11-03, not '03.11.2026'"),
        ("m,,2026-02-30,1,1", "sent_on is a day"),
        ("m,,,1,1", "it is not known when this was sent: give sent_on, or sent_at"),
        ("m,new,2026-11-03,,", "neither sent nor delivered is given"),
        ('"m,,2026-11-03,1,1', "a quotation mark is never closed"),
    ],
)
def test_a_bad_row_is_told_by_line_and_the_others_go_on(brand: Brand, file: Path, line: str, reason: str) -> None:
    result = bring_in(file, rows("first,,2026-11-03,1,1", line, "last,,2026-11-03,1,1"), "--brand", "demo")
    assert result.err.startswith("line 3: ")
    assert reason in result.err.splitlines()[0]
    assert result.out.endswith("1 rejected\n")
    assert result.status == 1
    assert set(Mailing.objects.values_list("slug", flat=True)) == {"first", "last"}


@pytest.mark.parametrize(
    ("columns", "cell", "reason"),
    [
        ("kind", "newsletter", "kind is campaign or automation, not 'newsletter'"),
        ("channel", "fax", "channel is email or sms, not 'fax'"),
        ("topics", "news;weather", "the brand has no topic 'weather'"),
        ("sent_at", "yesterday", "sent_at is a moment such as"),
        ("sent_at", "2026-11-03T25:00:00Z", "sent_at is a moment such as"),
        ("brand", "nobody", "only those of 'demo' are brought in"),
        ("brand", "other", "brand is 'other', and only those of 'demo' are brought in"),
        ("name", "n" * 201, "name is longer than 200 characters"),
    ],
)
def test_a_bad_cell_is_told(brand: Brand, file: Path, columns: str, cell: str, reason: str) -> None:
    make_topic(make_brand(slug="other"), "weather")
    result = bring_in(file, rows(f"m,{cell}", columns=f"mailing,{columns}"), "--brand", "demo")
    assert reason in result.err
    assert not Mailing.objects.exists()


def test_a_file_may_name_several_brands_and_none_that_is_not_there(brand: Brand, file: Path) -> None:
    other = make_brand(slug="other")
    result = bring_in(file, rows("demo,m", "other,m", "nobody,m", ",m", columns="brand,mailing"))
    assert "line 4: there is no brand 'nobody'" in result.err
    assert "line 5: no brand: add a column, or name it with --brand" in result.err
    assert set(Mailing.objects.values_list("brand_id", "slug")) == {(brand.pk, "m"), (other.pk, "m")}


def test_fewer_sent_than_were_delivered_before_is_told(brand: Brand, file: Path) -> None:
    bring_in(file, rows("m,,2026-11-03,100,90"), "--brand", "demo")
    assert "more were delivered (90) than sent (80)" in bring_in(file, rows("m,,2026-11-03,80,"), "--brand", "demo").err
    assert Mailing.objects.get().sent_count == 100


def test_atomic_takes_all_rows_or_none(brand: Brand, file: Path) -> None:
    bad = rows("m,,2026-11-03,1,1", "n,,2026-11-03,1,2")
    result = bring_in(file, bad, "--brand", "demo", "--atomic")
    assert result.status == 1
    assert "1 of 2 rows were rejected, so none was taken" in result.err
    assert picture() == [[], [], []]
    assert bring_in(file, bad.replace("1,2", "2,2"), "--brand", "demo", "--atomic").status == 0
    assert Mailing.objects.count() == 2


def test_a_dry_run_changes_nothing(brand: Brand, file: Path) -> None:
    assert "would be 2 new and 0 changed mailings, 4 new or changed counts" in bring_in(file, LIST, "--dry-run").out
    assert picture() == [[], [], []]


@pytest.mark.parametrize(
    "content",
    [
        "Campaign;Segment;Sent Date;Sent To;Delivered\nm;;2026-11-03;10;9\n",
        "\ufeffMAILING\tDay\tSent\tDelivered\r\nm\t2026-11-03\t10\t9\r\n",
        'mailing|sent_on|sent|delivered|note\n"m"|2026-11-03|10|9|"a | b"\n',
        "mailing,sent_on,sent,delivered\nm,2026-11-03,10,9\n".encode("utf-16"),
        "mailing,name,sent_on,sent,delivered\nm,Grüße,2026-11-03,10,9\n".encode("cp1252"),
    ],
)
def test_files_come_in_many_shapes(brand: Brand, file: Path, content: str | bytes) -> None:
    assert bring_in(file, content, "--brand", "demo").status == 0
    assert Mailing.objects.values_list("slug", "sent_count", "delivered_count").get() == ("m", 10, 9)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "The file is empty"),
        ("name,sent\nNews,1\n", "call one 'mailing' in the first line. Found: 'name', 'sent'"),
    ],
)
def test_a_file_without_mailings_is_refused(brand: Brand, file: Path, content: str, sentence: str) -> None:
    result = bring_in(file, content)
    assert result.status == 1
    assert sentence in result.err


def test_a_file_that_is_not_there_is_named(brand: Brand, file: Path) -> None:
    assert f"{file}: No such file or directory" in run("import_mailings", file).err


def test_a_large_file_is_taken_in_parts(brand: Brand, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engagement.mailings.imports.BATCH_SIZE", 50)
    lines = [f"m{number % 40},s{number},2026-11-{number % 28 + 1:02},10,9" for number in range(400)]
    bad = [f"m{number},,2026-11-03,1,2" for number in range(150)]
    result = bring_in(file, rows(*lines, *bad), "--brand", "demo")
    assert "550 rows read, 40 new and 0 changed mailings, 400 new or changed counts, 150 rejected" in result.out
    assert result.err.count("line ") == 100
    assert "and 50 more rejected rows" in result.err
    assert {row.sent_count for row in Mailing.objects.all()} == {100}
    assert {row.delivered_count for row in Mailing.objects.all()} == {90}
