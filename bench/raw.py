"""The yardstick of the commits: plain psycopg transactions that write the rows of an opt-out, as pgbench -N does.

    python -m bench.raw SOURCE THREADS SECONDS

Each thread has a connection and repeats BEGIN, three INSERTs and COMMIT for a recipient who was never heard of.
The values are those of the latest change by SOURCE. Prints JSON: `answered`, the transactions, and `seconds`.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from uuid import uuid4

import psycopg
from psycopg.types.json import Jsonb

_LATEST = """
SELECT brand_id, topic_id, channel, evidence, mailing, settles_at FROM preferences_preferencechange
WHERE source = %s ORDER BY id DESC LIMIT 1
"""
_RECIPIENT = "INSERT INTO preferences_recipient (id, brand_id, channel, address) VALUES (%s, %s, %s, %s)"
_CHANGE = """
INSERT INTO preferences_preferencechange
    (brand_id, recipient_id, topic_id, channel, state, source, reason, evidence, mailing, actor, settles_at, replaced)
VALUES (%s, %s, %s, %s, 'out', %s, '', %s, %s, '', %s, %s)
RETURNING id, changed_at
"""
_SUBSCRIPTION = """
INSERT INTO preferences_subscription
    (recipient_id, topic_id, channel, state, previous_state, change_id, changed_at, settles_at)
VALUES (%s, %s, %s, 'out', 'default', %s, %s, %s)
"""


def write(source: str, deadline: float, done: list[int]) -> None:
    replaced = Jsonb({"state": "default", "change": None})
    number = 0
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        latest = connection.execute(_LATEST, [source]).fetchone()
        if latest is None:
            raise LookupError(f"no change by {source} to repeat")
        brand, topic, channel, evidence, mailing, settles_at = latest
        connection.commit()
        while time.monotonic() < deadline:
            recipient = uuid4()
            connection.execute(_RECIPIENT, [recipient, brand, channel, f"{recipient}@example.org"])
            values = [brand, recipient, topic, channel, source, Jsonb(evidence), mailing, settles_at, replaced]
            change = connection.execute(_CHANGE, values).fetchone()
            connection.execute(_SUBSCRIPTION, [recipient, topic, channel, *(change or ()), settles_at])
            connection.commit()
            number += 1
    done.append(number)


def main(source: str, threads: str, seconds: str) -> None:
    done: list[int] = []
    started = time.monotonic()
    deadline = started + float(seconds)
    workers = [threading.Thread(target=write, args=(source, deadline, done)) for _ in range(int(threads))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if len(done) != len(workers):
        sys.exit("a connection failed")
    print(json.dumps({"answered": sum(done), "seconds": time.monotonic() - started}))


if __name__ == "__main__":
    main(*sys.argv[1:])
