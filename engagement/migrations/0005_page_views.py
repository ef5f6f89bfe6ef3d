from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("engagement", "0004_opens_and_clicks")]
    operations = [
        migrations.CreateModel(
            name="PageView",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "recipient_id", "visit", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("recipient_id", models.UUIDField()),
                ("visit", models.BigIntegerField()),
                ("brand_id", models.BigIntegerField()),
                ("channel", models.CharField(max_length=5)),
                ("mailing", models.CharField(max_length=100)),
                ("first_at", models.DateTimeField()),
                ("results", models.CharField(max_length=120)),
            ],
        ),
    ]
