from __future__ import annotations

from django.db import migrations

# Reasons for leaving are asked by brand and day, without those that evidence took back. Of such there are few: the
# ledger's other rows are not in this index, and cost nothing more to write.
CREATE = """
CREATE INDEX change_reinstatement ON preferences_preferencechange (id) WHERE source = 'reinstatement';
CREATE INDEX leaving_answer_count_time ON preferences_leavinganswercount (brand_id, answered_on);
"""
DROP = "DROP INDEX change_reinstatement; DROP INDEX leaving_answer_count_time"


class Migration(migrations.Migration):
    dependencies = [("engagement", "0007_ranking"), ("preferences", "0006_tracking")]
    operations = [migrations.RunSQL(CREATE, DROP)]
