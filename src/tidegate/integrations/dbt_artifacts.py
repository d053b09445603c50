"""Read dbt's manifest and run results into facts: the graph, the declared tests, and what was executed."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from tidegate.integrations import dbt_tests
from tidegate.model import Check, DatasetRef, Node, PipelineFacts, StepStatus, TestRun
from tidegate.model.dataset import AUDIT_SUFFIX
from tidegate.model.words import counted

Raw = Mapping[str, object]

TABLES = ("model", "seed", "snapshot", "source")
TESTS = ("test", "unit_test")
EXECUTING = ("build", "run", "test", "seed", "snapshot", "run-operation", "retry", "clone", "compile")
BROKEN = ("error", "runtime error", "partial success")
REF = re.compile(r"""\bref\(\s*(?:['"](?P<package>[^'"]+)['"]\s*,\s*)?['"](?P<name>[^'"]+)['"]""")
WHOLE = re.compile(r"-?\d+")
SOURCE = re.compile(r"""\bsource\(\s*['"](?P<source>[^'"]+)['"]\s*,\s*['"](?P<name>[^'"]+)['"]""")
NAMES_SHOWN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifacts:
    """What one invocation of dbt left: either part is empty when that invocation did not write it."""

    manifest: Raw
    run_results: Raw
    sources: Raw = field(default_factory=dict)

    @property
    def command(self) -> str:
        """The subcommand, such as `build`, as dbt recorded it."""
        return str(_map(self.run_results.get("args")).get("which", ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Stale:
    """The artifacts that were there before the run, by the identity of the invocation that wrote them."""

    folder: Path
    manifest: str | None
    run_results: str | None
    sources: str | None = None


def note_stale(folder: Path, *, remove: bool = True) -> Stale:
    """Remember what a target folder holds before a run; the old results go, unless `dbt retry` will want them."""
    stale = Stale(
        folder=folder,
        manifest=_identity(folder / "manifest.json"),
        run_results=_identity(folder / "run_results.json"),
        sources=_identity(folder / "sources.json"),
    )
    if remove:
        (folder / "run_results.json").unlink(missing_ok=True)
    return stale


def read_new(stale: Stale) -> Artifacts:
    """The artifacts that were written since; what an earlier run wrote, or what is not whole, is left out."""
    manifest = _document(stale.folder / "manifest.json")
    results = _document(stale.folder / "run_results.json")
    sources = _document(stale.folder / "sources.json")
    return Artifacts(
        manifest=manifest if _invocation(manifest) != stale.manifest else {},
        run_results=results if _invocation(results) != stale.run_results else {},
        sources=sources if _invocation(sources) != stale.sources else {},
    )


def keep(folder: Path, target: Path) -> None:
    """Put a copy of a target folder's artifacts into another one."""
    target.mkdir(parents=True, exist_ok=True)
    for name in ("manifest.json", "run_results.json", "sources.json"):
        if (folder / name).is_file():
            shutil.copyfile(folder / name, target / name)


def read_manifest(folder: Path) -> Raw:
    """The manifest in a target folder, whoever wrote it; empty when there is none."""
    return _document(folder / "manifest.json")


def read_loaded(folder: Path) -> Mapping[str, str]:
    """The newest time in each source by the freshness in a target folder, whoever wrote it; empty when there is none."""
    return loaded(_document(folder / "sources.json"))


def loaded(sources: Raw) -> Mapping[str, str]:
    """The newest time in each source, ISO 8601, by its id; those are left out of which dbt could not tell."""
    return {
        str(result.get("unique_id")): str(result["max_loaded_at"])
        for result in _results(sources)
        if result.get("max_loaded_at")
    }


def declared(manifest: Raw) -> tuple[Check, ...]:
    """The tests that a manifest declares, without freshness and unit tests."""
    return tuple(c for c in _Book(manifest, ".").checks({}) if not dbt_tests.is_freshness(c))


def facts(artifacts: Artifacts, *, prefix: str = ".", left: Callable[[Check], bool] = lambda _: False) -> PipelineFacts:
    """Everything that the artifacts tell. Paths are relative to the Tidegate project when `prefix` is dbt's folder.

    `left` says of a test whether dbt was told to leave it to Tidegate, so that it is not missed among the executed.
    """
    book = _Book(artifacts.manifest, prefix)
    results = _results(artifacts.run_results)
    checks = tuple(book.checks({str(r.get("unique_id")): r for r in results}))
    tests = [_test_run(r) for r in results if _kind(r) in TESTS]
    tests += [_freshness_run(r) for r in _results(artifacts.sources)]
    executed = None
    if artifacts.run_results:
        executed = sum(_status(r) not in {"skipped", "no-op"} for r in results)
    return PipelineFacts(
        nodes=tuple(book.nodes()),
        edges=tuple(book.edges()),
        checks=checks,
        tests=tuple(tests),
        executed_nodes=executed,
        ended={str(r.get("unique_id")): _status(r) for r in results if _kind(r) not in TESTS},
        notes=tuple(_notes(artifacts, results, book, [c for c in checks if not left(c)])),
    )


def status(exit_code: int | None, run_results: Raw) -> StepStatus:
    """Success, findings when nothing but dbt's own tests failed, or failed."""
    if exit_code == 0:
        return StepStatus.SUCCESS
    results = _results(run_results)
    tests_failed = any(_kind(r) in TESTS and _status(r) in {*BROKEN, "fail"} for r in results)
    return StepStatus.FAILED if exit_code != 1 or first_error(run_results) or not tests_failed else StepStatus.FINDINGS


def first_error(run_results: Raw, manifest: Raw | None = None) -> str | None:
    """The first node that is not a test and failed, with its file and dbt's message in one line."""
    for result in _results(run_results):
        if _kind(result) not in TESTS and _status(result) in {*BROKEN, "fail"}:
            unique_id = str(result.get("unique_id"))
            node = _map(_map((manifest or {}).get("nodes")).get(unique_id))
            file = f" ({node['original_file_path']})" if node.get("original_file_path") else ""
            return f"{unique_id}{file}: {one_line(str(result.get('message') or 'no message'))}"
    return None


def summary(run_results: Raw) -> str:
    """How many nodes ended how, such as `12 success, 30 pass, 1 fail`."""
    counts: dict[str, int] = {}
    for result in _results(run_results):
        counts[_status(result)] = counts.get(_status(result), 0) + 1
    return ", ".join(f"{n} {word}" for word, n in counts.items()) or "no node was executed"


def one_line(message: str) -> str:
    """A message of several lines as one."""
    return " ".join(line.strip() for line in message.splitlines() if line.strip())


class _Book:
    """A manifest, looked up by unique id and by name."""

    def __init__(self, manifest: Raw, prefix: str) -> None:
        self._prefix = prefix
        self._project = str(_map(manifest.get("metadata")).get("project_name", ""))
        self._groups = {str(_map(g).get("name")): _map(g) for g in _map(manifest.get("groups")).values()}
        self._macros = [m for m in _map(manifest.get("macros")) if m.startswith(f"macro.{self._project}.")]
        self.raw: dict[str, Raw] = {}
        for part in ("nodes", "sources", "exposures", "unit_tests"):
            self.raw.update({k: _map(v) for k, v in _map(manifest.get(part)).items()})
        self._off = {
            str(_map(n).get("name")) for found in _map(manifest.get("disabled")).values() for n in _list(found)
        }
        self._left_out = {i: raw for i, raw in self.raw.items() if self._is_left_out(i, raw)}
        self.raw = {i: raw for i, raw in self.raw.items() if i not in self._left_out}

    def nodes(self) -> Iterator[Node]:
        for unique_id, raw in self.raw.items():
            kind = _resource(unique_id, raw)
            if kind in {*TABLES, "exposure"}:
                yield self._node(unique_id, kind, raw)

    def _node(self, unique_id: str, kind: str, raw: Raw) -> Node:
        config = _map(raw.get("config"))
        return Node(
            id=unique_id,
            kind=kind,
            name=str(raw.get("name", unique_id)),
            dataset=self.dataset(unique_id),
            path=self._file(raw),
            code=_text(raw.get("compiled_code")) or _text(raw.get("raw_code")),
            owner=self._owner(raw),
            columns=tuple(_map(raw.get("columns"))),
            materialized=_text(config.get("materialized")),
        )

    def dataset(self, unique_id: str) -> DatasetRef | None:
        """The table of a node; None for what is not a table, ephemeral models among it."""
        raw = self.raw.get(unique_id, {})
        if _resource(unique_id, raw) not in TABLES or _map(raw.get("config")).get("materialized") == "ephemeral":
            return None
        name = raw.get("alias") or raw.get("identifier") or raw.get("name")
        return DatasetRef(namespace=str(raw.get("schema", "")), name=str(name)) if name else None

    def edges(self) -> Iterator[tuple[str, str]]:
        known = {i for i, raw in self.raw.items() if _resource(i, raw) in {*TABLES, "exposure"}}
        for child, raw in self.raw.items():
            if child in known:
                parents = dict.fromkeys(_texts(_map(raw.get("depends_on")).get("nodes")))
                yield from ((parent, child) for parent in parents if parent in known)

    def checks(self, results: Mapping[str, Raw]) -> Iterator[Check]:
        """Every declared test and freshness, and the unit tests that dbt ran."""
        for unique_id, raw in self.raw.items():
            resource = _resource(unique_id, raw)
            if resource == "test":
                yield self._test(unique_id, raw, results.get(unique_id, {}))
            elif resource == "unit_test" and unique_id in results:
                yield dbt_tests.compiled(self._check(unique_id, raw, {}), "unit test", "", None)
            elif resource == "source" and (dataset := self.dataset(unique_id)) is not None:
                if found := dbt_tests.freshness(unique_id, raw, dataset, self._file(raw)):
                    yield found

    def _test(self, unique_id: str, raw: Raw, result: Raw) -> Check:
        """A test as an entry of the catalogue; what has none goes through its compiled SQL."""
        metadata = _map(raw.get("test_metadata"))
        kwargs = _map(metadata.get("kwargs"))
        found = dbt_tests.entry(
            raw, metadata, kwargs, replaced=self._replaced(raw), parent=lambda text: self._parent(text, raw)
        )
        check, because = self._check(unique_id, raw, kwargs), found.because
        if unclear := dbt_tests.unclear_threshold(check):
            return dbt_tests.by_dbt(check, dbt_tests.called(metadata), unclear)
        if found.kind is not None and self._is_ephemeral(self._attached(raw, kwargs)):
            because = "its model is ephemeral, so that there is no table of it"
        elif found.kind is not None:
            check = dataclasses.replace(check, kind=found.kind, arguments=found.arguments)
            because = dbt_tests.usable(check)
            if not because:
                return check
        code = _text(raw.get("compiled_code")) or _text(result.get("compiled_code"))
        return dbt_tests.compiled(check, dbt_tests.called(metadata), because, code)

    def _replaced(self, raw: Raw) -> set[str]:
        """Macros that the project has its own of: those that a test calls, and all those of the project itself."""
        own = tuple(f"macro.{package}." for package in ("dbt", *dbt_tests.PACKAGES))
        called = {m for m in _texts(_map(raw.get("depends_on")).get("macros")) if not m.startswith(own)}
        return {macro.rsplit(".", 1)[-1] for macro in (*called, *self._macros)}

    def _check(self, unique_id: str, raw: Raw, kwargs: Raw) -> Check:
        config = _map(raw.get("config"))
        limit, on_fail = config.get("limit"), dbt_tests.on_fail(raw)
        return Check(
            id=unique_id,
            name=str(raw.get("name", unique_id)),
            dataset=self._tested(raw, kwargs),
            kind="dbt",
            column=_text(raw.get("column_name")) or _text(kwargs.get("column_name")),
            where=_text(config.get("where")),
            severity=str(config.get("severity") or "error").lower(),
            warn_if=_text(config.get("warn_if")) or "!= 0",
            error_if=_text(config.get("error_if")) or "!= 0",
            fail_calc=_text(config.get("fail_calc")) or "count(*)",
            blocking=on_fail != "warn",
            quarantine=on_fail == "quarantine",
            limit=int(limit) if isinstance(limit, int | str) and WHOLE.fullmatch(str(limit)) else None,
            source="dbt",
            declared_in=self._file(raw),
            stored_in=dbt_tests.stored_in(raw),
        )

    def _parent(self, expression: str, raw: Raw) -> DatasetRef | None:
        """The table that `to:` means; one that does not exist keeps its name, so that the check cannot be evaluated."""
        if (found := self._find(expression, raw)) is not None:
            return self.dataset(found)
        named = REF.search(expression) or SOURCE.search(expression)
        if named is None or named["name"] not in self._unresolved(raw):
            return None
        return DatasetRef(namespace=str(raw.get("schema", "")).removesuffix(AUDIT_SUFFIX), name=named["name"])

    def _tested(self, raw: Raw, kwargs: Raw) -> DatasetRef:
        """The table that a test is about; a singular test is about the one that is made from most others it reads."""
        named, parents = self._attached(raw, kwargs), _texts(_map(raw.get("depends_on")).get("nodes"))
        if named and (dataset := self.dataset(named)):
            return dataset
        above = sorted(self._upstream(named)) if named else []
        for candidate in [*self._last_first(above or parents), *parents]:
            if dataset := self.dataset(candidate):
                return dataset
        schema, missing = str(raw.get("schema", "")).removesuffix(AUDIT_SUFFIX), self._unresolved(raw)
        return DatasetRef(namespace=schema, name=missing[0] if missing else str(raw.get("alias") or raw.get("name")))

    def _attached(self, raw: Raw, kwargs: Raw) -> str | None:
        """The node that a generic test is written at."""
        return _text(raw.get("attached_node")) or self._find(str(kwargs.get("model", "")), raw)

    def _is_ephemeral(self, unique_id: str | None) -> bool:
        return _map(self.raw.get(unique_id or "", {}).get("config")).get("materialized") == "ephemeral"

    def _last_first(self, nodes: list[str]) -> list[str]:
        """The nodes, those first that most of the others go into; equal ones as they are named."""
        return sorted(nodes, key=lambda node: -len(self._upstream(node).intersection(nodes)))

    def _upstream(self, node: str) -> set[str]:
        """Everything that a node is made from, without itself."""
        found: set[str] = set()
        ahead = [node]
        while ahead:
            parents = _texts(_map(self.raw.get(ahead.pop(), {}).get("depends_on")).get("nodes"))
            ahead += [p for p in parents if p not in found]
            found.update(parents)
        return found

    def unresolved(self) -> Iterator[str]:
        """Tests on what does not exist: dbt leaves them out, and says so only in the run that parses their file."""
        for unique_id, raw in self.raw.items():
            if _resource(unique_id, raw) == "test" and (missing := self._unresolved(raw)):
                names = " and ".join(f"`{m}`" for m in missing)
                yield f"dbt never runs test `{raw.get('name')}` ({self._file(raw)}): it names {names}, which does not exist"

    def _is_left_out(self, unique_id: str, raw: Raw) -> bool:
        """Whether a test names what is disabled, and nothing that does not exist: dbt disables it too."""
        missing = self._unresolved(raw) if _resource(unique_id, raw) == "test" else []
        return bool(missing) and self._off.issuperset(missing)

    def left_out(self) -> Iterator[str]:
        """Tests of tables that are there which dbt leaves out, because something else that they name is disabled."""
        names = [
            str(raw.get("name")) for raw in self._left_out.values() if _texts(_map(raw.get("depends_on")).get("nodes"))
        ]
        if names:
            they = "it names" if len(names) == 1 else "they name"
            yield f"dbt leaves out {counted(len(names), 'test')}, because {they} what is disabled: {_some(names)}"

    def unknown_words(self) -> Iterator[str]:
        """Tests whose `on_fail` is none: they hold, as without one."""
        for unique_id, raw in self.raw.items():
            said = dbt_tests.on_fail(raw) if _resource(unique_id, raw) == "test" else None
            if said is not None and said not in dbt_tests.ON_FAIL:
                known = ", ".join(dbt_tests.ON_FAIL)
                yield f"`on_fail` of dbt test `{raw.get('name')}` ({self._file(raw)}) is `{said}`, which is none of {known}: it holds"

    def _unresolved(self, raw: Raw) -> list[str]:
        parents = [self.raw.get(p, {}) for p in _texts(_map(raw.get("depends_on")).get("nodes"))]
        names = {str(p.get("name")) for p in parents}
        refs, sources = raw.get("refs"), raw.get("sources")
        asked = [str(_map(r).get("name")) for r in refs if _map(r)] if isinstance(refs, list) else []
        asked += [str(s[-1]) for s in sources if isinstance(s, list) and s] if isinstance(sources, list) else []
        return [name for name in dict.fromkeys(asked) if name not in names]

    def _find(self, expression: str, raw: Raw) -> str | None:
        """The node that `ref(...)` or `source(...)` in an argument means, among those that the test depends on."""
        ref, source = REF.search(expression), SOURCE.search(expression)
        for parent in _texts(_map(raw.get("depends_on")).get("nodes")):
            node = self.raw.get(parent, {})
            if ref and not parent.startswith("source.") and node.get("name") == ref["name"]:
                return parent
            if source and (node.get("source_name"), node.get("name")) == (source["source"], source["name"]):
                return parent
        return None

    def _file(self, raw: Raw) -> str | None:
        path = _text(raw.get("original_file_path"))
        if path is None:
            return None
        package = str(raw.get("package_name", self._project))
        inner = PurePosixPath(path) if package == self._project else PurePosixPath("dbt_packages", package, path)
        return str(PurePosixPath(self._prefix) / inner)

    def _owner(self, raw: Raw) -> str | None:
        config = _map(raw.get("config"))
        said = _map(config.get("meta")).get("owner") or _map(raw.get("meta")).get("owner") or raw.get("owner")
        if not said:
            said = self._groups.get(str(config.get("group") or raw.get("group")), {}).get("owner")
        if isinstance(said, Mapping):
            said = said.get("email") or said.get("name")
        return _text(said[0] if isinstance(said, list) and said else said)

    def external(self) -> Iterator[str]:
        """Models that are files outside the database."""
        for unique_id, raw in self.raw.items():
            if _map(raw.get("config")).get("materialized") == "external":
                yield unique_id


def _notes(artifacts: Artifacts, results: Sequence[Raw], book: _Book, checks: Sequence[Check]) -> Iterator[str]:
    if artifacts.run_results and not results:
        yield "dbt executed 0 nodes"
    yield from book.unresolved()
    yield from book.left_out()
    executed = {str(r.get("unique_id")) for r in results}
    yield from _without_entry(checks)
    yield from book.unknown_words()
    checks = [c for c in checks if not dbt_tests.is_freshness(c)]
    missed = [c.name for c in checks if c.id not in executed]
    if artifacts.run_results and checks and len(missed) == len(checks):
        yield f"none of {counted(len(checks), 'declared dbt test')} was executed (`dbt {artifacts.command}`)"
    elif artifacts.run_results and missed:
        was = "was" if len(missed) == 1 else "were"
        yield f"{len(missed)} of {counted(len(checks), 'declared dbt test')} {was} not executed: {_some(missed)}"
    unbuilt = [str(r.get("unique_id")) for r in results if _status(r) == "skipped" and _kind(r) not in TESTS]
    if unbuilt:
        yield f"dbt did not build {counted(len(unbuilt), 'node')} because of what failed before them: {_some(unbuilt)}"
    external = list(book.external())
    if external:
        yield (
            f"{counted(len(external), 'model writes', 'models write')} files outside the version, which readers see at once and which cannot be"
            f" rolled back: {_some(external)}"
        )


def _without_entry(checks: Sequence[Check]) -> Iterator[str]:
    """Tests that Tidegate cannot evaluate by itself, by the reason why."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for check in checks:
        if because := check.arguments.get("because"):
            reasons.setdefault((check.kind, str(because)), []).append(check.name)
    for (kind, because), names in reasons.items():
        by = "by the SQL that dbt compiled" if kind == "compiled" else "by dbt alone"
        yield f"{counted(len(names), 'dbt test is', 'dbt tests are')} evaluated {by}, because {because}: {_some(names)}"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    return ", ".join(names[:NAMES_SHOWN]) + more


def _test_run(result: Raw) -> TestRun:
    failures = result.get("failures")
    return TestRun(
        id=str(result.get("unique_id")),
        status=_status(result),
        failures=int(failures) if isinstance(failures, int | float) else None,
        message=_text(result.get("message")),
    )


def _freshness_run(result: Raw) -> TestRun:
    """What `dbt source freshness` said of one source; `runtime error` is its word for what it could not tell."""
    status = _status(result)
    return TestRun(
        id=dbt_tests.freshness_id(str(result.get("unique_id"))),
        status=status if status in {"pass", "warn", "error"} else "error",
        failures=None,
        message=f"dbt source freshness: {result.get('error') or status}",
    )


def _results(run_results: Raw) -> list[Raw]:
    results = run_results.get("results")
    return [r for r in results if isinstance(r, Mapping)] if isinstance(results, list) else []


def _status(result: Raw) -> str:
    return str(result.get("status", "")).lower()


def _kind(result: Raw) -> str:
    return str(result.get("unique_id", "")).split(".", 1)[0]


def _resource(unique_id: str, raw: Raw) -> str:
    return str(raw.get("resource_type") or unique_id.split(".", 1)[0]).lower()


def _identity(path: Path) -> str | None:
    return _invocation(_document(path))


def _invocation(document: Raw) -> str | None:
    metadata = _map(document.get("metadata"))
    said = metadata.get("invocation_id") or metadata.get("generated_at")
    return str(said) if said else None


def _document(path: Path) -> Raw:
    """A JSON file; empty when it is missing or was cut off, as a killed dbt leaves it."""
    try:
        document = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return _map(document)


def _map(value: object) -> Raw:
    return value if isinstance(value, Mapping) else {}


def _text(value: object) -> str | None:
    return str(value) if value not in (None, "") else None


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _texts(value: object) -> list[str]:
    return [str(v) for v in value] if isinstance(value, list) else []


def selecting(manifest: Raw, tables: Sequence[DatasetRef]) -> tuple[str, ...]:
    """What selects these tables and everything below them, in dbt's words; a table that dbt does not know selects nothing."""
    book = _Book(manifest, ".")
    found = []
    for unique_id, raw in book.raw.items():
        if book.dataset(unique_id) in tables:
            words = _texts(raw.get("fqn"))
            named = (
                f"source:{raw.get('source_name')}.{raw.get('name')}"
                if unique_id.startswith("source.")
                else ".".join(words)
            )
            found.append(f"{named}+")
    return tuple(found)


def not_reached(artifacts: Artifacts) -> list[str]:
    """Incremental models that ran, and which a stretch of time does not reach, because they are not built in batches."""
    nodes = {k: _map(v) for k, v in _map(artifacts.manifest.get("nodes")).items()}
    names = [
        str(nodes[str(r.get("unique_id"))].get("name"))
        for r in _results(artifacts.run_results)
        if _status(r) == "success"
        and (config := _map(nodes.get(str(r.get("unique_id")), {}).get("config"))).get("materialized") == "incremental"
        and config.get("incremental_strategy") != "microbatch"
    ]
    if not names:
        return []
    why = "not built in batches, so dbt added to what is there: use `--full-refresh`, or `backfill_vars` of the step"
    return [f"the stretch of time does not reach {_some(names)}: {why}"]
