"""Every page of ours in the admin, over a brand that has something on each of them."""

from __future__ import annotations

import json

from django.urls import reverse

from tests.browser.serving import Farewell

PASSWORD = "a-password-of-the-tests"
_SEED = """
import json
from datetime import timedelta
from django.contrib.auth.models import User
from django.core.management import call_command
from django.utils import timezone
from engagement.recording.partitions import make_partitions
from engagement.counting.counter import count_all
from engagement.models import Conversion, Delivery, Interaction, Learned, MailHost, Mailing, RecordingGap, TrackedLink
from preferences.leaving import store_answer
from preferences.links import Channel
from preferences.models import *
from preferences.models.writing import Setting

User.objects.create_superuser("alice", "alice@example.org", "{password}")
brand = Brand.objects.create(slug="letters", name="Letters", accent="#0b5f6b", accent_dark="#7fd1de")
BrandText.objects.create(brand=brand, language="en", introduction="Choose what you like to read.")
group = TopicGroup.objects.create(brand=brand, name="To read")
news = Topic.objects.create(brand=brand, slug="news", name="News", group=group, frequencies=["every", "weekly"])
bills = Topic.objects.create(brand=brand, slug="bills", name="Bills", is_required=True)
reason = LeavingReason.objects.create(brand=brand, slug="moved", text="I moved away")
key, _ = brand.add_key("for the shop")
now = timezone.now()
make_partitions((now - timedelta(days=1)).date())
visit = {{"visit": 7, "verdict": "human", "send_age": 5, "network": "192.0.2.0", "at": 1.0,
         "signals": [{{"name": "presence", "points": -3, "hard": False, "reason": "The pointer moved."}}]}}
for number in range(8):
    reader = Recipient.at(brand.id, Channel.EMAIL, f"reader{{number}}@example.org")
    reader.opt_out(news.id, Cause(Source.ARRIVAL, "2026-11", evidence=visit, settles_at=now + timedelta(hours=1)))
for number, source in enumerate([Source.ONE_CLICK, Source.CONFIRM_BUTTON, Source.PREFERENCE_PAGE, Source.IMPORT]):
    bob = Recipient.at(brand.id, Channel.EMAIL, f"bob{{number}}@example.org")
    left = bob.opt_out(news.id, Cause(source, "2026-11", reason="wanted less", evidence=visit))
    store_answer(PreferenceChange.objects.get(id=left.change_ids[0]), ["too_many", "moved"][number % 2], "Too loud")
bob.undo_opt_out(news.id, Cause(Source.OFFER, "2026-11"), Setting("weekly"))
mailing = Mailing.objects.create(brand=brand, slug="2026-11", delivered_count=1000)
rows = []
for number, (kind, answer, verdict) in enumerate([("visit", "page", "machine"), ("visit", "page", "human"),
                                                 ("arrive", "ask", "unsure"), ("confirm", "done", "human")]):
    rows.append(Interaction.objects.create(
        brand=brand, occurred_at=now - timedelta(minutes=9 - number), recipient_id=bob.id, domain="example.org",
        channel="email", topic="news", mailing="2026-11", purpose="unsubscribe", kind=kind, answer=answer,
        verdict=verdict, score=0, is_hard=verdict == "machine", rules=1, visit=7, visitor=bytes(16),
        network="192.0.2.0", agent="Mozilla/5.0", send_age=12, facts={{"request": {{"method": "GET"}}}},
        signals=[{{"name": "method", "points": 3, "hard": True, "reason": "It asked with HEAD."}}]))
for number, (kind, verdict) in enumerate([("open", "human"), ("open", "prefetched"), ("open", "machine"),
                                          ("click", "human"), ("click", "machine"), ("conversion", "human")]):
    Interaction.objects.create(
        brand=brand, occurred_at=now - timedelta(minutes=20 - number), recipient_id=bob.id, domain="example.org",
        channel="email", topic="news", mailing="2026-11", purpose=kind[:5], kind=kind, answer="gone", verdict=verdict,
        score=0, is_hard=False, rules=1, visit=number, visitor=bytes(16), network="192.0.2.0", agent="Mozilla/5.0",
        send_age=60 * number, facts={{"request": {{"method": "GET"}}}}, signals=[], record=kind, segment="loyal",
        link=None if kind == "open" else 5)
TrackedLink.objects.create(brand=brand, mailing="2026-11", number=5, url="https://shop.example.org/spring")
Conversion.objects.create(brand=brand, recipient_id=bob.id, mailing="2026-11", name="order", key=b"1", value=9,
                          currency="EUR", occurred_at=now)
Delivery.objects.create(mailing=mailing, segment="loyal", sent_on=now.date(), sent_count=10, delivered_count=9)
welcome = Mailing.objects.create(brand=brand, slug="welcome-1", kind="automation", automation="welcome")
Delivery.objects.create(mailing=welcome, segment="loyal", sent_on=now.date(), sent_count=5, delivered_count=5)
Interaction.objects.update(xid=3)  # nothing of them waits for what another process has begun
PreferenceChange.objects.update(xid=3)
count_all()
learned = Learned.objects.create(kind="agent", value="AcmeLinkChecker/1.0", evidence={{"count": 12}})
MailHost.objects.create(domain="example.org", gateway="Acme", hosts=["mx.example.org"], looked_up_at=now)
gap = RecordingGap.objects.create(started_at=now, ended_at=now, lost_count=9)
call_command("rejudge", "--since", "2026-01-01")
print(json.dumps({{"brand": brand.id, "topic": news.id, "group": group.id, "reason": reason.id, "key": key.id,
    "recipient": str(bob.id), "change": left.change_ids[0], "mailing": mailing.id, "interaction": rows[-1].pk,
    "learned": learned.pk, "gap": gap.pk}}))
"""

# By what they are called in a report: the URL's name, the row it is about, and a query.
PAGES: dict[str, tuple[str, str, str]] = {
    "start": ("index", "", ""),
    "brands": ("preferences_brand_changelist", "", ""),
    "brand": ("preferences_brand_change", "brand", ""),
    "new brand": ("preferences_brand_add", "", ""),
    "preview": ("preferences_brand_preview", "brand", ""),
    "topics": ("preferences_topic_changelist", "", ""),
    "topic": ("preferences_topic_change", "topic", ""),
    "groups": ("preferences_topicgroup_changelist", "", ""),
    "group": ("preferences_topicgroup_change", "group", ""),
    "reasons": ("preferences_leavingreason_changelist", "", ""),
    "reason": ("preferences_leavingreason_change", "reason", ""),
    "keys": ("preferences_brandkey_changelist", "", ""),
    "key": ("preferences_brandkey_change", "key", ""),
    "new key": ("preferences_brandkey_add", "", ""),
    "recipients": ("preferences_recipient_changelist", "", ""),
    "recipient found": ("preferences_recipient_changelist", "", "?q=bob3@example.org"),
    "portrait": ("preferences_recipient_change", "recipient", ""),
    "ledger": ("preferences_preferencechange_changelist", "", ""),
    "change": ("preferences_preferencechange_change", "change", ""),
    "prevented": ("engagement_interaction_prevented", "", ""),
    "prevented nothing": ("engagement_interaction_prevented", "", "?since=2020-01-01&until=2020-01-02"),
    "leaving": ("engagement_leaving", "", "?brand={brand}"),
    "leaving by months": ("engagement_leaving", "", "?period=365"),
    "leaving nothing": ("engagement_leaving", "", "?since=2020-01-01&until=2020-01-02"),
    "leaving wrongly asked": ("engagement_leaving", "", "?since=2020-01-02&until=2020-01-01"),
    "automations": ("engagement_automations", "", ""),
    "an automation": ("engagement_automations", "", "?automation=welcome"),
    "segments": ("engagement_segments", "", ""),
    "a segment": ("engagement_segments", "", "?segment=loyal"),
    "who scans us": ("engagement_scanners", "", ""),
    "who scans a domain": ("engagement_scanners", "", "?domain=example.org"),
    "who scanned us nothing": ("engagement_scanners", "", "?since=2020-01-01&until=2020-01-02"),
    "behind a scanner": ("engagement_behind_scanner", "", ""),
    "prevented over time": ("engagement_prevented_trend", "", ""),
    "overview": ("engagement_overview", "", ""),
    "overview by months": ("engagement_overview", "", "?period=365&brand={brand}&sort=clicked"),
    "overview of the future": ("engagement_overview", "", "?since=2099-01-01&until=2099-01-02"),
    "overview wrongly asked": ("engagement_overview", "", "?since=2020-01-02&until=2020-01-01"),
    "figures of a mailing": ("engagement_mailing_figures", "mailing", ""),
    "comparison": ("engagement_comparison", "", ""),
    "comparison nothing": ("engagement_comparison", "", "?since=2020-01-01&until=2020-01-02"),
    "interactions": ("engagement_interaction_changelist", "", ""),
    "interaction": ("engagement_interaction_change", "interaction", ""),
    "timeline": ("engagement_interaction_timeline", "", "?recipient={recipient}&mailing=2026-11"),
    "bursts": ("unsubscribe_scannedmailing_changelist", "", ""),
    "burst": ("unsubscribe_scannedmailing_change", "mailing", ""),
    "opt-outs that wait": ("unsubscribe_waiting", "", ""),
    "mailings": ("engagement_mailing_changelist", "", ""),
    "mailing": ("engagement_mailing_change", "mailing", ""),
    "knowledge": ("engagement_knowledge", "", ""),
    "mail hosts": ("engagement_mailhost_changelist", "", ""),
    "learned robots": ("engagement_learned_changelist", "", ""),
    "learned robot": ("engagement_learned_change", "learned", ""),
    "recording gaps": ("engagement_recordinggap_changelist", "", ""),
    "judging again": ("engagement_rejudgement_changelist", "", ""),
    "judged again": ("engagement_rejudgement_change", "rejudgement", ""),
    "to judge again": ("engagement_rejudgement_add", "", ""),
    "switches": ("engagement_countingswitch_changelist", "", ""),
    "to turn a switch": ("engagement_countingswitch_add", "", ""),
}


def seed(server: Farewell) -> dict[str, str]:
    """Fill the brand "letters", make a superuser alice, and return the ids of the rows that pages are about."""
    printed = server.manage("shell", "--verbosity", "0", "-c", _SEED.format(password=PASSWORD))
    ids = {name: str(value) for name, value in json.loads(printed.splitlines()[-1]).items()}
    [(rejudgement,)] = server.query("SELECT max(id) FROM engagement_rejudgement")
    return ids | {"rejudgement": str(rejudgement)}


def path_of(page: str, ids: dict[str, str]) -> str:
    name, row, query = PAGES[page]
    return reverse(f"admin:{name}", args=[ids[row]] if row else None) + query.format_map(ids)
