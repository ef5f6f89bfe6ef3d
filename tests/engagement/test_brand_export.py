from __future__ import annotations

import csv
import hashlib
import json
import stat
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.db.models import Model

from engagement import brand_export
from engagement.brand_export import LEFT_OUT, TABLES
from engagement.models import (
    Conversion,
    CountingSwitch,
    Delivery,
    Mailing,
    PageView,
    Ranking,
    Reach,
    Revision,
    Scanned,
    ShortLink,
    Tally,
    Touch,
    TrackedLink,
)
from preferences.models import (
    Brand,
    BrandKey,
    BrandText,
    LeavingReason,
    LeavingReasonText,
    PreferenceChange,
    Recipient,
    TopicGroup,
    TopicGroupText,
    TopicText,
)
from tests.commands import run
from tests.engagement.makers import make_interaction
from tests.tenants import APPS, Tenant, make_tenant

pytestmark = pytest.mark.django_db(transaction=True)
AT = datetime(2026, 11, 3, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def no_interactions() -> Iterator[None]:
    """pytest-django leaves tables alone that Django does not manage."""
    yield
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE engagement_interaction")


@pytest.fixture
def ours() -> Tenant:
    return make_counted_tenant("ours", 510000)


def make_counted_tenant(word: str, prefix: int) -> Tenant:
    """A tenant with rows of counting, too."""
    tenant = make_tenant(word, prefix)
    own: dict[str, Any] = {"brand_id": tenant.brand_id, "mailing": tenant.mailing}
    person = {"recipient_id": tenant.recipient_id}
    Conversion.objects.create(name="order", key=word.encode(), value="12.50", occurred_at=AT, **own, **person)
    Delivery.objects.create(mailing_id=tenant.keys[Mailing], sent_on=date(2026, 11, 3), sent_count=9)
    ShortLink.objects.create(brand_id=tenant.brand_id, code=f"{word:0<10}", purpose="click", token=f"{word}-token")
    TrackedLink.objects.create(number=1, url=f"https://{word}.example.org/", **own)
    cell = {"dimension": "mailing", "level": "day", "start": AT, "value": "", "channel": "email"}
    Tally.objects.create(record="open", verdict="human", age=-1, events=1, **own, **cell)
    Reach.objects.create(act="open", is_cleaned=True, messages=1, **own, **cell)
    ranked = {"dimension": "domain", "level": "day", "start": AT, "value": f"{word}.example.org", "channel": "email"}
    Ranking.objects.create(brand_id=tenant.brand_id, events=1, everybody=1, **ranked)
    Touch.objects.create(act="open", link=0, channel="email", topic="", segment="", first_at=AT, **own, **person)
    PageView.objects.create(visit=1, channel="email", first_at=AT, results="asked", **own, **person)
    seen = {"domain": f"{word}.example.org", "first_at": AT, "last_at": AT, "events": 1, "messages": 1}
    Scanned.objects.create(brand_id=tenant.brand_id, **seen, **person)
    judged = {"old_verdict": "human", "new_verdict": "machine", "old_record": "open", "new_record": "open"}
    about = {"interaction_id": 1, "occurred_at": AT, "kind": "open", "brand_id": tenant.brand_id}
    Revision.objects.create(xid=5, **about, **person, **judged)
    _say_it_in_german(tenant)
    return tenant


def _say_it_in_german(tenant: Tenant) -> None:
    group, reason = tenant.keys[TopicGroup], tenant.keys[LeavingReason]
    BrandText.objects.create(brand_id=tenant.brand_id, language="de", goodbye=f"Bis bald, {tenant.word}")
    TopicText.objects.create(topic_id=tenant.topic_id, language="de", name=tenant.word)
    TopicGroupText.objects.create(group_id=group, language="de", name=tenant.word)
    LeavingReasonText.objects.create(reason_id=reason, language="de", text=tenant.word)
    Mailing.objects.get(pk=tenant.keys[Mailing]).topics.add(tenant.topic_id)
    CountingSwitch.objects.create(brand_id=tenant.brand_id, channel="sms", leaves_out=True)


def _model(label: str) -> type[Model]:
    return apps.get_model(label)


def rows_in(folder: Path, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / f"{name}.ndjson").read_text().splitlines()]


def all_text(folder: Path) -> str:
    return "".join(path.read_text() for path in sorted(folder.iterdir()) if path.name != "manifest.json")


def test_every_model_is_exported_or_left_out_for_a_reason() -> None:
    models = [model for app in APPS for model in apps.get_app_config(app).get_models(include_auto_created=True)]
    exported = {table.model for table in TABLES}
    assert {model._meta.label for model in models} == exported | LEFT_OUT.keys()
    assert not exported & LEFT_OUT.keys()


def test_no_model_that_is_left_out_has_a_brand() -> None:
    has_brand = [
        label
        for label in LEFT_OUT
        if {"brand", "brand_id", "recipient_id"} & {field.name for field in _model(label)._meta.fields}
    ]
    assert sorted(has_brand) == ["preferences.Brand_members", "unsubscribe.ScannedMailing"]


def test_everything_of_the_brand_is_there_and_nothing_of_another(ours: Tenant, tmp_path: Path) -> None:
    other = make_counted_tenant("other", 520000)
    assert run("export_brand", "ours", tmp_path / "out").status == 0
    assert not [table.file for table in TABLES if not rows_in(tmp_path / "out", table.file)]
    text = all_text(tmp_path / "out")
    assert ours.address in text
    assert not other.is_in(text)


def test_recipients_are_told_with_their_addresses_and_the_ledger_with_its_evidence(
    ours: Tenant, tmp_path: Path
) -> None:
    run("export_brand", "ours", tmp_path / "out")
    addresses = {row["address"] for row in rows_in(tmp_path / "out", "recipients")}
    assert addresses == set(Recipient.objects.values_list("address", flat=True))
    ledger = rows_in(tmp_path / "out", "ledger")
    assert [row["id"] for row in ledger] == list(PreferenceChange.objects.order_by("id").values_list("id", flat=True))
    assert ledger[0]["evidence"]["network"] == "192.0.2.0"
    [conversion] = rows_in(tmp_path / "out", "conversions")
    assert (conversion["value"], conversion["key"]) == ("12.50", b"ours".hex())
    assert conversion["occurred_at"] == "2026-11-03T12:00:00.000000Z"


def test_no_secret_leaves(ours: Tenant, tmp_path: Path, settings: Any) -> None:
    run("export_brand", "ours", tmp_path / "out")
    key, brand = BrandKey.objects.get(), Brand.objects.get()
    text = all_text(tmp_path / "out")
    assert key.kid in text
    for secret in (bytes(key.sealed_secret).hex(), key.link_key().secret.hex(), brand.address_key_check):
        assert secret not in text
    assert settings.SECRET_KEY not in text


def test_the_manifest_has_counts_and_hashes(ours: Tenant, tmp_path: Path) -> None:
    result = run("export_brand", "ours", tmp_path / "out")
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert (manifest["format"], manifest["brand"]) == (1, "ours")
    assert {file["file"] for file in manifest["files"]} == {f"{table.file}.ndjson" for table in TABLES}
    for file in manifest["files"]:
        content = (tmp_path / "out" / file["file"]).read_bytes()
        assert (file["sha256"], file["bytes"]) == (hashlib.sha256(content).hexdigest(), len(content))
        assert file["rows"] == content.count(b"\n")
        assert all(list(json.loads(line)) == file["columns"] for line in content.splitlines())
    assert f"{len(TABLES)} files with {sum(file['rows'] for file in manifest['files'])} rows" in result.out


def test_nobody_else_may_read_it(ours: Tenant, tmp_path: Path) -> None:
    run("export_brand", "ours", tmp_path / "new" / "out")
    folder = tmp_path / "new" / "out"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_a_folder_that_is_not_empty_is_refused(ours: Tenant, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    result = run("export_brand", "ours", tmp_path)
    assert result.status == 1
    assert "is not empty" in result.err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_half_an_export_has_no_manifest(ours: Tenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = (*TABLES[:20], brand_export.Table("broken", "engagement.Interaction", "nowhere"))
    monkeypatch.setattr(brand_export, "TABLES", broken)
    with pytest.raises(Exception, match="nowhere"):
        run("export_brand", "ours", tmp_path / "out")
    assert (tmp_path / "out" / "mailings.ndjson").exists()
    assert not [path for path in (tmp_path / "out").iterdir() if "manifest" in path.name]


def test_all_tables_are_of_one_moment(ours: Tenant, tmp_path: Path) -> None:
    brand = Brand.objects.get()

    def change_all() -> None:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE engagement_mailing SET name = 'later'")
            cursor.execute("DELETE FROM engagement_tally")
        connection.close()

    def meanwhile(count: int) -> None:
        other = threading.Thread(target=change_all)
        other.start()
        other.join()

    brand_export.export(brand, tmp_path / "out", progress=meanwhile)
    assert rows_in(tmp_path / "out", "mailings")[0]["name"] == ""
    assert len(rows_in(tmp_path / "out", "tallies")) == 1


def test_csv_is_safe_for_spreadsheets(ours: Tenant, tmp_path: Path) -> None:
    make_interaction(brand=Brand.objects.get(), agent="=cmd()", score=-3)
    run("export_brand", "ours", tmp_path / "out", "--format", "csv")
    with (tmp_path / "out" / "interactions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    [row] = [row for row in rows if "cmd" in row["agent"]]
    assert (row["agent"], row["score"], row["is_hard"]) == ("'=cmd()", "-3", "false")
    assert json.loads(row["facts"]) == {"request": {"method": "GET"}}
    assert row["occurred_at"] == "2026-11-03T12:00:00.000000Z"


def test_many_rows_are_read_in_parts(ours: Tenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(brand_export, "_AT_ONCE", 3)
    brand = Brand.objects.get()
    ids = [make_interaction(brand=brand).id for _ in range(10)]
    told: list[int] = []
    brand_export.export(brand, tmp_path / "out", progress=told.append)
    assert [row["id"] for row in rows_in(tmp_path / "out", "interactions")][:10] == ids
    assert max(told) == 3
    assert sum(told) == brand_export.row_count(brand)


def test_a_brand_that_is_not_there_is_named(tmp_path: Path) -> None:
    result = run("export_brand", "nobody", tmp_path / "out")
    assert "There is no brand 'nobody'" in result.err
    assert not (tmp_path / "out").exists()
