from __future__ import annotations

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

# Visits of before are given the record type that they would get now.
ALTER = """
ALTER TABLE engagement_interaction
    ADD COLUMN record text NOT NULL DEFAULT '',
    ADD COLUMN segment text NOT NULL DEFAULT '',
    ADD COLUMN link bigint,
    ADD COLUMN xid bigint NOT NULL DEFAULT pg_current_xact_id()::text::bigint,
    DROP CONSTRAINT engagement_interaction_verdict_check,
    ADD CONSTRAINT engagement_interaction_verdict_check
        CHECK (verdict IN ('human', 'machine', 'unsure', 'prefetched')),
    DROP CONSTRAINT engagement_interaction_pkey,
    ADD CONSTRAINT engagement_interaction_pkey PRIMARY KEY (occurred_at, kind, id);
CREATE INDEX engagement_interaction_feed ON engagement_interaction (xid, id);
UPDATE engagement_interaction SET record = CASE
    WHEN kind = 'hidden_visit' THEN 'hidden_link'
    WHEN verdict <> 'machine' OR kind = 'one_click' THEN kind
    WHEN jsonb_path_exists(signals, '$[*] ? (@.name == "robot_agent" || @.name == "empty_agent" ||
        @.name == "head_request" || @.name == "prefetch" || @.name == "webdriver")') THEN kind || '_machine_agent'
    WHEN jsonb_path_exists(signals, '$[*] ? (@.name == "learned_agent" || @.name == "learned_network")')
        THEN kind || '_machine_learned'
    ELSE kind || '_machine_behaviour' END;
"""
ALTER_BACK = """
DELETE FROM engagement_interaction WHERE kind IN ('open', 'click', 'conversion');
DROP INDEX engagement_interaction_feed;
ALTER TABLE engagement_interaction
    DROP COLUMN record,
    DROP COLUMN segment,
    DROP COLUMN link,
    DROP COLUMN xid,
    DROP CONSTRAINT engagement_interaction_verdict_check,
    ADD CONSTRAINT engagement_interaction_verdict_check CHECK (verdict IN ('human', 'machine', 'unsure'));
"""


class Migration(migrations.Migration):
    dependencies = [
        ("engagement", "0003_detector"),
        ("preferences", "0005_write_settings"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunSQL(ALTER, ALTER_BACK),
        migrations.CreateModel(
            name="Position",
            fields=[
                ("name", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("xid", models.BigIntegerField(default=0)),
                ("id_read", models.BigIntegerField(default=0)),
                ("moved_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.CreateModel(
            name="SpoolPosition",
            fields=[
                ("spool", models.UUIDField(primary_key=True, serialize=False)),
                ("position", models.BigIntegerField()),
                ("drained_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.CreateModel(
            name="Touch",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "recipient_id",
                        "mailing",
                        "act",
                        "link",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("recipient_id", models.UUIDField()),
                ("mailing", models.CharField(max_length=100)),
                ("act", models.CharField(max_length=10)),
                ("link", models.BigIntegerField()),
                ("brand_id", models.BigIntegerField()),
                ("channel", models.CharField(max_length=5)),
                ("topic", models.CharField(max_length=64)),
                ("segment", models.CharField(max_length=100)),
                ("first_at", models.DateTimeField()),
                ("cleaned_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.AddField(
            model_name="mailing",
            name="automation",
            field=models.CharField(
                blank=True,
                default="",
                db_default="",
                db_index=True,
                help_text="Which automation this mail belongs to, such as welcome. Empty for a campaign.",
                max_length=100,
            ),
        ),
        migrations.AddField(
            model_name="mailing",
            name="channel",
            field=models.CharField(
                choices=[("email", "e-mail"), ("sms", "SMS")], db_default="email", default="email", max_length=5
            ),
        ),
        migrations.AddField(
            model_name="mailing",
            name="kind",
            field=models.CharField(
                choices=[("campaign", "campaign"), ("automation", "automation")],
                db_default="campaign",
                default="campaign",
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="mailing",
            name="name",
            field=models.CharField(blank=True, default="", db_default="", max_length=200),
        ),
        migrations.AddField(
            model_name="mailing",
            name="sent_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="sent"),
        ),
        migrations.AddField(
            model_name="mailing",
            name="sent_count",
            field=models.PositiveBigIntegerField(blank=True, null=True, verbose_name="sent to"),
        ),
        migrations.AddField(
            model_name="mailing",
            name="topics",
            field=models.ManyToManyField(blank=True, related_name="mailings", to="preferences.topic"),
        ),
        migrations.AddField(
            model_name="rejudgement",
            name="channel",
            field=models.CharField(blank=True, db_default="", max_length=5),
        ),
        migrations.AddField(
            model_name="rejudgement",
            name="is_backward",
            field=models.BooleanField(
                db_default=False,
                default=False,
                help_text="Robots that were learned after a visit count against it, too.",
                verbose_name="with what was learned since",
            ),
        ),
        migrations.AlterField(
            model_name="mailing",
            name="delivered_count",
            field=models.PositiveBigIntegerField(
                blank=True,
                help_text="How many mails were delivered, if you know: the rates are shares of it.",
                null=True,
                verbose_name="delivered",
            ),
        ),
        migrations.CreateModel(
            name="CountingSwitch",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("channel", models.CharField(choices=[("email", "email"), ("sms", "sms")], max_length=5)),
                ("leaves_out", models.BooleanField(verbose_name="leave non-human interactions out")),
                ("since", models.DateTimeField(blank=True, null=True)),
                (
                    "decided_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                (
                    "brand",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="counting_switches",
                        to="preferences.brand",
                    ),
                ),
                (
                    "decided_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "rejudgement",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="switch",
                        to="engagement.rejudgement",
                    ),
                ),
            ],
            options={
                "verbose_name": "switch",
                "verbose_name_plural": "robots in the figures",
                "ordering": ["-decided_at", "-id"],
            },
        ),
        migrations.CreateModel(
            name="Reach",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "brand_id",
                        "dimension",
                        "level",
                        "start",
                        "mailing",
                        "value",
                        "channel",
                        "act",
                        "is_cleaned",
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
                ("mailing", models.CharField(max_length=100)),
                ("value", models.CharField(max_length=253)),
                ("channel", models.CharField(max_length=5)),
                ("act", models.CharField(max_length=10)),
                ("is_cleaned", models.BooleanField()),
                ("messages", models.BigIntegerField()),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("mailing", ""), _negated=True),
                        fields=["brand_id", "dimension", "mailing", "level", "start"],
                        name="reach_of_mailing",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Scanned",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "recipient_id", "brand_id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("brand_id", models.BigIntegerField()),
                ("recipient_id", models.UUIDField()),
                ("domain", models.CharField(max_length=253)),
                ("first_at", models.DateTimeField()),
                ("last_at", models.DateTimeField()),
                ("events", models.BigIntegerField()),
                ("messages", models.BigIntegerField()),
            ],
            options={
                "indexes": [models.Index(fields=["brand_id", "last_at"], name="scanned_last")],
            },
        ),
        migrations.CreateModel(
            name="ShortLink",
            fields=[
                ("code", models.CharField(max_length=10, primary_key=True, serialize=False)),
                ("purpose", models.CharField(max_length=11)),
                ("token", models.CharField(max_length=4096)),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                (
                    "brand",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="preferences.brand"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Tally",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "brand_id",
                        "dimension",
                        "level",
                        "start",
                        "mailing",
                        "value",
                        "channel",
                        "record",
                        "verdict",
                        "age",
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
                ("mailing", models.CharField(max_length=100)),
                ("value", models.CharField(max_length=253)),
                ("channel", models.CharField(max_length=5)),
                ("record", models.CharField(max_length=40)),
                ("verdict", models.CharField(max_length=10)),
                ("age", models.SmallIntegerField()),
                ("events", models.BigIntegerField()),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("mailing", ""), _negated=True),
                        fields=["brand_id", "dimension", "mailing", "level", "start"],
                        name="tally_of_mailing",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Conversion",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("recipient_id", models.UUIDField()),
                ("mailing", models.CharField(max_length=100)),
                ("segment", models.CharField(blank=True, max_length=100)),
                ("topic", models.CharField(blank=True, max_length=64)),
                ("link", models.BigIntegerField(null=True)),
                ("name", models.CharField(max_length=64)),
                ("key", models.BinaryField(max_length=32)),
                ("value", models.DecimalField(decimal_places=2, max_digits=14, null=True)),
                ("currency", models.CharField(blank=True, max_length=3)),
                ("occurred_at", models.DateTimeField()),
                (
                    "brand",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="preferences.brand"
                    ),
                ),
            ],
            options={
                "ordering": ["-occurred_at", "-id"],
                "indexes": [
                    models.Index(fields=["brand", "mailing", "occurred_at"], name="conversion_mailing"),
                    models.Index(fields=["recipient_id"], name="conversion_recipient"),
                ],
                "constraints": [models.UniqueConstraint(fields=("brand", "key"), name="conversion_once")],
            },
        ),
        migrations.CreateModel(
            name="Delivery",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("segment", models.CharField(blank=True, default="", max_length=100)),
                ("sent_on", models.DateField(verbose_name="sent on")),
                ("sent_count", models.PositiveBigIntegerField(verbose_name="sent to")),
                ("delivered_count", models.PositiveBigIntegerField(blank=True, null=True, verbose_name="delivered")),
                (
                    "mailing",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="deliveries", to="engagement.mailing"
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "deliveries",
                "ordering": ["mailing", "sent_on", "segment"],
                "constraints": [
                    models.UniqueConstraint(fields=("mailing", "segment", "sent_on"), name="delivery_of_a_day"),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("delivered_count__isnull", True),
                            ("delivered_count__lte", models.F("sent_count")),
                            _connector="OR",
                        ),
                        name="delivered_of_sent",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Revision",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("interaction_id", models.BigIntegerField()),
                ("occurred_at", models.DateTimeField()),
                ("kind", models.CharField(max_length=12)),
                ("brand_id", models.BigIntegerField()),
                ("recipient_id", models.UUIDField()),
                (
                    "old_verdict",
                    models.CharField(
                        choices=[
                            ("human", "human"),
                            ("machine", "machine"),
                            ("unsure", "unsure"),
                            ("prefetched", "prefetched"),
                        ],
                        max_length=10,
                    ),
                ),
                (
                    "new_verdict",
                    models.CharField(
                        choices=[
                            ("human", "human"),
                            ("machine", "machine"),
                            ("unsure", "unsure"),
                            ("prefetched", "prefetched"),
                        ],
                        max_length=10,
                    ),
                ),
                ("old_record", models.CharField(max_length=40)),
                ("new_record", models.CharField(max_length=40)),
                ("old", models.JSONField(default=dict)),
                ("new", models.JSONField(default=dict)),
                ("xid", models.BigIntegerField(null=True)),
                ("applied_at", models.DateTimeField(null=True)),
                (
                    "rejudgement",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="revisions",
                        to="engagement.rejudgement",
                    ),
                ),
            ],
            options={
                "ordering": ["id"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("xid__isnull", False)), fields=["xid", "id"], name="revision_feed"
                    ),
                    models.Index(fields=["interaction_id"], name="revision_interaction"),
                    models.Index(fields=["recipient_id"], name="revision_recipient"),
                ],
            },
        ),
        migrations.CreateModel(
            name="TrackedLink",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("mailing", models.CharField(max_length=100)),
                ("number", models.BigIntegerField()),
                ("url", models.CharField(max_length=2000, verbose_name="target")),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name="first seen"
                    ),
                ),
                (
                    "brand",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="preferences.brand"
                    ),
                ),
            ],
            options={
                "ordering": ["mailing", "url"],
                "constraints": [models.UniqueConstraint(fields=("brand", "mailing", "number"), name="tracked_link")],
            },
        ),
    ]
