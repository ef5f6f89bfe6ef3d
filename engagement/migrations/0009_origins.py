from __future__ import annotations

from django.db import migrations, models

# Of a domain, network or agent a row for each day and month now has all that is shown of it, which stood in as many cells
# of the tallies as there are record types and ages. How soon machines come is another such list.
MACHINE = "(verdict = 'machine' AND record NOT IN ('one_click', 'conversion'))"
SUMS = {
    "everybody": "true",
    "events": MACHINE,
    "opened": f"{MACHINE} AND record = 'open_machine'",
    "clicked": f"{MACHINE} AND record LIKE 'click\\_machine\\_%'",
    "visited": f"{MACHINE} AND record SIMILAR TO '(visit|header\\_visit)\\_machine\\_%'",
    "script": f"{MACHINE} AND record LIKE 'arrive\\_machine\\_%'",
    "hidden": f"{MACHINE} AND record = 'hidden_link'",
    "by_agent": f"{MACHINE} AND record LIKE '%\\_machine\\_agent'",
    "by_learned": f"{MACHINE} AND record LIKE '%\\_machine\\_learned'",
    "by_behaviour": f"{MACHINE} AND record LIKE '%\\_machine\\_behaviour'",
    "soon_0": f"{MACHINE} AND age BETWEEN 0 AND 5",
    "soon_60": f"{MACHINE} AND age BETWEEN 6 AND 12",
    "soon_600": f"{MACHINE} AND age BETWEEN 13 AND 17",
    "soon_3600": f"{MACHINE} AND age BETWEEN 18 AND 22",
    "soon_86400": f"{MACHINE} AND age >= 23",
}
_KEYS = "brand_id, dimension, level, start, channel, value"
_FILL = f"""
INSERT INTO engagement_ranking ({_KEYS}, {", ".join(SUMS)})
SELECT {_KEYS}, {", ".join(f"sum(CASE WHEN {of} THEN events ELSE 0 END)" for of in SUMS.values())}
FROM ({{cells}}) AS cell
GROUP BY 1, 2, 3, 4, 5, 6
"""  # noqa: S608
# The old rows have machines' events alone; what is in the tallies has everything.
FILL = f"""
TRUNCATE engagement_ranking;
{
    _FILL.format(
        cells=f"SELECT * FROM engagement_tally WHERE dimension = 'domain' OR dimension IN ('network', 'agent') AND {MACHINE}"
    )
};
{
    _FILL.format(
        cells=f'''
    SELECT brand_id, dimension, level, start, channel, record, verdict, age, events,
           CASE WHEN age < 0 THEN '' WHEN age < 2 THEN '0' WHEN age < 6 THEN '10' WHEN age < 13 THEN '60'
                WHEN age < 18 THEN '600' WHEN age < 23 THEN '3600' ELSE '86400' END AS value
    FROM engagement_tally WHERE dimension = 'pace' AND level <> 'hour' AND {MACHINE}'''
    )
};
DELETE FROM engagement_tally WHERE dimension IN ('domain', 'network', 'agent');
"""  # noqa: S608


class Migration(migrations.Migration):
    dependencies = [("engagement", "0008_leavings")]
    operations = [
        migrations.RemoveIndex("ranking", "ranking_order"),
        migrations.AddField("ranking", "everybody", models.BigIntegerField(default=0), preserve_default=False),
        *(migrations.AddField("ranking", name, models.BigIntegerField(default=0)) for name in list(SUMS)[2:]),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.AddIndex(
            "ranking",
            models.Index(
                fields=["brand_id", "dimension", "level", "start", "channel", "-events", "value"],
                condition=models.Q(events__gt=0),
                name="ranking_order",
            ),
        ),
        migrations.RemoveIndex("scanned", "scanned_last"),
        migrations.AddIndex(
            "scanned",
            models.Index(fields=["brand_id", "last_at"], include=["first_at"], name="scanned_last"),
        ),
        migrations.AddIndex(
            "scanned",
            models.Index(fields=["brand_id", "domain", "last_at"], include=["first_at"], name="scanned_domain"),
        ),
    ]
