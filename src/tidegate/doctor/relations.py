"""Follow columns and their types through the models of a dbt project."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from sqlglot import exp

from tidegate.doctor import sql
from tidegate.doctor.dbt_project import DbtProject, Described, Node
from tidegate.doctor.sql import Columns, Sql
from tidegate.doctor.words import mapping


class Catalog:
    """The columns of a project's relations, each worked out once; a model that leads back to itself is not known."""

    def __init__(self, project: DbtProject) -> None:
        self._project = project
        self._made: dict[str, Columns] = {}
        self._sql: dict[str, Sql] = {}
        self._said: dict[str, Described] = {d.name: d for d in project.described if d.source is None}

    def sql(self, node: Node) -> Sql:
        """A node's SQL without its Jinja."""
        if node.path not in self._sql:
            self._sql[node.path] = sql.read(node.text, self._project.adapter)
        return self._sql[node.path]

    def columns(self, name: str) -> Columns:
        """The columns of a relation as it is named in SQL whose Jinja has been replaced."""
        if name not in self._made:
            self._made[name] = Columns()
            self._made[name] = self._find(name)
        return self._made[name]

    def of(self, node: Node) -> Columns:
        """The columns of a model, seed or snapshot."""
        return self.columns(f"{sql.REF_MARK}{node.name}")

    def selects(self, node: Node) -> Iterator[tuple[exp.Select, dict[str, Columns]]]:
        """Every SELECT of a model, with the columns of its tables."""
        return sql.selects(self.sql(node), self.columns)

    def _find(self, name: str) -> Columns:
        if name.startswith(sql.SOURCE_MARK):
            source, _, table = name.removeprefix(sql.SOURCE_MARK).partition("__of__")
            said = self._project.sources.get((source, table))
            return Columns(_declared(said), whole=False) if said else Columns()
        node = self._project.refable.get(name.removeprefix(sql.REF_MARK)) if name.startswith(sql.REF_MARK) else None
        if node is None:
            return Columns()
        declared = _declared(self._said.get(node.name))
        found = self._seed(node) if node.kind == "seed" else self._model(node)
        types = {
            **found.types,
            **{k: v for k, v in declared.items() if v is not None and (k in found.types or not found.whole)},
        }
        return Columns(types, found.whole)

    def _seed(self, node: Node) -> Columns:
        head = node.text.splitlines()[:1]
        said = mapping(node.config.get("column_types"))
        types = {str(k).lower(): sql.family(str(v)) for k, v in said.items()}
        delimiter = str(node.config.get("delimiter") or ",")
        if not head or len(delimiter) != 1:
            return Columns(types, whole=False)
        names = [n.strip().strip("\ufeff").lower() for n in next(csv.reader(io.StringIO(head[0]), delimiter=delimiter))]
        return Columns({n: types.get(n) for n in names}, whole=True)

    def _model(self, node: Node) -> Columns:
        if not node.path.endswith(".sql") and node.kind != "snapshot":
            return Columns()
        found = sql.columns(self.sql(node), self.columns)
        return Columns(found.types, found.whole and node.kind == "model")


def _declared(said: Described | None) -> dict[str, str | None]:
    if said is None:
        return {}
    return {name.lower(): sql.family(str(c["data_type"])) for name, _, c in said.columns if c.get("data_type")}
