"""Select: dbt's node selection over what a manifest and `tidegate.yml` declare, with dbt's answers."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from types import MappingProxyType
from typing import Final

from tidegate.errors import UsageError
from tidegate.lineage.definition import Definition, Selectors, find
from tidegate.lineage.match import any_part, is_glob_of, is_like, is_named
from tidegate.model import Selectable, Selection

SPEC: Final = re.compile(
    r"(?P<around>@)?(?P<parents>(?P<up>\d*)\+)?((?P<method>[\w.]+):)?(?P<value>.*?)(?P<children>\+(?P<down>\d*))?"
)
"""One spec: `@` or `N+` before, `method:` or nothing, a value, `+N` behind."""

TESTS: Final = frozenset({"test", "unit_test"})
NODES: Final = frozenset({"model", "seed", "snapshot", "test", "analysis", "operation", "sql_operation", "rpc"})
"""The kinds that a manifest keeps under `nodes`."""

RESOURCES: Final = NODES | frozenset(
    "source exposure metric semantic_model saved_query unit_test function macro doc group fixture".split()
)
INDIRECT: Final = ("eager", "cautious", "buildable", "empty")
NAMED: Final = frozenset({"exposure", "metric", "semantic_model", "saved_query", "unit_test"})
"""Methods that name things of that one kind."""

NO_SELECTORS: Final[Selectors] = MappingProxyType({})

Ids = AbstractSet[str]
Edges = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """One spec, understood: what it names, and how far up and down it goes (None: to the end)."""

    text: str
    method: str
    arguments: tuple[str, ...]
    value: str
    around: bool
    parents: bool
    up: int | None
    children: bool
    down: int | None


def read(text: str) -> Criterion:
    """Understand one spec.

    Raises:
        UsageError: it is none, or its method does not exist.
    """
    found = SPEC.fullmatch(text)
    if found is None or (found["around"] and found["children"]):
        raise UsageError(f"`{text}` selects nothing that dbt knows: `@` before and `+` behind exclude each other")
    method, *arguments = (found["method"] or _usual(found["value"])).split(".")
    if method not in METHODS:
        raise UsageError(f"`{text}`: there is no method `{method}`", hint=f"dbt's methods are {', '.join(METHODS)}")
    return Criterion(
        text=text,
        method=method,
        arguments=tuple(arguments),
        value=found["value"],
        around=bool(found["around"]),
        parents=bool(found["parents"]),
        up=int(found["up"]) if found["up"] else None,
        children=bool(found["children"]),
        down=int(found["down"]) if found["down"] else None,
    )


def _usual(value: str) -> str:
    """The method of a value that names none."""
    if "/" in value:
        return "path"
    return "file" if value.lower().endswith((".sql", ".py", ".csv")) else "fqn"


def select(nodes: Iterable[Selectable], asked: Selection, selectors: Selectors = NO_SELECTORS) -> frozenset[str]:
    """The ids that a selection means, macros left out: what `dbt ls` lists, of every kind.

    Tests of what is selected are selected too, as `asked.indirect` says. O(edges) for each spec.

    Args:
        selectors: the definitions of which `asked.selector` names one.

    Raises:
        UsageError: a spec that cannot be understood, or one that needs a state that was not given.
    """
    world = _World(nodes, asked)
    if asked.selector is not None:
        return frozenset(world.defined(find(selectors, asked.selector)))
    included = world.union(asked.select)[0] if asked.select else frozenset(world.nodes)
    return frozenset(included - world.union(asked.exclude)[0])


class _World:
    """The graph to select from. A pair of sets is what is selected, and what may be once all its parents are."""

    def __init__(self, nodes: Iterable[Selectable], asked: Selection) -> None:
        known: dict[str, Selectable] = {}
        for node in nodes:
            known[node.id] = _with_time(node, known.get(node.id))
        self.asked = asked
        self.macros = {i: n for i, n in known.items() if n.kind == "macro"}
        self.nodes = {i: n for i, n in known.items() if n.kind != "macro"}
        self.parents = {i: [p for p in n.parents if p in self.nodes] for i, n in self.nodes.items()}
        self.children: dict[str, list[str]] = defaultdict(list)
        for child, parents in self.parents.items():
            for parent in parents:
                self.children[parent].append(child)

    def union(self, specs: Sequence[str]) -> tuple[Ids, Ids]:
        parts = [self.intersection(spec) for words in specs for spec in words.split()]
        selected = frozenset[str]().union(*(s for s, _ in parts))
        maybe = frozenset[str]().union(*(s | m for s, m in parts))
        return self.completed(selected, maybe), maybe

    def intersection(self, spec: str) -> tuple[Ids, Ids]:
        parts = [self.criterion(read(text)) for text in spec.split(",")]
        selected = frozenset.intersection(*(frozenset(s) for s, _ in parts))
        maybe = frozenset.intersection(*(frozenset(s | m) for s, m in parts))
        return self.completed(selected, maybe), maybe

    def completed(self, selected: Ids, maybe: Ids) -> Ids:
        """With the tests that waited for the parents which another spec selected."""
        if self.asked.indirect not in {"cautious", "buildable"}:
            return selected
        enough = set(selected)
        if self.asked.indirect == "buildable":
            enough |= reach(selected, self.parents)
        ripe = (i for i in maybe if i in self.nodes and self.nodes[i].kind == "test")
        return selected | {i for i in ripe if set(self.nodes[i].parents) <= enough}

    def defined(self, said: Definition) -> Ids:
        """What a definition means; in it no test waits for what another part selects, as in dbt."""
        if said.operation == "spec":
            selected = frozenset(self.criterion(read(said.spec), indirect=said.indirect)[0])
        else:
            parts = [frozenset(self.defined(part)) for part in said.parts] or [frozenset[str]()]
            combine = frozenset[str].union if said.operation == "union" else frozenset[str].intersection
            selected = combine(*parts)
        return selected.difference(*map(self.defined, said.exclude))

    def criterion(self, spec: Criterion, *, indirect: str | None = None) -> tuple[Ids, Ids]:
        named = {n.id for n in METHODS[spec.method](self, spec)}
        found = set(named)
        if spec.around:
            below = named | reach(named, self.children)
            found |= below | reach(below, self.parents)
        if spec.parents:
            found |= reach(named, self.parents, spec.up)
        if spec.children:
            found |= reach(named, self.children, spec.down)
        return self.with_tests(found, indirect or self.asked.indirect)

    def with_tests(self, selected: set[str], indirect: str) -> tuple[Ids, Ids]:
        """The selected with their tests; apart from them the tests of which a parent is missing."""
        if indirect == "empty":
            return selected, frozenset()
        tests = {c for i in selected for c in self.children.get(i, ()) if self.nodes[c].kind in TESTS}
        if indirect == "eager":
            return selected | tests, frozenset()
        enough = set(selected)
        if indirect == "buildable":
            enough |= reach(selected, self.parents) | {i for i, n in self.nodes.items() if n.kind == "source"}
        whole = {t for t in tests if set(self.nodes[t].parents) <= enough}
        return selected | whole, tests - whole

    def of(self, *kinds: str) -> Iterator[Selectable]:
        """The nodes of some kinds, or all."""
        return (n for n in self.nodes.values() if not kinds or n.kind in kinds)

    @cached_property
    def own_paths(self) -> frozenset[str]:
        """The files of the project itself and their folders: a pattern for paths means one of these."""
        files = [p for n in self.nodes.values() if n.own for p in (n.path, n.patch_path) if p]
        return frozenset(part for file in dict.fromkeys(files) for part in any_part(file))

    @cached_property
    def changed_macros(self) -> Ids:
        """The macros that are not what they were, those that are new or gone among them."""
        before = {i: n for i, n in (self.asked.before or {}).items() if n.kind == "macro"}
        ids = {*before, *self.macros}
        same = {i for i in ids & before.keys() & self.macros.keys() if before[i].aspects == self.macros[i].aspects}
        return ids - same

    @cached_property
    def stale_macros(self) -> Ids:
        """The changed macros, and those that call one of them however far down."""
        callers: dict[str, list[str]] = defaultdict(list)
        for macro in self.macros.values():
            for called in macro.macros:
                callers[called].append(macro.id)
        return self.changed_macros | reach(self.changed_macros, callers)

    def uses_changed_macro(self, node: Selectable) -> bool:
        return not self.stale_macros.isdisjoint(node.macros)


def reach(start: Iterable[str], edges: Edges, depth: int | None = None) -> set[str]:
    """What can be reached in at most `depth` steps; the start itself only where it is reached."""
    found: set[str] = set()
    layer = set(start)
    while layer and depth != 0:
        layer = {other for i in layer for other in edges.get(i, ()) if other not in found}
        found |= layer
        depth = None if depth is None else depth - 1
    return found


def _fqn(world: _World, spec: Criterion) -> Iterator[Selectable]:
    for node in world.nodes.values():
        versioned = node.version is not None
        if node.kind == "source" or not node.fqn:
            continue
        if is_named(node.fqn, spec.value, versioned=versioned) or is_named(
            node.fqn[1:], spec.value, versioned=versioned
        ):
            yield node


def _tag(world: _World, spec: Criterion) -> Iterator[Selectable]:
    return (n for n in world.of() if any(is_like(tag, spec.value) for tag in n.tags))


def _group(world: _World, spec: Criterion) -> Iterator[Selectable]:
    return (n for n in world.of(*NODES, "metric") if n.group and is_like(n.group, spec.value))


def _access(world: _World, spec: Criterion) -> Iterator[Selectable]:
    return (n for n in world.of("model") if n.access == spec.value)


def _source(world: _World, spec: Criterion) -> Iterator[Selectable]:
    """`source`, `source.table` or `package.source.table`."""
    parts = spec.value.split(".")
    if len(parts) > 3:
        raise UsageError(f"`{spec.text}`: a source is `source`, `source.table` or `package.source.table`")
    source, table = (*parts, "*")[:2] if len(parts) < 3 else parts[1:]
    package = parts[0] if len(parts) == 3 else "*"
    for node in world.of("source"):
        if is_like(node.package, package) and is_like(node.source or "", source) and is_like(node.name, table):
            yield node


def _named(world: _World, spec: Criterion) -> Iterator[Selectable]:
    """`name` or `package.name` of the kind that the method is called after."""
    package, _, name = ("*." + spec.value if "." not in spec.value else spec.value).partition(".")
    return (n for n in world.of(spec.method) if is_like(n.package, package) and is_like(n.name, name))


def _path(world: _World, spec: Criterion) -> Iterator[Selectable]:
    """By file or folder, relative to the dbt project or to `tidegate.yml`; the YAML that describes a node counts too."""
    meant: dict[str, Ids] = {}
    for node in world.of():
        if node.folder not in meant:
            meant[node.folder] = {p for p in world.own_paths if is_glob_of(p, spec.value, node.folder)}
        if not meant[node.folder].isdisjoint(any_part(node.path)) or node.patch_path in meant[node.folder]:
            yield node


def _file(world: _World, spec: Criterion) -> Iterator[Selectable]:
    for node in world.of():
        name = node.path.rpartition("/")[2]
        if is_like(name, spec.value) or is_like(name.rpartition(".")[0] or name, spec.value):
            yield node


def _package(world: _World, spec: Criterion) -> Iterator[Selectable]:
    for node in world.of():
        if (node.own and node.folder) if spec.value == "this" else is_like(node.package, spec.value):
            yield node


def _config(world: _World, spec: Criterion) -> Iterator[Selectable]:
    for node in world.of(*NODES, "source"):
        value: object = node.config
        for key in spec.arguments:
            value = value.get(key, _MISSING) if isinstance(value, Mapping) else _MISSING
        if _is_set_to(value, spec):
            yield node


_MISSING: Final = object()


def _is_set_to(value: object, spec: Criterion) -> bool:
    """dbt's comparison: texts as they are but for the severity, `true` and `false` in any case; one of a list will do."""
    folded = spec.value.casefold()
    if isinstance(value, (list, tuple)):
        return any(_is_set_to(one, spec) for one in value)
    if isinstance(value, bool):
        return folded == str(value).casefold()
    if spec.arguments == ("severity",):
        return isinstance(value, str) and value.casefold() == folded
    return value == spec.value


def _test_name(world: _World, spec: Criterion) -> Iterator[Selectable]:
    return (n for n in world.of(*TESTS) if n.test_name is not None and is_like(n.test_name, spec.value))


TEST_TYPES: Final = {
    "generic": ("generic",),
    "schema": ("generic",),
    "singular": ("singular",),
    "data": ("generic", "singular"),
    "unit": ("unit",),
}


def _test_type(world: _World, spec: Criterion) -> Iterator[Selectable]:
    if spec.value not in TEST_TYPES:
        raise UsageError(f"`{spec.text}`: a test is of type {', '.join(TEST_TYPES)}")
    return (n for n in world.of(*TESTS) if n.test_type in TEST_TYPES[spec.value])


def _resource_type(world: _World, spec: Criterion) -> Iterator[Selectable]:
    if spec.value not in RESOURCES:
        raise UsageError(f"`{spec.text}`: there is no resource type `{spec.value}`", hint=f"one of {_list(RESOURCES)}")
    return world.of(spec.value)


def _list(words: Iterable[str]) -> str:
    return ", ".join(sorted(words))


def _version(world: _World, spec: Criterion) -> Iterator[Selectable]:
    if spec.value not in {"latest", "prerelease", "old", "none"}:
        raise UsageError(f"`{spec.text}`: a version is latest, prerelease, old or none")
    return (n for n in world.of("model") if _age(n) == spec.value)


def _age(node: Selectable) -> str:
    """How a model's version stands to its latest."""
    if node.version is None:
        return "none"
    if node.latest_version in (None, node.version):
        return "latest" if node.latest_version else ""
    return "prerelease" if _order(node.version) > _order(node.latest_version) else "old"


def _order(version: str | None) -> tuple[float, str]:
    """Numbers by their size, texts behind them by their letters."""
    text = version or ""
    return (float(text), "") if re.fullmatch(r"\d+(\.\d+)?", text) else (float("inf"), text)


CONTENT: Final = "contents"
STATES: Final = ("new", "old", "modified", "unmodified", "modified.macros")
PARTS: Final = ("body", "configs", "persisted_descriptions", "relation", "contract")
"""The sides of a node that `modified.SIDE` compares."""


def _state(world: _World, spec: Criterion) -> Iterator[Selectable]:
    if world.asked.before is None:
        raise UsageError(
            f"`{spec.text}` needs a manifest.json to compare with", hint="name its folder with `--state DIR`"
        )
    part = spec.value.removeprefix("modified.")
    if spec.value not in STATES and (part == spec.value or part not in PARTS):
        known = ", ".join([*STATES, *(f"modified.{p}" for p in PARTS)])
        raise UsageError(f"`{spec.text}`: there is no state `{spec.value}`", hint=f"one of {known}")
    for node in world.of():
        if node.aspects and _stands(world, node, world.asked.before.get(node.id), spec.value):
            yield node


def _stands(world: _World, node: Selectable, old: Selectable | None, state: str) -> bool:
    if state in {"new", "old"}:
        return (old is None) == (state == "new")
    if state == "modified.macros":
        return world.uses_changed_macro(node)
    if state in {"modified", "unmodified"}:
        return (_differs(node, old) or world.uses_changed_macro(node)) == (state == "modified")
    side = state.removeprefix("modified.")
    return side in node.aspects and (old is None or old.aspects.get(side) != node.aspects[side])


def _differs(node: Selectable, old: Selectable | None) -> bool:
    """Whether dbt calls it modified; a source, an exposure or a metric that is new is not."""
    if old is None:
        return node.kind in NODES or node.kind == "unit_test"
    if old.aspects.get("contract") != node.aspects.get("contract"):
        return True
    return old.aspects[CONTENT] != node.aspects[CONTENT]


def _result(world: _World, spec: Criterion) -> Iterator[Selectable]:
    if world.asked.results is None:
        raise UsageError(
            f"`{spec.text}` needs the results of an earlier run",
            hint="name the folder of its run_results.json with `--state DIR`",
        )
    results = world.asked.results
    return (n for n in world.of() if results.get(n.id) == spec.value)


FRESHER: Final = "fresher"


def _source_status(world: _World, spec: Criterion) -> Iterator[Selectable]:
    """Sources with a newer time than in the other state, or with a first one; of another status dbt selects nothing."""
    before, now = world.asked.loaded, [node for node in world.of("source") if node.loaded_at is not None]
    if before is None:
        raise UsageError(
            f"`{spec.text}` needs a sources.json to compare with", hint="name its folder with `--state DIR`"
        )
    if not now:
        raise UsageError(
            f"`{spec.text}` needs the freshness of the sources of the published version, and it has none",
            hint="let a step of tidegate.yml run `dbt source freshness`, which writes it to sources.json",
        )
    for node in now if spec.value == FRESHER else ():
        then = before.get(node.id)
        if then is None or _moment(node.loaded_at) > _moment(then):
            yield node


def _with_time(node: Selectable, same: Selectable | None) -> Selectable:
    """A node that two steps tell of: each may leave a manifest, only one of them asks for the freshness of sources."""
    if same is None or same.loaded_at is None or node.loaded_at is not None:
        return node
    return replace(node, loaded_at=same.loaded_at)


def _moment(text: str | None) -> datetime:
    found = datetime.fromisoformat(text or "")
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


METHODS: Final[Mapping[str, Callable[[_World, Criterion], Iterable[Selectable]]]] = {
    "fqn": _fqn,
    "tag": _tag,
    "path": _path,
    "file": _file,
    "source": _source,
    "package": _package,
    "config": _config,
    "test_name": _test_name,
    "test_type": _test_type,
    "resource_type": _resource_type,
    "state": _state,
    "result": _result,
    "source_status": _source_status,
    "group": _group,
    "access": _access,
    "version": _version,
    **dict.fromkeys(sorted(NAMED), _named),
}
"""dbt's methods."""
