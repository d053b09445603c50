"""Alarm: all that is known of one finding: how rare it is, what changed with it, and how earlier ones like it ended."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tidegate.detect.loads import by_load
from tidegate.errors import IncidentError
from tidegate.model import Dataset, DatasetRef, Finding, Incident, Version
from tidegate.model.words import counted
from tidegate.services.baseline import Answers
from tidegate.services.replay import Past, Point, VersionPast, line
from tidegate.services.site import Site
from tidegate.services.tables import past_of

LOOKED_BACK: Final = 20
"""In so many of the newest versions a finding without an incident is looked for. Chosen, not derived."""

SIMILAR_SHOWN: Final = 5
NAMED: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Similar:
    """An earlier alarm like this one: `how` says in what, `resolution` how it ended, None while it has not."""

    incident: int
    opened_at: datetime
    title: str
    how: str
    resolution: str | None
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """One finding with its circumstances. `incident` is the one that it belongs to, `others` are that one's other findings.

    `one_in` says that of so many batches one is as strange by chance; None where no chance is involved. `changed` says what
    became different with this version: code, schemas, loads. `line` is the past of the number until it was found.
    """

    finding: Finding
    incident: Incident | None
    others: tuple[Finding, ...]
    version: int
    one_in: float | None
    changed: tuple[str, ...]
    similar: tuple[Similar, ...]
    line: tuple[Point, ...]


def alarm(site: Site, name: str) -> Alarm:
    """Tell of an incident, by its number, or of a finding, by its key. Reads what is kept, and no table.

    Raises:
        IncidentError: there is no such incident, or nothing was found under that key.
    """
    incident, finding, version = _of_number(site, name) if name.isdecimal() else _of_key(site, name)
    others = tuple(f for f in incident.findings if f is not finding) if incident is not None else ()
    return Alarm(
        finding=finding,
        incident=incident,
        others=others,
        version=version,
        one_in=None if finding.rarity is None else 10 ** min(finding.rarity, 12.0),
        changed=tuple(_changed(site, version, (finding, *others))),
        similar=_similar(site, finding, incident),
        line=_line(site, finding, version),
    )


def _of_number(site: Site, name: str) -> tuple[Incident, Finding, int]:
    incident = site.state.incident(int(name))
    if incident is None:
        known = [i.number for i in site.state.incidents(limit=1000)]
        near = sorted(known, key=lambda n: (abs(n - int(name)), n))[:1]
        hint = f"did you mean `{near[0]}`? " if near else ""
        raise IncidentError(f"there is no incident `{name}`", hint=f"{hint}`tidegate incidents --all` lists every one")
    return incident, incident.findings[0], incident.version


def _of_key(site: Site, key: str) -> tuple[Incident | None, Finding, int]:
    """The newest incident that has it, else the newest version in which it was told."""
    incidents = site.state.incidents(limit=1000)
    for incident in incidents:
        found = next((f for f in incident.findings if f.key == key), None)
        if found is not None:
            return incident, found, incident.version
    known = dict.fromkeys(f.key for i in incidents for f in i.findings)
    for version in site.state.versions(limit=LOOKED_BACK):
        for finding in site.state.findings(version.number):
            if finding.key == key:
                return None, finding, version.number
            known[finding.key] = None
    near = difflib.get_close_matches(key, known, n=NAMED, cutoff=0.5)
    hint = (
        f"did you mean {' or '.join(f'`{n}`' for n in near)}?" if near else "`tidegate incidents --all` lists every one"
    )
    raise IncidentError(f"nothing was found under `{key}`", hint=hint)


# --- what changed ----------------------------------------------------------------------------------------------------


def _changed(site: Site, number: int, findings: Sequence[Finding]) -> Iterator[str]:
    """Code, schemas and loads of a version against those of the version that it was made from; its own tables first."""
    version = site.state.version(number)
    parent = site.state.version(version.parent) if version is not None and version.parent is not None else None
    if version is None or parent is None:
        return
    if version.code_revision != parent.code_revision:
        was, now = (v.code_revision or "unknown" for v in (parent, version))
        yield f"code: {was} -> {now} (git diff {was.removesuffix('+changes')} {now.removesuffix('+changes')})"
    own = tuple(dict.fromkeys(f.dataset for f in findings if f.dataset is not None))
    yield from _schemas(site, parent, version, own)
    for ref in own:
        yield from _loads(site, parent, version, ref)


def _schemas(site: Site, parent: Version, version: Version, own: Sequence[DatasetRef]) -> Iterator[str]:
    before, after = site.state.schemas(parent.number), site.state.schemas(version.number)
    for ref in sorted(before.keys() | after.keys(), key=lambda r: (r not in own, str(r))):
        old, new = dict(before.get(ref, ())), dict(after.get(ref, ()))
        if not old or not new:
            yield f"schema: {ref} is {'new' if new else 'gone'}"
            continue
        added = [f"+{name} {kind}" for name, kind in new.items() if name not in old]
        removed = [f"-{name}" for name in old if name not in new]
        retyped = [f"{n}: {old[n]} -> {kind}" for n, kind in new.items() if n in old and old[n] != kind]
        if added or removed or retyped:
            yield f"schema: {ref} {', '.join([*removed, *added, *retyped])}"


def _loads(site: Site, parent: Version, version: Version, ref: DatasetRef) -> Iterator[str]:
    before, after = (by_load(site.state.numbers(v.number, ref), "row_count") for v in (parent, version))
    new = {load: rows for load, rows in after.items() if load not in before}
    if new and before:
        told = [f"{load} ({counted(round(rows), 'row')})" for load, rows in list(new.items())[-NAMED:]]
        more = f" and {len(new) - NAMED} more" if len(new) > NAMED else ""
        yield f"loads: {ref} has {', '.join(told)}{more}, which version {parent.number} had not"


# --- alarms like it --------------------------------------------------------------------------------------------------


def _similar(site: Site, finding: Finding, own: Incident | None) -> tuple[Similar, ...]:
    """Other incidents about the same table and kind, those that share most first, the newest first among equals."""
    found: list[tuple[int, Similar]] = []
    for incident in site.state.incidents(limit=1000):
        likeness = max((_likeness(finding, f) for f in incident.findings), default=0)
        if likeness and (own is None or incident.number != own.number):
            found.append((likeness, _told(site, incident, LIKENESS[likeness])))
    found.sort(key=lambda pair: -pair[0])
    return tuple(one for _, one in found[:SIMILAR_SHOWN])


LIKENESS: Final = ("", "same kind", "same column", "same slice", "same cause")


def _likeness(one: Finding, other: Finding) -> int:
    """How alike two findings are, 0 to 4: the same kind in the same table, about the same column, slice, or cause."""
    if one.dataset != other.dataset or one.kind != other.kind or one.dataset is None:
        return 0
    if one.key == other.key:
        return 4
    slices = [(f.slice.segment, f.slice.within) for f in (one, other) if f.slice is not None]
    if len(slices) == 2 and slices[0] == slices[1]:
        return 3
    return 2 if one.column is not None and one.column == other.column else 1


def _told(site: Site, incident: Incident, how: str) -> Similar:
    events = site.state.events(subject=f"incident:{incident.number}") if incident.resolution else ()
    reasons = [str(e.data["reason"]) for e in events if e.kind == "incident.resolved" and e.data.get("reason")]
    return Similar(
        incident=incident.number,
        opened_at=incident.opened_at,
        title=incident.title,
        how=how,
        resolution=incident.resolution,
        reason=reasons[-1] if reasons else None,
    )


# --- its past --------------------------------------------------------------------------------------------------------


def _line(site: Site, finding: Finding, version: int) -> tuple[Point, ...]:
    """The past of the number, as the finding's own version tells it; empty where there is none."""
    if finding.dataset is None or finding.spec is None:
        return ()
    past: Past = past_of(site, version, Dataset(ref=finding.dataset, columns=()), Answers(site.state, version))
    if isinstance(past, VersionPast):
        past = _with_own(site, past, finding.dataset, version)
    steps = [at for at in range(len(past)) if _is_at(past, at, finding, version)]
    return line(past, finding, steps[-1]) if steps else ()


def _with_own(site: Site, past: VersionPast, ref: DatasetRef, version: int) -> VersionPast:
    """The versions that were published, and after them the finding's own."""
    earlier = tuple((n, numbers) for n, numbers in past.versions if n < version)
    own = tuple(m for m in site.state.numbers(version, ref) if m.interval is None)
    return VersionPast(dataset=past.dataset, versions=(*earlier, (version, own)) if own else earlier)


def _is_at(past: Past, at: int, finding: Finding, version: int) -> bool:
    bucket = past.interval(at)
    if bucket is None:
        return past.version(at) == version
    return finding.interval is not None and bucket.overlaps(finding.interval)
