"""Selection: which of the declared checks a person means."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from tidegate import lineage
from tidegate.errors import NothingCheckedError, UsageError
from tidegate.model import Check, DatasetRef, Node, Selectable, Selection

OWN_PACKAGE = "tidegate"
"""The package of what is declared outside dbt: `package:tidegate` selects it."""

NO_SELECTORS: Mapping[str, object] = MappingProxyType({})

COMPARED = re.compile(r"(?:^|[,+@\d])(?:state|result|source_status):")
"""The methods of dbt's selection that compare with an earlier state."""

SINGULAR = frozenset({"metric", "sql"})
"""Kinds of check that are a query of their own, as dbt's singular tests are."""


def choose(
    checks: Sequence[Check],
    nodes: Sequence[Node],
    selectables: Sequence[Selectable],
    asked: Selection,
    selectors: Mapping[str, object] = NO_SELECTORS,
) -> tuple[Check, ...]:
    """The checks that a selection means, in their order; all when it asks for nothing.

    None is an answer only where the selection compares with another state: nothing that has a check may differ from it.

    A check that dbt does not know is a test of its table: of the model, seed or source that makes the table, else of a
    table of that name.

    Raises:
        UsageError: a spec that cannot be understood.
        NothingCheckedError: it means none of them.
    """
    if not asked:
        return tuple(checks)
    if asked.indirect not in lineage.INDIRECT:
        raise UsageError(f"`{asked.indirect}` is no indirect selection", hint=f"one of {', '.join(lineage.INDIRECT)}")
    known = {s.id for s in selectables}
    own = [c for c in checks if c.id not in known]
    places = {str(n.dataset).casefold(): n.id for n in nodes if n.dataset is not None and n.id in known}
    tables = {f"table.{c.dataset}": c.dataset for c in own if str(c.dataset).casefold() not in places}
    everything = [*selectables, *(_table(i, ref) for i, ref in tables.items()), *_declared(own, places)]
    ids = lineage.select(everything, asked, selectors)
    chosen = tuple(c for c in checks if c.id in ids)
    if not chosen and not compares(asked, selectors):
        raise _nothing(len(checks), [s.kind for s in everything if s.id in ids], asked)
    return chosen


def compares(asked: Selection, selectors: Mapping[str, object] = NO_SELECTORS) -> bool:
    """Whether all that is selected is selected by what differs from another state, which may be nothing on a good day."""
    if asked.selector is not None:
        return _compares(lineage.find(selectors, asked.selector))
    return bool(asked.select) and all(COMPARED.search(part) for spec in asked.select for part in spec.split())


def _compares(said: lineage.Definition) -> bool:
    """Whether a definition means nothing but what differs: every part of a union, or one of an intersection."""
    if said.operation == "spec":
        return bool(COMPARED.search(said.spec))
    of = any if said.operation == "intersection" else all
    return bool(said.parts) and of(map(_compares, said.parts))


def _declared(checks: Sequence[Check], places: Mapping[str, str]) -> Iterator[Selectable]:
    for check in checks:
        yield Selectable(
            id=check.id,
            kind="test",
            name=check.name,
            fqn=(OWN_PACKAGE, check.dataset.namespace, check.dataset.name, word(check.name)),
            package=OWN_PACKAGE,
            folder="",
            path=(check.declared_in or check.source).partition(":")[0],
            tags=check.tags,
            config={"severity": check.severity, "on_fail": _on_fail(check), "tags": check.tags},
            test_name=check.kind.rpartition(".")[2],
            test_type="singular" if check.kind in SINGULAR else "generic",
            parents=(places.get(str(check.dataset).casefold(), f"table.{check.dataset}"),),
        )


def _on_fail(check: Check) -> str:
    """What `tidegate.yml` calls it."""
    if not check.blocking:
        return "warn"
    return "quarantine" if check.quarantine else "hold"


def _table(unique_id: str, ref: DatasetRef) -> Selectable:
    """A table that no dbt node stands for, such as one that only dlt loads."""
    fqn = (OWN_PACKAGE, ref.namespace, ref.name)
    return Selectable(id=unique_id, kind="table", name=ref.name, fqn=fqn, package=OWN_PACKAGE, folder="")


def word(name: str) -> str:
    """A check's name as one word, which a selection needs: `rule amount >= 0` is `rule_amount_0`."""
    return re.sub(r"\W+", "_", name).strip("_")


def _nothing(declared: int, kinds: Sequence[str], asked: Selection) -> NothingCheckedError:
    flags = (("select", asked.select), ("exclude", asked.exclude), ("selector", (asked.selector or "",)))
    said = " ".join(f"--{flag} {' '.join(specs)}" for flag, specs in flags if any(specs))
    of = f"none of the {declared} declared checks" if declared else "no check: none is declared"
    if "unit_test" in kinds:
        units = kinds.count("unit_test")
        hint = "unit tests test code and not data: run them with `dbt test`"
        return NothingCheckedError(f"`{said}` selects {of}, and {units} of dbt's unit tests", hint=hint)
    reached = f" ({len(kinds)} other nodes are selected, and none of them has a test)" if kinds else ""
    return NothingCheckedError(
        f"`{said}` selects {of}{reached}",
        hint="correct the selection; `dbt ls --resource-type test --select ...` lists what dbt would select",
    )
