from __future__ import annotations

from importlib import import_module

from django.db import migrations, models

# Beside what it did (0005): how often or not before which day, alone, is no reason to store an erased person again.
CREATE = """
CREATE OR REPLACE FUNCTION preferences_write_change(
    the_brand bigint, the_recipient uuid, the_channel text, the_address text, the_topic bigint, wanted_state text,
    the_source text, the_reason text, the_evidence jsonb, the_mailing text, the_actor text,
    settling_at timestamptz, replaced_id bigint, unless_back_since timestamptz, brand_lock integer, turn bigint,
    restored_previous text DEFAULT NULL, restored_since timestamptz DEFAULT NULL,
    wanted_frequency text DEFAULT NULL, wanted_pause date DEFAULT NULL
) RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    present record;
    was_state text;
    was_pause date;
    new_state text;
    new_frequency text;
    new_pause date;
    is_setting boolean;
    is_kept boolean;
    new_id bigint;
    new_moment timestamptz;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(brand_lock, the_brand::integer), pg_advisory_xact_lock(turn);
    IF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;

    SELECT state, previous_state, change_id, changed_at, settles_at, frequency, paused_until INTO present
    FROM preferences_subscription
    WHERE recipient_id = the_recipient AND topic_id = the_topic AND channel = the_channel;
    was_state := coalesce(present.state, 'default');
    was_pause := CASE WHEN present.paused_until > current_date THEN present.paused_until END;
    new_state := CASE WHEN wanted_state IS NULL THEN present.previous_state WHEN wanted_state = 'keep' THEN was_state
                 ELSE wanted_state END;
    new_frequency := coalesce(wanted_frequency, present.frequency, '');
    new_pause := CASE WHEN wanted_pause IS NULL THEN present.paused_until
                      WHEN wanted_pause > current_date THEN wanted_pause END;
    is_setting := new_frequency <> coalesce(present.frequency, '')
                  OR wanted_pause IS NOT NULL AND new_pause IS DISTINCT FROM was_pause;
    is_kept := was_state = new_state AND is_setting AND restored_previous IS NULL;
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
    IF replaced_id IS NOT NULL AND present.change_id IS DISTINCT FROM replaced_id THEN RETURN NULL; END IF;
    IF wanted_state IS NULL THEN
        IF was_state <> 'out' THEN RETURN NULL; END IF;
    ELSIF wanted_state = 'keep' THEN
        IF NOT is_setting OR was_state = 'out' AND present.settles_at > clock_timestamp()
           OR EXISTS (SELECT FROM preferences_suppression WHERE recipient_id = the_recipient AND reason = 'erased')
        THEN RETURN NULL; END IF;
    ELSIF was_state = wanted_state AND restored_previous IS NULL AND NOT is_setting THEN
        IF wanted_state = 'default' OR present.settles_at IS NULL THEN RETURN NULL; END IF;
        IF present.settles_at <= clock_timestamp() AND the_source <> 'admin' THEN RETURN NULL; END IF;
        IF settling_at IS NOT NULL AND EXISTS (
            SELECT FROM preferences_preferencechange
            WHERE recipient_id = the_recipient AND topic_id = the_topic AND channel = the_channel
              AND state = wanted_state AND settles_at > clock_timestamp()
              AND evidence ->> 'visitor' IS NOT DISTINCT FROM the_evidence ->> 'visitor'
              AND evidence ->> 'program' IS NOT DISTINCT FROM the_evidence ->> 'program'
        ) THEN RETURN NULL; END IF;
    ELSIF wanted_state = 'out' AND was_state <> 'out' THEN
        IF EXISTS (SELECT FROM preferences_suppression WHERE recipient_id = the_recipient AND reason = 'erased')
        THEN RETURN NULL; END IF;
    END IF;

    INSERT INTO preferences_recipient (id, brand_id, channel, address)
    VALUES (the_recipient, the_brand, the_channel, the_address) ON CONFLICT (id) DO NOTHING;
    IF NOT FOUND THEN
        UPDATE preferences_recipient SET address = the_address WHERE id = the_recipient AND address = '';
    END IF;
    INSERT INTO preferences_preferencechange
        (changed_at, brand_id, recipient_id, topic_id, channel, state, frequency, paused_until, source, reason,
         evidence, mailing, actor, settles_at, replaced)
    VALUES (clock_timestamp(), the_brand, the_recipient, the_topic, the_channel, new_state, new_frequency, new_pause,
            the_source, the_reason, the_evidence, the_mailing, the_actor, settling_at,
            jsonb_build_object('state', was_state, 'change', present.change_id, 'previous', present.previous_state,
                               'since', present.changed_at, 'frequency', coalesce(present.frequency, ''),
                               'paused_until', present.paused_until)
            || CASE WHEN is_kept THEN '{"kept": true}'::jsonb
                    WHEN restored_previous IS NOT NULL THEN jsonb_build_object(
                        'restored', jsonb_build_object('previous', restored_previous, 'since', restored_since))
                    ELSE '{}'::jsonb END)
    RETURNING id, changed_at INTO new_id, new_moment;
    INSERT INTO preferences_subscription
        (recipient_id, topic_id, channel, state, previous_state, change_id, changed_at, settles_at, frequency,
         paused_until)
    VALUES (the_recipient, the_topic, the_channel, new_state,
            coalesce(restored_previous,
                     CASE WHEN was_state = new_state THEN coalesce(present.previous_state, 'default')
                          ELSE was_state END),
            new_id,
            CASE WHEN restored_previous IS NOT NULL THEN coalesce(restored_since, new_moment)
                 WHEN is_kept THEN coalesce(present.changed_at, new_moment) ELSE new_moment END,
            settling_at, new_frequency, new_pause)
    ON CONFLICT (recipient_id, topic_id, channel) DO UPDATE SET
        state = EXCLUDED.state, previous_state = EXCLUDED.previous_state, change_id = EXCLUDED.change_id,
        changed_at = EXCLUDED.changed_at, settles_at = EXCLUDED.settles_at, frequency = EXCLUDED.frequency,
        paused_until = EXCLUDED.paused_until;
    RETURN new_id;
END
$$
"""
BEFORE = import_module("preferences.migrations.0005_write_settings").CREATE.replace("CREATE", "CREATE OR REPLACE", 1)
# Whoever was erased is not recorded either, and the one row that is kept of them says so.
ERASED = """
WITH erased AS (
    UPDATE preferences_recipient AS recipient SET is_untracked = true FROM preferences_suppression AS suppression
    WHERE suppression.recipient_id = recipient.id AND suppression.reason = 'erased'
    RETURNING suppression.change_id
)
UPDATE preferences_preferencechange SET is_untracked = true FROM erased WHERE id = change_id
"""


class Migration(migrations.Migration):
    dependencies = [("preferences", "0005_write_settings")]
    operations = [
        migrations.AddField(
            "brand",
            "tracks",
            models.BooleanField(
                db_default=True,
                default=True,
                help_text="Opens and clicks are recorded, but for people who said no. Off: links go on working, uncounted.",
                verbose_name="tracking",
            ),
        ),
        migrations.AddField(
            "recipient",
            "is_untracked",
            models.BooleanField(db_default=False, default=False, editable=False, verbose_name="no tracking"),
        ),
        migrations.AddField("preferencechange", "is_untracked", models.BooleanField(db_default=False, default=False)),
        migrations.AddIndex(
            "recipient",
            models.Index(condition=models.Q(is_untracked=True), fields=["id"], name="recipient_untracked"),
        ),
        migrations.RunSQL(CREATE, BEFORE),
        migrations.RunSQL(ERASED, migrations.RunSQL.noop),
    ]
