from __future__ import annotations

from django.contrib.postgres.indexes import BrinIndex
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("engagement", "0005_page_views")]
    operations = [
        migrations.AddIndex("touch", BrinIndex(fields=["first_at"], name="touch_time")),
        migrations.AddIndex("revision", BrinIndex(fields=["occurred_at"], name="revision_time")),
    ]
