"""Closing: an incident about data is resolved as fixed only when its reconciliation passes, or somebody waives it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

from tidegate.errors import IncidentError, TidegateError
from tidegate.metrics import quoted, select
from tidegate.model import DatasetRef, Incident, Layer, VersionState
from tidegate.model.quarantine import quarantine_table
from tidegate.model.words import counted
from tidegate.ports import NewEvent
from tidegate.services.incidents import by_hand, find
from tidegate.services.reconcile import Asked, known_keys, with_sources
from tidegate.services.site import Site

ROLLBACK = "rollback"
"""The kind of a publication that puts a version back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One thing that was compared for an incident: whether it is as it should be (None: nobody could tell), in a sentence."""

    what: str
    passes: bool | None
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """Everything that was compared for an incident, at the version that readers see."""

    incident: int
    version: int | None
    compared: tuple[Compared, ...]

    @property
    def passes(self) -> bool:
        """Something was compared, and all of it is as it should be. What nobody could tell does not pass."""
        return bool(self.compared) and all(c.passes for c in self.compared)


def is_about_data(incident: Incident) -> bool:
    """Whether what the incident is about is in the tables, and not in the machinery alone."""
    return any(f.layer is not Layer.TECHNICAL and f.dataset is not None for f in incident.findings)


def reconciliation(site: Site, number: int) -> Reconciliation:
    """Compare what an incident is about, at what readers see now.

    The version that readers see was measured, its tables among it, and shows none of the incident's findings. Each of its
    tables that has a `source:` is equal to it. Each other one that has a key and was in the last good version has lost no
    key since, but for rows in quarantine, and has none more often than then.

    Raises:
        IncidentError: no such incident.
    """
    incident = find(site, number)
    published = site.state.published()
    if published is None:
        nothing = Compared(what="readers", passes=False, sentence="readers see nothing")
        return Reconciliation(incident=number, version=None, compared=(nothing,))
    refs = tuple(dict.fromkeys(f.dataset for f in incident.findings if f.dataset is not None))
    sourced = {r for r in refs if (said := site.settings.tables.get(r)) is not None and said.source}
    compared = [_findings(site, incident, published.number), *(_measured(site, r, published.number) for r in refs)]
    compared += [_source(site, ref) for ref in refs if ref in sourced]
    compared += _keys(site, incident, published.number, [r for r in refs if r not in sourced])
    return Reconciliation(incident=number, version=published.number, compared=tuple(compared))


def _findings(site: Site, incident: Incident, published: int) -> Compared:
    keys = {f.key for f in incident.findings if f.holds} | {incident.fingerprint}
    still = [f for f in site.state.findings(published) if f.key in keys]
    if still:
        return Compared(
            what="readers",
            passes=False,
            sentence=f"version {published}, which readers see, shows it: {still[0].sentence}",
        )
    shown = incident.version == published
    if shown:
        sentence = f"readers see version {published}, which the incident is about"
        return Compared(what="readers", passes=False, sentence=sentence)
    last = site.state.publications(limit=1)[0]
    if last.at < incident.opened_at or (last.kind != ROLLBACK and published < incident.version):
        sentence = f"no version was published since version {incident.version}, which the incident is about, was built"
        return Compared(what="readers", passes=False, sentence=sentence)
    return Compared(what="readers", passes=True, sentence=f"version {published}, which readers see, does not show it")


def _measured(site: Site, ref: DatasetRef, published: int) -> Compared:
    numbers = len(site.state.numbers(published, ref))
    sentence = f"{ref} was measured in version {published}: {counted(numbers, 'number')}"
    if not numbers:
        sentence = f"{ref} was not measured in version {published}, so nobody can tell"
    return Compared(what=f"{ref} measured", passes=True if numbers else None, sentence=sentence)


def _source(site: Site, ref: DatasetRef) -> Compared:
    what = f"{ref} and its source"
    try:
        (found,) = with_sources(site, Asked(tables=(str(ref),)))
    except TidegateError as error:
        return Compared(what=what, passes=None, sentence=f"{what} could not be compared: {error}")
    (table,) = found.tables
    if found.same:
        return Compared(what=what, passes=True, sentence=f"{what} are equal: {table.new_rows:,} rows")
    differing = ", ".join(f"{n:,} {kind}" for kind, n in table.counts.items()) or "sums"
    return Compared(what=what, passes=False, sentence=f"{what} differ: keys {differing}")


def _keys(site: Site, incident: Incident, published: int, refs: list[DatasetRef]) -> Iterator[Compared]:
    """What was there before the incident is still there."""
    good = _last_good(site, incident)
    if good is None or good == published:
        return
    keys = known_keys(site, published)
    with site.warehouse.reader(good) as reader:
        before = {d.ref: d for d in reader.catalog() if not d.is_view}
    with site.warehouse.compare(good, published) as reader:
        after = {d.ref: d for d in reader.catalog()}
        for ref in refs:
            key = [quoted(name) for name in keys.get(ref, ())]
            there = ref in before and ref in after and not after[ref].is_view
            if not key or not there or any(before[ref].column(n) is None for n in keys[ref]):
                continue
            old, new = (f"{quoted(side)}.{quoted(ref.namespace)}.{quoted(ref.name)}" for side in ("old", "new"))
            into = quarantine_table(ref)
            kept = f"new.{quoted(into.namespace)}.{quoted(into.name)}"
            gone = f"{select(key, old)} EXCEPT {select(key, new)}" + (
                f" EXCEPT {select(key, kept)}" if into in after else ""
            )
            twice = " EXCEPT ".join(select(key, side, group=key, having="COUNT(*) > 1") for side in (new, old))
            counts = [f"({select(['COUNT(*)'], f'({sql}) AS rows_of')})" for sql in (gone, twice)]
            lost, doubled = (int(str(v)) for v in reader.query("SELECT " + ", ".join(counts)).rows[0])
            sentence = f"{ref} has every key that version {good} had, and none more often"
            if lost or doubled:
                sentence = f"{ref} lost {counted(lost, 'key')} that version {good} had, and {counted(doubled, 'key')} came twice"
            yield Compared(what=f"{ref} before and after", passes=not (lost or doubled), sentence=sentence)


def _last_good(site: Site, incident: Incident) -> int | None:
    """The newest kept version before the incident's that readers saw."""
    kept = set(site.warehouse.kept())
    for version in site.state.versions():
        seen = version.state in {VersionState.RETIRED, VersionState.PUBLISHED}
        if seen and version.number < incident.version and version.number in kept:
            return version.number
    return None


def settled(
    site: Site, incident: Incident, *, resolution: str, waive: str | None
) -> tuple[dict[str, object], list[NewEvent]]:
    """What the resolution of an incident says of its reconciliation, and the event that records what was compared.

    `expected` and `false alarm` say that the data is as it should be, so there is nothing to reconcile.

    Raises:
        IncidentError: it does not pass, and nobody waives it.
    """
    if resolution != "fixed" or not is_about_data(incident):
        return {}, []
    found = reconciliation(site, incident.number)
    event = recorded(site, incident, found)
    if found.passes:
        return {"reconciled": found.version}, [event]
    if waive:
        return {"waived": waive}, [event]
    site.state.append([event])
    wrong = next(c.sentence for c in found.compared if not c.passes)
    raise IncidentError(
        f"incident `{incident.number}` is not reconciled: {wrong}",
        hint=f"`tidegate recover {incident.number} --plan` says what to do; to close it all the same, add"
        ' `--waive "why"`, which is kept in the ledger',
    )


def recorded(site: Site, incident: Incident, found: Reconciliation) -> NewEvent:
    """The event that keeps what was compared."""
    compared = [dataclasses.asdict(c) for c in found.compared]
    return by_hand(
        site,
        incident,
        "reconciled",
        {
            "passes": found.passes,
            "version": found.version,
            "compared": compared,
            "reason": "compared with what it should be",
        },
    )
