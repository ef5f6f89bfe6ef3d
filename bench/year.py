"""A year of three senders: what was opened, clicked and left at two hundred mailings, up to now.

Made by PostgreSQL itself, mailing by mailing in the order of sending, so that what is near in time is near in the
table and in the feed. Nine tenths are of 180 campaigns, a few of them large, the rest of 20 mails of automations; half
of the recipients are at four providers, the others spread over 2,000 domains with a long tail, two thirds of which
have a scanner. A message with anything at all has three events or so; a third of all are machines' and prefetches.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from bench.report import say
from bench.stage import Stage

DAYS = 365
_BRAND_OF = (0, 1, 0, 1, 0, 1, 0, 2, 0, 2)  # each mailing's, by the last digit of its number
_MAILINGS, _AUTOMATIONS = 200, 20
_CAMPAIGNS = _MAILINGS - _AUTOMATIONS
_DAYS_OF_A_MAILING = 3
_SPAN = 172_800  # seconds after sending in which people come
_AT_ONCE = 100_000  # rows of a transaction
_ROWS_OF_A_PERSON = 20  # a year

_ROWS = """
INSERT INTO engagement_interaction (
    occurred_at, brand_id, recipient_id, domain, channel, topic, mailing, purpose, kind, answer, verdict, score,
    is_hard, signals, rules, visit, visitor, network, agent, send_age, facts, record, segment, link)
SELECT sent_at + age * interval '1 second', %(brand)s, md5(%(brand)s || ' ' || person)::uuid,
       CASE WHEN %(channel)s = 'sms' THEN '' WHEN company IS NULL
            THEN ('{gmail.com,outlook.com,yahoo.com,icloud.com}'::text[])[1 + person / 2 %% 4]
            ELSE 'company-' || company || '.example' END,
       %(channel)s, %(topic)s, %(mailing)s,
       CASE kind WHEN 'open' THEN 'open' WHEN 'click' THEN 'click' WHEN 'conversion' THEN 'click'
            WHEN 'one_click' THEN 'one_click' ELSE 'unsubscribe' END,
       kind, CASE WHEN kind IN ('confirm', 'one_click') OR kind = 'arrive' AND verdict <> 'machine' THEN 'done'
                  ELSE 'page' END,
       verdict, CASE verdict WHEN 'machine' THEN 6 ELSE 0 END, verdict = 'machine' AND company %% 2 = 0,
       CASE verdict WHEN 'machine' THEN %(signals)s::jsonb ELSE '[]' END, 3,
       CASE WHEN kind NOT IN ('open', 'click', 'conversion') THEN (person::bigint << 12) + %(number)s END,
       decode(md5(host(network) || agent), 'hex'), network, agent, age,
       CASE WHEN kind IN ('open', 'conversion') THEN '{"request": {"method": "GET"}}'
            WHEN verdict = 'machine' AND company %% 3 = 1 THEN %(owned)s ELSE %(facts)s END::jsonb,
       CASE kind WHEN 'one_click' THEN 'one_click' ELSE kind || CASE verdict WHEN 'prefetched' THEN '_prefetched'
            WHEN 'machine' THEN CASE WHEN kind = 'open' THEN '_machine' WHEN company %% 2 = 0 THEN '_machine_agent'
                                     ELSE '_machine_behaviour' END
            ELSE '' END END,
       (ARRAY['', 'new', 'loyal', 'sleeping'])[1 + person %% 4],
       CASE WHEN kind IN ('click', 'conversion') THEN 1000 + abs(hashint4(person)) %% 12 END
FROM (
    SELECT *, CASE WHEN verdict = 'machine' THEN '198.18.0.0'::inet + (company %% 400) * 256
                   ELSE '10.0.0.0'::inet + (person %% 60000) * 256 END AS network,
           CASE WHEN verdict = 'machine' AND company %% 2 = 0 THEN 'LinkScanner/' || company %% 30 || '.'
                         || company %% 7 || ' (+https://scanner-' || company %% 60 || '.example/about)'
                ELSE 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/'
                    || 125 + person %% 20 || '.0.0.0 Safari/537.36' END AS agent,
           (CASE WHEN verdict = 'machine' THEN 3 + 300 * late ELSE 60 + %(span)s * late ^ 3 END)::bigint AS age
    FROM (
        SELECT person, kind, late, company, %(sent_at)s::timestamptz + began * %(sending)s * interval '1 second'
                   AS sent_at,
               CASE WHEN kind IN ('one_click', 'confirm', 'conversion') THEN 'human'
                    WHEN company %% 3 <> 0 AND chance < 0.6 THEN 'machine'
                    WHEN kind = 'open' AND company IS NULL AND person %% 8 = 6 AND chance < 0.7 THEN 'prefetched'
                    WHEN chance < 0.9 THEN 'human' ELSE 'unsure' END AS verdict
        FROM (
            SELECT *, CASE WHEN person %% 2 = 1
                           THEN floor(power(person / 2 %% 9973 / 9973.0, 3) * 2000)::int END AS company,
                   CASE WHEN what < 0.62 THEN 'open' WHEN what < 0.87 THEN 'click' WHEN what < 0.94 THEN 'visit'
                        WHEN what < 0.98 THEN 'arrive' WHEN what < 0.983 THEN 'confirm' WHEN what < 0.988
                        THEN 'one_click' ELSE 'conversion' END AS kind
            FROM (
                SELECT random() AS what, random() AS chance, random() AS late, abs(hashint4(slot)) / 2147483648.0 AS began,
                       ((slot * 7919::bigint + %(number)s * 104729) %% %(people)s)::int AS person
                FROM (SELECT (random() * %(slots)s)::int AS slot FROM generate_series(1, %(count)s)) AS slots
            ) AS drawn
        ) AS those
    ) AS judged
) AS happened
ORDER BY 1
"""  # noqa: E501
_BROWSER = '"method": "GET", "has_accept_language": true, "fetch_mode": "navigate"'
_JSON = {
    "facts": f'{{"request": {{{_BROWSER}, "fetch_site": "none", "fetch_dest": "document", "fetch_user": "?1"}}}}',
    "owned": f'{{"request": {{{_BROWSER}, "network": "Acme Mail Security", "network_class": "mail_security"}}}}',
    "signals": json.dumps([{"name": "send_age", "points": 3, "hard": False, "reason": "Came soon after sending."}]),
}

COUNTED = ("tally", "ranking", "reach", "touch", "pageview", "scanned")
_LAST_ID = 2**62
_MAILINGS_SEEN = """
INSERT INTO engagement_mailing (brand_id, slug, kind, automation, channel, sent_at, sent_count, delivered_count)
SELECT brand_id, mailing, CASE WHEN number >= 180 THEN 'automation' ELSE 'campaign' END,
       CASE WHEN number >= 180 THEN (ARRAY['welcome', 'cart', 'birthday', 'back'])[1 + number %% 4] ELSE '' END,
       min(channel), min(start), 3 * sum(events), 3 * sum(events)
FROM engagement_tally, LATERAL (SELECT substr(mailing, 9)::int) AS named(number)
WHERE dimension = 'mailing' AND level = 'month' AND mailing LIKE 'mailing-%%' AND verdict = 'human'
GROUP BY brand_id, mailing, number
ON CONFLICT (brand_id, slug) DO UPDATE
SET sent_count = excluded.sent_count, delivered_count = excluded.delivered_count
"""
_LINKS_SEEN = """
INSERT INTO engagement_trackedlink (brand_id, mailing, number, url)
SELECT DISTINCT brand_id, mailing, value::bigint, 'https://shop.example.org/offers/' || value
FROM engagement_tally WHERE dimension = 'link' AND level = 'month'
ON CONFLICT DO NOTHING
"""
_RECIPIENTS = """
INSERT INTO preferences_recipient (id, brand_id, channel, address)
SELECT DISTINCT ON (recipient_id) recipient_id, brand_id, channel, recipient_id || '@example.org'
FROM engagement_interaction WHERE answer = 'done'
ON CONFLICT DO NOTHING
"""
_LEDGER = """
INSERT INTO preferences_preferencechange
    (changed_at, brand_id, recipient_id, topic_id, channel, state, source, reason, evidence, mailing, actor, replaced)
SELECT occurred_at, brand_id, recipient_id, (SELECT min(id) FROM preferences_topic), channel, 'out',
       CASE kind WHEN 'arrive' THEN 'arrival' WHEN 'confirm' THEN 'confirm_button' ELSE 'one_click' END, '',
       jsonb_build_object('verdict', verdict, 'visit', visit), mailing, '', '{"state": "default"}'
FROM engagement_interaction
WHERE answer = 'done'
ORDER BY occurred_at
"""
_POSITION = """
INSERT INTO engagement_position (name, xid, id_read, moved_at)
VALUES ('counting', pg_snapshot_xmax(pg_current_snapshot())::text::bigint - 1, %(last)s, now())
ON CONFLICT (name) DO UPDATE SET xid = excluded.xid, id_read = excluded.id_read, moved_at = excluded.moved_at
"""


@dataclass(frozen=True, slots=True)
class Part:
    """Some `count` rows at the `messages` of one mailing, sent from `sent_at` on for `sending` seconds."""

    brand_id: int
    number: int
    count: int
    messages: int
    sent_at: datetime
    sending: int
    people: int

    @property
    def mailing(self) -> str:
        return f"mailing-{self.number}"

    @property
    def channel(self) -> str:
        return "sms" if self.number % 20 == 7 else "email"

    @property
    def topic(self) -> str:
        return ("news", "offers", "events")[self.number % 3]


def now() -> datetime:
    """The end of the year: the last whole hour."""
    return datetime.now(UTC).replace(minute=0, second=0, microsecond=0)


def parts(brand_ids: list[int], count: int) -> list[Part]:
    """Return what makes `count` rows of a year, in the order of sending."""
    weights = {number: 1 / (1 + (number * 37 + 60) % _CAMPAIGNS) ** 0.5 for number in range(_CAMPAIGNS)}
    scale = 0.9 * count / sum(weights.values())
    first = now() - timedelta(days=DAYS)
    made = []
    for number in range(_MAILINGS):
        brand = _BRAND_OF[number % 10]
        people = max(100, count // _ROWS_OF_A_PERSON * _BRAND_OF.count(brand) // 10)
        if number < _CAMPAIGNS:
            at = first + number * timedelta(days=DAYS - _DAYS_OF_A_MAILING) / _CAMPAIGNS
            some = int(scale * weights[number])
            made.append(Part(brand_ids[brand], number, some, some // 3, at, 3_600, people))
            continue
        months = 12 if count > 500_000 else 1  # parts of a few rows would take longer than their rows
        month = timedelta(days=DAYS - _DAYS_OF_A_MAILING) / months
        each = count // 10 // _AUTOMATIONS // months
        made += [
            Part(brand_ids[brand], number, each, each // 3, first + n * month, int(month.total_seconds()), people)
            for n in range(months)
        ]
    return sorted(made, key=lambda part: (part.sent_at, part.number))


def fill(stage: Stage, count: int, limit: int | None = None, *, is_counted: bool = False) -> int:
    """Let there be the rows of a year of `count`, or the first `limit` of these, and nothing else; return how many
    they are. Two connections work at once, and no brand is in both.

    With `is_counted` each part is counted in its transaction by the counter's own statements, after no second look.
    """
    _empty(stage)
    _make_months()
    wanted, left = [], limit
    for part in parts(brands(stage), count):
        some = part.count if left is None else min(part.count, left)
        wanted.append(replace(part, count=some))
        left = None if left is None else left - some
        if left == 0:
            break
    total = sum(part.count for part in wanted)
    halves = [[part for part in wanted if (part.brand_id == stage.brand_id) is is_first] for is_first in (True, False)]
    done = Counter[int]()

    def write(half: int) -> None:
        try:
            for part in halves[half]:
                for start in range(0, part.count, _AT_ONCE):
                    _write(part, min(_AT_ONCE, part.count - start), is_counted=is_counted)
                done[half] += part.count
                say(f"interactions: {done.total():,} of {total:,} made{' and counted' * is_counted}")
        finally:
            connection.close()

    from django.db import connection

    with _few_checkpoints(stage), ThreadPoolExecutor(2) as threads:
        list(threads.map(write, (0, 1)))
    return total


@contextmanager
def _few_checkpoints(stage: Stage) -> Iterator[None]:
    """What is made in minutes is a year's: after each checkpoint every page that is touched would be logged whole."""
    settings = {"max_wal_size": "16GB", "checkpoint_timeout": "30min"}
    for name, value in settings.items():
        stage.database.execute(f"ALTER SYSTEM SET {name} = '{value}'")
    stage.database.execute("SELECT pg_reload_conf()")
    yield
    for name in settings:
        stage.database.execute(f"ALTER SYSTEM RESET {name}")
    stage.database.execute("SELECT pg_reload_conf()")


def _write(part: Part, count: int, *, is_counted: bool) -> None:
    from django.db import connection, transaction

    from engagement.counting.changes import look_up_by_index
    from engagement.counting.counter import count_stretch
    from engagement.counting.position import Place

    names = ("number", "mailing", "channel", "topic", "sent_at", "sending", "people")
    values: dict[str, Any] = {name: getattr(part, name) for name in names}
    values |= {**_JSON, "brand": part.brand_id, "count": count, "slots": part.messages, "span": _SPAN}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_ROWS, values)
        if is_counted:
            cursor.execute("SELECT pg_current_xact_id()::text::bigint")
            [xid] = cursor.fetchone()
            look_up_by_index()
            count_stretch(Place(xid - 1, _LAST_ID), Place(xid, _LAST_ID))


def _empty(stage: Stage) -> None:
    """Forget what was stored and counted before, and the ledger."""
    counted = ", ".join(f"engagement_{name}" for name in (*COUNTED, "position", "revision"))
    stage.database.execute(f"TRUNCATE engagement_interaction, {counted}, preferences_preferencechange CASCADE")


def finish(stage: Stage) -> int:
    """Say what else is known of the mailings, who left in the ledger, and that all interactions up to now are counted;
    return how many rows the ledger has, which are not."""
    database = stage.database
    for statement in (_MAILINGS_SEEN, _LINKS_SEEN, _RECIPIENTS, _LEDGER, _POSITION):
        database.execute(statement, {"last": _LAST_ID})
    database.execute("VACUUM ANALYZE preferences_preferencechange")
    return stage.count("SELECT count(*) FROM preferences_preferencechange")


def brands(stage: Stage) -> list[int]:
    """Return the three senders, the largest first."""
    from preferences.models import Brand

    names = {"bench-two": "Demo Two", "bench-three": "Demo Three"}
    others = [Brand.objects.get_or_create(slug=slug, defaults={"name": name})[0] for slug, name in names.items()]
    return [stage.brand_id, *(brand.pk for brand in others)]


def _make_months() -> None:
    from engagement.recording.partitions import make_partitions

    make_partitions((now() - timedelta(days=DAYS + 1)).date(), months=14)
