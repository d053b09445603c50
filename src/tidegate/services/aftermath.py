"""Aftermath: what an incident did and cost, and how it can be tried again: rows, value, error budgets, checks, a drill."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from tidegate.errors import TidegateError
from tidegate.metrics import in_segment, literal, quoted
from tidegate.model import Dataset, DatasetRef, Drill, Finding, Incident, Interval, Segment, Slice, VersionState
from tidegate.services import slo
from tidegate.services.deliveries import is_delivery
from tidegate.services.reconcile import Asked, SumDifference, TableComparison, reconcile
from tidegate.services.site import Site
from tidegate.services.telling import Proposal, proposals
from tidegate.slo import tally

LOOKED_BACK = 1000
"""How many earlier incidents are looked through for similar ones. Chosen, not derived."""

SIMILAR = 5
SUMS = 5
"""How many similar incidents, and how many columns' sums of a table, are told. Chosen, not derived."""


KEYS = ("_id", "_key")
"""How columns end whose sums say nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Impact:
    """How a table of the bad version differs from that of the one that followed without the fault.

    `keys` counts what differs, by how (`added`: only the sound one has it; `removed`: only the bad one; `changed`, `copies`),
    by `key`, or by whole rows where it is empty; with `complete` False at least so many. `sums` are columns whose sums
    differ, `old` in the bad version.
    """

    table: str
    bad_rows: int
    sound_rows: int
    key: tuple[str, ...]
    keys: Mapping[str, int]
    complete: bool
    sums: tuple[SumDifference, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Burnt:
    """What the time in which readers saw the fault cost of an error budget: `bad_s` of the `allowed_s` of a window."""

    product: str
    objective: str
    bad_s: float
    allowed_s: float

    @property
    def share(self) -> float:
        """The part of the whole budget; infinite where none is allowed."""
        return self.bad_s / self.allowed_s if self.allowed_s else math.inf


def sound_version(site: Site, incident: Incident, bad: Collection[int]) -> int | None:
    """The first kept version after the bad one that readers saw and that is without the fault; else the newest before it."""
    kept = set(site.warehouse.kept())
    seen = sorted(
        v.number
        for v in site.state.versions()
        if v.state in {VersionState.PUBLISHED, VersionState.RETIRED} and v.number in kept and v.number not in bad
    )
    after = [n for n in seen if n > incident.version]
    before = [n for n in seen if n < incident.version]
    return after[0] if after else before[-1] if before else None


def impact(site: Site, incident: Incident, sound: int | None) -> tuple[Impact, ...]:
    """How each table of the incident differs between the bad version and the sound one; the root's first.

    Reads both once. Empty when one of the two is not kept.
    """
    refs = list(dict.fromkeys(f.dataset for f in incident.findings if f.dataset is not None))
    if sound is None or incident.version not in site.warehouse.kept():
        return ()
    there = set(_tables(site, incident.version)) & set(_tables(site, sound))
    names = tuple(str(ref) for ref in refs if ref in there)
    if not names:
        return ()
    try:
        found = reconcile(site, str(incident.version), str(sound), Asked(tables=names))
    except TidegateError as error:
        site.progress.say(f"the impact on the data could not be counted: {error}")
        return ()
    return tuple(_impact(table) for table in found.tables)


def _impact(found: TableComparison) -> Impact:
    of_values = (s for s in found.sums if s.column != "*" and not s.column.lower().endswith(KEYS))
    sums = sorted(of_values, key=_relative, reverse=True)
    return Impact(
        table=found.table,
        bad_rows=found.old_rows,
        sound_rows=found.new_rows,
        key=found.key,
        keys=found.counts,
        complete=found.complete,
        sums=tuple(sums[:SUMS]),
    )


def _relative(one: SumDifference) -> float:
    try:
        old, new = (float(v or 0) for v in (one.old, one.new))
    except ValueError:  # a sum of times is a text
        return 0.0
    most = max(abs(old), abs(new))
    return abs(old - new) / most if most else 0.0


def _tables(site: Site, number: int) -> Mapping[DatasetRef, Dataset]:
    with site.warehouse.reader(number) as reader:
        return {d.ref: d for d in reader.catalog() if not d.is_view}


def earlier(site: Site, incident: Incident, sound: int | None) -> tuple[Proposal, ...]:
    """Checks that nobody has on the table of the root, and that tell the bad version from the sound one."""
    root = incident.findings[0]
    if root.dataset is None or sound is None or incident.version not in site.warehouse.kept():
        return ()
    tables = _tables(site, incident.version)
    if root.dataset not in tables:
        return ()
    dataset = tables[root.dataset]
    named = root.column or (root.slice.segment.column if root.slice is not None else None)
    column = dataset.column(named) if named else None
    return proposals(site, dataset, column, bad=incident.version, good=sound, source="postmortem")


def burnt(site: Site, incident: Incident, seen: Iterable[Interval]) -> tuple[Burnt, ...]:
    """What the error budgets of the incident's products lost while readers saw the fault, or waited for it to be repaired.

    That is the bad time from the alarm until it was mitigated, and while a version with the fault was shown.
    """
    mine = [p for p in site.settings.products if p.name in incident.products]
    end = incident.mitigated_at or incident.resolved_at or site.clock.now()
    start = incident.reopened_at or incident.opened_at
    spans = _joined([Interval(start=start, end=max(end, start)), *seen])
    found = []
    for settled in slo.settle(site, mine):
        objective = settled.account.objective
        bad_s = sum(tally(settled.track, span).bad_s for span in spans)
        allowed = (1 - objective.target) * objective.window
        found.append(
            Burnt(
                product=objective.product,
                objective=objective.name,
                bad_s=bad_s,
                allowed_s=allowed / timedelta(seconds=1),
            )
        )
    return tuple(found)


def _joined(spans: Sequence[Interval]) -> list[Interval]:
    """The same time without overlaps."""
    found: list[Interval] = []
    for span in sorted(spans):
        if found and span.start <= found[-1].end:
            found[-1] = Interval(start=found[-1].start, end=max(found[-1].end, span.end))
        else:
            found.append(span)
    return found


def similar(site: Site, incident: Incident) -> tuple[Incident, ...]:
    """Other incidents whose root is of the same kind on the same table, the newest first."""
    root = incident.findings[0]

    def is_similar(other: Incident) -> bool:
        one = other.findings[0] if other.findings else None
        return one is not None and (one.kind, one.dataset) == (root.kind, root.dataset)

    past = site.state.incidents(limit=LOOKED_BACK)
    return tuple(i for i in past if i.number != incident.number and is_similar(i))[:SIMILAR]


# --- the same accident, as a drill -----------------------------------------------------------------------------------


def drill_of(incident: Incident) -> Drill | None:
    """The drill in which the cause happens again; None when no fault that is known here is like it."""
    root = incident.findings[0]
    if root.dataset is None:
        return None
    like = _like(root)
    if like is None:
        return None
    fault, column, value, magnitude = like
    return Drill(
        name=f"incident-{incident.number}",
        fault=fault,
        table=root.dataset,
        column=column,
        where=_where(root) if value is None else None,
        value=value,
        magnitude=magnitude,
        because=f"incident {incident.number}: {root.sentence}",
    )


def _where(root: Finding) -> str | None:
    """The slice that explains it, as a predicate."""
    cut = _cut(root)
    if cut is None or cut.segment.value is None:
        return None
    parts = [cut.segment] if cut.within is None else [cut.segment, cut.within]
    return " AND ".join(in_segment(part) if part.value is None else _equals(part) for part in parts)


def _equals(part: Segment) -> str:
    return f"{quoted(part.column)} = {literal(part.value or '')}"


def _cut(root: Finding) -> Slice | None:
    """Its slice, unless that is a load or file, which does not come again."""
    return None if root.slice is None or is_delivery(root.slice.segment.column) else root.slice


def _like(root: Finding) -> tuple[str, str | None, str | None, float | None] | None:
    """Fault, column, value and magnitude that make such a finding."""
    ratio = _ratio(root)
    cut = _cut(root)
    if cut is not None and ratio is not None and ratio < 1 and cut.segment.value is not None:
        if cut.within is not None:
            return "rows-lost", None, None, round(1 - max(ratio, 0.0), 4)
        return "category-lost", cut.segment.column, cut.segment.value, None
    match root.kind:
        case "duplicates":
            return "rows-twice", None, None, None
        case "segment":
            return _of_segment(root)
        case "volume" | "freshness":
            if root.kind == "volume" and ratio is not None and ratio > 1:
                return "rows-twice", None, None, None
            lost = 1.0 if ratio is None else 1 - ratio
            return ("batch-missing", None, None, None) if lost >= 1 else ("rows-lost", None, None, round(lost, 4))
        case "nulls":
            return "nulls", root.column, None, _share(root.affected_share)
        case "location" | "scale":
            if ratio is not None and ratio < 0:
                return "sign-flipped", root.column, None, None
            return "values-times", root.column, None, None if not ratio else float(f"{ratio:.3g}")
        case "schema":
            return _of_schema(root)
        case "check":
            return _of_check(root)
        case _:
            return None


def _of_segment(root: Finding) -> tuple[str, str | None, str | None, float | None] | None:
    segment = root.spec.segment if root.spec is not None else None
    return None if segment is None or segment.value is None else ("category-lost", segment.column, segment.value, None)


def _of_schema(root: Finding) -> tuple[str, str | None, str | None, float | None] | None:
    if root.column is None:
        return None
    changed = "changed its type" in root.sentence
    return ("type-changed" if changed else "column-dropped"), root.column, None, None


def _of_check(root: Finding) -> tuple[str, str | None, str | None, float | None] | None:
    """What the check is about is in its key: `schema.table/check/ID`."""
    said = root.key.lower()
    for word, fault in (("unique", "keys-repeated"), ("not_null", "nulls"), ("relationships", "keys-unknown")):
        if word in said and root.column is not None:
            return fault, root.column, None, _share(root.affected_share)
    return None


def _share(share: float | None) -> float | None:
    return None if not share else max(0.0001, min(1.0, round(share, 4)))


def _ratio(root: Finding) -> float | None:
    """What came, as a multiple of what was expected."""
    cut = _cut(root)
    if cut is not None and cut.expected:
        return cut.observed / cut.expected
    if root.observed is None or root.expected is None or not root.expected.centre:
        return None
    return root.observed / root.expected.centre
