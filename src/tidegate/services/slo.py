"""Service levels: what readers saw against what they were promised, and what is told when a promise is broken."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from tidegate import lineage
from tidegate.errors import NothingCheckedError, UsageError, WarehouseLockedError
from tidegate.model import (
    CheckResult,
    DatasetRef,
    Finding,
    Incident,
    IncidentState,
    Indicator,
    Interval,
    Layer,
    Objective,
    Outcome,
    Probed,
    Product,
)
from tidegate.model.words import counted, lasting
from tidegate.ports import NewEvent
from tidegate.services import incidents
from tidegate.services.severity import PROMISE
from tidegate.services.site import Site
from tidegate.slo import (
    NOTHING_KNOWN,
    Account,
    Shares,
    Shown,
    Standing,
    Track,
    account,
    availability,
    by_version,
    completeness,
    freshness,
    latency,
    metric,
    objectives,
    quality,
    shown,
    tally,
)

if TYPE_CHECKING:  # `slo` and `statuspage` must not load what scans and judges
    from tidegate.services.judge import Verdict

SPENT_BY_PUBLISHING = frozenset({Indicator.QUALITY, Indicator.COMPLETENESS, Indicator.METRIC})
"""Indicators whose budget a publication can spend. To hold one because of a freshness would spend more of that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """An objective's account, with the track that it was settled from."""

    account: Account
    track: Track


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """How every objective stands now, and the answers of probes that were asked just now.

    `incidents` are the unsolved ones about objectives, `unpromised` the products that promise nothing.
    """

    now: datetime
    accounts: tuple[Account, ...]
    probed: tuple[Probed, ...]
    incidents: tuple[Incident, ...]
    unpromised: tuple[str, ...]

    @property
    def is_fine(self) -> bool:
        """Whether every objective is met and no alarm goes off. What nobody can tell is not fine."""
        return all(a.is_fine for a in self.accounts)


def levels(site: Site, *, products: Sequence[str] = (), probed: tuple[Probed, ...] = ()) -> Levels:
    """Settle the objectives of these products, or of all, and keep incidents about them up to date.

    Raises:
        UsageError: no such product.
        NothingCheckedError: none of them promises anything.
    """
    chosen = _chosen(site, products)
    settled = settle(site, chosen)
    if not settled:
        raise NothingCheckedError(
            "no product promises anything" if not products else f"`{', '.join(products)}` promises nothing",
            hint="write `slo:` below a product in `tidegate.yml`, such as `slo: {freshness: 24h}`",
        )
    _watched(site, settled)
    keys = {s.account.objective.key for s in settled}
    return Levels(
        now=settled[0].account.now,
        accounts=tuple(s.account for s in settled),
        probed=tuple(p for p in probed if p.product in {c.name for c in chosen}),
        incidents=tuple(i for i in site.state.incidents(states=incidents.UNSOLVED, fingerprints=keys)),
        unpromised=tuple(p.name for p in chosen if not objectives(p)),
    )


def _chosen(site: Site, names: Sequence[str]) -> tuple[Product, ...]:
    known = {p.name: p for p in site.settings.products}
    for name in names:
        if name not in known:
            raise UsageError(
                f"there is no product `{name}`", hint=f"known are: {', '.join(known) or 'none'}; see `products:`"
            )
    return tuple(p for p in known.values() if not names or p.name in names)


def settle(site: Site, products: Iterable[Product]) -> tuple[Settled, ...]:
    """The account of every objective of these products, now, by tier and name. Writes nothing."""
    ordered = sorted(products, key=lambda p: (p.tier, p.name))
    wanted = [(product, objective) for product in ordered for objective in objectives(product)]
    if not wanted:
        return ()
    past = _Past.read(site, longest=max(o.window for _, o in wanted))
    found = []
    for product, objective in wanted:
        track = past.track(product, objective)
        found.append(Settled(account=account(track, objective, past.now), track=track))
    return tuple(found)


class _Past:
    """What the state store knows of a window, read in as few questions as possible, and each only when it is needed."""

    def __init__(self, site: Site, now: datetime, seen: tuple[Shown, ...], probed: tuple[Probed, ...]) -> None:
        self._site, self.now, self._seen, self._probed = site, now, seen, probed
        self._versions = {v.number: v for v in site.state.versions()}
        self._numbers = {s.version for s in seen}
        self._findings: dict[int, tuple[Finding, ...]] = {}
        self._mine: dict[str, frozenset[DatasetRef]] = {}

    @classmethod
    def read(cls, site: Site, *, longest: timedelta) -> _Past:
        now = site.clock.now()
        seen = tuple(s for s in shown(site.state.publications(), now) if s.interval.end > now - longest)
        return cls(site, now, seen, site.state.probed(since=now - longest))

    def track(self, product: Product, objective: Objective) -> Track:
        match objective.indicator:
            case Indicator.FRESHNESS:
                born = {number: version.created_at for number, version in self._versions.items()}
                return freshness(self._seen, born, objective.limit or timedelta())
            case Indicator.AVAILABILITY:
                return availability(self._answers(product), product.probes, self.now)
            case Indicator.LATENCY:
                return latency(self._answers(product), product.probes, objective.limit or timedelta(), self.now)
            case Indicator.COMPLETENESS:
                return by_version(self._seen, {n: self._completeness(n, product) for n in self._numbers})
            case Indicator.METRIC:
                return by_version(self._seen, {n: metric(found, objective.name) for n, found in self._results.items()})
            case Indicator.QUALITY:
                return by_version(self._seen, self._quality(product, of_rows=objective.of_rows))

    def _answers(self, product: Product) -> list[Probed]:
        return [p for p in self._probed if p.product == product.name]

    @cached_property
    def _results(self) -> Mapping[int, tuple[CheckResult, ...]]:
        return self._site.state.results_of(self._numbers)

    @cached_property
    def _tables(self) -> Mapping[int, frozenset[DatasetRef]]:
        parents = {v.parent for n in self._numbers if (v := self._versions.get(n)) and v.parent is not None}
        return self._site.state.tables_of(self._numbers | parents)

    @cached_property
    def _results_by_table(self) -> Mapping[DatasetRef, Mapping[int, Sequence[CheckResult]]]:
        found: dict[DatasetRef, dict[int, list[CheckResult]]] = defaultdict(lambda: defaultdict(list))
        for version, results in self._results.items():
            for result in results:
                found[result.check.dataset][version].append(result)
        return found

    def _quality(self, product: Product, *, of_rows: bool) -> dict[int, Shares]:
        mine: dict[int, list[CheckResult]] = defaultdict(list)
        for ref, by_version_ in self._results_by_table.items():
            if product.covers(ref):
                for version, results in by_version_.items():
                    mine[version] += results
        return {version: quality(results, of_rows=of_rows) for version, results in mine.items()}

    def _completeness(self, version: int, product: Product) -> Shares:
        """Of a version without a measured parent, and where nothing is learned, nobody knows what was to be expected."""
        parent = self._versions[version].parent if version in self._versions else None
        tables = self._tables[version]
        if parent is None or not tables or self._site.settings.learned == "off":
            return NOTHING_KNOWN
        if version not in self._findings:
            self._findings[version] = self._site.state.findings(version)
        mine = self._covered(product)
        return completeness(self._findings[version], tables=tables & mine, before=self._tables[parent] & mine)

    def _covered(self, product: Product) -> frozenset[DatasetRef]:
        if product.name not in self._mine:
            known = frozenset[DatasetRef]().union(*self._tables.values())
            self._mine[product.name] = frozenset(ref for ref in known if product.covers(ref))
        return self._mine[product.name]


# --- what is told ----------------------------------------------------------------------------------------------------


def watch(site: Site, *, settled: Sequence[Settled] | None = None, run: str | None) -> tuple[Incident, ...]:
    """Open an incident for every objective that is missed or burns too fast, and mark those as mitigated that do so no more.

    One incident an objective, however often this is asked: an open one hears of it again only when it gets more severe.
    `settled` is None for all products. Returns the incidents that changed.
    """
    found = settle(site, site.settings.products) if settled is None else tuple(settled)
    told = [*_opened(site, found, run), *_over(site, found)]
    if not told:
        return ()
    site.state.append(told)
    numbers = {int(event.subject.partition(":")[2]) for event in told}
    return tuple(i for number in sorted(numbers) if (i := site.state.incident(number)) is not None)


def _opened(site: Site, settled: Sequence[Settled], run: str | None) -> list[NewEvent]:
    broken = list(findings(site, settled))
    if not broken:
        return []
    keys = {f.key for f in broken}
    open_ = {i.fingerprint: i for i in site.state.incidents(states=incidents.OPEN_STATES, fingerprints=keys)}
    published = site.state.published()
    number = published.number if published else 0
    events = incidents.record(site, broken, lineage.Graph(), version=number, run=run, held=False)
    known = {f"incident:{i.number}": i for i in open_.values()}
    return [e for e in events if e.subject not in known or _is_worse(e, known[e.subject])]


def _is_worse(event: NewEvent, before: Incident) -> bool:
    return str(event.data.get("severity", before.severity)) < before.severity


def _over(site: Site, settled: Sequence[Settled]) -> list[NewEvent]:
    """Open incidents of objectives that are not bad any more: what is left of them is a budget that recovers with time."""
    calm = (s.account for s in settled if s.account.known_now and s.account.bad_since is None)
    fine = {found.objective.key for found in calm if found.alarm is None or not found.alarm.pages}
    reason = "what was promised is kept again"
    return [
        site.event("incident.mitigated", f"incident:{i.number}", {"reason": reason})
        for i in site.state.incidents(states=incidents.OPEN_STATES, fingerprints=fine)
    ]


def unsolved(site: Site, *, version: int, run: str | None) -> tuple[Incident, ...]:
    """The incidents of a version, the most urgent first, and then those about promises that were opened or got worse just now."""
    promises = watch(site, run=run)
    found = sorted(site.state.incidents(states=incidents.UNSOLVED, versions=(version,)), key=lambda i: i.urgency)
    numbers = {i.number for i in found}
    return (*found, *(i for i in promises if i.number not in numbers and i.state in incidents.OPEN_STATES))


def _watched(site: Site, settled: Sequence[Settled]) -> None:
    """Tell, but not while a run is at work: numbers of incidents are given by whoever holds the lock. It tells at its end."""
    if _opened(site, settled, None) or _over(site, settled):
        with suppress(WarehouseLockedError), site.warehouse.lock(owner="slo", wait_s=0):
            watch(site, settled=settled, run=None)


def findings(site: Site, settled: Iterable[Settled]) -> Iterator[Finding]:
    """What is to be told: an objective that is missed, or whose budget burns too fast.

    Bad time before the end of an incident about the same objective was told already: only what came since is a finding.
    """
    for one in settled:
        found = one.account
        if found.standing is not Standing.MISSED and found.alarm is None:
            continue
        if _is_new(site, one):
            yield _finding(found)


def _is_new(site: Site, settled: Settled) -> bool:
    found = settled.account
    over = (*incidents.SOLVED, IncidentState.MITIGATED)
    told = site.state.incidents(states=over, fingerprints=(found.objective.key,), limit=1)
    ended = max((i.mitigated_at or i.resolved_at or i.updated_at for i in told), default=None)
    if ended is None or ended >= found.now:
        return ended is None
    return tally(settled.track, Interval(start=ended, end=found.now)).bad_s > 0


def _finding(found: Account) -> Finding:
    objective = found.objective
    return Finding(
        key=objective.key,
        kind=PROMISE,
        layer=Layer.BUSINESS,
        dataset=None,
        sentence=sentence(found),
        holds=True,
        observed=found.tally.actual,
        since=None if found.bad_since is None else f"{found.bad_since:%Y-%m-%d %H:%M} UTC",
        hint=HINTS[objective.indicator],
        product=objective.product,
        urgent=found.alarm is not None and found.alarm.pages,
    )


HINTS = {
    Indicator.FRESHNESS: "find out with `tidegate status` why nothing newer is published",
    Indicator.COMPLETENESS: "look at the findings about volume with `tidegate check`",
    Indicator.QUALITY: "look at the checks that did not pass with `tidegate check`",
    Indicator.AVAILABILITY: "see with `tidegate slo --probe` what does not answer",
    Indicator.LATENCY: "see with `tidegate slo --probe` what answers slowly",
    Indicator.METRIC: "look at the check of that name with `tidegate check`",
}


def sentence(found: Account) -> str:
    """What is wrong with an objective, with promised and actual, in one sentence."""
    objective, burn = found.objective, found.alarm
    what = f"the {objective.name} of `{objective.product}`"
    if found.standing is Standing.MISSED:
        allowed = timedelta(seconds=(1 - objective.target) * objective.window.total_seconds())
        bad = timedelta(seconds=found.tally.bad_s)
        return (
            f"{what} is missed: {promise(objective)}, and in the last {lasting(objective.window)} {lasting(bad)} were bad,"
            f" where {lasting(allowed)} are allowed"
        )
    rate = burn.over_long if burn and burn.over_long is not None else 0.0
    span = lasting(burn.long) if burn else ""
    return (
        f"{what} burns its error budget {times(rate)} as fast as it may, over the last {span}:"
        f" {promise(objective)}, and {found.left:.0%} of the budget are left"
    )


def promise(objective: Objective) -> str:
    """What is promised, in words."""
    limit = "" if objective.limit is None else lasting(objective.limit)
    share = f"{100 * objective.target:.6g} %"
    match objective.indicator:
        case Indicator.FRESHNESS:
            return f"what readers see is at most {limit} old for {share} of the time"
        case Indicator.LATENCY:
            return f"an answer takes at most {limit} for {share} of the time"
        case Indicator.AVAILABILITY:
            return f"readers get an answer for {share} of the time"
        case Indicator.COMPLETENESS:
            return f"{share} of the expected rows are there"
        case Indicator.QUALITY:
            return f"{share} of the {'rows' if objective.of_rows else 'checks'} pass"
        case _:
            return f"`{objective.name}` passes for {share} of the time"


def times(rate: float) -> str:
    """A burn rate for a person."""
    return "infinitely" if math.isinf(rate) else f"{rate:.3g} times"


# --- the gate --------------------------------------------------------------------------------------------------------


def with_risk(site: Site, verdict: Verdict, *, version: int) -> Verdict:
    """The verdict on a candidate; one that comes with a finding or a warning while an error budget is spent is to be held, if
    the project asks for that.

    Budgets of freshness, availability and latency hold nothing: holding a version does not save them.
    """
    told = verdict.findings
    warned = [r for r in verdict.results if r.outcome not in {Outcome.PASS, Outcome.SKIPPED}]
    if not site.settings.hold_risky or not (told or warned):
        return verdict
    brought = told[0].sentence if told else f"{warned[0].check.name}: {warned[0].reason}"
    many = counted(len(told), "finding") if told else counted(len(warned), "warning")
    said = f"version {version} comes with {many} ({brought})"
    spent = [s.account for s in settle(site, site.settings.products) if s.account.standing is Standing.MISSED]
    holding = [_risk(found, said) for found in spent if found.objective.indicator in SPENT_BY_PUBLISHING]
    return replace(verdict, findings=(*told, *holding))


def _risk(found: Account, said: str) -> Finding:
    objective = found.objective
    return Finding(
        key=f"{objective.key}/held",
        kind="budget",
        layer=Layer.BUSINESS,
        dataset=None,
        sentence=f"{said} while the error budget of the {objective.name} of `{objective.product}` is spent, and"
        " `when_budget_spent` is `hold-risky`",
        holds=True,
        product=objective.product,
        hint="repair what was found: nothing risky is published until the budget recovers",
    )
