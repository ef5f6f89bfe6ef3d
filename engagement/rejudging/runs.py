"""Judging stored interactions again, under the present rules.

A look counts what would change, and what each policy would have done; applying writes the new verdicts and keeps the
old ones, in the interaction's `facts["before"]` and as revisions. Neither touches the ledger or what anybody receives.
Rows are read in the order of the table's key, a batch at a time. What figures count is written at the end, all at once
(engagement/rejudging/revising.py), so that a run which was killed is simply run again.
"""

from __future__ import annotations

import json
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from engagement.detection import RULES_VERSION, Context, Facts, Verdict, judge_facts, may_commit
from engagement.judging.stored_facts import facts_of
from engagement.learning import learned
from engagement.models import CountingSwitch, Interaction, Kind, Rejudgement
from engagement.recording.records import record_of_verdict
from engagement.recording.rows import known_context, signals_json
from engagement.rejudging import revising
from preferences.models import Policy

BATCH_SIZE = 2_000
_EXAMPLES_OF_A_KIND = 3
_OPEN_PAGES = 50_000  # page views whose further calls are awaited; they come within minutes
_FIELDS = (
    *("id", "occurred_at", "kind", "answer", "verdict", "score", "is_hard", "signals", "rules", "record"),
    *("brand_id", "recipient_id"),
    *("visit", "network", "agent", "send_age", "facts"),
)


@dataclass(frozen=True, slots=True)
class Judged:
    """A row, what is known about it, and the verdict on it under the present rules."""

    row: Interaction
    facts: Facts
    verdict: Verdict

    @property
    def record(self) -> str:
        return record_of_verdict(self.row.kind, self.verdict)

    @property
    def is_counted_otherwise(self) -> bool:
        """Whether figures change, and not only points and reasons."""
        return (self.row.verdict, self.row.record) != (self.verdict.value.value, self.record)

    @property
    def unkept(self) -> dict[str, Any]:
        """The first rules did not keep the context. What their signals told of it would go with them."""
        if "context" in self.row.facts or self.facts.context == Context():
            return {}
        return {"context": known_context(self.facts.context)}

    @property
    def has_changed(self) -> bool:
        row, verdict = self.row, self.verdict
        was = (row.verdict, row.score, row.is_hard, row.signals)
        return was != (verdict.value.value, verdict.score, verdict.is_hard, signals_json(verdict.signals))

    @property
    def example(self) -> dict[str, Any]:
        return {
            "id": self.row.id,
            "occurred_at": self.row.occurred_at.isoformat(),
            "kind": self.row.kind,
            "was": self.row.verdict,
            "now": self.verdict.value.value,
            "reasons": self.verdict.reasons,
        }


def judge(row: Interaction, *, is_backward: bool = False) -> Judged:
    """Judge a row by the present rules. What was learned counts as long as nobody has refused it; what was learned
    since is for visits from then on, unless `is_backward`."""
    facts = facts_of(row)
    context = facts.context
    is_agent = (is_backward or context.is_learned_agent) and learned.is_agent(row.agent)
    is_network = (is_backward or context.is_learned_network) and learned.is_network(row.network or "")
    facts = replace(facts, context=replace(context, is_learned_agent=is_agent, is_learned_network=is_network))
    return Judged(row, facts, judge_facts(row.kind, facts))


class Tally:
    """What a run has found so far. `policies` counts page views by what came of them: "left" at the script's first
    call, "later" when a hand showed, "asked" for a press to the end; under `was` stands what really happened."""

    def __init__(self) -> None:
        self.changed_count = 0
        self.verdicts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.policies = {name: Counter(left=0, later=0, asked=0) for name in ("was", *Policy.values)}
        self.examples: list[dict[str, Any]] = []
        self._pages: OrderedDict[int, dict[str, str]] = OrderedDict()

    def add(self, judged: Judged) -> None:
        was, now = judged.row.verdict, judged.verdict.value.value
        self.verdicts[was][now] += 1
        if judged.has_changed:
            self.changed_count += 1
        if was != now and self.verdicts[was][now] <= _EXAMPLES_OF_A_KIND:
            self.examples.append(judged.example)
        if judged.row.kind == Kind.ARRIVE:
            self._add_arrival(judged)

    def _add_arrival(self, judged: Judged) -> None:
        """A page calls its script's door again while it may not leave yet; it is counted once, by its last outcome."""
        visit = judged.row.visit
        known = None if visit is None else self._pages.get(visit)
        page = {} if known is None else known
        for name, counter in self.policies.items():
            before = page.get(name)
            if before in ("left", "later"):
                continue
            page[name] = "asked" if not _leaves(name, judged) else "left" if known is None else "later"
            counter[page[name]] += 1
            if before:
                counter[before] -= 1
        if known is None and visit is not None:
            self._pages[visit] = page
            if len(self._pages) > _OPEN_PAGES:
                self._pages.popitem(last=False)


def _leaves(policy: str, judged: Judged) -> bool:
    if policy == "was":
        return judged.row.answer == "done"
    return may_commit(policy, judged.facts, judged.verdict)


def look(run: Rejudgement, progress: Callable[[int], object] = int) -> None:
    """Count what would change. `progress` is told the number of rows of each batch."""
    _work(run, Rejudgement.State.LOOKING, Rejudgement.State.READY, progress, Tally())


def apply(run: Rejudgement, progress: Callable[[int], object] = int) -> None:
    """Write what a look has counted; its counts stay as they are. Raises ValueError when the rules are others now."""
    if run.rules != RULES_VERSION:
        raise ValueError("The rules have changed since this look. Look again.")
    _work(run, Rejudgement.State.APPLYING, Rejudgement.State.APPLIED, progress, None)


def look_and_apply(run: Rejudgement, progress: Callable[[int], object] = int) -> None:
    _work(run, Rejudgement.State.APPLYING, Rejudgement.State.APPLIED, progress, Tally())


def _work(run: Rejudgement, doing: str, done: str, progress: Callable[[int], object], tally: Tally | None) -> None:
    """Go through the run's rows once. Writes unless it is a look; counts unless that was done. A failure is kept with
    the run and raised; the figures stay as they were then."""
    is_written = doing == Rejudgement.State.APPLYING
    before = run.state
    run.state, run.seen_count, run.problem, run.finished_at = doing, 0, "", None
    run.total_count = _rows(run).count()
    run.save()
    try:
        staged = 0
        if is_written:
            revising.clear(run)
        for rows in _batches(run):
            judged = [judge(row, is_backward=run.is_backward) for row in rows if _is_known(row)]
            if is_written:
                staged += _write(run, judged)
            run.seen_count += len(rows)
            _count(run, judged, tally)
            progress(len(rows))
        _finish(run, done, staged if is_written else None)
    except BaseException as error:
        # A look that was counted can still be applied.
        run.state = before if before == Rejudgement.State.READY else Rejudgement.State.FAILED
        run.problem = f"{'Interrupted' if isinstance(error, KeyboardInterrupt) else type(error).__name__}"
        run.save()
        raise


def _finish(run: Rejudgement, done: str, staged_count: int | None) -> None:
    with transaction.atomic():
        if staged_count is not None:
            revising.apply(run, staged_count)
        run.state, run.finished_at = done, timezone.now()
        run.save()


def _count(run: Rejudgement, judged: list[Judged], tally: Tally | None) -> None:
    if tally is not None:
        for one in judged:
            tally.add(one)
        run.changed_count, run.examples = tally.changed_count, tally.examples
        run.verdicts = {was: dict(counts) for was, counts in tally.verdicts.items()}
        run.policies = {name: dict(counts) for name, counts in tally.policies.items()}
    run.save()


def _is_known(row: Interaction) -> bool:
    """Whether what it was judged by is still there: a pseudonym's facts are not, and its verdict stands."""
    return not (isinstance(row.facts, dict) and row.facts.get("pseudonymised"))


def _rows(run: Rejudgement) -> Any:
    """The run's rows, but for what nobody judged: brands tell of conversions themselves."""
    rows = Interaction.objects.between(run.since, run.until).exclude(kind=Kind.CONVERSION)
    rows = rows.filter(brand_id=run.brand_id) if run.brand_id else rows
    return rows.filter(channel=run.channel) if run.channel else rows


def _batches(run: Rejudgement) -> Iterator[list[Interaction]]:
    """By keyset: each batch begins where the last one ended, so that it costs the same wherever it is."""
    rows, after = _rows(run).only(*_FIELDS).order_by("occurred_at", "id"), Q()
    while batch := list(rows.filter(after)[:BATCH_SIZE]):
        yield batch
        at, id = batch[-1].occurred_at, batch[-1].id
        after = Q(occurred_at__gte=at) & (Q(occurred_at__gt=at) | Q(id__gt=id))


# A row that somebody else has judged again meanwhile is left as it is, so that two runs at once do no harm.
_UPDATE = """
UPDATE engagement_interaction AS row
SET verdict = new.verdict, score = new.score, is_hard = new.is_hard, signals = new.signals, rules = new.rules,
    facts = row.facts || new.known || jsonb_build_object('before', COALESCE(row.facts -> 'before', '[]') || new.before)
FROM jsonb_to_recordset(%(rows)s::jsonb) AS new(
    id bigint, occurred_at timestamptz, verdict text, score smallint, is_hard boolean, signals jsonb, rules smallint,
    before jsonb, known jsonb
)
WHERE row.occurred_at BETWEEN %(first)s AND %(last)s AND row.occurred_at = new.occurred_at AND row.id = new.id
  AND (row.verdict, row.score, row.rules) =
      (new.before ->> 'verdict', (new.before ->> 'score')::smallint, (new.before ->> 'rules')::smallint)
"""


def _write(run: Rejudgement, judged: list[Judged]) -> int:
    """Stage what figures count, and return how many; write other changes, of points and reasons, at once. A switch is
    about figures, and leaves those alone."""
    if not CountingSwitch.objects.filter(rejudgement=run).exists():
        _write_reasons([one for one in judged if one.has_changed and not one.is_counted_otherwise])
    return revising.stage(run, [one for one in judged if one.is_counted_otherwise])


def _write_reasons(changes: list[Judged]) -> None:
    if not changes:
        return
    now = timezone.now()
    values: dict[str, Any] = {
        "rows": json.dumps([_new_fields(one, now) for one in changes]),
        "first": changes[0].row.occurred_at,
        "last": changes[-1].row.occurred_at,
    }
    with connection.cursor() as cursor:
        cursor.execute(_UPDATE, values)


def _new_fields(judged: Judged, now: datetime) -> dict[str, Any]:
    row, verdict = judged.row, judged.verdict
    return {
        "id": row.id,
        "occurred_at": row.occurred_at.isoformat(),
        "verdict": verdict.value.value,
        "score": verdict.score,
        "is_hard": verdict.is_hard,
        "signals": signals_json(verdict.signals),
        "rules": RULES_VERSION,
        "before": {"rules": row.rules, "verdict": row.verdict, "score": row.score, "at": now.isoformat()},
        "known": judged.unkept,
    }
