"""Read a dbt project's files: its nodes, what its YAML describes, its tests, sources and packages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath

from tidegate.doctor.facts import Artifacts, Document, Loc, Project
from tidegate.doctor.words import Raw, entries, joined, mapping, texts, under

YAML = (".yml", ".yaml")
SNAPSHOT = re.compile(r"\{%-?\s*snapshot\s+(\w+)\s*-?%\}")
GENERIC = re.compile(r"\{%-?\s*test\s+(\w+)\s*\(")
CONFIG = re.compile(r"\{\{-?\s*config\s*\((.*?)\)\s*-?\}\}", re.DOTALL)
OPTION = re.compile(r"""(\w+)\s*=\s*(?:'([^']*)'|"([^"]*)"|(\[[^\]]*\])|(\{[^}]*\})|([^,\s)]+))""")
REF = re.compile(r"""\bref\s*\(\s*(?:['"](?P<package>[^'"]+)['"]\s*,\s*)?['"](?P<name>[^'"]+)['"]""")
SOURCE = re.compile(r"""\bsource\s*\(\s*['"](?P<source>[^'"]+)['"]\s*,\s*['"](?P<name>[^'"]+)['"]""")
JINJA_COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)
FOLDERS = {
    "model": (("model-paths", "source-paths"), "models"),
    "seed": (("seed-paths", "data-paths"), "seeds"),
    "snapshot": (("snapshot-paths",), "snapshots"),
    "test": (("test-paths",), "tests"),
    "analysis": (("analysis-paths",), "analyses"),
    "macro": (("macro-paths",), "macros"),
}
SECTIONS = {"models": "model", "seeds": "seed", "snapshots": "snapshot", "analyses": "analysis"}
MACRO_ONLY = frozenset(
    "dbt_utils dbt-utils dbt_expectations dbt-expectations dbt_date dbt-date codegen audit_helper audit-helper"
    " dbt_external_tables dbt-external-tables dbt_codegen metrics dbt_profiler spark_utils".split()
)
"""Packages that bring macros and tests but no models."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A model, seed, snapshot or singular test: where it is, and its own `config(...)` with the project's below it."""

    kind: str
    name: str
    path: str
    text: str
    config: Raw
    line: int = 1

    @property
    def is_enabled(self) -> bool:
        """Whether dbt builds it."""
        return str(self.config.get("enabled", True)).lower() != "false"

    @property
    def materialized(self) -> str:
        """How dbt builds it."""
        return str(self.config.get("materialized", "view"))

    @property
    def refs(self) -> frozenset[str]:
        """The names that it reads by `ref`."""
        return frozenset(m["name"] for m in REF.finditer(JINJA_COMMENT.sub("", self.text)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What a YAML file says about a node or a table of a source."""

    kind: str
    name: str
    path: str
    line: int
    content: Raw
    columns: tuple[tuple[str, int, Raw], ...]
    document: Document
    loc: Loc
    source: str | None = None
    group: Raw = field(default_factory=dict)

    def at(self, *loc: str | int) -> int:
        """The line of a part of the entry."""
        return self.document.line(*self.loc, *loc)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredTest:
    """A generic test as the YAML has it: `name` with its package, such as `dbt_utils.recency`."""

    name: str
    arguments: Raw
    config: Raw
    column: str | None
    owner: Described
    path: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """One entry of packages.yml: `name` as dbt calls it, `said` as it is written."""

    name: str
    said: Raw
    path: str
    line: int


@dataclass(frozen=True, kw_only=True)
class DbtProject:
    """One dbt project. Paths are relative to the folder that is looked at, `folder` is where `dbt_project.yml` is."""

    folder: str
    file: str
    document: Document
    nodes: tuple[Node, ...]
    described: tuple[Described, ...]
    properties: tuple[str, ...]
    generic: frozenset[str]
    packages: tuple[Package, ...]
    lock: tuple[Raw, ...] | None
    lock_path: str | None
    profiles: tuple[tuple[str, Document], ...]
    artifacts: Artifacts
    unit_tests: tuple[tuple[str, str], ...]
    exposures: tuple[Raw, ...]
    installed: bool

    @property
    def config(self) -> Raw:
        """What dbt_project.yml says."""
        return mapping(self.document.content)

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.config.get("name") or PurePosixPath(self.folder).name)

    def of(self, *kinds: str) -> Iterator[Node]:
        """Its nodes of these kinds."""
        yield from (n for n in self.nodes if n.kind in kinds)

    @cached_property
    def refable(self) -> Mapping[str, Node]:
        """Models, seeds and snapshots by name."""
        return {n.name: n for n in self.of("model", "seed", "snapshot")}

    @cached_property
    def sources(self) -> Mapping[tuple[str, str], Described]:
        """The tables of its sources."""
        return {(str(d.source), d.name): d for d in self.described if d.kind == "source"}

    @cached_property
    def tests(self) -> tuple[DeclaredTest, ...]:
        """The generic tests that its YAML declares."""
        return tuple(t for d in self.described for t in _tests(d))

    @property
    def brings_models(self) -> bool:
        """Whether a package may have models of its own, which this reading does not know."""
        return any(p.name.rpartition("/")[2] not in MACRO_ONLY for p in self.packages)

    @cached_property
    def adapter(self) -> str | None:
        """The type of the profile's target, or of its only type; None when nothing says it."""
        types = {str(o["type"]) for o in self.outputs.values() if o.get("type")}
        return types.pop() if len(types) == 1 else None

    @cached_property
    def outputs(self) -> Mapping[str, Raw]:
        """The targets of its profile, in whichever profiles.yml has it."""
        for _, document in self.profiles:
            profile = mapping(mapping(document.content).get(str(self.config.get("profile"))))
            if profile:
                return {k: mapping(v) for k, v in mapping(profile.get("outputs")).items()}
        return {}


def projects(project: Project) -> Iterator[DbtProject]:
    """Every dbt project of the tree."""
    files = sorted(p for p in project.tree.documents if PurePosixPath(p).name == "dbt_project.yml")
    found = [_project(project, file) for file in files if mapping(project.tree.documents[file].content)]
    local = {joined(p.folder, str(k.said["local"])) for p in found for k in p.packages if "local" in k.said}
    yield from (p for p in found if p.folder not in local)


def _project(project: Project, file: str) -> DbtProject:
    folder = str(PurePosixPath(file).parent)
    document = project.tree.documents[file]
    config = mapping(document.content)
    places = {kind: _places(config, folder, *said) for kind, said in FOLDERS.items()}
    documents = {
        p: d
        for p, d in project.tree.documents.items()
        if p.endswith(YAML) and any(under(p, place) for kind in places for place in places[kind])
    }
    described = tuple(x for p, d in documents.items() for x in _described(p, d))
    lock_path = joined(folder, "package-lock.yml")
    lock = project.document(lock_path)
    return DbtProject(
        folder=folder,
        file=file,
        document=document,
        nodes=tuple(_nodes(project, config, places, described)),
        described=described,
        properties=tuple(documents),
        generic=frozenset(
            name for p in _texts_in(project, places["test"] + places["macro"]) for name in GENERIC.findall(p)
        ),
        packages=tuple(_packages(project, folder)),
        lock=tuple(entries(mapping(lock.content).get("packages"))) if lock else None,
        lock_path=lock_path if lock else None,
        profiles=tuple((p, d) for p in _profiles(project, folder) if (d := project.document(p)) is not None),
        artifacts=project.artifacts.get(folder, Artifacts()),
        unit_tests=tuple(
            (str(u.get("name")), str(u.get("model")))
            for d in documents.values()
            for u in entries(mapping(d.content).get("unit_tests"))
        ),
        exposures=tuple(e for d in documents.values() for e in entries(mapping(d.content).get("exposures"))),
        installed=any(
            under(p, joined(folder, "dbt_packages")) or under(p, joined(folder, "dbt_modules"))
            for p in project.tree.present
        ),
    )


def _places(config: Raw, folder: str, keys: Sequence[str], default: str) -> list[str]:
    said = next((config[k] for k in keys if config.get(k)), [default])
    return [joined(folder, p) for p in texts(said)]


def _texts_in(project: Project, places: Sequence[str]) -> Iterator[str]:
    yield from (t for p, t in project.tree.texts.items() if p.endswith(".sql") and any(under(p, x) for x in places))


def _profiles(project: Project, folder: str) -> list[str]:
    """The profiles.yml files, the nearest first: dbt's own place, above it, then anywhere in the tree."""
    found = list(project.named("profiles.yml", "profiles.yaml", "profiles.ci.yml", "profiles.example.yml"))
    above = [joined(folder, "profiles.yml"), *(joined(str(p), "profiles.yml") for p in PurePosixPath(folder).parents)]
    return sorted(found, key=lambda p: (above.index(p) if p in above else len(above), p))


def _nodes(
    project: Project, config: Raw, places: Mapping[str, list[str]], described: Sequence[Described]
) -> Iterator[Node]:
    said = {(d.kind, d.name): mapping(d.content.get("config")) for d in described if d.source is None}
    for kind in ("model", "seed", "snapshot", "test"):
        for place in places[kind]:
            for path in project.tree.present if kind == "seed" else project.tree.texts:
                if under(path, place):
                    for node in _in_file(kind, path, project.text(path)):
                        base = _inherited(config, kind, node, place)
                        own = {**base, **_plain(said.get((node.kind, node.name), {})), **node.config}
                        yield Node(
                            kind=node.kind, name=node.name, path=path, text=node.text, config=own, line=node.line
                        )
    yaml_only = (d for d in described if d.kind == "snapshot" and d.content.get("relation"))
    for d in yaml_only:
        relation = str(d.content["relation"])
        text = f"select * from {{{{ {relation} }}}}"  # noqa: S608  it is read here, never executed
        yield Node(kind="snapshot", name=d.name, path=d.path, text=text, config=said[d.kind, d.name], line=d.line)


def _in_file(kind: str, path: str, text: str) -> Iterator[Node]:
    suffix, stem = PurePosixPath(path).suffix, PurePosixPath(path).stem
    if kind == "seed" and suffix == ".csv":
        yield Node(kind=kind, name=stem, path=path, text=text, config={})
    elif kind == "model" and suffix in {".sql", ".py"}:
        yield Node(kind=kind, name=stem, path=path, text=text, config=_own(text) if suffix == ".sql" else {})
    elif kind == "snapshot" and suffix == ".sql":
        for name in SNAPSHOT.findall(text):
            yield Node(kind=kind, name=name, path=path, text=text, config=_own(text))
    elif kind == "test" and suffix == ".sql" and "generic" not in PurePosixPath(path).parts:
        if not GENERIC.search(text):
            yield Node(kind=kind, name=stem, path=path, text=text, config=_own(text))


def _own(text: str) -> dict[str, object]:
    """What a node's own `config(...)` says, as texts; lists stay as they are written."""
    found: dict[str, object] = {}
    for call in CONFIG.finditer(JINJA_COMMENT.sub("", text)):
        for m in OPTION.finditer(call[1]):
            found[m[1]] = next((g for g in m.groups()[1:] if g is not None), "")
    return found


def _plain(said: Raw) -> dict[str, object]:
    return {str(k).removeprefix("+"): v for k, v in said.items()}


def _inherited(config: Raw, kind: str, node: Node, place: str) -> dict[str, object]:
    """What dbt_project.yml says of a node: the configuration of each folder on its way, the nearest last."""
    here = mapping(config.get({"test": "data_tests"}.get(kind, f"{kind}s")) or config.get(f"{kind}s"))
    inside = (
        PurePosixPath(node.path).relative_to(place) if under(node.path, place) and place != "." else PurePosixPath()
    )
    steps = [str(config.get("name")), *inside.with_suffix("").parts]
    found = _options(here)
    for step in steps:
        here = mapping(here.get(step))
        found |= _options(here)
    return found


def _options(said: Raw) -> dict[str, object]:
    plain = ("enabled", "materialized", "database", "schema", "severity")
    return {
        str(k).removeprefix("+"): v
        for k, v in said.items()
        if str(k).startswith("+") or (k in plain and not isinstance(v, Mapping))
    }


def _described(path: str, document: Document) -> Iterator[Described]:
    content = mapping(document.content)
    for section, kind in SECTIONS.items():
        for n, entry in enumerate(entries(content.get(section))):
            if entry.get("name"):
                yield _one(path, document, kind, entry, (section, n))
    for n, source in enumerate(entries(content.get("sources"))):
        for m, table in enumerate(entries(source.get("tables"))):
            if table.get("name"):
                yield _one(path, document, "source", table, ("sources", n, "tables", m), source)


def _one(
    path: str, document: Document, kind: str, entry: Raw, loc: tuple[str | int, ...], source: Raw | None = None
) -> Described:
    columns = tuple(
        (str(c.get("name")), document.line(*loc, "columns", n), c)
        for n, c in enumerate(entries(entry.get("columns")))
        if c.get("name")
    )
    return Described(
        kind=kind,
        name=str(entry["name"]),
        path=path,
        line=document.line(*loc),
        content=entry,
        columns=columns,
        document=document,
        loc=loc,
        source=str(source.get("name")) if source is not None else None,
        group=source or {},
    )


def _tests(d: Described) -> Iterator[DeclaredTest]:
    yield from _listed(d, d.content, (), None)
    for n, column in enumerate(entries(d.content.get("columns"))):
        yield from _listed(d, column, ("columns", n), str(column.get("name")))
    for n, version in enumerate(entries(d.content.get("versions"))):
        yield from _listed(d, version, ("versions", n), None)
        for m, column in enumerate(entries(version.get("columns"))):
            yield from _listed(d, column, ("versions", n, "columns", m), str(column.get("name")))


def _listed(d: Described, owner: Raw, loc: tuple[str | int, ...], column: str | None) -> Iterator[DeclaredTest]:
    for key in ("data_tests", "tests"):
        listed = owner.get(key)
        for n, test in enumerate(listed if isinstance(listed, list) else []):
            name, said = _named(test)
            if not name:
                continue
            config = {**_plain(mapping(said.get("config")))}
            config |= {
                k: said[k]
                for k in ("severity", "where", "error_if", "warn_if", "limit", "enabled", "fail_calc")
                if k in said
            }
            arguments = {
                k: v for k, v in {**said, **mapping(said.get("arguments"))}.items() if k not in {"config", "arguments"}
            }
            yield DeclaredTest(
                name=name,
                arguments=arguments,
                config=config,
                column=column or (str(arguments["column_name"]) if arguments.get("column_name") else None),
                owner=d,
                path=d.path,
                line=d.at(*loc, key, n),
            )


def _named(test: object) -> tuple[str, Raw]:
    if isinstance(test, str):
        return test, {}
    written = mapping(test)
    if written.get("test_name"):
        return str(written["test_name"]), written
    special = {"name", "description", "config", "arguments"}
    key = next((k for k in written if k not in special), None)
    return (
        ("", {})
        if key is None
        else (str(key), {**{k: v for k, v in written.items() if k in special}, **mapping(written[key])})
    )


def _packages(project: Project, folder: str) -> Iterator[Package]:
    for name in ("packages.yml", "dependencies.yml"):
        path = joined(folder, name)
        document = project.document(path)
        for n, entry in enumerate(entries(mapping(document.content).get("packages")) if document else []):
            said = next((str(entry[k]) for k in ("package", "git", "local", "tarball", "private") if entry.get(k)), "")
            if said and document is not None:
                yield Package(name=said.removesuffix(".git"), said=entry, path=path, line=document.line("packages", n))
