"""Status page: for the people who read the data, how each product stands, since when, and how the last 90 days were."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from itertools import pairwise

from tidegate.errors import NothingCheckedError
from tidegate.model import Event, Incident, IncidentState, Interval, Product, Publication, Version
from tidegate.services import incidents, slo
from tidegate.services.severity import EFFORT
from tidegate.services.site import Site
from tidegate.services.status import status
from tidegate.slo import Account, Shown, freshness, shown

DAYS = 90

ENOUGH_GAPS = 4
"""From this many gaps between publications on their median is a rhythm. Chosen, not derived."""

OVERDUE = 3.0
"""Without a promise, data is late when nothing came for this many times the usual gap. Chosen, not derived."""

LONGEST = 1.5
"""And for this many times the longest gap, so that a weekend is not late. Chosen, not derived."""

NEXT_WHILE_WRONG = timedelta(hours=1)


class Condition(StrEnum):
    """How a product stands for those who read it, the worst first; `not yet` is the time before it was ever published."""

    WRONG = "wrong data known"
    UNKNOWN = "unknown"
    HELD = "held back"
    LATE = "late"
    FINE = "fine"
    NOT_YET = "not yet"


WORST_FIRST = tuple(Condition)


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """One day, in UTC: the worst condition of it, and for how long it was not fine."""

    day: date
    condition: Condition
    not_fine: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """A time in which an incident reached a product: `what` in plain words; `until` is None while it goes on."""

    incident: int
    what: str
    since: datetime
    until: datetime | None
    condition: Condition


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductPage:
    """A product in plain words.

    `what` are one or more sentences about its condition, `affected` its tables that are concerned, `data_of` when the run
    began that built what readers see, `expected_by` when new data should be there, as promised or
    else as usual. `fine_share` is that of the known time of
    the 90 days. `promises` are pairs of a promise and what came of it.
    """

    name: str
    owner: str | None
    consumers: tuple[str, ...]
    condition: Condition
    since: datetime | None
    what: tuple[str, ...]
    affected: tuple[str, ...]
    next_update: datetime
    expected_by: datetime | None
    is_promised: bool
    published_at: datetime | None
    data_of: datetime | None
    fine_share: float | None
    days: tuple[Day, ...]
    episodes: tuple[Episode, ...]
    promises: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusPage:
    """The page: written at `now`, to be written again until `next_page`; the products that are worst come first."""

    title: str
    now: datetime
    next_page: datetime
    products: tuple[ProductPage, ...]

    @property
    def fine(self) -> int:
        """How many products are fine."""
        return sum(p.condition is Condition.FINE for p in self.products)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spell:
    """A stretch of time in one condition."""

    interval: Interval
    condition: Condition


def page(site: Site, *, every: timedelta) -> StatusPage:
    """Make the page of all products; `every` is how often it is written. Writes nothing.

    Raises:
        NothingCheckedError: there is no product.
    """
    if not site.settings.products:
        raise NothingCheckedError(
            "there is no product to tell of", hint="write `products:` in `tidegate.yml`; docs/statuspage.md shows how"
        )
    look = _Look.at(site)
    accounts = [s.account for s in slo.settle(site, site.settings.products)]
    made = [_product(look, p, [a for a in accounts if a.objective.product == p.name], every) for p in look.products]
    ordered = sorted(made, key=lambda p: WORST_FIRST.index(p.condition))
    return StatusPage(title=site.settings.root.name, now=look.now, next_page=look.now + every, products=tuple(ordered))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """What one look at the project shows. `blind` says why nobody can tell how the published data is, None if one can."""

    now: datetime
    window: Interval
    products: tuple[Product, ...]
    seen: tuple[Shown, ...]
    scanned: frozenset[int]
    published: Version | None
    publications: tuple[Publication, ...]
    born: dict[int, datetime]
    tables: frozenset[str]
    present: tuple[str, ...]
    blind: str | None
    reports: tuple[_Report, ...]

    @classmethod
    def at(cls, site: Site) -> _Look:
        now = site.clock.now()
        start = datetime.combine(now.date() - timedelta(days=DAYS - 1), datetime.min.time(), tzinfo=UTC)
        window = Interval(start=start, end=now)
        publications = site.state.publications()
        seen = tuple(s for s in shown(publications, now) if s.interval.end > start)
        found = status(site, runs=0)
        known = site.state.schemas(found.published.number) if found.published else {}
        return cls(
            now=now,
            window=window,
            products=tuple(sorted(site.settings.products, key=lambda p: (p.tier, p.name))),
            seen=seen,
            scanned=frozenset(n for n in {s.version for s in seen} if site.state.marks(n)),
            published=found.published,
            publications=publications,
            born={v.number: v.created_at for v in site.state.versions()},
            tables=frozenset(map(str, known)),
            present=tuple(p.name for p in site.settings.products if any(p.covers(ref) for ref in known)),
            blind=_blind(found.missing, found.altered) if found.published else None,
            reports=tuple(_reports(site, since=start)),
        )


def _blind(missing: bool, altered: tuple[str, ...] | None) -> str | None:
    if missing:
        return "The data cannot be read at the moment."
    if altered is None:
        return "Nobody can tell whether the data is still what was checked."
    if altered:
        return "The data was changed after it had been checked, so nobody knows whether it is right."
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Report:
    """An incident as its ledger tells it: when it was open, and in which versions it was seen."""

    incident: Incident
    open: tuple[tuple[datetime, datetime | None], ...]
    versions: frozenset[int]


def _reports(site: Site, *, since: datetime) -> Iterator[_Report]:
    """Incidents about data or its delivery that were open at some time since then, oldest first."""
    for incident in reversed(site.state.incidents(since=since)):
        if not (incidents.is_promise(incident) or all(f.kind in EFFORT for f in incident.findings)):
            yield report_of(incident, site.state.events(subject=f"incident:{incident.number}"))


def report_of(incident: Incident, events: Sequence[Event]) -> _Report:
    """What the events of an incident say of when it was open: neither mitigated nor resolved."""
    open_: list[tuple[datetime, datetime | None]] = []
    versions = {incident.version}
    for event in events:
        verb = event.kind.partition(".")[2]
        version = event.data.get("version")
        if isinstance(version, int):
            versions.add(version)
        if verb in {"opened", "reopened"}:
            open_.append((event.at, None))
        elif verb in {"mitigated", "resolved"} and open_ and open_[-1][1] is None:
            open_[-1] = (open_[-1][0], event.at)
    return _Report(incident=incident, open=tuple(open_), versions=frozenset(versions))


# --- a product -------------------------------------------------------------------------------------------------------


def _product(look: _Look, product: Product, accounts: Sequence[Account], every: timedelta) -> ProductPage:
    reports = [r for r in look.reports if product.name in r.incident.products]
    spells = timeline(look, product, reports)
    present = _present(look, product, spells)
    concerned = [r.incident for r in reports if r.incident.state in incidents.OPEN_STATES]
    due = _due(look, product)
    is_fine = present.condition is Condition.FINE
    last = next(iter(look.publications), None)
    return ProductPage(
        name=product.name,
        owner=product.owner,
        consumers=product.consumers,
        condition=present.condition,
        since=present.interval.start if look.published or present.condition is not Condition.UNKNOWN else None,
        what=tuple(_what(look, product, present.condition, concerned)),
        affected=() if is_fine else tuple(_affected(product, concerned, look.tables)),
        next_update=look.now + (every if is_fine else min(every, NEXT_WHILE_WRONG)),
        expected_by=due,
        is_promised=product.slo.freshness is not None,
        published_at=last.at if last else None,
        data_of=look.published.created_at if look.published else None,
        fine_share=_fine_share(spells),
        days=tuple(_days(spells, look.window)),
        episodes=tuple(_episodes(look, reports)),
        promises=tuple((slo.promise(a.objective), _came_to(a)) for a in accounts),
    )


def timeline(look: _Look, product: Product, reports: Iterable[_Report]) -> tuple[Spell, ...]:
    """The conditions of a product in the window, oldest first, of every instant the worst. O(n log n)."""
    layers = [*_shown_spells(look), *_late_spells(look, product)]
    for report in reports:
        layers += _report_spells(look, report)
    turns: dict[datetime, Counter[Condition]] = {look.window.start: Counter(), look.window.end: Counter()}
    for layer in layers:
        for edge, change in ((layer.interval.start, 1), (layer.interval.end, -1)):
            inside = min(max(edge, look.window.start), look.window.end)
            turns.setdefault(inside, Counter())[layer.condition] += change
    here: Counter[Condition] = Counter()
    spells: list[Spell] = []
    for start, end in pairwise(sorted(turns)):
        here.update(turns[start])
        worst = next((c for c in WORST_FIRST if here[c] > 0), Condition.NOT_YET)
        if spells and spells[-1].condition is worst:
            spells[-1] = Spell(interval=Interval(start=spells[-1].interval.start, end=end), condition=worst)
        else:
            spells.append(Spell(interval=Interval(start=start, end=end), condition=worst))
    return tuple(spells)


def _shown_spells(look: _Look) -> Iterator[Spell]:
    for one in look.seen:
        known = one.version in look.scanned
        yield Spell(interval=one.interval, condition=Condition.FINE if known else Condition.UNKNOWN)


def _late_spells(look: _Look, product: Product) -> Iterator[Spell]:
    """When what readers saw was older than promised, or of an age that nobody knows; without a promise only the present can be overdue."""
    if product.slo.freshness is not None:
        for stretch in freshness(look.seen, look.born, product.slo.freshness):
            if not stretch.good:
                condition = Condition.LATE if stretch.bad else Condition.UNKNOWN
                yield Spell(interval=stretch.interval, condition=condition)
        return
    due = _overdue_at(look)
    if due is not None and due < look.now:
        yield Spell(interval=Interval(start=due, end=look.now), condition=Condition.LATE)


def _report_spells(look: _Look, report: _Report) -> Iterator[Spell]:
    """While readers see a version that has the cause, the data is wrong (or, if it could not be checked, unknown); while they
    see another one, the newest is held back.
    """
    visible = Condition.UNKNOWN if report.incident.findings[0].kind == "unchecked" else Condition.WRONG
    for since, until in report.open:
        whole = Interval(start=since, end=max(since, until or look.now))
        for one in look.seen:
            if one.interval.overlaps(whole):
                start, end = max(one.interval.start, whole.start), min(one.interval.end, whole.end)
                condition = visible if one.version in report.versions else Condition.HELD
                yield Spell(interval=Interval(start=start, end=end), condition=condition)


def _present(look: _Look, product: Product, spells: Sequence[Spell]) -> Spell:
    """The condition now; what nobody can tell at this moment is unknown since this moment."""
    now = Interval(start=look.now, end=look.now)
    if not spells or look.published is None:
        return Spell(interval=now, condition=Condition.UNKNOWN)
    if look.blind is not None or (look.tables and product.name not in look.present):
        return Spell(interval=now, condition=min(Condition.UNKNOWN, spells[-1].condition, key=WORST_FIRST.index))
    return spells[-1]


def _gaps(look: _Look) -> list[timedelta]:
    arrivals = sorted(p.at for p in look.publications if p.kind != "rollback" and p.at >= look.window.start)
    return [after - before for before, after in pairwise(arrivals)]


def _rhythm(look: _Look) -> timedelta | None:
    gaps = _gaps(look)
    return timedelta(seconds=statistics.median(g.total_seconds() for g in gaps)) if len(gaps) >= ENOUGH_GAPS else None


def _overdue_at(look: _Look) -> datetime | None:
    rhythm = _rhythm(look)
    if rhythm is None:
        return None
    return look.publications[0].at + max(OVERDUE * rhythm, LONGEST * max(_gaps(look)))


def _due(look: _Look, product: Product) -> datetime | None:
    """When new data should be there: as promised, else as usual."""
    if look.published is None:
        return None
    if product.slo.freshness is not None:
        return look.published.created_at + product.slo.freshness
    rhythm = _rhythm(look)
    return None if rhythm is None else look.publications[0].at + rhythm


# --- in words --------------------------------------------------------------------------------------------------------


def day(at: datetime) -> str:
    """A day for a person: `3 March 2026`."""
    return f"{at.day} {at:%B %Y}"


def moment(at: datetime) -> str:
    """A moment for a person: `3 March 2026, 06:31 UTC`."""
    return f"{day(at)}, {at:%H:%M} UTC"


PLAIN = {
    "volume": "the number of rows is not what was expected",
    "freshness": "the newest rows are missing",
    "schema": "columns have changed",
    "nulls": "values are missing that should be there",
    "distinct": "values differ from what is usual",
    "location": "values differ from what is usual",
    "scale": "values differ from what is usual",
    "share": "values differ from what is usual",
    "duplicates": "some rows are there more than once",
    "segment": "one part of the rows is missing, or is too large",
    "check": "a check of the data does not pass",
    "step": "the run that should have brought new data failed",
    "unchecked": "the data could not be checked",
    "written": "the data was changed after it had been checked",
    "budget": "the newest data came with a doubt, and too much went wrong before",
    "quarantine": "some rows were set aside because they are not right",
}
"""Kinds of findings for people who do not know what a check is. Values of the data are in none of these words."""


def plain(incident: Incident) -> str:
    """What an incident is about, in plain words and without a value of the data."""
    return PLAIN.get(incident.findings[0].kind, "the data is not as it should be")


def _what(look: _Look, product: Product, condition: Condition, open_: Sequence[Incident]) -> Iterator[str]:
    if look.published is None:
        yield "Nothing is published yet."
        return
    of = f"of {moment(look.published.created_at)}"
    causes = " And: ".join(dict.fromkeys(plain(i) for i in open_))
    match condition:
        case Condition.FINE:
            yield f"The data {of} was checked, and nothing is known to be wrong with it."
        case Condition.LATE:
            yield f"The data is right as far as is known, but it is {of}, and newer data should be there by now."
        case Condition.HELD:
            yield f"The newest data is held back: {causes}." if causes else "The newest data is held back."
            yield f"You see the last good data, {of}."
        case Condition.WRONG:
            yield f"Some of the data that you see is known to be wrong: {causes}."
        case _:
            yield _why_unknown(look, product, causes)
    if open_ and condition is not Condition.FINE:
        taken = any(i.state is IncidentState.ACKNOWLEDGED for i in open_)
        yield "Somebody is working on it." if taken else "The people who look after it have been told."


def _why_unknown(look: _Look, product: Product, causes: str) -> str:
    if look.blind is not None:
        return look.blind
    if look.tables and product.name not in look.present:
        return "None of its tables is in what is published."
    if causes:
        return f"Nobody can tell whether the data is right: {causes}."
    return "The data that you see was never checked, so nobody knows whether it is right."


def _affected(product: Product, open_: Sequence[Incident], tables: Iterable[str]) -> list[str]:
    """The product's tables that findings name; all of them when none of them is named."""
    named = {str(f.dataset) for i in open_ for f in i.findings if f.dataset is not None and product.covers(f.dataset)}
    known = set(tables)
    return sorted(named) or sorted(str(ref) for ref in product.tables if str(ref) in known) or ["all of its tables"]


def _came_to(found: Account) -> str:
    if found.tally.actual is None:
        return "unknown"
    young = found.tally.total_s < found.objective.window.total_seconds() - 60
    span = f"since {day(found.window.start)}" if young else f"in the last {found.objective.window.days} days"
    kept = {"met": "kept", "missed": "missed", "unknown": "unknown"}[found.standing.value]
    return f"{kept}: {int(found.tally.actual * 10_000 + 1e-6) / 100:g} % {span}"


def _episodes(look: _Look, reports: Iterable[_Report]) -> Iterator[Episode]:
    """Newest first."""
    found = []
    for report in reports:
        for since, until in report.open:
            mine = [s.condition for s in _report_spells(look, _only(report, since, until))]
            condition = min(mine, key=WORST_FIRST.index, default=Condition.HELD)
            what = plain(report.incident)
            found.append(
                Episode(incident=report.incident.number, what=what, since=since, until=until, condition=condition)
            )
    yield from sorted(found, key=lambda e: e.since, reverse=True)


def _only(report: _Report, since: datetime, until: datetime | None) -> _Report:
    return _Report(incident=report.incident, open=((since, until),), versions=report.versions)


def _fine_share(spells: Iterable[Spell]) -> float | None:
    """The share of the known time that was fine."""
    known = [s for s in spells if s.condition not in {Condition.UNKNOWN, Condition.NOT_YET}]
    whole = sum((s.interval.end - s.interval.start).total_seconds() for s in known)
    fine = sum((s.interval.end - s.interval.start).total_seconds() for s in known if s.condition is Condition.FINE)
    return fine / whole if whole else None


def _days(spells: Sequence[Spell], window: Interval) -> Iterator[Day]:
    start = window.start
    while start < window.end:
        day = Interval(start=start, end=start + timedelta(days=1))
        here = [s for s in spells if s.interval.overlaps(day)]
        bad = [s for s in here if s.condition not in {Condition.FINE, Condition.NOT_YET}]
        lost = sum((_within(s.interval, day) for s in bad), timedelta())
        yield Day(
            day=start.date(),
            condition=min((s.condition for s in here), key=WORST_FIRST.index, default=Condition.NOT_YET),
            not_fine=lost,
        )
        start = day.end


def _within(interval: Interval, day: Interval) -> timedelta:
    return min(interval.end, day.end) - max(interval.start, day.start)


# --- a draft of an update --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An update about an incident, for the communications role to read, change and send. `text` is Markdown."""

    incident: int
    products: tuple[str, ...]
    condition: Condition
    text: str


STATES = {
    IncidentState.OPEN: "The people who look after the data have been told.",
    IncidentState.ACKNOWLEDGED: "Somebody is working on it.",
    IncidentState.MITIGATED: "What is published now does not have the fault any more. We are still making sure.",
    IncidentState.RESOLVED: "It is over.",
    IncidentState.REVIEWED: "It is over, and we have looked at what we can learn from it.",
}


def draft(site: Site, number: int, *, every: timedelta) -> Draft:
    """Write an update about an incident in plain words, without a value of the data and without a name of a person.

    Raises:
        IncidentError: no such incident.
    """
    incident = incidents.find(site, number)
    look = _Look.at(site)
    report = report_of(incident, site.state.events(subject=f"incident:{number}"))
    spells = [s.condition for s in _report_spells(look, report) if s.interval.end == look.now]
    is_open = incident.state in incidents.OPEN_STATES
    condition = min(spells, key=WORST_FIRST.index, default=Condition.HELD) if is_open else Condition.FINE
    reached = [p for p in site.settings.products if p.name in incident.products]
    return Draft(
        incident=number,
        products=tuple(p.name for p in reached),
        condition=condition,
        text=_text(look, report, reached, condition, every),
    )


HEADLINES = {
    Condition.WRONG: "some of the data is wrong",
    Condition.UNKNOWN: "nobody can tell whether the data is right",
    Condition.HELD: "the newest data is held back",
    Condition.FINE: "the data is fine again",
}


def _text(look: _Look, report: _Report, reached: Sequence[Product], condition: Condition, every: timedelta) -> str:
    incident = report.incident
    who = ", ".join(markdown(p.name) for p in reached) or "Data"
    tables = sorted({t for p in reached for t in _affected(p, [incident], look.tables)})
    readers = sorted({c for p in reached for c in p.consumers})
    since = report.open[-1][0] if report.open else incident.opened_at
    lines = [
        f"**{who}: {HEADLINES.get(condition, 'an update')}**",
        "",
        f"Update of {moment(look.now)}, incident {incident.number}.",
        "",
        f"- **What happened:** {plain(incident)}.",
        f"- **What you see:** {_you_see(look, condition)}",
        f"- **Since:** {moment(since)}",
    ]
    if tables:
        lines.append(f"- **What is affected:** {', '.join(map(markdown, tables))}")
    if readers:
        lines.append(f"- **Who reads it:** {', '.join(map(markdown, readers))}")
    lines.append(f"- **What happens now:** {STATES[incident.state]}")
    if incident.state in incidents.UNSOLVED:
        due = look.now + min(every, NEXT_WHILE_WRONG)
        lines.append(f"- **Next update:** by {moment(due)}")
    return "\n".join(lines) + "\n"


def _you_see(look: _Look, condition: Condition) -> str:
    if look.published is None:
        return "nothing is published yet."
    of = f"{moment(look.published.created_at)}"
    if condition is Condition.WRONG:
        return f"the data of {of}, with the fault in it. Please do not rely on what is affected."
    if condition is Condition.UNKNOWN:
        return f"the data of {of}. Please do not rely on what is affected until we know more."
    if condition is Condition.HELD:
        return f"the last good data, of {of}."
    return f"the data of {of}, which was checked, and nothing is known to be wrong with it."


def markdown(text: str) -> str:
    """A name as Markdown that shows it as it is."""
    return "".join(f"\\{c}" if c in r"\`*_{}[]()<>#+-.!|~&" else c if c.isprintable() else " " for c in text)
