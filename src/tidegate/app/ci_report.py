"""CI report: find the two states that a change lies between, read what is known of each, and compare them."""

from __future__ import annotations

import dataclasses
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tidegate.app import doctor, throwaway
from tidegate.app.compose import open_site
from tidegate.app.contracts import with_contracts
from tidegate.app.throwaway import Place
from tidegate.config import FILE_NAME, find_project, load
from tidegate.errors import ConfigError, NothingCheckedError, UsageError
from tidegate.integrations.project_tree import git
from tidegate.model import Check, DatasetRef, PipelineFacts, Settings, Value, Version, VersionState
from tidegate.ports import Progress, Reader
from tidegate.services import contract
from tidegate.services import diff as differ
from tidegate.services.change import SHOWN_METRICS, Change, State, change
from tidegate.services.diff import TableDiff
from tidegate.services.doctor import Breach
from tidegate.services.publish import kept_version, nothing_published
from tidegate.services.reconcile import LIVE, known_keys
from tidegate.services.run import combine
from tidegate.services.site import Site
from tidegate.warehouses.duckdb import open_pair

THROWN_AWAY = ("base", "build")
"""The throw-away warehouses that `tidegate ci run` makes of production's code and of the change."""

CHANGED = "+changes"
"""What the revision of a version ends with that was built from files which no commit has."""

CODE = frozenset({"model", "seed", "snapshot", "source"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _End:
    """One of the two states, opened: its project, its version, and the files that it was built from, as far as they are known.

    `said` are the settings of those files.
    """

    site: Site
    version: Version
    words: str
    files: Path | None
    said: Settings | None
    untold: list[str] = field(default_factory=list)

    @property
    def database(self) -> Path:
        return self.site.warehouse.state_folder(self.version.number).parent / self.site.settings.warehouse.database


def report(start: Path, progress: Progress, *, base: str | None, head: str | None) -> Change:
    """Compare two states that were built before: `base` and `head` are a version, `live`, or the folder of a project, whose
    published version is meant.

    Without them it is what `tidegate ci run` built of production's code and of the change; else the newest version against what
    was published before it. Nothing is built. Reads the tables of both.

    Raises:
        UsageError: there is nothing to compare with.
        VersionNotFoundError, NothingPublishedError: a state is not there.
    """
    root = find_project(start)
    names = _names(root, base, head)
    with ExitStack() as stack:
        own, resolved = None, _folders(names)
        if resolved is None:
            own = stack.enter_context(open_site(root, progress))
            resolved = _resolved(own, names)
        old, new = (stack.enter_context(_opened(root, own, name, progress)) for name in resolved)
        progress.stage("compare", f"{old.words} and {new.words}")
        tables = _tables(old, new, progress)
        progress.stage("doctor", "before and after")
        findings = _findings(old, new, progress)
        moved = [t.ref for t in tables if t.state == "changed"]
        before, after = _state(old, moved), _state(new, moved)
    untold = tuple(dict.fromkeys([*old.untold, *new.untold]))
    return change(before, after, tables, findings=findings, untold=untold)


def _names(root: Path, base: str | None, head: str | None) -> tuple[str | None, str | None]:
    """What to compare, where it is not said: the throw-away warehouses if both are there."""
    places = [root / ".tidegate" / "ci" / name / "project" for name in THROWN_AWAY]
    if base is None and head is None and all((p / FILE_NAME).is_file() for p in places):
        return str(places[0]), str(places[1])
    return base, head


def _folders(names: tuple[str | None, str | None]) -> tuple[str, str] | None:
    """The folders of two other projects, which are compared without the state of this one: CI may have no way to it."""
    base, head = names
    return None if base is None or head is None or _is_own(base) or _is_own(head) else (base, head)


def _is_own(name: str) -> bool:
    return name == LIVE or name.isdecimal()


def _resolved(site: Site, names: tuple[str | None, str | None]) -> tuple[str, str]:
    """Both names, with the newest version and the one before it in the place of what is not said."""
    base, head = names
    if head is None:
        kept = set(site.warehouse.kept())
        states = {VersionState.PUBLISHED, VersionState.HELD}
        newest = next((v for v in site.state.versions() if v.number in kept and v.state in states), None)
        if newest is None:
            raise nothing_published(site)
        head = str(newest.number)
    if base is None and head.isdecimal():
        version, published = kept_version(site, int(head)), site.state.published()
        before = published.number if published and published.number != version.number else version.parent
        base = None if before is None else str(before)
    if base is None:
        raise UsageError(
            f"there is nothing before `{head}` to compare it with",
            hint="name it: `--base VERSION` or `--base DIR`; `tidegate ci run diff` builds production's code too",
        )
    return base, head


@contextmanager
def _opened(root: Path, own: Site | None, name: str, progress: Progress) -> Iterator[_End]:
    with ExitStack() as stack:
        if own is not None and _is_own(name):
            site, words = own, "what readers see" if name == LIVE else f"version {name}"
        else:
            folder = Path(name).expanduser()
            site, words = stack.enter_context(open_site(folder, progress)), _called(folder, root)
        published = site.state.published()
        if name.isdecimal():
            version = kept_version(site, int(name))
        elif published is None:
            raise nothing_published(site)
        else:
            version = kept_version(site, published.number)
        untold: list[str] = []
        files = site.settings.root if site is not own else stack.enter_context(_files(site, version, untold))
        said = _settings(files, words, untold) if files is not None else None
        yield _End(site=site, version=version, words=words, files=files, said=said, untold=untold)


def _called(folder: Path, root: Path) -> str:
    if folder == root / ".tidegate" / "ci" / "base" / "project":
        return "production's code"
    return "this change" if folder == root / ".tidegate" / "ci" / "build" / "project" else folder.name


@contextmanager
def _files(site: Site, version: Version, untold: list[str]) -> Iterator[Path | None]:
    """A copy of the files that a version was built from: those of its commit, else, of the newest version, those as they are."""
    revision = version.code_revision
    newest = next((v.number for v in site.state.versions()), None)
    with tempfile.TemporaryDirectory(prefix="tidegate-") as scratch:
        place = Place(folder=Path(scratch))
        place.project.mkdir()
        if revision is not None and not revision.endswith(CHANGED) and _is_commit(site, revision):
            throwaway.copy_revision(site.settings, place, revision)
            yield place.project
        elif version.number == newest:
            throwaway.copy_files(site.settings, place)
            yield place.project
        else:
            why = (
                "it was built from files that no commit has"
                if revision
                else "it is not known from which files it was built"
            )
            untold.append(f"contracts and doctor's findings of version {version.number}: {why}")
            yield None


def _is_commit(site: Site, revision: str) -> bool:
    return git(site.settings.root, "cat-file", "-e", f"{revision}^{{commit}}") is not None


def _settings(files: Path, words: str, untold: list[str]) -> Settings | None:
    """What the files say of checks, contracts and products."""
    try:
        return with_contracts(load(files))
    except ConfigError as error:
        untold.append(f"contracts and checks of {words}: {error}")
        return None


# --- reading ---------------------------------------------------------------------------------------------------------


def _tables(old: _End, new: _End, progress: Progress) -> tuple[TableDiff, ...]:
    if old.site is new.site:
        return differ.diff(new.site, old.version.number, new.version.number)
    keys = known_keys(new.site, new.version.number)
    databases = old.database.resolve(), new.database.resolve()
    with tempfile.TemporaryDirectory(prefix="tidegate-") as spill, open_pair(*databases, Path(spill)) as readers:
        before, after = ({d.ref: d for d in reader.catalog()} for reader in readers)
        return differ.compared(readers[1], before, after, keys, progress)


def _state(end: _End, moved: Sequence[DatasetRef]) -> State:
    site, number = end.site, end.version.number
    folder = site.warehouse.state_folder(number)
    known = [step.facts(site.settings.root, folder) for step in site.steps]
    facts = combine(known)
    said = end.said or site.settings
    with site.warehouse.reader(number) as reader:
        checks = (*facts.checks, *said.checks, *_promised(end, reader))
    return State(
        words=_worded(end),
        version=number,
        revision=end.version.code_revision,
        facts=facts,
        checks=checks,
        results=site.state.results(number),
        contracts=None if end.said is None else end.said.contracts,
        products=said.products,
        numbers={ref: _numbers(site, number, ref) for ref in moved},
        costs=_costs(end),
        contents=_contents(known),
    )


def _promised(end: _End, reader: Reader) -> Sequence[Check]:
    return () if end.said is None else contract.checks_of(end.said.contracts, reader)


def _worded(end: _End) -> str:
    """What a state is called; the revision of a throw-away copy would be that of the repository around it."""
    known = end.version.code_revision if end.files != end.site.settings.root else None
    return f"{end.words} ({known})" if known else end.words


def _numbers(site: Site, version: int, ref: DatasetRef) -> Mapping[tuple[str, str | None], Value]:
    """The whole numbers of a table's columns that a scan has kept."""
    return {
        (m.spec.metric, m.spec.column): m.value
        for m in site.state.numbers(version, ref)
        if m.spec.metric in SHOWN_METRICS and m.spec.where is None and m.spec.segment is None and m.interval is None
    }


def _costs(end: _End) -> Mapping[str, float]:
    """What the build and the scan took, as they were noted then, and what the version takes on disk."""
    found: dict[str, float] = {}
    state = end.site.state
    for event in state.events(subject=f"run:{end.version.run}") if end.version.run else ():
        if event.kind == "step.finished":
            for kind in ("wall_s", "cpu_s"):
                value = event.data.get(kind)
                if isinstance(value, int | float):
                    name = f"step {event.data.get('step')}, {'time' if kind == 'wall_s' else 'CPU'}"
                    found[name] = found.get(name, 0.0) + float(value)
    scanned = state.marks(end.version.number).get("cpu_s")
    if isinstance(scanned, int | float):
        found["scan, CPU"] = float(scanned)
    found["version on disk, bytes"] = float(end.site.warehouse.size_bytes(end.version.number))
    return found


def _contents(known: Sequence[PipelineFacts]) -> Mapping[str, str]:
    return {
        s.id: s.aspects["contents"]
        for facts in known
        for s in facts.selectables
        if s.kind in CODE and s.own and "contents" in s.aspects
    }


def _findings(old: _End, new: _End, progress: Progress) -> tuple[Breach, ...] | None:
    """What doctor finds after the change and not before, wherever in its file it stands."""
    if old.files is None or new.files is None:
        return None
    try:
        before, after = (
            doctor.examine(end.files, progress, deep=False, fix=False, history=False, ignore=None)
            for end in (old, new)
            if end.files is not None
        )
    except (NothingCheckedError, ConfigError) as error:
        new.untold.append(f"doctor's findings: {error}")
        return None
    had = Counter((b.code, b.path, b.message) for b in before.breaches)
    found = []
    for breach in after.breaches:
        key = (breach.code, breach.path, breach.message)
        had[key] -= 1
        if had[key] < 0:
            found.append(dataclasses.replace(breach, edit=None))
    return tuple(found)
