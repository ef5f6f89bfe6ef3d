"""Counting interactions: how fast new ones, a recount and revisions go, and what figures take to read as they grow."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from math import log
from statistics import median
from typing import Any

from bench.report import Line, say
from bench.stage import Stage

_AIM_COUNT, _AIM_ALL = 10_000, 3_000  # rows/s
_PAGE_LIMIT = 1_000  # milliseconds for the slowest of a page's readings
_YEAR_START = datetime(2025, 1, 1, tzinfo=UTC)
_YEAR_END = datetime(2026, 1, 1, tzinfo=UTC)

# A year of a sender: four hundred mailings and an automation, most of what they get within two days, a third of it by
# machines; half of the recipients at four providers, the rest spread over thousands of domains.
_ROWS = """
INSERT INTO engagement_interaction (
    occurred_at, brand_id, recipient_id, domain, channel, topic, mailing, purpose, kind, answer, verdict, score,
    is_hard, signals, rules, visit, visitor, network, agent, send_age, facts, record, segment, link)
SELECT sent_at + send_age * interval '1 second', %(brand)s, md5('p' || person || ' ' || mail)::uuid,
       CASE WHEN person %% 2 = 0 THEN ('{gmail.com,outlook.com,yahoo.com,icloud.com}'::text[])[1 + person / 2 %% 4]
            ELSE 'company-' || (power(person / 2 %% 9973 / 9973.0, 5) * 9973)::int || '.example' END,
       CASE WHEN mail %% 20 = 0 THEN 'sms' ELSE 'email' END, ('{news,offers,events}'::text[])[1 + mail %% 3],
       'mailing-' || mail, CASE kind WHEN 'open' THEN 'open' WHEN 'click' THEN 'click' ELSE 'unsubscribe' END, kind,
       CASE WHEN kind = 'arrive' AND chance > 0.5 THEN 'done' ELSE 'page' END, verdict, 0, false, %(signals)s::jsonb, 3,
       number, decode(md5('v' || CASE WHEN verdict = 'machine' THEN person %% 300 ELSE person END), 'hex'),
       CASE WHEN verdict = 'machine' THEN '198.51.0.0'::inet + (person %% 200) * 256
            ELSE '100.64.0.0'::inet + (person %% 9000) * 256 END,
       'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/'
           || 120 + person %% 30 || '.0.0.0 Safari/537.36',
       send_age, CASE WHEN verdict = 'machine' AND person %% 3 = 0 THEN %(owned)s ELSE %(facts)s END::jsonb,
       kind || CASE verdict WHEN 'machine' THEN '_machine_behaviour' WHEN 'prefetched' THEN '_prefetched' ELSE '' END,
       ('{"",new,loyal,sleeping}'::text[])[1 + person %% 4],
       CASE WHEN kind = 'click' THEN 1000 + person %% 12 END
FROM (
    SELECT number, mail, person, chance, kind,
           CASE WHEN other < 0.33 THEN 'machine' WHEN kind = 'open' AND other < 0.55 THEN 'prefetched'
                WHEN other < 0.8 THEN 'human' ELSE 'unsure' END AS verdict,
           %(first)s::timestamptz + CASE WHEN mail = 400 THEN chance * interval '360 days'
                                         ELSE mail * interval '21 hours' END AS sent_at,
           (CASE WHEN other < 0.33 THEN 3 + 300 * chance ELSE 60 + 172800 * chance ^ 3 END)::bigint AS send_age
    FROM (
        SELECT number, (random() * 400)::int AS mail, (random() ^ 1.5 * 300000)::int AS person, random() AS chance,
               random() AS other,
               (CASE WHEN random() < 0.62 THEN 'open' WHEN random() < 0.7 THEN 'click' WHEN random() < 0.6 THEN 'visit'
                     ELSE 'arrive' END) AS kind
        FROM generate_series(1, %(count)s) AS number
    ) AS drawn
) AS happened
"""
_FACTS = '{"request": {"method": "GET", "has_accept_language": true, "fetch_mode": "navigate"}}'
_OWNED = '{"request": {"method": "GET", "network": "Acme Mail Security", "network_class": "mail_security"}}'


def measure(stage: Stage) -> list[Line]:
    sizes = (20_000, 100_000) if stage.is_quick else (1_000_000, 10_000_000)
    fill(stage, sizes[0])
    lines = [*_steps(stage, min(sizes[0], 200_000))]
    reads = []
    for size in sizes:
        fill(stage, size)
        say(f"counting: {size:,} interactions counted anew")
        _rebuild(lines if size == sizes[-1] else [])
        reads.append(_readings(stage))
    return [*lines, *_growth(sizes, reads)]


def fill(stage: Stage, count: int) -> None:
    """Let there be `count` interactions of a year, in the order of time, in transactions of 50,000."""
    from engagement.recording.partitions import make_partitions

    make_partitions(_YEAR_START.date(), months=14)
    values: dict[str, Any] = {"brand": stage.brand_id, "facts": _FACTS, "owned": _OWNED, "first": _YEAR_START}
    values["signals"] = json.dumps([{"name": "send_age", "points": 3, "hard": False, "reason": "Came soon."}])
    stored = stage.count("SELECT count(*) FROM engagement_interaction")
    while stored < count:
        say(f"counting: {stored:,} of {count:,} interactions made")
        some = min(50_000, count - stored)
        stage.database.execute(_ROWS + " ORDER BY 1", values | {"count": some})
        stored += some
    stage.database.execute("ANALYZE engagement_interaction")


def _steps(stage: Stage, count: int) -> list[Line]:
    """What one row costs: its second look alone, looked at and counted, revised and counted again."""
    from django.db import connection
    from django.utils import timezone

    from engagement.counting.counter import count_next

    with connection.cursor() as cursor:
        cursor.execute(
            "TRUNCATE engagement_tally, engagement_reach, engagement_touch, engagement_scanned, engagement_position"
        )
    looked = _second_looks(count // 10)
    done, start = 0, time.perf_counter()
    while done < count and (some := count_next(timezone.now())):
        done += some
        say(f"counting: {done:,} of {count:,} interactions counted")
    counted = done / (time.perf_counter() - start)
    revised = _revisions(min(done, 50_000))
    hours = 10_000_000 / (1 / (1 / looked + 1 / revised)) / 3_600
    return [
        Line("counting", "Opens and clicks looked at again", looked, "rows/s"),
        Line("counting", "Interactions looked at again and counted", counted, "rows/s", aim=_AIM_ALL),
        Line(
            "counting",
            "Verdicts revised and counted otherwise",
            revised,
            "rows/s",
            aim=_AIM_ALL,
            note=f"10 million looked at again, and every one of them changed, would take {hours:.1f} hours",
        ),
    ]


def _second_looks(count: int) -> float:
    from engagement.judging.second_look import earlier_affected, look_again
    from engagement.models import Interaction

    rows = list(Interaction.objects.order_by("xid", "id")[:count])
    start = time.perf_counter()
    for first in range(0, len(rows), 10_000):
        look_again(rows[first : first + 10_000])
        earlier_affected(rows[first : first + 10_000])
    return len(rows) / (time.perf_counter() - start)


def _revisions(count: int) -> float:
    """As a rejudgement applies them, ten thousand at a time: people become machines, machines become unsure."""
    from django.db import transaction

    from engagement.counting import position
    from engagement.counting.counter import Change, recount
    from engagement.models import Interaction

    place = position.place()
    rows = list(Interaction.objects.filter(xid__lte=place.xid).order_by("xid", "id")[:count])
    start = time.perf_counter()
    for first in range(0, len(rows), 10_000):
        say(f"counting: {first:,} of {len(rows):,} verdicts revised")
        changes = []
        for row in rows[first : first + 10_000]:
            new = "unsure" if row.verdict == "machine" else "machine"
            changes.append(Change(row.id, row.kind, row.occurred_at, row.record, row.verdict, f"{row.kind}_{new}", new))
        with transaction.atomic():
            position.lock()
            _update(changes)
            recount(changes)
    return len(rows) / (time.perf_counter() - start)


def _update(changes: list[Any]) -> None:
    from django.db import connection

    moments = [one.occurred_at for one in changes]
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE engagement_interaction AS i SET verdict = new.verdict, record = new.record"
            " FROM unnest(%s::bigint[], %s::text[], %s::timestamptz[], %s::text[], %s::text[])"
            " AS new(id, kind, occurred_at, record, verdict)"
            " WHERE i.occurred_at BETWEEN %s AND %s AND i.occurred_at = new.occurred_at AND i.kind = new.kind"
            " AND i.id = new.id",
            [
                [one.id for one in changes],
                [one.kind for one in changes],
                moments,
                [one.new_record for one in changes],
                [one.new_verdict for one in changes],
                min(moments),
                max(moments),
            ],
        )


def _rebuild(lines: list[Line]) -> None:
    """What was counted before stays in no position: everything stored counts as read."""
    from engagement.counting.position import Place, move
    from engagement.counting.recount import rebuild

    move(Place(2**50, 0), None)
    start = time.perf_counter()
    count = rebuild(None)
    rate = count / (time.perf_counter() - start)
    lines.append(Line("counting", "Interactions counted anew, whole days at once", rate, "rows/s", aim=_AIM_COUNT))


def _readings(stage: Stage) -> dict[str, float]:
    """Milliseconds, the median of five, of what the pages of a year ask for."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE engagement_tally, engagement_reach")
    found = {}
    for name, read in _pages(stage).items():
        say(f"counting: reading {name}")
        times = []
        for _ in range(5):
            start = time.perf_counter()
            read()
            times.append((time.perf_counter() - start) * 1_000)
        found[name] = median(times)
    return found


def _pages(stage: Stage) -> dict[str, Callable[[], object]]:
    from engagement.figures.counted import Counted, reaches, tallies
    from engagement.models import Dimension as By

    brands = frozenset({stage.brand_id})
    year = Counted(_YEAR_START + timedelta(hours=5), _YEAR_END + timedelta(hours=5), brands)
    one = Counted(year.start, year.end, brands, mailing="mailing-200")
    return {
        "a year by days": lambda: (
            tallies(year, By.BRAND, "start", "record", "verdict"),
            reaches(year, By.BRAND, "start", "act", "is_cleaned"),
        ),
        "a year's mailings": lambda: (
            tallies(year, By.MAILING, "mailing", "verdict"),
            reaches(year, By.MAILING, "mailing", "act", "is_cleaned"),
        ),
        "one mailing": lambda: (
            tallies(one, By.PACE, "age", "verdict"),
            tallies(one, By.LINK, "value", "verdict"),
            reaches(one, By.MAILING, "act", "is_cleaned"),
        ),
        "a year's segments": lambda: reaches(year, By.SEGMENT, "value", "act", "is_cleaned"),
        "who scanned in a year": lambda: (
            tallies(year, By.DOMAIN, "value", "verdict"),
            tallies(year, By.NETWORK, "value", "age"),
            tallies(year, By.AGENT, "value"),
        ),
    }


def _growth(sizes: tuple[int, int], reads: list[dict[str, float]]) -> list[Line]:
    """To 50 million by the power that the growth between the two sizes had: an extrapolation, and said so."""
    lines, (small, large) = [], sizes
    for name in reads[0]:
        first, last = reads[0][name], reads[1][name]
        steps = (50_000_000 / large) ** max(0.0, _power(last / first, large / small))
        note = f"{first:.0f} ms at {small:,}; extrapolated to 50 million: {last * steps:,.0f} ms"
        label = f"Figures of {name}, {large:,} stored"
        lines.append(Line("counting", label, last, "ms", aim=_PAGE_LIMIT, is_limit=True, note=note))
    return lines


def _power(growth: float, by: float) -> float:
    return log(growth) / log(by)
