from __future__ import annotations

from importlib import import_module

from django.db import migrations, models

# Beside what it did (0002): a page view opts out once; what another visitor adds to a provisional opt-out is written,
# so that each can be refuted for itself; a reinstatement restores the row that was there; and `replaced` keeps what
# that needs. The two new parameters have defaults, so that a process of the version before goes on writing.
CREATE = """
CREATE FUNCTION preferences_write_change(
    the_brand bigint, the_recipient uuid, the_channel text, the_address text, the_topic bigint, wanted_state text,
    the_source text, the_reason text, the_evidence jsonb, the_mailing text, the_actor text,
    settling_at timestamptz, replaced_id bigint, unless_back_since timestamptz, brand_lock integer, turn bigint,
    restored_previous text DEFAULT NULL, restored_since timestamptz DEFAULT NULL
) RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    present record;
    was_state text;
    new_state text;
    new_id bigint;
    new_moment timestamptz;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(brand_lock, the_brand::integer), pg_advisory_xact_lock(turn);
    IF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;

    SELECT state, previous_state, change_id, changed_at, settles_at INTO present FROM preferences_subscription
    WHERE recipient_id = the_recipient AND topic_id = the_topic AND channel = the_channel;
    was_state := coalesce(present.state, 'default');
    new_state := coalesce(wanted_state, present.previous_state);
    IF unless_back_since IS NOT NULL THEN
        IF was_state <> 'out' AND present.previous_state = 'out' AND present.changed_at >= unless_back_since
           OR EXISTS (SELECT FROM preferences_suppression WHERE recipient_id = the_recipient)
        THEN RETURN NULL; END IF;
    END IF;
    IF the_source = 'arrival' AND the_evidence ->> 'visit' IS NOT NULL THEN
        IF EXISTS (
            SELECT FROM preferences_preferencechange
            WHERE recipient_id = the_recipient AND topic_id = the_topic AND source = 'arrival'
              AND evidence -> 'visit' = the_evidence -> 'visit'
        ) THEN RETURN NULL; END IF;
    END IF;
    IF wanted_state IS NULL THEN
        IF was_state <> 'out' OR present.change_id <> replaced_id THEN RETURN NULL; END IF;
    ELSIF wanted_state <> 'out' THEN
        IF was_state = wanted_state THEN RETURN NULL; END IF;
    ELSIF was_state = 'out' THEN
        IF present.settles_at IS NULL THEN RETURN NULL; END IF;
        IF present.settles_at <= clock_timestamp() AND the_source <> 'admin' THEN RETURN NULL; END IF;
        IF settling_at IS NOT NULL AND EXISTS (
            SELECT FROM preferences_preferencechange
            WHERE recipient_id = the_recipient AND topic_id = the_topic AND channel = the_channel AND state = 'out'
              AND settles_at > clock_timestamp()
              AND evidence ->> 'visitor' IS NOT DISTINCT FROM the_evidence ->> 'visitor'
              AND evidence ->> 'program' IS NOT DISTINCT FROM the_evidence ->> 'program'
        ) THEN RETURN NULL; END IF;
    END IF;

    INSERT INTO preferences_recipient (id, brand_id, channel, address)
    VALUES (the_recipient, the_brand, the_channel, the_address) ON CONFLICT (id) DO NOTHING;
    INSERT INTO preferences_preferencechange
        (changed_at, brand_id, recipient_id, topic_id, channel, state, source, reason, evidence, mailing, actor,
         settles_at, replaced)
    VALUES (clock_timestamp(), the_brand, the_recipient, the_topic, the_channel, new_state, the_source, the_reason,
            the_evidence, the_mailing, the_actor, settling_at,
            jsonb_build_object('state', was_state, 'change', present.change_id, 'previous', present.previous_state,
                               'since', present.changed_at))
    RETURNING id, changed_at INTO new_id, new_moment;
    INSERT INTO preferences_subscription
        (recipient_id, topic_id, channel, state, previous_state, change_id, changed_at, settles_at)
    VALUES (the_recipient, the_topic, the_channel, new_state,
            coalesce(restored_previous,
                     CASE WHEN was_state = 'out' AND new_state = 'out' THEN present.previous_state ELSE was_state END),
            new_id, coalesce(restored_since, new_moment), settling_at)
    ON CONFLICT (recipient_id, topic_id, channel) DO UPDATE SET
        state = EXCLUDED.state, previous_state = EXCLUDED.previous_state, change_id = EXCLUDED.change_id,
        changed_at = EXCLUDED.changed_at, settles_at = EXCLUDED.settles_at;
    RETURN new_id;
END
$$
"""
DROP = "DROP FUNCTION preferences_write_change"
# What is provisional is looked for by the moment it settles, and by the network address it came from.
INDEXES = """
CREATE INDEX subscription_settling ON preferences_subscription (settles_at) WHERE settles_at IS NOT NULL;
CREATE INDEX change_visitor ON preferences_preferencechange ((evidence ->> 'visitor'), changed_at)
    WHERE settles_at IS NOT NULL;
"""


class Migration(migrations.Migration):
    dependencies = [("preferences", "0002_write_change")]
    operations = [
        migrations.AddField(
            model_name="brand",
            name="sends_notice",
            field=models.BooleanField(
                default=False,
                db_default=False,
                help_text="After an opt-out by arrival, send a short mail that says so and how to come back.",
                verbose_name="notice mail",
            ),
        ),
        migrations.RunSQL(DROP, import_module("preferences.migrations.0002_write_change").CREATE),
        migrations.RunSQL(CREATE, DROP),
        migrations.RunSQL(INDEXES, "DROP INDEX subscription_settling; DROP INDEX change_visitor"),
    ]
