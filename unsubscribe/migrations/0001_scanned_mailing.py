from __future__ import annotations

from django.db import migrations


class Migration(migrations.Migration):
    initial = True
    dependencies = [("engagement", "0003_detector")]
    operations = [
        migrations.CreateModel(
            name="ScannedMailing",
            fields=[],
            options={
                "verbose_name": "burst of opt-outs",
                "verbose_name_plural": "bursts of opt-outs",
                "proxy": True,
                "indexes": [],
                "constraints": [],
            },
            bases=("engagement.mailing",),
        ),
    ]
