from __future__ import annotations

from django.db import migrations

CREATE = """
CREATE SEQUENCE engagement_interaction_id_seq AS bigint CACHE 1000;
CREATE TABLE engagement_interaction (
    id bigint NOT NULL DEFAULT nextval('engagement_interaction_id_seq'),
    occurred_at timestamptz NOT NULL,
    brand_id bigint NOT NULL,
    recipient_id uuid NOT NULL,
    channel text NOT NULL,
    topic text NOT NULL,
    mailing text NOT NULL,
    purpose text NOT NULL,
    kind text NOT NULL,
    answer text NOT NULL,
    verdict text NOT NULL CHECK (verdict IN ('human', 'machine', 'unsure')),
    score smallint NOT NULL,
    is_hard boolean NOT NULL,
    signals jsonb NOT NULL,
    rules smallint NOT NULL,
    visit bigint,
    visitor bytea NOT NULL,
    network inet,
    agent text NOT NULL,
    send_age bigint,
    facts jsonb NOT NULL,
    PRIMARY KEY (occurred_at, id)
) PARTITION BY RANGE (occurred_at);
ALTER SEQUENCE engagement_interaction_id_seq OWNED BY engagement_interaction.id;
CREATE INDEX engagement_interaction_id ON engagement_interaction (id);
CREATE INDEX engagement_interaction_recipient ON engagement_interaction (recipient_id, occurred_at);
CREATE INDEX engagement_interaction_visitor ON engagement_interaction (visitor, occurred_at);
CREATE INDEX engagement_interaction_mailing ON engagement_interaction (brand_id, mailing, occurred_at);
"""


class Migration(migrations.Migration):
    dependencies = [("engagement", "0001_initial")]
    operations = [migrations.RunSQL(CREATE, "DROP TABLE engagement_interaction")]
