from __future__ import annotations

from django.db import migrations, models

# What was counted before has all that a ranking is of.
FILL = """
INSERT INTO engagement_ranking (brand_id, dimension, level, start, channel, value, events)
SELECT brand_id, dimension, level, start, channel, value, sum(events)
FROM engagement_tally
WHERE dimension IN ('domain', 'network', 'agent') AND level <> 'hour' AND verdict = 'machine'
  AND record NOT IN ('one_click', 'conversion')
GROUP BY 1, 2, 3, 4, 5, 6
"""


class Migration(migrations.Migration):
    dependencies = [("engagement", "0006_time_indexes")]
    operations = [
        migrations.CreateModel(
            name="Ranking",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        *("brand_id", "dimension", "level", "start", "channel", "value"),
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("brand_id", models.BigIntegerField()),
                ("dimension", models.CharField(max_length=8)),
                ("level", models.CharField(max_length=5)),
                ("start", models.DateTimeField()),
                ("channel", models.CharField(max_length=5)),
                ("value", models.CharField(max_length=253)),
                ("events", models.BigIntegerField()),
            ],
            options={
                "indexes": [
                    models.Index(
                        fields=["brand_id", "dimension", "level", "start", "channel", "-events", "value"],
                        name="ranking_order",
                    )
                ]
            },
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
    ]
