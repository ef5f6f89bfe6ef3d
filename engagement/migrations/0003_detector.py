from __future__ import annotations

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

# The domain tells an organisation's recipients. The index by network serves what the one by visitor did, the /24 or
# /48 being hardly wider around one minute, and also finds an organisation that is scanned from several addresses.
ALTER = """
ALTER TABLE engagement_interaction ADD COLUMN domain text NOT NULL DEFAULT '';
DROP INDEX engagement_interaction_visitor;
CREATE INDEX engagement_interaction_network ON engagement_interaction (network, occurred_at);
"""
ALTER_BACK = """
DROP INDEX engagement_interaction_network;
CREATE INDEX engagement_interaction_visitor ON engagement_interaction (visitor, occurred_at);
ALTER TABLE engagement_interaction DROP COLUMN domain;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("engagement", "0002_interaction_table"),
        ("preferences", "0002_write_change"),
    ]

    operations = [
        migrations.RunSQL(ALTER, ALTER_BACK),
        migrations.CreateModel(
            name="Learned",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(choices=[("agent", "program"), ("network", "network")], max_length=7)),
                ("value", models.CharField(max_length=512)),
                ("evidence", models.JSONField(default=dict)),
                (
                    "learned_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                ("is_refused", models.BooleanField(default=False, verbose_name="refused")),
                ("decided_by", models.CharField(blank=True, max_length=150)),
                ("decided_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "verbose_name": "learned robot",
                "ordering": ["-learned_at", "-id"],
                "constraints": [models.UniqueConstraint(fields=("kind", "value"), name="learned_kind_value")],
            },
        ),
        migrations.CreateModel(
            name="MailHost",
            fields=[
                ("domain", models.CharField(max_length=253, primary_key=True, serialize=False)),
                ("gateway", models.CharField(blank=True, max_length=50)),
                ("hosts", models.JSONField(default=list)),
                (
                    "asked_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                ("looked_up_at", models.DateTimeField(blank=True, null=True)),
                ("problem", models.CharField(blank=True, max_length=200)),
            ],
            options={
                "ordering": ["domain"],
                "indexes": [models.Index(fields=["looked_up_at"], name="mail_host_looked_up")],
            },
        ),
        migrations.CreateModel(
            name="Rejudgement",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("looking", "being looked at"),
                            ("ready", "ready to apply"),
                            ("applying", "being applied"),
                            ("applied", "applied"),
                            ("failed", "failed"),
                        ],
                        default="looking",
                        max_length=8,
                    ),
                ),
                ("since", models.DateTimeField()),
                ("until", models.DateTimeField()),
                ("rules", models.SmallIntegerField(verbose_name="rule version")),
                ("seen_count", models.BigIntegerField(default=0)),
                ("total_count", models.BigIntegerField(default=0)),
                ("changed_count", models.BigIntegerField(default=0)),
                ("verdicts", models.JSONField(default=dict)),
                ("policies", models.JSONField(default=dict)),
                ("examples", models.JSONField(default=list)),
                ("actor", models.CharField(blank=True, max_length=150)),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                ("problem", models.CharField(blank=True, max_length=200)),
                (
                    "brand",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="preferences.brand",
                    ),
                ),
            ],
            options={
                "ordering": ["-created_at", "-id"],
            },
        ),
    ]
