"""Indicators: what readers saw, and what probes answered, as good and bad time.

All but the probes are about what readers see: a version counts from its publication until the next one. So nobody need run
anything for a freshness to get worse, and what was held back costs freshness and nothing else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from tidegate.model import CheckResult, DatasetRef, Finding, Interval, Outcome, Publication
from tidegate.model.slo import Probe, Probed
from tidegate.slo.track import Stretch, Track, joined, worst

Shares: TypeAlias = tuple[float, float]
"""The good and the bad share of what is known of a version, 0 to 1 each; the rest is unknown."""

NOTHING_KNOWN: Shares = (0.0, 0.0)

MISSING_ROWS = frozenset({"volume", "segment", "quarantine"})
"""Kinds of findings that say how many of the expected rows are not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What readers saw in an interval. `age_known` tells that its data was as old as the version; an adopted one's is older."""

    version: int
    interval: Interval
    age_known: bool


def shown(publications: Iterable[Publication], until: datetime) -> tuple[Shown, ...]:
    """What readers saw until an instant, oldest first. Publications may come in any order."""
    known = sorted((p for p in publications if p.at < until), key=lambda p: p.at)
    adopted = {p.version for p in known if p.kind == "adopt"}
    ends = [*(p.at for p in known[1:]), until]
    return tuple(
        Shown(version=p.version, interval=Interval(start=p.at, end=end), age_known=p.version not in adopted)
        for p, end in zip(known, ends, strict=False)
        if p.at < end
    )


def freshness(seen: Sequence[Shown], created_at: Mapping[int, datetime], limit: timedelta) -> Track:
    """Good while what readers see is not older than `limit`, counted from when its run began; bad after that.

    Of an adopted database only the adoption is known: until then plus the limit nobody can tell, after it is too old anyhow.
    So is a version that `created_at` does not have.
    """
    stretches = []
    for one in seen:
        start, end = one.interval.start, one.interval.end
        born = created_at.get(one.version)
        due = min(max(born + limit, start), end) if born else end
        known = born is not None and one.age_known
        stretches.append(Stretch(interval=Interval(start=start, end=due), good=float(known), bad=0.0))
        stretches.append(Stretch(interval=Interval(start=due, end=end), good=0.0, bad=1.0))
    return joined(stretches)


def by_version(seen: Sequence[Shown], shares: Mapping[int, Shares]) -> Track:
    """As good and as bad as the version that readers see; of one without shares nothing is known."""
    stretches = []
    for one in seen:
        good, bad = shares.get(one.version, NOTHING_KNOWN)
        stretches.append(Stretch(interval=one.interval, good=good, bad=bad))
    return joined(stretches)


def quality(results: Iterable[CheckResult], *, of_rows: bool) -> Shares:
    """The shares of checks that passed and that did not; with `of_rows`, of the rows that they looked at.

    A warning is not passed. A check that could not tell, or looked at nothing, is unknown; a skipped one does not count.
    """
    counting = [r for r in results if r.outcome is not Outcome.SKIPPED]
    return _of_rows(counting) if of_rows else _of_checks(counting)


def _of_checks(results: Sequence[CheckResult]) -> Shares:
    if not results:
        return NOTHING_KNOWN
    told = [r.outcome for r in results if r.outcome is not Outcome.ERROR and r.evaluated != 0]
    good = sum(outcome is Outcome.PASS for outcome in told)
    return good / len(results), (len(told) - good) / len(results)


def _of_rows(results: Sequence[CheckResult]) -> Shares:
    """Checks that do not count failing rows among those they looked at are left out."""
    counted = [(r.failures, r.evaluated) for r in results if r.failures is not None and r.evaluated]
    looked = sum(evaluated for _, evaluated in counted)
    if not looked:
        return NOTHING_KNOWN
    bad = sum(min(failures, evaluated) for failures, evaluated in counted) / looked
    return 1.0 - bad, bad


def metric(results: Iterable[CheckResult], name: str) -> Shares:
    """All good or all bad, as the check of that name (or id) ended."""
    found = next((r for r in results if name in {r.check.name, r.check.id}), None)
    if found is None or found.outcome in {Outcome.ERROR, Outcome.SKIPPED}:
        return NOTHING_KNOWN
    return (1.0, 0.0) if found.outcome is Outcome.PASS else (0.0, 1.0)


def completeness(
    findings: Iterable[Finding], *, tables: Collection[DatasetRef], before: Collection[DatasetRef]
) -> Shares:
    """The shares of the expected rows that are there and that are not, over a product's tables in even parts.

    Args:
        findings: what was found in the version; how far a volume is below what was expected, and what went into quarantine.
        tables: those of the product that were measured in the version. before: those of the version that it was built from. A
            table that is in `before` alone is gone; of one that is new nobody knows how many rows were to be expected.
    """
    missing: dict[DatasetRef, float] = defaultdict(float)
    for finding in findings:
        if finding.dataset is not None and finding.kind in MISSING_ROWS:
            missing[finding.dataset] = max(missing[finding.dataset], _missing(finding))
    mine = {*tables, *before}
    good = bad = 0.0
    for ref in sorted(mine):
        if ref in before:
            lost = missing[ref] if ref in tables else 1.0
            good, bad = good + 1.0 - lost, bad + lost
    return (good / len(mine), bad / len(mine)) if mine else NOTHING_KNOWN


def _missing(finding: Finding) -> float:
    """The share of the expected rows that a finding says are not there; 0 when there are too many."""
    band, observed = finding.expected, finding.observed
    if finding.kind != "quarantine" and band is not None and observed is not None:
        lost = 1.0 - observed / band.centre if band.centre > 0 else 0.0
        if lost <= 0 or finding.kind == "volume":
            return min(1.0, max(0.0, lost))
    return min(1.0, max(0.0, finding.affected_share or 0.0))


def availability(probed: Iterable[Probed], probes: Sequence[Probe], until: datetime) -> Track:
    """Good while every probe of a product was answered rightly, bad while one was not, unknown where none was asked."""
    return _answers(probed, probes, until, lambda one: (1.0, 0.0) if one.answered else (0.0, 1.0))


def latency(probed: Iterable[Probed], probes: Sequence[Probe], limit: timedelta, until: datetime) -> Track:
    """Good while every probe answered within `limit`, bad while one took longer or timed out.

    An answer that did not come at all has no time: that is a matter of availability, and unknown here.
    """
    limit_s = limit.total_seconds()

    def judged(one: Probed) -> Shares:
        if one.timed_out:
            return (0.0, 1.0)
        if not one.answered or one.latency_s is None:
            return NOTHING_KNOWN
        return (1.0, 0.0) if one.latency_s <= limit_s else (0.0, 1.0)

    return _answers(probed, probes, until, judged)


def _answers(
    probed: Iterable[Probed], probes: Sequence[Probe], until: datetime, judged: Callable[[Probed], Shares]
) -> Track:
    """An answer counts until the next one, and at most for twice the time between two, so that one may come late."""
    by_probe: dict[str, list[Probed]] = defaultdict(list)
    for one in probed:
        if one.at < until:
            by_probe[one.probe].append(one)
    tracks = []
    for probe in probes:
        mine = sorted(by_probe[probe.name], key=lambda one: one.at)
        ends = [*(one.at for one in mine[1:]), until]
        stretches = []
        for one, end in zip(mine, ends, strict=False):
            good, bad = judged(one)
            counts = Interval(start=one.at, end=min(end, one.at + 2 * probe.every))
            stretches.append(Stretch(interval=counts, good=good, bad=bad))
        tracks.append(joined(stretches))
    return worst(tracks) if tracks else ()
